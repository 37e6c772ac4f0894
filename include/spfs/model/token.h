/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Access tokens as graph/ sees them; auth/ fills the table. */
#ifndef SPFS_MODEL_TOKEN_H
#define SPFS_MODEL_TOKEN_H

#include <spfs/base/op.h>
#include <spfs/base/str.h>

struct spfs_token;

struct spfs_token_ops {
    /* A token that is good for at least another minute; asks for a new one when needed (one refresh at a time
     * across threads and processes). rejected: the token the server has just refused with 401, or NULL; if
     * the one in memory is still that one, a new one is fetched. ret is the caller's (spfs_secret_done). 0;
     * -EKEYEXPIRED sign-in has ended; -EACCES refused (wrong secret, unknown app …); -ENETUNREACH,
     * -ETIMEDOUT, -EINTR; reason says what to do. */
    int (*get)(struct spfs_token *t, struct spfs_op *op, const struct spfs_secret *rejected,
               struct spfs_secret *ret, struct spfs_reason *reason);
    /* Is there a signed-in person (delegated), so that /me works? */
    bool (*is_delegated)(struct spfs_token *t);
    void (*free)(struct spfs_token *t);
};

struct spfs_token {
    const struct spfs_token_ops *ops;
};

#endif
