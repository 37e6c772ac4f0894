/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon's end of the control socket: accepting, framing, dispatch.
 *
 * A job owns its connection and its op; jobs in progress are listed so that stop can cancel them. */
#include "control_i.h"

#include <spfs/base/clock.h>
#include <spfs/base/workq.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CREW = 4, CONNECTIONS = 32, LINE_MS = 5000, SYNC_MS = 600000, REST_MS = 200 };

struct job {
    struct spfs_job job;
    struct spfs_control *control;
    int fd;
    struct spfs_op op;
    struct job *next; /* guarded by: control->lock */
};

struct spfs_control {
    struct spfs_stack *stack;
    struct spfs_workq *crew;
    int listener, stop_fd, dir_fd;
    char name[32];
    ino_t inode; /* of the socket file: another daemon may have put its own there since */
    pthread_t thread;
    bool running; /* owner's thread only */
    struct spfs_lock lock;
    struct job *jobs; /* guarded by: lock */
    unsigned count;   /* guarded by: lock */
    bool stopping;    /* guarded by: lock */
};

int spfs_control_read_line(int fd, uint64_t timeout_ms, size_t max, struct spfs_buf *ret)
{
    uint64_t end = spfs_now_ms() + timeout_ms;
    char chunk[1024];
    while (ret->len < max) {
        uint64_t now = spfs_now_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = now < end ? poll(&p, 1, end - now > INT32_MAX ? INT32_MAX : (int)(end - now)) : 0;
        if (ready == 0)
            return -ETIMEDOUT;
        ssize_t n = ready < 0 ? -1 : read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        char *newline = memchr(chunk, '\n', (size_t)n);
        int err = spfs_buf_add(ret, chunk, newline ? (size_t)(newline - chunk) : (size_t)n);
        if (err)
            return err == -EFBIG ? -EMSGSIZE : err;
        if (newline)
            return 1;
    }
    return -EMSGSIZE;
}

static int dispatch(struct spfs_stack *s, struct spfs_op *op, const struct spfs_json *request,
                    struct spfs_buf *ret, struct spfs_reason *reason)
{
    const char *cmd = spfs_json_str(request, "cmd"), *path = spfs_json_str(request, "path");
    if (!cmd)
        return spfs_fail(reason, -EINVAL, "the request names no command");
    if (strcmp(cmd, "status") == 0)
        return spfs_answer_status(s, ret);
    if (strcmp(cmd, "info") == 0)
        return spfs_answer_info(s, op, path ? path : "", ret, reason);
    if (strcmp(cmd, "sync") == 0) {
        uint64_t ms = spfs_json_u64(request, "timeout_ms", SYNC_MS);
        op->deadline_ms = spfs_now_ms() + (ms < SYNC_MS ? ms : SYNC_MS);
        return spfs_answer_sync(s, op, path ? path : "", reason);
    }
    return spfs_fail(reason, -EINVAL, "the daemon does not know the command \"%s\"", cmd);
}

int spfs_control_answer(struct spfs_stack *s, struct spfs_op *op, const char *line, size_t len,
                        struct spfs_buf *ret)
{
    SPFS_CLEANUP(spfs_json_doc_p) struct spfs_json_doc *doc = NULL;
    struct spfs_reason reason = {""};
    int err = spfs_json_parse(line, len, SPFS_CONTROL_LINE, &doc);
    if (err)
        spfs_fail(&reason, err, "the request is not JSON");
    spfs_buf_reset(ret);
    if (!err)
        err = spfs_buf_adds(ret, "{\"ok\":true");
    if (!err)
        err = dispatch(s, op, spfs_json_root(doc), ret, &reason);
    if (err) {
        spfs_buf_reset(ret);
        spfs_buf_adds(ret, "{\"ok\":false,\"error\":");
        spfs_json_add_string(ret, *reason.text ? reason.text : strerror(-err));
    }
    return spfs_buf_adds(ret, "}");
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return; /* the client is gone, or does not read */
        p += sent;
        n -= (size_t)sent;
    }
}

static void job_free(struct job *j)
{
    struct spfs_control *c = j->control;
    spfs_lock_take(&c->lock);
    for (struct job **at = &c->jobs; *at; at = &(*at)->next)
        if (*at == j) {
            *at = j->next;
            c->count--;
            break;
        }
    spfs_lock_drop(&c->lock);
    close(j->fd);
    spfs_op_done(&j->op);
    free(j);
}

static void job_drop(struct spfs_job *job)
{
    job_free(SPFS_CONTAINER(job, struct job, job));
}

static void job_run(struct spfs_job *job)
{
    struct job *j = SPFS_CONTAINER(job, struct job, job);
    struct spfs_buf line, reply;
    spfs_buf_init(&line, SPFS_CONTROL_LINE);
    spfs_buf_init(&reply, SPFS_CONTROL_REPLY);
    if (spfs_control_read_line(j->fd, LINE_MS, SPFS_CONTROL_LINE, &line) == 1 &&
        spfs_control_answer(j->control->stack, &j->op, line.data, line.len, &reply) == 0 &&
        spfs_buf_adds(&reply, "\n") == 0)
        write_all(j->fd, reply.data, reply.len);
    spfs_buf_done(&line);
    spfs_buf_done(&reply);
    job_free(j);
}

/* False: there is one, but no descriptor or memory for it. */
static bool take_connection(struct spfs_control *c)
{
    const struct timeval limit = {.tv_sec = LINE_MS / 1000};
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    struct job *j = calloc(1, sizeof(*j));
    if (!j) {
        close(fd);
        return false;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    j->job = (struct spfs_job){.run = job_run, .drop = job_drop, .urgency = SPFS_URGENT};
    j->control = c;
    j->fd = fd;
    spfs_op_init(&j->op, SPFS_URGENT, 0);
    spfs_lock_take(&c->lock);
    bool full = c->stopping || c->count >= CONNECTIONS;
    if (!full) {
        j->next = c->jobs;
        c->jobs = j;
        c->count++;
    }
    spfs_lock_drop(&c->lock);
    if (full || spfs_workq_add(c->crew, &j->job))
        job_free(j);
    return true;
}

static void *control_main(void *arg)
{
    struct spfs_control *c = arg;
    struct pollfd p[] = {{.fd = c->listener, .events = POLLIN}, {.fd = c->stop_fd, .events = POLLIN}};
    for (;;) {
        int n = poll(p, 2, -1);
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0 && p[1].revents)
            break;
        if (n > 0 && p[0].revents && !take_connection(c))
            poll(&p[1], 1, REST_MS); /* the waiting one keeps the listener readable */
    }
    return NULL;
}

/* The address goes by way of the folder's descriptor, since a socket's path has room for 107 bytes only. */
static int listen_at(struct spfs_control *c, const char *dir)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat st;
    c->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (c->dir_fd < 0 || c->listener < 0 || c->stop_fd < 0)
        return -errno;
    unlinkat(c->dir_fd, c->name, 0); /* of a dead daemon whose number we have now */
    spfs_format(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", c->dir_fd, c->name);
    if (fchmod(c->listener, 0600) < 0 || bind(c->listener, (struct sockaddr *)&at, sizeof(at)) < 0)
        return -errno;
    if (fchmodat(c->dir_fd, c->name, 0600, 0) < 0 ||
        fstatat(c->dir_fd, c->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    c->inode = st.st_ino;
    return listen(c->listener, CONNECTIONS) < 0 ? -errno : 0;
}

int spfs_control_start(struct spfs_stack *s, struct spfs_control **ret, struct spfs_reason *reason)
{
    struct spfs_control *c = calloc(1, sizeof(*c));
    if (!c)
        return spfs_fail(reason, -ENOMEM, "out of memory");
    c->stack = s;
    c->listener = c->stop_fd = c->dir_fd = -1;
    spfs_lock_init(&c->lock, SPFS_RANK_APP);
    spfs_format(c->name, sizeof(c->name), "%u.sock", spfs_fuse_device(s->fuse));
    c->crew = spfs_workq_new("control-job", CREW);
    int err = c->crew ? listen_at(c, s->config->paths->runtime) : -ENOMEM;
    if (!err)
        err = spfs_workq_start(c->crew);
    if (!err)
        err = spfs_thread_start(&c->thread, "control", control_main, c);
    c->running = err == 0;
    if (err) {
        spfs_control_free(c);
        return spfs_fail(reason, err, "cannot listen in %s: %s", s->config->paths->runtime, strerror(-err));
    }
    *ret = c;
    return 0;
}

void spfs_control_stop(struct spfs_control *c)
{
    struct stat st;
    spfs_lock_take(&c->lock);
    c->stopping = true;
    for (struct job *j = c->jobs; j; j = j->next) {
        spfs_op_cancel(&j->op);
        shutdown(j->fd, SHUT_RD); /* ends a wait for its request */
    }
    spfs_lock_drop(&c->lock);
    if (!c->running)
        return;
    eventfd_write(c->stop_fd, 1);
    pthread_join(c->thread, NULL);
    c->running = false;
    if (fstatat(c->dir_fd, c->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == c->inode)
        unlinkat(c->dir_fd, c->name, 0);
}

void spfs_control_free(struct spfs_control *c)
{
    if (!c)
        return;
    spfs_control_stop(c);
    if (c->crew)
        spfs_workq_free(c->crew);
    int *fds[] = {&c->listener, &c->stop_fd, &c->dir_fd};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(fds); i++)
        spfs_close_p(fds[i]);
    spfs_lock_done(&c->lock);
    free(c);
}
