/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running fusermount3. */
#include "fusermount_i.h"

#include <spfs/base/cleanup.h>
#include <spfs/base/str.h>

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { COMM_FD = 100 }; /* in the child; any number that is none of its own */

/* Its exit status, or -errno. comm, err_fd: -1 for none. */
static int run(char *const argv[], char *const env[], int comm, int err_fd)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (err_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (comm >= 0)
        posix_spawn_file_actions_adddup2(&actions, comm, COMM_FD);
    int err = posix_spawnp(&pid, argv[0], &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    if (err)
        return -err;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int fusermount_unmount(const char *dir, bool lazy)
{
    char name[] = "fusermount3", flags[] = "-uq", lazy_flags[] = "-uzq", end[] = "--";
    char *argv[] = {name, lazy ? lazy_flags : flags, end, (char *)(uintptr_t)dir, NULL};
    int code = run(argv, environ, -1, -1);
    return code > 0 ? -EBUSY : code;
}

static int receive_fd(int socket)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int fd = -1;
    ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(c), sizeof(int));
    return fd >= 0 ? fd : -EIO;
}

/* The environment with _FUSE_COMMFD in front, where the first of a name counts. */
static char **with_comm_fd(char *variable)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **env = malloc((n + 2) * sizeof(*env));
    if (!env)
        return NULL;
    env[0] = variable;
    memcpy(env + 1, environ, (n + 1) * sizeof(*env));
    return env;
}

int fusermount_mount(const char *dir, const char *options, char *said, size_t size)
{
    int ends[2];
    char variable[32], name[] = "fusermount3", option[] = "-o", end[] = "--";
    char *argv[] = {name, option, (char *)(uintptr_t)options, end, (char *)(uintptr_t)dir, NULL};
    spfs_format(variable, sizeof(variable), "_FUSE_COMMFD=%d", COMM_FD);
    SPFS_FREE char **env = with_comm_fd(variable);
    SPFS_CLOSE int mem = memfd_create("spfs-mount", MFD_CLOEXEC);
    if (!env || mem < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -ENOMEM;
    int code = run(argv, env, ends[1], mem);
    close(ends[1]); /* so that a program which sent nothing ends the wait */
    int fd = code == 0 ? receive_fd(ends[0]) : code < 0 ? code : -EPERM;
    close(ends[0]);
    ssize_t n = pread(mem, said, size - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    said[strcspn(said, "\n")] = '\0';
    return fd;
}
