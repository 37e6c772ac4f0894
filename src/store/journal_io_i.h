/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The calls by which journal and spool change files, in one table, so that tests can make them fail and can
 * tell what a loss of power leaves. Results as of the system calls they stand for. */
#ifndef SPFS_STORE_JOURNAL_IO_I_H
#define SPFS_STORE_JOURNAL_IO_I_H

#include <sys/types.h>

struct file_io {
    ssize_t (*write)(int fd, const void *p, size_t n, off_t off); /* pwrite */
    int (*truncate)(int fd, off_t size);
    int (*sync)(int fd);     /* fdatasync */
    int (*sync_dir)(int fd); /* fsync */
};

extern const struct file_io file_io_real;

/* All n bytes or an error (-ENOSPC, -EIO); ret_done: how many are there in either case. */
int file_put(const struct file_io *io, int fd, const void *p, size_t n, off_t off, size_t *ret_done);
int file_errno(int err); /* of a failed change: -ENOSPC or -EIO */

#endif
