/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A way to ask the token endpoint: one file each. A flow reads its credential anew for every request and
 * writes the form; the rest (locks, vault, reply, errors) is the same for all. Flows that need a person end
 * by putting a refresh token into the vault, from where flow_refresh goes on. */
#ifndef SPFS_AUTH_FLOW_I_H
#define SPFS_AUTH_FLOW_I_H

#include "record_i.h"

struct credential {
    struct spfs_secret secret;  /* of the app; none for a public app */
    struct spfs_secret refresh; /* REFRESH */
    char
        digest[DIGEST_TEXT]; /* changes with the credential: a token asked for with another one is not used */
    char seed[DIGEST_TEXT];  /* see struct record */
};
void credential_done(struct credential *c);

struct flow {
    bool delegated;
    /* *ret is empty before, and the caller's afterwards in any case. -EACCES: cannot be read; -EKEYEXPIRED:
     * nobody has signed in; -ENOMEM. */
    int (*load)(const struct account *a, const struct record *r, struct credential *ret,
                struct spfs_reason *reason);
    /* The form without client_id and scope. 0, -ENOMEM, -EFBIG. */
    int (*form)(const struct account *a, const struct credential *c, struct spfs_buf *form);
};

extern const struct flow flow_secret;
extern const struct flow flow_refresh;

/* "&name=value", encoded. */
int flow_add(struct spfs_buf *form, const char *name, const char *value);

#endif
