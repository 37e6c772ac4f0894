// SPDX-License-Identifier: GPL-3.0-or-later
/* Segments: the records that say which blocks are here and in which queue they wait. Every change keeps data,
 * segments, queue and the totals in step. */
#include "blocks_i.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

struct queue_key {
    unsigned char b[9];
};

void blk_key(struct block_key *k, uint64_t ino, uint32_t content, uint64_t index)
{
    ino = __builtin_bswap64(ino);
    content = __builtin_bswap32(content);
    index = __builtin_bswap64(index);
    memcpy(k->b, &ino, 8);
    memcpy(k->b + 8, &content, 4);
    memcpy(k->b + 12, &index, 8);
}

uint64_t blk_segment_hash(const struct block_key *segment)
{
    return XXH3_64bits(segment->b, sizeof(segment->b));
}

uint64_t blk_checksum(const struct block_key *k, const void *data, size_t len)
{
    return XXH3_64bits_withSeed(data, len, XXH3_64bits(k->b, sizeof(k->b)));
}

static uint64_t index_of(const struct block_key *k)
{
    uint64_t index;
    memcpy(&index, k->b + 12, 8);
    return __builtin_bswap64(index);
}

static void queue_key(struct queue_key *k, uint32_t queue, uint64_t number)
{
    k->b[0] = (unsigned char)queue;
    number = __builtin_bswap64(number);
    memcpy(k->b + 1, &number, 8);
}

int blk_segment_get(struct blk_txn *t, const struct block_key *k, struct segment *ret)
{
    MDB_val key = val_of(k, sizeof(*k)), v;
    int rc = mdb_get(t->txn, blk_dbi(t->b, BLK_SEGMENTS), &key, &v);
    if (rc)
        return env_errno(rc);
    if (v.mv_size != sizeof(*ret))
        return -EIO;
    memcpy(ret, v.mv_data, sizeof(*ret));
    return ret->queue < QUEUES ? 0 : -EIO;
}

int blk_segment_put(struct blk_txn *t, const struct block_key *k, const struct segment *s)
{
    MDB_val key = val_of(k, sizeof(*k)), v = val_of(s, sizeof(*s));
    return env_errno(mdb_put(t->txn, blk_dbi(t->b, BLK_SEGMENTS), &key, &v, 0));
}

static int enqueue(struct blk_txn *t, const struct block_key *k, struct segment *s, enum blk_queue queue)
{
    struct queue_key q;
    s->queue = queue;
    s->number = t->totals.next_number++;
    queue_key(&q, queue, s->number);
    MDB_val key = val_of(&q, sizeof(q)), v = val_of(k, sizeof(*k));
    int err = env_errno(mdb_put(t->txn, blk_dbi(t->b, BLK_QUEUE), &key, &v, 0));
    t->totals.bytes[queue] += s->bytes;
    return err ? err : blk_segment_put(t, k, s);
}

static int dequeue(struct blk_txn *t, const struct segment *s)
{
    struct queue_key q;
    queue_key(&q, s->queue, s->number);
    MDB_val key = val_of(&q, sizeof(q));
    t->totals.bytes[s->queue] -= s->bytes;
    int rc = mdb_del(t->txn, blk_dbi(t->b, BLK_QUEUE), &key, NULL);
    return rc == MDB_NOTFOUND ? -EIO : env_errno(rc);
}

int blk_segment_new(struct blk_txn *t, const struct block_key *k, enum blk_queue queue, struct segment *ret)
{
    *ret = (struct segment){0};
    return enqueue(t, k, ret, queue);
}

int blk_segment_move(struct blk_txn *t, const struct block_key *k, struct segment *s, enum blk_queue queue)
{
    int err = dequeue(t, s);
    return err ? err : enqueue(t, k, s, queue);
}

static int delete_block(struct blk_txn *t, const struct block_key *k, struct segment *s, unsigned bit)
{
    struct block_key block = *k;
    uint64_t index = __builtin_bswap64(index_of(k) * SEGMENT_BLOCKS + bit);
    memcpy(block.b + 12, &index, 8);
    MDB_val key = val_of(&block, sizeof(block)), v;
    int rc = mdb_get(t->txn, blk_dbi(t->b, BLK_DATA), &key, &v);
    if (rc || v.mv_size < sizeof(struct block_head))
        return rc && rc != MDB_NOTFOUND ? env_errno(rc) : -EIO;
    uint32_t len = (uint32_t)(v.mv_size - sizeof(struct block_head));
    s->blocks &= ~((uint64_t)1 << bit);
    s->bytes -= len;
    t->totals.bytes[s->queue] -= len;
    t->totals.blocks--;
    return env_errno(mdb_del(t->txn, blk_dbi(t->b, BLK_DATA), &key, NULL));
}

int blk_segment_cut(struct blk_txn *t, const struct block_key *k, struct segment *s, uint64_t mask)
{
    int err = 0;
    for (mask &= s->blocks; !err && mask; mask &= mask - 1)
        err = delete_block(t, k, s, (unsigned)__builtin_ctzll(mask));
    if (err || s->blocks)
        return err ? err : blk_segment_put(t, k, s);
    MDB_val key = val_of(k, sizeof(*k));
    err = dequeue(t, s);
    uses_forget(&t->b->uses, blk_segment_hash(k));
    return err ? err : env_errno(mdb_del(t->txn, blk_dbi(t->b, BLK_SEGMENTS), &key, NULL));
}

int blk_segment_next(struct blk_txn *t, struct block_key *k, struct segment *ret)
{
    MDB_cursor *cur;
    MDB_val key = val_of(k, sizeof(*k)), v;
    int rc = mdb_cursor_open(t->txn, blk_dbi(t->b, BLK_SEGMENTS), &cur);
    if (rc)
        return env_errno(rc);
    rc = mdb_cursor_get(cur, &key, &v, MDB_SET_RANGE);
    int got = rc == MDB_NOTFOUND ? 0 : rc ? env_errno(rc) : 1;
    if (got > 0 && (key.mv_size != sizeof(*k) || v.mv_size != sizeof(*ret)))
        got = -EIO;
    if (got > 0 && memcmp(key.mv_data, k->b, 8) != 0)
        got = 0;
    if (got > 0) {
        memcpy(k->b, key.mv_data, sizeof(k->b));
        memcpy(ret, v.mv_data, sizeof(*ret));
        got = ret->queue < QUEUES ? 1 : -EIO;
    }
    mdb_cursor_close(cur);
    return got;
}

int blk_is_pinned(struct blk_txn *t, uint64_t ino)
{
    MDB_val key = val_of(&ino, sizeof(ino)), v;
    int rc = mdb_get(t->txn, blk_dbi(t->b, BLK_PINS), &key, &v);
    return rc == MDB_NOTFOUND ? 0 : rc ? env_errno(rc) : 1;
}
