/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open directories: a snapshot of names and numbers, by name, taken at the first read and after a rewind.
 * A position is the index of the next entry (0 ".", 1 "..", then the entries) below a digest of the snapshot.
 * The kernel keeps listings and adds to one only the entry whose position is the one it ends at: with the
 * digest in it, an old stream never adds old names to a newer listing. */
#include "vfs_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t ino;
    uint32_t name; /* offset into names */
    enum spfs_kind kind;
};

struct spfs_vfs_dir {
    uint64_t node;
    struct spfs_lock lock; /* SPFS_RANK_VFS_DIR; guards the snapshot: readdir calls of one handle come one at
                              a time, but nothing promises it */
    bool taken;
    uint64_t digest; /* of the snapshot, in the upper half of positions; below 2^31: positions are signed */
    struct entry *v;
    size_t n, cap;
    struct spfs_buf names;
};

#define DIR_INDEX_MASK ((uint64_t)UINT32_MAX)

enum { DIR_NAMES_MAX = 1 << 30, DIR_PLUS_BATCH = 64 };

int spfs_vfs_opendir(struct spfs_vfs *v, struct spfs_op *op, uint64_t node, struct spfs_vfs_dir **ret,
                     bool *ret_cache)
{
    SPFS_FREE struct spfs_node *n = malloc(sizeof(*n));
    struct spfs_vfs_dir *dir = calloc(1, sizeof(*dir));
    int err = n && dir ? vfs_get(v, node, n) : -ENOMEM;
    if (!err && !spfs_kind_is_dir(n->kind))
        err = -ENOTDIR;
    if (!err)
        err = spfs_tree_ensure(v->config.tree, op, n, NULL);
    if (err) {
        free(dir);
        return err;
    }
    dir->node = node;
    *ret_cache = spfs_tree_is_complete(v->config.tree, n);
    spfs_lock_init(&dir->lock, SPFS_RANK_VFS_DIR);
    spfs_buf_init(&dir->names, DIR_NAMES_MAX);
    *ret = dir;
    return 0;
}

void spfs_vfs_releasedir(struct spfs_vfs *v, struct spfs_vfs_dir *dir)
{
    (void)v;
    spfs_buf_done(&dir->names);
    spfs_lock_done(&dir->lock);
    free(dir->v);
    free(dir);
}

static int collect(void *ctx, const struct spfs_child *child)
{
    struct spfs_vfs_dir *dir = ctx;
    if (dir->n == dir->cap) {
        size_t cap = dir->cap ? dir->cap * 2 : 64;
        struct entry *v = realloc(dir->v, cap * sizeof(*v));
        if (!v)
            return -ENOMEM;
        dir->v = v;
        dir->cap = cap;
    }
    dir->v[dir->n++] = (struct entry){child->ino, (uint32_t)dir->names.len, child->kind};
    return spfs_buf_add(&dir->names, child->name, strlen(child->name) + 1);
}

static int by_name(const void *a, const void *b, void *names)
{
    return strcmp((const char *)names + ((const struct entry *)a)->name,
                  (const char *)names + ((const struct entry *)b)->name);
}

static void digest_add(uint64_t *h, const void *p, size_t n)
{
    for (const unsigned char *c = p; n > 0; c++, n--)
        *h = (*h ^ *c) * 0x100000001b3u; /* FNV-1a */
}

static uint64_t digest_of(const struct spfs_vfs_dir *dir)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < dir->n; i++) {
        const char *name = dir->names.data + dir->v[i].name;
        digest_add(&h, &dir->v[i].ino, sizeof(dir->v[i].ino));
        digest_add(&h, name, strlen(name) + 1);
    }
    return (h ^ h >> 32) & INT32_MAX;
}

static int take_snapshot(struct spfs_vfs *v, struct spfs_vfs_dir *dir)
{
    dir->n = 0;
    spfs_buf_reset(&dir->names);
    int err = spfs_catalog_children(v->config.catalog, vfs_ino(v, dir->node), collect, dir);
    if (!err && dir->n)
        qsort_r(dir->v, dir->n, sizeof(*dir->v), by_name, dir->names.data);
    dir->taken = !err;
    dir->digest = digest_of(dir);
    return err;
}

/* "." and "..": number and type only. The parent's number is not known cheaply, and the kernel does not use
 * it. */
static bool add_dots(struct spfs_vfs_dir *dir, uint64_t *off, spfs_vfs_add *add, void *ctx)
{
    static const char *const names[] = {".", ".."};
    for (; *off < 2; ++*off) {
        struct spfs_vfs_attr attr = {0};
        attr.st.st_ino = dir->node;
        attr.st.st_mode = S_IFDIR;
        if (!add(ctx, names[*off], &attr, *off + 1))
            return false;
    }
    return true;
}

static void type_only(const struct entry *e, uint32_t view, struct spfs_vfs_attr *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->st.st_ino = (uint64_t)view << VFS_VIEW_SHIFT | e->ino;
    /* A shortcut's number is its target's, which may not be known yet: unknown type and a number that will
     * not last are worse than asking. */
    ret->st.st_mode = e->kind == SPFS_KIND_REMOTE ? 0 : spfs_kind_is_dir(e->kind) ? S_IFDIR : S_IFREG;
}

struct batch {
    struct spfs_vfs *v;
    const struct spfs_vfs_dir *dir;
    const struct entry *entries; /* of this batch, in the snapshot */
    uint32_t view;
    uint64_t inos[DIR_PLUS_BATCH];
    struct spfs_vfs_attr attrs[DIR_PLUS_BATCH];
    bool known[DIR_PLUS_BATCH];
    size_t n, at;
};

static int fill_one(void *ctx, const struct spfs_node *node)
{
    struct batch *b = ctx;
    while (b->at < b->n && b->inos[b->at] != node->ino)
        b->at++;
    if (b->at == b->n)
        return 0;
    /* Moved or renamed since the snapshot: the kernel was told already, and must not learn the old name anew.
     */
    if (node->parent != vfs_ino(b->v, b->dir->node) ||
        strcmp(node->name, b->dir->names.data + b->entries[b->at].name) != 0) {
        b->at++;
        return 0;
    }
    uint32_t view = b->view;
    if (node->kind == SPFS_KIND_REMOTE) {
        SPFS_FREE struct spfs_node *copy = malloc(sizeof(*copy));
        if (!copy)
            return -ENOMEM;
        *copy = *node;
        if (vfs_show(b->v, NULL, copy, &view) == 0) {
            vfs_fill_attr(b->v, copy, view, &b->attrs[b->at]);
            b->known[b->at] = true;
        }
    } else {
        vfs_fill_attr(b->v, node, view, &b->attrs[b->at]);
        b->known[b->at] = true;
    }
    b->at++;
    return 0;
}

static int add_plain(struct spfs_vfs_dir *dir, uint64_t off, spfs_vfs_add *add, void *ctx)
{
    for (; off - 2 < dir->n; off++) {
        const struct entry *e = &dir->v[off - 2];
        struct spfs_vfs_attr attr;
        type_only(e, vfs_view(dir->node), &attr);
        if (!add(ctx, dir->names.data + e->name, &attr, off + 1))
            break;
    }
    return 0;
}

static int add_plus(struct spfs_vfs *v, struct spfs_vfs_dir *dir, uint64_t off, spfs_vfs_add *add, void *ctx)
{
    SPFS_FREE struct batch *b = malloc(sizeof(*b));
    if (!b)
        return -ENOMEM;
    b->v = v;
    b->dir = dir;
    b->view = vfs_view(dir->node);
    while (off - 2 < dir->n) {
        const struct entry *e = &dir->v[off - 2];
        b->n = dir->n - (size_t)(off - 2) < DIR_PLUS_BATCH ? dir->n - (size_t)(off - 2) : DIR_PLUS_BATCH;
        b->at = 0;
        b->entries = e;
        for (size_t i = 0; i < b->n; i++) {
            b->inos[i] = e[i].ino;
            b->known[i] = false;
        }
        int err = spfs_catalog_get_many(v->config.catalog, b->inos, b->n, fill_one, b);
        if (err)
            return err;
        for (size_t i = 0; i < b->n; i++, off++) {
            if (!b->known[i])
                type_only(&e[i], b->view, &b->attrs[i]);
            if (!add(ctx, dir->names.data + e[i].name, &b->attrs[i], off + 1))
                return 0;
        }
    }
    return 0;
}

/* Positions as the kernel sees them. */
struct numbered {
    uint64_t digest;
    spfs_vfs_add *add;
    void *ctx;
};

static bool add_numbered(void *ctx, const char *name, const struct spfs_vfs_attr *attr, uint64_t next)
{
    struct numbered *n = ctx;
    return n->add(n->ctx, name, attr, n->digest << 32 | next);
}

int spfs_vfs_readdir(struct spfs_vfs *v, struct spfs_op *op, struct spfs_vfs_dir *dir, uint64_t off,
                     bool plain, spfs_vfs_add *add, void *ctx)
{
    int err = spfs_op_check(op);
    if (err)
        return err;
    SPFS_LOCKED(&dir->lock);
    if (!dir->taken || off == 0) {
        err = take_snapshot(v, dir);
        if (err)
            return err;
    }
    /* A position of another snapshot (read so far from the kernel's listing) goes on at the same index, as
     * any directory does that changes while it is read. */
    struct numbered n = {dir->digest, add, ctx};
    off &= DIR_INDEX_MASK;
    if (!add_dots(dir, &off, add_numbered, &n) || off - 2 >= dir->n)
        return 0;
    return plain ? add_plain(dir, off, add_numbered, &n) : add_plus(v, dir, off, add_numbered, &n);
}
