/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small scripted server on the loopback interface for the tests of this folder: plain sockets, a thread a
 * connection. The handler is called once a request, on the connection's thread, with the body read already;
 * it answers with peer_* and returns whether the connection goes on. Nothing sleeps: peer_hold waits until
 * the client closes or the server stops. */
#ifndef SPFS_TEST_HTTP_SERVER_H
#define SPFS_TEST_HTTP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVER_CONNS = 128, SERVER_HEAD = 8192 };

struct server;

struct peer {
    struct server *server;
    void *ctx; /* the server's when the request came */
    int fd;
    void *tls;         /* SSL *, when the server speaks TLS */
    unsigned requests; /* on this connection, this one included */
    unsigned number;   /* of this request on this server, from 1 */
    char head[SERVER_HEAD];
    uint64_t body_len; /* read and dropped */
    uint8_t body_sum;  /* of its bytes, to tell bodies apart */
};

struct server {
    bool (*handle)(struct peer *p); /* guarded by: lock */
    void *ctx;                      /* guarded by: lock */
    void *tls;                      /* SSL_CTX *, or NULL */
    int fd;
    unsigned port;
    pthread_t acceptor;
    atomic_uint requests;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned connections; /* accepted; guarded by: lock */
    unsigned value;       /* for the test's own use; guarded by: lock */
    bool stopping;
    int fds[SERVER_CONNS];
    pthread_t threads[SERVER_CONNS];
};

void server_start(struct server *s, bool (*handle)(struct peer *p), void *ctx);
void server_start_tls(struct server *s, bool (*handle)(struct peer *p), void *ctx, void *tls);
/* What the next requests meet. */
void server_script(struct server *s, bool (*handle)(struct peer *p), const void *ctx);
void server_stop(struct server *s);
/* "http://127.0.0.1:PORT/" in a buffer of the caller. */
const char *server_url(const struct server *s, char url[64]);
unsigned server_connections(struct server *s);
/* A number that test and handler share: raise it, wait until it is at least n. */
void server_raise(struct server *s);
void server_await(struct server *s, unsigned n);
bool server_await_ms(struct server *s, unsigned n,
                     unsigned ms); /* false when it did not come to that in time */

bool peer_send(struct peer *p, const void *data, size_t n);
bool peer_text(struct peer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* 200 (or another status) with a body and further header lines, each ended by \r\n. */
bool peer_reply(struct peer *p, int status, const char *lines, const char *body);
/* Waits until the client closes; always false. */
bool peer_hold(struct peer *p);
/* Resets the connection; always false. */
bool peer_reset(struct peer *p);
bool peer_asked(const struct peer *p, const char *text); /* does the head hold it? */

#endif
