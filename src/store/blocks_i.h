/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the block cache: tables, keys, records, and the memory of uses.
 *
 * A segment is up to 64 consecutive blocks of one version of one file: the unit of eviction. Tables (keys
 * big-endian): data      ino, content, index            → struct block_head, then the bytes segments  ino,
 * content, index / 64       → struct segment queue     queue, number                  → key of the segment;
 * the lowest number of a queue is its head pins      ino (native u64)               → nothing Invariants: a
 * segment is in exactly one queue, under its own number; its bitmap names the blocks that are in data; the
 * totals are the sums of the segments. Nothing here grows in memory with what is cached: the table of uses
 * and the ghosts have a fixed size. */
#ifndef SPFS_STORE_BLOCKS_I_H
#define SPFS_STORE_BLOCKS_I_H

#include "env_i.h"
#include <spfs/store/blocks.h>

enum blk_table { BLK_DATA, BLK_SEGMENTS, BLK_QUEUE, BLK_PINS, BLK_TABLES };
enum blk_queue { QUEUE_SMALL = 0, QUEUE_MAIN = 1, QUEUE_PINNED = 2, QUEUES };
enum { SEGMENT_BLOCKS = 64, USES = 1 << 16, GHOSTS = 1 << 16 };

struct block_key {
    unsigned char b[20];
};

struct block_head {
    uint64_t checksum; /* XXH3-64 of the bytes, seeded with the key */
    uint32_t len;
    uint32_t reserved;
};

struct segment {
    uint64_t blocks; /* bitmap of what is there */
    uint64_t number; /* its place in the queue */
    uint32_t bytes;
    uint32_t queue;
};

struct totals {
    uint64_t bytes[QUEUES];
    uint64_t blocks;
    uint64_t next_number;
};

/* Uses of one segment since it was put or last moved; see uses.c. */
struct use {
    _Atomic uint64_t seen; /* blocks read in this pass */
    _Atomic uint64_t meta; /* tag, second, last block, credit: packed */
};

struct uses {
    struct use v[USES];
};

/* A segment that went before it was read again. */
struct ghost {
    uint32_t tag;
    uint32_t put_mib; /* what had been put by then, for its age */
};

void uses_count(struct uses *u, uint64_t segment, unsigned block);
unsigned uses_take(struct uses *u, uint64_t segment); /* the credit, which is then gone */
void uses_give(struct uses *u, uint64_t segment, unsigned credit);
void uses_forget(struct uses *u, uint64_t segment); /* it is not here any more */

struct spfs_blocks {
    struct env env;
    uint64_t cap, free_floor;
    char dir[PATH_MAX];
    struct totals totals;        /* guarded by: env.writer */
    struct ghost ghosts[GHOSTS]; /* guarded by: env.writer */
    uint64_t put_bytes;          /* since open; guarded by: env.writer */
    unsigned punch_due;          /* times; guarded by: env.writer */
    /* For readers of the statistics. */
    _Atomic uint64_t bytes, blocks, evicted, corrupt;
    atomic_bool full;
    struct uses uses;
};

struct spfs_blocks_txn {
    struct reader r;
};

/* A write transaction with the totals as they will be. */
struct blk_txn {
    struct spfs_blocks *b;
    MDB_txn *txn;
    struct totals totals;
    uint64_t evicted;
};

static inline MDB_dbi blk_dbi(const struct spfs_blocks *b, enum blk_table t)
{
    return b->env.tables[t];
}

static inline uint64_t blk_total(const struct totals *t)
{
    return t->bytes[QUEUE_SMALL] + t->bytes[QUEUE_MAIN] + t->bytes[QUEUE_PINNED];
}

void blk_key(struct block_key *k, uint64_t ino, uint32_t content, uint64_t index);
uint64_t blk_segment_hash(const struct block_key *segment);
uint64_t blk_checksum(const struct block_key *k, const void *data, size_t len);

/* Takes and drops env.writer. */
int blk_begin(struct spfs_blocks *b, struct blk_txn *ret);
int blk_commit(struct blk_txn *t);
void blk_abort(struct blk_txn *t);

/* segment.c: 0, -ENOENT, -EIO. */
int blk_segment_get(struct blk_txn *t, const struct block_key *k, struct segment *ret);
int blk_segment_put(struct blk_txn *t, const struct block_key *k, const struct segment *s);
/* Makes it (no blocks yet) at the tail of queue. */
int blk_segment_new(struct blk_txn *t, const struct block_key *k, enum blk_queue queue, struct segment *ret);
/* To the tail of queue. */
int blk_segment_move(struct blk_txn *t, const struct block_key *k, struct segment *s, enum blk_queue queue);
/* Deletes its blocks of the mask, and the segment itself when none is left. */
int blk_segment_cut(struct blk_txn *t, const struct block_key *k, struct segment *s, uint64_t mask);
/* The first segment at or after k, below the same ino: 1, 0 none, -EIO. */
int blk_segment_next(struct blk_txn *t, struct block_key *k, struct segment *ret);
int blk_is_pinned(struct blk_txn *t, uint64_t ino); /* 1, 0, -EIO */

/* evict.c: makes room for more bytes below limit, in bounded steps. 0, -ENOSPC, -EIO. */
int blk_make_room(struct blk_txn *t, uint64_t more, uint64_t limit);
int blk_queue_for_new(struct blk_txn *t, const struct block_key *segment, uint64_t ino); /* queue, -EIO */
/* Gives free pages of the file back to the disk. Takes and drops env.writer. */
void blk_punch(struct spfs_blocks *b);

#endif
