/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: the request and reply of one call (see sim_i.h). Threads: the call's own. */
#include "sim_i.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEADERS_MAX (64u << 10)
#define BODY_MAX    (512u << 20)

void call_done(struct sim_call *c)
{
    free(c->target);
    free(c->path);
    for (unsigned i = 0; i < SIM_HEADERS; i++)
        free(c->header[i]);
    spfs_buf_done(&c->body);
    spfs_buf_done(&c->reply.body);
    spfs_buf_done(&c->reply.headers);
    tree_body_done(&c->reply.content);
    blob_unref(c->upload);
    fault_plan_done(&c->plan);
}

void call_set_target(struct sim_call *c, const char *target)
{
    c->target = sim_strdup(target);
    size_t n = strcspn(target, "?");
    c->path = sim_strdup(target);
    c->path[n] = '\0';
    c->query = c->target + n + (target[n] == '?');
    spfs_buf_init(&c->reply.body, BODY_MAX);
    spfs_buf_init(&c->reply.headers, HEADERS_MAX);
    spfs_buf_init(&c->body, BODY_MAX);
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch = (char)(ch | 32);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

char *call_decode(const char *raw, size_t n)
{
    char *out = sim_alloc(n + 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        int hi = raw[i] == '%' && i + 2 < n ? hex_digit(raw[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(raw[i + 2]) : -1;
        if (lo >= 0) {
            out[len++] = (char)(hi << 4 | lo);
            i += 2;
        } else {
            out[len++] = raw[i];
        }
    }
    return out;
}

/* In a query, unlike in a path, `+` is a space. */
static char *query_value(const char *raw, size_t n)
{
    SPFS_FREE char *text = sim_alloc(n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = raw[i] == '+' ? ' ' : raw[i];
    return call_decode(text, n);
}

char *call_query(const struct sim_call *c, const char *name)
{
    for (const char *p = c->query; *p; p += strcspn(p, "&"), p += *p == '&') {
        size_t n = strcspn(p, "&");
        size_t k = strcspn(p, "=&");
        SPFS_FREE char *key = call_decode(p, k);
        if (strcmp(key, name) == 0 || (*name == '$' && strcmp(key, name + 1) == 0))
            return k < n ? query_value(p + k + 1, n - k - 1) : sim_strdup("");
    }
    return NULL;
}

void call_header(struct sim_call *c, const char *name, const char *fmt, ...)
{
    char *value = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&value, fmt, ap) < 0)
        abort();
    va_end(ap);
    spfs_buf_addf(&c->reply.headers, "%s: %s\n", name, value);
    free(value);
}

struct spfs_buf *call_json(struct sim_call *c, unsigned status)
{
    c->reply.status = status;
    c->reply.type = "application/json; odata.metadata=minimal; odata.streaming=true; "
                    "IEEE754Compatible=false; charset=utf-8";
    spfs_buf_reset(&c->reply.body);
    return &c->reply.body;
}

void call_error(struct sim_call *c, unsigned status, const char *code, const char *message, const char *inner)
{
    struct spfs_buf *b = call_json(c, status);
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    char date[32];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    jw_open(b, NULL, '{');
    jw_open(b, "error", '{');
    jw_str(b, "code", code);
    jw_str(b, "message", message);
    /* Both spellings occur on the wire. */
    jw_open(b, c->request_id[0] & 1 ? "innerError" : "innererror", '{');
    if (inner)
        jw_str(b, "code", inner);
    jw_str(b, "date", date);
    jw_str(b, "request-id", c->request_id);
    jw_str(b, "client-request-id",
           c->header[SIM_H_CLIENT_REQUEST_ID] ? c->header[SIM_H_CLIENT_REQUEST_ID] : c->request_id);
    jw_close(b, '}');
    jw_close(b, '}');
    jw_close(b, '}');
}

bool call_prefers(const struct sim_call *c, const char *word)
{
    return c->header[SIM_H_PREFER] && strcasestr(c->header[SIM_H_PREFER], word);
}

void call_violation(struct sim_call *c, enum sim_violation v)
{
    atomic_fetch_add(&c->sim->counters.violations[v], 1);
}
