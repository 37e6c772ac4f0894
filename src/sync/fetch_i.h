/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to fetch, readahead and commit: slots, ranges, pins, and who may touch what.
 *
 * Slot: one block on its way. FREE → PROBING (claimed; its claimer looks in the block cache without the lock)
 * → FETCHING (part of a range) → READY (whole, waits for the committer) → COMMITTING → FREE. Aside: LOOSE
 * (whole, but the cache has refused it or there is none: kept until it was read, or until its buffer is
 * needed) and GONE (failed or done, out of the table, kept by the pins of readers that still look at it). Who
 * moves a slot: claimer PROBING; worker and data callback FETCHING → READY | GONE; committer READY →
 * COMMITTING → FREE | LOOSE; readers LOOSE → FREE. Invariants: a block has at most one slot in the table; it
 * is claimed there before anybody looks in the cache on its behalf, and leaves the table only after its
 * commit, so that a block which is neither in the table nor then in the cache is nowhere. Bytes of a slot are
 * visible up to range_visible(). A slot is freed when it is out of the table and has no pins. file->refs
 * counts opens, slots and ranges.
 *
 * Locks: one, fetch->lock (SPFS_RANK_FETCH). Everything below is guarded by it unless it says otherwise; the
 * bytes of a FETCHING slot belong to the data callback. */
#ifndef SPFS_SYNC_FETCH_I_H
#define SPFS_SYNC_FETCH_I_H

#include <spfs/sync/fetch.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    BLOCK = (int)SPFS_BLOCK_SIZE,
    READ_MAX = 1024 * 1024,
    PINS_MAX = READ_MAX / BLOCK + 1,
    CLAIM_MAX = 512,         /* blocks claimed at once: bounds the window at 64 MiB */
    RANGE_MIN = 1024 * 1024, /* of readahead, where there is so much to read */
    RANGE_MAX = 8 * 1024 * 1024,
    NEARLY_DONE =
        4 * 1024 * 1024, /* so much to go: the next range may start beside it, which hides the round trip */
    FIRST_MAX = 256 * 1024, /* first request of a reader that does not just look at the header */
    HEADER_MAX = 32 * 1024, /* a first read of at most this is a look at the header */
    AHEAD_FACTOR = 4,       /* a sequential reader gets a window of so many times what it has read in a row */
    OVERDRAFT = 32 * 1024 * 1024, /* beyond the budget, for blocks that somebody waits for */
    COMMIT_MIN = 4 * 1024 * 1024,
    COMMIT_MAX = 8 * 1024 * 1024,
    COMMIT_DELAY_MS = 50, /* what is left over is stored so long after it was noticed */
    IDLE_MS = 10000,      /* buffers go back to the system */
    SIBLING_MAX = 1024 * 1024,
    SIBLING_STREAMS = 8,
    SIBLING_TASKS = 4,
    TABLE_SIZE = 4096,  /* power of two: slots, files */
    CLOSED_MAX = 512,   /* closed files remembered, for what was verified of them */
    SEEN_BLOCKS = 4096, /* blocks a chunk of the map of verified blocks */
    SEEN_CHUNKS = 2048, /* so that files up to 1 TiB are mapped; beyond, blocks are verified each time */
};

enum slot_state {
    SLOT_FREE,
    SLOT_PROBING,
    SLOT_FETCHING,
    SLOT_READY,
    SLOT_COMMITTING,
    SLOT_LOOSE,
    SLOT_GONE
};

struct slot {
    struct slot *next;            /* chain of the table, or free list */
    struct slot *prev_q, *next_q; /* queue of READY or of LOOSE */
    struct spfs_fetch_file *file;
    uint64_t index;
    uint32_t len;
    enum slot_state state;
    bool consumed;       /* somebody has read it to its end */
    uint64_t claim;      /* number of its claim: its age */
    struct range *range; /* FETCHING */
    struct pin *pins;
    uint8_t *data; /* BLOCK bytes of the pool, for ever */
};

struct slot_queue {
    struct slot *head, *tail;
    unsigned n;
};

/* A reader's hold on a slot. On the reader's stack. */
struct pin {
    struct pin *next;
    struct slot *slot; /* NULL: the block is looked for in the cache */
    struct reader *reader;
    uint32_t need; /* bytes of the block, from its start, that must be there */
    bool ready;    /* they are; read by its reader without the lock after it was set under it */
};

struct reader {
    struct spfs_fetch_file *file;
    uint64_t off;
    size_t len;
    uint64_t first;   /* block */
    unsigned n;       /* blocks, ≤ PINS_MAX */
    unsigned missing; /* pins not ready */
    bool waiting,
        again; /* again: a pinned block has turned out to be in the cache, or its range was called off */
    int err;
    struct spfs_reason *reason;
    struct spfs_cond cond; /* made for the wait only */
    struct pin pins[PINS_MAX];
};

/* What is needed to ask the server for a file's bytes: immutable, shared by file and ranges. */
struct ident {
    unsigned refs;
    struct spfs_ref ref;
    struct spfs_version version;
    char text[];
};

struct spfs_fetch_file {
    struct spfs_fetch *f;
    struct spfs_fetch_file *next;            /* chain of the table */
    struct spfs_fetch_file *prev_c, *next_c; /* closed ones, oldest first */
    uint64_t ino, size;
    uint32_t content;
    unsigned opens, refs;
    unsigned slots; /* in the table */
    unsigned busy;  /* ranges running that are not nearly done */
    bool told_stale;
    bool closed; /* in the list of closed ones */
    struct ident *ident;
    _Atomic uint64_t *_Atomic *seen; /* verified blocks, by chunks; no lock: bits are only ever set */
    uint64_t chunks;
};

enum range_class { RANGE_DEMAND, RANGE_AHEAD, RANGE_SIBLING };

/* Consecutive blocks asked for in one request. Fields without a note are fixed after it was queued. */
struct range {
    struct spfs_fetch *f;
    struct spfs_fetch_file *file;
    struct ident *ident;
    struct range *next; /* queue or list of running ones; guarded by: lock */
    const void *stream; /* whose readahead; compared only */
    enum range_class class;
    uint64_t off, len;
    uint64_t at;         /* bytes copied in; the data callback's own */
    uint64_t got;        /* bytes published; guarded by: lock, like all below */
    uint64_t got_before; /* when this attempt began: proved by an earlier one */
    bool proved, running, called_off, nearly_done;
    unsigned waiters;  /* pins that are not ready */
    unsigned done;     /* slots that are READY or beyond */
    struct spfs_op op; /* while running */
    unsigned n;
    struct slot *slots[];
};

/* Bytes from the range's start that may be used. */
static inline uint64_t range_visible_locked(const struct range *r)
{
    return r->proved ? r->got : r->got_before;
}

struct task; /* siblings */

struct spfs_fetch {
    struct spfs_fetch_config config;
    struct spfs_lock lock;
    struct spfs_cond work, commit, room;
    bool stopping; /* nothing new begins; ranges are being ended */
    bool draining; /* no worker is left: the committer ends once all is stored */
    pthread_t *workers;
    unsigned workers_running;
    pthread_t committer;
    bool committer_running;

    struct slot *slots; /* all of them */
    unsigned slots_total, slots_used, room_waiters;
    uint64_t claims, freed;              /* ever */
    bool stuck;                          /* the committer: readers in sequence do not wait for it */
    unsigned limit_ahead, limit_sibling; /* slots in use beyond which these get none */
    bool touched;                        /* buffers hold pages of the system */
    uint8_t *map, *pool;                 /* what was mapped; its part that begins at a huge page */
    size_t map_size, pool_size;
    struct slot *free_slots;
    struct slot *table[TABLE_SIZE];
    struct slot_queue ready, loose;
    unsigned active_files; /* with slots */

    struct spfs_fetch_file *files[TABLE_SIZE];
    struct spfs_fetch_file *closed_head, *closed_tail;
    unsigned closed;

    struct range *queue, **queue_end;
    struct range *running;
    unsigned running_ahead, running_siblings;
    struct task *tasks, **tasks_end, *tasks_running;
    unsigned tasks_queued;

    struct spfs_fetch_stats stats; /* fetched_bytes, ranges, dropped */
};

/* fetch_slot.c: the pool, the table, pins */
int slot_pool_init(struct spfs_fetch *f);
void slot_pool_done(struct spfs_fetch *f);
void slot_pool_trim_locked(struct spfs_fetch *f); /* drops the lock meanwhile */
struct slot *slot_find_locked(struct spfs_fetch *f, const struct spfs_fetch_file *file, uint64_t index);
struct slot *slot_claim_locked(struct spfs_fetch_file *file, uint64_t index); /* NULL: no buffer at all */
unsigned slot_room_locked(const struct spfs_fetch *f,
                          enum range_class class);      /* slots that class may still claim */
unsigned slot_spare_locked(const struct spfs_fetch *f); /* slots of the budget that a waiting reader may have,
                                                           those kept loosely included */
void slot_gone_locked(struct slot *s);                  /* out of the table; freed now or by its last pin */
void slot_ready_locked(struct slot *s);
void slot_loose_locked(struct slot *s); /* whole, but not to be cached: kept while it may be of use */
void slot_push(struct slot_queue *q, struct slot *s);
struct slot *slot_pop(struct slot_queue *q);
void slot_unlink(struct slot_queue *q, struct slot *s);
void pin_add_locked(struct reader *r, unsigned i, struct slot *s);
void pin_drop_locked(struct reader *r, unsigned i);
void pins_satisfy_locked(struct slot *s, uint32_t usable);
void pins_fail_locked(struct slot *s, int err, const struct spfs_reason *reason); /* err 0: look again */
uint32_t file_block_len(const struct spfs_fetch_file *file, uint64_t index);

/* fetch.c */
void file_unref_locked(struct spfs_fetch_file *file);
bool file_seen(const struct spfs_fetch_file *file, uint64_t index);
void file_set_seen(struct spfs_fetch_file *file, uint64_t index);
void ident_unref_locked(struct ident *id);
/* A hold for work in the background: as open, without counting as an open file. NULL when there is none and
 * no memory. */
struct spfs_fetch_file *file_hold(struct spfs_fetch *f, const struct spfs_node *node, const char *drive_id);
void file_release(struct spfs_fetch_file *file);

/* fetch_claim.c: from missing blocks to ranges */
struct claim {
    struct spfs_fetch_file *file;
    struct spfs_stream *stream;      /* whose readahead; may be NULL */
    uint64_t demand_from, demand_to; /* blocks somebody waits for: always get through */
    uint64_t ahead_to;               /* blocks behind them that may be read ahead */
    enum range_class class;          /* of those behind */
    uint64_t piece;                  /* length of a range, bytes */
    unsigned started;                /* out: blocks that will be fetched */
    unsigned live;                   /* out: blocks behind the demand that were in flight already */
    uint64_t reached;                /* out: the block up to which there were buffers */
};
/* Claims, looks in the cache, queues ranges for the rest. r, where not NULL, has its missing blocks pinned
 * when this returns. 0, -ENOMEM, -ESHUTDOWN, or how the wait for a buffer ended. Without the lock. */
int claim_run(struct claim *c, struct reader *r, struct spfs_op *op);

/* fetch_range.c: ranges and the workers that run them */
int range_queue_locked(struct claim *c, struct slot **v, unsigned n, enum range_class class);
void ranges_call_off_locked(
    struct spfs_fetch_file *file,
    const void *stream); /* readahead nobody waits for; stream NULL: all, running ones too */
void ranges_shut_down_locked(struct spfs_fetch *f);
void *range_worker(void *fetch);

/* readahead.c: patterns */
struct ahead {
    uint64_t from, to; /* blocks; equal: nothing */
    uint64_t piece;
};
void ahead_note_locked(struct spfs_fetch_file *file, struct spfs_stream *s, uint64_t off, size_t len,
                       struct ahead *ret);
/* The read has missed the cache: what to fetch from its blocks on, itself included. */
void ahead_miss_locked(struct spfs_fetch_file *file, struct spfs_stream *s, const struct reader *r,
                       struct ahead *ret);
void ahead_reset_locked(struct spfs_stream *s);

/* readahead_siblings.c */
void task_run(struct spfs_fetch *f, struct task *t); /* takes; without the lock */
void tasks_free(struct spfs_fetch *f);
struct task *task_pop_locked(struct spfs_fetch *f);
void tasks_cancel_locked(struct spfs_fetch *f);

/* commit.c */
void *commit_main(void *fetch);
void commit_wake_locked(struct spfs_fetch *f);

#endif
