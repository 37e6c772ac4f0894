/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel must drop, from whoever learned it to the one thread that tells the kernel.
 *
 * Why a thread of its own: such a call waits in the kernel for the lock of the directory, or of a page, that
 * a request in progress holds; so nothing that serves requests may make it. Bounded: past `max` queued
 * entries all but names lost from the root are dropped and `coarse` is called instead once, before those.
 * Threads: drop from any; the sink is called from the thread "notify", without locks. Lock: SPFS_RANK_NOTIFY.
 */
#ifndef SPFS_FUSE_NOTIFY_I_H
#define SPFS_FUSE_NOTIFY_I_H

#include <spfs/vfs/vfs.h>

struct spfs_notify;

struct spfs_notify_sink {
    void (*inode)(void *ctx, uint64_t node, bool content); /* attributes, and with content the pages too */
    void (*entry)(void *ctx, uint64_t parent, const char *name);
    void (*deleted)(void *ctx, uint64_t parent, uint64_t node, const char *name);
    void (*coarse)(void *ctx); /* anything may have changed */
};

int spfs_notify_new(const struct spfs_notify_sink *sink, void *ctx, size_t max, struct spfs_notify **ret);
int spfs_notify_start(struct spfs_notify *n);
void spfs_notify_drop(void *n,
                      const struct spfs_vfs_drop *drop); /* a spfs_vfs_listener's; never blocks for long */
/* The same: tells the kernel at once, on the caller's thread; attributes only, which waits for nothing. */
void spfs_notify_forget(void *n, uint64_t node);
/* Waits until all that was dropped so far has been told; false after ms, or when stopping. */
bool spfs_notify_drain(struct spfs_notify *n, uint64_t ms);
/* Forgets what is queued and ends the thread. False when it still sits in a call of the sink after ms: call
 * again. */
bool spfs_notify_stop(struct spfs_notify *n, uint64_t ms);
void spfs_notify_free(struct spfs_notify *n); /* stopped, or never started */

#endif
