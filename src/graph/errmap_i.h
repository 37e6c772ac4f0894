/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP status, Graph error code and transport error → errno, once. Facts: contract sheet §12. */
#ifndef SPFS_GRAPH_ERRMAP_I_H
#define SPFS_GRAPH_ERRMAP_I_H

#include <spfs/http/http.h>
#include <spfs/json/json.h>

/* The error of a reply whose status is no success. body (may be NULL, or anything) holds the codes: the
 * innermost that is known counts, then the outer one, then the status; messages are never looked at. what
 * says in the reason what was to be done: "get the item". */
int errmap_reply(const struct spfs_http_head *head, const struct spfs_json *body, const char *what,
                 struct spfs_reason *reason);
/* The same without a reason or a head, for a part of a $batch. */
int errmap_status(int status, const struct spfs_json *body);
/* The error of a long-running action that has failed: body is what its monitor says; only codes tell. */
int errmap_failure(const struct spfs_json *body, const char *what, struct spfs_reason *reason);
/* Results of http and the governor in the words of model/remote.h. */
int errmap_transport(int err);

#endif
