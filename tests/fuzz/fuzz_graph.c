// SPDX-License-Identifier: GPL-3.0-or-later
/* Any bytes as a reply of Graph: what is handed over keeps the promises of model/item.h. */
#include "fuzz.h"

#include <spfs/base/log.h>
#include <spfs/graph/graph.h>
#include <spfs/model/names.h>
#include <string.h>

static void must(bool promise)
{
    if (!promise)
        abort();
}

static int on_item(void *ctx, const struct spfs_item *i)
{
    (void)ctx;
    must(i->id && *i->id);
    must(!i->name || i->kind == SPFS_KIND_ROOT || spfs_name_acceptable(i->name, strlen(i->name)));
    must(i->size <= SPFS_SIZE_MAX || i->size == SPFS_SIZE_UNKNOWN);
    must(i->kind != SPFS_KIND_REMOTE || (i->target.drive_id && i->target.item_id));
    must(!i->quickxor || strlen(i->quickxor) == 28);
    must(i->kind != SPFS_KIND_ROOT || !i->parent_id);
    return 0;
}

static int on_drive(void *ctx, const struct spfs_drive *d)
{
    (void)ctx;
    must(d->id && *d->id &&
         (!d->quota.known || (d->quota.total > 0 && d->quota.remaining <= d->quota.total)));
    return 0;
}

static int on_site(void *ctx, const struct spfs_site *s)
{
    (void)ctx;
    must(s->id && *s->id);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spfs_page page;
    spfs_log_open(false, SPFS_LOG_ERROR, NULL);
    spfs_graph_parse_items((const char *)data, size, on_item, NULL, &page);
    spfs_page_done(&page);
    spfs_graph_parse_drives((const char *)data, size, on_drive, NULL);
    spfs_graph_parse_sites((const char *)data, size, on_site, NULL);
    return 0;
}
