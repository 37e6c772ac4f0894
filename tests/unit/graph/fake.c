// SPDX-License-Identifier: GPL-3.0-or-later
#include "fake.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct fake_step *steps;
static size_t count, used_count;
static bool used[64], any_order, by_range, delegated = true;
static unsigned throttled, renewals;
static int renewal_error;

static void die(const char *why, const char *what)
{
    fprintf(stderr, "fake server: %s: %s\n", why, what);
    abort();
}

void fake_script(const struct fake_step *s, size_t n)
{
    steps = s;
    count = n;
    used_count = 0;
    memset(used, 0, sizeof used);
    any_order = by_range = false;
    delegated = true;
    throttled = renewals = 0;
    renewal_error = 0;
}

void fake_any_order(void)
{
    any_order = true;
}

void fake_by_range(void)
{
    any_order = by_range = true;
}

void fake_end(void)
{
    if (used_count != count)
        for (size_t i = 0; i < count; i++)
            if (!used[i])
                die("was not asked for", steps[i].want);
}

unsigned fake_throttled(void)
{
    return throttled;
}

unsigned fake_renewals(void)
{
    return renewals;
}

void fake_delegated(bool yes)
{
    delegated = yes;
}

void fake_token_fails(int err)
{
    renewal_error = err;
}

unsigned char fake_byte(uint64_t at)
{
    return (unsigned char)(at * 7 + at / 251 + 3);
}

static const char *range_of(const struct spfs_http_request *req)
{
    for (const char *const *h = req->headers; h && *h; h++)
        if (spfs_starts(*h, "Range: "))
            return *h + 7;
    return "none";
}

static bool wants(const struct fake_step *s, const char *line, const char *range)
{
    return strstr(line, s->want) && (!by_range || !s->range || strcmp(s->range, range) == 0);
}

static const struct fake_step *next_step(const char *line, const char *range)
{
    const struct fake_step *found = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count && !found; i++) {
        if (used[i])
            continue;
        if (wants(&steps[i], line, range)) {
            found = &steps[i];
            used[i] = true;
            used_count++;
        } else if (!any_order) {
            die(line, steps[i].want);
        }
    }
    pthread_mutex_unlock(&lock);
    if (!found)
        die("nothing is left for", line);
    return found;
}

static void check(const struct fake_step *s, const struct spfs_http_request *req, const char *line)
{
    bool seen = false;
    if (spfs_http_same_origin(req->url, FAKE_GRAPH) != (req->bearer && req->bearer->data))
        die("a token in the wrong place", line);
    for (const char *const *h = req->headers; h && *h; h++)
        seen = seen || (s->header && strcmp(*h, s->header) == 0);
    if (s->header && !seen)
        die("a header is missing", s->header);
    if (s->range && strcmp(range_of(req), s->range) != 0)
        die("another range", range_of(req));
    if (s->sent && (!req->body || !strstr(req->body, s->sent)))
        die("another body", req->body ? (const char *)req->body : "none");
}

/* The whole body, as the engine would fetch it. */
static int drain(const struct spfs_http_request *req)
{
    uint64_t base = 0;
    for (const char *const *h = req->headers; h && *h; h++)
        if (spfs_starts(*h, "Content-Range: bytes "))
            base = strtoull(*h + 21, NULL, 10);
    for (uint64_t off = 0; off < req->body_total;) {
        unsigned char b[4096];
        uint64_t left = req->body_total - off;
        ssize_t n = req->fill(req->ctx, off, b, left < sizeof b ? (size_t)left : sizeof b);
        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        for (ssize_t i = 0; i < n; i++, off++)
            if (b[i] != fake_byte(base + off))
                die("a wrong byte", req->url);
    }
    return 0;
}

static int pour(const struct fake_step *s, const struct spfs_http_request *req,
                struct spfs_http_response *ret)
{
    uint64_t from = s->part ? s->from : 0, to = s->part ? s->to : s->total - 1;
    uint64_t n = to - from + 1 + s->extra - s->short_by;
    for (uint64_t i = 0; i < n;) {
        unsigned char b[64];
        size_t k = 0;
        if (s->cut && i == s->cut)
            return -ECONNRESET;
        for (; k < sizeof b && i < n && !(s->cut && i == s->cut); k++, i++)
            b[k] = fake_byte(from + i);
        ret->received += k;
        int rc = req->data(req->ctx, b, k);
        if (rc)
            return rc;
    }
    return 0;
}

static void fill_head(const struct fake_step *s, struct spfs_http_head *h)
{
    *h = (struct spfs_http_head){
        .status = s->status ? s->status
                  : s->part ? 206
                            : 200,
        .content_length = UINT64_MAX,
        .range_total = UINT64_MAX,
        .retry_after_ms = -1,
        .date_ns = s->date_s ? s->date_s * 1000000000 : INT64_MIN,
        .infected = s->infected,
        .coded = s->coded,
    };
    spfs_copy(h->etag, sizeof h->etag, s->etag);
    spfs_copy(h->location, sizeof h->location, s->location);
    if (s->part && !s->no_range) {
        h->has_range = true;
        h->range_from = s->from;
        h->range_to = s->to;
        h->range_total = s->total;
    }
    if (!s->no_length)
        h->content_length = s->part    ? s->to - s->from + 1
                            : s->whole ? s->total
                            : s->body  ? strlen(s->body)
                                       : 0;
}

int spfs_governor_perform(struct spfs_governor *g, struct spfs_http *h, struct spfs_op *op,
                          const struct spfs_http_request *req, unsigned tries, struct spfs_http_response *ret,
                          struct spfs_reason *reason)
{
    char line[4096];
    (void)g, (void)h, (void)op, (void)tries;
    *ret = (struct spfs_http_response){0};
    spfs_buf_init(&ret->body, req->max_body ? req->max_body : (size_t)1 << 20);
    spfs_format(line, sizeof line, "%s %s", req->method, req->url);
    const struct fake_step *s = next_step(line, range_of(req));
    check(s, req, line);
    if (s->hook)
        s->hook();
    ret->sent = !s->unsent;
    int filled = req->fill && !s->unsent ? drain(req) : 0;
    if (s->rc || filled)
        return spfs_fail(reason, s->rc ? s->rc : filled, "scripted");
    fill_head(s, &ret->head);
    if (!req->data || ret->head.status / 100 != 2)
        return s->body ? spfs_buf_adds(&ret->body, s->body) : 0;
    int rc = req->head ? req->head(req->ctx, &ret->head) : 0;
    if (rc == 0 && s->body)
        rc = req->data(req->ctx, s->body, strlen(s->body));
    return rc || !(s->part || s->whole) ? rc : pour(s, req, ret);
}

void spfs_governor_throttled(struct spfs_governor *g, int64_t retry_after_ms)
{
    (void)g, (void)retry_after_ms;
    throttled++;
}

void spfs_http_response_done(struct spfs_http_response *r)
{
    spfs_buf_done(&r->body);
}

static int token_get(struct spfs_token *t, struct spfs_op *op, const struct spfs_secret *rejected,
                     struct spfs_secret *ret, struct spfs_reason *reason)
{
    (void)t, (void)op;
    if (rejected) {
        if (strcmp(rejected->data, "first") != 0)
            die("another token was refused", "token");
        renewals++;
        if (renewal_error)
            return spfs_fail(reason, renewal_error, "the sign-in has ended");
    }
    return spfs_secret_set(ret, rejected ? "second" : "first", rejected ? 6 : 5);
}

static bool token_delegated(struct spfs_token *t)
{
    (void)t;
    return delegated;
}

struct spfs_remote *fake_remote(void)
{
    static const struct spfs_token_ops ops = {.get = token_get, .is_delegated = token_delegated};
    static struct spfs_token token = {.ops = &ops};
    struct spfs_remote *r;
    struct spfs_graph_config config = {.graph_url = FAKE_GRAPH, .token = &token};
    if (spfs_graph_new(&config, &r, NULL) != 0)
        die("no remote", FAKE_GRAPH);
    return r;
}
