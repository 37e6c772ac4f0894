/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mount: libfuse's low-level session over the vfs. Decodes a request, calls the vfs, replies.
 *
 * Life: new → mount (kernel mount, then threads: "serve" and libfuse's workers, "notify") → ended (unmounted
 * by somebody, or spfs_fuse_stop) → free. Requests come from libfuse's workers; each makes a struct spfs_op
 * on its stack, which a FUSE interrupt cancels. News of the vfs go to the kernel from the thread "notify"
 * only, since such a call waits in the kernel for requests that are in progress. Threads: new, mount, stop
 * and free from one thread. Lock: SPFS_RANK_NOTIFY (queue), SPFS_RANK_APP (start). */
#ifndef SPFS_FUSE_SESSION_H
#define SPFS_FUSE_SESSION_H

#include <spfs/vfs/vfs.h>

struct spfs_fuse;

struct spfs_fuse_config {
    struct spfs_vfs *vfs;   /* shares */
    const char *mountpoint; /* absolute */
    const char *source;     /* shown as the device of the mount, verbatim */
    const char *flags;      /* options of the kernel for this mount, "ro,nosuid,noatime"; NULL: none */
    bool allow_other;
    unsigned threads;      /* at most; 0: 64 */
    unsigned readahead_kb; /* readahead of the kernel, set when allowed (root); 0: 1024 */
    uint64_t op_ms;        /* deadline of one request; 0: 30 s */
};

int spfs_fuse_new(const struct spfs_fuse_config *config, struct spfs_fuse **ret, struct spfs_reason *reason);
/* Mounts, serves, and returns when the kernel's first request has been answered. On failure nothing stays
 * mounted. */
int spfs_fuse_mount(struct spfs_fuse *f, struct spfs_reason *reason);
/* Readable once the session has ended by itself (unmounted, connection aborted). */
int spfs_fuse_ended_fd(const struct spfs_fuse *f);
/* Minor device number of the mount (its major number is 0): the name of its connection. */
unsigned spfs_fuse_device(const struct spfs_fuse *f);
/* Waits, at most ms, until the kernel has been told of all changes so far: what a program looks up afterwards
 * is new. */
bool spfs_fuse_settle(struct spfs_fuse *f, uint64_t ms);
/* Unmounts if it still is mounted (also when busy: programs then see ENOTCONN) and ends all threads, within
 * about the deadline of one request. What the vfs calls must have been stopped before, so that waiting
 * requests end at once. */
void spfs_fuse_stop(struct spfs_fuse *f);
void spfs_fuse_free(struct spfs_fuse *f); /* stops */

#endif
