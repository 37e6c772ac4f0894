// SPDX-License-Identifier: GPL-3.0-or-later
/* The committer: stores whole blocks in batches, then takes them off the table.
 * A batch goes when COMMIT_MIN is together, or COMMIT_DELAY_MS after blocks were noticed. What the cache
 * refuses is kept LOOSE for its readers. When nothing is in flight for IDLE_MS, the buffers' memory goes back
 * to the system. Threads: one ("commit"), started and joined by fetch.c; a slot is its own while COMMITTING.
 * The put runs without the lock. */
#include "fetch_i.h"

#include <spfs/base/log.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MIN = COMMIT_MIN / BLOCK, BATCH_MAX = COMMIT_MAX / BLOCK };

void commit_wake_locked(struct spfs_fetch *f)
{
    if (f->ready.n == 1 || f->ready.n == BATCH_MIN)
        spfs_cond_signal(&f->commit);
}

/* In the order of the store: neighbours are written together. */
static int by_key(const void *a, const void *b)
{
    const struct slot *x = *(struct slot *const *)a, *y = *(struct slot *const *)b;
    if (x->file->ino != y->file->ino)
        return x->file->ino < y->file->ino ? -1 : 1;
    if (x->file->content != y->file->content)
        return x->file->content < y->file->content ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int store(struct spfs_fetch *f, struct slot **v, unsigned n)
{
    struct spfs_block blocks[BATCH_MAX];
    qsort(v, n, sizeof(*v), by_key);
    for (unsigned i = 0; i < n; i++)
        blocks[i] = (struct spfs_block){
            .ino = v[i]->file->ino,
            .content = v[i]->file->content,
            .index = v[i]->index,
            .data = v[i]->data,
            .len = v[i]->len,
        };
    int err = spfs_blocks_put(f->config.blocks, blocks, n);
    for (unsigned i = 0; i < n && err == 0; i++)
        file_set_seen(v[i]->file, v[i]->index);
    return err;
}

static void commit_locked(struct spfs_fetch *f, int *last_err)
{
    struct slot *v[BATCH_MAX];
    unsigned n = 0;
    while (n < BATCH_MAX && f->ready.n > 0) {
        v[n] = slot_pop(&f->ready);
        v[n++]->state = SLOT_COMMITTING;
    }
    spfs_lock_drop(&f->lock);
    int err = store(f, v, n);
    if (err && err != -ENOSPC && err != *last_err)
        spfs_warn("block cache: blocks were not stored: %s", strerror(-err));
    *last_err = err;
    spfs_lock_take(&f->lock);
    f->stuck = false;
    for (unsigned i = 0; i < n; i++) {
        if (err == 0) {
            slot_gone_locked(v[i]);
        } else {
            f->stats.dropped++;
            slot_loose_locked(v[i]);
        }
    }
}

/* Lends the lock while it waits. Nothing has moved for the whole time: buffers and what lies in them loosely
 * are given up. */
static void idle_locked(struct spfs_fetch *f)
{
    uint64_t fetched = f->stats.fetched_bytes;
    unsigned used = f->slots_used;
    bool woken = spfs_cond_wait_ms(&f->commit, &f->lock, IDLE_MS);
    if (woken || f->draining || f->running || f->queue || f->ready.n > 0 ||
        fetched != f->stats.fetched_bytes || used != f->slots_used)
        return;
    struct slot *next;
    for (struct slot *s = f->loose.head; s; s = next) {
        next = s->next_q;
        if (!s->pins)
            slot_gone_locked(s);
    }
    slot_pool_trim_locked(f);
}

void *commit_main(void *fetch)
{
    struct spfs_fetch *f = fetch;
    int last_err = 0;
    spfs_lock_take(&f->lock);
    while (!f->draining || f->ready.n > 0) {
        if (f->ready.n == 0)
            idle_locked(f);
        else if (f->ready.n >= BATCH_MIN || f->draining ||
                 !spfs_cond_wait_ms(&f->commit, &f->lock, COMMIT_DELAY_MS))
            commit_locked(f, &last_err);
    }
    spfs_lock_drop(&f->lock);
    return NULL;
}
