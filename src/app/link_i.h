/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to the server: engine, governor, token, remote. The lower half of the stack, which commands that
 * ask the server without a mount use alone. */
#ifndef SPFS_APP_LINK_I_H
#define SPFS_APP_LINK_I_H

#include "config_i.h"
#include "paths_i.h"

#include <spfs/graph/graph.h>

struct spfs_link {
    struct spfs_http *http;
    struct spfs_governor *governor;
    struct spfs_token *token;
    struct spfs_remote *remote;
};

/* Zero it before. Starts the engine's thread only. paths: made already. On failure closed again. */
int spfs_link_open(struct spfs_link *l, const struct spfs_connection *c, const struct spfs_paths *paths,
                   struct spfs_reason *reason);
void spfs_link_stop(struct spfs_link *l); /* calls in progress end with -ESHUTDOWN */
void spfs_link_close(struct spfs_link *l);

/* For commands: finds the connection and its folders, and opens. */
int spfs_link_for_command(struct spfs_link *l, const char *name, struct spfs_reason *reason);

#endif
