/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small files of one folder read whole in order of name (cp -r, rsync, tar, grep -r) are a pattern: the next
 * ones are fetched ahead, up to 20 at a time, two batches deep. Whoever reads that way goes on with the next
 * folder, so that a folder entered within WALK_MS of the last such read needs no proof of its own. Whoever
 * reads only heads never starts it. Guarded by: the vfs lock; nothing is asked for under it. */
#include "vfs_i.h"

#include <spfs/base/clock.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 20,
    WALK_MS = 3000,
    STREAK = 2,
    STEP_MAX = 16 /* empty and large files between */,
    LISTED_MAX = 100000
};

struct named {
    uint64_t ino;
    char *name;
};

struct list {
    struct named *v;
    size_t n, cap;
};

static int collect(void *ctx, const struct spfs_child *child)
{
    struct list *l = ctx;
    if (child->kind != SPFS_KIND_FILE)
        return 0;
    if (l->n == LISTED_MAX)
        return -E2BIG;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct named *v = realloc(l->v, cap * sizeof(*v));
        if (!v)
            return -ENOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n] = (struct named){child->ino, strdup(child->name)};
    return l->v[l->n].name ? (l->n++, 0) : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* The folder's files by name; NULL when there are too many or memory is short. */
static uint64_t *files_of(struct spfs_vfs *v, uint64_t parent, size_t *ret_n)
{
    struct list l = {0};
    int err = spfs_catalog_children(v->config.catalog, parent, collect, &l);
    uint64_t *inos = err || !l.n ? NULL : malloc(l.n * sizeof(*inos));
    if (inos)
        qsort(l.v, l.n, sizeof(*l.v), by_name);
    for (size_t i = 0; i < l.n; i++) {
        if (inos)
            inos[i] = l.v[i].ino;
        free(l.v[i].name);
    }
    free(l.v);
    *ret_n = l.n;
    return inos;
}

static struct vfs_siblings *slot_locked(struct spfs_vfs *v, uint64_t parent)
{
    struct vfs_siblings *oldest = &v->siblings[0];
    for (size_t i = 0; i < VFS_SIBLING_DIRS; i++) {
        struct vfs_siblings *s = &v->siblings[i];
        if (s->parent == parent)
            return s;
        if (s->used_ms < oldest->used_ms)
            oldest = s;
    }
    free(oldest->inos);
    *oldest = (struct vfs_siblings){.parent = parent};
    return oldest;
}

/* Looks from the one read before on: a reader in order finds its file at once. n: not among them. */
static size_t index_of(const struct vfs_siblings *s, uint64_t ino)
{
    size_t start = s->last < s->n ? s->last : 0;
    for (size_t k = 0; k < s->n; k++) {
        size_t i = start + k < s->n ? start + k : start + k - s->n;
        if (s->inos[i] == ino)
            return i;
    }
    return s->n;
}

/* Is it time to ask for more, and from which file on? Fills inos; returns how many. */
static size_t plan(struct spfs_vfs *v, uint64_t parent, uint64_t ino, bool first, uint64_t inos[BATCH])
{
    SPFS_LOCKED(&v->lock);
    struct vfs_siblings *s = slot_locked(v, parent);
    if (!s->inos)
        return 0;
    size_t at = index_of(s, ino);
    size_t last = s->last;
    if (at == s->n)
        return 0;
    s->last = at;
    bool in_order = last == SIZE_MAX ? s->walk : at > last && at <= last + STEP_MAX;
    if (first && (!in_order || at < s->trigger))
        return 0; /* not in order of name, or far enough ahead */
    v->walk_until_ms = spfs_now_ms() + WALK_MS;
    if (s->next <= at)
        s->next = at + 1;
    if (s->next > at + 2 * BATCH) /* two batches ahead are enough */
        return 0;
    size_t n = 0;
    while (n < BATCH && s->next < s->n)
        inos[n++] = s->inos[s->next++];
    s->trigger = s->next > 2 * BATCH ? s->next - 2 * BATCH : 0;
    return n;
}

struct ahead {
    struct spfs_node nodes[BATCH];
    struct spfs_fetch_ahead v[BATCH];
    struct spfs_drive_rec rec;
    size_t n;
};

static int pick(void *ctx, const struct spfs_node *node)
{
    struct ahead *a = ctx;
    if (node->kind != SPFS_KIND_FILE || !node->size_known || node->size == 0 || node->size > VFS_SMALL_FILE)
        return 0;
    a->nodes[a->n] = *node;
    a->v[a->n] = (struct spfs_fetch_ahead){&a->nodes[a->n], a->rec.id};
    a->n++;
    return 0;
}

static void ask(struct spfs_vfs *v, const uint64_t *inos, size_t n, uint32_t drive)
{
    SPFS_FREE struct ahead *a = calloc(1, sizeof(*a));
    if (!a || spfs_catalog_drive(v->config.catalog, drive, &a->rec))
        return;
    if (spfs_catalog_get_many(v->config.catalog, inos, n, pick, a) == 0 && a->n)
        spfs_fetch_siblings(v->config.fetch, a->v, a->n);
}

/* Counts; the second file in a row makes the folder's list. False: no pattern yet. */
static bool is_pattern(struct spfs_vfs *v, uint64_t parent)
{
    bool make;
    {
        SPFS_LOCKED(&v->lock);
        struct vfs_siblings *s = slot_locked(v, parent);
        uint64_t now = spfs_now_ms();
        if (now - s->used_ms > 10000) { /* not one after the other */
            free(s->inos);
            *s = (struct vfs_siblings){.parent = parent};
        }
        s->used_ms = now;
        s->walk |= s->streak == 0 && now < v->walk_until_ms;
        s->streak += s->walk && s->streak == 0 ? STREAK : 1;
        make = s->streak == STREAK;
        if (s->streak < STREAK)
            return false;
    }
    if (!make)
        return true;
    size_t n;
    uint64_t *inos = files_of(v, parent, &n);
    SPFS_LOCKED(&v->lock);
    struct vfs_siblings *s = slot_locked(v, parent);
    free(s->inos);
    s->inos = inos;
    s->n = inos ? n : 0;
    s->next = s->trigger = 0;
    s->last = SIZE_MAX;
    return inos != NULL;
}

void vfs_note_whole(struct spfs_vfs *v, const struct spfs_vfs_file *file)
{
    if (file->size > VFS_SMALL_FILE || (file->fetch_flags & SPFS_FETCH_CACHED_ONLY) ||
        !is_pattern(v, file->parent))
        return;
    SPFS_FREE struct spfs_node *n = malloc(sizeof(*n));
    if (!n || vfs_get(v, file->node, n))
        return;
    uint64_t inos[BATCH];
    bool first = true;
    for (size_t count; (count = plan(v, file->parent, n->ino, first, inos)) > 0; first = false)
        ask(v, inos, count, n->drive);
}
