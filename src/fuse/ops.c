/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of operations: attributes, look-up, extended attributes, start. Reading is in ops_file.c and
 * ops_dir.c.
 *
 * No look-up counts are kept: node ids are persistent, so a forget has nothing to free, and the look-up of
 * "." and ".." by node id works for ever (NFS file handles). Requests that would change something answer
 * EROFS. `access` is left out: the kernel checks modes itself. */
#include "ops_i.h"

#include <errno.h>
#include <string.h>

enum { MAX_WRITE = 1 << 20, XATTR_MAX = 64 << 10 };

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
    struct spfs_fuse *f = userdata;
    conn->want |=
        conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_EXPORT_SUPPORT |
                         FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_CACHE_SYMLINKS);
    /* Before it serves a read from its pages, the kernel looks whether its attributes are still good. While
     * readers of an old version are there, attributes get no timeout, so each read asks first, and those
     * readers hear ESTALE. */
    conn->want |= conn->capable & FUSE_CAP_AUTO_INVAL_DATA;
    conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
    conn->max_write = MAX_WRITE; /* also the limit of a read: libfuse derives max_pages from it */
    /* Readahead that waits for the server leaves threads for everything else, interrupts among it. */
    conn->max_background = f->max_threads > 4 ? f->max_threads - f->max_threads / 4 : 4;
    conn->congestion_threshold = conn->max_background - conn->max_background / 4;
    SPFS_LOCKED(&f->lock);
    f->answered = true;
    spfs_cond_broadcast(&f->changed);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct call c;
    struct spfs_vfs_attr attr = {0};
    call_begin(&c, req);
    int err = spfs_vfs_lookup(c.vfs, &c.op, parent, name, &attr);
    call_end(&c);
    reply_entry(req, err, &attr);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
    (void)ino;
    (void)nlookup;
    fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    (void)count;
    (void)forgets;
    fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct call c;
    struct spfs_vfs_attr attr = {0};
    call_begin(&c, req);
    int err = spfs_vfs_getattr(c.vfs, &c.op, ino, fi ? file_of(fi) : NULL, &attr);
    call_end(&c);
    reply_attr(req, err, &attr);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct spfs_fuse *f = fuse_req_userdata(req);
    struct statvfs st = {0};
    int err = spfs_vfs_statfs(f->vfs, ino ? ino : SPFS_NODE_ROOT, &st);
    if (err)
        reply_error(req, err);
    else
        fuse_reply_statfs(req, &st);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    struct spfs_fuse *f = fuse_req_userdata(req);
    if (size > XATTR_MAX)
        size = XATTR_MAX;
    SPFS_FREE char *value = size ? malloc(size) : NULL;
    if (size && !value) {
        reply_error(req, -ENOMEM);
        return;
    }
    ssize_t n = spfs_vfs_getxattr(f->vfs, ino, name, value, size);
    if (n < 0)
        reply_error(req, (int)n);
    else if (size == 0)
        fuse_reply_xattr(req, (size_t)n);
    else
        fuse_reply_buf(req, value, (size_t)n);
}

/* Never lists anything: rsync -X and cp -a would copy what is listed. */
static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    (void)ino;
    if (size == 0)
        fuse_reply_xattr(req, 0);
    else
        fuse_reply_buf(req, NULL, 0);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
                        int flags)
{
    struct spfs_fuse *f = fuse_req_userdata(req);
    (void)flags;
    reply_error(req, spfs_vfs_setxattr(f->vfs, ino, name, value, size));
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    (void)ino;
    (void)name;
    reply_error(req, -EROFS);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                       struct fuse_file_info *fi)
{
    (void)ino;
    (void)attr;
    (void)to_set;
    (void)fi;
    reply_error(req, -EROFS);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    (void)parent;
    (void)name;
    (void)mode;
    (void)rdev;
    reply_error(req, -EROFS);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)parent;
    (void)name;
    (void)mode;
    reply_error(req, -EROFS);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    (void)parent;
    (void)name;
    reply_error(req, -EROFS);
}

static void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
    (void)link;
    (void)parent;
    (void)name;
    reply_error(req, -EROFS);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
                      const char *newname, unsigned int flags)
{
    (void)parent;
    (void)name;
    (void)newparent;
    (void)newname;
    (void)flags;
    reply_error(req, -EROFS);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
    (void)ino;
    (void)newparent;
    (void)newname;
    reply_error(req, -EROFS);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *fi)
{
    (void)parent;
    (void)name;
    (void)mode;
    (void)fi;
    reply_error(req, -EROFS);
}

const struct fuse_lowlevel_ops spfs_fuse_ops = {
    .init = op_init,
    .lookup = op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .statfs = op_statfs,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .open = op_open,
    .read = op_read,
    .release = op_release,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .readdirplus = op_readdirplus,
    .releasedir = op_releasedir,
    .setxattr = op_setxattr,
    .removexattr = op_removexattr,
    .setattr = op_setattr,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_unlink,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .create = op_create,
};
