/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree's life, its scheduler and its front door.
 * A drive is polled only once a program has looked into it (in_use): a tenant's thousand libraries cost
 * nothing until then. The scheduler thread ("refresh") only decides; rounds run in the crew ("delta"). The
 * tree's lock guards drives and is dropped before any remote call. */
#include "tree_i.h"

#include <spfs/base/clock.h>
#include <spfs/base/log.h>

#include <errno.h>
#include <string.h>

uint64_t tree_hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    return h;
}

bool tree_links_bad(struct tree_links *l, const char *link, size_t items_on_page)
{
    uint64_t h = tree_hash(link);
    l->pages++;
    l->empty = items_on_page ? 0 : l->empty + 1;
    if (l->pages > TREE_MAX_PAGES || l->empty > TREE_MAX_EMPTY_PAGES || (l->pages > 1 && h == l->saved))
        return true;
    if (l->pages == 1 || ++l->steps == l->power) {
        l->saved = h;
        l->power = l->pages == 1 ? 1 : l->power * 2;
        l->steps = 0;
    }
    return false;
}

int spfs_tree_new(const struct spfs_tree_config *config, struct spfs_tree **ret)
{
    struct spfs_tree *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->remote = config->remote;
    t->catalog = config->catalog;
    t->delegated = config->delegated;
    t->sites = config->sites;
    t->poll_ms = config->poll_ms ? config->poll_ms : 30000;
    spfs_lock_init(&t->lock, SPFS_RANK_REFRESH);
    spfs_cond_init(&t->changed);
    spfs_lock_init(&t->list_lock, SPFS_RANK_LISTING);
    spfs_cond_init(&t->listed);
    size_t n = 0;
    while (config->site_names && config->site_names[n])
        n++;
    t->site_names = calloc(n + 1, sizeof(char *));
    t->crew = spfs_workq_new("delta", 3);
    t->listers = spfs_workq_new("list", 6);
    bool ok = t->site_names && t->crew && t->listers;
    for (size_t i = 0; ok && i < n; i++)
        ok = (t->site_names[i] = strdup(config->site_names[i])) != NULL;
    if (!ok) {
        spfs_tree_free(t);
        return -ENOMEM;
    }
    *ret = t;
    return 0;
}

void spfs_tree_free(struct spfs_tree *t)
{
    if (!t)
        return;
    spfs_tree_stop(t);
    spfs_workq_free(t->listers);
    spfs_workq_free(t->crew);
    for (struct tree_drive *d = t->drives, *next; d; d = next) {
        next = d->next;
        free(d);
    }
    for (size_t i = 0; t->site_names && t->site_names[i]; i++)
        free(t->site_names[i]);
    free(t->site_names);
    spfs_cond_done(&t->listed);
    spfs_lock_done(&t->list_lock);
    spfs_cond_done(&t->changed);
    spfs_lock_done(&t->lock);
    free(t);
}

struct tree_drive *tree_drive_locked(struct spfs_tree *t, uint32_t number)
{
    for (struct tree_drive *d = t->drives; d; d = d->next)
        if (d->number == number)
            return d;
    struct spfs_drive_rec *rec = malloc(sizeof(*rec));
    struct tree_drive *d = calloc(1, sizeof(*d));
    if (rec && d && spfs_catalog_drive(t->catalog, number, rec) == 0) {
        d->settled = rec->settled;
        d->listed_only = rec->listed_only;
    }
    free(rec);
    if (!d)
        return NULL;
    d->number = number;
    d->interval_ms = t->poll_ms;
    d->next = t->drives;
    t->drives = d;
    t->stats.drives++;
    return d;
}

/* Keeps the last contact and the last failure for `status`. */
void tree_note_contact(struct spfs_tree *t, int err, const char *what)
{
    SPFS_LOCKED(&t->lock);
    if (err == 0) {
        t->stats.last_ok_ms = spfs_now_real_ns() / 1000000;
        t->stats.last_error[0] = '\0';
        t->offline_until_ms = 0;
    } else if (err != -EINTR && err != -ESHUTDOWN) {
        spfs_format(t->stats.last_error, sizeof(t->stats.last_error), "%s", what ? what : "");
        if (err == -ENETUNREACH || err == -ETIMEDOUT)
            t->offline_until_ms = spfs_now_ms() + TREE_OFFLINE_MS;
    }
}

/* --- rounds --- */

struct round_job {
    struct spfs_job job;
    struct spfs_tree *tree;
    uint32_t number;
};

static uint64_t next_interval(const struct spfs_tree *t, const struct tree_drive *d, int err, uint64_t now)
{
    bool quiet = now - d->used_ms > TREE_IN_USE_MS;
    uint64_t interval = err || quiet ? d->interval_ms * 2 : t->poll_ms;
    uint64_t max = t->poll_ms > TREE_INTERVAL_MAX_MS ? t->poll_ms : TREE_INTERVAL_MAX_MS;
    return interval > max ? max : interval;
}

static void round_end_locked(struct spfs_tree *t, struct tree_drive *d, int err)
{
    uint64_t now = spfs_now_ms();
    d->last_err = err;
    d->ended++;
    d->running = false;
    if (err) {
        t->stats.failed_rounds++;
    } else {
        t->stats.rounds++;
        d->ok_ms = now;
    }
    d->interval_ms = next_interval(t, d, err, now);
    uint64_t jitter = spfs_random(d->interval_ms / 10 + 1);
    d->due_ms = d->again ? now : now + d->interval_ms + jitter;
    spfs_cond_broadcast(&t->changed);
}

static void round_run(struct spfs_job *job)
{
    struct round_job *r = SPFS_CONTAINER(job, struct round_job, job);
    struct spfs_tree *t = r->tree;
    int err = tree_round(t, r->number);
    {
        SPFS_LOCKED(&t->lock);
        struct tree_drive *d = tree_drive_locked(t, r->number);
        if (d)
            round_end_locked(t, d, err);
    }
    free(r);
}

static void round_drop(struct spfs_job *job)
{
    free(SPFS_CONTAINER(job, struct round_job, job));
}

static void round_queue_locked(struct spfs_tree *t, struct tree_drive *d)
{
    struct round_job *r = calloc(1, sizeof(*r));
    if (r) {
        r->job = (struct spfs_job){.run = round_run, .drop = round_drop, .urgency = SPFS_NORMAL};
        r->tree = t;
        r->number = d->number;
        if (spfs_workq_add(t->crew, &r->job) == 0) {
            d->running = true;
            d->again = false;
            d->started++;
            return;
        }
        free(r);
    }
    d->due_ms = spfs_now_ms() + t->poll_ms;
}

static void *scheduler(void *arg)
{
    struct spfs_tree *t = arg;
    SPFS_LOCKED(&t->lock);
    while (!t->stopping) {
        uint64_t now = spfs_now_ms(), wait = TREE_INTERVAL_MAX_MS;
        for (struct tree_drive *d = t->drives; d; d = d->next) {
            if (!d->in_use || d->running)
                continue;
            if (d->due_ms <= now)
                round_queue_locked(t, d);
            else if (d->due_ms - now < wait)
                wait = d->due_ms - now;
        }
        spfs_cond_wait_ms(&t->changed, &t->lock, wait);
    }
    return NULL;
}

int spfs_tree_start(struct spfs_tree *t)
{
    int err = spfs_workq_start(t->crew);
    if (!err)
        err = spfs_workq_start(t->listers);
    if (!err)
        err = spfs_thread_start(&t->scheduler, "refresh", scheduler, t);
    SPFS_LOCKED(&t->lock);
    t->started = err == 0;
    return err;
}

void spfs_tree_stop(struct spfs_tree *t)
{
    {
        SPFS_LOCKED(&t->lock);
        t->stopping = true;
        spfs_cond_broadcast(&t->changed);
    }
    if (t->listers)
        spfs_workq_stop(t->listers);
    if (t->crew)
        spfs_workq_stop(t->crew);
    if (t->started)
        pthread_join(t->scheduler, NULL);
    SPFS_LOCKED(&t->lock);
    t->started = false;
}

/* --- use --- */

/* Marks use; a drive that comes into use, or was polled lazily, gets its round now. */
static struct tree_drive *touch_locked(struct spfs_tree *t, uint32_t number)
{
    struct tree_drive *d = tree_drive_locked(t, number);
    if (!d)
        return NULL;
    uint64_t now = spfs_now_ms();
    bool wake = !d->in_use;
    d->used_ms = now;
    d->in_use = true;
    if (d->interval_ms > t->poll_ms && !d->last_err) {
        d->interval_ms = t->poll_ms;
        if (d->due_ms > now + t->poll_ms)
            d->due_ms = d->ok_ms + t->poll_ms;
        wake = true;
    }
    if (wake)
        spfs_cond_broadcast(&t->changed);
    return d;
}

void spfs_tree_touch(struct spfs_tree *t, uint32_t drive)
{
    if (drive == 0)
        return;
    SPFS_LOCKED(&t->lock);
    touch_locked(t, drive);
}

/* A settled drive answers from the catalog. One that nobody has polled for long (just started, woken from
 * sleep) gets a moment to catch up first. */
static int ensure_drive(struct spfs_tree *t, struct spfs_op *op, uint32_t number, bool *ret_list)
{
    *ret_list = false;
    struct spfs_op patience;
    spfs_op_init(&patience, SPFS_URGENT, TREE_STALE_WAIT_MS);
    int err = 0;
    {
        SPFS_LOCKED(&t->lock);
        struct tree_drive *d = touch_locked(t, number);
        if (!d)
            err = -ENOMEM;
        else if (!d->settled)
            *ret_list = true;
        else {
            uint64_t ended = d->ended;
            while (!err && t->started && !t->stopping && d->ended == ended && !d->last_err &&
                   spfs_now_ms() - d->ok_ms > TREE_STALE_AFTER_MS + t->poll_ms + d->interval_ms) {
                err = spfs_op_check(op);
                if (!err && spfs_op_wait(&patience, &t->changed, &t->lock))
                    break;
            }
        }
    }
    spfs_op_done(&patience);
    return err;
}

static bool fresh_listing(const struct spfs_tree *t, const struct spfs_node *dir)
{
    if (!(dir->flags & SPFS_NODE_LISTED) || dir->listed_ms == 0)
        return false;
    int64_t age = spfs_now_real_ns() / 1000000 - dir->listed_ms;
    return age >= 0 && age < (int64_t)t->poll_ms;
}

static int ensure_discovered(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                             struct spfs_reason *reason)
{
    int64_t age = spfs_now_real_ns() / 1000000 - dir->listed_ms;
    if ((dir->flags & SPFS_NODE_LISTED) && dir->listed_ms && age >= 0 && age < TREE_DISCOVERY_MS)
        return 0;
    return tree_single_flight(
        t, op, dir->kind == SPFS_KIND_TENANT ? tree_discover_tenant : tree_discover_site, dir, reason);
}

/* Found no connection a moment ago: what is known is shown at once instead of waiting for the next time-out.
 */
static bool just_offline(struct spfs_tree *t)
{
    SPFS_LOCKED(&t->lock);
    return t->offline_until_ms > spfs_now_ms();
}

int spfs_tree_ensure(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                     struct spfs_reason *reason)
{
    int err = 0;
    bool list = false;
    if ((dir->flags & SPFS_NODE_LISTED) && just_offline(t)) {
        spfs_tree_touch(t, dir->drive);
        return 0;
    }
    if (dir->kind == SPFS_KIND_TENANT || dir->kind == SPFS_KIND_SITE) {
        err = ensure_discovered(t, op, dir, reason);
    } else {
        err = ensure_drive(t, op, dir->drive, &list);
        if (!err && list && !fresh_listing(t, dir))
            err = tree_single_flight(t, op, tree_list_folder, dir, reason);
    }
    if (err == -EINTR || err == -ENOMEM)
        return err;
    /* What is known stays listed when the server cannot be asked (promise 14); what was never listed cannot
     * be shown as empty (promise 4). */
    return err && (dir->flags & SPFS_NODE_LISTED) && err != -ENOENT ? 0 : err;
}

bool spfs_tree_is_complete(struct spfs_tree *t, const struct spfs_node *dir)
{
    if (dir->kind == SPFS_KIND_TENANT || dir->kind == SPFS_KIND_SITE)
        return false; /* unlisted sites can be named at any time */
    SPFS_LOCKED(&t->lock);
    struct tree_drive *d = tree_drive_locked(t, dir->drive);
    return d && d->settled;
}

static int sync_drive(struct spfs_tree *t, struct spfs_op *op, uint32_t number, struct spfs_reason *reason)
{
    SPFS_LOCKED(&t->lock);
    struct tree_drive *d = touch_locked(t, number);
    if (!d)
        return -ENOMEM;
    uint64_t want = d->started + 1; /* a round that starts from now on */
    d->again = true;
    if (!d->running)
        d->due_ms = 0;
    spfs_cond_broadcast(&t->changed);
    while (d->ended < want) {
        if (t->stopping)
            return -ESHUTDOWN;
        int err = spfs_op_wait(op, &t->changed, &t->lock);
        if (err)
            return spfs_fail(reason, err, "The server's changes did not arrive in time.");
    }
    if (d->last_err)
        return spfs_fail(reason, d->last_err, "%s", t->stats.last_error);
    return 0;
}

struct numbers {
    uint32_t *v;
    size_t n;
};

static int sync_all(struct spfs_tree *t, struct spfs_op *op, struct spfs_reason *reason)
{
    struct spfs_node *tenant = malloc(sizeof(*tenant));
    if (!tenant)
        return -ENOMEM;
    int err = spfs_catalog_get(t->catalog, SPFS_INO_TENANT, tenant);
    if (!err)
        err = tree_single_flight(t, op, tree_discover_tenant, tenant, reason);
    free(tenant);
    struct numbers used = {0};
    {
        SPFS_LOCKED(&t->lock);
        used.v = calloc(t->stats.drives + 1, sizeof(*used.v));
        for (struct tree_drive *d = t->drives; used.v && d; d = d->next)
            if (d->in_use)
                used.v[used.n++] = d->number;
    }
    if (!used.v)
        return -ENOMEM;
    for (size_t i = 0; i < used.n; i++) {
        int one = sync_drive(t, op, used.v[i], reason);
        if (!err)
            err = one;
    }
    free(used.v);
    return err;
}

int spfs_tree_sync(struct spfs_tree *t, struct spfs_op *op, uint64_t ino, struct spfs_reason *reason)
{
    struct spfs_node *node = malloc(sizeof(*node));
    if (!node)
        return -ENOMEM;
    int err = spfs_catalog_get(t->catalog, ino, node);
    if (err)
        spfs_fail(reason, err, "This is not known here.");
    else if (node->kind == SPFS_KIND_TENANT)
        err = sync_all(t, op, reason);
    else if (node->kind == SPFS_KIND_SITE)
        err = tree_single_flight(t, op, tree_discover_site, node, reason);
    else
        err = sync_drive(t, op, node->drive, reason);
    free(node);
    return err;
}

/* --- single items --- */

static int put_one(void *ctx, const struct spfs_item *item)
{
    return tree_batch_item(ctx, item);
}

int spfs_tree_refresh_item(struct spfs_tree *t, struct spfs_op *op, uint64_t ino, struct spfs_reason *reason)
{
    SPFS_FREE struct spfs_node *node = malloc(sizeof(*node));
    SPFS_FREE struct spfs_drive_rec *rec = malloc(sizeof(*rec));
    if (!node || !rec)
        return -ENOMEM;
    int err = spfs_catalog_get(t->catalog, ino, node);
    if (!err)
        err = spfs_catalog_drive(t->catalog, node->drive, rec);
    if (err)
        return err;
    struct tree_batch batch = {.tree = t, .drive = rec->number};
    err = t->remote->ops->item(t->remote, op, (struct spfs_ref){rec->id, node->id}, put_one, &batch, reason);
    if (!err)
        err = tree_batch_commit(&batch);
    else
        tree_batch_abort(&batch);
    tree_note_contact(t, err, reason ? reason->text : NULL);
    if (err == -ENOENT) { /* gone, or out of sight: the drive's own feed decides */
        SPFS_LOCKED(&t->lock);
        struct tree_drive *d = touch_locked(t, rec->number);
        if (d && !d->running)
            d->due_ms = 0;
        spfs_cond_broadcast(&t->changed);
    }
    return err;
}

struct refresh_job {
    struct spfs_job job;
    struct spfs_tree *tree;
    uint64_t ino;
};

static void refresh_run(struct spfs_job *job)
{
    struct refresh_job *r = SPFS_CONTAINER(job, struct refresh_job, job);
    struct spfs_op op;
    struct spfs_reason reason = {""};
    spfs_op_init(&op, SPFS_URGENT, 0);
    int err = spfs_tree_refresh_item(r->tree, &op, r->ino, &reason);
    if (err && err != -ENOENT)
        spfs_info("op %llu: item %llu could not be asked for again: %s", (unsigned long long)op.id,
                  (unsigned long long)r->ino, reason.text);
    spfs_op_done(&op);
    free(r);
}

static void refresh_drop(struct spfs_job *job)
{
    free(SPFS_CONTAINER(job, struct refresh_job, job));
}

void spfs_tree_queue_refresh(struct spfs_tree *t, uint64_t ino)
{
    struct refresh_job *r = calloc(1, sizeof(*r));
    if (!r)
        return;
    *r = (struct refresh_job){
        .job = {.run = refresh_run, .drop = refresh_drop, .urgency = SPFS_URGENT}, .tree = t, .ino = ino};
    if (spfs_workq_add(t->crew, &r->job))
        free(r);
}

void spfs_tree_stats(struct spfs_tree *t, struct spfs_tree_stats *ret)
{
    SPFS_LOCKED(&t->lock);
    *ret = t->stats;
    ret->drives = ret->settled = 0;
    ret->busy = false;
    for (struct tree_drive *d = t->drives; d; d = d->next) {
        ret->drives++;
        ret->settled += d->settled;
        ret->busy |= d->in_use && !d->settled && !d->listed_only;
    }
}
