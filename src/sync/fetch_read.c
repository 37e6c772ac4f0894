// SPDX-License-Identifier: GPL-3.0-or-later
/* One read: blocks in flight are pinned, the others looked up in the cache, what is in neither is claimed;
 * then the reader waits for its pins and looks again, until it has everything in one hand: pins that are
 * ready and spans of one read transaction. The answer is given from there, without a copy and without a lock.
 * A warm read takes the lock once (to note the pattern), one read transaction, and one look-up a block.
 * Threads: any. A reader leaves its wait when its op ends; what it waited for goes on. */
#include "fetch_i.h"

#include <spfs/base/cleanup.h>

struct answer {
    struct spfs_blocks_txn *txn;
    struct iovec iov[PINS_MAX];
};

static void pin_all_locked(struct reader *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        struct slot *s = slot_find_locked(r->file->f, r->file, r->first + i);
        if (s)
            pin_add_locked(r, i, s);
    }
}

static const void *from_cache(struct reader *r, struct spfs_blocks_txn *t, uint64_t index)
{
    struct spfs_fetch_file *file = r->file;
    const void *p;
    size_t len;
    bool seen = file_seen(file, index);
    if (spfs_blocks_get(t, file->ino, file->content, index, !seen, &p, &len) < 0 ||
        len != file_block_len(file, index))
        return NULL;
    if (!seen)
        file_set_seen(file, index);
    return p;
}

/* True when every block is pinned or in the cache; then a->txn, if any, stays open. Does not look whether
 * pins are ready. */
static bool gather(struct reader *r, struct answer *a)
{
    struct spfs_blocks *b = r->file->f->config.blocks;
    a->txn = NULL;
    for (unsigned i = 0; i < r->n; i++) {
        uint64_t index = r->first + i, start = index * BLOCK;
        const uint8_t *p = NULL;
        if (r->pins[i].slot)
            p = r->pins[i].slot->data;
        else if (b && (a->txn || spfs_blocks_begin(b, &a->txn) == 0))
            p = from_cache(r, a->txn, index);
        if (!p) {
            if (a->txn)
                spfs_blocks_end(a->txn);
            return false;
        }
        uint64_t from = r->off > start ? r->off - start : 0, to = r->off + r->len - start;
        if (to > BLOCK)
            to = BLOCK;
        a->iov[i] = (struct iovec){.iov_base = (void *)(uintptr_t)(p + from), .iov_len = (size_t)(to - from)};
    }
    return true;
}

/* Until every pin is ready, or something has changed that makes the reader look again. */
static int wait_pins(struct reader *r, struct spfs_op *op)
{
    struct spfs_fetch *f = r->file->f;
    int err = 0;
    SPFS_LOCKED(&f->lock);
    if (r->missing > 0) {
        spfs_cond_init(&r->cond);
        r->waiting = true;
        while (r->missing > 0 && r->err == 0 && !r->again && err == 0)
            err = spfs_op_wait(op, &r->cond, &f->lock);
        r->waiting = false;
        spfs_cond_done(&r->cond);
    }
    if (r->missing == 0)
        return 0;
    if (r->err == 0 && err != 0)
        r->err = err;
    if (r->err)
        return r->err;
    r->again = false;
    for (unsigned i = 0; i < r->n; i++)
        if (r->pins[i].slot && r->pins[i].slot->state == SLOT_GONE && !r->pins[i].ready)
            pin_drop_locked(r, i);
    return 0;
}

static int start_missing(struct reader *r, struct spfs_stream *stream, struct spfs_op *op)
{
    struct ahead a = {.to = r->first + r->n, .piece = RANGE_MAX};
    if (stream) {
        SPFS_LOCKED(&r->file->f->lock);
        ahead_miss_locked(r->file, stream, r, &a);
    }
    struct claim c = {
        .file = r->file,
        .stream = stream,
        .demand_from = r->first,
        .demand_to = r->first + r->n,
        .ahead_to = a.to,
        .class = RANGE_AHEAD,
        .piece = a.piece,
    };
    return claim_run(&c, r, op);
}

static void start_ahead(struct spfs_fetch_file *file, struct spfs_stream *stream, struct spfs_op *op,
                        struct ahead *a)
{
    if (a->from >= a->to)
        return;
    struct claim c = {
        .file = file,
        .stream = stream,
        .demand_from = a->from,
        .demand_to = a->from,
        .ahead_to = a->to,
        .class = RANGE_AHEAD,
        .piece = a->piece,
    };
    claim_run(&c, NULL, op); /* best effort: whoever needs the blocks will say so */
    a->from = a->to;
}

static bool pins_pending(struct reader *r)
{
    SPFS_LOCKED(&r->file->f->lock);
    return r->missing > 0;
}

static int read_all(struct reader *r, struct spfs_stream *stream, struct spfs_op *op, unsigned flags,
                    struct ahead *ahead, bool pending,
                    int (*reply)(void *ctx, const struct iovec *iov, int n), void *ctx)
{
    for (;;) {
        struct answer a;
        bool whole = gather(r, &a);
        if (whole && !pending) {
            int err = reply(ctx, a.iov, (int)r->n);
            if (a.txn)
                spfs_blocks_end(a.txn);
            return err;
        }
        if (whole && a.txn)
            spfs_blocks_end(a.txn);
        if (flags & SPFS_FETCH_CACHED_ONLY)
            return -ENODATA;
        int err = spfs_op_check(op);
        if (err == 0 && !whole) {
            err = start_missing(r, stream, op);
            ahead->from = ahead->to; /* included */
        } else if (err == 0) {
            start_ahead(r->file, stream, op, ahead);
        }
        if (err == 0)
            err = wait_pins(r, op);
        if (err)
            return err;
        pending = pins_pending(r);
    }
}

int spfs_fetch_read(struct spfs_fetch_file *file, struct spfs_stream *stream, struct spfs_op *op,
                    uint64_t off, size_t len, unsigned flags,
                    int (*reply)(void *ctx, const struct iovec *iov, int n), void *ctx,
                    struct spfs_reason *reason)
{
    if (len == 0 || len > READ_MAX || off >= file->size || len > file->size - off)
        return -EINVAL;
    struct spfs_fetch *f = file->f;
    struct ahead ahead = {0};
    struct reader r = {.file = file, .off = off, .len = len, .first = off / BLOCK, .reason = reason};
    r.n = (unsigned)((off + len - 1) / BLOCK - r.first + 1);
    bool pending = false, pinned = false;
    if (flags & (SPFS_FETCH_CACHED_ONLY | SPFS_FETCH_NO_AHEAD))
        stream = NULL;
    {
        SPFS_LOCKED(&f->lock);
        if (stream)
            ahead_note_locked(file, stream, off, len, &ahead);
        if (file->slots > 0)
            pin_all_locked(&r);
        pending = r.missing > 0;
    }
    int err = read_all(&r, stream, op, flags, &ahead, pending, reply, ctx);
    for (unsigned i = 0; i < r.n && !pinned; i++)
        pinned = r.pins[i].slot != NULL;
    if (pinned || err < 0) {
        SPFS_LOCKED(&f->lock);
        if (err < 0 && r.err == 0)
            r.err = err;
        for (unsigned i = 0; i < r.n; i++)
            pin_drop_locked(&r, i);
        if (err < 0 && stream)
            ahead_reset_locked(stream);
    }
    if (err >= 0)
        start_ahead(file, stream, op, &ahead);
    return err;
}
