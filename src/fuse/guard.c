/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guard process: waits for its parent's death or its own dismissal. It shares the parent's memory as of
 * the fork and calls nothing that takes a lock. */
#include <spfs/fuse/guard.h>

#include <spfs/base/str.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIG_PARENT_DIED = SIGUSR1, SIG_DISMISSED = SIGUSR2 };

int spfs_guard_open_abort(unsigned minor)
{
    char path[64];
    spfs_format(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", minor);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    SPFS_CLOSE int fs = fsopen("fusectl", FSOPEN_CLOEXEC);
    if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    SPFS_CLOSE int root = fsmount(fs, FSMOUNT_CLOEXEC, 0);
    if (root < 0)
        return -errno;
    spfs_format(path, sizeof(path), "%u/abort", minor);
    fd = openat(root, path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void rename_self(char **argv)
{
    prctl(PR_SET_NAME, "spfs-guard");
    if (!argv || !argv[0])
        return;
    size_t size = 0; /* of the arguments, which lie one after the other */
    for (char **a = argv; *a && (a == argv || *a == argv[0] + size); a++)
        size += strlen(*a) + 1;
    memset(argv[0], 0, size);
    strncpy(argv[0], "spfs-guard", size - 1);
}

/* Keeps nothing of the parent's open but the pipe: its locks belong to open files. */
static void close_all_but(int fd)
{
    if (fd > 3)
        close_range(3, (unsigned)fd - 1, 0);
    close_range((unsigned)fd + 1, ~0U, 0);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3 && null >= 0; i++)
        dup2(null, i);
    if (null > 2)
        close(null);
    if (chdir("/") < 0)
        _exit(1);
}

static void guard_main(int fd, pid_t parent, const sigset_t *wanted)
{
    unsigned minor;
    prctl(PR_SET_PDEATHSIG, SIG_PARENT_DIED);
    if (getppid() != parent)
        _exit(0);
    setpgid(0, 0); /* Ctrl-C at the terminal is not meant for us */
    if (read(fd, &minor, sizeof(minor)) != (ssize_t)sizeof(minor))
        _exit(0);
    int abort_fd = spfs_guard_open_abort(minor);
    close(fd);
    int sig = sigwaitinfo(wanted, NULL);
    while (sig < 0 && errno == EINTR)
        sig = sigwaitinfo(wanted, NULL);
    if (sig == SIG_PARENT_DIED && abort_fd >= 0 && write(abort_fd, "1", 1) < 0)
        _exit(1);
    _exit(0);
}

int spfs_guard_start(struct spfs_guard *g, char **argv)
{
    int ends[2];
    sigset_t all, wanted, old;
    *g = (struct spfs_guard){.fd = -1};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    sigfillset(&all);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIG_PARENT_DIED);
    sigaddset(&wanted, SIG_DISMISSED);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close_all_but(ends[0]);
        rename_self(argv);
        guard_main(ends[0], parent, &wanted);
    }
    int err = pid < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(ends[0]);
    if (err) {
        close(ends[1]);
        return err;
    }
    g->pid = pid;
    g->fd = ends[1];
    return 0;
}

void spfs_guard_watch(struct spfs_guard *g, unsigned minor)
{
    if (g->pid && g->fd >= 0) {
        ssize_t n = write(g->fd, &minor, sizeof(minor));
        (void)n; /* a guard that is gone guards nothing */
        close(g->fd);
        g->fd = -1;
    }
}

void spfs_guard_stop(struct spfs_guard *g)
{
    if (g->fd >= 0)
        close(g->fd); /* one that waits for its connection ends by this */
    if (g->pid) {
        kill(g->pid, SIG_DISMISSED);
        while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    *g = (struct spfs_guard){.fd = -1};
}
