// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: one authorised call of Graph: address, headers, token, governor, JSON, error.
 * Invariants: the token goes to the configured origin only; a refused token is renewed once; a success
 * without readable JSON is an error, never an empty answer. Threads: any. */
#include "graph_i.h"
#include "errmap_i.h"
#include <spfs/base/clock.h>
#include <spfs/base/log.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

void graph_reply_done(struct graph_reply *r)
{
    spfs_json_free(r->doc);
    free(r->location);
    *r = (struct graph_reply){0};
}

bool graph_is_own_link(const struct graph *g, const char *link)
{
    return spfs_http_same_origin(g->url, link);
}

unsigned graph_tries(const struct spfs_op *op)
{
    return op->urgency == SPFS_URGENT ? 3 : 5;
}

/* Ids hold ',' and '!' that the service shows literally, so they stay. */
static int add_segment(struct spfs_buf *b, const char *s, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";
    int rc = 0;
    for (; *s && rc == 0; s++) {
        unsigned char c = (unsigned char)*s;
        if (isascii(c) && (isalnum(c) || strchr("-._~,!", c) || (keep_slash && c == '/')))
            rc = spfs_buf_add(b, s, 1);
        else
            rc = spfs_buf_add(b, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
    return rc;
}

int graph_path(struct spfs_buf *b, const char *fmt, ...)
{
    va_list ap;
    int rc = 0;
    va_start(ap, fmt);
    for (; *fmt && rc == 0; fmt++) {
        if (fmt[0] == '%' && (fmt[1] == 's' || fmt[1] == 'p')) {
            const char *text = va_arg(ap, const char *);
            rc = add_segment(b, text, *++fmt == 'p');
        } else {
            rc = spfs_buf_add(b, fmt, 1);
        }
    }
    va_end(ap);
    return rc;
}

int graph_item_path(struct spfs_buf *b, struct spfs_ref ref, const char *tail)
{
    int rc = strcmp(ref.item_id, "root") == 0
                 ? graph_path(b, "/drives/%s/root", ref.drive_id)
                 : graph_path(b, "/drives/%s/items/%s", ref.drive_id, ref.item_id);
    return rc ? rc : spfs_buf_adds(b, tail);
}

int graph_place_path(struct spfs_buf *b, struct spfs_ref ref, const char *name, const char *tail)
{
    if (!name)
        return graph_item_path(b, ref, tail + (*tail == ':'));
    int rc = graph_item_path(b, ref, ":/");
    if (rc == 0)
        rc = graph_path(b, "%s", name);
    return rc ? rc : spfs_buf_adds(b, tail);
}

int graph_if_match(char line[GRAPH_HEADER_SIZE], const char *tag)
{
    for (const char *c = tag; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return -EINVAL;
    return *tag && spfs_format(line, GRAPH_HEADER_SIZE, "If-Match: %s", tag) ? 0 : -EINVAL;
}

int graph_wait(struct graph *g, struct spfs_op *op, uint64_t ms)
{
    struct spfs_cond c;
    uint64_t now = spfs_now_ms(), wait = ms * g->second_ms / 1000, end = now + wait;
    int rc = spfs_op_check(op);
    if (rc == 0 && wait >= spfs_op_left_ms(op))
        rc = -ETIMEDOUT;
    spfs_cond_init(&c);
    spfs_lock_take(&g->lock);
    for (; rc == 0 && now < end; now = spfs_now_ms())
        rc = spfs_op_wait(op, &c, &g->lock);
    spfs_lock_drop(&g->lock);
    spfs_cond_done(&c);
    return rc;
}

int graph_back_off(struct graph *g, struct spfs_op *op, unsigned n)
{
    uint64_t most = n < 6 ? (uint64_t)500 << n : 30000;
    return graph_wait(g, op, spfs_random(most) + 1);
}

bool graph_same_second(int64_t a_ns, int64_t b_ns)
{
    int64_t apart;
    return a_ns != SPFS_TIME_UNKNOWN && b_ns != SPFS_TIME_UNKNOWN &&
           !__builtin_sub_overflow(a_ns, b_ns, &apart) && apart <= 1000000000 && apart >= -1000000000;
}

static int send_once(struct graph *g, struct spfs_op *op, const struct graph_call *call, const char *url,
                     const struct spfs_secret *token, struct spfs_http_response *ret,
                     struct spfs_reason *reason)
{
    char id[37], id_line[64];
    spfs_uuid(id);
    spfs_format(id_line, sizeof id_line, "client-request-id: %s", id);
    const char *headers[10] = {"Accept: application/json", id_line};
    size_t n = 2;
    if (call->body)
        headers[n++] = "Content-Type: application/json";
    for (const char *const *h = call->headers; h && *h && n < SPFS_ARRAY_LEN(headers) - 1; h++)
        headers[n++] = *h;
    struct spfs_http_request req = {
        .kind = SPFS_HTTP_META,
        .method = call->method ? call->method : "GET",
        .url = url,
        .bearer = token,
        .headers = headers,
        .body = call->body,
        .body_len = call->body_len,
        .max_body = call->max,
        .idempotent = call->idempotent,
        .once = call->once,
    };
    unsigned tries = call->once ? 0 : graph_tries(op);
    int rc = spfs_governor_perform(g->governor, g->http, op, &req, tries, ret, reason);
    spfs_debug("op %llu: %s %s: %d, status %d, request-id %s, client-request-id %s",
               (unsigned long long)op->id, req.method, url, rc, rc ? 0 : ret->head.status,
               rc ? "-" : ret->head.request_id, id);
    return rc;
}

/* Sends with a token, and once more with a new one when the service refuses the first. */
static int send_signed(struct graph *g, struct spfs_op *op, const struct graph_call *call, const char *url,
                       struct spfs_http_response *ret, struct spfs_reason *reason)
{
    struct spfs_secret token SPFS_CLEANUP(spfs_secret_done) = {0};
    int rc = g->token->ops->get(g->token, op, NULL, &token, reason);
    if (rc)
        return rc;
    rc = errmap_transport(send_once(g, op, call, url, &token, ret, reason));
    if (rc || ret->head.status != 401)
        return rc;
    struct spfs_secret renewed SPFS_CLEANUP(spfs_secret_done) = {0};
    rc = g->token->ops->get(g->token, op, &token, &renewed, reason);
    if (rc)
        return rc;
    spfs_http_response_done(ret);
    return errmap_transport(send_once(g, op, call, url, &renewed, ret, reason));
}

/* An answer that leaves open whether the change was made. */
static bool is_unclear(int status)
{
    return status == 408 || (status >= 500 && status != 501 && status != 507);
}

static int take_reply(const struct graph_call *call, const struct spfs_http_response *resp,
                      struct graph_reply *ret, struct spfs_reason *reason)
{
    ret->status = resp->head.status;
    ret->date_ns = resp->head.date_ns;
    ret->unclear = call->once && is_unclear(ret->status);
    if (resp->head.location[0]) {
        ret->location = strdup(resp->head.location);
        if (!ret->location)
            return -ENOMEM;
    }
    size_t max = call->max ? call->max : (size_t)1 << 20;
    struct spfs_json_doc *doc SPFS_CLEANUP(spfs_json_doc_p) = NULL;
    int rc = spfs_json_parse(resp->body.data ? resp->body.data : "", resp->body.len, max, &doc);
    if (rc == -ENOMEM)
        return rc;
    if (call->redirect ? ret->status != 302 || !ret->location : ret->status < 200 || ret->status > 299)
        return errmap_reply(&resp->head, rc == 0 ? spfs_json_root(doc) : NULL, call->what, reason);
    if (call->redirect || (rc && call->bare))
        return 0;
    if (rc)
        return spfs_fail(reason, rc == -EFBIG ? rc : -EIO,
                         "Cannot %s: the answer is not JSON; is there a proxy or a sign-in page in between?",
                         call->what);
    ret->doc = TAKE(doc);
    return 0;
}

int graph_perform(struct graph *g, struct spfs_op *op, const struct graph_call *call, struct graph_reply *ret,
                  struct spfs_reason *reason)
{
    *ret = (struct graph_reply){0};
    bool link = call->path[0] != '/';
    if (link && !graph_is_own_link(g, call->path))
        return spfs_fail(reason, -EIO,
                         "Cannot %s: a link of the service leads to another host and is not followed.",
                         call->what);
    SPFS_FREE char *url = link ? strdup(call->path) : spfs_asprintf("%s/v1.0%s", g->url, call->path);
    if (!url)
        return -ENOMEM;
    struct spfs_http_response resp SPFS_CLEANUP(spfs_http_response_done) = {0};
    int rc = send_signed(g, op, call, url, &resp, reason);
    if (rc)
        ret->unclear = call->once && resp.sent;
    return rc ? rc : take_reply(call, &resp, ret, reason);
}
