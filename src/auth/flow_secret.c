// SPDX-License-Identifier: GPL-3.0-or-later
/* Client credentials with a secret (contract sheet §2.6): the app signs in as itself. No refresh token: it
 * asks again. */
#include "flow_i.h"

#include <errno.h>

static int load(const struct account *a, const struct record *r, struct credential *ret,
                struct spfs_reason *reason)
{
    (void)r;
    int err = account_read_secret(a->secret_file, "client_secret_file", &ret->secret, reason);
    if (err)
        return err == -ENOMEM ? err : -EACCES;
    account_digest(ret->secret.data, ret->secret.len, ret->digest);
    return 0;
}

static int form(const struct account *a, const struct credential *c, struct spfs_buf *b)
{
    (void)a;
    int err = flow_add(b, "grant_type", "client_credentials");
    return err ? err : flow_add(b, "client_secret", c->secret.data);
}

const struct flow flow_secret = {.delegated = false, .load = load, .form = form};
