/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose sign-in: the configuration, checked and copied, and the name of its file in the vault. Immutable once
 * made, so any thread reads it. */
#ifndef SPFS_AUTH_ACCOUNT_I_H
#define SPFS_AUTH_ACCOUNT_I_H

#include <spfs/auth/auth.h>

enum { DIGEST_TEXT = 33 }; /* 32 hexadecimal digits and NUL */

struct account {
    enum spfs_auth_kind kind;
    char *login_url, *tenant, *client_id, *scope;
    char *secret_file, *refresh_file, *vault_dir; /* or NULL */
    char key[DIGEST_TEXT];                        /* names the sign-in in the vault */
};

int account_init(struct account *a, const struct spfs_auth_config *config, struct spfs_reason *reason);
void account_done(struct account *a);

/* The first half of SHA-256: tells credentials apart without keeping them. */
void account_digest(const void *p, size_t n, char out[DIGEST_TEXT]);

/* A secret from a file: one line, white space around it cut off. 0; -ENOENT and the like, -EINVAL (empty,
 * binary, too long), -ENOMEM; reason names `key`, the configuration key of the path. */
int account_read_secret(const char *path, const char *key, struct spfs_secret *ret,
                        struct spfs_reason *reason);

#endif
