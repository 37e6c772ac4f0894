// SPDX-License-Identifier: GPL-3.0-or-later
/* Tokens on disk: see vault_i.h. A crash at any point leaves the old record or the new one. */
#include "vault_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* Makes the directory and those above it, for this user alone. */
static int make_dirs(const char *dir)
{
    SPFS_FREE char *path = strdup(dir);
    if (!path)
        return -ENOMEM;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_dir(const struct account *a, bool make, int *ret)
{
    struct stat st;
    int err = make ? make_dirs(a->vault_dir) : 0;
    if (err)
        return err;
    SPFS_CLOSE int fd = open(a->vault_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_uid != geteuid() || (st.st_mode & 022))
        return -EPERM;
    *ret = spfs_take_fd(&fd);
    return 0;
}

static void name_of(const struct account *a, const char *suffix, char out[64])
{
    spfs_format(out, 64, "%s%s", a->key, suffix);
}

int vault_try_lock(const struct account *a, int *ret_fd, struct spfs_reason *reason)
{
    char name[64];
    SPFS_CLOSE int dir = -1;
    *ret_fd = -1;
    if (!a->vault_dir)
        return 0;
    int err = open_dir(a, true, &dir);
    if (err == -EPERM)
        return spfs_fail(
            reason, err,
            "The token directory %s belongs to another user or others may write to it; give it mode 0700.",
            a->vault_dir);
    name_of(a, ".lock", name);
    SPFS_CLOSE int fd = err ? -1 : openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (!err && fd < 0)
        err = -errno;
    if (err)
        return spfs_fail(reason, err, "The token directory %s cannot be used: %s; check its permissions.",
                         a->vault_dir, strerror(-err));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK || errno == EINTR
                   ? -EAGAIN
                   : spfs_fail(reason, -errno,
                               "The token directory %s does not take locks; put the state directory on a "
                               "local disk.",
                               a->vault_dir);
    *ret_fd = spfs_take_fd(&fd);
    return 0;
}

/* Only a regular file of ours that nobody else can read is believed. */
static int open_record(const struct account *a)
{
    char name[64];
    struct stat st;
    SPFS_CLOSE int dir = -1;
    if (!a->vault_dir || open_dir(a, false, &dir) < 0)
        return -1;
    name_of(a, ".json", name);
    SPFS_CLOSE int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return -1;
    return spfs_take_fd(&fd);
}

int vault_load(const struct account *a, struct record *ret)
{
    SPFS_CLOSE int fd = open_record(a);
    if (fd < 0)
        return -ENOENT;
    char *text = malloc(RECORD_MAX);
    if (!text)
        return -ENOMEM;
    size_t n = 0;
    ssize_t got;
    while (n < RECORD_MAX && ((got = read(fd, text + n, RECORD_MAX - n)) > 0 || (got < 0 && errno == EINTR)))
        n += got > 0 ? (size_t)got : 0;
    int err = record_parse(text, n, ret);
    spfs_wipe(text, n);
    free(text);
    return err == -EBADMSG ? -ENOENT : err;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR)
            return -errno;
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int replace(int dir, const char *name, const char *text, size_t n)
{
    char temp[96];
    spfs_format(temp, sizeof(temp), ".%s.%016llx", name, (unsigned long long)spfs_random(UINT64_MAX));
    SPFS_CLOSE int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int err = write_all(fd, text, n);
    if (!err && renameat(dir, temp, dir, name) < 0)
        err = -errno;
    if (err) {
        unlinkat(dir, temp, 0);
        return err;
    }
    return fsync(dir) < 0 ? -errno : 0;
}

int vault_store(const struct account *a, const struct record *r)
{
    char name[64];
    struct spfs_buf b;
    SPFS_CLOSE int dir = -1;
    if (!a->vault_dir)
        return 0;
    spfs_buf_init(&b, RECORD_MAX);
    int err = open_dir(a, true, &dir);
    if (!err)
        err = record_format(r, &b);
    name_of(a, ".json", name);
    if (!err)
        err = replace(dir, name, b.data, b.len);
    if (b.data)
        spfs_wipe(b.data, b.len);
    spfs_buf_done(&b);
    return err;
}

int vault_remove(const struct account *a)
{
    char name[64];
    SPFS_CLOSE int dir = -1;
    int err = a->vault_dir ? open_dir(a, false, &dir) : -ENOENT;
    if (err)
        return err == -ENOENT ? 0 : err;
    name_of(a, ".json", name);
    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return -errno;
    return fsync(dir) < 0 ? -errno : 0;
}
