// SPDX-License-Identifier: GPL-3.0-or-later
/* A person who has signed in (contract sheet §2.5): the refresh token of the vault, or the one of
 * refresh_file when that has changed since it was last taken up (which is how a reconnect from outside
 * reaches a running mount). */
#include "flow_i.h"

#include <errno.h>
#include <string.h>

static int load(const struct account *a, const struct record *r, struct credential *ret,
                struct spfs_reason *reason)
{
    int err = 0;
    if (a->secret_file)
        err = account_read_secret(a->secret_file, "client_secret_file", &ret->secret, reason);
    if (err)
        return err == -ENOMEM ? err : -EACCES;
    spfs_copy(ret->seed, sizeof(ret->seed), r->seed);
    if (a->refresh_file) {
        struct spfs_secret given = {0};
        char seed[DIGEST_TEXT];
        err = account_read_secret(a->refresh_file, "refresh_token_file", &given, reason);
        if (err && (err == -ENOMEM || !r->refresh.data))
            return err == -ENOMEM ? err : -EACCES;
        if (!err) {
            account_digest(given.data, given.len, seed);
            if (!r->refresh.data || strcmp(seed, r->seed) != 0) {
                ret->refresh = given;
                spfs_copy(ret->seed, sizeof(ret->seed), seed);
            } else {
                spfs_secret_done(&given);
            }
        }
    }
    if (!ret->refresh.data && !r->refresh.data)
        return spfs_fail(reason, -EKEYEXPIRED,
                         "Nobody has signed in to %s with this connection yet; run spfs connect.", a->tenant);
    if (!ret->refresh.data)
        err = spfs_secret_set(&ret->refresh, r->refresh.data, r->refresh.len);
    if (ret->refresh.data)
        account_digest(ret->refresh.data, ret->refresh.len, ret->digest);
    return ret->refresh.data ? 0 : err;
}

static int form(const struct account *a, const struct credential *c, struct spfs_buf *b)
{
    (void)a;
    int err = flow_add(b, "grant_type", "refresh_token");
    if (!err)
        err = flow_add(b, "refresh_token", c->refresh.data);
    if (!err && c->secret.data)
        err = flow_add(b, "client_secret", c->secret.data);
    return err;
}

const struct flow flow_refresh = {.delegated = true, .load = load, .form = form};
