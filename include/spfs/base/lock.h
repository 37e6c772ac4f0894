/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ranked locks. A thread takes locks in rising rank only; debug and sanitizer builds abort on a violation.
 * No lock is held across HTTP, fuse_reply_*, fuse_lowlevel_notify_*, callbacks or bulk disk I/O. */
#ifndef SPFS_BASE_LOCK_H
#define SPFS_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The one table of ranks, outermost first. Two locks of one rank are never held together. */
enum spfs_lock_rank {
    SPFS_RANK_APP = 10,       /* control socket, compose */
    SPFS_RANK_VFS_DIR = 15,   /* one open directory: held while its entries are given out */
    SPFS_RANK_VFS = 20,       /* vfs tables of open files and directories */
    SPFS_RANK_VFS_FILE = 25,  /* one open file */
    SPFS_RANK_REFRESH = 30,   /* sync: schedule of drives */
    SPFS_RANK_LISTING = 32,   /* sync: folders being listed */
    SPFS_RANK_FETCH = 40,     /* sync: files with downloads in flight */
    SPFS_RANK_QUEUE = 45,     /* sync: queued changes */
    SPFS_RANK_GRAPH = 50,     /* graph: table of download addresses */
    SPFS_RANK_TOKEN = 55,     /* auth: token in memory */
    SPFS_RANK_STORE = 60,     /* store: write side of an environment */
    SPFS_RANK_STORE_MEM = 65, /* store: small tables in memory */
    SPFS_RANK_GOVERNOR = 70,  /* http: budget and pauses */
    SPFS_RANK_HTTP = 75,      /* http: submissions to the engine */
    SPFS_RANK_NOTIFY = 80,    /* fuse: queue of notifications */
    SPFS_RANK_WORKQ = 85,     /* base: work queue */
    SPFS_RANK_OP = 90,        /* base: cancellation of one operation */
    SPFS_RANK_LOG = 99,
};

struct spfs_lock {
    pthread_mutex_t m;
    enum spfs_lock_rank rank;
};

struct spfs_cond {
    pthread_cond_t c; /* on CLOCK_MONOTONIC */
};

void spfs_lock_init(struct spfs_lock *l, enum spfs_lock_rank rank);
void spfs_lock_done(struct spfs_lock *l);
void spfs_lock_take(struct spfs_lock *l);
void spfs_lock_drop(struct spfs_lock *l);

void spfs_cond_init(struct spfs_cond *c);
void spfs_cond_done(struct spfs_cond *c);
void spfs_cond_signal(struct spfs_cond *c);
void spfs_cond_broadcast(struct spfs_cond *c);
void spfs_cond_wait(struct spfs_cond *c, struct spfs_lock *l);
/* Waits at most ms. False when the time is over. Spurious wake-ups happen: loop on the condition. */
bool spfs_cond_wait_ms(struct spfs_cond *c, struct spfs_lock *l, uint64_t ms);

struct spfs_lock *spfs_lock_hold(struct spfs_lock *l); /* takes l and returns it, for SPFS_LOCKED */
void spfs_lock_release_p(struct spfs_lock **l);

/* Holds l until the end of the scope. */
#define SPFS_LOCKED(l)                                                                                       \
    struct spfs_lock *SPFS_LOCKED_NAME_(__LINE__) __attribute__((cleanup(spfs_lock_release_p), unused)) =    \
        spfs_lock_hold(l)
#define SPFS_LOCKED_NAME_(line)  SPFS_LOCKED_NAME2_(line)
#define SPFS_LOCKED_NAME2_(line) spfs_held_##line

#endif
