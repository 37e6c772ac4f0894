/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Direct listing of folders in use, each by one lister for all who wait for it.
 * A listing runs in a crew of its own ("list"), not on a caller's thread: a caller that is interrupted leaves
 * at once, the listing goes on, and all are let go early when the drive settles meanwhile. States: queued or
 * running (linked, !done) → released (done, still linked until the work returns) → over. Guarded by:
 * list_lock. */
#include "tree_i.h"

#include <spfs/base/clock.h>

#include <errno.h>

struct tree_listing {
    struct tree_listing *next;
    struct spfs_job job;
    struct spfs_tree *tree;
    tree_work *work;
    struct spfs_node dir;
    unsigned refs; /* the work's own and one a waiter */
    bool done;
    int err;
    struct spfs_reason reason;
};

static void unref_locked(struct tree_listing *l)
{
    if (--l->refs == 0)
        free(l);
}

static void end_listing(struct tree_listing *l, int err, const struct spfs_reason *reason)
{
    struct spfs_tree *t = l->tree;
    SPFS_LOCKED(&t->list_lock);
    struct tree_listing **p = &t->listings;
    while (*p != l)
        p = &(*p)->next;
    *p = l->next;
    if (!l->done) {
        l->done = true;
        l->err = err;
        l->reason = *reason;
    }
    spfs_cond_broadcast(&t->listed);
    unref_locked(l);
}

static void listing_run(struct spfs_job *job)
{
    struct tree_listing *l = SPFS_CONTAINER(job, struct tree_listing, job);
    struct spfs_reason reason = {""};
    struct spfs_op op;
    spfs_op_init(&op, SPFS_URGENT, 0);
    int err = l->work(l->tree, &op, &l->dir, &reason);
    spfs_op_done(&op);
    end_listing(l, err, &reason);
}

static void listing_drop(struct spfs_job *job)
{
    end_listing(SPFS_CONTAINER(job, struct tree_listing, job), -ESHUTDOWN, &(struct spfs_reason){""});
}

/* The one under way for dir, or a new one. A released one is of no use to newcomers. */
static int join_locked(struct spfs_tree *t, tree_work *work, const struct spfs_node *dir,
                       struct tree_listing **ret)
{
    struct tree_listing *l = t->listings;
    while (l && (l->dir.ino != dir->ino || l->work != work || l->done))
        l = l->next;
    if (!l) {
        l = calloc(1, sizeof(*l));
        if (!l)
            return -ENOMEM;
        *l = (struct tree_listing){.job = {.run = listing_run, .drop = listing_drop, .urgency = SPFS_URGENT},
                                   .tree = t,
                                   .work = work,
                                   .dir = *dir,
                                   .refs = 1};
        int err = spfs_workq_add(t->listers, &l->job);
        if (err) {
            free(l);
            return err;
        }
        l->next = t->listings;
        t->listings = l;
    }
    l->refs++;
    *ret = l;
    return 0;
}

int tree_single_flight(struct spfs_tree *t, struct spfs_op *op, tree_work *work, const struct spfs_node *dir,
                       struct spfs_reason *reason)
{
    if (!t->started) /* setting up: one thread, no crew yet */
        return work(t, op, dir, reason);
    SPFS_LOCKED(&t->list_lock);
    struct tree_listing *l;
    int err = join_locked(t, work, dir, &l);
    if (err)
        return err;
    while (!l->done && !err)
        err = spfs_op_wait(op, &t->listed, &t->list_lock);
    if (l->done) {
        err = l->err;
        if (err && reason)
            *reason = l->reason;
    }
    unref_locked(l);
    return err;
}

void tree_release_listings(struct spfs_tree *t, uint32_t drive)
{
    SPFS_LOCKED(&t->list_lock);
    for (struct tree_listing *l = t->listings; l; l = l->next)
        if (l->work == tree_list_folder && l->dir.drive == drive)
            l->done = true; /* err 0: the catalog has it all */
    spfs_cond_broadcast(&t->listed);
}

/* A library's children name its root item as their parent: the root's id must be known before they come. */
static int learn_root(struct spfs_tree *t, struct spfs_op *op, const struct spfs_drive_rec *rec,
                      struct spfs_reason *reason)
{
    struct tree_batch batch = {.tree = t, .drive = rec->number};
    int err = t->remote->ops->item(t->remote, op, (struct spfs_ref){rec->id, "root"}, tree_batch_item, &batch,
                                   reason);
    if (!err)
        return tree_batch_commit(&batch);
    tree_batch_abort(&batch);
    return err;
}

int tree_list_folder(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                     struct spfs_reason *reason)
{
    SPFS_FREE struct spfs_drive_rec *rec = malloc(sizeof(*rec));
    if (!rec)
        return -ENOMEM;
    int err = spfs_catalog_drive(t->catalog, dir->drive, rec);
    if (!err && dir->kind == SPFS_KIND_LIBRARY && !dir->id[0])
        err = learn_root(t, op, rec, reason);
    if (err) {
        tree_note_contact(t, err, reason ? reason->text : NULL);
        return err;
    }
    uint64_t stamp = spfs_catalog_stamp(t->catalog);
    struct tree_batch batch = {.tree = t, .drive = dir->drive, .collect = true};
    struct tree_links links = {0};
    struct spfs_ref ref = {rec->id, dir->id[0] ? dir->id : "root"};
    char *link = NULL;
    bool over = false;
    while (!err && !over) {
        struct spfs_page page = {0};
        err = t->remote->ops->children(t->remote, op, ref, link, tree_batch_item, &batch, &page, reason);
        size_t items = batch.items;
        free(link);
        link = TAKE(page.next);
        spfs_page_done(&page);
        over = link == NULL;
        if (!err && link && tree_links_bad(&links, link, items))
            err = spfs_fail(reason, -ELOOP, "The server's listing of “%s” does not end.", dir->name);
        if (!err && over)
            err = tree_batch_open(&batch);
        if (!err && over)
            err = spfs_catalog_end_listing(batch.txn, dir->ino, batch.seen, batch.seen_n, stamp,
                                           spfs_now_real_ns() / 1000000);
        if (!err)
            err = tree_batch_commit(&batch);
    }
    tree_batch_abort(&batch);
    free(link);
    free(batch.seen);
    tree_note_contact(t, err, reason ? reason->text : NULL);
    return err == -ELOOP ? -EIO : err;
}
