/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One transfer: its options, its callbacks, what its end means.
 * Threads: init, done and fail on the caller's; the rest on the engine's. No lock is taken here: a callback
 * runs for every 16 KiB of a download. The clock is the engine's, read once a round. */
#include "http_i.h"

#include <spfs/base/clock.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static bool has_body(const struct spfs_http_request *req)
{
    return req->fill || req->body_len > 0;
}

static uint64_t body_size(const struct spfs_http_request *req)
{
    return req->fill ? req->body_total : req->body_len;
}

/* ---- the caller's side ---- */

static bool is_clean_line(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' && *s != '\t')
            return false;
    return true;
}

static int add_line(struct transfer *x, unsigned *count, const char *line)
{
    if (*count == TRANSFER_HEADERS_MAX || !is_clean_line(line))
        return -EINVAL;
    /* libcurl's list has no const; it only reads the text. */
    memcpy(&x->lines[*count].data, &line, sizeof(line));
    x->lines[*count].next = NULL;
    if (*count > 0)
        x->lines[*count - 1].next = &x->lines[*count];
    (*count)++;
    return 0;
}

static int build_authorization(struct transfer *x)
{
    static const char prefix[] = "Authorization: Bearer ";
    const struct spfs_secret *bearer = x->req->bearer;
    size_t n = sizeof(prefix) - 1 + bearer->len;
    char *line = malloc(n + 1);
    if (!line)
        return -ENOMEM;
    memcpy(line, prefix, sizeof(prefix) - 1);
    memcpy(line + sizeof(prefix) - 1, bearer->data, bearer->len);
    line[n] = '\0';
    x->authorization = (struct spfs_secret){.data = line, .len = n};
    return strlen(line) == n ? 0 : -EINVAL;
}

static int build_lines(struct transfer *x)
{
    unsigned count = 0;
    bool typed = false;
    int err = add_line(x, &count, "Expect:"); /* no 100-continue */
    for (const char *const *line = x->req->headers; !err && line && *line; line++) {
        typed = typed || strncasecmp(*line, "Content-Type:", 13) == 0;
        err = add_line(x, &count, *line);
    }
    if (!err && !typed)
        err = add_line(x, &count, "Content-Type:"); /* otherwise a POST would call itself a form */
    if (!err && x->req->bearer && x->req->bearer->data) {
        err = build_authorization(x);
        if (!err)
            err = add_line(x, &count, x->authorization.data);
    }
    return err;
}

int transfer_init(struct transfer *x, struct spfs_http *h, struct spfs_op *op,
                  const struct spfs_http_request *req, struct spfs_http_response *ret)
{
    *x = (struct transfer){.h = h, .op = op, .req = req, .ret = ret, .moved_ms = UINT64_MAX};
    x->stall_ms = req->stall_ms ? req->stall_ms : STALL_MS;
    x->submitted_us = spfs_now_us();
    spfs_cond_init(&x->cond);
    if (!url_parse(req->url, &x->origin)) {
        spfs_copy(x->origin.host, sizeof(x->origin.host), "the server");
        return -EPERM;
    }
    if (!x->origin.tls && !x->origin.loopback)
        return -EPERM;
    return build_lines(x);
}

void transfer_done(struct transfer *x)
{
    spfs_secret_done(&x->authorization);
    spfs_cond_done(&x->cond);
}

int transfer_fail(const struct transfer *x, int err, struct spfs_reason *reason)
{
    const char *host = x->origin.host;
    switch (err) {
    case -EPERM:
        return spfs_fail(reason, err,
                         "%s may not be contacted: only https addresses are, or http ones on this machine",
                         host);
    case -ENETUNREACH:
        return spfs_fail(reason, err, "%s cannot be reached (%s); check the network connection", host,
                         x->curl_text[0] ? x->curl_text : "no connection");
    case -ECONNRESET:
        return spfs_fail(reason, err, "the connection to %s broke in the middle of a reply", host);
    case -EPROTO:
        return spfs_fail(reason, err, "%s cannot be talked to: %s", host,
                         x->curl_text[0] ? x->curl_text : "its reply is malformed");
    case -ETIMEDOUT:
        return spfs_fail(reason, err, "%s did not answer in time", host);
    case -EINTR:
        return spfs_fail(reason, err, "the request to %s was cancelled", host);
    case -EFBIG:
        return spfs_fail(reason, err, "the reply of %s is longer than it may be", host);
    case -ESHUTDOWN:
        return spfs_fail(reason, err, "the request to %s was given up, since spfs is stopping", host);
    default:
        return spfs_fail(reason, err, "the request to %s failed: %s", host,
                         err < 0 ? strerror(-err) : "ended by its owner");
    }
}

/* ---- callbacks; the engine's thread ---- */

/* The connection stands and the request goes out. libcurl repeats a request by itself when a kept connection
 * turns out to be dead: harmless unless the request must not be sent twice. */
static int on_ready(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *x = ctx;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    if (x->sent && (x->req->once || (strcmp(x->req->method, "POST") == 0 && !x->req->idempotent)))
        return CURL_PREREQFUNC_ABORT;
    x->sent = true;
    x->moved_ms = x->h->now_ms;
    return CURL_PREREQFUNC_OK;
}

/* A connection that died silently (suspend, another network) must not keep its requests waiting: bytes that
 * stay unacknowledged end it. */
static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    unsigned ms = STALL_MS;
    (void)ctx, (void)purpose;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
    return CURL_SOCKOPT_OK;
}

static int begin_body(struct transfer *x)
{
    const struct spfs_http_head *head = &x->ret->head;
    x->head_done = true;
    bool streamed = x->req->data && head->status / 100 == 2;
    if (!streamed && head->content_length != UINT64_MAX && head->content_length > x->ret->body.max &&
        strcmp(x->req->method, "HEAD") != 0)
        return -EFBIG;
    return x->req->head && head->status / 100 == 2 ? x->req->head(x->req->ctx, head) : 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *x = ctx;
    n *= size;
    x->moved_ms = x->h->now_ms;
    if (x->ret->first_byte_us == 0)
        x->ret->first_byte_us = spfs_now_us() - x->submitted_us;
    if (x->head_done)
        return n; /* trailers */
    int r = head_line(&x->head, p, n);
    if (r == 1)
        r = begin_body(x);
    x->err = r;
    return r ? 0 : n;
}

static size_t on_data(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *x = ctx;
    n *= size;
    x->moved_ms = x->h->now_ms;
    x->ret->received += n;
    if (x->req->data && x->ret->head.status / 100 == 2)
        x->err = x->req->data(x->req->ctx, p, n);
    else
        x->err = spfs_buf_add(&x->ret->body, p, n);
    return x->err ? 0 : n;
}

static size_t on_read(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *x = ctx;
    const struct spfs_http_request *req = x->req;
    uint64_t left = body_size(req) - x->sent_off;
    n *= size;
    x->moved_ms = x->h->now_ms;
    if (n > left)
        n = (size_t)left;
    if (n == 0)
        return 0;
    if (req->fill) {
        ssize_t got = req->fill(req->ctx, x->sent_off, p, n);
        if (got <= 0 || (size_t)got > n) {
            x->err = got < 0 ? (int)got : -EIO;
            return CURL_READFUNC_ABORT;
        }
        n = (size_t)got;
    } else {
        memcpy(p, (const char *)req->body + x->sent_off, n);
    }
    x->sent_off += n;
    return n;
}

static int on_seek(void *ctx, curl_off_t off, int origin)
{
    struct transfer *x = ctx;
    if (origin != SEEK_SET || off < 0 || (uint64_t)off > body_size(x->req))
        return CURL_SEEKFUNC_FAIL;
    x->sent_off = (uint64_t)off;
    return CURL_SEEKFUNC_OK;
}

/* ---- options ---- */

struct options {
    CURL *easy;
    CURLcode code; /* the first failure */
};

static void set_long(struct options *o, CURLoption option, long value)
{
    if (o->code == CURLE_OK)
        o->code = curl_easy_setopt(o->easy, option, value);
}

static void set_text(struct options *o, CURLoption option, const char *value)
{
    if (o->code == CURLE_OK && value)
        o->code = curl_easy_setopt(o->easy, option, value);
}

static void set_ptr(struct options *o, CURLoption option, void *value)
{
    if (o->code == CURLE_OK)
        o->code = curl_easy_setopt(o->easy, option, value);
}

static void set_security(struct options *o, const struct transfer *x)
{
    set_text(o, CURLOPT_PROTOCOLS_STR, "http,https");
    set_long(o, CURLOPT_FOLLOWLOCATION, 0);
    set_long(o, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_long(o, CURLOPT_SSL_VERIFYPEER, 1);
    set_long(o, CURLOPT_SSL_VERIFYHOST, 2);
    set_text(o, CURLOPT_CAINFO, x->h->ca_file);
    set_long(o, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
    /* What stays on this machine goes to no proxy, not even one from the environment. */
    set_text(o, CURLOPT_PROXY, x->origin.loopback ? "" : x->h->proxy);
}

static void set_connection(struct options *o, const struct transfer *x)
{
    bool meta = x->req->kind == SPFS_HTTP_META;
    set_long(o, CURLOPT_NOSIGNAL, 1);
    set_long(o, CURLOPT_NOPROGRESS, 1);
    set_long(o, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    set_long(o, CURLOPT_TCP_NODELAY, 1);
    set_long(o, CURLOPT_TCP_KEEPALIVE, 1);
    set_long(o, CURLOPT_TCP_KEEPIDLE, 30);
    set_long(o, CURLOPT_TCP_KEEPINTVL, 15);
    /* Below the idle limit of common servers: a kept connection should not be found dead. */
    set_long(o, CURLOPT_MAXAGE_CONN, 50);
    set_long(o, CURLOPT_FRESH_CONNECT, x->req->fresh_connection);
    set_long(o, CURLOPT_HTTP_VERSION, meta ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    set_long(o, CURLOPT_PIPEWAIT, meta && x->origin.tls);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Otherwise giving up during a name look-up would hold the engine until the resolver answers. */
    set_long(o, CURLOPT_QUICK_EXIT, 1);
#endif
    if (x->req->kind == SPFS_HTTP_DOWNLOAD)
        set_long(o, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    if (x->req->kind == SPFS_HTTP_UPLOAD)
        set_long(o, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
}

static void set_method(struct options *o, const struct transfer *x)
{
    const char *method = x->req->method;
    curl_off_t size = (curl_off_t)body_size(x->req);
    if (strcmp(method, "HEAD") == 0) {
        set_long(o, CURLOPT_NOBODY, 1);
    } else if (strcmp(method, "POST") == 0) {
        set_long(o, CURLOPT_POST, 1);
        if (o->code == CURLE_OK)
            o->code = curl_easy_setopt(o->easy, CURLOPT_POSTFIELDSIZE_LARGE, size);
    } else if (has_body(x->req) || strcmp(method, "PUT") == 0) {
        set_long(o, CURLOPT_UPLOAD, 1);
        if (o->code == CURLE_OK)
            o->code = curl_easy_setopt(o->easy, CURLOPT_INFILESIZE_LARGE, size);
        set_text(o, CURLOPT_CUSTOMREQUEST, method);
    } else {
        set_long(o, CURLOPT_HTTPGET, 1);
        set_text(o, CURLOPT_CUSTOMREQUEST, method);
    }
}

static void set_callbacks(struct options *o, struct transfer *x)
{
    set_ptr(o, CURLOPT_PRIVATE, x);
    set_ptr(o, CURLOPT_ERRORBUFFER, x->curl_text);
    set_ptr(o, CURLOPT_PREREQDATA, x);
    set_ptr(o, CURLOPT_HEADERDATA, x);
    set_ptr(o, CURLOPT_WRITEDATA, x);
    set_ptr(o, CURLOPT_READDATA, x);
    set_ptr(o, CURLOPT_SEEKDATA, x);
    if (o->code == CURLE_OK)
        o->code = curl_easy_setopt(o->easy, CURLOPT_PREREQFUNCTION, on_ready);
    if (o->code == CURLE_OK)
        o->code = curl_easy_setopt(o->easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    if (o->code == CURLE_OK)
        o->code = curl_easy_setopt(o->easy, CURLOPT_HEADERFUNCTION, on_header);
    if (o->code == CURLE_OK)
        o->code = curl_easy_setopt(o->easy, CURLOPT_WRITEFUNCTION, on_data);
    if (o->code == CURLE_OK)
        o->code = curl_easy_setopt(o->easy, CURLOPT_READFUNCTION, on_read);
    if (o->code == CURLE_OK)
        o->code = curl_easy_setopt(o->easy, CURLOPT_SEEKFUNCTION, on_seek);
}

int transfer_setup(struct transfer *x)
{
    struct options o = {.easy = x->easy};
    set_text(&o, CURLOPT_URL, x->req->url);
    set_long(&o, CURLOPT_PATH_AS_IS, 1); /* addresses are opaque */
    set_ptr(&o, CURLOPT_HTTPHEADER, x->lines);
    set_text(&o, CURLOPT_USERAGENT, x->h->user_agent);
    if (x->req->kind == SPFS_HTTP_META)
        set_text(&o, CURLOPT_ACCEPT_ENCODING, "gzip");
    set_security(&o, x);
    set_connection(&o, x);
    set_method(&o, x);
    set_callbacks(&o, x);
    head_init(&x->head, &x->ret->head);
    return o.code == CURLE_OK ? 0 : o.code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

int transfer_result(const struct transfer *x, CURLcode code)
{
    int broken = x->head_done ? -ECONNRESET : -ENETUNREACH;
    if (x->err)
        return x->err;
    switch (code) {
    case CURLE_OK:
        return x->head_done ? 0 : broken; /* closed within the head */
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_OPERATION_TIMEDOUT: /* only the time to connect is libcurl's to watch */
        return -ENETUNREACH;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_NO_CONNECTION_AVAILABLE:
    case CURLE_ABORTED_BY_CALLBACK: /* on_ready refused to send a second time over a new connection */
    case CURLE_SEND_FAIL_REWIND:
        return broken;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    default:
        return -EPROTO;
    }
}
