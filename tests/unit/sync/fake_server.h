/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server in memory for tests of the tree and the vfs: sites, drives, items, children pages and delta, with
 * switches for what can go wrong. Items are changed under `lock`; switches and counters are atomic. */
#ifndef TESTS_UNIT_SYNC_FAKE_SERVER_H
#define TESTS_UNIT_SYNC_FAKE_SERVER_H

#include <spfs/model/remote.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_item {
    char drive[32], id[32], parent[32], name[64], ctag[32], etag[32];
    char target_drive[32], target_id[32];
    enum spfs_kind kind;
    uint64_t size;
    bool deleted;
    unsigned changed; /* sequence of the last change */
};

struct fake_server {
    struct spfs_remote remote; /* first */
    pthread_mutex_t lock;
    struct fake_item items[512];
    _Atomic size_t n;
    struct {
        char id[64], name[64], display[64], url[128];
        bool followed, listed;
        const char *below; /* id of the parent site */
    } sites[16];
    size_t sites_n;
    struct {
        char id[32], site[64], name[64], url[160];
    } drives[16];
    size_t drives_n;
    _Atomic unsigned sequence;
    size_t page;                 /* items a page */
    _Atomic int offline;         /* error of every call, 0 none */
    _Atomic int delta_error;     /* error of delta calls */
    _Atomic int subsites_error;  /* error of lists of subsites */
    _Atomic int gone_once;       /* next delta answers -ESTALE */
    _Atomic bool stall_children; /* listings answer only when this is taken back */
    _Atomic bool endless;        /* delta pages never end */
    _Atomic int item_error;
    _Atomic unsigned calls, children_calls, delta_calls, item_calls;
    /* Called in delta before it answers, without the lock. */
    void (*before_delta)(struct fake_server *f);
    void (*before_item)(struct fake_server *f); /* the same for single items */
};

static inline struct fake_item *fake_find(struct fake_server *f, const char *drive, const char *id)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->items[i].drive, drive) == 0 && strcmp(f->items[i].id, id) == 0)
            return &f->items[i];
    return NULL;
}

static inline struct fake_item *fake_put(struct fake_server *f, const char *drive, const char *id,
                                         const char *parent, const char *name, enum spfs_kind kind,
                                         uint64_t size, const char *ctag)
{
    pthread_mutex_lock(&f->lock);
    struct fake_item *i = fake_find(f, drive, id);
    if (!i)
        i = &f->items[f->n++];
    snprintf(i->drive, sizeof(i->drive), "%s", drive);
    snprintf(i->id, sizeof(i->id), "%s", id);
    snprintf(i->parent, sizeof(i->parent), "%s", parent);
    snprintf(i->name, sizeof(i->name), "%s", name);
    snprintf(i->ctag, sizeof(i->ctag), "%s", ctag ? ctag : "");
    i->kind = kind;
    i->size = size;
    i->deleted = false;
    i->changed = ++f->sequence;
    snprintf(i->etag, sizeof(i->etag), "\"e,%u\"", f->sequence);
    pthread_mutex_unlock(&f->lock);
    return i;
}

static inline void fake_delete(struct fake_server *f, const char *drive, const char *id)
{
    pthread_mutex_lock(&f->lock);
    struct fake_item *i = fake_find(f, drive, id);
    i->deleted = true;
    i->changed = ++f->sequence;
    pthread_mutex_unlock(&f->lock);
}

static inline void fake_give(const struct fake_item *i, struct spfs_item *out)
{
    *out = (struct spfs_item){
        .kind = i->kind,
        .deleted = i->deleted,
        .id = i->id,
        .drive_id = i->drive,
        .parent_id = i->parent[0] ? i->parent : NULL,
        .name = i->deleted ? NULL : i->name,
        .size = i->kind == SPFS_KIND_FILE ? i->size : SPFS_SIZE_UNKNOWN,
        .etag = i->etag,
        .ctag = i->ctag[0] ? i->ctag : NULL,
        .mtime_ns = 1700000000000000000,
        .btime_ns = 1600000000000000000,
        .target = {i->target_drive[0] ? i->target_drive : NULL, i->target_id[0] ? i->target_id : NULL},
        .target_is_dir = true};
}

static inline struct fake_server *fake_of(struct spfs_remote *r)
{
    struct fake_server *f = (struct fake_server *)(void *)r;
    f->calls++;
    return f;
}

static inline int fake_site_out(struct fake_server *f, size_t i, spfs_site_cb *cb, void *ctx)
{
    struct spfs_site s = {.id = f->sites[i].id,
                          .name = f->sites[i].name,
                          .display_name = f->sites[i].display,
                          .web_url = f->sites[i].url};
    return cb(ctx, &s);
}

static inline int fake_sites(struct spfs_remote *r, struct spfs_op *op, enum spfs_sites_scope scope,
                             spfs_site_cb *cb, void *ctx, struct spfs_reason *reason)
{
    (void)op;
    (void)reason;
    struct fake_server *f = fake_of(r);
    if (f->offline)
        return f->offline;
    for (size_t i = 0; i < f->sites_n; i++) {
        if (scope == SPFS_SITES_FOLLOWED ? !f->sites[i].followed : !f->sites[i].listed)
            continue;
        int err = fake_site_out(f, i, cb, ctx);
        if (err)
            return err;
    }
    return 0;
}

static inline int fake_site_at(struct spfs_remote *r, struct spfs_op *op, const char *host, const char *path,
                               spfs_site_cb *cb, void *ctx, struct spfs_reason *reason)
{
    (void)op;
    (void)host;
    struct fake_server *f = fake_of(r);
    if (f->offline)
        return f->offline;
    for (size_t i = 0; i < f->sites_n; i++) {
        const char *at = strstr(f->sites[i].url, "://");
        at = strchr(at + 3, '/');
        if (strcmp(at ? at + 1 : "", path) == 0)
            return fake_site_out(f, i, cb, ctx);
    }
    return spfs_fail(reason, -ENOENT, "no site");
}

static inline int fake_subsites(struct spfs_remote *r, struct spfs_op *op, const char *site, spfs_site_cb *cb,
                                void *ctx, struct spfs_reason *reason)
{
    (void)op;
    (void)reason;
    struct fake_server *f = fake_of(r);
    if (f->subsites_error)
        return f->subsites_error;
    for (size_t i = 0; i < f->sites_n && !f->offline; i++) {
        if (!f->sites[i].below || strcmp(f->sites[i].below, site) != 0)
            continue;
        int err = fake_site_out(f, i, cb, ctx);
        if (err)
            return err;
    }
    return f->offline;
}

static inline int fake_drive_out(struct fake_server *f, size_t i, spfs_drive_cb *cb, void *ctx)
{
    struct spfs_drive d = {.id = f->drives[i].id,
                           .name = f->drives[i].name,
                           .type = "documentLibrary",
                           .web_url = f->drives[i].url,
                           .quota = {true, 1000000, 400000, 600000}};
    return cb(ctx, &d);
}

static inline int fake_libraries(struct spfs_remote *r, struct spfs_op *op, const char *site,
                                 spfs_drive_cb *cb, void *ctx, struct spfs_reason *reason)
{
    (void)op;
    (void)reason;
    struct fake_server *f = fake_of(r);
    for (size_t i = 0; i < f->drives_n && !f->offline; i++) {
        if (strcmp(f->drives[i].site, site) != 0)
            continue;
        int err = fake_drive_out(f, i, cb, ctx);
        if (err)
            return err;
    }
    return f->offline;
}

static inline int fake_my_drive(struct spfs_remote *r, struct spfs_op *op, spfs_drive_cb *cb, void *ctx,
                                struct spfs_reason *reason)
{
    return fake_libraries(r, op, "me", cb, ctx, reason);
}

static inline int fake_drive(struct spfs_remote *r, struct spfs_op *op, const char *id, spfs_drive_cb *cb,
                             void *ctx, struct spfs_reason *reason)
{
    (void)op;
    (void)reason;
    struct fake_server *f = fake_of(r);
    if (f->offline)
        return f->offline;
    for (size_t i = 0; i < f->drives_n; i++)
        if (strcmp(f->drives[i].id, id) == 0)
            return fake_drive_out(f, i, cb, ctx);
    return -ENOENT;
}

static inline int fake_item(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, spfs_item_cb *cb,
                            void *ctx, struct spfs_reason *reason)
{
    (void)op;
    (void)reason;
    struct fake_server *f = fake_of(r);
    if (f->before_item)
        f->before_item(f);
    f->item_calls++;
    if (f->offline || f->item_error)
        return f->offline ? f->offline : f->item_error;
    pthread_mutex_lock(&f->lock);
    char root[40];
    snprintf(root, sizeof(root), "%s-root", ref.drive_id);
    struct fake_item *i = fake_find(f, ref.drive_id, strcmp(ref.item_id, "root") == 0 ? root : ref.item_id);
    struct fake_item copy = i ? *i : (struct fake_item){0};
    pthread_mutex_unlock(&f->lock);
    if (!i || copy.deleted)
        return -ENOENT;
    struct spfs_item out;
    fake_give(&copy, &out);
    return cb(ctx, &out);
}

/* Items from index on that match, up to a page; *from moves on. */
static inline int fake_page(struct fake_server *f, const char *drive, const char *parent, unsigned since,
                            size_t *from, spfs_item_cb *cb, void *ctx)
{
    size_t given = 0;
    for (; *from < f->n && given < f->page; ++*from) {
        pthread_mutex_lock(&f->lock);
        struct fake_item copy = f->items[*from];
        pthread_mutex_unlock(&f->lock);
        if (strcmp(copy.drive, drive) != 0 || (parent && (strcmp(copy.parent, parent) != 0 || copy.deleted)))
            continue;
        if (!parent && (copy.changed <= since || (copy.deleted && since == 0)))
            continue;
        struct spfs_item out;
        fake_give(&copy, &out);
        int err = cb(ctx, &out);
        if (err)
            return err;
        given++;
    }
    return 0;
}

static inline int fake_children(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref folder,
                                const char *link, spfs_item_cb *cb, void *ctx, struct spfs_page *ret,
                                struct spfs_reason *reason)
{
    (void)op;
    struct fake_server *f = fake_of(r);
    f->children_calls++;
    while (f->stall_children)
        sched_yield();
    if (f->offline)
        return spfs_fail(reason, f->offline, "offline");
    char root[32];
    snprintf(root, sizeof(root), "%s-root", folder.drive_id);
    size_t from = link ? (size_t)atoi(link) : 0;
    int err = fake_page(f, folder.drive_id, strcmp(folder.item_id, "root") == 0 ? root : folder.item_id, 0,
                        &from, cb, ctx);
    if (!err && from < f->n)
        ret->next = spfs_asprintf("%zu", from);
    return err;
}

static inline int fake_delta(struct spfs_remote *r, struct spfs_op *op, const char *drive, const char *link,
                             spfs_item_cb *cb, void *ctx, struct spfs_page *ret, struct spfs_reason *reason)
{
    (void)op;
    struct fake_server *f = fake_of(r);
    if (f->before_delta)
        f->before_delta(f);
    f->delta_calls++;
    if (f->offline || f->delta_error)
        return spfs_fail(reason, f->offline ? f->offline : f->delta_error, "refused");
    if (f->gone_once) {
        f->gone_once = 0;
        return -ESTALE;
    }
    unsigned since = 0, upto = f->sequence;
    size_t from = 0;
    if (link && sscanf(link, "next:%u:%u:%zu", &since, &upto, &from) != 3 &&
        sscanf(link, "delta:%u", &since) != 1)
        return -EIO;
    int err = fake_page(f, drive, NULL, since, &from, cb, ctx);
    if (err)
        return err;
    if (f->endless)
        ret->next = spfs_asprintf("next:%u:%u:%zu", since, upto, (size_t)0);
    else if (from < f->n)
        ret->next = spfs_asprintf("next:%u:%u:%zu", since, upto, from);
    else
        ret->delta = spfs_asprintf("delta:%u", upto);
    return 0;
}

static inline int fake_prepare(struct spfs_remote *r, struct spfs_op *op, const struct spfs_ref *refs,
                               size_t n)
{
    (void)r;
    (void)op;
    (void)refs;
    (void)n;
    return 0;
}

/* Every byte of a file is known: a function of its ctag and the offset. */
static inline unsigned char fake_byte(const char *ctag, uint64_t off)
{
    unsigned h = 17;
    for (; *ctag; ctag++)
        h = h * 31 + (unsigned char)*ctag;
    return (unsigned char)((off * 2654435761u >> 8) ^ h);
}

static inline int fake_read(struct spfs_remote *r, struct spfs_op *op, struct spfs_read *read,
                            struct spfs_reason *reason)
{
    (void)op;
    (void)reason;
    struct fake_server *f = fake_of(r);
    if (f->offline)
        return f->offline;
    pthread_mutex_lock(&f->lock);
    struct fake_item *i = fake_find(f, read->ref.drive_id, read->ref.item_id);
    struct fake_item copy = i ? *i : (struct fake_item){0};
    pthread_mutex_unlock(&f->lock);
    if (!i || copy.deleted)
        return -ENOENT;
    struct spfs_version have = {
        .etag = copy.etag, .ctag = copy.ctag[0] ? copy.ctag : NULL, .size = copy.size};
    if (spfs_version_same(&have, &read->want) != SPFS_SAME_YES)
        return -ESTALE;
    read->proved(read->ctx);
    unsigned char block[4096];
    for (uint64_t done = 0; done < read->len;) {
        size_t n = read->len - done < sizeof(block) ? (size_t)(read->len - done) : sizeof(block);
        for (size_t k = 0; k < n; k++)
            block[k] = fake_byte(copy.ctag, read->off + done + k);
        int err = read->data(read->ctx, block, n);
        if (err)
            return err;
        done += n;
    }
    return 0;
}

static inline void fake_free(struct spfs_remote *r)
{
    (void)r;
}

static inline void fake_init(struct fake_server *f)
{
    static const struct spfs_remote_ops ops = {.sites = fake_sites,
                                               .site_at = fake_site_at,
                                               .subsites = fake_subsites,
                                               .libraries = fake_libraries,
                                               .my_drive = fake_my_drive,
                                               .drive = fake_drive,
                                               .item = fake_item,
                                               .children = fake_children,
                                               .delta = fake_delta,
                                               .read = fake_read,
                                               .prepare = fake_prepare,
                                               .free = fake_free};
    memset(f, 0, sizeof(*f));
    f->remote.ops = &ops;
    f->page = 3;
    pthread_mutex_init(&f->lock, NULL);
}

static inline void fake_add_site(struct fake_server *f, const char *id, const char *name, const char *display,
                                 const char *url, bool followed, bool listed, const char *below)
{
    size_t i = f->sites_n++;
    snprintf(f->sites[i].id, sizeof(f->sites[i].id), "%s", id);
    snprintf(f->sites[i].name, sizeof(f->sites[i].name), "%s", name);
    snprintf(f->sites[i].display, sizeof(f->sites[i].display), "%s", display);
    snprintf(f->sites[i].url, sizeof(f->sites[i].url), "%s", url);
    f->sites[i].followed = followed;
    f->sites[i].listed = listed;
    f->sites[i].below = below;
}

static inline void fake_add_drive(struct fake_server *f, const char *id, const char *site, const char *name,
                                  const char *url)
{
    size_t i = f->drives_n++;
    snprintf(f->drives[i].id, sizeof(f->drives[i].id), "%s", id);
    snprintf(f->drives[i].site, sizeof(f->drives[i].site), "%s", site);
    snprintf(f->drives[i].name, sizeof(f->drives[i].name), "%s", name);
    snprintf(f->drives[i].url, sizeof(f->drives[i].url), "%s", url);
    char root[32];
    snprintf(root, sizeof(root), "%s-root", id);
    fake_put(f, id, root, "", "root", SPFS_KIND_ROOT, 0, NULL);
}

#endif
