/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-up: the catalog first; the server only when the catalog cannot know. */
#include "vfs_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void vfs_remember_view(struct spfs_vfs *v, uint32_t view, uint32_t drive)
{
    SPFS_LOCKED(&v->lock);
    for (size_t i = 0; i < v->views_n; i++)
        if (v->views[i].number == view)
            return;
    if (v->views_n < VFS_VIEWS_MAX)
        v->views[v->views_n++] = (struct vfs_view){view, drive};
}

int vfs_show(struct spfs_vfs *v, struct spfs_op *op, struct spfs_node *child, uint32_t *view)
{
    if (child->kind != SPFS_KIND_REMOTE)
        return 0;
    uint32_t own = child->view;
    SPFS_FREE struct spfs_node *target = malloc(sizeof(*target));
    if (!target)
        return -ENOMEM;
    int err;
    if (op)
        err = spfs_tree_follow(v->config.tree, op, child, target, NULL);
    else
        err = child->target ? spfs_catalog_get(v->config.catalog, child->target, target) : -ENOENT;
    if (err)
        return err;
    if (own >= VFS_VIEWS_MAX)
        return -ELOOP; /* more shortcuts than node ids have room to tell apart in our table */
    *child = *target;
    *view = own;
    vfs_remember_view(v, own, child->drive);
    return 0;
}

/* The name in dir, asking the server where absence is not known. *ret_sure: absence may be believed. */
static int find(struct spfs_vfs *v, struct spfs_op *op, const struct spfs_node *dir, const char *name, struct spfs_node *ret, bool *ret_exact,
                bool *ret_sure)
{
    struct spfs_catalog *c = v->config.catalog;
    int err = spfs_catalog_lookup(c, dir->ino, name, ret, ret_exact);
    *ret_sure = false;
    if (err != -ENOENT)
        return err;
    if (spfs_tree_is_complete(v->config.tree, dir)) {
        *ret_sure = true;
        return err;
    }
    err = spfs_tree_ensure(v->config.tree, op, dir, NULL);
    if (!err)
        err = spfs_catalog_lookup(c, dir->ino, name, ret, ret_exact);
    if (err == -ENOENT && !(err = spfs_tree_probe(v->config.tree, op, dir, name)))
        err = spfs_catalog_lookup(c, dir->ino, name, ret, ret_exact);
    if (err == -ENOENT)
        *ret_sure = spfs_tree_is_complete(v->config.tree, dir);
    return err;
}

int spfs_vfs_lookup(struct spfs_vfs *v, struct spfs_op *op, uint64_t parent, const char *name, struct spfs_vfs_attr *ret)
{
    SPFS_FREE struct spfs_node *dir = malloc(sizeof(*dir));
    SPFS_FREE struct spfs_node *child = malloc(sizeof(*child));
    if (!dir || !child)
        return -ENOMEM;
    memset(ret, 0, sizeof(*ret));
    if (strlen(name) >= SPFS_NAME_SIZE)
        return -ENAMETOOLONG;
    int err = vfs_get(v, parent, dir);
    if (err)
        return err;
    if (!spfs_kind_is_dir(dir->kind))
        return -ENOTDIR;
    spfs_tree_touch(v->config.tree, dir->drive);
    bool exact = true, sure = false;
    err = find(v, op, dir, name, child, &exact, &sure);
    if (err == -ENOENT) {
        ret->entry_timeout = sure ? VFS_LONG : dir->kind == SPFS_KIND_TENANT || dir->kind == SPFS_KIND_SITE ? 30.0 : VFS_UNSETTLED;
        return err;
    }
    uint32_t view = vfs_view(parent);
    if (!err)
        err = vfs_show(v, op, child, &view);
    if (err)
        return err;
    vfs_fill_attr(v, child, view, ret);
    if (!exact)
        ret->entry_timeout = 1.0; /* an alias in other case: nobody would announce its end */
    return 0;
}
