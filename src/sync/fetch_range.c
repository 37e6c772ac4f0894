// SPDX-License-Identifier: GPL-3.0-or-later
/* Ranges and the workers that run them: one remote->read each.
 *
 * States of a range: queued → running → ended, or back to queued when its time was over but bytes have come
 * (it goes on from where it stands). Order: ranges that somebody waits for, in order; then readahead, up to
 * `streams` a file that are not nearly done, leaving a quarter of the workers free; then siblings. Threads: N
 * workers ("fetch"); range_data and range_proved run on the http engine's thread, copy without the lock and
 * publish under it. Ownership: a range belongs to the queue, then to its worker; its slots belong to the
 * table. */
#include "fetch_i.h"

#include <spfs/base/cleanup.h>
#include <spfs/base/log.h>
#include <stdlib.h>
#include <string.h>

/* A transfer this slow still ends in time; a stalled one is ended by the remote long before. */
enum { RANGE_MS = 60000, RANGE_BYTES_PER_MS = 64 };

static void range_free_locked(struct range *r)
{
    file_unref_locked(r->file);
    ident_unref_locked(r->ident);
    free(r);
}

int range_queue_locked(struct claim *c, struct slot **v, unsigned n, enum range_class class)
{
    struct spfs_fetch *f = c->file->f;
    struct range *r = calloc(1, sizeof(*r) + n * sizeof(*v));
    if (!r)
        return -ENOMEM;
    r->f = f;
    r->file = c->file;
    r->ident = c->file->ident;
    r->file->refs++;
    r->ident->refs++;
    r->stream = c->stream;
    r->class = class;
    r->off = v[0]->index * BLOCK;
    r->len = v[n - 1]->index * BLOCK + v[n - 1]->len - r->off;
    r->n = n;
    for (unsigned i = 0; i < n; i++) {
        r->slots[i] = v[i];
        v[i]->state = SLOT_FETCHING;
        v[i]->range = r;
        for (struct pin *p = v[i]->pins; p; p = p->next)
            r->waiters++; /* joined while its claimer was looking in the cache */
    }
    *f->queue_end = r;
    f->queue_end = &r->next;
    spfs_cond_signal(&f->work);
    return 0;
}

static void fail_rest_locked(struct range *r, int err, const struct spfs_reason *reason)
{
    for (unsigned i = r->done; i < r->n; i++) {
        pins_fail_locked(r->slots[i], err, reason);
        slot_gone_locked(r->slots[i]);
    }
}

static void unlink_queued_locked(struct spfs_fetch *f, struct range **at)
{
    struct range *r = *at;
    *at = r->next;
    if (f->queue_end == &r->next)
        f->queue_end = at;
    r->next = NULL;
}

void ranges_call_off_locked(struct spfs_fetch_file *file, const void *stream)
{
    struct spfs_fetch *f = file->f;
    for (struct range **at = &f->queue; *at;) {
        struct range *r = *at;
        if (r->file != file || r->class != RANGE_AHEAD || r->waiters > 0 || (stream && r->stream != stream)) {
            at = &r->next;
            continue;
        }
        unlink_queued_locked(f, at);
        fail_rest_locked(r, 0, NULL);
        range_free_locked(r);
    }
    for (struct range *r = f->running; r && !stream; r = r->next) {
        if (r->file != file || r->class != RANGE_AHEAD || r->waiters > 0)
            continue;
        r->called_off = true;
        spfs_op_cancel(&r->op);
    }
}

void ranges_shut_down_locked(struct spfs_fetch *f)
{
    while (f->queue) {
        struct range *r = f->queue;
        unlink_queued_locked(f, &f->queue);
        fail_rest_locked(r, -ESHUTDOWN, NULL);
        range_free_locked(r);
    }
    for (struct range *r = f->running; r; r = r->next)
        spfs_op_cancel(&r->op);
}

/* Makes bytes that have arrived visible: wakes whoever has enough, hands whole blocks to the committer. */
static void publish_locked(struct range *r)
{
    uint64_t visible = range_visible_locked(r);
    while (r->done < r->n) {
        struct slot *s = r->slots[r->done];
        uint64_t start = s->index * BLOCK - r->off;
        if (visible <= start)
            break;
        uint64_t have = visible - start;
        if (have < s->len) {
            pins_satisfy_locked(s, (uint32_t)have);
            break;
        }
        pins_satisfy_locked(s, s->len);
        slot_ready_locked(s);
        r->done++;
    }
    if (!r->nearly_done && r->len - r->got <= NEARLY_DONE) {
        r->nearly_done = true;
        r->file->busy--;
        if (r->f->queue)
            spfs_cond_signal(&r->f->work);
    }
}

static int range_data(void *ctx, const void *p, size_t n)
{
    struct range *r = ctx;
    const uint8_t *from = p;
    if (n > r->len - r->at)
        return -EIO;
    for (size_t left = n; left > 0;) {
        uint64_t in = r->at % BLOCK; /* ranges begin at a block */
        size_t k = left < BLOCK - in ? left : (size_t)(BLOCK - in);
        memcpy(r->slots[r->at / BLOCK]->data + in, from, k);
        from += k;
        left -= k;
        r->at += k;
    }
    SPFS_LOCKED(&r->f->lock);
    r->got = r->at;
    r->f->stats.fetched_bytes += n;
    publish_locked(r);
    return r->called_off && r->waiters == 0 ? -EINTR : 0;
}

static void range_proved(void *ctx)
{
    struct range *r = ctx;
    SPFS_LOCKED(&r->f->lock);
    r->proved = true;
    publish_locked(r);
}

static bool may_run(const struct spfs_fetch *f, const struct range *r)
{
    unsigned most = f->config.workers - f->config.workers / 4;
    if (r->class == RANGE_SIBLING)
        return f->running_siblings < SIBLING_STREAMS && f->running_ahead + f->running_siblings < most;
    return r->file->busy < f->config.streams && f->running_ahead + f->running_siblings < most;
}

static struct range *pop_locked(struct spfs_fetch *f)
{
    struct range **best = NULL;
    for (struct range **at = &f->queue; *at; at = &(*at)->next) {
        struct range *r = *at;
        if (r->class == RANGE_DEMAND || r->waiters > 0) {
            best = at;
            break;
        }
        if (may_run(f, r) && (!best || r->class < (*best)->class))
            best = at;
    }
    if (!best)
        return NULL;
    struct range *r = *best;
    unlink_queued_locked(f, best);
    return r;
}

static void begin_locked(struct spfs_fetch *f, struct range *r)
{
    enum spfs_urgency urgency = r->class == RANGE_DEMAND || r->waiters > 0 ? SPFS_URGENT
                                : r->class == RANGE_AHEAD                  ? SPFS_NORMAL
                                                                           : SPFS_BACKGROUND;
    spfs_op_init(&r->op, urgency, RANGE_MS + (r->len - r->got) / RANGE_BYTES_PER_MS);
    r->running = true;
    r->proved = false;
    r->got_before = r->got;
    r->at = r->got;
    r->nearly_done = r->len - r->got <= NEARLY_DONE;
    r->file->busy += !r->nearly_done;
    f->running_ahead += r->class == RANGE_AHEAD;
    f->running_siblings += r->class == RANGE_SIBLING;
    f->stats.ranges++;
    r->next = f->running;
    f->running = r;
}

static void end_locked(struct spfs_fetch *f, struct range *r, int err, const struct spfs_reason *reason)
{
    struct range **at = &f->running;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->next = NULL;
    r->running = false;
    spfs_op_done(&r->op);
    r->file->busy -= !r->nearly_done;
    f->running_ahead -= r->class == RANGE_AHEAD;
    f->running_siblings -= r->class == RANGE_SIBLING;
    if (f->stopping) {
        fail_rest_locked(r, -ESHUTDOWN, NULL);
    } else if (err == -ETIMEDOUT && r->proved && r->got > r->got_before) {
        *f->queue_end = r; /* slow, but it moves: goes on */
        f->queue_end = &r->next;
        return;
    } else if (r->done < r->n) {
        fail_rest_locked(r, r->called_off ? 0 : err, reason);
    }
    range_free_locked(r);
}

static int run(struct range *r, struct spfs_reason *reason)
{
    struct spfs_read read = {
        .ref = r->ident->ref,
        .want = r->ident->version,
        .off = r->off + r->got,
        .len = r->len - r->got,
        .data = range_data,
        .proved = range_proved,
        .ctx = r,
        .served_size = SPFS_SIZE_UNKNOWN,
    };
    struct spfs_remote *remote = r->f->config.remote;
    int err = remote->ops->read(remote, &r->op, &read, reason);
    const struct spfs_fetch_config *c = &r->f->config;
    if ((err == -ESTALE || err == -EMSGSIZE) && c->stale) {
        bool first;
        {
            SPFS_LOCKED(&r->f->lock);
            first = !r->file->told_stale;
            r->file->told_stale = true;
        }
        if (first)
            c->stale(c->ctx, r->file->ino, r->file->content,
                     err == -EMSGSIZE ? read.served_size : SPFS_SIZE_UNKNOWN);
    }
    return err == -EMSGSIZE ? -ESTALE : err;
}

/* Comes back with the lock. */
static void run_one(struct spfs_fetch *f, struct range *r)
{
    struct spfs_reason reason = {""};
    int err = run(r, &reason);
    spfs_lock_take(&f->lock);
    if (err >= 0 && r->done < r->n) /* the remote broke its word: bytes or proof are missing */
        err = -EIO;
    end_locked(f, r, err, &reason);
}

void *range_worker(void *fetch)
{
    struct spfs_fetch *f = fetch;
    spfs_lock_take(&f->lock);
    while (!f->stopping) {
        struct range *r = pop_locked(f);
        struct task *t = r ? NULL : task_pop_locked(f);
        if (r) {
            begin_locked(f, r);
            spfs_lock_drop(&f->lock);
            run_one(f, r);
        } else if (t) {
            spfs_lock_drop(&f->lock);
            task_run(f, t);
            spfs_lock_take(&f->lock);
        } else {
            spfs_cond_wait(&f->work, &f->lock);
        }
    }
    spfs_lock_drop(&f->lock);
    return NULL;
}
