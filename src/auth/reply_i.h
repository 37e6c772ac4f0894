/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the token endpoint said (contract sheet §2.2, §2.9), as a token or as an errno with a sentence. */
#ifndef SPFS_AUTH_REPLY_I_H
#define SPFS_AUTH_REPLY_I_H

#include "account_i.h"

struct reply {
    struct spfs_secret access, refresh; /* refresh: none unless a new one came */
    uint64_t life_ms;
    bool answered;          /* there was a reply, whatever it said */
    int64_t retry_after_ms; /* -1: not said */
};
void reply_done(struct reply *r);

/* 0; -EKEYEXPIRED: the sign-in of the person has ended; -EACCES: refused; -ENETUNREACH: busy, try again;
 * -EIO: not a reply of this endpoint; -ENOMEM. *ret is empty before, and the caller's afterwards in any case.
 */
int reply_parse(const struct account *a, const struct spfs_http_head *head, const char *body, size_t len,
                struct reply *ret, struct spfs_reason *reason);

#endif
