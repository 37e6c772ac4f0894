/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session: mounting, the serving threads, and an end in bounded time.
 *
 * Order of the end: (1) no more news from the vfs; (2) the notifier ends — it may sit in the kernel until
 * requests in progress are answered, so the workers go on serving meanwhile, and if that takes too long the
 * connection is cut; (3) unmount; (4) the loop ends, by itself when the unmount was complete, else by a
 * nudge; (5) libfuse's session. Lock: `lock` guards what the loop's thread reports; nothing is called while
 * it is held. */
#include "fuse_i.h"
#include "fusermount_i.h"

#include <spfs/base/clock.h>
#include <spfs/base/log.h>
#include <spfs/base/workq.h>
#include <spfs/fuse/guard.h>
#include <spfs/fuse/mounts.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

enum {
    THREADS = 64,
    READAHEAD_KB = 1024,
    QUEUE_MAX = 32768,  /* notifications */
    ANSWER_MS = 10000,  /* for the kernel's first request */
    NOTIFIER_MS = 3000, /* before the connection is cut */
    NUDGE_MS = 50,
    OP_MS = 30000,
};

/* ------------------------------------------------------------------------------------- what the notifier
 * calls */
static void tell_inode(void *ctx, uint64_t node, bool content)
{
    struct spfs_fuse *f = ctx;
    fuse_lowlevel_notify_inval_inode(f->se, node, content ? 0 : -1, 0);
}

static void tell_entry(void *ctx, uint64_t parent, const char *name)
{
    struct spfs_fuse *f = ctx;
    fuse_lowlevel_notify_inval_entry(f->se, parent, name, strlen(name));
}

static void tell_deleted(void *ctx, uint64_t parent, uint64_t node, const char *name)
{
    struct spfs_fuse *f = ctx;
    int err = fuse_lowlevel_notify_delete(f->se, parent, node, name, strlen(name));
    if (err && err != -ENOENT) /* a folder with known entries, a mountpoint: dropped all the same */
        fuse_lowlevel_notify_inval_entry(f->se, parent, name, strlen(name));
}

static bool tell_child(void *ctx, const char *name, const struct spfs_vfs_attr *attr, uint64_t next)
{
    (void)attr;
    (void)next;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        tell_entry(ctx, SPFS_NODE_ROOT, name);
    return true;
}

/* Dropping an entry drops what is below it, so the children of the root are all names there are. */
static void tell_all(void *ctx)
{
    struct spfs_fuse *f = ctx;
    struct spfs_vfs_dir *dir;
    struct spfs_op op;
    spfs_op_init(&op, SPFS_NORMAL, f->op_ms);
    bool cache;
    int err = spfs_vfs_opendir(f->vfs, &op, SPFS_NODE_ROOT, &dir, &cache);
    if (!err) {
        err = spfs_vfs_readdir(f->vfs, &op, dir, 0, true, tell_child, f);
        spfs_vfs_releasedir(f->vfs, dir);
    }
    spfs_op_done(&op);
    tell_inode(f, SPFS_NODE_ROOT, true);
    if (err)
        spfs_warn("the kernel could not be told of all changes: %s", strerror(-err));
}

static const struct spfs_notify_sink sink = {tell_inode, tell_entry, tell_deleted, tell_all};

/* --------------------------------------------------------------------------------------------------- life */
static void log_libfuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
    char text[512];
    vsnprintf(text, sizeof(text), fmt, ap);
    spfs_log(level <= FUSE_LOG_ERR ? SPFS_LOG_WARN : SPFS_LOG_DEBUG, "libfuse: %s", text);
}

/* fsname=SOURCE with what libfuse takes for separators escaped. */
static int add_source(struct spfs_buf *b, const char *source)
{
    int err = spfs_buf_adds(b, ",fsname=");
    for (; *source && !err; source++) {
        if (*source == ',' || *source == '\\')
            err = spfs_buf_adds(b, "\\");
        if (!err)
            err = spfs_buf_add(b, source, 1);
    }
    return err;
}

static int session_new(struct spfs_fuse *f, const struct spfs_fuse_config *config)
{
    struct spfs_buf options;
    spfs_buf_init(&options, 8192);
    int err = spfs_buf_addf(&options, "-osubtype=spfs,default_permissions%s%s%s",
                            config->allow_other ? ",allow_other" : "",
                            config->flags && *config->flags ? "," : "", config->flags ? config->flags : "");
    if (!err)
        err = add_source(&options, config->source);
    if (!err && !(f->options = strdup(options.data + strlen("-o"))))
        err = -ENOMEM;
    if (!err) {
        char name[] = "spfs";
        char *argv[] = {name, options.data, NULL};
        struct fuse_args args = FUSE_ARGS_INIT(2, argv);
        f->se = fuse_session_new(&args, &spfs_fuse_ops, sizeof(spfs_fuse_ops), f);
        fuse_opt_free_args(&args);
        err = f->se ? 0 : -EINVAL;
    }
    spfs_buf_done(&options);
    return err;
}

int spfs_fuse_new(const struct spfs_fuse_config *config, struct spfs_fuse **ret, struct spfs_reason *reason)
{
    struct spfs_fuse *f = calloc(1, sizeof(*f));
    if (!f)
        return spfs_fail(reason, -ENOMEM, "out of memory");
    f->vfs = config->vfs;
    f->max_threads = config->threads ? config->threads : THREADS;
    f->readahead_kb = config->readahead_kb ? config->readahead_kb : READAHEAD_KB;
    f->op_ms = config->op_ms ? config->op_ms : OP_MS;
    f->abort_fd = -1;
    spfs_lock_init(&f->lock, SPFS_RANK_APP);
    spfs_cond_init(&f->changed);
    f->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    f->mountpoint = strdup(config->mountpoint);
    int err = f->ended_fd < 0  ? -errno
              : !f->mountpoint ? -ENOMEM
                               : spfs_notify_new(&sink, f, QUEUE_MAX, &f->notify);
    if (!err)
        err = session_new(f, config);
    if (err) {
        spfs_fuse_free(f);
        return spfs_fail(reason, err, "cannot set up the mount on %s: %s", config->mountpoint,
                         strerror(-err));
    }
    *ret = f;
    return 0;
}

static void *serve_main(void *arg)
{
    struct spfs_fuse *f = arg;
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    int err = -ENOMEM;
    if (config) {
        fuse_loop_cfg_set_max_threads(config, f->max_threads);
        fuse_loop_cfg_set_clone_fd(config, 0);
        err = fuse_session_loop_mt(f->se, config);
        fuse_loop_cfg_destroy(config);
    }
    if (err)
        spfs_error("serving the mount ended: %s", strerror(err < 0 ? -err : err));
    spfs_lock_take(&f->lock);
    f->ended = true;
    spfs_cond_broadcast(&f->changed);
    spfs_lock_drop(&f->lock);
    eventfd_write(f->ended_fd, 1);
    return NULL;
}

/* What libfuse says goes to stderr; it is caught here, so that it can become part of one sentence. */
static int mount_as_root(struct spfs_fuse *f, char *said, size_t size)
{
    SPFS_CLOSE int old = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    SPFS_CLOSE int mem = memfd_create("spfs-mount", MFD_CLOEXEC);
    if (old >= 0 && mem >= 0)
        dup2(mem, STDERR_FILENO);
    int err = fuse_session_mount(f->se, f->mountpoint) == 0 ? 0 : -EIO;
    if (old >= 0 && mem >= 0)
        dup2(old, STDERR_FILENO);
    ssize_t n = mem >= 0 ? pread(mem, said, size - 1, 0) : 0;
    said[n > 0 ? n : 0] = '\0';
    said[strcspn(said, "\n")] = '\0';
    return err;
}

/* By fusermount3; libfuse takes the ready connection over, and leaves the mountpoint to us. */
static int mount_as_user(struct spfs_fuse *f, char *said, size_t size)
{
    char path[32];
    int fd = fusermount_mount(f->mountpoint, f->options, said, size);
    if (fd < 0)
        return fd;
    spfs_format(path, sizeof(path), "/dev/fd/%d", fd);
    if (fuse_session_mount(f->se, path) == 0)
        return 0;
    close(fd);
    return -EIO;
}

static int mount_it(struct spfs_fuse *f, struct spfs_reason *reason)
{
    char said[256] = "";
    int err = geteuid() == 0 ? mount_as_root(f, said, sizeof(said)) : mount_as_user(f, said, sizeof(said));
    if (err == -ENOENT && !*said)
        return spfs_fail(reason, err, "cannot mount on %s: fusermount3 is missing; install the package fuse3",
                         f->mountpoint);
    if (err)
        return spfs_fail(reason, err, "cannot mount on %s: %s", f->mountpoint,
                         *said ? said : "the kernel refused; is /dev/fuse there?");
    f->mounted = true;
    fuse_set_log_func(log_libfuse);
    return 0;
}

/* After the kernel has taken our answer to its first request, which would lower it again: the statfs waits
 * for that. */
static void raise_readahead(const struct spfs_fuse *f)
{
    char path[64];
    struct statvfs st;
    if (statvfs(f->mountpoint, &st) < 0)
        return;
    spfs_format(path, sizeof(path), "/sys/class/bdi/0:%u/read_ahead_kb", f->minor);
    SPFS_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || dprintf(fd, "%u", f->readahead_kb) < 0)
        spfs_debug("readahead of the kernel stays as it is: %s", strerror(errno));
}

static int wait_answered(struct spfs_fuse *f)
{
    uint64_t end = spfs_now_ms() + ANSWER_MS;
    SPFS_LOCKED(&f->lock);
    for (uint64_t now = spfs_now_ms(); !f->answered && !f->ended && now < end; now = spfs_now_ms())
        spfs_cond_wait_ms(&f->changed, &f->lock, end - now);
    return f->answered ? 0 : f->ended ? -ENOTCONN : -ETIMEDOUT;
}

static void no_action(int sig)
{
    (void)sig; /* only interrupts a wait of libfuse */
}

static int start_threads(struct spfs_fuse *f)
{
    struct sigaction nudge = {.sa_handler = no_action};
    sigaction(SIGUSR1, &nudge, NULL);
    int err = spfs_notify_start(f->notify);
    if (!err)
        err = spfs_thread_start(&f->serve, "serve", serve_main, f);
    f->serving = err == 0;
    return err;
}

int spfs_fuse_mount(struct spfs_fuse *f, struct spfs_reason *reason)
{
    struct spfs_mount m;
    int err = mount_it(f, reason);
    if (err)
        return err;
    /* Before the first answer: whatever the kernel believes from it on can be taken back. */
    struct spfs_vfs_listener listener = {
        .drop = spfs_notify_drop, .ctx = f->notify, .forget = spfs_notify_forget};
    spfs_vfs_listen(f->vfs, &listener);
    err = spfs_mounts_at(f->mountpoint, &m);
    if (!err) {
        f->minor = m.minor;
        f->abort_fd = spfs_guard_open_abort(f->minor);
        err = start_threads(f);
    }
    if (!err)
        err = wait_answered(f);
    if (err) {
        spfs_fuse_stop(f);
        return spfs_fail(reason, err, "the mount on %s does not answer: %s", f->mountpoint, strerror(-err));
    }
    raise_readahead(f);
    return 0;
}

int spfs_fuse_ended_fd(const struct spfs_fuse *f)
{
    return f->ended_fd;
}

unsigned spfs_fuse_device(const struct spfs_fuse *f)
{
    return f->minor;
}

/* ------------------------------------------------------------------------------------------------------- end
 */
static void cut_connection(struct spfs_fuse *f)
{
    if (f->abort_fd >= 0 && write(f->abort_fd, "1", 1) < 0)
        spfs_debug("cutting the connection: %s", strerror(errno));
}

static bool has_ended(struct spfs_fuse *f)
{
    SPFS_LOCKED(&f->lock);
    return f->ended;
}

static void stop_notifier(struct spfs_fuse *f)
{
    spfs_vfs_listen(f->vfs, NULL);
    if (spfs_notify_stop(f->notify, NOTIFIER_MS))
        return;
    cut_connection(f);
    if (!spfs_notify_stop(f->notify, f->op_ms + NOTIFIER_MS))
        spfs_error("the kernel does not return from a notification");
}

/* Ours only: the directory may carry another mount by now. */
static bool is_mounted(const struct spfs_fuse *f)
{
    struct spfs_mount m;
    return spfs_mounts_at(f->mountpoint, &m) == 0 && m.minor == f->minor &&
           strcmp(m.type, SPFS_MOUNT_TYPE) == 0;
}

static void stop_loop(struct spfs_fuse *f)
{
    if (!f->serving)
        return;
    fuse_session_exit(f->se);
    spfs_lock_take(&f->lock);
    while (!f->ended) { /* the loop looks at the flag only when a signal interrupts its wait */
        spfs_lock_drop(&f->lock);
        pthread_kill(f->serve, SIGUSR1);
        spfs_lock_take(&f->lock);
        if (!f->ended)
            spfs_cond_wait_ms(&f->changed, &f->lock, NUDGE_MS);
    }
    spfs_lock_drop(&f->lock);
    pthread_join(f->serve, NULL);
    f->serving = false;
}

/* libfuse unmounts whatever is on the directory, unless it finds the connection dead. */
static void release_session(struct spfs_fuse *f)
{
    struct pollfd p = {.fd = fuse_session_fd(f->se)};
    bool dead = poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
    if (dead || is_mounted(f))
        fuse_session_unmount(f->se);
    f->mounted = false;
}

bool spfs_fuse_settle(struct spfs_fuse *f, uint64_t ms)
{
    return spfs_notify_drain(f->notify, ms);
}

void spfs_fuse_stop(struct spfs_fuse *f)
{
    if (!f->mounted)
        return;
    stop_notifier(f);
    if (!has_ended(f) && is_mounted(f)) {
        struct spfs_reason reason;
        if (spfs_mounts_detach(f->mountpoint, true, &reason))
            spfs_warn("%s", reason.text);
    }
    cut_connection(
        f); /* programs that keep files of a detached mount open get ENOTCONN, as after any end of a server */
    stop_loop(f);
    release_session(f);
}

void spfs_fuse_free(struct spfs_fuse *f)
{
    if (!f)
        return;
    spfs_fuse_stop(f);
    if (f->se)
        fuse_session_destroy(f->se);
    spfs_notify_free(f->notify);
    if (f->ended_fd >= 0)
        close(f->ended_fd);
    if (f->abort_fd >= 0)
        close(f->abort_fd);
    free(f->mountpoint);
    free(f->options);
    spfs_cond_done(&f->changed);
    spfs_lock_done(&f->lock);
    free(f);
}
