/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this layer share. */
#ifndef SPFS_FUSE_I_H
#define SPFS_FUSE_I_H

#include <spfs/fuse/session.h>

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "notify_i.h"

struct spfs_fuse {
    struct spfs_vfs *vfs;
    struct fuse_session *se;
    struct spfs_notify *notify;
    char *mountpoint;
    char *options; /* for fusermount3 */
    unsigned max_threads;
    unsigned readahead_kb;
    uint64_t op_ms;
    unsigned minor;
    int ended_fd; /* eventfd */
    int abort_fd; /* of the kernel's control directory, -1 when there is none */
    pid_t guard;  /* 0 none */
    pthread_t serve;
    bool mounted, serving; /* owner's thread only */
    struct spfs_lock lock; /* SPFS_RANK_APP */
    struct spfs_cond changed;
    bool answered; /* guarded by: lock; INIT has been seen */
    bool ended;    /* guarded by: lock; the loop has returned */
};

/* One request: its op, and the hook through which a FUSE interrupt cancels it. */
struct call {
    fuse_req_t req;
    struct spfs_fuse *fuse;
    struct spfs_vfs *vfs;
    struct spfs_op op;
    bool hooked;
};
void call_begin(struct call *c, fuse_req_t req);
/* After its return no interrupt can reach the op any more. Comes before every reply, since a reply frees the
 * request. */
void call_unhook(struct call *c);
void call_end(struct call *c); /* unhooks if that was not done, and ends the op */

/* Replies: the one place where the sign of errors changes. Each ends the request. */
int reply_errno(int err); /* 0 or negative → what the kernel gets (positive) */
void reply_error(fuse_req_t req, int err);
void reply_entry(fuse_req_t req, int err, const struct spfs_vfs_attr *attr);
void reply_attr(fuse_req_t req, int err, const struct spfs_vfs_attr *attr);
void reply_entry_fill(struct fuse_entry_param *e, const struct spfs_vfs_attr *attr);

extern const struct fuse_lowlevel_ops spfs_fuse_ops;

#endif
