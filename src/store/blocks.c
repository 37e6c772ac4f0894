// SPDX-License-Identifier: GPL-3.0-or-later
/* The block cache: opening, reading, statistics. See spfs/store/blocks.h and blocks_i.h.
 *
 * States of the file: clean (closed and flushed) or in use by one boot of the machine. Commits do not flush,
 * so a file that was in use under another boot may hold anything and is discarded; after a kill under the
 * same boot it is whole, since the kernel has all that was written. */
#include "blocks_i.h"

#include <spfs/base/log.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BLOCKS_FORMAT "spfs blocks 1"
#define GIB           ((uint64_t)1 << 30)

static const struct table tables[BLK_TABLES] = {
    [BLK_DATA] = {"data", 0},
    [BLK_SEGMENTS] = {"segments", 0},
    [BLK_QUEUE] = {"queue", 0},
    [BLK_PINS] = {"pins", MDB_INTEGERKEY},
};

static int mark(struct spfs_blocks *b, MDB_txn *txn, const char *uuid)
{
    char boot[37] = "";
    unsigned char clean = 0;
    env_boot_id(boot);
    int err = env_meta_put(&b->env, txn, "uuid", uuid, 36);
    if (!err)
        err = env_meta_put(&b->env, txn, "boot", boot, 36);
    return err ? err : env_meta_put(&b->env, txn, "clean", &clean, 1);
}

/* -EBADMSG when what is there cannot be used. */
static int check(struct spfs_blocks *b, MDB_txn *txn, const char *uuid)
{
    char was[37] = "", boot[37] = "", now[37];
    unsigned char clean = 0;
    int err = env_meta_get(&b->env, txn, "uuid", was, 36);
    if (!err)
        err = env_meta_get(&b->env, txn, "boot", boot, 36);
    if (!err)
        err = env_meta_get(&b->env, txn, "clean", &clean, 1);
    if (!err)
        err = env_meta_get(&b->env, txn, "totals", &b->totals, sizeof(b->totals));
    if (err)
        return err == -ENOENT ? -EBADMSG : err;
    env_boot_id(now);
    if (strcmp(was, uuid) != 0)
        return -EBADMSG;
    return clean || (now[0] && strcmp(boot, now) == 0) ? 0 : -EBADMSG;
}

static int load(struct spfs_blocks *b, const char *uuid)
{
    MDB_txn *txn;
    SPFS_LOCKED(&b->env.writer);
    int err = env_write(&b->env, &txn);
    if (err)
        return err;
    memset(&b->totals, 0, sizeof(b->totals));
    b->totals.next_number = 1;
    err = b->env.fresh ? env_meta_put(&b->env, txn, "totals", &b->totals, sizeof(b->totals))
                       : check(b, txn, uuid);
    if (!err)
        err = mark(b, txn, uuid);
    if (err) {
        mdb_txn_abort(txn);
        return err;
    }
    err = env_commit(txn);
    /* "In use" must be on the disk before anything that is not flushed. */
    return err ? err : env_errno(mdb_env_sync(b->env.lmdb, 1));
}

static int set_limits(struct spfs_blocks *b, const struct spfs_blocks_config *config,
                      struct spfs_reason *reason)
{
    struct statvfs fs;
    if (statvfs(config->dir, &fs) < 0)
        return spfs_fail(reason, -errno, "Cannot examine the disk of %s: %s.", config->dir, strerror(errno));
    uint64_t disk = (uint64_t)fs.f_blocks * fs.f_frsize;
    b->cap = config->cap ? config->cap : disk / 10 > GIB ? disk / 10 : GIB;
    b->free_floor = config->free_floor ? config->free_floor : disk / 20 < GIB ? disk / 20 : GIB;
    return 0;
}

static void publish(struct spfs_blocks *b)
{
    atomic_store_explicit(&b->bytes, blk_total(&b->totals), memory_order_relaxed);
    atomic_store_explicit(&b->blocks, b->totals.blocks, memory_order_relaxed);
}

/* LMDB keeps each block of a batch in memory of its own until the commit. By default glibc maps, or trims
 * after each batch, pieces of that size, and the page faults then cost as much as the copy: keep what one
 * batch takes. For the whole process, idempotent. */
static void keep_batch_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

static int open_env(struct spfs_blocks *b, const char *uuid, struct spfs_reason *reason)
{
    /* Free pages and fragments need room beside the cap; address space is all that this costs. */
    struct env_spec spec = {
        .name = "blocks.lmdb",
        .format = BLOCKS_FORMAT,
        .tables = tables,
        .table_count = BLK_TABLES,
        .flags = MDB_NOSYNC,
        .map_size = b->cap > GIB << 10 ? b->cap * 2 : b->cap * 2 + GIB,
        .slack = (uint64_t)64 << 20,
    };
    int err = env_open(&b->env, &spec, reason);
    return err ? err : load(b, uuid);
}

int spfs_blocks_open(const struct spfs_blocks_config *config, struct spfs_blocks **ret,
                     struct spfs_reason *reason)
{
    SPFS_FREE struct spfs_blocks *b = calloc(1, sizeof(*b));
    char uuid[37] = "";
    if (!b)
        return spfs_fail(reason, -ENOMEM, "Out of memory.");
    memcpy(uuid, config->catalog_uuid, strnlen(config->catalog_uuid, 36));
    keep_batch_memory();
    env_init(&b->env);
    int err = env_own(&b->env, config->dir, "blocks.lmdb", reason);
    if (!err)
        err = spfs_copy(b->dir, sizeof(b->dir), config->dir) ? set_limits(b, config, reason) : -ENAMETOOLONG;
    if (!err)
        err = open_env(b, uuid, reason);
    if (err == -EBADMSG) {
        env_close(&b->env);
        spfs_note("%s is of no use any more (another catalog or format, damaged, or an unclean end): "
                  "starting with an empty cache",
                  b->env.path);
        err = env_discard(&b->env, false);
        if (!err)
            err = open_env(b, uuid, reason);
    }
    if (err) {
        env_done(&b->env);
        return err;
    }
    publish(b);
    *ret = TAKE(b);
    return 0;
}

/* Clean means: everything is on the disk, then the word that it is. */
static void mark_clean(struct spfs_blocks *b)
{
    MDB_txn *txn;
    unsigned char clean = 1;
    SPFS_LOCKED(&b->env.writer);
    if (mdb_env_sync(b->env.lmdb, 1) || env_write(&b->env, &txn))
        return;
    if (env_meta_put(&b->env, txn, "clean", &clean, 1))
        mdb_txn_abort(txn);
    else if (env_commit(txn) == 0)
        mdb_env_sync(b->env.lmdb, 1);
}

void spfs_blocks_close(struct spfs_blocks *b)
{
    if (!b)
        return;
    mark_clean(b);
    env_done(&b->env);
    free(b);
}

int blk_begin(struct spfs_blocks *b, struct blk_txn *ret)
{
    spfs_lock_take(&b->env.writer);
    *ret = (struct blk_txn){.b = b, .totals = b->totals};
    int err = env_write(&b->env, &ret->txn);
    if (err)
        spfs_lock_drop(&b->env.writer);
    return err;
}

int blk_commit(struct blk_txn *t)
{
    struct spfs_blocks *b = t->b;
    int err = env_meta_put(&b->env, t->txn, "totals", &t->totals, sizeof(t->totals));
    if (err) {
        blk_abort(t);
        return err;
    }
    err = env_commit(t->txn);
    if (!err) {
        b->totals = t->totals;
        atomic_fetch_add_explicit(&b->evicted, t->evicted, memory_order_relaxed);
        publish(b);
    }
    spfs_lock_drop(&b->env.writer);
    return err;
}

void blk_abort(struct blk_txn *t)
{
    mdb_txn_abort(t->txn);
    spfs_lock_drop(&t->b->env.writer);
}

int spfs_blocks_begin(struct spfs_blocks *b, struct spfs_blocks_txn **ret)
{
    struct reader *r;
    int err = env_read(&b->env, &r);
    if (!err)
        *ret = SPFS_CONTAINER(r, struct spfs_blocks_txn, r);
    return err;
}

void spfs_blocks_end(struct spfs_blocks_txn *t)
{
    env_read_end(&t->r);
}

static struct spfs_blocks *blocks_of(struct spfs_blocks_txn *t)
{
    return SPFS_CONTAINER(t->r.env, struct spfs_blocks, env);
}

/* A block that is not what was put: away with it, so that it is fetched again. */
static void drop_corrupt(struct spfs_blocks *b, uint64_t ino, uint32_t content, uint64_t index)
{
    struct blk_txn t;
    struct block_key k;
    struct segment s;
    if (atomic_fetch_add_explicit(&b->corrupt, 1, memory_order_relaxed) == 0)
        spfs_warn("%s holds damaged blocks; they are dropped and fetched again (check the disk)",
                  b->env.path);
    if (blk_begin(b, &t))
        return;
    blk_key(&k, ino, content, index / SEGMENT_BLOCKS);
    int err = blk_segment_get(&t, &k, &s);
    if (!err)
        err = blk_segment_cut(&t, &k, &s, (uint64_t)1 << index % SEGMENT_BLOCKS);
    if (err)
        blk_abort(&t);
    else
        blk_commit(&t);
}

int spfs_blocks_get(struct spfs_blocks_txn *t, uint64_t ino, uint32_t content, uint64_t index, bool verify,
                    const void **ret_data, size_t *ret_len)
{
    struct spfs_blocks *b = blocks_of(t);
    struct block_key k, segment;
    struct block_head head;
    blk_key(&k, ino, content, index);
    MDB_val key = val_of(&k, sizeof(k)), v;
    int rc = mdb_get(t->r.txn, blk_dbi(b, BLK_DATA), &key, &v);
    if (rc)
        return env_errno(rc);
    bool good = v.mv_size > sizeof(head);
    const char *data = (const char *)v.mv_data + sizeof(head);
    if (good) {
        memcpy(&head, v.mv_data, sizeof(head));
        good = head.len == v.mv_size - sizeof(head) &&
               (!verify || blk_checksum(&k, data, head.len) == head.checksum);
    }
    if (!good) {
        drop_corrupt(b, ino, content, index);
        return -ENOENT;
    }
    blk_key(&segment, ino, content, index / SEGMENT_BLOCKS);
    uses_count(&b->uses, blk_segment_hash(&segment), index % SEGMENT_BLOCKS);
    *ret_data = data;
    *ret_len = head.len;
    return 0;
}

bool spfs_blocks_has(struct spfs_blocks_txn *t, uint64_t ino, uint32_t content, uint64_t index)
{
    struct block_key k;
    blk_key(&k, ino, content, index);
    MDB_val key = val_of(&k, sizeof(k)), v;
    return mdb_get(t->r.txn, blk_dbi(blocks_of(t), BLK_DATA), &key, &v) == 0;
}

void spfs_blocks_stats(struct spfs_blocks *b, struct spfs_blocks_stats *ret)
{
    *ret = (struct spfs_blocks_stats){
        .bytes = atomic_load_explicit(&b->bytes, memory_order_relaxed),
        .cap = b->cap,
        .blocks = atomic_load_explicit(&b->blocks, memory_order_relaxed),
        .evicted = atomic_load_explicit(&b->evicted, memory_order_relaxed),
        .corrupt = atomic_load_explicit(&b->corrupt, memory_order_relaxed),
        .full = atomic_load_explicit(&b->full, memory_order_relaxed),
    };
}

uint64_t spfs_blocks_cached(struct spfs_blocks *b, uint64_t ino, uint32_t content)
{
    ENV_READER struct reader *r = NULL;
    struct block_key k;
    struct segment s;
    uint64_t sum = 0;
    if (env_read(&b->env, &r))
        return 0;
    struct blk_txn t = {.b = b, .txn = r->txn};
    blk_key(&k, ino, content, 0);
    unsigned char version[4];
    memcpy(version, k.b + 8, 4);
    for (;;) {
        if (blk_segment_next(&t, &k, &s) <= 0 || memcmp(k.b + 8, version, 4) != 0)
            return sum;
        sum += s.bytes;
        uint64_t index;
        memcpy(&index, k.b + 12, 8);
        blk_key(&k, ino, content, __builtin_bswap64(index) + 1);
    }
}
