/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing in: fills model/token.h from the token endpoint of Microsoft Entra ID. Facts: contract sheet §2.
 *
 * Access tokens live in memory and, where there is a vault directory, in one 0600 file per (login host,
 * tenant, client id, account, scope), shared by all mounts and processes: whoever needs a new token takes the
 * file's lock, looks whether another one has fetched it meanwhile, and asks only then. A rotated refresh
 * token is on disk before the old one is forgotten. Credentials are read anew for every request, so a new
 * secret file takes effect without a restart.
 *
 * When the endpoint cannot be reached, or is busy, the token stays in use while it lasts, and the next
 * attempt waits a little longer each time (Retry-After is obeyed). A refusal is remembered for some seconds,
 * or until the credential changes. */
#ifndef SPFS_AUTH_AUTH_H
#define SPFS_AUTH_AUTH_H

#include <spfs/http/http.h>
#include <spfs/model/token.h>

enum spfs_auth_kind {
    SPFS_AUTH_SECRET,  /* the app itself (client credentials), by a secret in secret_file */
    SPFS_AUTH_REFRESH, /* a person who has signed in before: refresh token in the vault, or given in
                          refresh_file */
};

/* All strings are copied. */
struct spfs_auth_config {
    enum spfs_auth_kind kind;
    const char *login_url; /* scheme://host[:port], no path */
    const char *graph_url; /* likewise; the scope is made of it */
    const char *tenant;    /* id or domain; REFRESH also "organizations", "common" */
    const char *client_id;
    const char *account;      /* REFRESH: who, to tell several people of one app apart; NULL allowed */
    const char *scope;        /* NULL: graph_url/.default (and offline_access for a person) */
    const char *secret_file;  /* SECRET: needed. REFRESH: only for a confidential app */
    const char *refresh_file; /* REFRESH: a first refresh token; NULL: the vault must hold one. When its
                                 content changes, it is taken up */
    const char *vault_dir;    /* made 0700 when missing; NULL: nothing is kept on disk */
};

/* Checks the configuration and reads nothing; http is shared and must outlive the token.
 * 0; -EINVAL (reason names the key), -EPERM (login_url is not allowed), -ENOMEM. */
int spfs_auth_new(const struct spfs_auth_config *config, struct spfs_http *http, struct spfs_token **ret,
                  struct spfs_reason *reason);

/* Removes what the vault holds for this sign-in (disconnect). 0 also when there was nothing. */
int spfs_auth_forget(const struct spfs_auth_config *config, struct spfs_reason *reason);

#endif
