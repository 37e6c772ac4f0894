/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The calls below journal and spool, told by the test what to do: a full disk, failing flushes. */
#ifndef STORE_SEAM_TEST_H
#define STORE_SEAM_TEST_H

#include "journal_io_i.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int syncs, dir_syncs, fail_syncs, fail_dir_syncs, fail_truncates;
static atomic_uint writes;             /* every fifth is interrupted */
static _Atomic long write_budget = -1; /* bytes until the disk is full; -1: none */

static inline ssize_t seam_write(int fd, const void *p, size_t n, off_t off)
{
    if (++writes % 5 == 0) {
        errno = EINTR;
        return -1;
    }
    long left = write_budget;
    if (left == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (left > 0) {
        n = n < (size_t)left ? n : (size_t)left;
        write_budget = left - (long)n;
    }
    return pwrite(fd, p, n, off);
}

static inline int seam_truncate(int fd, off_t size)
{
    if (!fail_truncates)
        return ftruncate(fd, size);
    errno = EIO;
    return -1;
}

static inline int seam_count(atomic_int *count, int fail)
{
    (*count)++;
    errno = EIO;
    return fail ? -1 : 0;
}

static inline int seam_sync(int fd)
{
    (void)fd;
    return seam_count(&syncs, fail_syncs);
}

static inline int seam_sync_dir(int fd)
{
    (void)fd;
    return seam_count(&dir_syncs, fail_dir_syncs);
}

static const struct file_io seam = {
    .write = seam_write, .truncate = seam_truncate, .sync = seam_sync, .sync_dir = seam_sync_dir};

static inline void seam_reset(void)
{
    syncs = dir_syncs = fail_syncs = fail_dir_syncs = fail_truncates = 0;
    write_budget = -1;
}

#endif
