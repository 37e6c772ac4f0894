// SPDX-License-Identifier: GPL-3.0-or-later
/* Ends of things: of a delta round (deletes noted in it, moves held back), of a full enumeration (sweep), of
 * a direct listing. Until such an end absence means nothing. Notes live in the table `round`, so that a round
 * may go on after a restart. */
#include "catalog_i.h"

#include <spfs/base/log.h>

#include <errno.h>

enum {
    SWEEP_LOOKS = 50000
}; /* records read in one sweep transaction, so that it stays short when there is nothing to remove */

int spfs_catalog_note_gone(struct spfs_catalog_txn *t, uint32_t drive, const char *id)
{
    uint64_t ino;
    struct rec r;
    int err = cat_ino_of(t->c, t->txn, drive, str_of(id), &ino);
    if (!err)
        err = cat_rec(t->c, t->txn, ino, &r);
    if (err == -ENOENT || (!err && !str_same(r.id, str_of(id))))
        return 0; /* never seen here */
    if (!err && r.kind >= SPFS_KIND_TENANT) {
        cat_refuse(t, id, "the root of a drive is not deleted by a delta");
        return 0;
    }
    return err ? err : cat_round_note(t, drive, ino, 0);
}

/* The note after (drive, *ino): 1, 0 none left, -EIO. */
static int next_note(struct spfs_catalog_txn *t, uint32_t drive, uint64_t *ino, uint64_t *ret_parent)
{
    CAT_CURSOR MDB_cursor *cur = NULL;
    struct round_key key;
    cat_round_key(&key, drive, *ino + 1);
    MDB_val k = val_of(&key, sizeof(key)), v;
    int rc = mdb_cursor_open(t->txn, cat_dbi(t->c, CAT_ROUND), &cur);
    if (!rc)
        rc = mdb_cursor_get(cur, &k, &v, MDB_SET_RANGE);
    if (rc)
        return rc == MDB_NOTFOUND ? 0 : env_errno(rc);
    if (k.mv_size != sizeof(key) || memcmp(k.mv_data, key.b, 4) != 0)
        return 0;
    *ino = from_be64((const unsigned char *)k.mv_data + 4);
    *ret_parent = 0;
    if (v.mv_size == sizeof(*ret_parent))
        memcpy(ret_parent, v.mv_data, sizeof(*ret_parent));
    return 1;
}

/* A move that was held back: 1 when it could be made (or has become void), 0 while it is still a cycle. */
static int try_move(struct spfs_catalog_txn *t, uint32_t drive, uint64_t ino, uint64_t parent)
{
    struct held node;
    struct rec above;
    int cycle = 0, err = cat_held(t->c, t->txn, ino, &node);
    if (!err)
        err = cat_rec(t->c, t->txn, parent, &above);
    if (err == -ENOENT)
        return cat_round_void(t, drive, ino) ? -EIO : 1;
    if (!err)
        cycle = cat_is_above(t, ino, parent);
    if (err || cycle)
        return err ? err : cycle < 0 ? cycle : 0;
    if (node.r.parent)
        err = cat_news(t, SPFS_NEWS_REMOVED, ino, &node.r);
    if (!err)
        err = cat_unlink(t, ino, &node.r);
    node.r.parent = parent;
    if (!err)
        err = cat_link(t, ino, &node.r);
    if (!err)
        err = cat_store(t, ino, &node.r);
    if (!err)
        err = cat_news(t, SPFS_NEWS_ADDED, ino, &node.r);
    if (!err)
        err = cat_round_void(t, drive, ino);
    return err ? err : 1;
}

/* One held-back move may make room for another: again while something moved. */
static int apply_moves(struct spfs_catalog_txn *t, uint32_t drive)
{
    bool again = true;
    while (again) {
        uint64_t ino = 0, parent = 0;
        int got;
        again = false;
        while ((got = next_note(t, drive, &ino, &parent)) > 0) {
            int moved = parent ? try_move(t, drive, ino, parent) : 0;
            if (moved < 0)
                return moved;
            again = again || moved;
        }
        if (got < 0)
            return got;
    }
    return 0;
}

int spfs_catalog_apply_gone(struct spfs_catalog_txn *t, uint32_t drive)
{
    uint64_t ino = 0, parent = 0;
    int got, err = apply_moves(t, drive);
    if (err)
        return err;
    while ((got = next_note(t, drive, &ino, &parent)) > 0) {
        err = cat_round_void(t, drive, ino);
        if (!err && parent)
            spfs_warn("folder %llu stays where it was: the server puts it below itself",
                      (unsigned long long)ino);
        else if (!err)
            err = spfs_catalog_remove(t, ino);
        if (err && err != -ENOENT)
            return err;
    }
    return got;
}

/* 1: not seen by the enumeration, to be removed; 0: stays. A placeholder stays while something hangs below
 * it. */
static int is_unseen(struct spfs_catalog_txn *t, const struct rec *r, uint64_t ino, uint32_t drive,
                     uint32_t pass)
{
    uint64_t child;
    if (r->drive != drive || r->pass == pass || r->kind >= SPFS_KIND_TENANT)
        return 0;
    if (r->parent)
        return 1;
    int got = cat_any_child(t->c, t->txn, ino, &child);
    return got < 0 ? got : !got;
}

int spfs_catalog_sweep(struct spfs_catalog_txn *t, uint32_t drive, uint32_t pass, size_t max,
                       uint64_t *cursor, bool *ret_more)
{
    struct rec r;
    MDB_val k, v;
    uint64_t at = *cursor;
    size_t budget = max;
    CAT_CURSOR MDB_cursor *cur = NULL;
    int err = env_errno(mdb_cursor_open(t->txn, cat_dbi(t->c, CAT_NODES), &cur));
    *ret_more = false;
    k = val_of(&at, sizeof(at));
    int rc = err ? MDB_NOTFOUND : mdb_cursor_get(cur, &k, &v, MDB_SET_RANGE);
    for (size_t looks = 0; !rc; looks++) {
        memcpy(&at, k.mv_data, sizeof(at));
        if (budget == 0 || looks == SWEEP_LOOKS) {
            *cursor = at;
            *ret_more = true;
            return 0;
        }
        err = rec_decode(v.mv_data, v.mv_size, &r);
        int unseen = err ? err : is_unseen(t, &r, at, drive, pass);
        if (unseen > 0)
            unseen = cat_remove_some(t, at, &budget) < 0 ? -EIO : 1;
        if (unseen < 0)
            return unseen;
        /* After a removal the cursor is anywhere, and the node itself may be left for want of budget. */
        k = val_of(&at, sizeof(at));
        rc = mdb_cursor_get(cur, &k, &v, unseen ? MDB_SET_RANGE : MDB_NEXT);
    }
    *cursor = UINT64_MAX;
    return err ? err : rc == MDB_NOTFOUND ? 0 : env_errno(rc);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

struct numbers_list {
    uint64_t *v;
    size_t n, cap;
};

static int append(struct numbers_list *l, uint64_t ino)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        uint64_t *v = reallocarray(l->v, cap, sizeof(*v));
        if (!v)
            return -ENOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = ino;
    return 0;
}

/* Children that the listing did not bring and that nobody has put since it began. */
static int unlisted(struct spfs_catalog_txn *t, uint64_t folder, const uint64_t *seen, size_t n,
                    uint64_t stamp, struct numbers_list *ret)
{
    CAT_CURSOR MDB_cursor *cur = NULL;
    struct spfs_child child;
    struct rec r;
    size_t len;
    int err = env_errno(mdb_cursor_open(t->txn, cat_dbi(t->c, CAT_CHILDREN), &cur));
    int got = err ? 0 : cat_next_child(cur, folder, true, &child, &len);
    for (; !err && got > 0; got = cat_next_child(cur, folder, false, &child, &len)) {
        if (n && bsearch(&child.ino, seen, n, sizeof(*seen), by_number))
            continue;
        err = cat_rec(t->c, t->txn, child.ino, &r);
        if (!err && r.stamp <= stamp)
            err = append(ret, child.ino);
    }
    return err ? err : got;
}

int spfs_catalog_end_listing(struct spfs_catalog_txn *t, uint64_t folder, uint64_t *seen, size_t n,
                             uint64_t stamp_at_start, int64_t now_ms)
{
    struct held node;
    struct numbers_list gone = {0};
    int err = cat_held(t->c, t->txn, folder, &node);
    if (err)
        return err;
    if (n)
        qsort(seen, n, sizeof(*seen), by_number);
    err = unlisted(t, folder, seen, n, stamp_at_start, &gone);
    for (size_t i = 0; !err && i < gone.n; i++)
        err = spfs_catalog_remove(t, gone.v[i]);
    free(gone.v);
    if (err)
        return err;
    node.r.flags |= SPFS_NODE_LISTED;
    node.r.listed_ms = now_ms;
    return cat_store(t, folder, &node.r);
}
