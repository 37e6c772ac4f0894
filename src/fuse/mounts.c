/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the table of mounts, and unmounting. */
#include <spfs/fuse/mounts.h>

#include "fusermount_i.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* \040 and the like, in place. */
static void unescape(char *s)
{
    char *out = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
            s[3] <= '7') {
            *out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 3;
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
}

static bool take_field(char *dst, size_t size, const char *src)
{
    if (!spfs_copy(dst, size, src))
        return false;
    unescape(dst);
    return true;
}

/* Decimal digits at *p, which moves past them. */
static bool take_number(const char **p, unsigned *ret)
{
    char *end;
    if (**p < '0' || **p > '9')
        return false;
    unsigned long value = strtoul(*p, &end, 10);
    *p = end;
    *ret = (unsigned)value;
    return value <= UINT_MAX;
}

static bool take_device(const char *p, struct spfs_mount *ret)
{
    return take_number(&p, &ret->major) && *p++ == ':' && take_number(&p, &ret->minor) && !*p;
}

static uid_t user_of(const char *super)
{
    static const char key[] = "user_id=";
    const char *p = strstr(super, key);
    unsigned id;
    if (p)
        p += strlen(key);
    return p && take_number(&p, &id) ? (uid_t)id : (uid_t)-1;
}

bool spfs_mounts_parse(const char *line, struct spfs_mount *ret)
{
    SPFS_FREE char *copy = strdup(line);
    char *save = NULL, *before[6];
    if (!copy)
        return false;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(before); i++)
        if (!(before[i] = strtok_r(i ? NULL : copy, " \n", &save)))
            return false;
    for (char *optional; (optional = strtok_r(NULL, " \n", &save)) && strcmp(optional, "-") != 0;)
        ;
    const char *type = strtok_r(NULL, " \n", &save);
    const char *source = strtok_r(NULL, " \n", &save);
    const char *super = strtok_r(NULL, "\n", &save);
    if (!type || !source || !take_device(before[2], ret))
        return false;
    ret->user_id = user_of(super ? super : "");
    ret->read_only = strncmp(before[5], "ro", 2) == 0 && (before[5][2] == ',' || before[5][2] == '\0');
    return take_field(ret->root, sizeof(ret->root), before[3]) &&
           take_field(ret->dir, sizeof(ret->dir), before[4]) &&
           take_field(ret->type, sizeof(ret->type), type) &&
           take_field(ret->source, sizeof(ret->source), source);
}

int spfs_mounts_each(int (*cb)(void *ctx, const struct spfs_mount *m), void *ctx)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    if (!f)
        return -errno;
    SPFS_FREE struct spfs_mount *m = malloc(sizeof(*m));
    SPFS_FREE char *line = NULL;
    size_t size = 0;
    int err = m ? 0 : -ENOMEM;
    while (!err && getline(&line, &size, f) > 0)
        if (spfs_mounts_parse(line, m))
            err = cb(ctx, m);
    fclose(f);
    return err;
}

struct search {
    const char *path;
    struct spfs_mount *ret;
    size_t best; /* length of the best mountpoint so far, plus one */
};

static int match_exactly(void *ctx, const struct spfs_mount *m)
{
    struct search *s = ctx;
    if (strcmp(m->dir, s->path) == 0) {
        *s->ret = *m;
        s->best = 1;
    }
    return 0;
}

int spfs_mounts_at(const char *dir, struct spfs_mount *ret)
{
    struct search s = {.path = dir, .ret = ret};
    int err = spfs_mounts_each(match_exactly, &s);
    return err ? err : s.best ? 0 : -ENOENT;
}

/* Length of dir when path is it or lies below it, else -1. */
static ssize_t covers(const char *dir, const char *path)
{
    size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
    return strncmp(dir, path, len) == 0 && (path[len] == '/' || path[len] == '\0') ? (ssize_t)len : -1;
}

static int match_deepest(void *ctx, const struct spfs_mount *m)
{
    struct search *s = ctx;
    ssize_t len = covers(m->dir, s->path);
    if (len >= 0 && (size_t)len + 1 >= s->best) {
        *s->ret = *m;
        s->best = (size_t)len + 1;
    }
    return 0;
}

int spfs_mounts_holding(const char *path, struct spfs_mount *ret, char rest[PATH_MAX])
{
    struct search s = {.path = path, .ret = ret};
    int err = spfs_mounts_each(match_deepest, &s);
    if (err)
        return err;
    if (!s.best || strcmp(ret->type, SPFS_MOUNT_TYPE) != 0)
        return -ENOENT;
    const char *below = path + (s.best - 1);
    char joined[2 * PATH_MAX];
    spfs_format(joined, sizeof(joined), "%s%s", strcmp(ret->root, "/") == 0 ? "" : ret->root, below);
    return spfs_copy(rest, PATH_MAX, joined[0] == '/' ? joined + 1 : joined) ? 0 : -ENAMETOOLONG;
}

int spfs_mounts_resolve(const char *path, char ret[PATH_MAX])
{
    char parent[PATH_MAX], base[PATH_MAX];
    if (!spfs_copy(parent, sizeof(parent), path) || !*path)
        return *path ? -ENAMETOOLONG : -ENOENT;
    size_t len = strlen(parent);
    while (len > 1 && parent[len - 1] == '/')
        parent[--len] = '\0';
    char *slash = strrchr(parent, '/');
    const char *last = slash ? slash + 1 : parent;
    struct stat st;
    bool is_link = lstat(parent, &st) == 0 && S_ISLNK(st.st_mode);
    if (is_link || !*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return realpath(parent, ret) ? 0 : -errno;
    spfs_copy(base, sizeof(base), last);
    const char *above = ".";
    if (slash) {
        slash[slash == parent ? 1 : 0] = '\0';
        above = parent;
    }
    if (!realpath(above, ret))
        return -errno;
    size_t used = strcmp(ret, "/") == 0 ? 0 : strlen(ret);
    return spfs_format(ret + used, PATH_MAX - used, "/%s", base) ? 0 : -ENAMETOOLONG;
}

bool spfs_mounts_is_dead(const char *dir)
{
    struct statfs
        st; /* always asked of the daemon; stat may be answered by the kernel for a day after its death */
    return statfs(dir, &st) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

int spfs_mounts_detach(const char *dir, bool lazy, struct spfs_reason *reason)
{
    if (umount2(dir, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
        return 0;
    int err = -errno;
    if (err == -EPERM)
        err = fusermount_unmount(dir, lazy);
    switch (err) {
    case 0:
        return 0;
    case -EBUSY:
        return spfs_fail(reason, err, "%s is in use; close what is open there, or use --force", dir);
    case -EINVAL:
        return spfs_fail(reason, err, "%s is not mounted", dir);
    default:
        return spfs_fail(reason, err, "cannot unmount %s: %s", dir, strerror(-err));
    }
}
