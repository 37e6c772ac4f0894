/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The block cache: clean content in LMDB under cache_dir, keyed (ino, content version, block index). Fixed
 * blocks of 128 KiB (the last one of a file is shorter); each carries an XXH3 checksum that is verified on
 * the first read after opening the store. It may vanish at any time; nothing in it is the only copy of
 * anything.
 *
 * Never MDB_WRITEMAP: a full disk is -ENOSPC, not SIGBUS. Commits do not flush (MDB_NOSYNC): an unclean end
 * under another boot id discards the file at open. A cache of another format, another catalog (uuid), cut
 * short or damaged is discarded too. Eviction: by segments of 64 blocks in FIFO queues with a second chance
 * (S3-FIFO: small queue for newcomers, main for what was read again, ghosts), so that one long scan does not
 * wash out what is used; pinned inodes are exempt. The cap holds for the sum of bytes, the floor for the free
 * space of the disk: below it nothing is added and old segments go.
 *
 * Threads: reads from any thread within a short spfs_blocks_begin/end; puts from one writer at a time
 * (SPFS_RANK_STORE inside). Ownership: a span points into the map and is valid until spfs_blocks_end. */
#ifndef SPFS_STORE_BLOCKS_H
#define SPFS_STORE_BLOCKS_H

#include <spfs/base/str.h>
#include <stdbool.h>
#include <stdint.h>

#define SPFS_BLOCK_SIZE ((uint64_t)128 * 1024)

struct spfs_blocks;
struct spfs_blocks_txn; /* a read transaction; cheap (pooled) */

struct spfs_blocks_config {
    const char *dir; /* holds blocks.lmdb */
    const char *catalog_uuid;
    uint64_t cap;        /* bytes; 0: a tenth of the disk, at least 1 GiB */
    uint64_t free_floor; /* bytes to leave free on the disk; 0: 1 GiB or 5 %, whichever is less */
};

/* One block to store. data is borrowed for the call. */
struct spfs_block {
    uint64_t ino;
    uint32_t content;
    uint64_t index;
    const void *data;
    size_t len; /* 1..SPFS_BLOCK_SIZE */
};

int spfs_blocks_open(const struct spfs_blocks_config *config, struct spfs_blocks **ret,
                     struct spfs_reason *reason);
void spfs_blocks_close(struct spfs_blocks *b);

int spfs_blocks_begin(struct spfs_blocks *b,
                      struct spfs_blocks_txn **ret); /* 0, -ENOMEM, -EIO, -EAGAIN (too many readers) */
void spfs_blocks_end(struct spfs_blocks_txn *t);
/* 0 and the span, -ENOENT. A block whose checksum is wrong is -ENOENT, logged once, and dropped. verify:
 * check it now (the caller knows whether it has seen the block before); counts as a use for eviction. */
int spfs_blocks_get(struct spfs_blocks_txn *t, uint64_t ino, uint32_t content, uint64_t index, bool verify,
                    const void **ret_data, size_t *ret_len);
bool spfs_blocks_has(struct spfs_blocks_txn *t, uint64_t ino, uint32_t content, uint64_t index);

/* All or nothing, one commit. 0; -ENOSPC (disk full, floor reached or everything pinned: reads go on
 * uncached); -EIO. Evicts as needed, in bounded steps. */
int spfs_blocks_put(struct spfs_blocks *b, const struct spfs_block *v, size_t n);
/* Drops what is stored of ino: all versions but `keep` (0: all). Pinned or not. */
int spfs_blocks_drop(struct spfs_blocks *b, uint64_t ino, uint32_t keep);
int spfs_blocks_pin(struct spfs_blocks *b, uint64_t ino, bool pinned);

struct spfs_blocks_stats {
    uint64_t bytes, cap, blocks, evicted, corrupt;
    bool full; /* the last put was refused for space */
};
void spfs_blocks_stats(struct spfs_blocks *b, struct spfs_blocks_stats *ret);
/* Bytes of this version that are here. */
uint64_t spfs_blocks_cached(struct spfs_blocks *b, uint64_t ino, uint32_t content);

#endif
