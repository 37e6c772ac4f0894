// SPDX-License-Identifier: GPL-3.0-or-later
/* The write side of the block cache: putting a batch, dropping a file, pinning. One writer at a time, bounded
 * transactions. */
#include "blocks_i.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#define SHRINK_STEP ((uint64_t)64 << 20)
enum { DROP_SEGMENTS = 64 }; /* a transaction */

/* The segment under work in a batch: neighbours mostly share it. */
struct open_segment {
    struct block_key key;
    struct segment s;
    bool open;
};

static int finish(struct blk_txn *t, struct open_segment *o)
{
    int err = o->open ? blk_segment_put(t, &o->key, &o->s) : 0;
    o->open = false;
    return err;
}

static int use_segment(struct blk_txn *t, struct open_segment *o, const struct spfs_block *v)
{
    struct block_key k;
    blk_key(&k, v->ino, v->content, v->index / SEGMENT_BLOCKS);
    if (o->open && memcmp(&k, &o->key, sizeof(k)) == 0)
        return 0;
    int err = finish(t, o);
    if (err)
        return err;
    o->key = k;
    err = blk_segment_get(t, &k, &o->s);
    if (err == -ENOENT) {
        int queue = blk_queue_for_new(t, &k, v->ino);
        err = queue < 0 ? queue : blk_segment_new(t, &k, (enum blk_queue)queue, &o->s);
    }
    o->open = !err;
    return err;
}

static int put_block(struct blk_txn *t, struct open_segment *o, const struct spfs_block *v)
{
    struct block_key k;
    int err = use_segment(t, o, v);
    if (err)
        return err;
    blk_key(&k, v->ino, v->content, v->index);
    uint64_t bit = (uint64_t)1 << v->index % SEGMENT_BLOCKS;
    MDB_val key = val_of(&k, sizeof(k)), data;
    uint32_t before = 0;
    if (o->s.blocks & bit) {
        int rc = mdb_get(t->txn, blk_dbi(t->b, BLK_DATA), &key, &data);
        if (rc || data.mv_size < sizeof(struct block_head))
            return rc && rc != MDB_NOTFOUND ? env_errno(rc) : -EIO;
        before = (uint32_t)(data.mv_size - sizeof(struct block_head));
    }
    struct block_head head = {.checksum = blk_checksum(&k, v->data, v->len), .len = (uint32_t)v->len};
    data = (MDB_val){.mv_size = sizeof(head) + v->len};
    int rc = mdb_put(t->txn, blk_dbi(t->b, BLK_DATA), &key, &data, MDB_RESERVE);
    if (rc)
        return env_errno(rc);
    memcpy(data.mv_data, &head, sizeof(head));
    memcpy((char *)data.mv_data + sizeof(head), v->data, v->len);
    t->totals.blocks += !(o->s.blocks & bit);
    t->totals.bytes[o->s.queue] += v->len;
    t->totals.bytes[o->s.queue] -= before;
    o->s.bytes += (uint32_t)v->len - before;
    o->s.blocks |= bit;
    return 0;
}

static bool below_floor(const struct spfs_blocks *b, uint64_t more)
{
    struct statvfs fs;
    if (statvfs(b->dir, &fs) < 0)
        return false;
    return (uint64_t)fs.f_bavail * fs.f_frsize < b->free_floor + more;
}

/* The disk is short of space: gives some of ours back. */
static void shrink(struct spfs_blocks *b)
{
    struct blk_txn t;
    if (blk_begin(b, &t))
        return;
    uint64_t total = blk_total(&t.totals), pinned = t.totals.bytes[QUEUE_PINNED];
    uint64_t limit = total - pinned > SHRINK_STEP ? total - SHRINK_STEP : pinned;
    int err = blk_make_room(&t, 0, limit);
    if (t.evicted)
        b->punch_due = 3; /* pages are free for certain two transactions later */
    if (err)
        blk_abort(&t);
    else
        blk_commit(&t);
    blk_punch(b);
}

static int put_batch(struct spfs_blocks *b, const struct spfs_block *v, size_t n, uint64_t sum)
{
    struct blk_txn t;
    struct open_segment o = {.open = false};
    int err = blk_begin(b, &t);
    if (err)
        return err;
    err = blk_make_room(&t, sum, b->cap);
    for (size_t i = 0; !err && i < n; i++)
        err = put_block(&t, &o, &v[i]);
    if (!err)
        err = finish(&t, &o);
    if (!err) {
        b->put_bytes += sum;
        return blk_commit(&t);
    }
    blk_abort(&t);
    return err;
}

int spfs_blocks_put(struct spfs_blocks *b, const struct spfs_block *v, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (v[i].len == 0 || v[i].len > SPFS_BLOCK_SIZE)
            return -EINVAL;
        sum += v[i].len;
    }
    bool short_of_space = below_floor(b, sum);
    int err = short_of_space ? -ENOSPC : put_batch(b, v, n, sum);
    if (short_of_space || err == -ENOSPC)
        shrink(b);
    atomic_store_explicit(&b->full, err == -ENOSPC, memory_order_relaxed);
    return err;
}

static uint32_t content_of(const struct block_key *k)
{
    uint32_t content;
    memcpy(&content, k->b + 8, 4);
    return __builtin_bswap32(content);
}

/* Calls with the segments of ino from *k on, at most DROP_SEGMENTS in one transaction; 1: there are more. */
static int each_segment(struct spfs_blocks *b, struct block_key *k, uint64_t ino, bool drop, uint32_t keep,
                        enum blk_queue queue)
{
    struct blk_txn t;
    struct segment s;
    int got = 0, err = blk_begin(b, &t);
    if (err)
        return err;
    for (unsigned i = 0; !err && i < DROP_SEGMENTS; i++) {
        got = blk_segment_next(&t, k, &s);
        if (got <= 0)
            break;
        if (!drop)
            err = s.queue == queue ? 0 : blk_segment_move(&t, k, &s, queue);
        else if (!keep || content_of(k) != keep)
            err = blk_segment_cut(&t, k, &s, UINT64_MAX);
        uint64_t index;
        memcpy(&index, k->b + 12, 8);
        blk_key(k, ino, content_of(k), __builtin_bswap64(index) + 1);
    }
    if (err || got < 0) {
        blk_abort(&t);
        return err ? err : got;
    }
    err = blk_commit(&t);
    return err ? err : got;
}

int spfs_blocks_drop(struct spfs_blocks *b, uint64_t ino, uint32_t keep)
{
    struct block_key k;
    int more;
    blk_key(&k, ino, 0, 0);
    do
        more = each_segment(b, &k, ino, true, keep, QUEUE_SMALL);
    while (more > 0);
    return more;
}

int spfs_blocks_pin(struct spfs_blocks *b, uint64_t ino, bool pinned)
{
    struct blk_txn t;
    struct block_key k;
    int more, err = blk_begin(b, &t);
    if (err)
        return err;
    MDB_val key = val_of(&ino, sizeof(ino)), v = val_of("", 0);
    int rc = pinned ? mdb_put(t.txn, blk_dbi(b, BLK_PINS), &key, &v, 0)
                    : mdb_del(t.txn, blk_dbi(b, BLK_PINS), &key, NULL);
    if (rc && rc != MDB_NOTFOUND) {
        blk_abort(&t);
        return env_errno(rc);
    }
    err = blk_commit(&t);
    if (err)
        return err;
    blk_key(&k, ino, 0, 0);
    do
        more = each_segment(b, &k, ino, false, 0, pinned ? QUEUE_PINNED : QUEUE_SMALL);
    while (more > 0);
    return more;
}
