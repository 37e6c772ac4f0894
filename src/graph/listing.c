// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: items: one by id, the children of a folder page by page, the changes of a drive page by page.
 * Facts: contract sheet §6, §7. Invariants: links go back to the server verbatim and only to the configured
 * origin; a delta page ends in exactly one link. Threads: any. */
#include "graph_i.h"
#include <errno.h>
#include <string.h>

/* What the catalog keeps; download addresses are learned at the first read, since they would triple a page.
 */
#define SELECT                                                                                               \
    "$select=id,name,size,eTag,cTag,file,folder,package,remoteItem,deleted,root,parentReference,"            \
    "fileSystemInfo,"                                                                                        \
    "createdDateTime,lastModifiedDateTime,malware"
#define PAGE "&$top=1000"

/* Shortcuts in a OneDrive show only when asked for; other services ignore the preference. */
#define SHORTCUTS "Prefer: Include-Feature=AddToOneDrive"

static int bad_page(const char *what, struct spfs_reason *reason)
{
    return spfs_fail(reason, -EIO, "Cannot %s: the answer is not what it should be.", what);
}

int listing_look(struct graph *g, struct spfs_op *op, struct spfs_ref ref, const char *name,
                 struct graph_reply *ret, struct spfs_item *ret_item, struct spfs_reason *reason)
{
    static const char what[] = "get the item";
    struct spfs_buf b SPFS_CLEANUP(spfs_buf_done);
    *ret = (struct graph_reply){0};
    spfs_buf_init(&b, GRAPH_PATH_MAX);
    int rc = graph_place_path(&b, ref, name, "?" SELECT);
    if (rc == 0)
        rc = graph_perform(g, op, &(struct graph_call){.path = b.data, .what = what}, ret, reason);
    if (rc)
        return rc;
    return parse_one(spfs_json_root(ret->doc), ret_item) ? bad_page(what, reason) : 0;
}

int listing_item(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, spfs_item_cb *cb, void *ctx,
                 struct spfs_reason *reason)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_item item;
    int rc = listing_look(graph_of(r), op, ref, NULL, &reply, &item, reason);
    return rc ? rc : cb(ctx, &item);
}

int listing_children(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref folder, const char *link,
                     spfs_item_cb *cb, void *ctx, struct spfs_page *ret, struct spfs_reason *reason)
{
    static const char what[] = "get the folder's list";
    static const char *const headers[] = {SHORTCUTS, NULL};
    struct graph *g = graph_of(r);
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_buf b SPFS_CLEANUP(spfs_buf_done);
    *ret = (struct spfs_page){0};
    spfs_buf_init(&b, GRAPH_PATH_MAX);
    int rc = link ? spfs_buf_adds(&b, link) : graph_item_path(&b, folder, "/children?" SELECT PAGE);
    if (rc)
        return rc;
    struct graph_call call = {.path = b.data, .what = what, .headers = headers, .max = GRAPH_PAGE_MAX};
    rc = graph_perform(g, op, &call, &reply, reason);
    if (rc == 0)
        rc = parse_items(spfs_json_root(reply.doc), PARSE_PAGE, cb, ctx, ret);
    if (rc == 0 && (ret->delta || (ret->next && !graph_is_own_link(g, ret->next))))
        rc = -EBADMSG;
    if (rc)
        spfs_page_done(ret);
    return rc == -EBADMSG ? bad_page(what, reason) : rc;
}

/* 410, or any 400 for a link: it was sent as the service gave it, so that only the token inside can be meant.
 */
static bool is_resync(const struct graph_reply *reply, const char *link)
{
    return reply->status == 410 || (reply->status == 400 && link);
}

int listing_delta(struct spfs_remote *r, struct spfs_op *op, const char *drive_id, const char *link,
                  spfs_item_cb *cb, void *ctx, struct spfs_page *ret, struct spfs_reason *reason)
{
    static const char what[] = "get the library's changes";
    static const char *const headers[] = {SHORTCUTS, "deltaExcludeParent: true", NULL};
    struct graph *g = graph_of(r);
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_buf b SPFS_CLEANUP(spfs_buf_done);
    *ret = (struct spfs_page){0};
    spfs_buf_init(&b, GRAPH_PATH_MAX);
    int rc = link ? spfs_buf_adds(&b, link) : graph_path(&b, "/drives/%s/root/delta?" SELECT PAGE, drive_id);
    if (rc)
        return rc;
    struct graph_call call = {.path = b.data, .what = what, .headers = headers, .max = GRAPH_PAGE_MAX};
    rc = graph_perform(g, op, &call, &reply, reason);
    if (rc && is_resync(&reply, link)) {
        if (reply.location && graph_is_own_link(g, reply.location))
            ret->next = TAKE(reply.location);
        return -ESTALE;
    }
    if (rc == 0)
        rc = parse_items(spfs_json_root(reply.doc), PARSE_PAGE, cb, ctx, ret);
    if (rc == 0) {
        const char *own = ret->next ? ret->next : ret->delta;
        if (!ret->next == !ret->delta || !graph_is_own_link(g, own))
            rc = -EBADMSG;
    }
    if (rc)
        spfs_page_done(ret);
    return rc == -EBADMSG ? bad_page(what, reason) : rc;
}
