/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fusermount3, the setuid program through which ordinary users mount and unmount. It opens /dev/fuse itself,
 * so this works where users may not. Facts: fusermount3(1); libfuse's mount.c for _FUSE_COMMFD: the
 * descriptor comes over a socket. */
#ifndef SPFS_FUSERMOUNT_I_H
#define SPFS_FUSERMOUNT_I_H

#include <stdbool.h>
#include <stddef.h>

/* Gives the descriptor of the connection, or -errno with the first line that the program said. */
int fusermount_mount(const char *dir, const char *options, char *said, size_t size);
int fusermount_unmount(const char *dir, bool lazy); /* 0; -EBUSY: it refused */

#endif
