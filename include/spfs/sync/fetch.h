/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content on its way from the server to readers and into the block cache: single flight, readahead, budget.
 *
 * Data flow: spfs_fetch_read looks each block up: (1) in the flight table (being fetched, or fetched and not
 * yet committed), (2) in the block cache, else (3) starts a range. Worker threads run remote->read for
 * ranges; arriving bytes fill block buffers; readers wake as bytes of a proven version arrive, not when the
 * range completes. A committer thread stores full blocks in batches and then drops them from the flight
 * table.
 *
 * Slot states: FETCHING → READY → (committed, gone) | FAILED (gone; its waiters get the error; the next
 * reader starts anew). Invariants: a block is in at most one flight; bytes of an unproven version reach
 * nobody; a slot with waiters or replies in progress (refs) is not freed; the sum of buffers is ≤ budget
 * (readers' own blocks always get through: budget limits readahead first). Threads: spfs_fetch_read from any;
 * N workers ("fetch"), one committer ("commit"). Lock: SPFS_RANK_FETCH, never held during remote calls, store
 * calls or replies. */
#ifndef SPFS_SYNC_FETCH_H
#define SPFS_SYNC_FETCH_H

#include <spfs/base/op.h>
#include <spfs/model/remote.h>
#include <spfs/store/blocks.h>
#include <spfs/store/catalog.h>
#include <sys/uio.h>

struct spfs_fetch;

struct spfs_fetch_config {
    struct spfs_remote *remote; /* shares, as all of these */
    struct spfs_blocks *blocks; /* NULL: uncached */
    unsigned workers;           /* parallel ranges over all files; 0: 12 */
    unsigned streams;           /* parallel ranges of one sequential reader; 0: 4 */
    uint64_t budget;            /* bytes of buffers; 0: 112 MiB */
    uint64_t window_max;        /* readahead of one reader at most, up to 64 MiB; 0: 64 MiB */
    /* The server's content is another than the one asked for, or its length: called without locks from a
     * worker; the owner refreshes the catalog. */
    void (*stale)(void *ctx, uint64_t ino, uint32_t content,
                  uint64_t served_size /* SPFS_SIZE_UNKNOWN: other version */);
    void *ctx;
};

int spfs_fetch_new(const struct spfs_fetch_config *config, struct spfs_fetch **ret);
int spfs_fetch_start(struct spfs_fetch *f);
void spfs_fetch_stop(struct spfs_fetch *f); /* waiters get -ESHUTDOWN; what is READY is committed first */
void spfs_fetch_free(struct spfs_fetch *f);

/* One version of one file, shared by its readers: strings are copied. */
struct spfs_fetch_file;
int spfs_fetch_open(struct spfs_fetch *f, const struct spfs_node *node, const char *drive_id,
                    struct spfs_fetch_file **ret); /* joins an open one of the same (ino, content) */
void spfs_fetch_close(
    struct spfs_fetch_file *file); /* last one cancels its readahead; ranges that somebody waits for go on */

/* The pattern of one reader (one open handle): window and direction. Embedded in the handle; zero it. Guarded
 * by the fetch lock. */
struct spfs_stream {
    uint64_t next;   /* where a sequential read would go on */
    uint64_t window; /* current readahead, bytes */
    uint64_t ahead;  /* read ahead up to here */
    unsigned hits;   /* sequential reads in a row */
    bool started;
};

enum spfs_fetch_flags {
    SPFS_FETCH_CACHED_ONLY =
        1, /* -EAGAIN… nothing is asked of the server: -ENODATA when not all here (offline, nofetch=) */
    SPFS_FETCH_NO_AHEAD = 2,
};

/* Reads [off, off+len) of the file's version, len > 0, inside its size, at most 1 MiB; answers by `reply`
 * exactly once on success with the bytes in order as an iovec (pointers into the cache's map or buffers,
 * valid until it returns; called without locks, inside a read transaction: be quick), whose result is
 * returned. Errors: those of remote->read; -ESTALE (content changed on the server), -ENODATA. */
int spfs_fetch_read(struct spfs_fetch_file *file, struct spfs_stream *stream, struct spfs_op *op,
                    uint64_t off, size_t len, unsigned flags,
                    int (*reply)(void *ctx, const struct iovec *iov, int n), void *ctx,
                    struct spfs_reason *reason);

/* Whole small files ahead of their reader (siblings of one that was opened): addresses by remote->prepare in
 * one request, then reads in the background; skips what is cached or in flight. n ≤ 20. Strings are copied.
 * Best effort. */
struct spfs_fetch_ahead {
    const struct spfs_node *node;
    const char *drive_id;
};
void spfs_fetch_siblings(struct spfs_fetch *f, const struct spfs_fetch_ahead *v, size_t n);

struct spfs_fetch_stats {
    uint64_t fetched_bytes, ranges, buffers, in_flight,
        dropped /* blocks not cached because the cache was full */;
};
void spfs_fetch_stats(struct spfs_fetch *f, struct spfs_fetch_stats *ret);

#endif
