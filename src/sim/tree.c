/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: the items of the tenant and their changes (see tree_i.h).
 * Invariants: a live item hangs in its parent's child list and in the name table; a tombstone hangs in
 * neither. Every item but none other is in its drive's change order, sorted by seq. A folder's size is the
 * sum of the live files below it. Threads: guarded by tree.lock, held by the caller. Ownership: names live in
 * the arena for good. */
#include "tree_i.h"
#include "blob_i.h"
#include "jsonw_i.h"
#include "names_i.h"
#include "pattern_i.h"

#include <stdlib.h>
#include <string.h>

#define SLAB_ITEMS 16384u
#define SLAB_MAX   8192u

void tree_init(struct tree *t)
{
    memset(t, 0, sizeof *t);
    pthread_rwlock_init(&t->lock, NULL);
    t->slabs = sim_alloc(SLAB_MAX * sizeof(void *));
    t->bucket_mask = (1u << 16) - 1;
    t->buckets = sim_alloc((t->bucket_mask + 1u) * sizeof *t->buckets);
}

static void free_extra(struct tree_extra *extra)
{
    if (!extra)
        return;
    for (struct tree_version *v = extra->versions, *older; v; v = older) {
        older = v->older;
        blob_unref(v->body.blob);
        free(v);
    }
    free(extra);
}

void tree_done(struct tree *t)
{
    for (uint32_t i = 1; i <= t->item_count; i++) {
        blob_unref(tree_item(t, i)->blob);
        free_extra(tree_item(t, i)->extra);
    }
    for (uint32_t i = 0; i < SLAB_MAX; i++)
        free(t->slabs[i]);
    for (unsigned i = 0; i < t->site_count; i++) {
        free(t->sites[i].name);
        free(t->sites[i].title);
        free(t->sites[i].path);
    }
    for (unsigned i = 0; i < t->drive_count; i++) {
        free(t->drives[i].name);
        free(t->drives[i].segment);
        free(t->drives[i].id);
    }
    names_free(&t->names);
    free(t->slabs);
    free(t->buckets);
    pthread_rwlock_destroy(&t->lock);
}

struct tree_item *tree_item(const struct tree *t, uint32_t serial)
{
    return &t->slabs[serial / SLAB_ITEMS][serial % SLAB_ITEMS];
}

struct tree_extra *tree_extra(struct tree_item *it)
{
    if (!it->extra) {
        it->extra = sim_alloc(sizeof *it->extra);
        it->extra->version = 1;
    }
    return it->extra;
}

/* ---- name table ---- */

static uint32_t bucket_of(const struct tree *t, uint32_t parent, uint32_t hash)
{
    return (uint32_t)pattern_mix((uint64_t)parent << 32 | hash) & t->bucket_mask;
}

static void grow_table(struct tree *t)
{
    uint32_t old_mask = t->bucket_mask;
    uint32_t *old = t->buckets;
    t->bucket_mask = old_mask * 2 + 1;
    t->buckets = sim_alloc((t->bucket_mask + 1u) * sizeof *t->buckets);
    for (uint32_t b = 0; b <= old_mask; b++) {
        for (uint32_t i = old[b], chain; i; i = chain) {
            struct tree_item *it = tree_item(t, i);
            chain = it->chain;
            uint32_t to = bucket_of(t, it->parent, it->hash);
            it->chain = t->buckets[to];
            t->buckets[to] = i;
        }
    }
    free(old);
}

uint32_t tree_child(const struct tree *t, uint32_t parent, const char *name)
{
    char folded[NAMES_FOLDED_MAX];
    uint32_t hash = names_fold(name, folded);
    for (uint32_t i = t->buckets[bucket_of(t, parent, hash)]; i; i = tree_item(t, i)->chain) {
        const struct tree_item *it = tree_item(t, i);
        if (it->parent != parent || it->hash != hash)
            continue;
        char other[NAMES_FOLDED_MAX];
        names_fold(it->name, other);
        if (strcmp(folded, other) == 0)
            return i;
    }
    return TREE_NONE;
}

/* ---- links ---- */

static void change_unlink(struct tree *t, uint32_t serial)
{
    struct tree_item *it = tree_item(t, serial);
    struct tree_drive *d = &t->drives[it->drive];
    if (it->newer)
        tree_item(t, it->newer)->older = it->older;
    else
        d->newest = it->older;
    if (it->older)
        tree_item(t, it->older)->newer = it->newer;
    else
        d->oldest = it->newer;
}

static void change_append(struct tree *t, uint32_t serial)
{
    struct tree_item *it = tree_item(t, serial);
    struct tree_drive *d = &t->drives[it->drive];
    it->seq = ++d->seq;
    it->newer = TREE_NONE;
    it->older = d->newest;
    if (d->newest)
        tree_item(t, d->newest)->newer = serial;
    else
        d->oldest = serial;
    d->newest = serial;
}

static void changed(struct tree *t, uint32_t serial)
{
    tree_item(t, serial)->etag++;
    change_unlink(t, serial);
    change_append(t, serial);
}

static void add_size(struct tree *t, uint32_t folder, uint64_t delta)
{
    for (; folder; folder = tree_item(t, folder)->parent)
        tree_item(t, folder)->size += delta; /* modulo 2^64, so that a negative delta works */
}

static void attach(struct tree *t, uint32_t serial, uint32_t parent)
{
    struct tree_item *it = tree_item(t, serial);
    struct tree_item *p = tree_item(t, parent);
    it->parent = parent;
    it->next = TREE_NONE;
    it->prev = p->last;
    if (p->last)
        tree_item(t, p->last)->next = serial;
    else
        p->first = serial;
    p->last = serial;
    p->children++;
    char folded[NAMES_FOLDED_MAX];
    it->hash = names_fold(it->name, folded);
    uint32_t b = bucket_of(t, parent, it->hash);
    it->chain = t->buckets[b];
    t->buckets[b] = serial;
    add_size(t, parent, it->size);
}

static void detach(struct tree *t, uint32_t serial)
{
    struct tree_item *it = tree_item(t, serial);
    struct tree_item *p = tree_item(t, it->parent);
    if (it->prev)
        tree_item(t, it->prev)->next = it->next;
    else
        p->first = it->next;
    if (it->next)
        tree_item(t, it->next)->prev = it->prev;
    else
        p->last = it->prev;
    p->children--;
    uint32_t *link = &t->buckets[bucket_of(t, it->parent, it->hash)];
    while (*link != serial)
        link = &tree_item(t, *link)->chain;
    *link = it->chain;
    add_size(t, it->parent, 0 - it->size);
}

/* ---- building ---- */

static struct tree_item *new_item(struct tree *t, unsigned drive, enum tree_kind kind, const char *name)
{
    uint32_t serial = ++t->item_count;
    if (serial >= SLAB_ITEMS * SLAB_MAX)
        abort();
    if (!t->slabs[serial / SLAB_ITEMS])
        t->slabs[serial / SLAB_ITEMS] = sim_alloc(SLAB_ITEMS * sizeof(struct tree_item));
    struct tree_item *it = tree_item(t, serial);
    it->drive = (uint16_t)drive;
    it->kind = (uint8_t)kind;
    it->name = names_keep(&t->names, name);
    it->seed = serial;
    it->etag = it->ctag = 1;
    change_append(t, serial);
    if (serial > t->bucket_mask)
        grow_table(t);
    return it;
}

int tree_add_site(struct tree *t, int parent, const char *name, const char *title, const char *path)
{
    int index = (int)t->site_count++;
    struct tree_site *s = &t->sites[index];
    s->name = sim_strdup(name);
    s->title = sim_strdup(title);
    s->path = sim_strdup(path);
    s->parent = parent;
    names_guid(0x517eull << 32 | (unsigned)index, s->guid[1]);
    /* A subsite is a web of its parent's site collection. */
    names_guid(0xc011ull << 32 | (unsigned)index, s->guid[0]);
    if (parent >= 0)
        memcpy(s->guid[0], t->sites[parent].guid[0], sizeof s->guid[0]);
    return index;
}

int tree_add_drive(struct tree *t, int site, const char *name, const char *segment)
{
    unsigned index = t->drive_count++;
    struct tree_drive *d = &t->drives[index];
    d->name = sim_strdup(name);
    d->segment = sim_strdup(segment);
    d->site = site;
    d->quota = 1ull << 40;
    d->epoch = 1;
    d->id = names_drive_id(index, site);
    struct tree_item *root = new_item(t, index, TREE_FOLDER, "root");
    root->flags = TREE_ROOT;
    root->mtime = root->ctime = 1577836800; /* 2020-01-01 */
    d->root = t->item_count;
    return (int)index;
}

uint32_t tree_add(struct tree *t, uint32_t parent, enum tree_kind kind, const char *name, uint64_t size,
                  int64_t mtime)
{
    struct tree_item *it = new_item(t, tree_item(t, parent)->drive, kind, name);
    it->size = size;
    it->mtime = it->ctime = mtime;
    attach(t, t->item_count, parent);
    return t->item_count;
}

/* ---- changes ---- */

void tree_touch(struct tree *t, uint32_t item)
{
    changed(t, item);
}

void tree_rename(struct tree *t, uint32_t item, uint32_t new_parent, const char *new_name)
{
    struct tree_item *it = tree_item(t, item);
    detach(t, item);
    it->name = names_keep(&t->names, new_name);
    attach(t, item, new_parent);
    changed(t, item);
}

void tree_add_version(struct tree *t, uint32_t item)
{
    struct tree_item *it = tree_item(t, item);
    struct tree_extra *extra = tree_extra(it);
    struct tree_version *v = sim_alloc(sizeof *v);
    *v = (struct tree_version){
        .older = extra->versions, .body = tree_body(it), .mtime = it->mtime, .number = extra->version};
    extra->versions = v;
    extra->version++;
}

void tree_write(struct tree *t, uint32_t item, const struct tree_body *body, int64_t mtime, bool keep)
{
    struct tree_item *it = tree_item(t, item);
    if (keep)
        tree_add_version(t, item);
    blob_unref(it->blob);
    add_size(t, it->parent, body->size - it->size);
    it->size = body->size;
    it->seed = body->seed;
    it->blob = body->blob;
    it->mtime = mtime;
    it->flags &= (uint8_t)~TREE_NO_HASH;
    it->ctag++;
    changed(t, item);
}

static void bury(struct tree *t, uint32_t serial)
{
    struct tree_item *it = tree_item(t, serial);
    t->drives[it->drive].deleted_bytes += it->kind == TREE_FILE ? it->size : 0;
    detach(t, serial);
    it->flags |= TREE_DELETED;
    changed(t, serial);
}

/* Deepest first; the folder itself comes last. */
void tree_delete(struct tree *t, uint32_t item)
{
    uint32_t i = item;
    while (true) {
        while (tree_item(t, i)->first)
            i = tree_item(t, i)->first;
        if (i == item)
            break;
        uint32_t up = tree_item(t, i)->parent;
        bury(t, i);
        tree_item(t, i)->flags |= TREE_BELOW;
        i = up;
    }
    bury(t, item);
}

/* ---- look-up ---- */

uint32_t tree_walk(const struct tree *t, uint32_t from, const char *path)
{
    char name[1024];
    while (from) {
        path += strspn(path, "/");
        size_t n = strcspn(path, "/");
        if (n == 0)
            return from;
        if (n >= sizeof name)
            return TREE_NONE;
        memcpy(name, path, n);
        name[n] = '\0';
        if (strcmp(name, ".") != 0)
            from = tree_child(t, from, name);
        path += n;
    }
    return TREE_NONE;
}

bool tree_is_below(const struct tree *t, uint32_t item, uint32_t ancestor)
{
    while (item && item != ancestor)
        item = tree_item(t, item)->parent;
    return item == ancestor;
}

int tree_drive_by_id(const struct tree *t, const char *id)
{
    for (unsigned i = 0; i < t->drive_count; i++)
        if (strcmp(t->drives[i].id, id) == 0)
            return (int)i;
    return -1;
}

int tree_drive_of_user(const struct tree *t)
{
    for (unsigned i = 0; i < t->drive_count; i++)
        if (t->drives[i].site < 0)
            return (int)i;
    return -1;
}

void tree_item_guid(const struct tree *t, uint32_t serial, char ret[TREE_GUID_LEN + 1])
{
    (void)t;
    names_guid(serial, ret);
}

void tree_item_id(const struct tree *t, uint32_t serial, char ret[TREE_ID_LEN + 1])
{
    names_item_id(tree_item(t, serial)->drive, serial, ret);
}

uint32_t tree_by_id(const struct tree *t, const char *id)
{
    uint64_t serial = names_item_serial(id);
    if (serial == 0 || serial > t->item_count)
        return TREE_NONE;
    char exact[TREE_ID_LEN + 1];
    tree_item_id(t, (uint32_t)serial, exact);
    return strcmp(exact, id) == 0 ? (uint32_t)serial : TREE_NONE;
}

uint32_t tree_changes_after(const struct tree *t, unsigned drive, uint64_t seq, uint32_t hint)
{
    const struct tree_drive *d = &t->drives[drive];
    if (seq == 0)
        return d->oldest;
    if (hint && hint <= t->item_count && tree_item(t, hint)->seq == seq && tree_item(t, hint)->drive == drive)
        return tree_item(t, hint)->newer;
    uint32_t i = d->newest, found = TREE_NONE;
    for (; i && tree_item(t, i)->seq > seq; i = tree_item(t, i)->older)
        found = i;
    return found;
}

struct tree_body tree_body(const struct tree_item *it)
{
    return (struct tree_body){it->size, it->seed, blob_ref(it->blob)};
}

void tree_body_done(struct tree_body *body)
{
    blob_unref(body->blob);
    body->blob = NULL;
}

uint32_t tree_version_number(const struct tree_item *it)
{
    return it->extra ? it->extra->version : 1;
}
