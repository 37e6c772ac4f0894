/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the spool: its entries and the way in and out of one.
 *
 * Files below DIR/spool: NNNNNNNNNNNNNNNN an entry (its number in hex), epoch-NNNNNNNN the number of the
 * present life, nothing inside. Each open raises the epoch, durably; an entry's number is the epoch and a
 * count. So none is ever given twice, and a create costs no flush. */
#ifndef SPFS_STORE_SPOOL_I_H
#define SPFS_STORE_SPOOL_I_H

#include "journal_io_i.h"
#include <spfs/base/lock.h>
#include <spfs/store/spool.h>

/* In the list while it is used or has bytes to flush; fd is -1 while nobody uses it. */
struct spfs_spool_file {
    struct spfs_spool *spool;
    struct spfs_spool_file *next;
    uint64_t id;
    int fd;         /* set and closed under lock, by the first user and the last */
    unsigned refs;  /* guarded by: spool->lock, as all below */
    unsigned users; /* writes under way */
    bool alone;     /* a truncate, or the undoing of a write, is under way */
    bool flushing;
    bool dirty;    /* changed since the last flush began */
    bool broken;   /* a flush failed: nobody knows what is on the disk */
    bool removed;  /* freed by the last put */
    uint64_t end;  /* behind the last byte of every write that succeeded */
    uint64_t made; /* count of creates; its directory entry is durable when spool->named has reached it */
};

struct spfs_spool {
    const struct file_io *io;
    int dir;
    struct spfs_lock lock; /* SPFS_RANK_STORE_MEM */
    struct spfs_cond idle;
    struct spfs_spool_file *files; /* guarded by: lock */
    uint64_t epoch;
    uint64_t count;       /* numbers given in this life; guarded by: lock */
    uint64_t made, named; /* creates done, and how many of them are durable; guarded by: lock */
    bool inherited;       /* entries of earlier lives may not be flushed; guarded by: lock */
};

int spool_open(const struct file_io *io, const char *dir, struct spfs_spool **ret,
               struct spfs_reason *reason);

void spool_name(char out[32], uint64_t id);
/* Calls fn for each entry's number; non-zero ends it. 0, -EIO, -ENOMEM, or what fn returned. */
int spool_each(struct spfs_spool *s, int (*fn)(struct spfs_spool *s, uint64_t id, void *ctx), void *ctx);

#endif
