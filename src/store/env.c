/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening, checking and discarding an environment. See env_i.h. */
#include "env_i.h"

#include <spfs/base/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_MIN ((uint64_t)64 << 20)

void env_init(struct env *e)
{
    memset(e, 0, sizeof(*e));
    spfs_lock_init(&e->writer, SPFS_RANK_STORE);
    e->owner_fd = e->data_fd = -1;
}

void env_boot_id(char out[37])
{
    SPFS_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    bool told = fd >= 0 && read(fd, out, 36) == 36;
    out[told ? 36 : 0] = '\0';
}

/* Who holds the owner file, as written there; 0 when unreadable. */
static long owner_of(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

int env_own(struct env *e, const char *dir, const char *name, struct spfs_reason *reason)
{
    char owner[PATH_MAX];
    if (!spfs_format(e->path, sizeof(e->path), "%s/%s", dir, name) ||
        !spfs_format(owner, sizeof(owner), "%s/%s-owner", dir, name))
        return spfs_fail(reason, -ENAMETOOLONG, "The directory name %s is too long.", dir);
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return spfs_fail(reason, -errno, "Cannot make %s: %s.", dir, strerror(errno));
    SPFS_CLOSE int fd = open(owner, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return spfs_fail(reason, -errno, "Cannot open %s: %s.", owner, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return spfs_fail(reason, -errno, "Cannot lock %s: %s.", owner, strerror(errno));
        return spfs_fail(reason, -EBUSY, "%s is in use by process %ld; unmount that one first.", e->path,
                         owner_of(fd));
    }
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    /* For people only: a full disk must not keep us from opening. */
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0)
        spfs_debug("cannot write %s: %s", owner, strerror(errno));
    e->owner_fd = spfs_take_fd(&fd);
    return 0;
}

static int open_lmdb(struct env *e, const struct env_spec *spec)
{
    int rc = mdb_env_create(&e->lmdb);
    if (rc)
        return env_errno(rc);
    uint64_t size = spec->map_size;
    do {
        mdb_env_set_maxreaders(e->lmdb, 512);
        mdb_env_set_maxdbs(e->lmdb, ENV_TABLES + 1);
        mdb_env_set_mapsize(e->lmdb, (size_t)size);
        rc = mdb_env_open(e->lmdb, e->path, MDB_NOSUBDIR | MDB_NOTLS | spec->flags, 0600);
        if (rc == 0)
            return 0;
        /* LMDB allows nothing but close after a failed open. */
        mdb_env_close(e->lmdb);
        e->lmdb = NULL;
        size /= 2;
    } while (rc == ENOMEM && size >= MAP_MIN && mdb_env_create(&e->lmdb) == 0);
    return env_errno(rc);
}

/* Whether the file holds every page that its meta page counts. Must come before anything else is read. */
static int check_length(struct env *e)
{
    MDB_stat stat;
    struct stat st;
    mdb_env_stat(e->lmdb, &stat);
    e->page_size = stat.ms_psize;
    if (mdb_env_get_fd(e->lmdb, &e->data_fd) || fstat(e->data_fd, &st) < 0)
        return -EIO;
    e->file_size = (uint64_t)st.st_size;
    return e->file_size < env_bytes(e) ? -EBADMSG : 0;
}

static int open_tables(struct env *e, const struct env_spec *spec)
{
    MDB_txn *txn;
    int err = env_write(e, &txn);
    if (err)
        return err;
    int rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &e->meta);
    for (size_t i = 0; !rc && i < spec->table_count; i++)
        rc = mdb_dbi_open(txn, spec->tables[i].name, MDB_CREATE | spec->tables[i].flags, &e->tables[i]);
    err = rc == MDB_INCOMPATIBLE ? -EBADMSG : env_errno(rc);
    if (!err) {
        char format[32] = "";
        size_t n = strlen(spec->format);
        err = env_meta_get(e, txn, "format", format, n);
        e->fresh = err == -ENOENT;
        if (e->fresh)
            err = env_meta_put(e, txn, "format", spec->format, n);
        else if (!err && memcmp(format, spec->format, n) != 0)
            err = -EBADMSG;
    }
    if (err) {
        mdb_txn_abort(txn);
        return err;
    }
    return env_commit(txn);
}

int env_open(struct env *e, const struct env_spec *spec, struct spfs_reason *reason)
{
    char lock[PATH_MAX];
    e->slack = spec->slack;
    /* We are the only owner: what a killed process left in the reader table is void. */
    if (!spfs_format(lock, sizeof(lock), "%s-lock", e->path))
        return spfs_fail(reason, -ENAMETOOLONG, "The name %s is too long.", e->path);
    unlink(lock);
    struct stat st;
    if (lstat(e->path, &st) == 0 && !S_ISREG(st.st_mode))
        return spfs_fail(reason, -EACCES, "%s is not a regular file; remove it and try again.", e->path);
    int err = open_lmdb(e, spec);
    if (!err)
        err = check_length(e);
    if (!err)
        err = open_tables(e, spec);
    if (!err)
        return 0;
    env_close(e);
    if (err == -EBADMSG)
        return spfs_fail(reason, err, "%s is damaged or of another format.", e->path);
    return spfs_fail(reason, err, "Cannot open %s: %s.", e->path, strerror(-err));
}

int env_discard(struct env *e, bool aside)
{
    char bad[PATH_MAX];
    if (!aside)
        return unlink(e->path) < 0 && errno != ENOENT ? -errno : 0;
    if (!spfs_format(bad, sizeof(bad), "%s.bad-1", e->path))
        return -ENAMETOOLONG;
    return rename(e->path, bad) < 0 && errno != ENOENT ? -errno : 0;
}

void env_close(struct env *e)
{
    if (!e->lmdb)
        return;
    for (size_t i = 0; i < ENV_READERS; i++) {
        if (e->readers[i].txn)
            mdb_txn_abort(e->readers[i].txn);
        e->readers[i].txn = NULL;
    }
    mdb_env_close(e->lmdb);
    e->lmdb = NULL;
    e->data_fd = -1;
}

void env_done(struct env *e)
{
    env_close(e);
    if (e->owner_fd >= 0)
        close(e->owner_fd); /* the file stays: removing it would race with the next owner's lock */
    e->owner_fd = -1;
    spfs_lock_done(&e->writer);
}
