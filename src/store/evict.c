// SPDX-License-Identifier: GPL-3.0-or-later
/* Eviction by S3-FIFO over segments: newcomers wait in the small queue (a quarter of the room); what was read
 * again by the time it reaches the head goes on to the main queue, the rest goes and leaves a ghost; a ghost
 * that comes back while it is young enters the main queue at once. In the main queue, each credit buys one
 * more round. Pinned segments are in neither. All under the writer's lock. */
#include "blocks_i.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
    SMALL_SHARE = 4,
    STEPS_MAX = 4096
}; /* second chances given in one call; then the head goes whatever its credit */

static int queue_head(struct blk_txn *t, enum blk_queue queue, struct block_key *ret)
{
    unsigned char first = (unsigned char)queue;
    MDB_cursor *cur;
    MDB_val key = val_of(&first, 1), v;
    int rc = mdb_cursor_open(t->txn, blk_dbi(t->b, BLK_QUEUE), &cur);
    if (rc)
        return env_errno(rc);
    rc = mdb_cursor_get(cur, &key, &v, MDB_SET_RANGE);
    int err = env_errno(rc);
    if (!err && (key.mv_size != 9 || v.mv_size != sizeof(*ret)))
        err = -EIO;
    if (!err && *(const unsigned char *)key.mv_data != first)
        err = -ENOENT;
    if (!err)
        memcpy(ret, v.mv_data, sizeof(*ret));
    mdb_cursor_close(cur);
    return err;
}

static void leave_ghost(struct spfs_blocks *b, uint64_t hash)
{
    b->ghosts[hash % GHOSTS] = (struct ghost){(uint32_t)(hash >> 32), (uint32_t)(b->put_bytes >> 20)};
}

/* Was it here not longer ago than the cache has been filled since? */
static bool take_ghost(struct spfs_blocks *b, uint64_t hash)
{
    struct ghost *g = &b->ghosts[hash % GHOSTS];
    if (g->tag != (uint32_t)(hash >> 32))
        return false;
    g->tag = 0;
    return (uint32_t)(b->put_bytes >> 20) - g->put_mib <= b->cap >> 20;
}

int blk_queue_for_new(struct blk_txn *t, const struct block_key *segment, uint64_t ino)
{
    int pinned = blk_is_pinned(t, ino);
    if (pinned)
        return pinned < 0 ? pinned : QUEUE_PINNED;
    return take_ghost(t->b, blk_segment_hash(segment)) ? QUEUE_MAIN : QUEUE_SMALL;
}

static int one_step(struct blk_txn *t, uint64_t limit, bool force)
{
    struct block_key k;
    struct segment s;
    enum blk_queue queue = t->totals.bytes[QUEUE_SMALL] > limit / SMALL_SHARE ? QUEUE_SMALL : QUEUE_MAIN;
    int err = queue_head(t, queue, &k);
    if (err == -ENOENT) {
        queue = queue == QUEUE_SMALL ? QUEUE_MAIN : QUEUE_SMALL;
        err = queue_head(t, queue, &k);
    }
    if (err)
        return err == -ENOENT ? -ENOSPC : err;
    err = blk_segment_get(t, &k, &s);
    if (err)
        return err == -ENOENT ? -EIO : err;
    uint64_t hash = blk_segment_hash(&k);
    unsigned credit = uses_take(&t->b->uses, hash);
    if (credit && !force) {
        if (queue == QUEUE_MAIN)
            uses_give(&t->b->uses, hash, credit - 1);
        return blk_segment_move(t, &k, &s, QUEUE_MAIN);
    }
    uint64_t blocks = t->totals.blocks;
    err = blk_segment_cut(t, &k, &s, UINT64_MAX);
    t->evicted += blocks - t->totals.blocks;
    if (!err && queue == QUEUE_SMALL)
        leave_ghost(t->b, hash);
    return err;
}

int blk_make_room(struct blk_txn *t, uint64_t more, uint64_t limit)
{
    int err = more > limit ? -ENOSPC : 0;
    for (unsigned step = 0; !err && blk_total(&t->totals) + more > limit; step++)
        err = one_step(t, limit, step >= STEPS_MAX);
    return err;
}

/* The oldest snapshot that anybody may still read; 0 when that cannot be told just now. */
static uint64_t oldest_snapshot(struct env *e, uint64_t newest)
{
    uint64_t oldest = newest;
    for (size_t i = 0; i < ENV_READERS; i++) {
        struct reader *r = &e->readers[i];
        if (!atomic_load_explicit(&r->busy, memory_order_acquire))
            continue;
        uint64_t at = atomic_load_explicit(&r->snapshot, memory_order_acquire);
        oldest = at < oldest ? at : oldest;
    }
    return oldest;
}

/* list: LMDB's own form, a count and that many page numbers, falling. */
static void punch_list(struct env *e, const MDB_val *list)
{
    const size_t *v = list->mv_data;
    if (list->mv_size < sizeof(*v) || v[0] > list->mv_size / sizeof(*v) - 1)
        return;
    for (size_t i = 1, n; i <= v[0]; i += n) {
        for (n = 1; i + n <= v[0] && v[i + n] == v[i] - n; n++)
            ;
        off_t from = (off_t)((v[i] - n + 1) * e->page_size), len = (off_t)(n * e->page_size);
        if (fallocate(e->data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, len) < 0)
            return; /* not on this filesystem: the pages stay ours and are used again */
    }
}

void blk_punch(struct spfs_blocks *b)
{
    SPFS_LOCKED(&b->env.writer);
    ENV_READER struct reader *r = NULL;
    MDB_cursor *cur;
    MDB_val k, v;
    const MDB_dbi free_pages = 0; /* LMDB's own table: transaction → pages that it freed */
    if (b->punch_due == 0 || env_read(&b->env, &r))
        return;
    b->punch_due--;
    /* Pages freed by transaction x are read by snapshots before x only; the last but one stays whole, should
     * the last meta page be lost. */
    uint64_t oldest = oldest_snapshot(&b->env, mdb_txn_id(r->txn) - 1), id;
    if (mdb_cursor_open(r->txn, free_pages, &cur))
        return;
    int rc = mdb_cursor_get(cur, &k, &v, MDB_FIRST);
    for (; !rc; rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) {
        memcpy(&id, k.mv_data, sizeof(id));
        if (id > oldest)
            break;
        punch_list(&b->env, &v);
    }
    mdb_cursor_close(cur);
}
