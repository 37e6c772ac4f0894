/* SPDX-License-Identifier: GPL-3.0-or-later */
/* opendir, readdir, readdirplus, releasedir.
 *
 * The kernel keeps the listings of settled libraries. For every name that comes or goes notify.c first drops
 * the entry, which waits for the readers that are in the directory at that moment, and then what was kept of
 * the folder's listing; positions keep older streams from adding to a newer one (vfs/dir.c). */
#include "ops_i.h"

#include <errno.h>

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct call c;
    struct spfs_vfs_dir *dir = NULL;
    call_begin(&c, req);
    bool cache = false;
    int err = spfs_vfs_opendir(c.vfs, &c.op, ino, &dir, &cache);
    struct spfs_vfs *vfs = c.vfs;
    call_end(&c);
    if (err) {
        reply_error(req, err);
        return;
    }
    fi->fh = (uintptr_t)dir;
    fi->cache_readdir = fi->keep_cache = cache;
    if (fuse_reply_open(req, fi) == -ENOENT)
        spfs_vfs_releasedir(vfs, dir); /* interrupted: nobody holds it */
}

struct listing {
    fuse_req_t req;
    char *buf;
    size_t size, used;
};

static bool add_plain(void *ctx, const char *name, const struct spfs_vfs_attr *attr, uint64_t next)
{
    struct listing *l = ctx;
    size_t n = fuse_add_direntry(l->req, l->buf + l->used, l->size - l->used, name, &attr->st, (off_t)next);
    if (n > l->size - l->used)
        return false;
    l->used += n;
    return true;
}

static bool add_plus(void *ctx, const char *name, const struct spfs_vfs_attr *attr, uint64_t next)
{
    struct listing *l = ctx;
    struct fuse_entry_param e;
    reply_entry_fill(&e, attr);
    size_t n = fuse_add_direntry_plus(l->req, l->buf + l->used, l->size - l->used, name, &e, (off_t)next);
    if (n > l->size - l->used)
        return false;
    l->used += n;
    return true;
}

static void list(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plain)
{
    SPFS_FREE char *buf = malloc(size);
    struct listing l = {.req = req, .buf = buf, .size = size};
    if (!buf) {
        reply_error(req, -ENOMEM);
        return;
    }
    struct call c;
    call_begin(&c, req);
    int err =
        spfs_vfs_readdir(c.vfs, &c.op, dir_of(fi), (uint64_t)off, plain, plain ? add_plain : add_plus, &l);
    call_end(&c);
    if (err && l.used == 0)
        reply_error(req, err);
    else /* what is there goes out; an error shows at the next call */
        fuse_reply_buf(req, buf, l.used);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)ino;
    list(req, size, off, fi, true);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)ino;
    list(req, size, off, fi, false);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct spfs_fuse *f = fuse_req_userdata(req);
    (void)ino;
    spfs_vfs_releasedir(f->vfs, dir_of(fi));
    reply_error(req, 0);
}
