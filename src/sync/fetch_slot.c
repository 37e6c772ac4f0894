// SPDX-License-Identifier: GPL-3.0-or-later
/* The pool of block buffers, the table of blocks in flight, and the holds that readers have on them.
 * The pool is one mapping, made once: pages are touched when a buffer is first used, reused most recent
 * first, and given back to the system when nothing was in flight for a while. Threads: any, under the fetch
 * lock. */
#include "fetch_i.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE = 2 * 1024 * 1024 };

int slot_pool_init(struct spfs_fetch *f)
{
    f->slots_total = (unsigned)((f->config.budget + OVERDRAFT) / BLOCK);
    f->limit_ahead = (unsigned)(f->config.budget / BLOCK * 3 / 4);
    f->limit_sibling = (unsigned)(f->config.budget / BLOCK / 2);
    f->pool_size = (size_t)f->slots_total * BLOCK;
    f->slots = calloc(f->slots_total, sizeof(*f->slots));
    if (!f->slots)
        return -ENOMEM;
    f->map_size = f->pool_size + HUGE;
    void *p =
        mmap(NULL, f->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return -ENOMEM;
    f->map = p;
    f->pool = f->map + (HUGE - (uintptr_t)p % HUGE) % HUGE;
    madvise(f->pool, f->pool_size,
            MADV_HUGEPAGE); /* first touch in 2 MiB steps: faults cost more than copies */
    for (unsigned i = f->slots_total; i-- > 0;) {
        f->slots[i].data = f->pool + (size_t)i * BLOCK;
        f->slots[i].next = f->free_slots;
        f->free_slots = &f->slots[i];
    }
    return 0;
}

void slot_pool_done(struct spfs_fetch *f)
{
    if (f->map)
        munmap(f->map, f->map_size);
    free(f->slots);
}

void slot_pool_trim_locked(struct spfs_fetch *f)
{
    struct slot *all = f->free_slots;
    if (f->slots_used > 0 || !f->touched)
        return;
    f->free_slots = NULL; /* whoever needs one meanwhile waits for room */
    f->touched = false;
    spfs_lock_drop(&f->lock);
    madvise(f->pool, f->pool_size, MADV_DONTNEED);
    spfs_lock_take(&f->lock);
    f->free_slots = all;
    spfs_cond_broadcast(&f->room);
}

static struct slot **bucket(struct spfs_fetch *f, const struct spfs_fetch_file *file, uint64_t index)
{
    uint64_t h = (file->ino * 0x9e3779b97f4a7c15u + file->content) ^ index * 0xff51afd7ed558ccdu;
    return &f->table[(h ^ h >> 32) & (TABLE_SIZE - 1)];
}

struct slot *slot_find_locked(struct spfs_fetch *f, const struct spfs_fetch_file *file, uint64_t index)
{
    struct slot *s = *bucket(f, file, index);
    while (s && (s->index != index || s->file != file))
        s = s->next;
    return s;
}

uint32_t file_block_len(const struct spfs_fetch_file *file, uint64_t index)
{
    uint64_t left = file->size - index * BLOCK;
    return left < BLOCK ? (uint32_t)left : BLOCK;
}

/* A loose slot that was not read while so many others were claimed is not going to be. */
static bool is_old(const struct spfs_fetch *f, const struct slot *s)
{
    return !s->pins && f->claims - s->claim >= f->limit_ahead;
}

unsigned slot_room_locked(const struct spfs_fetch *f, enum range_class class)
{
    unsigned limit = class == RANGE_DEMAND  ? f->slots_total
                     : class == RANGE_AHEAD ? f->limit_ahead
                                            : f->limit_sibling;
    unsigned room = f->slots_used < limit ? limit - f->slots_used : 0;
    for (const struct slot *s = f->loose.head; s && is_old(f, s); s = s->next_q)
        room++;
    return room;
}

unsigned slot_spare_locked(const struct spfs_fetch *f)
{
    unsigned used = f->slots_used - f->loose.n, all = (unsigned)(f->config.budget / BLOCK);
    return used < all ? all - used : 0;
}

/* The oldest loose one that nobody looks at makes room. */
static void reclaim(struct spfs_fetch *f)
{
    struct slot *s = f->loose.head;
    while (s && s->pins)
        s = s->next_q;
    if (s)
        slot_gone_locked(s);
}

struct slot *slot_claim_locked(struct spfs_fetch_file *file, uint64_t index)
{
    struct spfs_fetch *f = file->f;
    if (f->slots_used >= f->limit_ahead)
        reclaim(f);
    struct slot *s = f->free_slots;
    if (!s)
        return NULL;
    f->free_slots = s->next;
    f->slots_used++;
    f->touched = true;
    struct slot **b = bucket(f, file, index);
    *s = (struct slot){.next = *b,
                       .file = file,
                       .index = index,
                       .len = file_block_len(file, index),
                       .state = SLOT_PROBING,
                       .claim = f->claims++,
                       .data = s->data};
    *b = s;
    file->refs++;
    if (file->slots++ == 0)
        f->active_files++;
    return s;
}

static void slot_free(struct spfs_fetch *f, struct slot *s)
{
    s->state = SLOT_FREE;
    s->file = NULL;
    s->next = f->free_slots;
    f->free_slots = s;
    f->slots_used--;
    f->freed++;
    if (f->room_waiters > 0)
        spfs_cond_broadcast(&f->room);
}

void slot_gone_locked(struct slot *s)
{
    struct spfs_fetch_file *file = s->file;
    struct spfs_fetch *f = file->f;
    struct slot **b = bucket(f, file, s->index);
    while (*b != s)
        b = &(*b)->next;
    *b = s->next;
    if (s->state == SLOT_LOOSE)
        slot_unlink(&f->loose, s);
    else if (s->state == SLOT_READY)
        slot_unlink(&f->ready, s);
    s->state = SLOT_GONE;
    s->range = NULL;
    if (--file->slots == 0)
        f->active_files--;
    s->file = NULL;
    if (!s->pins)
        slot_free(f, s);
    file_unref_locked(file);
}

void slot_ready_locked(struct slot *s)
{
    struct spfs_fetch *f = s->file->f;
    s->range = NULL;
    if (f->config.blocks) {
        s->state = SLOT_READY;
        slot_push(&f->ready, s);
        commit_wake_locked(f);
    } else {
        slot_loose_locked(s);
    }
}

void slot_loose_locked(struct slot *s)
{
    struct spfs_fetch *f = s->file->f;
    s->state = SLOT_LOOSE;
    slot_push(&f->loose, s);
    if (!s->pins && (s->consumed || s->file->opens == 0))
        slot_gone_locked(s);
}

void slot_push(struct slot_queue *q, struct slot *s)
{
    s->next_q = NULL;
    s->prev_q = q->tail;
    if (q->tail)
        q->tail->next_q = s;
    else
        q->head = s;
    q->tail = s;
    q->n++;
}

void slot_unlink(struct slot_queue *q, struct slot *s)
{
    if (s->prev_q)
        s->prev_q->next_q = s->next_q;
    else
        q->head = s->next_q;
    if (s->next_q)
        s->next_q->prev_q = s->prev_q;
    else
        q->tail = s->prev_q;
    s->prev_q = s->next_q = NULL;
    q->n--;
}

struct slot *slot_pop(struct slot_queue *q)
{
    struct slot *s = q->head;
    if (s)
        slot_unlink(q, s);
    return s;
}

static uint32_t usable(const struct slot *s)
{
    if (s->state == SLOT_READY || s->state == SLOT_COMMITTING || s->state == SLOT_LOOSE)
        return s->len;
    if (s->state != SLOT_FETCHING)
        return 0;
    uint64_t start = s->index * BLOCK - s->range->off, got = range_visible_locked(s->range);
    if (got <= start)
        return 0;
    return got - start < s->len ? (uint32_t)(got - start) : s->len;
}

void pin_add_locked(struct reader *r, unsigned i, struct slot *s)
{
    struct pin *p = &r->pins[i];
    uint64_t end = r->off + r->len - s->index * BLOCK;
    *p = (struct pin){.next = s->pins, .slot = s, .reader = r, .need = end < s->len ? (uint32_t)end : s->len};
    s->pins = p;
    p->ready = usable(s) >= p->need;
    if (p->ready)
        return;
    r->missing++;
    if (s->range && s->range->waiters++ == 0 && !s->range->running)
        spfs_cond_signal(&s->file->f->work); /* it is urgent now */
}

static void pin_settled(struct pin *p)
{
    struct reader *r = p->reader;
    if (p->slot->range)
        p->slot->range->waiters--;
    p->ready = true;
    if (--r->missing == 0 && r->waiting)
        spfs_cond_signal(&r->cond);
}

void pin_drop_locked(struct reader *r, unsigned i)
{
    struct pin *p = &r->pins[i];
    struct slot *s = p->slot;
    if (!s)
        return;
    struct pin **at = &s->pins;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (!p->ready) {
        r->missing--;
        if (s->range)
            s->range->waiters--;
    }
    p->slot = NULL;
    if (p->ready && p->need == s->len && r->err == 0)
        s->consumed = true;
    if (s->pins)
        return;
    if (s->state == SLOT_GONE)
        slot_free(r->file->f, s);
    else if (s->state == SLOT_LOOSE && s->consumed)
        slot_gone_locked(s); /* the kernel has it now */
}

void pins_satisfy_locked(struct slot *s, uint32_t bytes)
{
    for (struct pin *p = s->pins; p; p = p->next)
        if (!p->ready && p->need <= bytes)
            pin_settled(p);
}

void pins_fail_locked(struct slot *s, int err, const struct spfs_reason *reason)
{
    for (struct pin *p = s->pins; p; p = p->next) {
        struct reader *r = p->reader;
        if (p->ready)
            continue;
        if (err == 0) {
            r->again = true;
        } else if (r->err == 0) {
            r->err = err;
            if (r->reason && reason)
                *r->reason = *reason;
        }
        if (r->waiting)
            spfs_cond_signal(&r->cond);
    }
}
