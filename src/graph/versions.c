// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: the older versions of a file: list and restore. Facts: contract sheet §10.5. Threads: any, no
 * state. */
#include "graph_i.h"
#include <spfs/model/times.h>
#include <errno.h>
#include <string.h>

#define PAGES_MAX 1000

static int give(const struct spfs_json *root, spfs_version_cb *cb, void *ctx)
{
    const struct spfs_json *value = spfs_json_get(root, "value");
    int rc = 0;
    if (!spfs_json_is_array(value))
        return -EBADMSG;
    for (const struct spfs_json *v = spfs_json_first(value); v && rc == 0; v = spfs_json_next(v)) {
        uint64_t size = spfs_json_u64(v, "size", SPFS_SIZE_UNKNOWN);
        const char *by = spfs_json_str(v, "lastModifiedBy.user.displayName");
        struct spfs_version_info info = {
            .id = parse_id(v, "id"),
            .size = size > SPFS_SIZE_MAX ? SPFS_SIZE_UNKNOWN : size,
            .mtime_ns = spfs_time_parse(spfs_json_str(v, "lastModifiedDateTime")),
            .by = by ? by : spfs_json_str(v, "lastModifiedBy.application.displayName"),
        };
        if (info.id)
            rc = cb(ctx, &info);
    }
    return rc;
}

int versions_list(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, spfs_version_cb *cb,
                  void *ctx, struct spfs_reason *reason)
{
    static const char what[] = "get the file's versions";
    struct spfs_buf path SPFS_CLEANUP(spfs_buf_done);
    spfs_buf_init(&path, GRAPH_PATH_MAX);
    int rc = graph_item_path(&path, ref, "/versions");
    for (unsigned page = 0; rc == 0 && page < PAGES_MAX; page++) {
        struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
        struct graph_call call = {.path = path.data, .what = what, .max = GRAPH_PAGE_MAX};
        rc = graph_perform(graph_of(r), op, &call, &reply, reason);
        if (rc == 0)
            rc = give(spfs_json_root(reply.doc), cb, ctx);
        const struct spfs_json *next = spfs_json_member(spfs_json_root(reply.doc), "@odata.nextLink");
        if (rc || !next)
            return rc == -EBADMSG
                       ? spfs_fail(reason, -EIO, "Cannot %s: the answer is not what it should be.", what)
                       : rc;
        const char *link = spfs_json_text(next);
        if (!link || !*link || strcmp(link, path.data) == 0)
            break;
        spfs_buf_reset(&path);
        rc = spfs_buf_adds(&path, link);
    }
    return rc ? rc : spfs_fail(reason, -EIO, "Cannot %s: the service's list does not end.", what);
}

#define FOUND 1 /* ends a list from within */

static int take_newest(void *ctx, const struct spfs_version_info *v)
{
    return spfs_copy(ctx, 64, v->id) ? FOUND : -EIO;
}

static int newest(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, char id[64],
                  struct spfs_reason *reason)
{
    int rc = versions_list(r, op, ref, take_newest, id, reason);
    if (rc == FOUND)
        return 0;
    return rc ? rc : spfs_fail(reason, -ENOENT, "The file has no versions.");
}

/* A restored version becomes the newest one under a number of its own: by that an answer that was lost is
 * made up for. */
int versions_restore(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, const char *version_id,
                     struct spfs_reason *reason)
{
    struct spfs_buf path SPFS_CLEANUP(spfs_buf_done);
    char before[64] = "", now[64] = "";
    spfs_buf_init(&path, GRAPH_PATH_MAX);
    int rc = graph_item_path(&path, ref, "");
    if (rc == 0)
        rc = graph_path(&path, "/versions/%s/restoreVersion", version_id);
    if (rc == 0)
        rc = newest(r, op, ref, before, reason);
    for (unsigned n = 0; rc == 0 && n <= graph_tries(op); n++) {
        struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
        struct graph_call call = {
            .method = "POST", .path = path.data, .what = "restore the version", .once = true, .bare = true};
        rc = graph_perform(graph_of(r), op, &call, &reply, reason);
        if (!reply.unclear)
            return rc;
        rc = newest(r, op, ref, now, reason);
        if (rc == 0 && strcmp(before, now) != 0)
            return 0;
        if (rc == 0)
            rc = graph_back_off(graph_of(r), op, n);
    }
    return rc ? rc
              : spfs_fail(reason, -EIO, "Cannot restore the version: the service gives no clear answer.");
}
