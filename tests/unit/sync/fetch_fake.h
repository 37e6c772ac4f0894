/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fakes for the tests of fetch: a remote that knows every byte and does what it is told, and a block cache in
 * memory behind store/blocks.h. Waits are on conditions: a test holds the remote at a byte, or the cache at
 * its next put, and lets go. */
#ifndef TEST_FETCH_FAKE_H
#define TEST_FETCH_FAKE_H

#include <spfs/sync/fetch.h>

enum fake_prove { PROVE_EARLY, PROVE_LATE, PROVE_NEVER };

struct fake_log {
    uint64_t off, len;
    enum spfs_urgency urgency;
    char item[32];
};

struct fake {
    struct spfs_remote remote;
    struct spfs_lock lock;
    struct spfs_cond cond;
    size_t chunk; /* bytes a callback; 0: 64 KiB */
    enum fake_prove prove;
    uint64_t hold_from; /* bytes from here on are held back; UINT64_MAX: none */
    uint64_t hold_to;   /* up to here; 0: to the end */
    bool hold_proof;
    int err; /* for a read that comes to err_at; err_times of them */
    uint64_t err_at;
    unsigned err_times;
    bool cut_short; /* such a read says 0 instead */
    uint64_t served_size;
    /* seen; guarded by: lock */
    unsigned reads, running, peak, held, prepares, prepared, stale_calls;
    uint64_t stale_size, bytes;
    uint8_t *count; /* times each byte was delivered, when counting */
    uint64_t count_size;
    struct fake_log log[4096];
};

void fake_init(struct fake *f);
void fake_done(struct fake *f);
void fake_count(struct fake *f, uint64_t size); /* counts each byte of offsets below size, over all items */
void fake_hold(struct fake *f, uint64_t from, uint64_t to);
void fake_release(struct fake *f);
void fake_wait_held(struct fake *f, unsigned n);  /* until n reads are held */
void fake_wait_reads(struct fake *f, unsigned n); /* until n reads have begun */
void fake_wait_quiet(struct fake *f);             /* until none runs */
void fake_stale(void *fake, uint64_t ino, uint32_t content, uint64_t served_size);
uint64_t fake_seed(const char *item, const char *etag);
void fake_fill(uint64_t seed, uint64_t off, void *p, size_t n);
bool fake_is(uint64_t seed, uint64_t off, const void *p, size_t n); /* are these the bytes? */
void fake_node(struct spfs_node *n, uint64_t ino, uint32_t content,
               uint64_t size); /* item "i<ino>", etag "e<content>" */

/* The cache. One at a time. */
struct spfs_blocks *fake_blocks_new(void);
void fake_blocks_free(struct spfs_blocks *b);
void fake_blocks_refuse(struct spfs_blocks *b, int err);  /* result of puts from now on */
void fake_blocks_hold(struct spfs_blocks *b, bool hold);  /* puts wait */
void fake_blocks_wait(struct spfs_blocks *b, unsigned n); /* until n blocks are stored */
unsigned fake_blocks_stored(struct spfs_blocks *b);
unsigned fake_blocks_verified(struct spfs_blocks *b); /* gets that asked for it */
void fake_blocks_corrupt(struct spfs_blocks *b, uint64_t ino, uint64_t index);
void fake_blocks_evict(struct spfs_blocks *b, uint64_t ino);

#endif
