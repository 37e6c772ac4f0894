// SPDX-License-Identifier: GPL-3.0-or-later
/* Primitives of the catalog's write side. Each keeps nodes, children, ids, views and round in step for one
 * node; what to do to which node is decided in cat_item.c, cat_round.c and cat_tenant.c. All run in the write
 * transaction of the caller. */
#include "catalog_i.h"

#include <errno.h>

static int put(struct spfs_catalog_txn *t, enum cat_table table, const void *key, size_t key_size,
               const void *value, size_t size, unsigned flags)
{
    MDB_val k = val_of(key, key_size), v = val_of(value, size);
    return env_errno(mdb_put(t->txn, cat_dbi(t->c, table), &k, &v, flags));
}

/* Deleting what is not there is no error. */
static int del(struct spfs_catalog_txn *t, enum cat_table table, const void *key, size_t key_size)
{
    MDB_val k = val_of(key, key_size);
    int rc = mdb_del(t->txn, cat_dbi(t->c, table), &k, NULL);
    return rc == MDB_NOTFOUND ? 0 : env_errno(rc);
}

uint64_t cat_new_ino(struct spfs_catalog_txn *t)
{
    t->numbers_changed = true;
    return t->next_ino++;
}

int cat_store(struct spfs_catalog_txn *t, uint64_t ino, const struct rec *r)
{
    unsigned char bytes[REC_MAX];
    unsigned flags = ino > t->top_ino ? MDB_APPEND : 0;
    int err = put(t, CAT_NODES, &ino, sizeof(ino), bytes, rec_encode(r, bytes), flags);
    if (!err && flags)
        t->top_ino = ino;
    return err;
}

int cat_link(struct spfs_catalog_txn *t, uint64_t ino, const struct rec *r)
{
    struct child_key key;
    unsigned char value[1 + SPFS_NAME_SIZE];
    if (!r->parent)
        return 0;
    cat_child_key(&key, r->parent, cat_name_hash(r->name), ino);
    value[0] = (unsigned char)r->kind;
    memcpy(value + 1, r->name.p, r->name.n);
    return put(t, CAT_CHILDREN, &key, sizeof(key), value, 1 + r->name.n, 0);
}

int cat_unlink(struct spfs_catalog_txn *t, uint64_t ino, const struct rec *r)
{
    struct child_key key;
    if (!r->parent)
        return 0;
    cat_child_key(&key, r->parent, cat_name_hash(r->name), ino);
    return del(t, CAT_CHILDREN, &key, sizeof(key));
}

int cat_set_id(struct spfs_catalog_txn *t, uint32_t drive, struct str id, uint64_t ino)
{
    struct id_key key;
    cat_id_key(&key, drive, id);
    return put(t, CAT_IDS, &key, sizeof(key), &ino, sizeof(ino), 0);
}

int cat_forget_id(struct spfs_catalog_txn *t, uint32_t drive, struct str id)
{
    struct id_key key;
    cat_id_key(&key, drive, id);
    return del(t, CAT_IDS, &key, sizeof(key));
}

int cat_set_view(struct spfs_catalog_txn *t, uint32_t view, uint64_t ino)
{
    uint64_t key = view;
    return put(t, CAT_VIEWS, &key, sizeof(key), &ino, sizeof(ino), 0);
}

int cat_forget_view(struct spfs_catalog_txn *t, uint32_t view)
{
    uint64_t key = view;
    return del(t, CAT_VIEWS, &key, sizeof(key));
}

int cat_is_above(struct spfs_catalog_txn *t, uint64_t ino, uint64_t parent)
{
    struct rec r;
    while (parent && parent != ino) {
        int err = cat_rec(t->c, t->txn, parent, &r);
        if (err)
            return err == -ENOENT ? -EIO : err;
        parent = r.parent;
    }
    return parent == ino;
}

int cat_adopt(struct spfs_catalog_txn *t, uint64_t from, uint64_t to)
{
    struct held child;
    uint64_t ino;
    int got;
    t->memo_ino = 0;
    while ((got = cat_any_child(t->c, t->txn, from, &ino)) > 0) {
        int err = cat_held(t->c, t->txn, ino, &child);
        if (!err)
            err = cat_unlink(t, ino, &child.r);
        child.r.parent = to;
        if (!err)
            err = cat_link(t, ino, &child.r);
        if (!err)
            err = cat_store(t, ino, &child.r);
        if (!err)
            err = cat_news(t, SPFS_NEWS_ADDED, ino, &child.r);
        if (err)
            return err == -ENOENT ? -EIO : err;
    }
    return got;
}

void cat_round_key(struct round_key *k, uint32_t drive, uint64_t ino)
{
    be32(k->b, drive);
    be64(k->b + 4, ino);
}

int cat_round_note(struct spfs_catalog_txn *t, uint32_t drive, uint64_t ino, uint64_t parent)
{
    struct round_key key;
    cat_round_key(&key, drive, ino);
    return put(t, CAT_ROUND, &key, sizeof(key), &parent, parent ? sizeof(parent) : 0, 0);
}

int cat_round_void(struct spfs_catalog_txn *t, uint32_t drive, uint64_t ino)
{
    struct round_key key;
    cat_round_key(&key, drive, ino);
    return del(t, CAT_ROUND, &key, sizeof(key));
}

int cat_round_noted(struct spfs_catalog_txn *t, uint32_t drive, uint64_t ino, uint64_t *ret_parent)
{
    struct round_key key;
    cat_round_key(&key, drive, ino);
    MDB_val k = val_of(&key, sizeof(key)), v;
    int rc = mdb_get(t->txn, cat_dbi(t->c, CAT_ROUND), &k, &v);
    if (rc)
        return rc == MDB_NOTFOUND ? 0 : env_errno(rc);
    *ret_parent = 0;
    if (v.mv_size == sizeof(*ret_parent))
        memcpy(ret_parent, v.mv_data, sizeof(*ret_parent));
    return 1;
}

int cat_save_drive(struct spfs_catalog_txn *t, const struct spfs_drive_rec *d)
{
    unsigned char bytes[DRIVE_MAX];
    uint64_t key = d->number;
    return put(t, CAT_DRIVES, &key, sizeof(key), bytes, drive_encode(d, bytes), 0);
}

/* A library takes its drive along. */
static int remove_drive(struct spfs_catalog_txn *t, uint32_t number)
{
    SPFS_FREE struct spfs_drive_rec *d = malloc(sizeof(*d));
    uint64_t key = number;
    if (!d)
        return -ENOMEM;
    int err = cat_drive(t->c, t->txn, number, d);
    if (!err)
        err = cat_forget_id(t, DRIVE_IDS, str_of(d->id));
    if (!err)
        err = del(t, CAT_DRIVES, &key, sizeof(key));
    return err == -ENOENT ? 0 : err;
}

/* One node without children. */
static int remove_leaf(struct spfs_catalog_txn *t, uint64_t ino, const struct rec *r)
{
    int err = cat_news(t, SPFS_NEWS_DELETED | (r->parent ? SPFS_NEWS_REMOVED : 0u), ino, r);
    if (!err)
        err = cat_unlink(t, ino, r);
    if (!err && r->id.n)
        err = cat_forget_id(t, r->drive, r->id);
    if (!err && r->view)
        err = cat_forget_view(t, r->view);
    if (!err)
        err = cat_round_void(t, r->drive, ino);
    if (!err && r->kind == SPFS_KIND_LIBRARY)
        err = remove_drive(t, r->drive);
    return err ? err : del(t, CAT_NODES, &ino, sizeof(ino));
}

int cat_remove_some(struct spfs_catalog_txn *t, uint64_t ino, size_t *budget)
{
    struct held node;
    uint64_t at = ino, child;
    t->memo_ino = 0;
    while (*budget > 0) {
        int got = cat_any_child(t->c, t->txn, at, &child);
        if (got < 0)
            return got;
        if (got > 0) {
            at = child;
            continue;
        }
        int err = cat_held(t->c, t->txn, at, &node);
        if (!err)
            err = remove_leaf(t, at, &node.r);
        if (err)
            return err;
        --*budget;
        if (at == ino)
            return 1;
        at = node.r.parent;
    }
    return 0;
}

int spfs_catalog_remove(struct spfs_catalog_txn *t, uint64_t ino)
{
    size_t budget = SIZE_MAX;
    if (ino == SPFS_INO_TENANT)
        return -EINVAL;
    int got = cat_remove_some(t, ino, &budget);
    return got > 0 ? 0 : got;
}
