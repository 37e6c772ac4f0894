/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Folders of state, cache and runtime. */
#include "paths_i.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int spfs_paths_home(char ret[PATH_MAX])
{
    struct passwd pw, *found = NULL;
    char buf[4096];
    int err = getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found);
    if (err || !found || !found->pw_dir || found->pw_dir[0] != '/')
        return err ? -err : -ENOENT;
    return spfs_copy(ret, PATH_MAX, found->pw_dir) ? 0 : -ENAMETOOLONG;
}

/* "$variable/spfs", else "~/below/spfs". The XDG rules: a relative value does not count. */
static int xdg(const char *variable, const char *below, char ret[PATH_MAX])
{
    char home[PATH_MAX];
    const char *value = getenv(variable);
    if (value && value[0] == '/')
        return spfs_format(ret, PATH_MAX, "%s/spfs", value) ? 0 : -ENAMETOOLONG;
    int err = spfs_paths_home(home);
    return err ? err : spfs_format(ret, PATH_MAX, "%s/%s/spfs", home, below) ? 0 : -ENAMETOOLONG;
}

static int base_of(const char *option, const char *root, const char *variable, const char *below,
                   char ret[PATH_MAX])
{
    if (option && option[0] != '/') { /* the daemon's working directory is / */
        char cwd[PATH_MAX];
        return !getcwd(cwd, sizeof(cwd))                          ? -errno
               : spfs_format(ret, PATH_MAX, "%s/%s", cwd, option) ? 0
                                                                  : -ENAMETOOLONG;
    }
    if (option)
        return spfs_copy(ret, PATH_MAX, option) ? 0 : -ENAMETOOLONG;
    if (geteuid() == 0)
        return spfs_copy(ret, PATH_MAX, root) ? 0 : -ENAMETOOLONG;
    return xdg(variable, below, ret);
}

int spfs_paths_runtime(uid_t uid, char ret[PATH_MAX])
{
    struct stat st;
    char dir[64];
    const char *own = uid == geteuid() ? getenv("XDG_RUNTIME_DIR") : NULL;
    if (uid == 0)
        return spfs_copy(ret, PATH_MAX, "/run/spfs") ? 0 : -ENAMETOOLONG;
    if (own && own[0] == '/')
        return spfs_format(ret, PATH_MAX, "%s/spfs", own) ? 0 : -ENAMETOOLONG;
    spfs_format(dir, sizeof(dir), "/run/user/%u", (unsigned)uid);
    if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
        return spfs_format(ret, PATH_MAX, "%s/spfs", dir) ? 0 : -ENAMETOOLONG;
    return spfs_format(ret, PATH_MAX, "/tmp/spfs-%u", (unsigned)uid) ? 0 : -ENAMETOOLONG;
}

int spfs_paths_find(const struct spfs_options *options, const char *name, const struct spfs_source *source,
                    struct spfs_paths *ret, struct spfs_reason *reason)
{
    char state[PATH_MAX], cache[PATH_MAX], leaf[NAME_MAX + 1], folder[128];
    int err = base_of(options->state_dir, "/var/lib/spfs", "XDG_STATE_HOME", ".local/state", state);
    if (!err)
        err = base_of(options->cache_dir, "/var/cache/spfs", "XDG_CACHE_HOME", ".cache", cache);
    if (!err)
        err = spfs_paths_runtime(geteuid(), ret->runtime);
    if (err)
        return spfs_fail(
            reason, err,
            "no folder for state and cache: user %u has no home; give state_dir and cache_dir with -o",
            (unsigned)getuid());
    spfs_source_escape(source, leaf);
    struct spfs_source as_path = {.path = ""};
    spfs_copy(as_path.path, sizeof(as_path.path), name);
    char escaped[NAME_MAX + 1];
    spfs_source_escape(&as_path, escaped);
    spfs_copy(folder, sizeof(folder), escaped);
    for (char *p = folder; *p; p++) /* names of connections are equal without regard to case */
        *p = (char)tolower((unsigned char)*p);
    if (!spfs_format(ret->connection, PATH_MAX, "%s/%s", state, folder) ||
        !spfs_format(ret->state, PATH_MAX, "%s/%s/%s", state, folder, leaf) ||
        !spfs_format(ret->cache, PATH_MAX, "%s/%s/%s", cache, folder, leaf))
        return spfs_fail(reason, -ENAMETOOLONG, "the folders for state and cache have too long a name");
    return 0;
}

static int make_all(const char *dir)
{
    char path[PATH_MAX];
    if (!spfs_copy(path, sizeof(path), dir))
        return -ENAMETOOLONG;
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
            int err = -errno;
            struct stat st;
            if (stat(path, &st) < 0)
                return err;
        }
        *p = end;
        if (!end)
            return 0;
    }
}

static int make_private(const char *dir, struct spfs_reason *reason)
{
    struct stat st;
    int err = make_all(dir);
    if (!err && stat(dir, &st) < 0)
        err = -errno;
    if (!err && !S_ISDIR(st.st_mode))
        err = -ENOTDIR;
    if (!err && access(dir, W_OK | X_OK) < 0)
        err = -errno;
    return err ? spfs_fail(reason, err, "cannot use the folder %s: %s", dir, strerror(-err)) : 0;
}

static int make_runtime(const char *dir, struct spfs_reason *reason)
{
    struct stat st;
    int err = make_private(dir, reason);
    if (err)
        return err;
    if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return spfs_fail(reason, -EPERM, "the folder %s belongs to somebody else; remove it", dir);
    return 0;
}

int spfs_paths_make_connection(const struct spfs_paths *paths, struct spfs_reason *reason)
{
    int err = make_private(paths->connection, reason);
    return err ? err : make_runtime(paths->runtime, reason);
}

int spfs_paths_make(const struct spfs_paths *paths, struct spfs_reason *reason)
{
    int err = spfs_paths_make_connection(paths, reason);
    if (!err)
        err = make_private(paths->state, reason);
    return err ? err : make_private(paths->cache, reason);
}

int spfs_paths_config(char ret[2][PATH_MAX])
{
    const char *only = getenv("SPFS_CONFIG");
    if (only && *only)
        return spfs_copy(ret[0], PATH_MAX, only) ? 1 : 0;
    spfs_copy(ret[0], PATH_MAX, "/etc/spfs/spfs.conf");
    char dir[PATH_MAX];
    if (xdg("XDG_CONFIG_HOME", ".config", dir) || !spfs_format(ret[1], PATH_MAX, "%s/spfs.conf", dir))
        return 1;
    return 2;
}
