// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: copies made by the service, and the monitors of whatever it does in its own time. Facts: contract
 * sheet §10.3. States of a monitor: asked → running (asked again, 1 s growing to 30 s) → completed, failed or
 * gone. Invariants: a monitor's address carries its own rights and never gets a token; what it says is only
 * used as an id in the drive that the result was meant for. Threads: any, no state. */
#include "change_i.h"
#include "errmap_i.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX   8192
#define UNSEEN_MAX 3 /* looks for the new item, a second apart */

enum monitor_state { RUNNING, COMPLETED, FAILED };

static enum monitor_state state_of(const struct spfs_json *body)
{
    static const char *const bad[] = {"failed", "deleteFailed", "cancelled", "cancelPending"};
    const char *status = spfs_json_str(body, "status");
    if (!status)
        return spfs_json_has(body, "resourceId") ? COMPLETED
               : spfs_json_has(body, "error")    ? FAILED
                                                 : RUNNING;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(bad); i++)
        if (strcasecmp(status, bad[i]) == 0)
            return FAILED;
    return strcasecmp(status, "completed") == 0 ? COMPLETED : RUNNING;
}

/* The older form: 303 to the item, ".../items/ID" or ".../items('ID')". */
static bool id_in_location(const char *location, char *ret, size_t size)
{
    const char *at = strstr(location, "/items");
    if (!at)
        return false;
    at += strlen("/items");
    at += strspn(at, "/('");
    return spfs_format(ret, size, "%.*s", (int)strcspn(at, "/?#')"), at) && *ret;
}

/* One question. 1: completed, ret_id is the result's or "". 0: still running. */
static int ask_monitor(struct graph *g, struct spfs_op *op, const char *url, const char *what, char *ret_id,
                       size_t size, struct spfs_reason *reason)
{
    struct spfs_http_response resp SPFS_CLEANUP(spfs_http_response_done) = {0};
    struct spfs_json_doc *doc SPFS_CLEANUP(spfs_json_doc_p) = NULL;
    struct spfs_http_request req = {
        .kind = SPFS_HTTP_META,
        .method = "GET",
        .url = url,
        .headers = (const char *const[]){"Accept: application/json", NULL},
    };
    int rc = errmap_transport(
        spfs_governor_perform(g->governor, g->http, op, &req, graph_tries(op), &resp, reason));
    if (rc)
        return rc;
    rc = spfs_json_parse(resp.body.data ? resp.body.data : "", resp.body.len,
                         req.max_body ? req.max_body : 1 << 20, &doc);
    if (rc == -ENOMEM)
        return rc;
    const struct spfs_json *body = doc ? spfs_json_root(doc) : NULL;
    if (resp.head.status == 303) {
        spfs_copy(ret_id, size, parse_id(body, "resourceId"));
        return *ret_id || id_in_location(resp.head.location, ret_id, size)
                   ? 1
                   : spfs_fail(reason, -EIO, "Cannot %s: the service does not say where it is.", what);
    }
    if (resp.head.status < 200 || resp.head.status > 299)
        return errmap_reply(&resp.head, body, what, reason);
    if (!spfs_json_is_object(body))
        return spfs_fail(reason, -EIO, "Cannot %s: the answer of its monitor is not JSON.", what);
    switch (state_of(body)) {
    case FAILED:
        rc = errmap_failure(body, what, reason);
        return rc == -ENOENT ? -EIO : rc; /* -ENOENT is kept for a monitor that is gone */
    case COMPLETED:
        spfs_copy(ret_id, size, parse_id(body, "resourceId"));
        return 1;
    case RUNNING:
        break;
    }
    return 0;
}

int monitor_follow(struct graph *g, struct spfs_op *op, const char *url, const char *what,
                   struct spfs_ref ref, spfs_item_cb *cb, void *ctx, struct spfs_reason *reason)
{
    char id[256] = "";
    if (!spfs_http_url_allowed(url))
        return spfs_fail(reason, -EIO, "Cannot %s: the address of its monitor is refused.", what);
    for (uint64_t ms = 1000;; ms = ms < 15000 ? ms * 2 : 30000) {
        int rc = graph_wait(g, op, ms);
        if (rc == 0)
            rc = ask_monitor(g, op, url, what, id, sizeof id, reason);
        if (rc < 0)
            return rc;
        if (rc)
            break;
    }
    for (unsigned n = 0;; n++) {
        struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
        struct spfs_item item;
        if (*id)
            ref.item_id = id;
        int rc = listing_look(g, op, ref, NULL, &reply, &item, reason);
        if (rc == 0)
            return cb(ctx, &item);
        if (rc != -ENOENT || n == UNSEEN_MAX)
            return rc;
        rc = graph_wait(g, op, 1000);
        if (rc)
            return rc;
    }
}

static int judge_copy(const struct change *c, const struct sighting *now, struct spfs_reason *reason)
{
    if (!now->there)
        return 0;
    return now->is_new ? 1 : spfs_fail(reason, -EEXIST, "Cannot %s: the name is taken.", c->call.what);
}

/* The literal id "root" is no place to copy to. Gives its real one. */
static int real_id(struct graph *g, struct spfs_op *op, struct spfs_ref ref, char **ret,
                   struct spfs_reason *reason)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_item item;
    int rc = strcmp(ref.item_id, "root") == 0 ? listing_look(g, op, ref, NULL, &reply, &item, reason) : 0;
    if (rc)
        return rc;
    *ret = strdup(reply.doc ? item.id : ref.item_id);
    return *ret ? 0 : -ENOMEM;
}

static int copy_body(struct spfs_buf *b, const char *drive_id, const char *parent_id, const char *name)
{
    int rc = spfs_buf_adds(b, "{\"parentReference\":{\"driveId\":");
    if (rc == 0)
        rc = spfs_json_add_string(b, drive_id);
    if (rc == 0)
        rc = spfs_buf_adds(b, ",\"id\":");
    if (rc == 0)
        rc = spfs_json_add_string(b, parent_id);
    if (rc == 0)
        rc = spfs_buf_adds(b, "},\"name\":");
    if (rc == 0)
        rc = spfs_json_add_string(b, name);
    return rc ? rc : spfs_buf_adds(b, "}");
}

/* A clash of names is refused: that is what the service does when nothing else is asked for, and personal
 * drives know no way to say it. */
int copy_copy(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, struct spfs_ref parent,
              const char *name, spfs_item_cb *cb, void *ctx, struct spfs_reason *reason)
{
    struct spfs_buf path SPFS_CLEANUP(spfs_buf_done), body SPFS_CLEANUP(spfs_buf_done);
    SPFS_FREE char *parent_id = NULL;
    spfs_buf_init(&path, GRAPH_PATH_MAX);
    spfs_buf_init(&body, BODY_MAX);
    int rc = real_id(graph_of(r), op, parent, &parent_id, reason);
    if (rc == 0)
        rc = graph_item_path(&path, ref, "/copy");
    if (rc == 0)
        rc = copy_body(&body, parent.drive_id, parent_id, name);
    if (rc)
        return rc;
    struct change c = {
        .call =
            {.method = "POST", .path = path.data, .what = "copy it", .body = body.data, .body_len = body.len},
        .at = {parent.drive_id, parent_id},
        .name = name,
        .judge = judge_copy,
    };
    return change_perform(graph_of(r), op, &c, cb, ctx, reason);
}
