/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: /etc/spfs/spfs.conf, then $XDG_CONFIG_HOME/spfs/spfs.conf; $SPFS_CONFIG replaces both.
 *
 *   [connection NAME]   an account; names and keys are matched without regard to case
 *   [mount]             defaults of -o options
 *   [policy]            of the administrator's file only
 *
 * A later file overrides single keys of an earlier one. Unknown keys are noted, not refused: an older program
 * reads a newer file. A policy that this version cannot hold to is refused: it must not be ignored. */
#ifndef SPFS_APP_CONFIG_I_H
#define SPFS_APP_CONFIG_I_H

#include "options_i.h"

#include <limits.h>
#include <stdio.h>

/* The keys of a connection, in the order of their values. */
enum spfs_key {
    SPFS_KEY_TENANT,
    SPFS_KEY_CLIENT_ID,
    SPFS_KEY_AUTH,
    SPFS_KEY_CLIENT_SECRET_FILE,
    SPFS_KEY_CERTIFICATE_FILE,
    SPFS_KEY_PRIVATE_KEY_FILE,
    SPFS_KEY_REFRESH_TOKEN_FILE,
    SPFS_KEY_CLOUD,
    SPFS_KEY_LOGIN_URL,
    SPFS_KEY_GRAPH_URL,
    SPFS_KEY_CA_FILE,
    SPFS_KEY_PROXY,
    SPFS_KEY_SITES,
    SPFS_KEYS
};
extern const char *const spfs_key_names[SPFS_KEYS];

struct spfs_connection {
    struct spfs_connection *next;
    char *name;
    char *value[SPFS_KEYS]; /* NULL: not given */
};

struct spfs_setting {
    struct spfs_setting *next;
    char *name, *value, *where; /* where: "FILE line N", for messages */
};

struct spfs_config {
    struct spfs_connection *connections; /* in the order of the files */
    struct spfs_setting *mount, **mount_last;
    char *allowed_tenants;             /* policy; NULL: any */
    bool read_only;                    /* policy */
    bool found;                        /* at least one file was there */
    struct spfs_buf notes;             /* lines for the person: unknown keys, files that others can read */
    char looked_in[2 * PATH_MAX + 16]; /* the files, for messages */
};

/* Reads the files. 0 also when there are none. -EINVAL: "FILE line N: …". */
int spfs_config_load(struct spfs_config **ret, struct spfs_reason *reason);
void spfs_config_free(struct spfs_config *c);
SPFS_DEFINE_CLEANUP(struct spfs_config *, spfs_config_free, spfs_config_p)

/* The pieces, for tests. is_admin: [policy] counts. */
struct spfs_config *spfs_config_new(void);
int spfs_config_read(struct spfs_config *c, FILE *f, const char *file, bool is_admin,
                     struct spfs_reason *reason);

/* The connection by name, checked: complete, addresses allowed, tenant allowed. -ENOENT, -EINVAL, -EPERM with
 * what to do. */
int spfs_config_connection(struct spfs_config *c, const char *name, struct spfs_connection **ret,
                           struct spfs_reason *reason);
/* The connection that a web address belongs to: the one named, the only one, or the one whose tenant's name
 * is the host's. */
int spfs_config_for_url(struct spfs_config *c, const char *url, const char *name,
                        struct spfs_connection **ret, struct spfs_reason *reason);
/* [mount] into options. */
int spfs_config_apply(const struct spfs_config *c, struct spfs_options *o, struct spfs_reason *reason);

/* Addresses of a connection: given, or those of its cloud. NULL: no such cloud. Facts: Microsoft's list of
 * national clouds. */
const char *spfs_connection_login_url(const struct spfs_connection *c);
const char *spfs_connection_graph_url(const struct spfs_connection *c);

#endif
