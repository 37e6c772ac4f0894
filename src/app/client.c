/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clients' end of the control socket. */
#include "control_i.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int spfs_control_find(const char *path, struct spfs_mount *ret, char rest[PATH_MAX],
                      struct spfs_reason *reason)
{
    char resolved[PATH_MAX];
    int err = spfs_mounts_resolve(path, resolved);
    if (err == -ENOTCONN || err == -ECONNABORTED)
        return spfs_fail(reason, err, "%s: its daemon has died; mount it again", path);
    if (err)
        return spfs_fail(reason, err, "%s: %s", path, strerror(-err));
    err = spfs_mounts_holding(resolved, ret, rest);
    return err ? spfs_fail(reason, err, "%s is not on an spfs mount", path) : 0;
}

static int connect_to(const struct spfs_mount *m, struct spfs_reason *reason)
{
    char dir[PATH_MAX];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int err = spfs_paths_runtime(m->user_id, dir);
    SPFS_CLOSE int dir_fd = err ? -1 : open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    SPFS_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (dir_fd < 0 || fd < 0)
        return spfs_fail(reason, -ENOENT, "no daemon of %s is found in %s", m->dir,
                         err ? "the runtime folder" : dir);
    spfs_format(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/%u.sock", dir_fd, m->minor);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return spfs_take_fd(&fd);
    err = -errno;
    if (err == -EACCES || err == -EPERM)
        return spfs_fail(reason, err, "%s was mounted by user %u; ask as that user or as root", m->dir,
                         (unsigned)m->user_id);
    return spfs_fail(reason, err, "the daemon of %s does not answer: %s", m->dir, strerror(-err));
}

static int add_request(struct spfs_buf *b, const char *cmd, const char *path, uint64_t timeout_ms)
{
    int err = spfs_buf_addf(b, "{\"cmd\":\"%s\",\"timeout_ms\":%" PRIu64 ",\"path\":", cmd, timeout_ms);
    if (!err)
        err = spfs_json_add_string(b, path ? path : "");
    return err ? err : spfs_buf_adds(b, "}\n");
}

static int exchange(int fd, const struct spfs_buf *request, uint64_t timeout_ms, struct spfs_buf *reply)
{
    if (send(fd, request->data, request->len, MSG_NOSIGNAL) != (ssize_t)request->len)
        return -errno;
    int n = spfs_control_read_line(fd, timeout_ms, SPFS_CONTROL_REPLY, reply);
    return n == 1 ? 0 : n == 0 ? -ECONNRESET : n;
}

int spfs_control_call(const struct spfs_mount *m, const char *cmd, const char *path, uint64_t timeout_ms,
                      struct spfs_json_doc **ret, struct spfs_buf *raw, struct spfs_reason *reason)
{
    SPFS_CLOSE int fd = connect_to(m, reason);
    if (fd < 0)
        return fd;
    struct spfs_buf request, reply;
    spfs_buf_init(&request, SPFS_CONTROL_LINE);
    spfs_buf_init(&reply, SPFS_CONTROL_REPLY);
    int err = add_request(&request, cmd, path, timeout_ms);
    if (!err)
        err = exchange(fd, &request, timeout_ms + 5000, &reply);
    if (!err)
        err = spfs_json_parse(reply.data, reply.len, SPFS_CONTROL_REPLY, ret);
    if (!err && raw)
        err = spfs_buf_add(raw, reply.data, reply.len);
    spfs_buf_done(&request);
    spfs_buf_done(&reply);
    if (err)
        return spfs_fail(reason, err, "the daemon of %s does not answer: %s", m->dir, strerror(-err));
    if (spfs_json_bool(spfs_json_root(*ret), "ok", false))
        return 0;
    const char *error = spfs_json_str(spfs_json_root(*ret), "error");
    spfs_fail(reason, -EIO, "%s", error ? error : "the daemon refused without a reason");
    spfs_json_free(*ret);
    *ret = NULL;
    return -EIO;
}
