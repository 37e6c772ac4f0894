/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One delta round of one drive. Runs in the crew; one round a drive at a time.
 *
 * States in the drive's record: link "" (start an enumeration), link_is_next (an enumeration or a round was
 * cut: goes on there), delta link (between rounds). Every page is one transaction that holds its items and
 * the link to go on from, so a kill at any moment repeats at most a page. An enumeration has a pass number;
 * its end sweeps what that pass did not see. Deletes are noted as they come and carried out at the round's
 * end. */
#include "tree_i.h"

#include <spfs/base/clock.h>
#include <spfs/base/log.h>

#include <errno.h>
#include <string.h>

struct round {
    struct spfs_tree *t;
    struct spfs_drive_rec rec;
    struct tree_links links;
    bool enumerating; /* the pass under way is a full one */
    unsigned restarts;
};

static void begin_enumeration(struct round *r, const char *fresh_link)
{
    r->rec.pass++;
    r->rec.full_ms = 0; /* until its end: one that was cut goes on as what it is, with the sweep */
    r->enumerating = true;
    r->rec.link_is_next = fresh_link != NULL;
    spfs_copy(r->rec.link, sizeof(r->rec.link), fresh_link ? fresh_link : "");
    r->links = (struct tree_links){0};
}

static int save(struct round *r)
{
    struct spfs_catalog_txn *txn;
    int err = spfs_catalog_begin(r->t->catalog, &txn);
    if (err)
        return err;
    err = spfs_catalog_set_drive(txn, &r->rec);
    if (err) {
        spfs_catalog_abort(txn);
        return err;
    }
    return spfs_catalog_commit(txn);
}

static int sweep(struct round *r)
{
    uint64_t cursor = 0;
    for (bool more = true; more;) {
        struct spfs_catalog_txn *txn;
        int err = spfs_catalog_begin(r->t->catalog, &txn);
        if (err)
            return err;
        err = spfs_catalog_sweep(txn, r->rec.number, r->rec.pass, TREE_SWEEP_BATCH, &cursor, &more);
        if (err) {
            spfs_catalog_abort(txn);
            return err;
        }
        err = spfs_catalog_commit(txn);
        if (err)
            return err;
    }
    return 0;
}

/* The page's items are in the batch: adds the link and ends the page. *ret_over: that was the last page. */
static int end_page(struct round *r, struct tree_batch *batch, const struct spfs_page *page, bool *ret_over)
{
    const char *link = page->delta ? page->delta : page->next;
    if (!link || !spfs_copy(r->rec.link, sizeof(r->rec.link), link))
        return -EIO;
    r->rec.link_is_next = !page->delta;
    *ret_over = page->delta != NULL;
    int err = tree_batch_open(batch);
    if (!err && page->delta)
        err = spfs_catalog_apply_gone(batch->txn, r->rec.number);
    if (!err)
        err = spfs_catalog_set_drive(batch->txn, &r->rec);
    return err ? err : tree_batch_commit(batch);
}

static int one_page(struct round *r, struct spfs_page *page, bool *ret_over, struct spfs_reason *reason)
{
    struct spfs_op op;
    spfs_op_init(&op, r->rec.settled ? SPFS_NORMAL : SPFS_BACKGROUND, 0);
    struct tree_batch batch = {.tree = r->t, .drive = r->rec.number, .pass = r->rec.pass, .round = true};
    struct spfs_remote *remote = r->t->remote;
    int err = remote->ops->delta(remote, &op, r->rec.id, r->rec.link[0] ? r->rec.link : NULL, tree_batch_item,
                                 &batch, page, reason);
    spfs_op_done(&op);
    size_t items = batch.items;
    if (!err)
        err = end_page(r, &batch, page, ret_over);
    if (err)
        tree_batch_abort(&batch);
    else if (!*ret_over && tree_links_bad(&r->links, page->next, items))
        err = spfs_fail(reason, -ELOOP,
                        "The server's list of changes of “%s” does not end; it will be read anew.",
                        r->rec.name);
    return err;
}

static int note_quota(void *ctx, const struct spfs_drive *drive)
{
    struct spfs_drive_rec *rec = ctx;
    rec->quota = drive->quota;
    if (drive->web_url)
        spfs_copy(rec->web_url, sizeof(rec->web_url), drive->web_url);
    return 0;
}

static int end_round(struct round *r)
{
    int64_t now = spfs_now_real_ns() / 1000000;
    int err = r->enumerating ? sweep(r) : 0;
    if (err)
        return err;
    if (r->enumerating ||
        !r->rec.quota.known) { /* now and then, the drive's size: statfs answers from memory */
        struct spfs_op op;
        spfs_op_init(&op, SPFS_BACKGROUND, 30000);
        r->t->remote->ops->drive(r->t->remote, &op, r->rec.id, note_quota, &r->rec,
                                 NULL); /* without it the size stays unknown */
        spfs_op_done(&op);
    }
    r->rec.settled = true;
    r->rec.listed_only = r->rec.lost = false;
    r->rec.synced_ms = now;
    if (r->enumerating)
        r->rec.full_ms = now;
    return save(r);
}

/* Refused for good, for now: the drive is shown from the catalog, folders are listed directly if it never
 * settled. */
static int refused(struct round *r, int err)
{
    if (r->rec.settled)
        r->rec.lost = true;
    else
        r->rec.listed_only = true;
    int saved = save(r);
    return saved ? saved : err;
}

static int run(struct round *r, struct spfs_reason *reason)
{
    int64_t age = spfs_now_real_ns() / 1000000 - r->rec.full_ms;
    if (!r->rec.link[0] || (!r->rec.link_is_next && (age > TREE_TRUE_UP_MS || age < 0)))
        begin_enumeration(r, NULL);
    else if (r->rec.link_is_next)
        r->enumerating = !r->rec.settled || age > TREE_TRUE_UP_MS || age < 0;
    for (bool over = false; !over;) {
        {
            SPFS_LOCKED(&r->t->lock);
            if (r->t->stopping)
                return -ESHUTDOWN;
        }
        struct spfs_page page = {0};
        int err = one_page(r, &page, &over, reason);
        if (err == -ESTALE &&
            r->restarts++ <
                2) { /* 410: enumerate afresh; what was known stays until the new pass has ended */
            begin_enumeration(r, page.next);
            err = save(r);
        } else if (err == -ESTALE || err == -ELOOP) {
            begin_enumeration(r, NULL);
            save(r);
            if (err == -ESTALE)
                err = -EIO;
        } else if (err == -EACCES || err == -ENOENT || err == -ENOTSUP) {
            err = refused(r, err);
        }
        spfs_page_done(&page);
        if (err)
            return err;
    }
    return end_round(r);
}

int tree_round(struct spfs_tree *t, uint32_t number)
{
    SPFS_FREE struct round *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->t = t;
    int err = spfs_catalog_drive(t->catalog, number, &r->rec);
    if (err)
        return err;
    struct spfs_reason reason = {""};
    err = run(r, &reason);
    if (err && err != -ESHUTDOWN)
        spfs_info("library “%s”: changes could not be read (%s): %s", r->rec.name, strerror(-err),
                  reason.text);
    tree_note_contact(t, err, reason.text[0] ? reason.text : strerror(-err));
    {
        SPFS_LOCKED(&t->lock);
        struct tree_drive *d = tree_drive_locked(t, number);
        if (d) {
            d->settled = r->rec.settled;
            d->listed_only = r->rec.listed_only;
        }
    }
    if (r->rec.settled)
        tree_release_listings(t, number);
    return err;
}
