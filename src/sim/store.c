/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: how an upload becomes the content of an item, and SharePoint's habit of writing properties into
 * Office files afterwards: at once, so that the answer to the upload shows it already, or some time later. A
 * late rewrite is noted in the item and applied by the first call after it is due. */
#include "item_i.h"
#include "mutate_i.h"

#include <spfs/base/clock.h>
#include <stdlib.h>
#include <string.h>

static const char promoted[] =
    "<docProps><ContentTypeId>0x0101</ContentTypeId><_dlc_DocId>SIM-1-1</_dlc_DocId></docProps>";

/* The same bytes with properties behind them. */
static bool rewritten(const struct tree_item *it, struct tree_body *ret)
{
    struct tree_body old = {it->size, it->seed, it->blob};
    struct tree_blob *blob = blob_new();
    SPFS_FREE char *piece = sim_alloc(1u << 20);
    for (uint64_t at = 0; blob && at < old.size;) {
        size_t n = old.size - at < 1u << 20 ? (size_t)(old.size - at) : 1u << 20;
        if (body_read(&old, at, piece, n) < 0 || blob_append(blob, piece, n) < 0) {
            blob_unref(blob);
            return false;
        }
        at += n;
    }
    if (!blob || blob_append(blob, promoted, sizeof promoted - 1) < 0)
        return false;
    *ret = (struct tree_body){.size = blob_size(blob), .blob = blob};
    return true;
}

static void rewrite(struct tree *t, uint32_t item)
{
    struct tree_item *it = tree_item(t, item);
    struct tree_body body;
    it->extra->rewrite_us = 0;
    if (!(it->flags & TREE_DELETED) && rewritten(it, &body))
        tree_write(t, item, &body, it->mtime, false);
}

static void plan_rewrite(struct sim_call *c, uint32_t item)
{
    struct tree *t = &c->sim->tree;
    struct tree_item *it = tree_item(t, item);
    const struct tree_drive *d = &t->drives[it->drive];
    if (!d->rewrites_office || !item_is_office(it->name) || it->size == 0)
        return;
    if (d->rewrite_delay_ms == 0) {
        rewrite(t, item);
        return;
    }
    it->extra->rewrite_us = spfs_now_us() + 1000ull * d->rewrite_delay_ms;
    atomic_fetch_add(&c->sim->rewrites_pending, 1);
}

void store_settle(struct spfs_sim *sim)
{
    if (atomic_load(&sim->rewrites_pending) == 0)
        return;
    struct tree *t = &sim->tree;
    uint64_t now = spfs_now_us();
    pthread_rwlock_wrlock(&t->lock);
    for (uint32_t i = 1; i <= t->item_count && atomic_load(&sim->rewrites_pending); i++) {
        struct tree_extra *extra = tree_item(t, i)->extra;
        if (extra && extra->rewrite_us && extra->rewrite_us <= now) {
            rewrite(t, i);
            atomic_fetch_sub(&sim->rewrites_pending, 1);
        }
    }
    pthread_rwlock_unlock(&t->lock);
}

uint32_t store_file(struct sim_call *c, uint32_t item, uint32_t parent, const char *name,
                    struct tree_body *body, int64_t mtime, int64_t ctime)
{
    struct tree *t = &c->sim->tree;
    bool keep = item != TREE_NONE;
    if (!item)
        item = tree_add(t, parent, TREE_FILE, name, 0, mtime);
    struct tree_item *it = tree_item(t, item);
    if (ctime)
        it->ctime = ctime;
    struct tree_extra *extra = tree_extra(it);
    if (extra->rewrite_us) { /* a newer upload overtakes it */
        extra->rewrite_us = 0;
        atomic_fetch_sub(&c->sim->rewrites_pending, 1);
    }
    tree_write(t, item, body, mtime, keep);
    *body = (struct tree_body){0};
    if (!keep)
        it->etag = it->ctag = 1;
    extra->by_app = true;
    plan_rewrite(c, item);
    return item;
}
