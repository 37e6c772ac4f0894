// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: upload sessions on the wire, see session_i.h. Facts: contract sheet §9.3, §9.4, §11.
 * Invariants: the address of a session is a secret that carries its own rights: no token goes there, and only
 * addresses that may be sent to at all are taken. A session always names what happens on a clash: a new file
 * fails, a replacement replaces the version whose tag it names. A success that cannot be read is no success.
 * Threads: any; fill runs on the engine's. */
#include "session_i.h"
#include "errmap_i.h"
#include <spfs/base/clock.h>
#include <spfs/model/times.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define URL_MAX 8192
/* Where the service does not say when a session ends. */
#define LIFE_MS 900000
/* The last fragment makes the file, which takes the service its time. */
#define STALL_MS      60000
#define LAST_STALL_MS 180000
#define WHAT          "upload the file"

void session_answer_done(struct session_answer *a)
{
    spfs_json_free(a->doc);
    *a = (struct session_answer){0};
}

/* ---- making sessions ---- */

static int session_path(struct spfs_buf *b, const struct spfs_upload *u)
{
    struct spfs_ref at = {u->drive_id, u->item_id ? u->item_id : u->parent_id};
    return graph_place_path(b, at, u->item_id ? NULL : u->name, ":/createUploadSession");
}

static int add_time(struct spfs_buf *b, const char *name, int64_t ns, bool *first)
{
    char text[32];
    if (ns == SPFS_TIME_UNKNOWN)
        return 0;
    spfs_time_format(ns, text);
    int rc = spfs_buf_addf(b, "%s\"%s\":\"%s\"", *first ? ",\"fileSystemInfo\":{" : ",", name, text);
    *first = false;
    return rc;
}

static int session_body(struct spfs_buf *b, const struct spfs_upload *u)
{
    bool first = true;
    int rc = spfs_buf_addf(b, "{\"item\":{\"@microsoft.graph.conflictBehavior\":\"%s\"",
                           u->item_id ? "replace" : "fail");
    if (rc == 0)
        rc = add_time(b, "createdDateTime", u->btime_ns, &first);
    if (rc == 0)
        rc = add_time(b, "lastModifiedDateTime", u->mtime_ns, &first);
    return rc ? rc : spfs_buf_adds(b, first ? "}}" : "}}}");
}

static const char *address_of(const struct spfs_json *body)
{
    const char *url = spfs_json_str(body, "uploadUrl");
    return url && strlen(url) <= URL_MAX && spfs_http_url_allowed(url) ? url : NULL;
}

int session_make(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, char **ret_url,
                 int64_t *ret_expires_ms, struct spfs_reason *reason)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_buf path SPFS_CLEANUP(spfs_buf_done), body SPFS_CLEANUP(spfs_buf_done);
    char tag[GRAPH_HEADER_SIZE];
    const char *headers[] = {u->item_id ? tag : NULL, NULL};
    spfs_buf_init(&path, GRAPH_PATH_MAX);
    spfs_buf_init(&body, 1024);
    int rc = u->item_id ? graph_if_match(tag, u->if_match) : 0;
    if (rc == 0)
        rc = session_path(&path, u);
    if (rc == 0)
        rc = session_body(&body, u);
    if (rc)
        return rc;
    struct graph_call call = {.method = "POST",
                              .path = path.data,
                              .what = WHAT,
                              .headers = headers,
                              .body = body.data,
                              .body_len = body.len,
                              .idempotent = true}; /* a session too many only runs out */
    rc = graph_perform(g, op, &call, &reply, reason);
    if (rc)
        return rc;
    const struct spfs_json *root = spfs_json_root(reply.doc);
    const char *url = address_of(root);
    if (!url)
        return spfs_fail(reason, -EIO, "Cannot %s: the service names no address for it that can be used.",
                         WHAT);
    int64_t ends = spfs_time_parse(spfs_json_str(root, "expirationDateTime"));
    *ret_expires_ms = (ends != SPFS_TIME_UNKNOWN ? ends : spfs_now_real_ns()) / 1000000 +
                      (ends != SPFS_TIME_UNKNOWN ? 0 : LIFE_MS);
    *ret_url = strdup(url);
    return *ret_url ? 0 : -ENOMEM;
}

/* ---- answers ---- */

/* The first byte of the lowest range, size when none is missing. */
static uint64_t next_of(const struct spfs_json *body, uint64_t size)
{
    const struct spfs_json *ranges = spfs_json_get(body, "nextExpectedRanges");
    uint64_t next = SESSION_NEXT_UNKNOWN, from;
    char text[24];
    if (!spfs_json_is_array(ranges))
        return SESSION_NEXT_UNKNOWN;
    if (!spfs_json_first(ranges))
        return size;
    for (const struct spfs_json *v = spfs_json_first(ranges); v; v = spfs_json_next(v)) {
        const char *range = spfs_json_text(v);
        if (!range || !spfs_format(text, sizeof text, "%.*s", (int)strcspn(range, "-"), range) ||
            !spfs_parse_u64(text, size, &from))
            return SESSION_NEXT_UNKNOWN;
        if (from < next)
            next = from;
    }
    return next;
}

static void take_success(struct session_answer *a, uint64_t size)
{
    const struct spfs_json *root = a->doc ? spfs_json_root(a->doc) : NULL;
    if (!spfs_json_is_object(root)) {
        a->news = SESSION_UNSURE;
        a->rc = -EIO;
    } else if (parse_one(root, &a->item) == 0) {
        a->news = SESSION_DONE;
    } else {
        a->news = SESSION_NEXT;
        a->next = next_of(root, size);
    }
}

static enum session_news news_of(int status, int rc)
{
    if (rc == -EPERM || rc == -ENOSPC || rc == -EFBIG || rc == -EBUSY)
        return SESSION_REFUSED;
    switch (status) {
    case 401:
    case 403:
    case 404:
    case 410:
        return SESSION_GONE;
    case 408:
    case 416:
        return SESSION_UNSURE;
    default:
        return status >= 500 && status != 501 ? SESSION_UNSURE : SESSION_REFUSED;
    }
}

static enum session_news news_of_failure(struct spfs_op *op, int err)
{
    switch (err) {
    case -ECONNRESET:
    case -ENETUNREACH:
    case -EPROTO:
    case -EFBIG: /* the reply, past its cap */
        return SESSION_UNSURE;
    case -ETIMEDOUT:
        return spfs_op_check(op) ? SESSION_REFUSED : SESSION_UNSURE;
    default:
        return SESSION_REFUSED;
    }
}

static void ask(struct graph *g, struct spfs_op *op, const struct spfs_upload *u,
                struct spfs_http_request *req, unsigned tries, struct session_answer *ret,
                struct spfs_reason *reason)
{
    struct spfs_http_response resp SPFS_CLEANUP(spfs_http_response_done) = {0};
    *ret = (struct session_answer){0};
    int rc = spfs_governor_perform(g->governor, g->http, op, req, tries, &resp, reason);
    if (rc) {
        ret->news = news_of_failure(op, rc);
        ret->rc = errmap_transport(rc);
        return;
    }
    ret->status = resp.head.status;
    rc = spfs_json_parse(resp.body.data ? resp.body.data : "", resp.body.len, (size_t)1 << 20, &ret->doc);
    if (ret->status >= 200 && ret->status <= 299) {
        take_success(ret, u->size);
        return;
    }
    ret->rc = errmap_reply(&resp.head, rc == 0 ? spfs_json_root(ret->doc) : NULL, WHAT, reason);
    ret->news = news_of(ret->status, ret->rc);
}

/* ---- the requests ---- */

/* The bytes of one fragment. */
struct fragment {
    const struct spfs_upload *u;
    uint64_t from;
    int error; /* of the source */
};

static ssize_t fill_fragment(void *ctx, uint64_t off, void *p, size_t n)
{
    struct fragment *f = ctx;
    ssize_t got = f->u->fill(f->u->ctx, f->from + off, p, n);
    if (got <= 0)
        f->error = got < 0 ? (int)got : -EIO;
    return got;
}

void session_send(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, const char *url,
                  uint64_t from, uint64_t len, struct session_answer *ret, struct spfs_reason *reason)
{
    struct fragment f = {.u = u, .from = from};
    char range[96];
    spfs_format(range, sizeof range, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from,
                from + len - 1, u->size);
    struct spfs_http_request req = {
        .kind = SPFS_HTTP_UPLOAD,
        .method = "PUT",
        .url = url,
        .headers = (const char *const[]){"Content-Type: application/octet-stream", "Accept: application/json",
                                         range, NULL},
        .fill = fill_fragment,
        .body_total = len,
        .ctx = &f,
        .once = true,
        .stall_ms = from + len == u->size ? LAST_STALL_MS : STALL_MS,
    };
    ask(g, op, u, &req, 0, ret, reason);
    if (f.error) {
        session_answer_done(ret);
        ret->news = SESSION_REFUSED;
        ret->rc = spfs_fail(reason, f.error, "Cannot %s: its bytes cannot be read here.", WHAT);
    }
}

void session_status(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, const char *url,
                    struct session_answer *ret, struct spfs_reason *reason)
{
    struct spfs_http_request req = {
        .kind = SPFS_HTTP_META,
        .method = "GET",
        .url = url,
        .headers = (const char *const[]){"Accept: application/json", NULL},
    };
    ask(g, op, u, &req, graph_tries(op), ret, reason);
}

void session_commit(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, const char *url,
                    struct session_answer *ret, struct spfs_reason *reason)
{
    struct spfs_http_request req = {
        .kind = SPFS_HTTP_META,
        .method = "POST",
        .url = url,
        .headers = (const char *const[]){"Accept: application/json", NULL},
        .stall_ms = LAST_STALL_MS,
    };
    ask(g, op, u, &req, 0, ret, reason);
}

void session_cancel(struct graph *g, struct spfs_op *op, const char *url)
{
    struct spfs_http_response resp SPFS_CLEANUP(spfs_http_response_done) = {0};
    struct spfs_http_request req = {.kind = SPFS_HTTP_META, .method = "DELETE", .url = url};
    spfs_governor_perform(g->governor, g->http, op, &req, 0, &resp, NULL);
}

/* ---- many at once ---- */

struct sessions {
    const struct spfs_upload *v;
    size_t n;
    char **urls;
};

static int add_part(struct spfs_buf *b, size_t i, const struct spfs_upload *u)
{
    struct spfs_buf text SPFS_CLEANUP(spfs_buf_done);
    spfs_buf_init(&text, GRAPH_PATH_MAX);
    int rc = session_path(&text, u);
    if (rc == 0)
        rc = spfs_buf_addf(b, "%s{\"id\":\"%zu\",\"method\":\"POST\",\"url\":", b->len ? "," : "", i);
    if (rc == 0)
        rc = spfs_json_add_string(b, text.data);
    if (rc == 0)
        rc = spfs_buf_adds(b, ",\"headers\":{\"Content-Type\":\"application/json\"");
    if (rc == 0 && u->item_id) {
        rc = spfs_buf_adds(b, ",\"If-Match\":");
        if (rc == 0)
            rc = spfs_json_add_string(b, u->if_match);
    }
    if (rc == 0)
        rc = spfs_buf_adds(b, "},\"body\":");
    if (rc == 0)
        rc = session_body(b, u);
    return rc ? rc : spfs_buf_adds(b, "}");
}

static void take_session(void *ctx, uint64_t i, int status, const struct spfs_json *body)
{
    struct sessions *s = ctx;
    const char *url = status == 200 || status == 201 ? address_of(body) : NULL;
    if (i < s->n && url && s->v[i].size > 0 && !s->urls[i])
        s->urls[i] = strdup(url);
}

int session_sessions(struct spfs_remote *r, struct spfs_op *op, const struct spfs_upload *v, size_t n,
                     char **urls)
{
    struct spfs_buf parts SPFS_CLEANUP(spfs_buf_done);
    int rc = 0;
    spfs_buf_init(&parts, BATCH_PARTS_MAX * (size_t)GRAPH_PATH_MAX);
    for (size_t i = 0; i < n; i++)
        urls[i] = NULL;
    if (n > BATCH_PARTS_MAX)
        n = BATCH_PARTS_MAX;
    for (size_t i = 0; i < n && rc == 0; i++)
        if (v[i].size > 0)
            rc = add_part(&parts, i, &v[i]);
    if (rc || parts.len == 0)
        return rc;
    return batch_send(graph_of(r), op, &parts, "prepare uploads", take_session,
                      &(struct sessions){v, n, urls});
}
