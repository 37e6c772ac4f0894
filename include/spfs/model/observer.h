/* SPDX-License-Identifier: GPL-3.0-or-later */
/* News travels upward only through observers. Called without locks, after the change is in the catalog; must
 * not block for long nor call back into the catalog's write side. */
#ifndef SPFS_MODEL_OBSERVER_H
#define SPFS_MODEL_OBSERVER_H

#include <stdint.h>
#include <stddef.h>

enum {
    SPFS_NEWS_ATTR = 1,    /* size, times, kind of `ino` changed */
    SPFS_NEWS_CONTENT = 2, /* content version of `ino` changed: its cached pages are stale */
    SPFS_NEWS_ADDED = 4,   /* name appeared in parent (a negative look-up is stale) */
    SPFS_NEWS_REMOVED = 8, /* name vanished from parent (renamed, moved or deleted) */
    SPFS_NEWS_DELETED = 16 /* with REMOVED: the item itself is gone */
};

struct spfs_news {
    unsigned what;
    uint32_t drive; /* drive number of the item in the catalog */
    uint64_t ino;
    uint64_t parent;  /* ADDED, REMOVED */
    const char *name; /* ADDED, REMOVED: local spelling; borrowed until return */
};

struct spfs_observer {
    void (*changed)(void *ctx, const struct spfs_news *news, size_t n);
    void *ctx;
};

#endif
