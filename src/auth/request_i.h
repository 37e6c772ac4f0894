/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request to the token endpoint. */
#ifndef SPFS_AUTH_REQUEST_I_H
#define SPFS_AUTH_REQUEST_I_H

#include "flow_i.h"
#include "reply_i.h"

/* Results of reply_parse, and those of spfs_http_perform (-ECONNRESET comes as -ENETUNREACH). Blocks; call
 * without locks. *ret is empty before, and the caller's afterwards in any case. */
int request_token(const struct account *a, const struct flow *flow, const struct credential *c,
                  struct spfs_http *http, struct spfs_op *op, struct reply *ret, struct spfs_reason *reason);

#endif
