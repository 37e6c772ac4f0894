/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes: a call whose answer can be lost after the service has done it. It is never repeated blindly. After
 * an unclear answer the place where the result must show is looked at, and the change's own judge says what
 * that means: it was made, it was not (then it is sent again), or something else has happened there. */
#ifndef SPFS_GRAPH_CHANGE_I_H
#define SPFS_GRAPH_CHANGE_I_H

#include "graph_i.h"

/* What is there after an unclear answer. */
struct sighting {
    struct graph_reply reply; /* holds item */
    struct spfs_item item;
    bool there;
    bool is_new; /* made since the change was begun, by the service's own clock */
};

struct change {
    struct graph_call call; /* once and bare are set by change_perform */
    struct spfs_ref at;     /* where the result shows: this item, or … */
    const char *name;       /* … the child of it with this name; NULL: the item */
    /* 1: it was made; 0: it was not; or an error, with its sentence in reason. */
    int (*judge)(const struct change *c, const struct sighting *now, struct spfs_reason *reason);
    const char *if_match; /* for judge; NULL: none */
    const void *want;     /* for judge */
};

/* Sends the change and gives the resulting item to cb, also when it comes by a monitor (202). A 404 is tried
 * once more after a moment: what has just been made is not seen everywhere at once. */
int change_perform(struct graph *g, struct spfs_op *op, struct change *c, spfs_item_cb *cb, void *ctx,
                   struct spfs_reason *reason);
/* since_ms (spfs_now_ms): when the change was begun. */
int change_look(struct graph *g, struct spfs_op *op, struct spfs_ref at, const char *name, uint64_t since_ms,
                struct sighting *ret, struct spfs_reason *reason);
void sighting_done(struct sighting *s);

/* copy.c. Follows a monitor to its end and gives the item it names, or otherwise ref, to cb. Its address is
 * pre-authenticated: no token goes there. -ENOENT: the monitor is gone. */
int monitor_follow(struct graph *g, struct spfs_op *op, const char *url, const char *what,
                   struct spfs_ref ref, spfs_item_cb *cb, void *ctx, struct spfs_reason *reason);

/* mutate.c. An upload of no bytes. */
int mutate_empty_file(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, spfs_item_cb *cb,
                      void *ctx, struct spfs_reason *reason);

#endif
