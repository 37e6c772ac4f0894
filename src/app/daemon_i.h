/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going to the background so that the first process ends only when the mount answers or has failed, with its
 * one sentence and its exit code; and telling systemd. */
#ifndef SPFS_APP_DAEMON_I_H
#define SPFS_APP_DAEMON_I_H

#include <spfs/base/str.h>

struct spfs_daemon {
    int pipe; /* to the first process; -1 in the foreground or once it was told */
};

/* Forks, before any thread exists. Returns in the child (0). In the first process it does not return unless
 * the fork failed: it waits for the child's report, prints its sentence, and exits with its code. */
int spfs_daemon_fork(struct spfs_daemon *d, struct spfs_reason *reason);
/* Failure: the sentence and the code go to the first process, or to stderr in the foreground. Returns code.
 */
int spfs_daemon_fail(struct spfs_daemon *d, int code, const char *sentence);
/* Success: the first process ends with 0; then this one leaves terminal, working directory and standard
 * streams. In the foreground systemd is told. False: the first process was ended meanwhile, so nobody wants
 * the mount. */
bool spfs_daemon_ready(struct spfs_daemon *d, const char *status);

/* One datagram to $NOTIFY_SOCKET, if there is one. Fact: sd_notify(3), "Standalone implementations". */
void spfs_daemon_notify(const char *text);

#endif
