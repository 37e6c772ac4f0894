/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's table of mounts (/proc/self/mountinfo), read without touching the mounts themselves: a dead or
 * hung one cannot block these calls, except where said.
 *
 * Facts: proc(5), mountinfo: octal escapes in paths and sources; the device number of a FUSE mount is its
 * connection's number below /sys/fs/fuse/connections, unique on the machine while the mount lives. */
#ifndef SPFS_FUSE_MOUNTS_H
#define SPFS_FUSE_MOUNTS_H

#include <spfs/base/str.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define SPFS_MOUNT_TYPE "fuse.spfs"

struct spfs_mount {
    unsigned major, minor;
    uid_t user_id; /* FUSE: who mounted it; (uid_t)-1 for others */
    bool read_only;
    char type[64];
    char root[PATH_MAX]; /* path in the filesystem that is mounted here: "/" except for bind mounts */
    char dir[PATH_MAX];  /* mountpoint */
    char source[PATH_MAX];
};

/* Parses one line of mountinfo. False when it is not one. */
bool spfs_mounts_parse(const char *line, struct spfs_mount *ret);
/* In the kernel's order (a later one hides an earlier one on the same directory). Non-zero from cb stops and
 * is returned. */
int spfs_mounts_each(int (*cb)(void *ctx, const struct spfs_mount *m), void *ctx);
/* The topmost mount on exactly this absolute path. 0, -ENOENT. */
int spfs_mounts_at(const char *dir, struct spfs_mount *ret);
/* The spfs mount that an absolute path lies in, and the rest of the path in its filesystem ("" is its root;
 * no leading slash). 0; -ENOENT: another filesystem. */
int spfs_mounts_holding(const char *path, struct spfs_mount *ret, char rest[PATH_MAX]);

/* Makes a path absolute without touching its last component, which may be a dead mount. 0, -errno of the
 * parent. */
int spfs_mounts_resolve(const char *path, char ret[PATH_MAX]);
/* Is the mount on dir one whose server is gone (ENOTCONN)? Touches it. */
bool spfs_mounts_is_dead(const char *dir);
/* Unmounts: umount2 where allowed, else fusermount3. lazy: detaches a busy one too. 0; -EBUSY; -EPERM;
 * -EINVAL: not mounted. */
int spfs_mounts_detach(const char *dir, bool lazy, struct spfs_reason *reason);

#endif
