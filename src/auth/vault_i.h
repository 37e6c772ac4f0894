/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of one sign-in, shared by processes: KEY.json (0600, replaced as a whole and flushed) and KEY.lock
 * (flock: who refreshes). Without a directory every call does nothing: loads find nothing, locks are free. */
#ifndef SPFS_AUTH_VAULT_I_H
#define SPFS_AUTH_VAULT_I_H

#include "record_i.h"

/* Takes the lock without waiting. *ret_fd is the caller's to close, which drops the lock; -1 without a
 * directory. 0; -EAGAIN somebody else has it; -EPERM (directory of another user or open to others), other
 * -errno; reason filled but for -EAGAIN. */
int vault_try_lock(const struct account *a, int *ret_fd, struct spfs_reason *reason);
/* 0 (*ret is the caller's, record_done); -ENOENT: nothing, or nothing that can be used; -ENOMEM. */
int vault_load(const struct account *a, struct record *ret);
/* Durable when it returns 0: written beside, flushed, renamed, directory flushed. */
int vault_store(const struct account *a, const struct record *r);
int vault_remove(const struct account *a);

#endif
