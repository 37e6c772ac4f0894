/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scripted server: see server.h. */
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void must(bool ok)
{
    if (!ok)
        abort(); /* the machine has no sockets or memory left: no test can go on */
}

static ssize_t peer_recv(struct peer *p, void *data, size_t n)
{
    if (p->tls)
        return SSL_read(p->tls, data, (int)n);
    return recv(p->fd, data, n, 0);
}

bool peer_send(struct peer *p, const void *data, size_t n)
{
    const char *s = data;
    while (n > 0) {
        ssize_t sent = p->tls ? SSL_write(p->tls, s, (int)n) : send(p->fd, s, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        s += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool peer_text(struct peer *p, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    must(n >= 0 && (size_t)n < sizeof(text));
    return peer_send(p, text, (size_t)n);
}

bool peer_reply(struct peer *p, int status, const char *lines, const char *body)
{
    return peer_text(p, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
                     lines ? lines : "", body);
}

bool peer_hold(struct peer *p)
{
    char c;
    while (peer_recv(p, &c, 1) > 0)
        ;
    return false;
}

bool peer_reset(struct peer *p)
{
    struct linger l = {.l_onoff = 1};
    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    return false;
}

bool peer_asked(const struct peer *p, const char *text)
{
    return strstr(p->head, text) != NULL;
}

/* Reads one head; what came with it of the body is counted. */
static bool read_head(struct peer *p, size_t *ret_extra)
{
    size_t have = 0;
    for (;;) {
        ssize_t n = have < SERVER_HEAD - 1 ? peer_recv(p, p->head + have, SERVER_HEAD - 1 - have) : 0;
        if (n <= 0)
            return false;
        have += (size_t)n;
        p->head[have] = '\0';
        char *end = strstr(p->head, "\r\n\r\n");
        if (end) {
            *ret_extra = have - (size_t)(end + 4 - p->head);
            for (size_t i = 0; i < *ret_extra; i++)
                p->body_sum = (uint8_t)(p->body_sum + (uint8_t)end[4 + i]);
            end[2] = '\0';
            return true;
        }
    }
}

static bool read_request(struct peer *p)
{
    char scrap[65536];
    size_t extra = 0;
    p->body_len = 0;
    p->body_sum = 0;
    if (!read_head(p, &extra))
        return false;
    const char *length = strcasestr(p->head, "\r\nContent-Length:");
    p->body_len = length ? strtoull(length + 17, NULL, 10) : 0;
    for (uint64_t have = extra; have < p->body_len;) {
        uint64_t left = p->body_len - have;
        ssize_t n = peer_recv(p, scrap, left < sizeof(scrap) ? (size_t)left : sizeof(scrap));
        if (n <= 0)
            return false;
        for (ssize_t i = 0; i < n; i++)
            p->body_sum = (uint8_t)(p->body_sum + (uint8_t)scrap[i]);
        have += (uint64_t)n;
    }
    return true;
}

static void *serve(void *arg)
{
    struct peer *p = arg;
    struct server *s = p->server;
    if (s->tls) {
        sigset_t set; /* OpenSSL writes to a connection that the client may have closed */
        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        p->tls = SSL_new(s->tls);
        SSL_set_fd(p->tls, p->fd);
    }
    if (!p->tls || SSL_accept(p->tls) == 1)
        while (read_request(p)) {
            p->requests++;
            p->number = atomic_fetch_add(&s->requests, 1) + 1;
            pthread_mutex_lock(&s->lock);
            bool (*handle)(struct peer *) = s->handle;
            p->ctx = s->ctx;
            pthread_mutex_unlock(&s->lock);
            if (!handle(p))
                break;
        }
    SSL_free(p->tls);
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < SERVER_CONNS; i++)
        if (s->fds[i] == p->fd)
            s->fds[i] = -1;
    close(p->fd);
    pthread_mutex_unlock(&s->lock);
    free(p);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct server *s = arg;
    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        pthread_mutex_lock(&s->lock);
        if (fd < 0 || s->stopping || s->connections == SERVER_CONNS) {
            pthread_mutex_unlock(&s->lock);
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        struct peer *p = calloc(1, sizeof(*p));
        must(p != NULL);
        p->server = s;
        p->fd = fd;
        s->fds[s->connections] = fd;
        pthread_create(&s->threads[s->connections], NULL, serve, p);
        s->connections++;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
}

void server_start_tls(struct server *s, bool (*handle)(struct peer *p), void *ctx, void *tls)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    *s = (struct server){.handle = handle, .ctx = ctx, .tls = tls};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = bind(s->fd, (struct sockaddr *)&a, n) || listen(s->fd, 128) ||
              getsockname(s->fd, (struct sockaddr *)&a, &n);
    must(s->fd >= 0 && !err);
    s->port = ntohs(a.sin_port);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    pthread_create(&s->acceptor, NULL, accept_all, s);
}

void server_start(struct server *s, bool (*handle)(struct peer *p), void *ctx)
{
    server_start_tls(s, handle, ctx, NULL);
}

void server_script(struct server *s, bool (*handle)(struct peer *p), const void *ctx)
{
    pthread_mutex_lock(&s->lock);
    s->handle = handle;
    s->ctx = (void *)(uintptr_t)ctx;
    pthread_mutex_unlock(&s->lock);
}

void server_stop(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    s->value = UINT32_MAX; /* nobody waits any more */
    pthread_cond_broadcast(&s->changed);
    for (unsigned i = 0; i < s->connections; i++)
        if (s->fds[i] >= 0)
            shutdown(s->fds[i], SHUT_RDWR);
    shutdown(s->fd, SHUT_RDWR);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->acceptor, NULL);
    for (unsigned i = 0; i < s->connections; i++)
        pthread_join(s->threads[i], NULL);
    close(s->fd);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

const char *server_url(const struct server *s, char url[64])
{
    snprintf(url, 64, "http://127.0.0.1:%u/", s->port);
    return url;
}

unsigned server_connections(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    unsigned n = s->connections;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void server_raise(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    s->value++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void server_await(struct server *s, unsigned n)
{
    pthread_mutex_lock(&s->lock);
    while (s->value < n)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

bool server_await_ms(struct server *s, unsigned n, unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += (long)ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    while (s->value < n && pthread_cond_timedwait(&s->changed, &s->lock, &t) == 0)
        ;
    bool reached = s->value >= n;
    pthread_mutex_unlock(&s->lock);
    return reached;
}
