/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One operation on behalf of somebody: its deadline, its cancellation, its urgency and its id for the log.
 *
 * Every call that may wait takes a `struct spfs_op *` and ends by its reply, the deadline (-ETIMEDOUT) or
 * cancellation (-EINTR): there is no wait without a deadline (promise 18).
 * An op is made on the stack of the thread that serves the request and outlives every call it is passed to.
 * Waiting in a module: register the module's own condition with spfs_op_watch, so that spfs_op_cancel wakes
 * it. */
#ifndef SPFS_BASE_OP_H
#define SPFS_BASE_OP_H

#include <spfs/base/lock.h>

enum spfs_urgency {
    SPFS_URGENT = 0,     /* a program waits for it: look-up, read */
    SPFS_NORMAL = 1,     /* readahead, listing ahead, uploads */
    SPFS_BACKGROUND = 2, /* first delta pass, true-up */
};

struct spfs_op {
    uint64_t id;          /* unique in the process, for the log */
    uint64_t deadline_ms; /* on spfs_now_ms; UINT64_MAX never */
    enum spfs_urgency urgency;
    struct spfs_lock lock;
    bool cancelled; /* guarded by: lock */
    /* Whoever waits at the moment; guarded by: lock. At most one wait at a time. */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

/* timeout_ms from now; 0 means the default for that urgency (30 s urgent, 120 s normal, 600 s background). */
void spfs_op_init(struct spfs_op *op, enum spfs_urgency urgency, uint64_t timeout_ms);
void spfs_op_done(struct spfs_op *op);
/* Any thread. Wakes the waiter, if there is one. */
void spfs_op_cancel(struct spfs_op *op);
/* 0, -EINTR when cancelled, -ETIMEDOUT past the deadline. */
int spfs_op_check(struct spfs_op *op);
uint64_t spfs_op_left_ms(const struct spfs_op *op); /* until the deadline, 0 when over */

/* Waits on c (whose lock l the caller holds) until signalled, cancelled or over. 0 when woken (check your
 * condition again), -EINTR, -ETIMEDOUT. Takes care of waking c on spfs_op_cancel. l's rank must be below
 * SPFS_RANK_OP. */
int spfs_op_wait(struct spfs_op *op, struct spfs_cond *c, struct spfs_lock *l);

/* Registers a wake function for waits that are not on a condition (the http engine). Called with op->lock
 * held: it must not take a lock of rank ≥ SPFS_RANK_OP nor call back into op. NULL clears. */
void spfs_op_watch(struct spfs_op *op, void (*wake)(void *ctx), void *ctx);

#endif
