// SPDX-License-Identifier: GPL-3.0-or-later
/* Whole writes. See journal_io_i.h. */
#include "journal_io_i.h"
#include "env_i.h"

#include <errno.h>
#include <unistd.h>

const struct file_io file_io_real = {
    .write = pwrite, .truncate = ftruncate, .sync = fdatasync, .sync_dir = fsync};

int file_errno(int err)
{
    return env_errno(err) == -ENOSPC ? -ENOSPC : -EIO;
}

int file_put(const struct file_io *io, int fd, const void *p, size_t n, off_t off, size_t *ret_done)
{
    size_t done = 0;
    int err = 0;
    while (done < n && !err) {
        ssize_t w = io->write(fd, (const char *)p + done, n - done, off + (off_t)done);
        if (w > 0)
            done += (size_t)w;
        else if (w == 0)
            err = -EIO;
        else if (errno != EINTR)
            err = file_errno(errno);
    }
    *ret_done = done;
    return err;
}
