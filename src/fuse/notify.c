/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queue of notifications and its thread: takes the whole queue at once, tells the kernel entry by entry.
 */
#include "notify_i.h"

#include <spfs/base/clock.h>
#include <spfs/base/log.h>
#include <spfs/base/workq.h>

#include <errno.h>
#include <string.h>

struct entry {
    struct entry *next;
    unsigned what;
    uint64_t node, parent;
    char name[]; /* "" when the news have none */
};

struct spfs_notify {
    struct spfs_notify_sink sink;
    void *ctx;
    size_t max;
    pthread_t thread;
    bool started; /* owner's thread only */
    struct spfs_lock lock;
    struct spfs_cond changed;
    struct entry *first, **last; /* guarded by: lock, as all below */
    size_t queued;
    bool overflow;
    bool busy; /* a batch is being told */
    bool stopping;
    bool over; /* the thread has returned, or is about to */
};

int spfs_notify_new(const struct spfs_notify_sink *sink, void *ctx, size_t max, struct spfs_notify **ret)
{
    struct spfs_notify *n = calloc(1, sizeof(*n));
    if (!n)
        return -ENOMEM;
    n->sink = *sink;
    n->ctx = ctx;
    n->max = max;
    n->last = &n->first;
    spfs_lock_init(&n->lock, SPFS_RANK_NOTIFY);
    spfs_cond_init(&n->changed);
    *ret = n;
    return 0;
}

static void free_list(struct entry *e)
{
    while (e) {
        struct entry *next = e->next;
        free(e);
        e = next;
    }
}

static struct entry *take_queue_locked(struct spfs_notify *n)
{
    struct entry *e = n->first;
    n->first = NULL;
    n->last = &n->first;
    n->queued = 0;
    return e;
}

static struct entry *entry_new(const struct spfs_vfs_drop *drop)
{
    size_t len = drop->name ? strlen(drop->name) : 0;
    struct entry *e = malloc(sizeof(*e) + len + 1);
    if (!e)
        return NULL;
    *e = (struct entry){.what = drop->what, .node = drop->node, .parent = drop->parent};
    memcpy(e->name, drop->name ? drop->name : "", len);
    e->name[len] = '\0';
    return e;
}

static void push_locked(struct spfs_notify *n, struct entry *e)
{
    e->next = NULL;
    *n->last = e;
    n->last = &e->next;
    n->queued++;
}

/* A name that vanished from the root: the one thing that coarse, which goes by the names there are, cannot
 * say. */
static bool is_root_loss(const struct entry *e)
{
    return e->parent == SPFS_NODE_ROOT && (e->what & SPFS_NEWS_REMOVED);
}

/* What coarse says too leaves the queue; returned to be freed. */
static struct entry *overflow_locked(struct spfs_notify *n)
{
    struct entry *all = take_queue_locked(n), *dropped = NULL;
    while (all) {
        struct entry *e = all;
        all = e->next;
        if (is_root_loss(e)) {
            push_locked(n, e);
        } else {
            e->next = dropped;
            dropped = e;
        }
    }
    n->overflow = true;
    return dropped;
}

void spfs_notify_drop(void *ctx, const struct spfs_vfs_drop *drop)
{
    struct spfs_notify *n = ctx;
    struct entry *e = entry_new(drop), *dropped = NULL;
    spfs_lock_take(&n->lock);
    if (!n->stopping && !n->overflow && (!e || n->queued >= n->max))
        dropped = overflow_locked(n);
    if (e && !n->stopping && n->queued < n->max && (!n->overflow || is_root_loss(e)))
        push_locked(n, e);
    else
        free(e);
    spfs_cond_broadcast(&n->changed);
    spfs_lock_drop(&n->lock);
    free_list(dropped);
}

void spfs_notify_forget(void *ctx, uint64_t node)
{
    struct spfs_notify *n = ctx;
    n->sink.inode(n->ctx, node, false);
}

/* A folder's own attributes, and the listing that the kernel keeps of it, change with every name that comes
 * or goes. The order matters: see ops_dir.c. */
static void tell(struct spfs_notify *n, const struct entry *e)
{
    if ((e->what & (SPFS_NEWS_ADDED | SPFS_NEWS_REMOVED)) && e->name[0]) {
        if ((e->what & SPFS_NEWS_DELETED) && (e->what & SPFS_NEWS_REMOVED))
            n->sink.deleted(n->ctx, e->parent, e->node, e->name);
        else
            n->sink.entry(n->ctx, e->parent, e->name);
        n->sink.inode(n->ctx, e->parent, true);
    }
    if (e->what & SPFS_NEWS_CONTENT)
        n->sink.inode(n->ctx, e->node, true);
    else if (e->what & SPFS_NEWS_ATTR)
        n->sink.inode(n->ctx, e->node, false);
}

static bool is_stopping(struct spfs_notify *n)
{
    SPFS_LOCKED(&n->lock);
    return n->stopping;
}

/* Waits for work. False: stop. */
static bool next_batch(struct spfs_notify *n, struct entry **ret, bool *ret_coarse)
{
    SPFS_LOCKED(&n->lock);
    n->busy = false;
    if (!n->first && !n->overflow)
        spfs_cond_broadcast(&n->changed); /* whoever drains */
    while (!n->first && !n->overflow && !n->stopping)
        spfs_cond_wait(&n->changed, &n->lock);
    n->busy = true;
    *ret = take_queue_locked(n);
    *ret_coarse = n->overflow && !n->stopping;
    n->overflow = false;
    return !n->stopping;
}

static void *notify_main(void *arg)
{
    struct spfs_notify *n = arg;
    struct entry *batch = NULL;
    bool coarse;
    while (next_batch(n, &batch, &coarse)) {
        if (coarse) {
            spfs_info("more changes than fit the queue: the kernel forgets all names");
            n->sink.coarse(n->ctx);
        }
        for (struct entry *e = batch; e && !is_stopping(n); e = e->next)
            tell(n, e);
        free_list(batch);
    }
    free_list(batch);
    SPFS_LOCKED(&n->lock);
    n->over = true;
    spfs_cond_broadcast(&n->changed);
    return NULL;
}

int spfs_notify_start(struct spfs_notify *n)
{
    int err = spfs_thread_start(&n->thread, "notify", notify_main, n);
    n->started = err == 0;
    return err;
}

bool spfs_notify_drain(struct spfs_notify *n, uint64_t ms)
{
    uint64_t end = spfs_now_ms() + ms;
    SPFS_LOCKED(&n->lock);
    while (n->first || n->overflow || n->busy) {
        uint64_t now = spfs_now_ms();
        if (now >= end || n->stopping)
            return false;
        spfs_cond_wait_ms(&n->changed, &n->lock, end - now);
    }
    return true;
}

bool spfs_notify_stop(struct spfs_notify *n, uint64_t ms)
{
    if (!n->started)
        return true;
    uint64_t end = spfs_now_ms() + ms;
    spfs_lock_take(&n->lock);
    n->stopping = true;
    spfs_cond_broadcast(&n->changed);
    for (uint64_t now = spfs_now_ms(); !n->over && now < end; now = spfs_now_ms())
        spfs_cond_wait_ms(&n->changed, &n->lock, end - now);
    bool over = n->over;
    spfs_lock_drop(&n->lock);
    if (over) {
        pthread_join(n->thread, NULL);
        n->started = false;
    }
    return over;
}

void spfs_notify_free(struct spfs_notify *n)
{
    if (!n)
        return;
    free_list(n->first);
    spfs_cond_done(&n->changed);
    spfs_lock_done(&n->lock);
    free(n);
}
