/* SPDX-License-Identifier: GPL-3.0-or-later */
/* News of the catalog on their way to the kernel: open files learn that they are stale, remembered pages are
 * forgotten, and every view in which the entry can be seen is told. */
#include "vfs_i.h"

#include <string.h>

void spfs_vfs_listen(struct spfs_vfs *v, const struct spfs_vfs_listener *listener)
{
    SPFS_LOCKED(&v->lock);
    v->listener = listener ? *listener : (struct spfs_vfs_listener){0};
}

bool vfs_saw_content(struct spfs_vfs *v, uint64_t ino, uint32_t content)
{
    SPFS_LOCKED(&v->lock);
    struct vfs_open *o = v->open[ino % VFS_OPEN_BUCKETS];
    while (o && o->ino != ino)
        o = o->next;
    if (o && atomic_load(&o->content) < content) {
        atomic_store(&o->content, content);
        o->mixed = true;
    }
    return o && o->mixed;
}

static void content_changed(struct spfs_vfs *v, uint64_t ino)
{
    SPFS_FREE struct spfs_node *n = malloc(sizeof(*n));
    if (n && spfs_catalog_get(v->config.catalog, ino, n) == 0)
        vfs_saw_content(v, ino, n->content);
}

static void tell(struct spfs_vfs *v, const struct spfs_vfs_listener *to, const struct spfs_news *news,
                 uint32_t view)
{
    struct spfs_vfs_drop drop = {
        .what = news->what,
        .node = vfs_node_id(v, view, news->ino),
        .parent = news->parent ? vfs_node_id(v, view, news->parent) : 0,
        .name = news->name,
    };
    if ((news->what & SPFS_NEWS_ADDED) && news->name)
        vfs_end_absence(v, drop.parent, news->name);
    to->drop(to->ctx, &drop);
}

static void one(struct spfs_vfs *v, const struct spfs_news *news)
{
    if (news->what & SPFS_NEWS_CONTENT)
        content_changed(v, news->ino);
    struct spfs_vfs_listener to;
    struct vfs_view views[64];
    size_t n = 0, from = 0;
    do { /* in portions: the listener is called without the lock */
        {
            SPFS_LOCKED(&v->lock);
            to = v->listener;
            for (n = 0; from < v->views_n && n < SPFS_ARRAY_LEN(views); from++)
                if (v->views[from].drive == news->drive)
                    views[n++] = v->views[from];
        }
        if (!to.drop)
            return;
        for (size_t i = 0; i < n; i++)
            tell(v, &to, news, views[i].number);
    } while (n == SPFS_ARRAY_LEN(views));
    tell(v, &to, news, 0);
}

void spfs_vfs_changed(void *vfs, const struct spfs_news *news, size_t n)
{
    for (size_t i = 0; i < n; i++)
        one(vfs, &news[i]);
}
