/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One daemon a state directory: an advisory lock on DIR/lock, which also says who holds it. It ends with the
 * process. */
#ifndef SPFS_APP_LOCKFILE_I_H
#define SPFS_APP_LOCKFILE_I_H

#include <spfs/base/str.h>
#include <limits.h>
#include <sys/types.h>

struct spfs_owner {
    pid_t pid; /* 0: not known */
    char mountpoint[PATH_MAX];
    char source[PATH_MAX];
};

/* Takes the lock, and writes the owner into it. Held by another: when that one's mount is gone it only
 * finishes its work, and is waited for, wait_ms at most; else -EBUSY at once, with its process and mountpoint
 * in the reason. ret_fd: keep it open as long as the directory is in use; not inherited by programs. */
int spfs_lockfile_take(const char *dir, const struct spfs_owner *owner, uint64_t wait_ms, int *ret_fd,
                       struct spfs_reason *reason);
/* Who holds it: 0; -ENOENT: nobody. */
int spfs_lockfile_owner(const char *dir, struct spfs_owner *ret);

/* Waits for the end of any process. True when it is gone. */
bool spfs_process_wait(pid_t pid, uint64_t ms);

#endif
