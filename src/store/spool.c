// SPDX-License-Identifier: GPL-3.0-or-later
/* The spool's entries: made, found, counted, removed. Reading and writing them is in spool_io.c.
 *
 * Invariant: one struct an entry; it leaves the list when nobody uses it and it is flushed, or removed. Its
 * file is closed while nobody uses it, so that a thousand entries that wait for their flush hold no
 * descriptors. Two processes on one spool are kept apart by the journal's owner file in the same directory.
 */
#include "spool_i.h"
#include "env_i.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define EPOCH_MAX  UINT32_MAX
#define COUNT_BITS 32

SPFS_DEFINE_CLEANUP(DIR *, closedir, closedir_p)

void spool_name(char out[32], uint64_t id)
{
    snprintf(out, 32, "%016llx", (unsigned long long)id);
}

static void epoch_name(char out[32], uint64_t epoch)
{
    snprintf(out, 32, "epoch-%08llx", (unsigned long long)epoch);
}

static bool parse_hex(const char *s, size_t digits, uint64_t *ret)
{
    if (strlen(s) != digits || strspn(s, "0123456789abcdef") != digits)
        return false;
    *ret = strtoull(s, NULL, 16);
    return true;
}

static int each_name(struct spfs_spool *s, int (*fn)(struct spfs_spool *s, const char *name, void *ctx),
                     void *ctx)
{
    SPFS_CLOSE int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -EIO;
    SPFS_CLEANUP(closedir_p) DIR *d = fdopendir(fd);
    if (!d)
        return -ENOMEM;
    spfs_take_fd(&fd);
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (!e)
            return errno ? -EIO : 0;
        int err = fn(s, e->d_name, ctx);
        if (err)
            return err;
    }
}

struct each {
    int (*fn)(struct spfs_spool *s, uint64_t id, void *ctx);
    void *ctx;
};

static int each_entry(struct spfs_spool *s, const char *name, void *ctx)
{
    const struct each *e = ctx;
    uint64_t id;
    return parse_hex(name, 16, &id) ? e->fn(s, id, e->ctx) : 0;
}

int spool_each(struct spfs_spool *s, int (*fn)(struct spfs_spool *s, uint64_t id, void *ctx), void *ctx)
{
    struct each e = {.fn = fn, .ctx = ctx};
    return each_name(s, each_entry, &e);
}

struct epochs {
    uint64_t written; /* 0: none */
    uint64_t used;    /* the highest of all */
};

static int note_epoch(struct spfs_spool *s, const char *name, void *ctx)
{
    (void)s;
    struct epochs *e = ctx;
    uint64_t v;
    if (spfs_starts(name, "epoch-") && parse_hex(name + 6, 8, &v)) {
        if (v > e->written)
            e->written = v;
    } else if (parse_hex(name, 16, &v)) {
        s->inherited = true;
        v >>= COUNT_BITS;
    } else {
        return 0;
    }
    if (v > e->used)
        e->used = v;
    return 0;
}

/* By a rename, which a full disk does not refuse. */
static int raise_epoch(struct spfs_spool *s)
{
    struct epochs e = {0};
    int err = each_name(s, note_epoch, &e);
    if (err)
        return err;
    if (e.used >= EPOCH_MAX)
        return -EIO;
    char was[32], is[32];
    s->epoch = e.used + 1;
    epoch_name(was, e.written);
    epoch_name(is, s->epoch);
    if (e.written == 0) {
        SPFS_CLOSE int fd = openat(s->dir, is, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return file_errno(errno);
    } else if (renameat(s->dir, was, s->dir, is) < 0) {
        return file_errno(errno);
    }
    return s->io->sync_dir(s->dir) < 0 ? -EIO : 0;
}

static int open_dir(const struct file_io *io, const char *dir, int *ret)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return -errno;
    SPFS_CLOSE int above = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above < 0)
        return -errno;
    bool made = mkdirat(above, "spool", 0700) == 0;
    if (!made && errno != EEXIST)
        return -errno;
    if (made && io->sync_dir(above) < 0)
        return -EIO;
    *ret = openat(above, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *ret < 0 ? -errno : 0;
}

int spool_open(const struct file_io *io, const char *dir, struct spfs_spool **ret, struct spfs_reason *reason)
{
    SPFS_FREE struct spfs_spool *s = calloc(1, sizeof(*s));
    if (!s)
        return spfs_fail(reason, -ENOMEM, "Out of memory.");
    s->io = io;
    SPFS_CLOSE int fd = -1;
    int err = open_dir(io, dir, &fd);
    s->dir = fd;
    if (!err)
        err = raise_epoch(s);
    if (err)
        return spfs_fail(reason, err, "Cannot open %s/spool: %s.", dir, strerror(-err));
    spfs_take_fd(&fd);
    spfs_lock_init(&s->lock, SPFS_RANK_STORE_MEM);
    spfs_cond_init(&s->idle);
    *ret = TAKE(s);
    return 0;
}

int spfs_spool_open(const char *dir, struct spfs_spool **ret, struct spfs_reason *reason)
{
    return spool_open(&file_io_real, dir, ret, reason);
}

void spfs_spool_close(struct spfs_spool *s)
{
    if (!s)
        return;
    while (s->files) {
        struct spfs_spool_file *f = s->files;
        s->files = f->next;
        if (f->fd >= 0)
            close(f->fd);
        free(f);
    }
    close(s->dir);
    spfs_cond_done(&s->idle);
    spfs_lock_done(&s->lock);
    free(s);
}

static struct spfs_spool_file *find_locked(struct spfs_spool *s, uint64_t id)
{
    for (struct spfs_spool_file *f = s->files; f; f = f->next)
        if (f->id == id && !f->removed)
            return f;
    return NULL;
}

static struct spfs_spool_file *add_locked(struct spfs_spool *s, uint64_t id)
{
    struct spfs_spool_file *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->spool = s;
    f->id = id;
    f->fd = -1;
    f->next = s->files;
    s->files = f;
    return f;
}

/* When nobody uses it and nothing of it waits. */
static void drop_locked(struct spfs_spool *s, struct spfs_spool_file *f)
{
    if (f->refs > 0)
        return;
    if (f->fd >= 0)
        close(spfs_take_fd(&f->fd));
    if ((f->dirty || f->broken) && !f->removed)
        return;
    struct spfs_spool_file **p = &s->files;
    while (*p != f)
        p = &(*p)->next;
    *p = f->next;
    free(f);
}

int spfs_spool_create(struct spfs_spool *s, uint64_t *ret_id, struct spfs_spool_file **ret)
{
    char name[32];
    uint64_t id, count;
    {
        SPFS_LOCKED(&s->lock);
        count = ++s->count;
    }
    if (count >> COUNT_BITS)
        return -ENOSPC;
    id = s->epoch << COUNT_BITS | count;
    spool_name(name, id);
    SPFS_CLOSE int fd = openat(s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return file_errno(errno);
    SPFS_LOCKED(&s->lock);
    struct spfs_spool_file *f = add_locked(s, id);
    if (!f) {
        unlinkat(s->dir, name, 0);
        return -ENOMEM;
    }
    f->fd = spfs_take_fd(&fd);
    f->refs = 1;
    f->dirty = true; /* its name waits for a flush */
    f->made = ++s->made;
    *ret_id = id;
    *ret = f;
    return 0;
}

int spfs_spool_get(struct spfs_spool *s, uint64_t id, struct spfs_spool_file **ret)
{
    char name[32];
    spool_name(name, id);
    SPFS_CLOSE int fd = -1;
    for (;;) {
        {
            SPFS_LOCKED(&s->lock);
            struct spfs_spool_file *f = find_locked(s, id);
            if (fd >= 0 && !f && !(f = add_locked(s, id)))
                return -ENOMEM;
            if (f && f->fd < 0 && fd >= 0) {
                struct stat st;
                if (fstat(fd, &st) < 0)
                    return -EIO;
                f->end = (uint64_t)st.st_size;
                f->fd = spfs_take_fd(&fd);
            }
            if (f && f->fd >= 0) {
                f->refs++;
                *ret = f;
                return 0;
            }
        }
        fd = openat(s->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            return errno == ENOENT ? -ENOENT : -EIO;
    }
}

void spfs_spool_put(struct spfs_spool_file *f)
{
    if (!f)
        return;
    struct spfs_spool *s = f->spool;
    SPFS_LOCKED(&s->lock);
    f->refs--;
    drop_locked(s, f);
}

uint64_t spfs_spool_id(const struct spfs_spool_file *f)
{
    return f->id;
}

int spfs_spool_remove(struct spfs_spool *s, uint64_t id)
{
    char name[32];
    spool_name(name, id);
    if (unlinkat(s->dir, name, 0) < 0)
        return errno == ENOENT ? -ENOENT : -EIO;
    SPFS_LOCKED(&s->lock);
    struct spfs_spool_file *f = find_locked(s, id);
    if (f) {
        f->removed = true;
        drop_locked(s, f);
    }
    return 0;
}

struct sweep {
    bool (*wanted)(void *ctx, uint64_t id);
    void *ctx;
};

static int sweep_one(struct spfs_spool *s, uint64_t id, void *ctx)
{
    const struct sweep *w = ctx;
    if (w->wanted(w->ctx, id))
        return 0;
    int err = spfs_spool_remove(s, id);
    return err == -ENOENT ? 0 : err;
}

int spfs_spool_sweep(struct spfs_spool *s, bool (*wanted)(void *ctx, uint64_t id), void *ctx)
{
    struct sweep w = {.wanted = wanted, .ctx = ctx};
    return spool_each(s, sweep_one, &w);
}

static int add_bytes(struct spfs_spool *s, uint64_t id, void *ctx)
{
    char name[32];
    struct stat st;
    spool_name(name, id);
    if (fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *(uint64_t *)ctx += (uint64_t)st.st_blocks * 512;
    return 0;
}

uint64_t spfs_spool_bytes(struct spfs_spool *s)
{
    uint64_t sum = 0;
    spool_each(s, add_bytes, &sum);
    return sum;
}
