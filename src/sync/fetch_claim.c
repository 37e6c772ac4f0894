// SPDX-License-Identifier: GPL-3.0-or-later
/* From missing blocks to ranges: claim them in the table, look in the cache without the lock, queue ranges
 * for what is not there. The claim comes before the look, so that no block is fetched twice (see fetch_i.h).
 * Readahead is cut to the buffers that are free for it; blocks that somebody waits for get one beyond the
 * budget, or wait. Threads: any, without the lock. */
#include "fetch_i.h"

enum {
    SEQUENTIAL_MIN = RANGE_MIN / BLOCK, /* blocks of a sequential reader's request, where there are so many */
    STUCK_WAITS = 5,                    /* of up to 200 ms, without a buffer having come free */
};

struct claimed {
    unsigned n;
    struct slot *v[CLAIM_MAX];
    bool there[CLAIM_MAX];
};

/* Blocks behind the demand that may be claimed, 0 when so few that the request would not be worth it. */
static uint64_t ahead_room(const struct spfs_fetch *f, const struct claim *c, uint64_t from)
{
    uint64_t wanted = c->ahead_to - from, least = c->piece / BLOCK / 2, room = slot_room_locked(f, c->class);
    if (c->demand_to > c->demand_from) { /* requests of a reader in sequence are never tiny */
        uint64_t spare = slot_spare_locked(f);
        spare = spare < SEQUENTIAL_MIN ? spare : SEQUENTIAL_MIN;
        least = least < SEQUENTIAL_MIN ? least : SEQUENTIAL_MIN;
        room = room > spare ? room : spare;
    }
    return room < (wanted < least ? wanted : least) ? 0 : room;
}

/* The cache is slower than the server: a reader in sequence waits for it, rather than going on in many tiny
 * requests, as long as it moves at all. */
static int wait_for_cache_locked(const struct claim *c, struct spfs_op *op)
{
    struct spfs_fetch *f = c->file->f;
    uint64_t blocks = c->ahead_to - c->demand_from, need = blocks < SEQUENTIAL_MIN ? blocks : SEQUENTIAL_MIN;
    if (c->demand_from == c->demand_to || c->ahead_to <= c->demand_to ||
        slot_find_locked(f, c->file, c->demand_from))
        return 0;
    unsigned idle = 0;
    int err = 0;
    while (!f->stuck && !f->stopping && err == 0 && slot_spare_locked(f) < need) {
        uint64_t freed = f->freed;
        f->room_waiters++;
        err = spfs_op_wait(op, &f->room, &f->lock);
        f->room_waiters--;
        idle = freed == f->freed ? idle + 1 : 0;
        if (idle >= STUCK_WAITS)
            f->stuck = true; /* until it stores something */
    }
    return err;
}

/* False: the next block that somebody waits for has no buffer. */
static bool claim_locked(struct claim *c, struct claimed *got)
{
    struct spfs_fetch *f = c->file->f;
    uint64_t i = c->demand_from;
    for (; i < c->demand_to && got->n < CLAIM_MAX; i++) {
        if (slot_find_locked(f, c->file, i))
            continue;
        struct slot *s = slot_claim_locked(c->file, i);
        if (!s)
            return false;
        got->v[got->n++] = s;
    }
    unsigned live = 0;
    uint64_t end = i + ahead_room(f, c, i);
    for (; i < c->ahead_to && i < end && got->n < CLAIM_MAX; i++) {
        struct slot *s = slot_find_locked(f, c->file, i);
        if (s)
            live++;
        else if ((s = slot_claim_locked(c->file, i)) != NULL) /* within the room found above */
            got->v[got->n++] = s;
        else
            break;
    }
    c->reached = i;
    c->live = live;
    return true;
}

/* Blocks that a reader waits for are looked at as it will do it, or it would come back for ever for one that
 * is there and of no use; others are verified by whoever reads them. */
static void probe(const struct claim *c, struct claimed *got)
{
    struct spfs_blocks *b = c->file->f->config.blocks;
    struct spfs_blocks_txn *t = NULL;
    if (!b || spfs_blocks_begin(b, &t) < 0)
        return; /* as good as not cached */
    for (unsigned i = 0; i < got->n; i++) {
        const struct slot *s = got->v[i];
        const void *p;
        size_t len;
        bool seen = file_seen(c->file, s->index);
        if (s->index >= c->demand_to) {
            got->there[i] = spfs_blocks_has(t, c->file->ino, c->file->content, s->index);
        } else if (spfs_blocks_get(t, c->file->ino, c->file->content, s->index, !seen, &p, &len) == 0 &&
                   len == s->len) {
            got->there[i] = true;
            file_set_seen(c->file, s->index);
        }
    }
    spfs_blocks_end(t);
}

static void give_up_locked(struct slot **v, unsigned n, int err)
{
    for (unsigned i = 0; i < n; i++) {
        pins_fail_locked(v[i], err, NULL);
        slot_gone_locked(v[i]);
    }
}

/* One run of consecutive blocks becomes ranges of about piece bytes. */
static int queue_run_locked(struct claim *c, struct slot **v, unsigned n)
{
    unsigned piece = (unsigned)(c->piece / BLOCK);
    unsigned parts = piece == 0 ? 1 : (n + piece / 2) / piece;
    if (parts == 0)
        parts = 1;
    unsigned size = (n + parts - 1) / parts;
    for (unsigned i = 0; i < n; i += size) {
        unsigned k = n - i < size ? n - i : size;
        enum range_class class = v[i]->index < c->demand_to ? RANGE_DEMAND : c->class;
        int err = range_queue_locked(c, v + i, k, class);
        if (err) {
            give_up_locked(v + i, n - i, err);
            return err;
        }
    }
    c->started += n;
    return 0;
}

static int settle_locked(struct claim *c, struct claimed *got)
{
    struct slot **v = got->v;
    unsigned n = 0;
    for (unsigned i = 0; i < got->n; i++) {
        if (got->there[i])
            give_up_locked(&v[i], 1, 0);
        else
            v[n++] = v[i];
    }
    if (c->file->f->stopping) {
        give_up_locked(v, n, -ESHUTDOWN);
        return -ESHUTDOWN;
    }
    int err = 0;
    for (unsigned i = 0, k; i < n; i += k) {
        for (k = 1; i + k < n && v[i + k]->index == v[i]->index + k;)
            k++;
        int e = queue_run_locked(c, v + i, k);
        if (e)
            err = e;
    }
    return err;
}

static void note_reach_locked(struct claim *c, bool cut)
{
    struct spfs_stream *s = c->stream;
    if (!s)
        return;
    if (cut && s->ahead > c->reached * BLOCK)
        s->ahead = c->reached * BLOCK;
    else if (!cut && c->ahead_to > c->demand_to && c->started == 0 && c->live == 0 &&
             s->ahead <= c->ahead_to * BLOCK)
        s->ahead = 0; /* all of it is cached: no need to look ahead until something is missed */
}

int claim_run(struct claim *c, struct reader *r, struct spfs_op *op)
{
    struct spfs_fetch *f = c->file->f;
    struct claimed got;
    got.n = 0;
    SPFS_LOCKED(&f->lock);
    if (f->stopping)
        return -ESHUTDOWN;
    int err = wait_for_cache_locked(c, op);
    if (err)
        return err;
    c->started = c->live = 0;
    c->reached = c->demand_from;
    bool whole = claim_locked(c, &got);
    if (!whole && got.n == 0) {
        f->room_waiters++;
        err = spfs_op_wait(op, &f->room, &f->lock);
        f->room_waiters--;
        return err;
    }
    for (unsigned i = 0; i < got.n; i++)
        got.there[i] = false;
    if (got.n > 0) {
        spfs_lock_drop(&f->lock);
        probe(c, &got);
        spfs_lock_take(&f->lock);
        err = settle_locked(c, &got);
    }
    note_reach_locked(c, whole && c->reached < c->ahead_to);
    for (unsigned i = 0; r && i < r->n; i++) {
        struct slot *s = r->pins[i].slot ? NULL : slot_find_locked(f, c->file, r->first + i);
        if (s)
            pin_add_locked(r, i, s);
    }
    return err;
}
