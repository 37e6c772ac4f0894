// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: new folders, rename and move and times, delete, and files without a byte. Facts: contract sheet
 * §9.2, §10. Invariants: every change is conditional, on a free name or on the item's tag; none is sent twice
 * without a look at what the first one did (change.c), but deletes, where a second one finds nothing.
 * Threads: any, no state. */
#include "change_i.h"
#include <spfs/model/times.h>
#include <errno.h>
#include <string.h>

#define BODY_MAX 8192

static int taken(const struct change *c, struct spfs_reason *reason)
{
    return spfs_fail(reason, -EEXIST, "Cannot %s: the name is taken.", c->call.what);
}

static int changed(const struct change *c, struct spfs_reason *reason)
{
    return spfs_fail(reason, -ECANCELED, "Cannot %s: somebody has changed it meanwhile.", c->call.what);
}

/* The item still has the tag that the change asked for, so that nothing has happened to it. */
static bool is_untouched(const struct change *c, const struct sighting *now)
{
    return c->if_match && now->item.etag && strcmp(now->item.etag, c->if_match) == 0;
}

/* ---- folders ---- */

static int judge_folder(const struct change *c, const struct sighting *now, struct spfs_reason *reason)
{
    if (!now->there)
        return 0;
    return now->item.kind == SPFS_KIND_FOLDER && now->is_new ? 1 : taken(c, reason);
}

int mutate_mkdir(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref parent, const char *name,
                 spfs_item_cb *cb, void *ctx, struct spfs_reason *reason)
{
    struct spfs_buf path SPFS_CLEANUP(spfs_buf_done), body SPFS_CLEANUP(spfs_buf_done);
    spfs_buf_init(&path, GRAPH_PATH_MAX);
    spfs_buf_init(&body, BODY_MAX);
    int rc = graph_item_path(&path, parent, "/children");
    if (rc == 0)
        rc = spfs_buf_adds(&body, "{\"@microsoft.graph.conflictBehavior\":\"fail\",\"folder\":{},\"name\":");
    if (rc == 0)
        rc = spfs_json_add_string(&body, name);
    if (rc == 0)
        rc = spfs_buf_adds(&body, "}");
    if (rc)
        return rc;
    struct change c = {
        .call = {.method = "POST",
                 .path = path.data,
                 .what = "make the folder",
                 .body = body.data,
                 .body_len = body.len},
        .at = parent,
        .name = name,
        .judge = judge_folder,
    };
    return change_perform(graph_of(r), op, &c, cb, ctx, reason);
}

/* ---- name, place, time ---- */

static int judge_update(const struct change *c, const struct sighting *now, struct spfs_reason *reason)
{
    const struct spfs_change *want = c->want;
    const struct spfs_item *i = &now->item;
    if (!now->there)
        return spfs_fail(reason, -ENOENT, "Cannot %s: it does not exist any more.", c->call.what);
    if ((!want->name || (i->name && strcmp(i->name, want->name) == 0)) &&
        (!want->parent_id || (i->parent_id && strcmp(i->parent_id, want->parent_id) == 0)) &&
        (want->mtime_ns == SPFS_TIME_UNKNOWN || graph_same_second(i->mtime_ns, want->mtime_ns)))
        return 1;
    return !c->if_match || is_untouched(c, now) ? 0 : changed(c, reason);
}

static int update_body(struct spfs_buf *b, const struct spfs_change *change)
{
    char time[32];
    int rc = spfs_buf_adds(b, "{");
    if (rc == 0 && change->name) {
        rc = spfs_buf_adds(b, "\"name\":");
        if (rc == 0)
            rc = spfs_json_add_string(b, change->name);
    }
    if (rc == 0 && change->parent_id) {
        rc = spfs_buf_addf(b, "%s\"parentReference\":{\"id\":", b->len > 1 ? "," : "");
        if (rc == 0)
            rc = spfs_json_add_string(b, change->parent_id);
        if (rc == 0)
            rc = spfs_buf_adds(b, "}");
    }
    if (rc == 0 && change->mtime_ns != SPFS_TIME_UNKNOWN) {
        spfs_time_format(change->mtime_ns, time);
        rc = spfs_buf_addf(b, "%s\"fileSystemInfo\":{\"lastModifiedDateTime\":\"%s\"}", b->len > 1 ? "," : "",
                           time);
    }
    return rc ? rc : spfs_buf_adds(b, "}");
}

int mutate_update(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, const char *if_match,
                  const struct spfs_change *change, spfs_item_cb *cb, void *ctx, struct spfs_reason *reason)
{
    struct spfs_buf path SPFS_CLEANUP(spfs_buf_done), body SPFS_CLEANUP(spfs_buf_done);
    char tag[GRAPH_HEADER_SIZE];
    const char *headers[] = {if_match ? tag : NULL, NULL};
    spfs_buf_init(&path, GRAPH_PATH_MAX);
    spfs_buf_init(&body, BODY_MAX);
    int rc = if_match ? graph_if_match(tag, if_match) : 0;
    if (rc == 0)
        rc = graph_item_path(&path, ref, "");
    if (rc == 0)
        rc = update_body(&body, change);
    if (rc)
        return rc;
    struct change c = {
        .call = {.method = "PATCH",
                 .path = path.data,
                 .what = change->parent_id ? "move it"
                         : change->name    ? "rename it"
                                           : "set its time",
                 .headers = headers,
                 .body = body.data,
                 .body_len = body.len},
        .at = ref,
        .judge = judge_update,
        .if_match = if_match,
        .want = change,
    };
    return change_perform(graph_of(r), op, &c, cb, ctx, reason);
}

/* ---- delete ---- */

int mutate_remove(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, const char *if_match,
                  struct spfs_reason *reason)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_buf path SPFS_CLEANUP(spfs_buf_done);
    char tag[GRAPH_HEADER_SIZE];
    const char *headers[] = {if_match ? tag : NULL, NULL};
    spfs_buf_init(&path, GRAPH_PATH_MAX);
    int rc = if_match ? graph_if_match(tag, if_match) : 0;
    if (rc == 0)
        rc = graph_item_path(&path, ref, "");
    struct graph_call call = {
        .method = "DELETE", .path = path.data, .what = "delete it", .headers = headers, .bare = true};
    if (rc == 0)
        rc = graph_perform(graph_of(r), op, &call, &reply, reason);
    return reply.status == 404 || reply.status == 410 ? 0 : rc;
}

/* ---- files without a byte: a session would refuse them ---- */

static int judge_empty(const struct change *c, const struct sighting *now, struct spfs_reason *reason)
{
    if (!now->there && c->name)
        return 0;
    if (!now->there)
        return spfs_fail(reason, -ENOENT, "Cannot %s: it does not exist any more.", c->call.what);
    if (is_untouched(c, now))
        return 0;
    if (now->item.kind == SPFS_KIND_FILE && now->item.size == 0)
        return 1;
    return c->name ? taken(c, reason) : changed(c, reason);
}

struct stamp {
    struct graph *g;
    struct spfs_op *op;
    const struct spfs_upload *u;
    spfs_item_cb *cb;
    void *ctx;
    bool given; /* cb was called */
};

static int give(void *ctx, const struct spfs_item *item)
{
    struct stamp *s = ctx;
    s->given = true;
    return s->cb(s->ctx, item);
}

/* The simple way cannot carry times. When they cannot be set now, the file is there all the same, and what is
 * given shows its time. */
static int set_time(void *ctx, const struct spfs_item *item)
{
    struct stamp *s = ctx;
    int64_t want = s->u->mtime_ns;
    if (want == SPFS_TIME_UNKNOWN || graph_same_second(item->mtime_ns, want) || !item->etag)
        return s->cb(s->ctx, item);
    struct spfs_ref ref = {s->u->drive_id, item->id};
    int rc = mutate_update(&s->g->base, s->op, ref, item->etag, &(struct spfs_change){.mtime_ns = want}, give,
                           s, NULL);
    return s->given ? rc : s->cb(s->ctx, item);
}

int mutate_empty_file(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, spfs_item_cb *cb,
                      void *ctx, struct spfs_reason *reason)
{
    struct spfs_buf path SPFS_CLEANUP(spfs_buf_done);
    char tag[GRAPH_HEADER_SIZE];
    const char *headers[] = {"Content-Type: application/octet-stream", u->item_id ? tag : NULL, NULL};
    struct change c = {
        .at = {u->drive_id, u->item_id ? u->item_id : u->parent_id},
        .name = u->item_id ? NULL : u->name,
        .judge = judge_empty,
        .if_match = u->item_id ? u->if_match : NULL,
    };
    spfs_buf_init(&path, GRAPH_PATH_MAX);
    int rc = u->item_id ? graph_if_match(tag, u->if_match) : 0;
    if (rc == 0)
        rc = graph_place_path(&path, c.at, c.name, ":/content?@microsoft.graph.conflictBehavior=");
    if (rc == 0)
        rc = spfs_buf_adds(&path, u->item_id ? "replace" : "fail");
    if (rc)
        return rc;
    c.call = (struct graph_call){
        .method = "PUT", .path = path.data, .what = "upload the file", .headers = headers};
    struct stamp s = {.g = g, .op = op, .u = u, .cb = cb, .ctx = ctx};
    return change_perform(g, op, &c, set_time, &s, reason);
}
