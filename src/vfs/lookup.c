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
static int find(struct spfs_vfs *v, struct spfs_op *op, const struct spfs_node *dir, const char *name,
                struct spfs_node *ret, bool *ret_exact, bool *ret_sure)
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

/* The folder above a node, as NFS asks for it. Above the target of a shortcut lies the folder that the
 * shortcut is in. */
static int find_above(struct spfs_vfs *v, uint64_t node, const struct spfs_node *dir, struct spfs_node *ret,
                      uint32_t *ret_view)
{
    uint32_t view = vfs_view(node);
    SPFS_FREE struct spfs_node *shortcut = malloc(sizeof(*shortcut));
    if (!shortcut)
        return -ENOMEM;
    *ret = *dir;
    *ret_view = view;
    if (node == SPFS_NODE_ROOT)
        return 0;
    uint64_t above = dir->parent;
    if (view && spfs_catalog_view(v->config.catalog, view, shortcut) == 0 && shortcut->target == dir->ino) {
        above = shortcut->parent;
        *ret_view = 0;
    }
    int err = spfs_catalog_get(v->config.catalog, above, ret);
    return err == -ENOENT ? -ESTALE : err;
}

static int lookup_dot(struct spfs_vfs *v, uint64_t node, const struct spfs_node *dir, bool above,
                      struct spfs_node *child, struct spfs_vfs_attr *ret)
{
    uint32_t view = vfs_view(node);
    *child = *dir;
    int err = above ? find_above(v, node, dir, child, &view) : 0;
    if (!err)
        vfs_fill_attr(v, child, view, ret);
    return err;
}

/* More than the 255 UTF-16 units that a name can have on the server? A character of four bytes is two of
 * them. */
static bool is_too_long(const char *name)
{
    size_t units = 0;
    for (const char *p = name; *p; p++)
        units += ((unsigned char)*p & 0xC0) == 0x80 ? 0 : (unsigned char)*p >= 0xF0 ? 2 : 1;
    return units > 255 || strlen(name) >= SPFS_NAME_SIZE;
}

int spfs_vfs_lookup(struct spfs_vfs *v, struct spfs_op *op, uint64_t parent, const char *name,
                    struct spfs_vfs_attr *ret)
{
    SPFS_FREE struct spfs_node *dir = malloc(sizeof(*dir));
    SPFS_FREE struct spfs_node *child = malloc(sizeof(*child));
    if (!dir || !child)
        return -ENOMEM;
    memset(ret, 0, sizeof(*ret));
    if (is_too_long(name))
        return -ENAMETOOLONG;
    int err = vfs_get(v, parent, dir);
    if (err)
        return err;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return lookup_dot(v, parent, dir, name[1] == '.', child, ret);
    if (!spfs_kind_is_dir(dir->kind))
        return -ENOTDIR;
    spfs_tree_touch(v->config.tree, dir->drive);
    bool exact = true, sure = false;
    err = find(v, op, dir, name, child, &exact, &sure);
    if (err == -ENOENT && sure) {
        sure = vfs_note_absent(v, parent, name);
        err = spfs_catalog_lookup(v->config.catalog, dir->ino, name, child,
                                  &exact); /* what came before the note was not told */
    }
    if (err == -ENOENT) {
        ret->entry_timeout = sure                                                           ? VFS_LONG
                             : dir->kind == SPFS_KIND_TENANT || dir->kind == SPFS_KIND_SITE ? 30.0
                                                                                            : VFS_UNSETTLED;
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
