/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guard: a small process that cuts the kernel's connection of the mount when the daemon dies.
 *
 * Why: a daemon killed while its notifier waits in the kernel for a directory's lock, which a request holds
 * that only the daemon could answer, cannot die: its files stay open, the request waits for ever, and so does
 * every program that looks at the mount. Writing to the connection's `abort` file ends all requests; only
 * another process can do it then. How it learns of the death: the kernel signals it when the daemon's main
 * thread, which forked it, is gone (PR_SET_PDEATHSIG); a pipe would not do, since the stuck thread holds its
 * other end open. Facts: kernel documentation, filesystems/fuse: "Interrupting filesystem operations",
 * "Aborting a filesystem connection". */
#ifndef SPFS_FUSE_GUARD_H
#define SPFS_FUSE_GUARD_H

#include <sys/types.h>

struct spfs_guard {
    pid_t pid; /* 0: none */
    int fd;    /* to tell it the connection; -1 */
};

/* Forks it, from the main thread, before any other thread exists. argv: overwritten in the guard, so that it
 * shows under its own name in lists of processes; may be NULL. 0, -errno (a mount works without a guard). */
int spfs_guard_start(struct spfs_guard *g, char **argv);
/* The connection to cut. Without it the guard just ends with the daemon. */
void spfs_guard_watch(struct spfs_guard *g, unsigned minor);
/* Ends it without cutting anything. */
void spfs_guard_stop(struct spfs_guard *g);

/* The abort file of a connection, open for writing: from the kernel's control directory, or from a detached
 * mount of it where that is missing and we may. Stays bound to this connection even when its number is used
 * again. -errno. */
int spfs_guard_open_abort(unsigned minor);

#endif
