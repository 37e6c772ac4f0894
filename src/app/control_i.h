/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket of a mount: RUNTIME/DEVICE.sock, 0600, where DEVICE is the minor number of the mount, so
 * that a client finds it from the table of mounts without touching the mount. One request a connection: a
 * line of JSON, and a line back.
 *
 *   {"cmd":"status"}   {"cmd":"info","path":"a/b"}   {"cmd":"sync","path":"a/b","timeout_ms":600000}
 *   → {"ok":true,…} or {"ok":false,"error":"one sentence"}
 *
 * Threads: one accepts ("control"); a crew of 4 answers. At most 32 connections at a time; a line is at most
 * 8 KiB and must arrive within 5 s. Lock: SPFS_RANK_APP. */
#ifndef SPFS_APP_CONTROL_I_H
#define SPFS_APP_CONTROL_I_H

#include "compose_i.h"

#include <spfs/fuse/mounts.h>
#include <spfs/json/json.h>

#define SPFS_CONTROL_LINE  ((size_t)8192) /* of a request */
#define SPFS_CONTROL_REPLY ((size_t)64 * 1024)

/* ------------------------------------------------------------------------------------------------ in the
 * daemon */
int spfs_control_start(struct spfs_stack *s, struct spfs_control **ret, struct spfs_reason *reason);
void spfs_control_stop(struct spfs_control *c); /* cancels what runs; idempotent */
void spfs_control_free(struct spfs_control *c); /* stops */

/* One line in, one line out (without the newline); never fails but for -ENOMEM. op: who cancels. */
int spfs_control_answer(struct spfs_stack *s, struct spfs_op *op, const char *line, size_t len,
                        struct spfs_buf *ret);
/* The answers, one a command: what comes between the braces. */
int spfs_answer_status(struct spfs_stack *s, struct spfs_buf *ret);
int spfs_answer_info(struct spfs_stack *s, struct spfs_op *op, const char *path, struct spfs_buf *ret,
                     struct spfs_reason *reason);
int spfs_answer_sync(struct spfs_stack *s, struct spfs_op *op, const char *path, struct spfs_reason *reason);

/* Reads up to a newline: 1 a line (without it), 0 end before one, -EMSGSIZE, -ETIMEDOUT, -errno. */
int spfs_control_read_line(int fd, uint64_t timeout_ms, size_t max, struct spfs_buf *ret);

/* --------------------------------------------------------------------------------------------------- for
 * clients */
/* The spfs mount that path lies in, and the rest of the path below its root. -ENOENT with a sentence. */
int spfs_control_find(const char *path, struct spfs_mount *ret, char rest[PATH_MAX],
                      struct spfs_reason *reason);
/* Sends {"cmd":cmd,"path":path,"timeout_ms":…} and gives the reply's document. -ECONNREFUSED, -ENOENT: no
 * daemon answers; -EIO: the daemon refused, its sentence is in reason. raw: the line as it came, may be NULL.
 */
int spfs_control_call(const struct spfs_mount *m, const char *cmd, const char *path, uint64_t timeout_ms,
                      struct spfs_json_doc **ret, struct spfs_buf *raw, struct spfs_reason *reason);

#endif
