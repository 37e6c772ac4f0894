/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine: one thread owns the libcurl multi handle; everybody else submits requests and waits.
 *
 * Rules kept here: only https URLs, or http to a loopback host, are sent; redirects are never followed; TLS
 * is always verified; no request outlives its op; a reply's body is bounded. Connections are reused; HTTP/2
 * where the server offers it for META requests (transfers use HTTP/1.1 connections of their own, so that
 * parallel ranges are parallel streams). Threads: spfs_http_perform from any thread but the engine's.
 * Callbacks run on the engine's thread and must not block. */
#ifndef SPFS_HTTP_HTTP_H
#define SPFS_HTTP_HTTP_H

#include <spfs/base/op.h>
#include <spfs/base/str.h>
#include <stddef.h>

struct spfs_http;

struct spfs_http_config {
    const char *ca_file;      /* NULL: the system's */
    const char *proxy;        /* NULL: the environment's */
    const char *user_agent;   /* whole string */
    unsigned max_connections; /* 0: 32 */
};

enum spfs_http_kind {
    SPFS_HTTP_META,     /* JSON in and out: body collected, gzip accepted */
    SPFS_HTTP_DOWNLOAD, /* body streamed, no content coding accepted, HTTP/1.1 */
    SPFS_HTTP_UPLOAD    /* body from memory or `fill`, HTTP/1.1 */
};

/* The head of a reply: given before the first byte of the body. */
struct spfs_http_head {
    int status;
    uint64_t content_length; /* UINT64_MAX: not said */
    bool has_range;          /* Content-Range: bytes from-to/total was there and well-formed */
    uint64_t range_from, range_to, range_total; /* inclusive; total UINT64_MAX for "*" */
    char etag[256];                             /* "" when absent or longer */
    char content_type[128];
    char location[4096]; /* "" when absent or longer: a secret like any pre-authenticated URL */
    char request_id[64];
    char www_authenticate[1024];
    int64_t date_ns;        /* Date header, or INT64_MIN */
    int64_t retry_after_ms; /* seconds (with fraction) or HTTP date; -1 absent */
    bool infected;          /* X-Virus-Infected */
    bool coded;             /* Content-Encoding other than identity (META bodies come decoded) */
};

struct spfs_http_request {
    enum spfs_http_kind kind;
    const char *method; /* GET, POST, PUT, PATCH, DELETE, HEAD */
    const char *url;
    const struct spfs_secret *bearer; /* NULL: no Authorization header */
    const char *const *headers;       /* further "Name: value" lines, NULL-terminated; may be NULL */
    const void *body;                 /* borrowed until done */
    size_t body_len;
    /* Instead of body: seekable source of body_total bytes. Fills p from offset off, returns bytes or -errno.
     * Engine thread: must not block for long. */
    ssize_t (*fill)(void *ctx, uint64_t off, void *p, size_t n);
    uint64_t body_total;
    /* Streaming, of a 2xx reply only. head: once, 0 to go on; non-zero ends the transfer with that result.
     * data: in order; likewise. Without data, and for any other status, the body is collected in the
     * response, up to max_body bytes (then -EFBIG). */
    int (*head)(void *ctx, const struct spfs_http_head *head);
    int (*data)(void *ctx, const void *p, size_t n);
    void *ctx;
    size_t max_body; /* 0: 1 MiB */
    /* No byte either way for so long: -ETIMEDOUT; 0: 20 s. The op's deadline holds as well. */
    uint64_t stall_ms;
    bool fresh_connection; /* after a 503 */
    bool idempotent; /* a POST that may be sent twice, such as a $batch of GETs; other methods always may */
    bool once; /* must not be sent twice unnoticed, whatever its method: libcurl would, over a new connection
                */
};

struct spfs_http_response {
    struct spfs_http_head head;
    struct spfs_buf body;
    uint64_t received;      /* bytes of body seen */
    uint64_t first_byte_us; /* from submission to the first byte of the reply */
    bool sent;              /* the request may have reached the server; also after an error */
};

/* Starts nothing. */
int spfs_http_new(const struct spfs_http_config *config, struct spfs_http **ret, struct spfs_reason *reason);
int spfs_http_start(struct spfs_http *h); /* the engine's thread */
void spfs_http_stop(struct spfs_http *h); /* waiting calls end with -ESHUTDOWN; idempotent */
void spfs_http_free(struct spfs_http *h); /* stops */

/* One request, one reply, whatever its status (0 = there was a reply; look at ret->head.status). No retry.
 * ret is initialised here; spfs_http_response_done always. Errors: -ENETUNREACH (no name, no route, refused,
 * no connection in 10 s, broken before a reply), -ECONNRESET (broken in the middle), -EPROTO (TLS or
 * malformed HTTP), -ETIMEDOUT, -EINTR, -EFBIG, -EPERM (URL not allowed), -ESHUTDOWN, or what a callback
 * returned. reason: one sentence naming the host. */
int spfs_http_perform(struct spfs_http *h, struct spfs_op *op, const struct spfs_http_request *req,
                      struct spfs_http_response *ret, struct spfs_reason *reason);
void spfs_http_response_done(struct spfs_http_response *r);

/* May this URL be sent at all: https, or http on a loopback host (127.0.0.0/8, ::1, localhost)? */
bool spfs_http_url_allowed(const char *url);
/* scheme://host[:port] of two URLs equal (case of host ignored, default ports filled in)? */
bool spfs_http_same_origin(const char *a, const char *b);

#endif
