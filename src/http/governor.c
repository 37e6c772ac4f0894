/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The governor. Purpose: governor.h; the shared pause: pause_i.h.
 * States of a waiter: queued → granted (it holds a slot, and perhaps the right to probe) → left.
 * Invariants: used ≤ limit of its kind, and limit shrinks to a half when a pause begins and grows by one a
 * window of good replies; nobody is granted while the pause lasts; exactly one is granted after it until that
 * one is answered. Threads: lock (SPFS_RANK_GOVERNOR) guards all fields; not held while a request is under
 * way. Another process's pause is seen when a slot is granted; its end is seen by looking every SLICE_MS. */
#include "http_i.h"
#include "pause_i.h"

#include <spfs/base/clock.h>
#include <spfs/http/governor.h>

#include <errno.h>
#include <string.h>

enum { META_SLOTS = 8, TRANSFER_SLOTS = 16, SLICE_MS = 200, URGENCIES = 3 };

struct waiter {
    struct waiter *next;
    struct spfs_cond cond;
    struct lane *lane;
    enum spfs_urgency urgency;
    bool granted;
    bool probe;
    uint64_t lease, until; /* of the probe */
};

/* The slots of one kind of request. */
struct lane {
    unsigned slots, limit, used;
    unsigned credit; /* good replies since limit changed */
    struct waiter *queue[URGENCIES];
};

struct spfs_governor {
    struct pause *pause;
    struct spfs_lock lock;
    struct lane lanes[2];             /* guarded by: lock; META, transfers */
    struct spfs_governor_stats stats; /* guarded by: lock */
};

int spfs_governor_new(const struct spfs_governor_config *config, struct spfs_governor **ret,
                      struct spfs_reason *reason)
{
    SPFS_FREE struct spfs_governor *g = calloc(1, sizeof(*g));
    if (!g)
        return spfs_fail(reason, -ENOMEM, "out of memory");
    int err = pause_open(config->shared_file, &g->pause, reason);
    if (err)
        return err;
    g->lanes[0].limit = g->lanes[0].slots = config->meta_slots ? config->meta_slots : META_SLOTS;
    g->lanes[1].limit = g->lanes[1].slots = config->transfer_slots ? config->transfer_slots : TRANSFER_SLOTS;
    spfs_lock_init(&g->lock, SPFS_RANK_GOVERNOR);
    *ret = TAKE(g);
    return 0;
}

void spfs_governor_free(struct spfs_governor *g)
{
    if (!g)
        return;
    pause_close(g->pause);
    spfs_lock_done(&g->lock);
    free(g);
}

/* ---- slots ---- */

/* Less urgent requests leave room, so that an urgent one never finds all slots taken by long ones. */
static unsigned room_locked(const struct lane *l, unsigned urgency)
{
    unsigned kept = urgency == SPFS_URGENT ? 0 : urgency == SPFS_NORMAL ? l->limit / 4 : l->limit / 2;
    return l->limit - kept;
}

static struct waiter **first_locked(struct lane *l)
{
    for (unsigned u = 0; u < URGENCIES; u++)
        if (l->queue[u])
            return l->used < room_locked(l, u) ? &l->queue[u] : NULL;
    return NULL;
}

/* Grants what can be granted now. */
static void grant_locked(struct spfs_governor *g)
{
    uint64_t until, now = spfs_now_ms();
    for (unsigned i = 0; i < SPFS_ARRAY_LEN(g->lanes); i++) {
        struct lane *l = &g->lanes[i];
        struct waiter **first;
        while ((first = first_locked(l))) {
            enum pause_gate gate = pause_look(g->pause, now, &until);
            struct waiter *w = *first;
            if (gate == PAUSE_CLOSED || (gate == PAUSE_DUE && !pause_take_probe(g->pause, now, &w->lease)))
                return;
            w->probe = gate == PAUSE_DUE;
            w->until = until;
            w->granted = true;
            *first = w->next;
            l->used++;
            spfs_cond_signal(&w->cond);
        }
    }
}

static void push_locked(struct waiter *w)
{
    struct waiter **p = &w->lane->queue[w->urgency];
    while (*p)
        p = &(*p)->next;
    *p = w;
}

static void unlink_locked(struct waiter *w)
{
    struct waiter **p = &w->lane->queue[w->urgency];
    while (*p != w)
        p = &(*p)->next;
    *p = w->next;
}

static void end_probe_locked(struct spfs_governor *g, struct waiter *w, bool passed)
{
    if (w->probe)
        pause_end_probe(g->pause, w->lease, w->until, passed);
    w->probe = false;
}

static void give_back_locked(struct spfs_governor *g, struct waiter *w)
{
    end_probe_locked(g, w, false);
    w->lane->used--;
    grant_locked(g);
}

static void wake_cond(void *cond)
{
    spfs_cond_broadcast(cond);
}

/* One bounded sleep on c, ended early by a signal or by cancellation. */
static int nap_locked(struct spfs_governor *g, struct spfs_op *op, struct spfs_cond *c, uint64_t ms)
{
    uint64_t left = spfs_op_left_ms(op);
    ms = ms < left ? ms : left;
    ms = ms < SLICE_MS ? ms : SLICE_MS;
    int err = spfs_op_check(op);
    if (err)
        return err;
    spfs_op_watch(op, wake_cond, c);
    spfs_cond_wait_ms(c, &g->lock, ms > 0 ? ms : 1);
    spfs_op_watch(op, NULL, NULL);
    return spfs_op_check(op);
}

static int wait_locked(struct spfs_governor *g, struct spfs_http *h, struct spfs_op *op, struct waiter *w,
                       struct spfs_reason *reason)
{
    uint64_t until;
    for (grant_locked(g); !w->granted; grant_locked(g)) {
        uint64_t now = spfs_now_ms();
        bool closed = pause_look(g->pause, now, &until) == PAUSE_CLOSED;
        if (!http_is_running(h))
            return spfs_fail(reason, -ESHUTDOWN, "the request was given up, since spfs is stopping");
        if (closed && until >= op->deadline_ms)
            return spfs_fail(reason, -EAGAIN, "the server asked for a pause; requests go on in %llu s",
                             (unsigned long long)((until - now + 999) / 1000));
        int err = nap_locked(g, op, &w->cond, closed ? until - now : SLICE_MS);
        if (err)
            return spfs_fail(reason, err,
                             err == -EINTR ? "the request was cancelled"
                                           : "no request could be sent in time");
    }
    return 0;
}

static int enter(struct spfs_governor *g, struct spfs_http *h, struct spfs_op *op,
                 const struct spfs_http_request *req, struct waiter *w, struct spfs_reason *reason)
{
    SPFS_LOCKED(&g->lock);
    *w = (struct waiter){.lane = &g->lanes[req->kind == SPFS_HTTP_META ? 0 : 1], .urgency = op->urgency};
    spfs_cond_init(&w->cond);
    push_locked(w);
    int err = wait_locked(g, h, op, w, reason);
    if (err && w->granted)
        give_back_locked(g, w);
    else if (err)
        unlink_locked(w);
    spfs_cond_done(&w->cond);
    return err;
}

/* ---- what a reply means ---- */

static void throttled_locked(struct spfs_governor *g, int64_t retry_after_ms)
{
    g->stats.throttled++;
    if (!pause_raise(g->pause, spfs_now_ms(), retry_after_ms))
        return;
    for (unsigned i = 0; i < SPFS_ARRAY_LEN(g->lanes); i++) {
        struct lane *l = &g->lanes[i];
        l->limit = l->limit > 1 ? l->limit / 2 : 1;
        l->credit = 0;
    }
}

static void good_locked(struct spfs_governor *g, struct waiter *w)
{
    struct lane *l = w->lane;
    end_probe_locked(g, w, true);
    if (l->limit < l->slots && ++l->credit >= l->limit) {
        l->limit++;
        l->credit = 0;
    }
}

static bool is_throttle(const struct spfs_http_head *head)
{
    return head->status == 429 || (head->status == 503 && head->retry_after_ms >= 0);
}

static void leave(struct spfs_governor *g, struct waiter *w, int err, const struct spfs_http_response *ret)
{
    SPFS_LOCKED(&g->lock);
    g->stats.requests++;
    if (ret->head.status >= 200)
        g->stats.offline = false;
    else if (err == -ENETUNREACH && !ret->sent)
        g->stats.offline = true;
    if (is_throttle(&ret->head))
        throttled_locked(g, ret->head.retry_after_ms);
    else if (ret->head.status >= 200 && ret->head.status < 500)
        good_locked(g, w);
    give_back_locked(g, w);
}

/* A long download that probes: its head already answers. */
struct probing {
    struct spfs_governor *g;
    struct waiter *w;
    const struct spfs_http_request *req;
};

static int on_head(void *ctx, const struct spfs_http_head *head)
{
    struct probing *p = ctx;
    {
        SPFS_LOCKED(&p->g->lock);
        end_probe_locked(p->g, p->w, true);
        grant_locked(p->g);
    }
    return p->req->head ? p->req->head(p->req->ctx, head) : 0;
}

static int on_data(void *ctx, const void *data, size_t n)
{
    struct probing *p = ctx;
    return p->req->data(p->req->ctx, data, n);
}

static int send_request(struct spfs_governor *g, struct waiter *w, struct spfs_http *h, struct spfs_op *op,
                        const struct spfs_http_request *req, struct spfs_http_response *ret,
                        struct spfs_reason *reason)
{
    struct probing p = {.g = g, .w = w, .req = req};
    struct spfs_http_request hooked = *req;
    if (w->probe && req->data && !req->fill) { /* fill would need the owner's ctx as well */
        hooked.head = on_head;
        hooked.data = on_data;
        hooked.ctx = &p;
        return spfs_http_perform(h, op, &hooked, ret, reason);
    }
    return spfs_http_perform(h, op, req, ret, reason);
}

/* ---- repeating ---- */

enum next_step { STEP_END, STEP_PAUSE, STEP_BACKOFF };

static enum next_step judge(const struct spfs_http_request *req, const struct spfs_http_response *ret,
                            int err)
{
    int status = ret->head.status;
    bool once = strcmp(req->method, "POST") == 0 && !req->idempotent;
    if ((req->data || req->head) && status / 100 == 2)
        return STEP_END; /* its owner has seen a part */
    if (!err && is_throttle(&ret->head))
        return STEP_PAUSE;
    if (err == -ENETUNREACH || err == -ECONNRESET || err == -ETIMEDOUT)
        return once && ret->sent ? STEP_END : STEP_BACKOFF;
    if (!err && status == 503)
        return STEP_BACKOFF;
    if (!err && (status == 500 || status == 502 || status == 504 || status == 408 || status == 509))
        return once ? STEP_END : STEP_BACKOFF;
    return STEP_END;
}

/* Waits before a repetition. 1: the deadline comes first, so that what there is has to do. */
static int back_off(struct spfs_governor *g, struct spfs_http *h, struct spfs_op *op, unsigned step)
{
    uint64_t end = spfs_now_ms() + pause_backoff_ms(step);
    struct spfs_cond c;
    int err = 0;
    if (end >= op->deadline_ms)
        return 1;
    spfs_cond_init(&c);
    spfs_lock_take(&g->lock);
    for (uint64_t now; !err && (now = spfs_now_ms()) < end;)
        err = http_is_running(h) ? nap_locked(g, op, &c, end - now) : -ESHUTDOWN;
    spfs_lock_drop(&g->lock);
    spfs_cond_done(&c);
    return err;
}

static void count_retry(struct spfs_governor *g)
{
    SPFS_LOCKED(&g->lock);
    g->stats.retries++;
}

int spfs_governor_perform(struct spfs_governor *g, struct spfs_http *h, struct spfs_op *op,
                          const struct spfs_http_request *req, unsigned tries, struct spfs_http_response *ret,
                          struct spfs_reason *reason)
{
    struct spfs_http_request again = *req;
    struct waiter w;
    *ret = (struct spfs_http_response){0};
    for (unsigned repeated = 0;;) {
        int err = enter(g, h, op, &again, &w, reason);
        if (err)
            return err;
        err = send_request(g, &w, h, op, &again, ret, reason);
        leave(g, &w, err, ret);
        enum next_step next = judge(req, ret, err);
        if (next == STEP_END || (next == STEP_BACKOFF && repeated == tries) || spfs_op_check(op))
            return err;
        if (next == STEP_BACKOFF) {
            int waited = back_off(g, h, op, repeated++);
            if (waited == 1)
                return err;
            if (waited)
                return spfs_fail(reason, waited, "the request was given up while it waited to be repeated");
        }
        count_retry(g);
        again.fresh_connection = req->fresh_connection || ret->head.status == 503 || err == -ETIMEDOUT;
        spfs_http_response_done(ret);
        *ret = (struct spfs_http_response){0};
    }
}

void spfs_governor_throttled(struct spfs_governor *g, int64_t retry_after_ms)
{
    SPFS_LOCKED(&g->lock);
    throttled_locked(g, retry_after_ms);
}

void spfs_governor_stats(struct spfs_governor *g, struct spfs_governor_stats *ret)
{
    uint64_t until, now = spfs_now_ms();
    SPFS_LOCKED(&g->lock);
    *ret = g->stats;
    ret->paused_ms = pause_look(g->pause, now, &until) == PAUSE_CLOSED ? until - now : 0;
}
