/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs mount, and the same as mount(8) and fstab call it.
 *
 * Order: everything that can be found wrong without a server is said by the first process; then it forks, the
 * daemon takes the lock of its state directory, builds the stack and mounts; the first process ends with 0
 * when the mount answers. Signals: blocked everywhere; the main thread reads SIGTERM, SIGINT and SIGHUP from
 * a descriptor and ends the mount. */
#include "cmd_i.h"
#include "compose_i.h"
#include "daemon_i.h"
#include "lockfile_i.h"

#include <spfs/fuse/guard.h>
#include <spfs/fuse/mounts.h>

#include <errno.h>
#include <pwd.h>
#include <grp.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DRAIN_MS = 60000 }; /* for a daemon that finishes the work of an earlier mount */

static const struct spfs_flag flags[] = {
    {'o', "options", "OPTIONS", "mount options, separated by commas (see below)", true},
    {'f', "foreground", NULL, "stay in the foreground and log to stderr", false},
    {'r', "read-only", NULL, "same as -o ro", false},
    {0, "debug", NULL, "log everything", false},
    {0},
};

static int run(const struct spfs_args *args);

const struct spfs_command spfs_cmd_mount = {
    .name = "mount",
    .synopsis = "SOURCE DIR [-f] [-o OPTIONS]",
    .summary = "mount SharePoint on a directory",
    .details = "SOURCE is NAME: (everything the account of connection NAME sees), NAME:/Site, "
               "NAME:/Site/Library, NAME:/Site/Library/Folder, "
               "NAME:/My Files (the account's OneDrive), or the web address of a site, library or folder.\n"
               "The command returns when the mount answers; a server that is out of reach is no failure when "
               "the catalog of an earlier mount is there.\n"
               "mount -t fuse.spfs SOURCE DIR and lines of /etc/fstab call it as spfs SOURCE DIR -o OPTIONS; "
               "options of mount(8) that mean "
               "nothing here are accepted there.",
    .flags = flags,
    .complete = "sd",
    .min_words = 2,
    .max_words = 2,
    .takes_options = true,
    .run = run,
};

struct plan {
    const char *source_text;
    struct spfs_config *config;
    struct spfs_options options;
    struct spfs_source source;
    struct spfs_connection *connection;
    struct spfs_paths paths;
    char mountpoint[PATH_MAX];
    char **argv;
};

static void plan_done(struct plan *p)
{
    spfs_config_free(p->config);
    spfs_options_done(&p->options);
}

/* Others' dead mounts are not ours to clear away. */
static bool is_dead_spfs(const char *dir)
{
    struct spfs_mount m;
    return spfs_mounts_at(dir, &m) == 0 && strcmp(m.type, SPFS_MOUNT_TYPE) == 0 && spfs_mounts_is_dead(dir);
}

/* A directory that is there and carries no spfs mount; a dead one is cleared away first. */
static int check_mountpoint(struct plan *p, const char *dir, struct spfs_reason *reason)
{
    struct stat st;
    struct spfs_mount m;
    int err = spfs_mounts_resolve(dir, p->mountpoint);
    for (int i = 0; !err && i < 8 && is_dead_spfs(p->mountpoint); i++)
        if ((err = spfs_mounts_detach(p->mountpoint, true, reason)))
            return err;
    if (!err && stat(p->mountpoint, &st) < 0)
        err = -errno;
    if (err == -ENOENT)
        return spfs_fail(reason, err, "the mountpoint %s does not exist; make the directory first", dir);
    if (err)
        return spfs_fail(reason, err, "cannot use the mountpoint %s: %s", dir, strerror(-err));
    if (!S_ISDIR(st.st_mode))
        return spfs_fail(reason, -ENOTDIR, "the mountpoint %s is not a directory", dir);
    if (spfs_mounts_at(p->mountpoint, &m) == 0 && strcmp(m.type, SPFS_MOUNT_TYPE) == 0)
        return spfs_fail(reason, -EBUSY, "%s is already mounted on %s; unmount it first", m.source,
                         p->mountpoint);
    return 0;
}

static int check_log(const char *file, struct spfs_reason *reason)
{
    SPFS_CLOSE int fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    return !file || fd >= 0 ? 0
                            : spfs_fail(reason, -errno, "the log file %s cannot be written: %s; name another",
                                        file, strerror(errno));
}

/* All that needs no server. SPFS_USAGE for what was typed wrong. */
static int make_plan(struct plan *p, const char *dir, const char *options, struct spfs_reason *reason)
{
    spfs_options_init(&p->options);
    if (spfs_source_parse(p->source_text, &p->source, reason))
        return SPFS_USAGE;
    int err = spfs_config_load(&p->config, reason);
    if (!err)
        err = spfs_config_apply(p->config, &p->options, reason);
    if (err)
        return SPFS_FAILED;
    if (options && spfs_options_parse(&p->options, options, reason))
        return SPFS_USAGE;
    err = p->source.is_url
              ? spfs_config_for_url(p->config, p->source.path, p->options.connection, &p->connection, reason)
              : spfs_config_connection(p->config, p->source.connection, &p->connection, reason);
    if (!err)
        err = check_log(p->options.log_file, reason);
    if (!err)
        err = check_mountpoint(p, dir, reason);
    if (!err)
        err = spfs_paths_find(&p->options, p->connection->name, &p->source, &p->paths, reason);
    if (!err)
        err = spfs_paths_make(&p->paths, reason);
    return err ? SPFS_FAILED : SPFS_DONE;
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Until somebody unmounts, or a signal asks for the end. */
static void wait_for_end(int signals, const struct spfs_stack *s)
{
    struct pollfd p[] = {{.fd = signals, .events = POLLIN},
                         {.fd = spfs_fuse_ended_fd(s->fuse), .events = POLLIN}};
    while (poll(p, 2, -1) < 0 && errno == EINTR)
        ;
    if (p[0].revents)
        spfs_note("asked to end: unmounting %s", s->config->mountpoint);
    spfs_daemon_notify("STOPPING=1\n");
}

static int serve(struct plan *p, struct spfs_daemon *d, struct spfs_guard *guard, int signals)
{
    struct spfs_reason reason = {""};
    struct spfs_stack stack;
    SPFS_CLOSE int lock = -1;
    struct spfs_owner owner = {.pid = getpid()};
    char status[256];
    spfs_copy(owner.mountpoint, sizeof(owner.mountpoint), p->mountpoint);
    spfs_copy(owner.source, sizeof(owner.source), p->source_text);
    const struct spfs_stack_config config = {
        .connection = p->connection,
        .options = &p->options,
        .paths = &p->paths,
        .source = &p->source,
        .source_text = p->source_text,
        .mountpoint = p->mountpoint,
    };
    if (spfs_lockfile_take(p->paths.state, &owner, DRAIN_MS, &lock, &reason) ||
        spfs_stack_open(&stack, &config, &reason))
        return spfs_daemon_fail(d, SPFS_FAILED, reason.text);
    spfs_guard_watch(guard, spfs_fuse_device(stack.fuse));
    spfs_note("%s is mounted on %s", p->source_text, p->mountpoint);
    spfs_format(status, sizeof(status), "%.200s is mounted", p->source_text);
    if (spfs_daemon_ready(d, status))
        wait_for_end(signals, &stack);
    spfs_stack_close(&stack);
    spfs_note("%s is no longer mounted", p->source_text);
    return SPFS_DONE;
}

static int start(struct plan *p, struct spfs_reason *reason)
{
    struct spfs_daemon d = {.pipe = -1};
    struct spfs_guard guard;
    enum spfs_log_level level = p->options.debug ? SPFS_LOG_DEBUG : (enum spfs_log_level)p->options.log_level;
    if (!p->options.foreground && spfs_daemon_fork(&d, reason))
        return spfs_say(reason);
    SPFS_CLOSE int signals = open_signals();
    spfs_log_open(p->options.foreground, level, p->options.log_file);
    int err = spfs_guard_start(&guard, p->argv);
    if (err)
        spfs_warn("no guard: %s", strerror(-err));
    int code = serve(p, &d, &guard, signals);
    spfs_guard_stop(&guard);
    spfs_log_close();
    return code;
}

/* setuid=USER, as mount.fuse does it for programs that do not: before configuration and secrets are looked
 * for. */
static int become(const char *options, struct spfs_reason *reason)
{
    struct spfs_options o;
    spfs_options_init(&o);
    int err = options ? spfs_options_parse(&o, options, reason) : 0;
    if (!err && o.setuid) {
        const struct passwd *pw = getpwnam(o.setuid);
        if (!pw)
            err = spfs_fail(reason, -EINVAL, "setuid=%s: there is no such user; check the name", o.setuid);
        else if (getuid() != pw->pw_uid &&
                 (initgroups(pw->pw_name, pw->pw_gid) || setgid(pw->pw_gid) || setuid(pw->pw_uid)))
            err = spfs_fail(reason, -errno, "setuid=%s: %s; only root can become another user", o.setuid,
                            strerror(errno));
    }
    spfs_options_done(&o);
    return err;
}

int spfs_mount_run(const char *source, const char *dir, const char *options, bool foreground, bool debug,
                   char **argv)
{
    struct spfs_reason reason = {""};
    struct plan p = {.source_text = source, .argv = argv};
    int code = become(options, &reason) ? SPFS_USAGE : make_plan(&p, dir, options, &reason);
    if (code) {
        spfs_say(&reason);
    } else {
        p.options.foreground = p.options.foreground || foreground;
        p.options.debug = p.options.debug || debug;
        if (p.config->notes.len)
            fprintf(stderr, "%s", p.config->notes.data);
        code = start(&p, &reason);
    }
    plan_done(&p);
    return code;
}

static int run(const struct spfs_args *args)
{
    const struct spfs_command *c = &spfs_cmd_mount;
    return spfs_mount_run(args->word[0], args->word[1], spfs_args_get(c, args, "options"),
                          spfs_args_get(c, args, "foreground") != NULL,
                          spfs_args_get(c, args, "debug") != NULL, args->argv);
}

/* ------------------------------------------------------------------------------------------- as mount(8)
 * calls it */
static const struct spfs_flag helper_flags[] = {
    {'o', "options", "OPTIONS", NULL, true},
    {'t', "type", "TYPE", NULL, false},
    {'N', "namespace", "NS", NULL, false},
    {'f', "fake", NULL, NULL, false},
    {'s', "sloppy", NULL, NULL, false},
    {'n', "no-mtab", NULL, NULL, false},
    {'v', "verbose", NULL, NULL, false},
    {'r', "read-only", NULL, NULL, false},
    {0},
};

static const struct spfs_command helper = {
    .name = "mount",
    .synopsis = "SOURCE DIR [-sfnvr] [-N NS] [-o OPTIONS] [-t TYPE]",
    .flags = helper_flags,
    .min_words = 2,
    .max_words = 2,
};

int spfs_mount_helper(int argc, char **argv)
{
    struct spfs_args args;
    struct spfs_reason reason = {""};
    int code;
    if (spfs_args_parse(&helper, argc - 1, argv + 1, &args, &reason)) {
        code = spfs_say_usage(&helper, reason.text);
    } else if (spfs_args_get(&helper, &args, "fake")) { /* everything but the mount itself */
        struct plan p = {.source_text = args.word[0]};
        code = make_plan(&p, args.word[1], spfs_args_get(&helper, &args, "options"), &reason);
        if (code)
            spfs_say(&reason);
        plan_done(&p);
    } else {
        code = spfs_mount_run(args.word[0], args.word[1], spfs_args_get(&helper, &args, "options"), false,
                              false, argv);
    }
    spfs_args_done(&args);
    return code;
}
