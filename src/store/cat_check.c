// SPDX-License-Identifier: GPL-3.0-or-later
/* The catalog's invariants, checked one by one within one snapshot. See spfs/store/catalog.h. */
#include "catalog_i.h"

#include <errno.h>

struct check {
    struct spfs_catalog *c;
    MDB_txn *txn;
    struct spfs_reason *reason;
    uint64_t nodes, linked, with_id, views;
};

#define bad(k, ...) spfs_fail((k)->reason, -EBADMSG, __VA_ARGS__)
#define ULL(v)      ((unsigned long long)(v))

static int check_parent(struct check *k, uint64_t ino, const struct rec *r)
{
    struct rec above;
    uint64_t depth = 0;
    if (cat_rec(k->c, k->txn, r->parent, &above))
        return bad(k, "node %llu: parent %llu is missing", ULL(ino), ULL(r->parent));
    if (above.kind == SPFS_KIND_FILE)
        return bad(k, "node %llu: parent %llu is a file", ULL(ino), ULL(r->parent));
    bool top = above.kind == SPFS_KIND_TENANT || above.kind == SPFS_KIND_SITE;
    if (!top && above.drive != r->drive)
        return bad(k, "node %llu: drive %u below drive %u", ULL(ino), r->drive, above.drive);
    for (uint64_t at = r->parent; at; at = above.parent) {
        if (at == ino || depth++ > k->nodes)
            return bad(k, "node %llu is below itself", ULL(ino));
        if (cat_rec(k->c, k->txn, at, &above))
            return bad(k, "node %llu: ancestor %llu is missing", ULL(ino), ULL(at));
    }
    return 0;
}

static int check_link(struct check *k, uint64_t ino, const struct rec *r)
{
    struct child_key key;
    cat_child_key(&key, r->parent, cat_name_hash(r->name), ino);
    MDB_val mk = val_of(&key, sizeof(key)), v;
    if (mdb_get(k->txn, cat_dbi(k->c, CAT_CHILDREN), &mk, &v))
        return bad(k, "node %llu is not among the children of %llu", ULL(ino), ULL(r->parent));
    const unsigned char *b = v.mv_data;
    if (v.mv_size != r->name.n + 1 || b[0] != r->kind || memcmp(b + 1, r->name.p, r->name.n) != 0)
        return bad(k, "node %llu: its parent knows it by another name or kind", ULL(ino));
    k->linked++;
    return 0;
}

static int check_node(struct check *k, uint64_t ino, const struct rec *r)
{
    uint64_t at;
    if (ino == SPFS_INO_TENANT ? r->kind != SPFS_KIND_TENANT || r->parent : r->kind == SPFS_KIND_TENANT)
        return bad(k, "node %llu: kind %d", ULL(ino), (int)r->kind);
    if (r->content == 0)
        return bad(k, "node %llu has no content version", ULL(ino));
    int err = r->parent ? check_parent(k, ino, r) : 0;
    if (!err && r->parent)
        err = check_link(k, ino, r);
    if (err || !r->id.n)
        return err;
    k->with_id++;
    if (cat_ino_of(k->c, k->txn, r->drive, r->id, &at) || at != ino)
        return bad(k, "node %llu: its id leads elsewhere", ULL(ino));
    if (r->kind != SPFS_KIND_REMOTE)
        return 0;
    uint64_t view = r->view;
    MDB_val mk = val_of(&view, sizeof(view)), v;
    if (!view || mdb_get(k->txn, cat_dbi(k->c, CAT_VIEWS), &mk, &v) ||
        memcmp(v.mv_data, &ino, sizeof(ino)) != 0)
        return bad(k, "shortcut %llu has no view", ULL(ino));
    k->views++;
    return 0;
}

static int check_nodes(struct check *k)
{
    CAT_CURSOR MDB_cursor *cur = NULL;
    MDB_val mk, v;
    struct rec r;
    uint64_t ino;
    int err = env_errno(mdb_cursor_open(k->txn, cat_dbi(k->c, CAT_NODES), &cur));
    int rc = err ? MDB_NOTFOUND : mdb_cursor_get(cur, &mk, &v, MDB_FIRST);
    for (; !err && !rc; rc = mdb_cursor_get(cur, &mk, &v, MDB_NEXT)) {
        memcpy(&ino, mk.mv_data, sizeof(ino));
        err = rec_decode(v.mv_data, v.mv_size, &r) ? bad(k, "node %llu cannot be read", ULL(ino))
                                                   : check_node(k, ino, &r);
    }
    return err || rc == MDB_NOTFOUND ? err : env_errno(rc);
}

static int check_drives(struct check *k, uint64_t *ret_count)
{
    CAT_CURSOR MDB_cursor *cur = NULL;
    SPFS_FREE struct spfs_drive_rec *d = malloc(sizeof(*d));
    MDB_val mk, v;
    struct rec r;
    uint32_t number;
    if (!d)
        return -ENOMEM;
    int err = env_errno(mdb_cursor_open(k->txn, cat_dbi(k->c, CAT_DRIVES), &cur));
    int rc = err ? MDB_NOTFOUND : mdb_cursor_get(cur, &mk, &v, MDB_FIRST);
    for (; !err && !rc; rc = mdb_cursor_get(cur, &mk, &v, MDB_NEXT)) {
        ++*ret_count;
        if (drive_decode(v.mv_data, v.mv_size, d))
            err = bad(k, "a drive cannot be read");
        else if (cat_rec(k->c, k->txn, d->ino, &r) || r.kind != SPFS_KIND_LIBRARY || r.drive != d->number)
            err = bad(k, "drive %u has no library", d->number);
        else if (cat_drive_number(k->c, k->txn, d->id, &number) || number != d->number)
            err = bad(k, "drive %u: its id leads elsewhere", d->number);
    }
    return err || rc == MDB_NOTFOUND ? err : env_errno(rc);
}

static int check_round(struct check *k)
{
    CAT_CURSOR MDB_cursor *cur = NULL;
    MDB_val mk, v;
    struct rec r;
    int err = env_errno(mdb_cursor_open(k->txn, cat_dbi(k->c, CAT_ROUND), &cur));
    int rc = err ? MDB_NOTFOUND : mdb_cursor_get(cur, &mk, &v, MDB_FIRST);
    for (; !err && !rc; rc = mdb_cursor_get(cur, &mk, &v, MDB_NEXT)) {
        uint64_t ino = from_be64((const unsigned char *)mk.mv_data + 4);
        if (cat_rec(k->c, k->txn, ino, &r))
            err = bad(k, "node %llu is to be deleted and is not there", ULL(ino));
    }
    return err || rc == MDB_NOTFOUND ? err : env_errno(rc);
}

static int check_counts(struct check *k, uint64_t drives)
{
    static const enum cat_table which[] = {CAT_CHILDREN, CAT_IDS, CAT_VIEWS};
    const uint64_t want[] = {k->linked, k->with_id + drives, k->views};
    MDB_stat stat;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(which); i++) {
        int err = env_errno(mdb_stat(k->txn, cat_dbi(k->c, which[i]), &stat));
        if (err)
            return err;
        if (stat.ms_entries != want[i])
            return bad(k, "table %d: %llu records, %llu belong to nodes", (int)which[i], ULL(stat.ms_entries),
                       ULL(want[i]));
    }
    return 0;
}

int spfs_catalog_check(struct spfs_catalog *c, struct spfs_reason *reason)
{
    ENV_READER struct reader *r = NULL;
    MDB_stat stat;
    uint64_t drives = 0;
    int err = env_read(&c->env, &r);
    if (!err)
        err = env_errno(mdb_stat(r->txn, cat_dbi(c, CAT_NODES), &stat));
    if (err)
        return err;
    struct check k = {.c = c, .txn = r->txn, .reason = reason, .nodes = stat.ms_entries};
    err = check_nodes(&k);
    if (!err)
        err = check_drives(&k, &drives);
    if (!err)
        err = check_round(&k);
    return err ? err : check_counts(&k, drives);
}
