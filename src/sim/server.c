/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: the HTTP server under the calls, on libmicrohttpd.
 * States of a call: HEAD (headers are in) -> BODY (its body arrives) -> ANSWERED. Every connection has its
 * own thread, in which its calls run, sleep and send; that is what lets a delay or a stall hold up nobody
 * else. A reply is always sent by `feed`, so that pacing and faults apply to every body in one place. */
#include "sim_i.h"

#include <spfs/base/clock.h>
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BLOCK       (1u << 20) /* of content handed to the socket at a time */
#define PACED_BLOCK (32u << 10)

enum { HEAD, BODY, ANSWERED };

static const char *const header_name[SIM_HEADERS] = {
    "Authorization", "User-Agent",    "Host",         "Range",         "Prefer",
    "If-Match",      "If-None-Match", "Content-Type", "Content-Range", "client-request-id",
};

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct sim_call *c = sim_alloc(sizeof *c);
    c->sim = cls;
    c->connection = connection;
    c->start_us = spfs_now_us();
    c->plan.reset_after = c->plan.truncate = FAULT_NONE;
    call_set_target(c, uri);
    atomic_fetch_add(&c->sim->in_flight, 1);
    return c;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)connection;
    (void)code;
    struct sim_call *c = *context;
    *context = NULL;
    if (!c)
        return;
    if (c->method && c->class != SIM_CONTROL)
        logfile_write(c);
    atomic_fetch_sub(&c->sim->in_flight, 1);
    call_done(c);
    free(c);
}

/* The connection ends with a TCP reset instead of an orderly close. */
static void arm_reset(struct sim_call *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (info)
        setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* Bytes that may go out at pos before the next fault; 0: the connection ends here. */
static size_t before_fault(struct sim_call *c, uint64_t pos, size_t n)
{
    struct fault_plan *p = &c->plan;
    if (p->stall_ms && pos >= p->stall_after) {
        uint64_t ms = p->stall_ms;
        p->stall_ms = 0;
        pace_sleep(c->sim, ms * 1000);
    }
    if (p->stall_ms && p->stall_after - pos < n)
        n = (size_t)(p->stall_after - pos);
    uint64_t end = p->reset_after < p->truncate ? p->reset_after : p->truncate;
    if (end == FAULT_NONE)
        return n;
    if (pos >= end) {
        if (p->reset_after == end)
            arm_reset(c);
        return 0;
    }
    return end - pos < n ? (size_t)(end - pos) : n;
}

static ssize_t feed(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct sim_call *c = cls;
    struct sim_reply *r = &c->reply;
    uint64_t total = r->is_content ? r->count : r->body.len;
    size_t n = total - pos < max ? (size_t)(total - pos) : max;
    if (c->plan.active)
        n = before_fault(c, pos, n);
    if (n == 0 || c->sim->stopping)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!r->is_content) {
        memcpy(buf, r->body.data + pos, n);
    } else {
        if (c->sim->opt.mbps && n > PACED_BLOCK)
            n = PACED_BLOCK;
        pace_bytes(c->sim, n);
        if (body_read(&r->content, r->first + pos, buf, n) < 0)
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    c->sent = pos + n;
    if (c->class != SIM_CONTROL)
        atomic_fetch_add(&c->sim->counters.bytes_out, n);
    if (r->is_content)
        atomic_fetch_add(&c->sim->counters.content_out, n);
    return (ssize_t)n;
}

static void add_headers(struct sim_call *c, struct MHD_Response *response)
{
    char *text = c->reply.headers.data;
    for (char *end; text && *text; text = end + 1) {
        end = strchr(text, '\n');
        *end = '\0';
        char *colon = strstr(text, ": ");
        *colon = '\0';
        MHD_add_response_header(response, text, colon + 2);
    }
    if (c->reply.type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, c->reply.type);
}

static enum MHD_Result send_reply(struct sim_call *c)
{
    if (c->sim->opt.latency_ms && c->class != SIM_CONTROL)
        pace_sleep(c->sim, 1000ull * c->sim->opt.latency_ms);
    uint64_t total = c->reply.is_content ? c->reply.count : c->reply.body.len;
    if (c->plan.active && c->plan.reset_after == 0) {
        arm_reset(c);
        return MHD_NO;
    }
    if (c->plan.active && c->plan.stall_ms && (total == 0 || c->plan.stall_after == 0)) {
        uint64_t ms = c->plan.stall_ms;
        c->plan.stall_ms = 0;
        pace_sleep(c->sim, ms * 1000);
    }
    struct MHD_Response *response =
        total == 0
            ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
            : MHD_create_response_from_callback(total, total < BLOCK ? (size_t)total : BLOCK, feed, c, NULL);
    if (!response)
        return MHD_NO;
    add_headers(c, response);
    enum MHD_Result queued = MHD_queue_response(c->connection, c->reply.status, response);
    MHD_destroy_response(response);
    return queued;
}

static void read_head(struct sim_call *c, const char *method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    c->method = "OTHER";
    for (size_t i = 0; i < SPFS_ARRAY_LEN(known); i++)
        if (strcmp(method, known[i]) == 0)
            c->method = known[i];
    for (unsigned i = 0; i < SIM_HEADERS; i++) {
        const char *value = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, header_name[i]);
        c->header[i] = value ? sim_strdup(value) : NULL;
    }
    const char *host = c->sim->opt.host_name ? c->sim->opt.host_name : c->header[SIM_H_HOST];
    if (host)
        spfs_format(c->base, sizeof c->base, "%s://%.300s", c->sim->opt.tls_cert ? "https" : "http", host);
    else
        spfs_copy(c->base, sizeof c->base, c->sim->url);
    c->class = route_class(c->method, c->path);
}

/* Bytes of the request's body: whole files into a blob, fragments and all else into memory. */
static bool take_body(struct sim_call *c, const char *data, size_t n)
{
    c->upload_length += n;
    if (c->class != SIM_CONTROL)
        atomic_fetch_add(&c->sim->counters.bytes_in, n);
    if (c->class == SIM_UPLOAD)
        pace_bytes(c->sim, n);
    if (c->class != SIM_UPLOAD || spfs_starts(c->path, "/_upload/"))
        return spfs_buf_add(&c->body, data, n) == 0;
    if (!c->upload)
        c->upload = blob_new();
    return c->upload && blob_append(c->upload, data, n) == 0;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **context)
{
    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    struct sim_call *c = *context;
    if (c->state == HEAD) {
        read_head(c, method);
        c->state = BODY;
        return MHD_YES;
    }
    if (*size) {
        bool taken = take_body(c, data, *size);
        *size = 0;
        return taken ? MHD_YES : MHD_NO;
    }
    if (c->state == ANSWERED)
        return MHD_YES;
    c->state = ANSWERED;
    route_run(c);
    return send_reply(c);
}

/* Paths stay as they came: the colon forms are cut before decoding. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

static char *read_file(const char *name, struct spfs_reason *reason)
{
    SPFS_CLEANUP(spfs_buf_done) struct spfs_buf b;
    spfs_buf_init(&b, 1u << 20);
    FILE *f = fopen(name, "re");
    if (!f) {
        spfs_fail(reason, -errno, "%s cannot be read: %s", name, strerror(errno));
        return NULL;
    }
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        spfs_buf_add(&b, piece, n);
    fclose(f);
    return b.data ? TAKE(b.data) : sim_strdup("");
}

int server_start(struct spfs_sim *sim, struct spfs_reason *reason)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(sim->opt.port)};
    if (inet_pton(AF_INET, sim->opt.listen, &addr.sin_addr) != 1)
        return spfs_fail(reason, -EINVAL, "--listen %s is not an IPv4 address", sim->opt.listen);
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    SPFS_FREE char *cert = NULL;
    SPFS_FREE char *key = NULL;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
    if (sim->opt.tls_cert) {
        cert = read_file(sim->opt.tls_cert, reason);
        key = sim->opt.tls_key ? read_file(sim->opt.tls_key, reason) : NULL;
        if (!cert || !key)
            return -EINVAL;
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, cert};
        tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, key};
    }
    sim->daemon = MHD_start_daemon(
        flags, sim->opt.port, NULL, NULL, on_request, sim, MHD_OPTION_URI_LOG_CALLBACK, on_uri, sim,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, sim, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&addr, MHD_OPTION_CONNECTION_LIMIT, 4000u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(256u << 10), MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (!sim->daemon)
        return spfs_fail(reason, -EADDRINUSE,
                         "port %u on %s cannot be listened on, or the certificate is not usable",
                         sim->opt.port, sim->opt.listen);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(sim->daemon, MHD_DAEMON_INFO_BIND_PORT);
    spfs_format(sim->url, sizeof sim->url, "%s://%s:%u", sim->opt.tls_cert ? "https" : "http",
                sim->opt.listen, info ? info->port : sim->opt.port);
    return 0;
}

void server_stop(struct spfs_sim *sim)
{
    pthread_mutex_lock(&sim->wait_lock);
    sim->stopping = true;
    pthread_cond_broadcast(&sim->stop_cond);
    pthread_mutex_unlock(&sim->wait_lock);
    if (sim->daemon)
        MHD_stop_daemon(sim->daemon);
}
