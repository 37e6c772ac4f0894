// SPDX-License-Identifier: GPL-3.0-or-later
/* Fetch: making and ending it, and its files. A file stands for one version of one item's content, joined by
 * everybody who reads it. When its last hold is gone it is kept for a while in a list of closed ones, for the
 * map of blocks that were verified: the next reader need not do that again. States of a file: open (opens >
 * 0) → draining (slots or ranges are left) → closed (refs 0, listed) → freed, or open again. Stop order:
 * queue and ranges, workers, committer. */
#include "fetch_i.h"

#include <spfs/base/cleanup.h>
#include <spfs/base/workq.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static uint64_t or_default(uint64_t value, uint64_t standard)
{
    return value ? value : standard;
}

int spfs_fetch_new(const struct spfs_fetch_config *config, struct spfs_fetch **ret)
{
    struct spfs_fetch *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->config = *config;
    f->config.workers = (unsigned)or_default(config->workers, 12);
    f->config.streams = (unsigned)or_default(config->streams, 4);
    f->config.budget = or_default(config->budget, (uint64_t)112 << 20);
    f->config.window_max = or_default(config->window_max, (uint64_t)64 << 20);
    if (f->config.window_max > (uint64_t)CLAIM_MAX * BLOCK)
        f->config.window_max = (uint64_t)CLAIM_MAX * BLOCK;
    if (f->config.budget < COMMIT_MIN)
        f->config.budget = COMMIT_MIN;
    f->queue_end = &f->queue;
    f->tasks_end = &f->tasks;
    spfs_lock_init(&f->lock, SPFS_RANK_FETCH);
    spfs_cond_init(&f->work);
    spfs_cond_init(&f->commit);
    spfs_cond_init(&f->room);
    f->workers = calloc(f->config.workers, sizeof(*f->workers));
    int err = f->workers ? slot_pool_init(f) : -ENOMEM;
    if (err) {
        spfs_fetch_free(f);
        return err;
    }
    *ret = f;
    return 0;
}

int spfs_fetch_start(struct spfs_fetch *f)
{
    int err = spfs_thread_start(&f->committer, "commit", commit_main, f);
    if (err)
        return err;
    f->committer_running = true;
    for (; f->workers_running < f->config.workers; f->workers_running++) {
        err = spfs_thread_start(&f->workers[f->workers_running], "fetch", range_worker, f);
        if (err) {
            spfs_fetch_stop(f);
            return err;
        }
    }
    return 0;
}

void spfs_fetch_stop(struct spfs_fetch *f)
{
    {
        SPFS_LOCKED(&f->lock);
        f->stopping = true;
        ranges_shut_down_locked(f);
        tasks_cancel_locked(f);
        spfs_cond_broadcast(&f->work);
        spfs_cond_broadcast(&f->room);
    }
    for (; f->workers_running > 0; f->workers_running--)
        pthread_join(f->workers[f->workers_running - 1], NULL);
    if (!f->committer_running)
        return;
    {
        SPFS_LOCKED(&f->lock);
        f->draining = true;
        spfs_cond_signal(&f->commit);
    }
    pthread_join(f->committer, NULL);
    f->committer_running = false;
}

static void file_free(struct spfs_fetch_file *file)
{
    for (uint64_t i = 0; i < file->chunks; i++)
        free((void *)atomic_load_explicit(&file->seen[i], memory_order_relaxed));
    free((void *)file->seen);
    ident_unref_locked(file->ident);
    free(file);
}

void spfs_fetch_free(struct spfs_fetch *f)
{
    if (!f)
        return;
    spfs_fetch_stop(f);
    tasks_free(f);
    for (unsigned i = 0; i < TABLE_SIZE; i++) {
        struct spfs_fetch_file *next;
        for (struct spfs_fetch_file *file = f->files[i]; file; file = next) {
            next = file->next;
            file_free(file);
        }
    }
    slot_pool_done(f);
    free(f->workers);
    spfs_cond_done(&f->work);
    spfs_cond_done(&f->commit);
    spfs_cond_done(&f->room);
    spfs_lock_done(&f->lock);
    free(f);
}

void ident_unref_locked(struct ident *id)
{
    if (id && --id->refs == 0)
        free(id);
}

static const char *keep(char **at, const char *s, bool empty_is_none)
{
    if (empty_is_none && s[0] == '\0')
        return NULL;
    char *to = *at;
    size_t n = strlen(s) + 1;
    memcpy(to, s, n);
    *at += n;
    return to;
}

static struct ident *ident_new(const struct spfs_node *node, const char *drive_id)
{
    size_t n = strlen(drive_id) + strlen(node->id) + strlen(node->etag) + strlen(node->ctag) +
               strlen(node->quickxor) + 5;
    struct ident *id = calloc(1, sizeof(*id) + n);
    if (!id)
        return NULL;
    char *at = id->text;
    id->refs = 1;
    id->ref.drive_id = keep(&at, drive_id, false);
    id->ref.item_id = keep(&at, node->id, false);
    id->version = (struct spfs_version){
        .etag = keep(&at, node->etag, true),
        .ctag = keep(&at, node->ctag, true),
        .quickxor = keep(&at, node->quickxor, true),
        .size = node->size,
        .mtime_ns = node->mtime_ns,
    };
    return id;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool ident_same(const struct ident *a, const struct ident *b)
{
    return same_text(a->ref.drive_id, b->ref.drive_id) && same_text(a->ref.item_id, b->ref.item_id) &&
           same_text(a->version.etag, b->version.etag) && same_text(a->version.ctag, b->version.ctag) &&
           same_text(a->version.quickxor, b->version.quickxor) && a->version.mtime_ns == b->version.mtime_ns;
}

static struct spfs_fetch_file **file_bucket(struct spfs_fetch *f, uint64_t ino)
{
    uint64_t h = ino * 0x9e3779b97f4a7c15u;
    return &f->files[(h >> 32) & (TABLE_SIZE - 1)];
}

static struct spfs_fetch_file *file_new(struct spfs_fetch *f, const struct spfs_node *node)
{
    struct spfs_fetch_file *file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    uint64_t blocks = node->size / BLOCK + 1;
    file->f = f;
    file->ino = node->ino;
    file->content = node->content;
    file->size = node->size;
    file->chunks = (blocks + SEEN_BLOCKS - 1) / SEEN_BLOCKS;
    if (file->chunks > SEEN_CHUNKS)
        file->chunks = SEEN_CHUNKS;
    file->seen = calloc(file->chunks, sizeof(*file->seen));
    if (!file->seen) {
        free(file);
        return NULL;
    }
    return file;
}

static void closed_remove_locked(struct spfs_fetch_file *file)
{
    struct spfs_fetch *f = file->f;
    *(file->prev_c ? &file->prev_c->next_c : &f->closed_head) = file->next_c;
    *(file->next_c ? &file->next_c->prev_c : &f->closed_tail) = file->prev_c;
    file->prev_c = file->next_c = NULL;
    file->closed = false;
    f->closed--;
}

static void closed_add_locked(struct spfs_fetch_file *file)
{
    struct spfs_fetch *f = file->f;
    file->prev_c = f->closed_tail;
    *(f->closed_tail ? &f->closed_tail->next_c : &f->closed_head) = file;
    f->closed_tail = file;
    file->closed = true;
    if (++f->closed <= CLOSED_MAX)
        return;
    struct spfs_fetch_file *old = f->closed_head, **at = file_bucket(f, old->ino);
    closed_remove_locked(old);
    while (*at != old)
        at = &(*at)->next;
    *at = old->next;
    file_free(old);
}

void file_unref_locked(struct spfs_fetch_file *file)
{
    if (--file->refs == 0)
        closed_add_locked(file);
}

/* Joins or makes the file, and takes over newer tags of the same content: a rename moves the eTag. */
static struct spfs_fetch_file *file_get(struct spfs_fetch *f, const struct spfs_node *node,
                                        const char *drive_id, bool open)
{
    struct ident *id = ident_new(node, drive_id);
    if (!id)
        return NULL;
    SPFS_LOCKED(&f->lock);
    struct spfs_fetch_file **at = file_bucket(f, node->ino), *file = *at;
    while (file && (file->ino != node->ino || file->content != node->content || file->size != node->size))
        file = file->next;
    if (!file) {
        file = file_new(f, node);
        if (!file) {
            ident_unref_locked(id);
            return NULL;
        }
        file->next = *at;
        *at = file;
    } else if (file->closed) {
        closed_remove_locked(file);
    }
    file->refs++;
    if (open && file->opens++ == 0)
        file->told_stale = false;
    if (file->ident && ident_same(file->ident, id)) {
        ident_unref_locked(id);
        return file;
    }
    ident_unref_locked(file->ident);
    file->ident = id;
    file->told_stale = false;
    return file;
}

int spfs_fetch_open(struct spfs_fetch *f, const struct spfs_node *node, const char *drive_id,
                    struct spfs_fetch_file **ret)
{
    struct spfs_fetch_file *file = file_get(f, node, drive_id, true);
    if (!file)
        return -ENOMEM;
    *ret = file;
    return 0;
}

struct spfs_fetch_file *file_hold(struct spfs_fetch *f, const struct spfs_node *node, const char *drive_id)
{
    return file_get(f, node, drive_id, false);
}

void file_release(struct spfs_fetch_file *file)
{
    SPFS_LOCKED(&file->f->lock);
    file_unref_locked(file);
}

void spfs_fetch_close(struct spfs_fetch_file *file)
{
    struct spfs_fetch *f = file->f;
    SPFS_LOCKED(&f->lock);
    if (--file->opens == 0) {
        ranges_call_off_locked(file, NULL);
        struct slot *next;
        for (struct slot *s = f->loose.head; s; s = next) {
            next = s->next_q;
            if (s->file == file && !s->pins)
                slot_gone_locked(s);
        }
    }
    file_unref_locked(file);
}

bool file_seen(const struct spfs_fetch_file *file, uint64_t index)
{
    uint64_t c = index / SEEN_BLOCKS, bit = index % SEEN_BLOCKS;
    if (c >= file->chunks)
        return false;
    _Atomic uint64_t *chunk = atomic_load_explicit(&file->seen[c], memory_order_acquire);
    return chunk && (atomic_load_explicit(&chunk[bit / 64], memory_order_relaxed) >> bit % 64 & 1);
}

void file_set_seen(struct spfs_fetch_file *file, uint64_t index)
{
    uint64_t c = index / SEEN_BLOCKS, bit = index % SEEN_BLOCKS;
    if (c >= file->chunks)
        return;
    _Atomic uint64_t *chunk = atomic_load_explicit(&file->seen[c], memory_order_acquire);
    if (!chunk) {
        _Atomic uint64_t *fresh = calloc(SEEN_BLOCKS / 64, sizeof(*fresh));
        if (!fresh)
            return; /* it will be verified again */
        if (atomic_compare_exchange_strong(&file->seen[c], &chunk, fresh))
            chunk = fresh;
        else
            free((void *)fresh);
    }
    atomic_fetch_or_explicit(&chunk[bit / 64], (uint64_t)1 << bit % 64, memory_order_relaxed);
}

void spfs_fetch_stats(struct spfs_fetch *f, struct spfs_fetch_stats *ret)
{
    SPFS_LOCKED(&f->lock);
    *ret = f->stats;
    ret->buffers = (uint64_t)f->slots_used * BLOCK;
    ret->in_flight = 0;
    for (const struct range *r = f->running; r; r = r->next)
        ret->in_flight += r->len - r->got;
}
