/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs demo: a simulated Microsoft 365 on this machine, mounted, until Ctrl-C.
 *
 * Both programs run in groups of their own, so that Ctrl-C reaches this process alone, which unmounts first
 * and stops the simulator last. Everything is kept in a temporary folder that is removed at the end. */
#include "cmd_i.h"
#include "paths_i.h"

#include <spfs/base/clock.h>
#include <spfs/fuse/mounts.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int run(const struct spfs_args *args);

const struct spfs_command spfs_cmd_demo = {
    .name = "demo",
    .synopsis = "[DIR]",
    .summary = "mount a simulated tenant and look around",
    .details = "Starts spfs-sim and mounts it on DIR (~/SharePoint) until Ctrl-C. Nothing leaves this "
               "machine and nothing is kept.",
    .complete = "d",
    .max_words = 1,
    .run = run,
};

enum { START_MS = 30000, STOP_MS = 60000 };

struct demo {
    char work[PATH_MAX];
    char dir[PATH_MAX];
    bool made_dir;
    int signals;
    pid_t sim, mount;
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* In a group of its own, with our signals as they were. */
static int spawn(char *const argv[], pid_t *ret)
{
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none);
    int err = posix_spawnp(ret, argv[0], NULL, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    return -err;
}

static void end(pid_t *pid, uint64_t ms)
{
    if (*pid <= 0)
        return;
    kill(*pid, SIGTERM);
    uint64_t limit = spfs_now_ms() + ms;
    while (waitpid(*pid, NULL, WNOHANG) == 0) {
        struct timespec step = {.tv_nsec = 20000000};
        sigset_t child;
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        sigtimedwait(&child, NULL, &step);
        if (spfs_now_ms() > limit)
            kill(*pid, SIGKILL);
    }
    *pid = 0;
}

/* Beside this program, else on PATH. */
static void find_sim(char ret[PATH_MAX])
{
    static const char *const beside[] = {"spfs-sim", "../sim/spfs-sim"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; slash && i < SPFS_ARRAY_LEN(beside); i++)
        if (spfs_format(ret, PATH_MAX, "%s/%s", self, beside[i]) && access(ret, X_OK) == 0)
            return;
    spfs_copy(ret, PATH_MAX, "spfs-sim");
}

/* Waits until the simulator has written its address into the file `ready`, or has ended, or we are asked to
 * end. */
static int wait_ready(struct demo *d, int watch, char url[256], struct spfs_reason *reason)
{
    char path[PATH_MAX + 16];
    struct pollfd p[] = {{.fd = watch, .events = POLLIN}, {.fd = d->signals, .events = POLLIN}};
    uint64_t limit = spfs_now_ms() + START_MS;
    spfs_format(path, sizeof(path), "%s/ready", d->work);
    for (;;) {
        FILE *f = fopen(path, "re");
        bool there = f && fgets(url, 256, f) && strchr(url, '\n');
        if (f)
            fclose(f);
        char *begin = there ? strstr(url, "http") : NULL;
        if (begin) {
            memmove(url, begin, strlen(begin) + 1);
            url[strcspn(url, " \n")] = '\0';
            return 0;
        }
        if (waitpid(d->sim, NULL, WNOHANG) == d->sim) {
            d->sim = 0;
            return spfs_fail(reason, -ECHILD, "the simulator spfs-sim did not start; is it installed?");
        }
        char event[4096];
        if (spfs_now_ms() > limit || poll(p, 2, 1000) < 0 ||
            (p[1].revents && read(d->signals, event, sizeof(event)) > 0))
            return spfs_fail(reason, -EINTR, "the simulator was not ready in time");
        if (p[0].revents && read(watch, event, sizeof(event)) < 0)
            return spfs_fail(reason, -errno, "waiting for the simulator: %s", strerror(errno));
    }
}

static int start_sim(struct demo *d, char url[256], struct spfs_reason *reason)
{
    char sim[PATH_MAX], ready[PATH_MAX + 16], log[PATH_MAX + 16];
    find_sim(sim);
    spfs_format(ready, sizeof(ready), "%s/ready", d->work);
    spfs_format(log, sizeof(log), "%s/requests.log", d->work);
    char *argv[] = {sim,
                    (char[]){"--preset"},
                    (char[]){"docs"},
                    (char[]){"--port"},
                    (char[]){"0"},
                    (char[]){"--log"},
                    log,
                    (char[]){"--ready-file"},
                    ready,
                    NULL};
    SPFS_CLOSE int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, d->work, IN_CLOSE_WRITE | IN_MOVED_TO | IN_MODIFY) < 0)
        return spfs_fail(reason, -errno, "cannot watch %s: %s", d->work, strerror(errno));
    int err = spawn(argv, &d->sim);
    return err ? spfs_fail(reason, err, "cannot start spfs-sim: %s; install the package that holds it",
                           strerror(-err))
               : wait_ready(d, watch, url, reason);
}

static int write_file(const struct demo *d, const char *name, const char *text)
{
    char path[PATH_MAX + 32];
    spfs_format(path, sizeof(path), "%s/%s", d->work, name);
    SPFS_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ? -errno : 0;
}

static int configure(const struct demo *d, const char *url, struct spfs_reason *reason)
{
    SPFS_FREE char *text = spfs_asprintf(
        "[connection sim]\ntenant = contoso.example\nclient_id = 11111111-1111-1111-1111-111111111111\n"
        "auth = secret\nclient_secret_file = %s/secret\nlogin_url = %s\ngraph_url = %s\n"
        "[mount]\nstate_dir = %s/state\ncache_dir = %s/cache\n",
        d->work, url, url, d->work, d->work);
    char path[PATH_MAX + 32];
    spfs_format(path, sizeof(path), "%s/spfs.conf", d->work);
    if (!text || write_file(d, "secret", "sim-secret\n") || write_file(d, "spfs.conf", text) ||
        setenv("SPFS_CONFIG", path, 1))
        return spfs_fail(reason, -EIO, "cannot write into %s", d->work);
    return 0;
}

static int prepare(struct demo *d, const char *dir, struct spfs_reason *reason)
{
    char home[PATH_MAX] = "";
    const char *tmp = getenv("TMPDIR");
    if (!dir && spfs_paths_home(home))
        return spfs_fail(reason, -ENOENT, "no home directory; name a directory");
    if (dir ? spfs_mounts_resolve(dir, d->dir) : !spfs_format(d->dir, sizeof(d->dir), "%s/SharePoint", home))
        return spfs_fail(reason, -ENOENT, "cannot use the directory %s", dir ? dir : home);
    spfs_format(d->work, sizeof(d->work), "%s/spfs-demo.XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (!mkdtemp(d->work)) {
        d->work[0] = '\0';
        return spfs_fail(reason, -errno, "cannot make a temporary folder: %s", strerror(errno));
    }
    d->made_dir = mkdir(d->dir, 0700) == 0;
    return 0;
}

/* The mount command itself goes to the background once the mount answers. */
static int mount_it(struct demo *d, struct spfs_reason *reason)
{
    char self[] = "/proc/self/exe", verb[] = "mount", source[] = "sim:", stay[] = "-f";
    char *argv[] = {self, verb, source, d->dir, stay, NULL};
    struct spfs_mount m;
    int err = spawn(argv, &d->mount);
    if (err)
        return spfs_fail(reason, err, "cannot start the mount: %s", strerror(-err));
    struct pollfd p = {.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC),
                       .events = POLLPRI}; /* POLLPRI: the table has changed */
    uint64_t limit = spfs_now_ms() + START_MS;
    while (spfs_mounts_at(d->dir, &m) || strcmp(m.type, SPFS_MOUNT_TYPE) != 0) {
        if (waitpid(d->mount, NULL, WNOHANG) == d->mount) {
            d->mount = 0;
            err = -ECHILD;
            break;
        }
        if (spfs_now_ms() > limit) {
            err = -ETIMEDOUT;
            break;
        }
        poll(&p, 1, 200);
    }
    spfs_close_p(&p.fd);
    return err ? spfs_fail(reason, err, "the demonstration could not be mounted on %s", d->dir) : 0;
}

static void wait_for_end(const struct demo *d)
{
    printf("\nA simulated Microsoft 365 is mounted on %s. Try in another terminal or a file manager:\n\n"
           "  ls -lR '%s'\n  SPFS_CONFIG=%s/spfs.conf spfs status '%s'\n  tail -f %s/requests.log\n\nCtrl-C "
           "ends it.\n",
           d->dir, d->dir, d->work, d->dir, d->work);
    fflush(stdout);
    struct pollfd p = {.fd = d->signals, .events = POLLIN};
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return fd;
}

static int run(const struct spfs_args *args)
{
    struct demo d = {.signals = open_signals()};
    struct spfs_reason reason = {""};
    char url[256];
    int err = prepare(&d, args->words ? args->word[0] : NULL, &reason);
    if (!err)
        err = start_sim(&d, url, &reason);
    if (!err)
        err = configure(&d, url, &reason);
    if (!err)
        err = mount_it(&d, &reason);
    if (!err)
        wait_for_end(&d);
    end(&d.mount, STOP_MS);
    end(&d.sim, STOP_MS);
    if (d.made_dir)
        rmdir(d.dir);
    if (*d.work)
        nftw(d.work, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    spfs_close_p(&d.signals);
    return err ? spfs_say(&reason) : SPFS_DONE;
}
