// SPDX-License-Identifier: GPL-3.0-or-later
/* Content versions: when are two descriptions of a file the same content? Facts: contract sheet §5.1. Pure
 * functions. */
#include <spfs/model/item.h>

#include <string.h>

enum spfs_same spfs_version_same(const struct spfs_version *a, const struct spfs_version *b)
{
    bool sizes = a->size != SPFS_SIZE_UNKNOWN && b->size != SPFS_SIZE_UNKNOWN;
    bool size_differs = sizes && a->size != b->size;
    if (a->etag && b->etag && strcmp(a->etag, b->etag) == 0)
        return SPFS_SAME_YES;
    if (a->ctag && b->ctag)
        return strcmp(a->ctag, b->ctag) == 0 ? SPFS_SAME_YES : SPFS_SAME_NO;
    if (a->quickxor && b->quickxor)
        return strcmp(a->quickxor, b->quickxor) == 0 && !size_differs ? SPFS_SAME_YES : SPFS_SAME_NO;
    return size_differs ? SPFS_SAME_NO : SPFS_SAME_UNKNOWN;
}

struct spfs_version spfs_item_version(const struct spfs_item *item)
{
    return (struct spfs_version){.etag = item->etag,
                                 .ctag = item->ctag,
                                 .quickxor = item->quickxor,
                                 .size = item->size,
                                 .mtime_ns = item->mtime_ns};
}
