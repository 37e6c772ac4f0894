// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include "entra.h"

#include <stdbool.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define JSON "application/json"

static void answer(int fd, int status, const char *type, const char *extra, const char *body)
{
    char head[512];
    int n =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n",
                 status, type, strlen(body), extra);
    if (write(fd, head, (size_t)n) != n || write(fd, body, strlen(body)) < 0)
        _exit(3);
}

static void refuse(int fd, int status, const char *error, const char *text)
{
    char body[600];
    snprintf(body, sizeof(body),
             "{\"error\":\"%s\",\"error_description\":\"%s\\r\\nTrace ID: t\\r\\nCorrelation ID: "
             "c\",\"correlation_id\":\"c0ffee\"}",
             error, text);
    answer(fd, status, JSON, "", body);
}

static void grant(struct entra *e, int fd, bool person)
{
    char body[400];
    unsigned n = atomic_load(&e->requests);
    int len = snprintf(body, sizeof(body),
                       "{\"token_type\":\"Bearer\",\"expires_in\":%d,\"access_token\":\"access-%u\"",
                       atomic_load(&e->life_s), n);
    if (person)
        len += snprintf(body + len, sizeof(body) - (size_t)len, ",\"refresh_token\":\"%s%u\"",
                        e->refresh_prefix, atomic_fetch_add(&e->rotation, 1) + 1);
    snprintf(body + len, sizeof(body) - (size_t)len, "}");
    answer(fd, 200, JSON, "", body);
}

static void reply(struct entra *e, int fd)
{
    char want[128], extra[64] = "";
    if (atomic_load(&e->retry_after))
        snprintf(extra, sizeof(extra), "Retry-After: %d\r\n", atomic_load(&e->retry_after));
    if (atomic_load(&e->html))
        return answer(fd, 200, "text/html", "", "<html>Please accept our terms</html>");
    if (atomic_load(&e->fail_count) > 0) {
        atomic_fetch_sub(&e->fail_count, 1);
        return answer(fd, atomic_load(&e->fail_status), JSON, extra, "{}");
    }
    if (strstr(e->last, "grant_type=refresh_token")) {
        snprintf(want, sizeof(want), "&refresh_token=%s", e->refresh_prefix);
        if (atomic_load(&e->revoked) || !strstr(e->last, want))
            return refuse(fd, 400, "invalid_grant",
                          "AADSTS700082: The refresh token has expired due to inactivity.");
        return grant(e, fd, true);
    }
    snprintf(want, sizeof(want), "&client_secret=%s", e->secret);
    char *given = strstr(e->last, "&client_secret=");
    if (!given || strcmp(given, want) != 0)
        return refuse(fd, 401, "invalid_client", "AADSTS7000215: Invalid client secret provided.");
    grant(e, fd, false);
}

static void serve(struct entra *e, int fd)
{
    size_t n = 0, want = SIZE_MAX;
    while (n < want && n + 1 < sizeof(e->last)) {
        ssize_t got = read(fd, e->last + n, sizeof(e->last) - 1 - n);
        if (got <= 0)
            return;
        n += (size_t)got;
        e->last[n] = '\0';
        char *end = strstr(e->last, "\r\n\r\n"), *length = strcasestr(e->last, "content-length:");
        if (end && length)
            want = (size_t)(end + 4 - e->last) + strtoul(length + 15, NULL, 10);
    }
    atomic_fetch_add(&e->requests, 1);
    if (atomic_load(&e->silent))
        while (read(fd, e->last, 1) > 0) /* until the client gives up */
            ;
    else
        reply(e, fd);
}

struct entra *entra_start(void)
{
    struct entra *e = mmap(NULL, sizeof(*e), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(e != MAP_FAILED && fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    e->port = ntohs(at.sin_port);
    snprintf(e->secret, sizeof(e->secret), "good-secret");
    snprintf(e->refresh_prefix, sizeof(e->refresh_prefix), "refresh-");
    atomic_store(&e->life_s, 3600);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int client = accept(fd, NULL, NULL);
            if (client < 0)
                _exit(2);
            serve(e, client);
            close(client);
        }
    }
    close(fd);
    e->pid = pid;
    return e;
}

void entra_stop(struct entra *e)
{
    assert_true(e->pid > 0);
    kill(e->pid, SIGKILL);
    waitpid(e->pid, NULL, 0);
    munmap(e, sizeof(*e));
}
