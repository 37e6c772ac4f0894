/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Direct listing of folders in use, each by one thread for all who wait for it. */
#include "tree_i.h"

#include <spfs/base/clock.h>

#include <errno.h>

static struct tree_listing *find_locked(struct spfs_tree *t, uint64_t ino)
{
    struct tree_listing *l = t->listings;
    while (l && l->ino != ino)
        l = l->next;
    return l;
}

static void unref_locked(struct tree_listing *l)
{
    if (--l->refs == 0)
        free(l);
}

/* Waits for the one at work. -EAGAIN: it gave up because its own caller was interrupted; somebody else must take over. */
static int join_locked(struct spfs_tree *t, struct spfs_op *op, struct tree_listing *l)
{
    int err = 0;
    l->refs++;
    while (!l->done && !err)
        err = spfs_op_wait(op, &t->listed, &t->list_lock);
    if (l->done)
        err = l->err == -EINTR || l->err == -ETIMEDOUT ? -EAGAIN : l->err;
    unref_locked(l);
    return err;
}

static void finish(struct spfs_tree *t, struct tree_listing *l, int err)
{
    SPFS_LOCKED(&t->list_lock);
    struct tree_listing **p = &t->listings;
    while (*p != l)
        p = &(*p)->next;
    *p = l->next;
    l->done = true;
    l->err = err;
    spfs_cond_broadcast(&t->listed);
    unref_locked(l);
}

int tree_single_flight(struct spfs_tree *t, struct spfs_op *op, uint64_t ino,
                       int (*work)(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir, struct spfs_reason *reason),
                       const struct spfs_node *dir, struct spfs_reason *reason)
{
    struct tree_listing *mine = calloc(1, sizeof(*mine));
    if (!mine)
        return -ENOMEM;
    *mine = (struct tree_listing){.ino = ino, .refs = 1};
    spfs_lock_take(&t->list_lock);
    for (struct tree_listing *other; (other = find_locked(t, ino)) != NULL;) {
        int err = join_locked(t, op, other);
        if (err != -EAGAIN) {
            spfs_lock_drop(&t->list_lock);
            free(mine);
            return err;
        }
    }
    mine->next = t->listings;
    t->listings = mine;
    spfs_lock_drop(&t->list_lock);
    int err = work(t, op, dir, reason);
    finish(t, mine, err);
    return err;
}

/* A library's children name its root item as their parent: the root's id must be known before they come. */
static int learn_root(struct spfs_tree *t, struct spfs_op *op, const struct spfs_drive_rec *rec, struct spfs_reason *reason)
{
    struct tree_batch batch = {.tree = t, .drive = rec->number};
    int err = t->remote->ops->item(t->remote, op, (struct spfs_ref){rec->id, "root"}, tree_batch_item, &batch, reason);
    if (!err)
        return tree_batch_commit(&batch);
    tree_batch_abort(&batch);
    return err;
}

int tree_list_folder(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir, struct spfs_reason *reason)
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
            err = spfs_catalog_end_listing(batch.txn, dir->ino, batch.seen, batch.seen_n, stamp, spfs_now_real_ns() / 1000000);
        if (!err)
            err = tree_batch_commit(&batch);
    }
    tree_batch_abort(&batch);
    free(link);
    free(batch.seen);
    tree_note_contact(t, err, reason ? reason->text : NULL);
    return err == -ELOOP ? -EIO : err;
}
