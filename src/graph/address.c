// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: the table of download addresses with single flight. See address_i.h.
 * States of an entry: unknown → ASKED (asking ≠ 0, one thread has the question) → known (value.url set) or
 * failed (failed = number of the question). Invariants: an entry with users or a question under way is never
 * evicted; at most CAPACITY entries else. Threads: any; lock SPFS_RANK_GRAPH, never held across a request.
 * Ownership: entries are the table's, readers get copies. */
#include "address_i.h"
#include <spfs/base/clock.h>
#include <errno.h>
#include <string.h>

#define CAPACITY 4096
#define BUCKETS  4096
/* The service says from a few minutes to an hour; an address that has died early costs one more round trip,
 * nothing else. */
#define LIFE_MS ((uint64_t)45 * 60 * 1000)

struct entry {
    struct entry *chain;         /* of the bucket */
    struct entry *older, *newer; /* by last use */
    char *drive_id, *item_id;
    uint32_t hash;
    unsigned users;  /* threads that hold the entry */
    uint64_t asking; /* number of the question under way, 0 none */
    uint64_t failed; /* number of the last question that failed for a reason of the item, and … */
    int error;       /* … that reason */
    uint64_t at_ms;  /* when value was learned */
    struct address value;
};

struct address_table {
    struct spfs_lock lock;
    struct spfs_cond changed;       /* some question has ended */
    struct entry *buckets[BUCKETS]; /* guarded by: lock, as all below */
    struct entry *oldest, *newest;
    unsigned count;
    uint64_t questions; /* asked so far */
};

void address_done(struct address *a)
{
    free(a->url);
    free(a->etag);
    free(a->ctag);
    free(a->quickxor);
    *a = (struct address){0};
}

struct spfs_version address_version(const struct address *a)
{
    return (struct spfs_version){
        .etag = a->etag, .ctag = a->ctag, .quickxor = a->quickxor, .size = a->size, .mtime_ns = a->mtime_ns};
}

static int dup_to(char **ret, const char *s)
{
    *ret = s ? strdup(s) : NULL;
    return s && !*ret ? -ENOMEM : 0;
}

static int address_set(struct address *ret, uint64_t question, const char *url, struct spfs_version v)
{
    struct address a = {.question = question, .size = v.size, .mtime_ns = v.mtime_ns};
    if (dup_to(&a.url, url) || dup_to(&a.etag, v.etag) || dup_to(&a.ctag, v.ctag) ||
        dup_to(&a.quickxor, v.quickxor)) {
        address_done(&a);
        return -ENOMEM;
    }
    address_done(ret);
    *ret = a;
    return 0;
}

struct address_table *address_table_new(void)
{
    struct address_table *t = calloc(1, sizeof *t);
    if (t) {
        spfs_lock_init(&t->lock, SPFS_RANK_GRAPH);
        spfs_cond_init(&t->changed);
    }
    return t;
}

static void entry_free(struct entry *e)
{
    address_done(&e->value);
    free(e->drive_id);
    free(e->item_id);
    free(e);
}

void address_table_free(struct address_table *t)
{
    if (!t)
        return;
    for (struct entry *e = t->oldest, *next; e; e = next) {
        next = e->newer;
        entry_free(e);
    }
    spfs_cond_done(&t->changed);
    spfs_lock_done(&t->lock);
    free(t);
}

static uint32_t hash_of(struct spfs_ref ref)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (const char *s = ref.drive_id; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    for (const char *s = ref.item_id; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static void unlink_use(struct address_table *t, struct entry *e)
{
    *(e->older ? &e->older->newer : &t->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &t->newest) = e->older;
}

static void link_newest(struct address_table *t, struct entry *e)
{
    e->older = t->newest;
    e->newer = NULL;
    *(t->newest ? &t->newest->newer : &t->oldest) = e;
    t->newest = e;
}

static void evict_locked(struct address_table *t)
{
    struct entry *e = t->oldest;
    while (e && (e->users || e->asking))
        e = e->newer;
    if (!e)
        return;
    struct entry **at = &t->buckets[e->hash % BUCKETS];
    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    unlink_use(t, e);
    t->count--;
    entry_free(e);
}

/* Finds or makes the entry, as the newest. NULL: out of memory. */
static struct entry *entry_locked(struct address_table *t, struct spfs_ref ref)
{
    uint32_t hash = hash_of(ref);
    struct entry *e = t->buckets[hash % BUCKETS];
    while (e && (e->hash != hash || strcmp(e->item_id, ref.item_id) != 0 ||
                 strcmp(e->drive_id, ref.drive_id) != 0))
        e = e->chain;
    if (e) {
        unlink_use(t, e);
        link_newest(t, e);
        return e;
    }
    if (t->count >= CAPACITY)
        evict_locked(t);
    e = calloc(1, sizeof *e);
    if (!e || dup_to(&e->drive_id, ref.drive_id) || dup_to(&e->item_id, ref.item_id)) {
        if (e)
            entry_free(e);
        return NULL;
    }
    e->hash = hash;
    e->chain = t->buckets[hash % BUCKETS];
    t->buckets[hash % BUCKETS] = e;
    link_newest(t, e);
    t->count++;
    return e;
}

static bool serves_locked(const struct entry *e, uint64_t least)
{
    return e->value.url && e->value.question >= least && (least > 0 || spfs_now_ms() - e->at_ms < LIFE_MS);
}

/* v NULL: nothing learned, for the reason err (0: none that others should share). */
static void answer_locked(struct address_table *t, struct entry *e, uint64_t question, const char *url,
                          const struct spfs_version *v, int err)
{
    e->asking = 0;
    if (v && url && address_set(&e->value, question, url, *v) == 0) {
        e->at_ms = spfs_now_ms();
    } else if (err) {
        e->failed = question;
        e->error = err;
    }
    spfs_cond_broadcast(&t->changed);
}

uint64_t address_next(struct graph *g)
{
    SPFS_LOCKED(&g->addresses->lock);
    return g->addresses->questions + 1;
}

/* Older services give no address with the item, only a redirect from its content. */
static int ask_redirect(struct graph *g, struct spfs_op *op, struct spfs_ref ref, char **ret,
                        struct spfs_reason *reason)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_buf b SPFS_CLEANUP(spfs_buf_done);
    spfs_buf_init(&b, GRAPH_PATH_MAX);
    int rc = graph_item_path(&b, ref, "/content");
    struct graph_call call = {.path = b.data, .what = "get the file's content", .redirect = true};
    if (rc == 0)
        rc = graph_perform(g, op, &call, &reply, reason);
    if (rc == 0)
        *ret = TAKE(reply.location);
    return rc;
}

static int ask(struct graph *g, struct spfs_op *op, struct spfs_ref ref, struct address *ret,
               struct spfs_reason *reason)
{
    static const char what[] = "get the file's address";
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_buf b SPFS_CLEANUP(spfs_buf_done);
    SPFS_FREE char *url = NULL;
    struct spfs_item item;
    bool bad_name;
    spfs_buf_init(&b, GRAPH_PATH_MAX);
    int rc = graph_item_path(&b, ref, ADDRESS_SELECT);
    if (rc == 0)
        rc = graph_perform(g, op, &(struct graph_call){.path = b.data, .what = what}, &reply, reason);
    if (rc)
        return rc;
    if (!parse_item(spfs_json_root(reply.doc), &item, &bad_name))
        return spfs_fail(reason, -EIO, "Cannot %s: the answer is not what it should be.", what);
    if (item.deleted)
        return spfs_fail(reason, -ENOENT, "Cannot %s: it has been deleted.", what);
    if (item.malware)
        return spfs_fail(reason, -EPERM, "Cannot get the file: the service has found malware in it.");
    if (!item.download_url)
        rc = ask_redirect(g, op, ref, &url, reason);
    return rc ? rc : address_set(ret, 0, url ? url : item.download_url, spfs_item_version(&item));
}

/* Errors that belong to one op say nothing to the others that wait. */
static bool is_shared(int err)
{
    return err && err != -EINTR && err != -ETIMEDOUT && err != -ENOMEM;
}

/* Waits until a question under way has ended. -EALREADY: it failed, and it would have served; its error is in
 * *ret_err. */
static int join_locked(struct address_table *t, struct spfs_op *op, struct entry *e, uint64_t least,
                       int *ret_err)
{
    uint64_t question = e->asking;
    while (e->asking == question) {
        int rc = spfs_op_wait(op, &t->changed, &t->lock);
        if (rc)
            return rc;
    }
    if (e->failed != question || question < least)
        return 0;
    *ret_err = e->error;
    return -EALREADY;
}

/* The caller holds the lock and a use of e; both are given up for the length of the request. */
static int ask_locked(struct graph *g, struct spfs_op *op, struct entry *e, struct spfs_reason *reason)
{
    struct address_table *t = g->addresses;
    struct address a SPFS_CLEANUP(address_done) = {0};
    uint64_t question = e->asking = ++t->questions;
    spfs_lock_drop(&t->lock);
    int rc = ask(g, op, (struct spfs_ref){e->drive_id, e->item_id}, &a, reason);
    struct spfs_version v = address_version(&a);
    spfs_lock_take(&t->lock);
    answer_locked(t, e, question, a.url, rc ? NULL : &v, is_shared(rc) ? rc : 0);
    return rc == 0 && e->value.question != question ? -ENOMEM : rc;
}

int address_get(struct graph *g, struct spfs_op *op, struct spfs_ref ref, uint64_t least, struct address *ret,
                struct spfs_reason *reason)
{
    struct address_table *t = g->addresses;
    int rc = 0, shared = 0;
    *ret = (struct address){0};
    SPFS_LOCKED(&t->lock);
    struct entry *e = entry_locked(t, ref);
    if (!e)
        return -ENOMEM;
    e->users++;
    while (rc == 0 && !serves_locked(e, least))
        rc = e->asking ? join_locked(t, op, e, least, &shared) : ask_locked(g, op, e, reason);
    if (rc == -EALREADY)
        rc = spfs_fail(reason, shared, "Cannot get the file's address: the question about it failed.");
    if (rc == 0)
        rc = address_set(ret, e->value.question, e->value.url, address_version(&e->value));
    e->users--;
    return rc;
}

uint64_t address_begin(struct graph *g, struct spfs_ref ref)
{
    struct address_table *t = g->addresses;
    SPFS_LOCKED(&t->lock);
    struct entry *e = entry_locked(t, ref);
    if (!e || e->asking || serves_locked(e, 0))
        return 0;
    return e->asking = ++t->questions;
}

void address_end(struct graph *g, struct spfs_ref ref, uint64_t question, const struct spfs_item *item)
{
    struct address_table *t = g->addresses;
    SPFS_LOCKED(&t->lock);
    struct entry *e = entry_locked(t, ref);
    if (!e || e->asking != question)
        return;
    struct spfs_version v = {0};
    if (item)
        v = spfs_item_version(item);
    answer_locked(t, e, question, item ? item->download_url : NULL, item ? &v : NULL, 0);
}
