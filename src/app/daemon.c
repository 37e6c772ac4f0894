/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fork, report, detach. The report is one byte (the exit code) and the sentence; a child that dies without
 * one closes the pipe, which is a failure too. */
#include "daemon_i.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void wait_for_report(int fd)
{
    char text[1024];
    size_t used = 0;
    for (ssize_t n; used < sizeof(text) - 1; used += (size_t)n) {
        n = read(fd, text + used, sizeof(text) - 1 - used);
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n <= 0)
            break;
    }
    text[used] = '\0';
    if (used == 0) {
        fprintf(stderr, "spfs: the daemon ended without a word; run it with -f to see why\n");
        _exit(1);
    }
    if (used > 1)
        fprintf(stderr, "spfs: %s\n", text + 1);
    _exit(text[0]);
}

int spfs_daemon_fork(struct spfs_daemon *d, struct spfs_reason *reason)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return spfs_fail(reason, -errno, "cannot start the daemon: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        int err = -errno;
        close(ends[0]);
        close(ends[1]);
        return spfs_fail(reason, err, "cannot start the daemon: %s", strerror(-err));
    }
    if (pid > 0) {
        close(ends[1]);
        wait_for_report(ends[0]);
    }
    close(ends[0]);
    setsid();
    d->pipe = ends[1];
    return 0;
}

static bool report(struct spfs_daemon *d, int code, const char *sentence)
{
    char text[1024];
    text[0] = (char)code;
    spfs_format(text + 1, sizeof(text) - 1, "%s", sentence); /* a longer one is cut */
    size_t len = 1 + strlen(text + 1);
    bool sent = write(d->pipe, text, len) == (ssize_t)len;
    close(d->pipe);
    d->pipe = -1;
    return sent;
}

int spfs_daemon_fail(struct spfs_daemon *d, int code, const char *sentence)
{
    if (d->pipe >= 0)
        report(d, code, sentence);
    else
        fprintf(stderr, "spfs: %s\n", sentence);
    return code;
}

bool spfs_daemon_ready(struct spfs_daemon *d, const char *status)
{
    if (chdir("/") < 0)
        return false;
    if (d->pipe < 0) {
        char text[512];
        spfs_format(text, sizeof(text), "READY=1\nSTATUS=%s\n", status);
        spfs_daemon_notify(text);
        return true;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null >= 0)
        close(null);
    return report(d, 0, "");
}

void spfs_daemon_notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || !spfs_copy(to.sun_path, sizeof(to.sun_path), path))
        return;
    size_t len = offsetof(struct sockaddr_un, sun_path) + strlen(path);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* the abstract namespace */
    SPFS_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)len);
}
