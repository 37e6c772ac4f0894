/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole stack of one mount. */
#ifndef SPFS_APP_COMPOSE_I_H
#define SPFS_APP_COMPOSE_I_H

#include "link_i.h"

#include <spfs/fuse/session.h>

struct spfs_control;

struct spfs_stack_config {
    const struct spfs_connection *connection; /* borrows until the stack is closed, as all of these */
    const struct spfs_options *options;
    const struct spfs_paths *paths;
    const struct spfs_source *source;
    const char *source_text; /* SOURCE as typed */
    const char *mountpoint;  /* absolute */
};

struct spfs_stack {
    const struct spfs_stack_config *config;
    struct spfs_link link;
    struct spfs_catalog *catalog;
    struct spfs_blocks *blocks;
    struct spfs_tree *tree;
    struct spfs_fetch *fetch;
    struct spfs_vfs *vfs;
    struct spfs_fuse *fuse;
    struct spfs_control *control;
    uint64_t root;
    uint64_t started_ms;
};

/* Builds and starts everything, lowest layer first; returns when the mount answers. On failure all is closed
 * again. */
int spfs_stack_open(struct spfs_stack *s, const struct spfs_stack_config *config, struct spfs_reason *reason);
/* Ends and frees everything in reverse order, in bounded time. */
void spfs_stack_close(struct spfs_stack *s);

#endif
