// SPDX-License-Identifier: GPL-3.0-or-later
/* See fetch_fake.h. Every block put is a new one: spans stay valid until the cache is freed, as in a
 * snapshot. */
#include "fetch_fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t fake_seed(const char *item, const char *etag)
{
    uint64_t h = 1469598103934665603u;
    for (; *item; item++)
        h = (h ^ (uint8_t)*item) * 1099511628211u;
    for (; *etag; etag++)
        h = (h ^ (uint8_t)*etag) * 1099511628211u;
    return h;
}

/* Content is a table of random bytes, over and over; its length is prime, so that no two blocks of a file are
 * alike. */
enum { PERIOD = 1048573 };

static const uint8_t *table_at(uint64_t seed, uint64_t off, size_t *left)
{
    static uint8_t table[PERIOD];
    static _Atomic int made;
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
    if (!made) {
        pthread_mutex_lock(&making);
        uint64_t x = 88172645463325252u;
        for (size_t i = 0; !made && i < PERIOD; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            table[i] = (uint8_t)x;
        }
        made = 1;
        pthread_mutex_unlock(&making);
    }
    size_t at = (size_t)((seed % PERIOD + off) % PERIOD);
    if (*left > PERIOD - at)
        *left = PERIOD - at;
    return table + at;
}

void fake_fill(uint64_t seed, uint64_t off, void *p, size_t n)
{
    for (size_t k, at = 0; at < n; at += k) {
        k = n - at;
        const uint8_t *from = table_at(seed, off + at, &k);
        memcpy((uint8_t *)p + at, from, k);
    }
}

bool fake_is(uint64_t seed, uint64_t off, const void *p, size_t n)
{
    for (size_t k, at = 0; at < n; at += k) {
        k = n - at;
        const uint8_t *from = table_at(seed, off + at, &k);
        if (memcmp((const uint8_t *)p + at, from, k) != 0)
            return false;
    }
    return true;
}

void fake_node(struct spfs_node *n, uint64_t ino, uint32_t content, uint64_t size)
{
    memset(n, 0, sizeof(*n));
    n->ino = ino;
    n->content = content;
    n->size = size;
    n->size_known = true;
    n->kind = SPFS_KIND_FILE;
    snprintf(n->id, sizeof(n->id), "i%llu", (unsigned long long)ino);
    snprintf(n->etag, sizeof(n->etag), "e%u", content);
}

/* Waits until the test lets go of byte at; 0 or how the op ended. Called with the lock. */
static int held_locked(struct fake *f, struct spfs_op *op, uint64_t at)
{
    int err = 0;
    bool counted = false;
    while (err == 0 && at >= f->hold_from && (f->hold_to == 0 || at < f->hold_to)) {
        if (!counted) {
            f->held++;
            counted = true;
            spfs_cond_broadcast(&f->cond);
        }
        err = spfs_op_wait(op, &f->cond, &f->lock);
    }
    f->held -= counted;
    return err;
}

static bool fails_locked(struct fake *f, uint64_t at, size_t *n)
{
    if (f->err_times == 0 || at > f->err_at)
        return false;
    if (at < f->err_at) {
        if (*n > f->err_at - at)
            *n = (size_t)(f->err_at - at);
        return false;
    }
    f->err_times--;
    return true;
}

/* The thread sanitizer would take minutes for this loop; the lock guards it. */
__attribute__((no_sanitize_thread)) static void count(struct fake *f, uint64_t at, size_t n)
{
    SPFS_LOCKED(&f->lock);
    f->bytes += n;
    for (size_t i = 0; i < n && at + i < f->count_size; i++)
        f->count[at + i]++;
}

static int deliver(struct fake *f, struct spfs_op *op, struct spfs_read *read, uint8_t *buf, uint64_t seed)
{
    for (uint64_t at = read->off, end = read->off + read->len; at < end;) {
        size_t n = f->chunk ? f->chunk : 65536;
        if (n > end - at)
            n = (size_t)(end - at);
        {
            SPFS_LOCKED(&f->lock);
            int err = held_locked(f, op, at);
            if (err)
                return err;
            if (at < f->hold_from && n > f->hold_from - at)
                n = (size_t)(f->hold_from - at);
            if (fails_locked(f, at, &n)) {
                read->served_size = f->served_size;
                return f->cut_short ? 0 : f->err;
            }
        }
        int err = spfs_op_check(op);
        if (err)
            return err;
        fake_fill(seed, at, buf, n);
        count(f, at, n);
        err = read->data(read->ctx, buf, n);
        if (err)
            return err;
        at += n;
    }
    return 0;
}

static int prove_late(struct fake *f, struct spfs_op *op)
{
    SPFS_LOCKED(&f->lock);
    int err = 0;
    if (f->hold_proof) {
        f->held++;
        spfs_cond_broadcast(&f->cond);
        while (err == 0 && f->hold_proof)
            err = spfs_op_wait(op, &f->cond, &f->lock);
        f->held--;
    }
    return err;
}

static int fake_read(struct spfs_remote *remote, struct spfs_op *op, struct spfs_read *read,
                     struct spfs_reason *reason)
{
    struct fake *f = (struct fake *)(void *)remote;
    enum fake_prove prove;
    {
        SPFS_LOCKED(&f->lock);
        prove = f->prove;
        struct fake_log *l = &f->log[f->reads % 4096];
        *l = (struct fake_log){.off = read->off, .len = read->len, .urgency = op->urgency};
        snprintf(l->item, sizeof(l->item), "%s", read->ref.item_id);
        f->reads++;
        if (++f->running > f->peak)
            f->peak = f->running;
        spfs_cond_broadcast(&f->cond);
    }
    uint8_t *buf = malloc(f->chunk ? f->chunk : 65536);
    if (prove == PROVE_EARLY)
        read->proved(read->ctx);
    int err = deliver(f, op, read, buf, fake_seed(read->ref.item_id, read->want.etag));
    if (err == 0 && prove == PROVE_LATE) {
        err = prove_late(f, op);
        if (err == 0)
            read->proved(read->ctx);
    }
    free(buf);
    if (err)
        spfs_fail(reason, err, "the fake says %d", -err);
    SPFS_LOCKED(&f->lock);
    f->running--;
    spfs_cond_broadcast(&f->cond);
    return err;
}

static int fake_prepare(struct spfs_remote *remote, struct spfs_op *op, const struct spfs_ref *refs, size_t n)
{
    (void)op;
    (void)refs;
    struct fake *f = (struct fake *)(void *)remote;
    SPFS_LOCKED(&f->lock);
    f->prepares++;
    f->prepared += (unsigned)n;
    return 0;
}

void fake_init(struct fake *f)
{
    static const struct spfs_remote_ops ops = {.read = fake_read, .prepare = fake_prepare};
    memset(f, 0, sizeof(*f));
    f->remote.ops = &ops;
    f->hold_from = UINT64_MAX;
    f->served_size = SPFS_SIZE_UNKNOWN;
    spfs_lock_init(&f->lock, SPFS_RANK_GOVERNOR);
    spfs_cond_init(&f->cond);
}

void fake_done(struct fake *f)
{
    free(f->count);
    spfs_cond_done(&f->cond);
    spfs_lock_done(&f->lock);
}

void fake_count(struct fake *f, uint64_t size)
{
    f->count = calloc(1, size);
    f->count_size = size;
}

void fake_hold(struct fake *f, uint64_t from, uint64_t to)
{
    SPFS_LOCKED(&f->lock);
    f->hold_from = from;
    f->hold_to = to;
}

void fake_release(struct fake *f)
{
    SPFS_LOCKED(&f->lock);
    f->hold_from = UINT64_MAX;
    f->hold_proof = false;
    spfs_cond_broadcast(&f->cond);
}

void fake_wait_held(struct fake *f, unsigned n)
{
    SPFS_LOCKED(&f->lock);
    while (f->held < n)
        spfs_cond_wait(&f->cond, &f->lock);
}

void fake_wait_reads(struct fake *f, unsigned n)
{
    SPFS_LOCKED(&f->lock);
    while (f->reads < n)
        spfs_cond_wait(&f->cond, &f->lock);
}

void fake_wait_quiet(struct fake *f)
{
    SPFS_LOCKED(&f->lock);
    while (f->running > 0)
        spfs_cond_wait(&f->cond, &f->lock);
}

void fake_stale(void *fake, uint64_t ino, uint32_t content, uint64_t served_size)
{
    (void)ino;
    (void)content;
    struct fake *f = fake;
    SPFS_LOCKED(&f->lock);
    f->stale_calls++;
    f->stale_size = served_size;
}

enum { BUCKETS = 4096 };

struct entry {
    struct entry *next, *older;
    uint64_t ino, index;
    uint32_t content;
    bool corrupt, gone;
    size_t len;
    uint8_t data[];
};

struct spfs_blocks {
    struct spfs_lock lock;
    struct spfs_cond cond;
    struct entry *table[BUCKETS], *all;
    unsigned stored, verified;
    int refuse;
    bool hold;
};

struct spfs_blocks_txn {
    struct spfs_blocks *b;
};

struct spfs_blocks *fake_blocks_new(void)
{
    struct spfs_blocks *b = calloc(1, sizeof(*b));
    spfs_lock_init(&b->lock, SPFS_RANK_STORE);
    spfs_cond_init(&b->cond);
    return b;
}

void fake_blocks_free(struct spfs_blocks *b)
{
    while (b->all) {
        struct entry *e = b->all;
        b->all = e->older;
        free(e);
    }
    spfs_cond_done(&b->cond);
    spfs_lock_done(&b->lock);
    free(b);
}

static struct entry **place(struct spfs_blocks *b, uint64_t ino, uint32_t content, uint64_t index)
{
    return &b->table[(ino * 31 + content * 17 + index) % BUCKETS];
}

static struct entry *find_locked(struct spfs_blocks *b, uint64_t ino, uint32_t content, uint64_t index)
{
    struct entry *e = *place(b, ino, content, index);
    while (e && (e->gone || e->ino != ino || e->content != content || e->index != index))
        e = e->next;
    return e;
}

int spfs_blocks_begin(struct spfs_blocks *b, struct spfs_blocks_txn **ret)
{
    *ret = malloc(sizeof(**ret));
    (*ret)->b = b;
    return 0;
}

void spfs_blocks_end(struct spfs_blocks_txn *t)
{
    free(t);
}

int spfs_blocks_get(struct spfs_blocks_txn *t, uint64_t ino, uint32_t content, uint64_t index, bool verify,
                    const void **ret_data, size_t *ret_len)
{
    SPFS_LOCKED(&t->b->lock);
    struct entry *e = find_locked(t->b, ino, content, index);
    t->b->verified += verify;
    if (!e || (e->corrupt && verify))
        return -ENOENT;
    *ret_data = e->data;
    *ret_len = e->len;
    return 0;
}

bool spfs_blocks_has(struct spfs_blocks_txn *t, uint64_t ino, uint32_t content, uint64_t index)
{
    SPFS_LOCKED(&t->b->lock);
    return find_locked(t->b, ino, content, index) != NULL;
}

int spfs_blocks_put(struct spfs_blocks *b, const struct spfs_block *v, size_t n)
{
    SPFS_LOCKED(&b->lock);
    while (b->hold)
        spfs_cond_wait(&b->cond, &b->lock);
    if (b->refuse)
        return b->refuse;
    for (size_t i = 0; i < n; i++) {
        struct entry **at = place(b, v[i].ino, v[i].content, v[i].index), *e = malloc(sizeof(*e) + v[i].len);
        *e = (struct entry){.next = *at,
                            .older = b->all,
                            .ino = v[i].ino,
                            .content = v[i].content,
                            .index = v[i].index,
                            .len = v[i].len};
        memcpy(e->data, v[i].data, v[i].len);
        *at = b->all = e;
        b->stored++;
    }
    spfs_cond_broadcast(&b->cond);
    return 0;
}

void fake_blocks_refuse(struct spfs_blocks *b, int err)
{
    SPFS_LOCKED(&b->lock);
    b->refuse = err;
}

void fake_blocks_hold(struct spfs_blocks *b, bool hold)
{
    SPFS_LOCKED(&b->lock);
    b->hold = hold;
    spfs_cond_broadcast(&b->cond);
}

void fake_blocks_wait(struct spfs_blocks *b, unsigned n)
{
    SPFS_LOCKED(&b->lock);
    while (b->stored < n)
        spfs_cond_wait(&b->cond, &b->lock);
}

unsigned fake_blocks_stored(struct spfs_blocks *b)
{
    SPFS_LOCKED(&b->lock);
    return b->stored;
}

unsigned fake_blocks_verified(struct spfs_blocks *b)
{
    SPFS_LOCKED(&b->lock);
    return b->verified;
}

void fake_blocks_corrupt(struct spfs_blocks *b, uint64_t ino, uint64_t index)
{
    SPFS_LOCKED(&b->lock);
    for (struct entry *e = b->all; e; e = e->older)
        if (e->ino == ino && e->index == index)
            e->corrupt = true;
}

void fake_blocks_evict(struct spfs_blocks *b, uint64_t ino)
{
    SPFS_LOCKED(&b->lock);
    for (struct entry *e = b->all; e; e = e->older)
        if (e->ino == ino)
            e->gone = true;
}
