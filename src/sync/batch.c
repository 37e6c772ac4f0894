/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One page of items on its way into the catalog: the write transaction begins with the first item, after the
 * network is done. */
#include "tree_i.h"

#include <errno.h>
#include <string.h>

/* The pass that items count for is the one under way at this moment: a listing that began before an
 * enumeration must not date its items back, or the sweep takes them. */
static int current_pass(struct tree_batch *b)
{
    SPFS_FREE struct spfs_drive_rec *rec = malloc(sizeof(*rec));
    if (!rec)
        return -ENOMEM;
    int err = spfs_catalog_txn_drive(b->txn, b->drive, rec);
    if (!err)
        b->pass = rec->pass;
    return err;
}

int tree_batch_open(struct tree_batch *b)
{
    if (b->txn)
        return 0;
    int err = spfs_catalog_begin(b->tree->catalog, &b->txn);
    if (!err && !b->round)
        err = current_pass(b);
    if (err)
        tree_batch_abort(b);
    return err;
}

static int note_seen(struct tree_batch *b, uint64_t ino)
{
    if (b->seen_n == b->seen_cap) {
        size_t cap = b->seen_cap ? b->seen_cap * 2 : 256;
        uint64_t *v = realloc(b->seen, cap * sizeof(*v));
        if (!v)
            return -ENOMEM;
        b->seen = v;
        b->seen_cap = cap;
    }
    b->seen[b->seen_n++] = ino;
    return 0;
}

int tree_batch_item(void *ctx, const struct spfs_item *item)
{
    struct tree_batch *b = ctx;
    int err = tree_batch_open(b);
    if (err)
        return err;
    b->items++;
    if (item->deleted)
        return b->round ? spfs_catalog_note_gone(b->txn, b->drive, item->id) : 0;
    uint64_t ino = 0;
    err = spfs_catalog_put_item(b->txn, b->drive, b->pass, item, &ino);
    return !err && b->collect && ino ? note_seen(b, ino) : err;
}

int tree_batch_commit(struct tree_batch *b)
{
    if (!b->txn)
        return 0;
    int err = spfs_catalog_commit(TAKE(b->txn));
    if (!err) {
        SPFS_LOCKED(&b->tree->lock);
        b->tree->stats.items_applied += b->items;
    }
    b->items = 0;
    return err;
}

void tree_batch_abort(struct tree_batch *b)
{
    if (b->txn)
        spfs_catalog_abort(TAKE(b->txn));
    b->items = 0;
}
