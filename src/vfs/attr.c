/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attributes: from the catalog's record to struct stat, and how long the kernel may believe them. */
#include "vfs_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct timespec to_timespec(int64_t ns)
{
    if (ns == SPFS_TIME_UNKNOWN)
        return (struct timespec){0};
    int64_t s = ns / 1000000000, rest = ns % 1000000000;
    if (rest < 0) {
        rest += 1000000000;
        s--;
    }
    return (struct timespec){.tv_sec = s, .tv_nsec = rest};
}

/* The kernel learns a file's attributes. True: it should not keep them, for readers of an older version are
 * there. */
static bool give(struct spfs_vfs *v, const struct spfs_node *n, uint64_t node)
{
    bool mixed = vfs_saw_content(v, n->ino, n->content);
    SPFS_LOCKED(&v->lock);
    v->given[vfs_slot(node) % VFS_GIVEN_SLOTS] = (struct vfs_given){node, n->size, n->content};
    return mixed;
}

static double timeout_of(struct spfs_vfs *v, const struct spfs_node *n)
{
    if (n->kind == SPFS_KIND_TENANT || n->kind == SPFS_KIND_SITE)
        return 60.0;
    return spfs_tree_is_complete(v->config.tree, n) ? VFS_LONG : VFS_UNSETTLED;
}

void vfs_fill_attr(struct spfs_vfs *v, const struct spfs_node *n, uint32_t view, struct spfs_vfs_attr *ret)
{
    bool dir = spfs_kind_is_dir(n->kind);
    memset(ret, 0, sizeof(*ret));
    ret->node = vfs_node_id(v, view, n->ino);
    ret->st.st_ino = (uint64_t)view << VFS_VIEW_SHIFT | n->ino;
    ret->st.st_mode = dir ? S_IFDIR | v->config.dir_mode : S_IFREG | v->config.file_mode;
    ret->st.st_nlink = dir ? 2 : 1;
    ret->st.st_uid = v->config.uid;
    ret->st.st_gid = v->config.gid;
    ret->st.st_blksize = (blksize_t)SPFS_BLOCK_SIZE;
    ret->st.st_mtim = to_timespec(n->mtime_ns != SPFS_TIME_UNKNOWN ? n->mtime_ns : n->btime_ns);
    ret->st.st_ctim = ret->st.st_atim = ret->st.st_mtim;
    if (!dir) {
        ret->st.st_size = (off_t)n->size;
        ret->st.st_blocks =
            (blkcnt_t)((n->size + 511) / 512); /* full also when cold, or cp and tar take it for sparse */
    }
    ret->entry_timeout = ret->attr_timeout = timeout_of(v, n);
    if (!dir && give(v, n, ret->node))
        ret->attr_timeout = 0;
}

int spfs_vfs_getattr(struct spfs_vfs *v, struct spfs_op *op, uint64_t node, struct spfs_vfs_file *file,
                     struct spfs_vfs_attr *ret)
{
    SPFS_FREE struct spfs_node *n = malloc(sizeof(*n));
    if (!n)
        return -ENOMEM;
    int err = spfs_op_check(op);
    if (!err)
        err = vfs_get(v, node, n);
    if (err)
        return err;
    /* An old reader must not learn the new size: the kernel would end its file there without asking. */
    if (file) {
        SPFS_LOCKED(&file->lock);
        if (file->content != n->content)
            return -ESTALE;
    }
    vfs_fill_attr(v, n, vfs_view(node), ret);
    return 0;
}
