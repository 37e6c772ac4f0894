// SPDX-License-Identifier: GPL-3.0-or-later
/* The catalog as a whole: opening, write transactions and their news. See spfs/store/catalog.h and
 * catalog_i.h.
 *
 * States of a write transaction: begun (holds the writer's lock) → committed or aborted. Numbers handed out
 * in it are the catalog's own only after the commit. Ownership: the one write transaction is embedded; news
 * are collected in it and handed to the observer after the lock was dropped. */
#include "catalog_i.h"

#include <spfs/base/log.h>

#include <errno.h>
#include <string.h>

#define CATALOG_FORMAT "spfs catalog 1"

static const struct table tables[CAT_TABLES] = {
    [CAT_NODES] = {"nodes", MDB_INTEGERKEY},
    [CAT_CHILDREN] = {"children", 0},
    [CAT_IDS] = {"ids", 0},
    [CAT_DRIVES] = {"drives", MDB_INTEGERKEY},
    [CAT_VIEWS] = {"views", MDB_INTEGERKEY},
    [CAT_ROUND] = {"round", 0},
};

static const struct env_spec spec = {
    .name = "catalog.lmdb",
    .format = CATALOG_FORMAT,
    .tables = tables,
    .table_count = CAT_TABLES,
    .flags = MDB_NOMETASYNC,
    .map_size = (uint64_t)64 << 30,
    .slack = (uint64_t)16 << 20,
};

static int make_tenant(struct spfs_catalog_txn *t)
{
    struct rec r = {
        .kind = SPFS_KIND_TENANT, .content = 1, .mtime_ns = SPFS_TIME_UNKNOWN, .btime_ns = SPFS_TIME_UNKNOWN};
    spfs_uuid(t->c->uuid);
    int err = env_meta_put(&t->c->env, t->txn, "uuid", t->c->uuid, 36);
    return err ? err : cat_store(t, SPFS_INO_TENANT, &r);
}

static int note_settled(void *ctx, const struct spfs_drive_rec *d)
{
    *(bool *)ctx = *(bool *)ctx || d->settled;
    return 0;
}

/* The mark of bulk, made or taken over. -EBADMSG when it is of another boot. */
static int mark_bulk(struct spfs_catalog *c, MDB_txn *txn, bool fresh)
{
    char was[37] = "", now[37];
    env_boot_id(now);
    int err = env_meta_get(&c->env, txn, "bulk", was, 36);
    if (err != -ENOENT)
        return err ? err : now[0] && strcmp(was, now) == 0 ? 0 : -EBADMSG;
    if (!now[0] || !fresh)
        return 0;
    return env_meta_put(&c->env, txn, "bulk", now, 36);
}

/* Reads what the catalog keeps in memory, or makes it. -EBADMSG: not a catalog. */
static int load(struct spfs_catalog *c)
{
    struct spfs_catalog_txn *t;
    struct numbers n = {.ino = SPFS_INO_TENANT + 1, .drive = 1, .view = 1};
    bool settled = false;
    int err = spfs_catalog_drives(c, note_settled, &settled);
    if (!err)
        err = spfs_catalog_begin(c, &t);
    if (err)
        return err;
    err = env_meta_get(&c->env, t->txn, "numbers", &n, sizeof(n));
    if (!err)
        err = env_meta_get(&c->env, t->txn, "uuid", c->uuid, 36);
    t->next_ino = n.ino;
    t->top_ino = n.ino - 1;
    t->next_drive = n.drive;
    t->next_view = n.view;
    if (c->env.fresh) {
        t->numbers_changed = true;
        err = make_tenant(t);
    }
    if (!err)
        err = mark_bulk(c, t->txn, !settled);
    char mark[36];
    bool bulk = !err && env_meta_get(&c->env, t->txn, "bulk", mark, sizeof(mark)) == 0;
    if (err) {
        spfs_catalog_abort(t);
        return err == -ENOENT ? -EBADMSG : err;
    }
    t->settles = false;
    err = spfs_catalog_commit(t);
    if (!err && bulk) /* the mark must be on the disk before anything that is not flushed */
        err = env_errno(mdb_env_sync(c->env.lmdb, 1));
    if (err || !bulk)
        return err;
    c->bulk = true;
    return env_errno(mdb_env_set_flags(c->env.lmdb, MDB_NOSYNC, 1));
}

/* Everything is flushed, then the mark goes. The caller holds the writer's lock. */
static int end_bulk(struct spfs_catalog *c)
{
    MDB_txn *txn;
    MDB_val k = val_of("bulk", 4);
    int rc = mdb_env_set_flags(c->env.lmdb, MDB_NOSYNC, 0);
    if (!rc)
        rc = mdb_env_sync(c->env.lmdb, 1);
    int err = rc ? env_errno(rc) : env_write(&c->env, &txn);
    if (err)
        return err;
    rc = mdb_del(txn, c->env.meta, &k, NULL);
    if (rc && rc != MDB_NOTFOUND) {
        mdb_txn_abort(txn);
        return env_errno(rc);
    }
    err = env_commit(txn);
    c->bulk = c->bulk && err;
    return err ? err : env_errno(mdb_env_sync(c->env.lmdb, 1));
}

int spfs_catalog_open(const char *dir, const struct spfs_observer *observer, struct spfs_catalog **ret,
                      struct spfs_reason *reason)
{
    SPFS_FREE struct spfs_catalog *c = calloc(1, sizeof(*c));
    if (!c)
        return spfs_fail(reason, -ENOMEM, "Out of memory.");
    env_init(&c->env);
    if (observer)
        c->observer = *observer;
    spfs_buf_init(&c->writer.news.names, (size_t)1 << 30);
    int err = env_own(&c->env, dir, spec.name, reason);
    for (int attempt = 0; !err; attempt++) {
        err = env_open(&c->env, &spec, reason);
        if (!err)
            err = load(c);
        if (err != -EBADMSG || attempt > 0)
            break;
        env_close(&c->env);
        spfs_warn(
            "%s is damaged or of another format: moved aside as %s.bad-1, and built anew from the server",
            c->env.path, c->env.path);
        err = env_discard(&c->env, true);
    }
    if (err) {
        env_done(&c->env);
        return err;
    }
    *ret = TAKE(c);
    return 0;
}

void spfs_catalog_close(struct spfs_catalog *c)
{
    if (!c)
        return;
    spfs_lock_take(&c->env.writer);
    if (c->bulk ? end_bulk(c) : env_errno(mdb_env_sync(c->env.lmdb, 1)))
        spfs_warn("%s could not be flushed", c->env.path);
    spfs_lock_drop(&c->env.writer);
    env_done(&c->env);
    free(c->writer.news.v);
    spfs_buf_done(&c->writer.news.names);
    free(c);
}

const char *spfs_catalog_uuid(const struct spfs_catalog *c)
{
    return c->uuid;
}

int spfs_catalog_begin(struct spfs_catalog *c, struct spfs_catalog_txn **ret)
{
    spfs_lock_take(&c->env.writer);
    struct spfs_catalog_txn *t = &c->writer;
    int err = env_write(&c->env, &t->txn);
    if (err) {
        spfs_lock_drop(&c->env.writer);
        return err;
    }
    t->c = c;
    t->stamp = (uint64_t)mdb_txn_id(t->txn);
    t->next_ino = c->next_ino;
    t->next_drive = c->next_drive;
    t->next_view = c->next_view;
    t->top_ino = t->next_ino - 1;
    t->numbers_changed = false;
    t->settles = false;
    t->refused = 0;
    t->memo_ino = 0;
    t->news.n = 0;
    spfs_buf_reset(&t->news.names);
    *ret = t;
    return 0;
}

/* Hands the collected news over to the caller, so that the observer runs without the lock. */
static struct news_list take_news(struct spfs_catalog_txn *t)
{
    struct news_list l = t->news;
    t->news = (struct news_list){.names = {.max = l.names.max}};
    for (size_t i = 0; i < l.n; i++)
        if (l.v[i].name)
            l.v[i].name = l.names.data + (uintptr_t)l.v[i].name - 1;
    return l;
}

int spfs_catalog_commit(struct spfs_catalog_txn *t)
{
    struct spfs_catalog *c = t->c;
    int err = 0;
    if (t->numbers_changed) {
        struct numbers n = {.ino = t->next_ino, .drive = t->next_drive, .view = t->next_view};
        err = env_meta_put(&c->env, t->txn, "numbers", &n, sizeof(n));
    }
    if (err) {
        spfs_catalog_abort(t);
        return err;
    }
    err = env_commit(t->txn);
    t->txn = NULL;
    struct news_list news = {0};
    if (!err) {
        c->next_ino = t->next_ino;
        c->next_drive = t->next_drive;
        c->next_view = t->next_view;
        news = take_news(t);
        if (t->settles && c->bulk && end_bulk(c))
            spfs_warn("%s could not be flushed",
                      c->env.path); /* stays in bulk: tried again with the next one, and at close */
    }
    spfs_lock_drop(&c->env.writer);
    if (news.n)
        c->observer.changed(c->observer.ctx, news.v, news.n);
    free(news.v);
    spfs_buf_done(&news.names);
    return err;
}

void spfs_catalog_abort(struct spfs_catalog_txn *t)
{
    mdb_txn_abort(t->txn);
    t->txn = NULL;
    spfs_lock_drop(&t->c->env.writer);
}

int cat_news(struct spfs_catalog_txn *t, unsigned what, uint64_t ino, const struct rec *r)
{
    struct news_list *l = &t->news;
    if (!t->c->observer.changed || r->kind == SPFS_KIND_UNKNOWN)
        return 0;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        struct spfs_news *v = reallocarray(l->v, cap, sizeof(*v));
        if (!v)
            return -ENOMEM;
        l->v = v;
        l->cap = cap;
    }
    struct spfs_news n = {.what = what, .drive = r->drive, .ino = ino, .parent = r->parent};
    if (what & (SPFS_NEWS_ADDED | SPFS_NEWS_REMOVED)) {
        size_t at = l->names.len;
        int err = spfs_buf_add(&l->names, r->name.p, r->name.n);
        if (!err)
            err = spfs_buf_add(&l->names, "", 1);
        if (err)
            return err;
        n.name = (const char *)(uintptr_t)(at + 1);
    }
    l->v[l->n++] = n;
    return 0;
}

void cat_refuse(struct spfs_catalog_txn *t, const char *id, const char *why)
{
    if (t->refused++ < 8)
        spfs_warn("item %.80s is left as it was: %s", id, why);
}

uint64_t spfs_catalog_stamp(struct spfs_catalog *c)
{
    MDB_envinfo info;
    mdb_env_info(c->env.lmdb, &info);
    return (uint64_t)info.me_last_txnid;
}

int spfs_catalog_stats(struct spfs_catalog *c, struct spfs_catalog_stats *ret)
{
    ENV_READER struct reader *r = NULL;
    MDB_stat stat;
    int err = env_read(&c->env, &r);
    if (!err)
        err = env_errno(mdb_stat(r->txn, cat_dbi(c, CAT_NODES), &stat));
    if (err)
        return err;
    ret->nodes = stat.ms_entries;
    ret->bytes = env_bytes(&c->env);
    return 0;
}
