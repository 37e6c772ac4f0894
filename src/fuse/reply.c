/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies. Results are negative in the program and positive to libfuse: the sign flips here and nowhere else.
 */
#include "fuse_i.h"

#include <errno.h>

int reply_errno(int err)
{
    switch (err) {
    case 0:
        return 0;
    case -EAGAIN: /* means "poll again" to programs, which a blocking call never answers */
        return EBUSY;
    case -ESHUTDOWN:
    case -EBADMSG:
    case -EPROTO:
    case -ECONNRESET: /* words of sockets, not of files */
        return EIO;
    default:
        return err < 0 && err > -4096 ? -err : EIO;
    }
}

void reply_error(fuse_req_t req, int err)
{
    fuse_reply_err(req, reply_errno(err));
}

void reply_entry_fill(struct fuse_entry_param *e, const struct spfs_vfs_attr *attr)
{
    *e = (struct fuse_entry_param){
        .ino = attr->node,
        .generation = attr->generation,
        .attr = attr->st,
        .attr_timeout = attr->attr_timeout,
        .entry_timeout = attr->entry_timeout,
    };
}

void reply_entry(fuse_req_t req, int err, const struct spfs_vfs_attr *attr)
{
    struct fuse_entry_param e;
    if (err == -ENOENT && attr->entry_timeout > 0) { /* an absence that the kernel may remember */
        e = (struct fuse_entry_param){.ino = 0, .entry_timeout = attr->entry_timeout};
        fuse_reply_entry(req, &e);
    } else if (err) {
        reply_error(req, err);
    } else {
        reply_entry_fill(&e, attr);
        fuse_reply_entry(req, &e);
    }
}

void reply_attr(fuse_req_t req, int err, const struct spfs_vfs_attr *attr)
{
    if (err)
        reply_error(req, err);
    else
        fuse_reply_attr(req, &attr->st, attr->attr_timeout);
}
