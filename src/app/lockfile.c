/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lock of a state directory. */
#include "lockfile_i.h"

#include <spfs/base/clock.h>
#include <spfs/fuse/mounts.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

bool spfs_process_wait(pid_t pid, uint64_t ms)
{
    SPFS_CLOSE int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return errno == ESRCH;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t end = spfs_now_ms() + ms;
    for (uint64_t now = spfs_now_ms();; now = spfs_now_ms()) {
        int n = poll(&p, 1, now < end ? (int)(end - now < 60000 ? end - now : 60000) : 0);
        if (n > 0 || now >= end || (n < 0 && errno != EINTR))
            return n > 0;
    }
}

static void read_owner(int fd, struct spfs_owner *ret)
{
    char text[2 * PATH_MAX + 32];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    *ret = (struct spfs_owner){0};
    text[n > 0 ? n : 0] = '\0';
    char *save = NULL, *pid = strtok_r(text, "\n", &save), *dir = strtok_r(NULL, "\n", &save),
         *source = strtok_r(NULL, "\n", &save);
    uint64_t value;
    if (pid && spfs_parse_u64(pid, INT32_MAX, &value))
        ret->pid = (pid_t)value;
    spfs_copy(ret->mountpoint, sizeof(ret->mountpoint), dir ? dir : "");
    spfs_copy(ret->source, sizeof(ret->source), source ? source : "");
}

static int write_owner(int fd, const struct spfs_owner *owner)
{
    if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
        dprintf(fd, "%d\n%s\n%s\n", (int)owner->pid, owner->mountpoint, owner->source) < 0)
        return -errno;
    return 0;
}

static bool is_serving(const struct spfs_owner *owner)
{
    struct spfs_mount m;
    return owner->pid && spfs_mounts_at(owner->mountpoint, &m) == 0 && strcmp(m.type, SPFS_MOUNT_TYPE) == 0;
}

static int lock_now(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
}

int spfs_lockfile_take(const char *dir, const struct spfs_owner *owner, uint64_t wait_ms, int *ret_fd,
                       struct spfs_reason *reason)
{
    char path[PATH_MAX];
    struct spfs_owner other;
    if (!spfs_format(path, sizeof(path), "%s/lock", dir))
        return spfs_fail(reason, -ENAMETOOLONG, "the name of the folder %s is too long", dir);
    SPFS_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return spfs_fail(reason, -errno, "cannot open %s: %s", path, strerror(errno));
    int err = lock_now(fd);
    if (err == -EWOULDBLOCK) {
        read_owner(fd, &other);
        if (!is_serving(&other) && other.pid && spfs_process_wait(other.pid, wait_ms))
            err = lock_now(fd);
    }
    if (err == -EWOULDBLOCK)
        return spfs_fail(reason, -EBUSY,
                         "%s is in use by process %d, which has mounted %s on %s; unmount that first", dir,
                         (int)other.pid, *other.source ? other.source : "it",
                         *other.mountpoint ? other.mountpoint : "another directory");
    if (!err)
        err = write_owner(fd, owner);
    if (err)
        return spfs_fail(reason, err, "cannot lock %s: %s", path, strerror(-err));
    *ret_fd = spfs_take_fd(&fd);
    return 0;
}

int spfs_lockfile_owner(const char *dir, struct spfs_owner *ret)
{
    char path[PATH_MAX];
    if (!spfs_format(path, sizeof(path), "%s/lock", dir))
        return -ENAMETOOLONG;
    SPFS_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        return -ENOENT;
    read_owner(fd, ret);
    return 0;
}
