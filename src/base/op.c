/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations: deadline and cancellation.
 * A wait on a condition registers the condition and its lock; spfs_op_cancel cannot take that lock (its rank
 * is lower than the op's), so a waiter wakes at least every WAIT_SLICE_MS to look at the flag and cancel
 * broadcasts without the lock: a lost wake-up costs one slice, never the deadline. */
#include <spfs/base/op.h>
#include <spfs/base/clock.h>

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

enum { WAIT_SLICE_MS = 200 };

static _Atomic uint64_t next_id = 1;

void spfs_op_init(struct spfs_op *op, enum spfs_urgency urgency, uint64_t timeout_ms)
{
    static const uint64_t standard[] = {30000, 120000, 600000};
    *op = (struct spfs_op){.id = atomic_fetch_add(&next_id, 1), .urgency = urgency};
    if (timeout_ms == 0)
        timeout_ms = standard[urgency];
    op->deadline_ms = timeout_ms == UINT64_MAX ? UINT64_MAX : spfs_now_ms() + timeout_ms;
    spfs_lock_init(&op->lock, SPFS_RANK_OP);
}

void spfs_op_done(struct spfs_op *op)
{
    spfs_lock_done(&op->lock);
}

void spfs_op_cancel(struct spfs_op *op)
{
    SPFS_LOCKED(&op->lock);
    op->cancelled = true;
    if (op->wake)
        op->wake(op->wake_ctx);
}

int spfs_op_check(struct spfs_op *op)
{
    {
        SPFS_LOCKED(&op->lock);
        if (op->cancelled)
            return -EINTR;
    }
    return spfs_op_left_ms(op) == 0 ? -ETIMEDOUT : 0;
}

uint64_t spfs_op_left_ms(const struct spfs_op *op)
{
    if (op->deadline_ms == UINT64_MAX)
        return UINT64_MAX;
    uint64_t now = spfs_now_ms();
    return now >= op->deadline_ms ? 0 : op->deadline_ms - now;
}

void spfs_op_watch(struct spfs_op *op, void (*wake)(void *ctx), void *ctx)
{
    SPFS_LOCKED(&op->lock);
    op->wake = wake;
    op->wake_ctx = ctx;
}

static void wake_cond(void *ctx)
{
    spfs_cond_broadcast(ctx);
}

int spfs_op_wait(struct spfs_op *op, struct spfs_cond *c, struct spfs_lock *l)
{
    int err = spfs_op_check(op);
    if (err)
        return err;
    uint64_t left = spfs_op_left_ms(op);
    spfs_op_watch(op, wake_cond, c);
    spfs_cond_wait_ms(c, l, left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS);
    spfs_op_watch(op, NULL, NULL);
    return spfs_op_check(op);
}
