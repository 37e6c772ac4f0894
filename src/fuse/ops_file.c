/* SPDX-License-Identifier: GPL-3.0-or-later */
/* open, read, release. A read replies from inside the vfs's callback, straight from the cache's map or a
 * download's buffer: the kernel's copy out of it is the only one. */
#include "ops_i.h"

#include <errno.h>

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct call c;
    struct spfs_vfs_file *file = NULL;
    bool keep_cache = false;
    call_begin(&c, req);
    int err = spfs_vfs_open(c.vfs, &c.op, ino, fi->flags, fuse_req_ctx(req)->pid, &file, &keep_cache);
    struct spfs_vfs *vfs = c.vfs;
    call_end(&c);
    if (err) {
        reply_error(req, err);
        return;
    }
    fi->fh = (uintptr_t)file;
    fi->keep_cache = keep_cache;
    if (fuse_reply_open(req, fi) == -ENOENT)
        spfs_vfs_release(vfs, file); /* interrupted: nobody holds it */
}

struct reading {
    struct call *call;
    bool replied;
};

static int answer(void *ctx, const struct iovec *iov, int n)
{
    struct reading *r = ctx;
    call_unhook(r->call);
    r->replied = true;
    if (n == 0)
        fuse_reply_buf(r->call->req, NULL, 0);
    else
        fuse_reply_iov(r->call->req, iov, n);
    return 0;
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct call c;
    struct reading r = {.call = &c};
    (void)ino;
    call_begin(&c, req);
    int err = off < 0 ? -EINVAL : spfs_vfs_read(c.vfs, &c.op, file_of(fi), (uint64_t)off, size, answer, &r);
    call_end(&c);
    if (!r.replied)
        reply_error(req, err ? err : -EIO);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct spfs_fuse *f = fuse_req_userdata(req);
    (void)ino;
    spfs_vfs_release(f->vfs, file_of(fi));
    reply_error(req, 0);
}
