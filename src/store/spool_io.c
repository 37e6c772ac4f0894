// SPDX-License-Identifier: GPL-3.0-or-later
/* Reading, writing and flushing the entries of the spool.
 *
 * States of an entry: any number of writes under way (users), or one that needs it alone (alone). Flushes of
 * one entry go one after another, since the kernel tells of a failed write-back once: each must see what the
 * one before met. An entry whose flush failed answers -EIO to every later one. Threads: see spool_i.h. */
#include "spool_i.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void enter(struct spfs_spool_file *f, bool alone)
{
    struct spfs_spool *s = f->spool;
    SPFS_LOCKED(&s->lock);
    while (f->alone)
        spfs_cond_wait(&s->idle, &s->lock);
    if (!alone) {
        f->users++;
        return;
    }
    f->alone = true; /* no new ones from here on */
    while (f->users > 0)
        spfs_cond_wait(&s->idle, &s->lock);
}

/* The entry has changed; end: of what was written. */
static void leave(struct spfs_spool_file *f, bool alone, uint64_t end)
{
    struct spfs_spool *s = f->spool;
    SPFS_LOCKED(&s->lock);
    if (alone)
        f->alone = false;
    else
        f->users--;
    f->dirty = true;
    if (end > f->end)
        f->end = end;
    spfs_cond_broadcast(&s->idle);
}

static bool in_range(uint64_t off, uint64_t n)
{
    return off <= INT64_MAX && n <= INT64_MAX - off;
}

/* Takes back what a failed write left at and behind `from`, which was beyond the end when it began: bytes
 * become a hole, and the file as long as the successful writes made it. */
static void undo(struct spfs_spool_file *f, uint64_t from, uint64_t to)
{
    const struct spfs_spool *s = f->spool;
    enter(f, true);
    /* Alone: nobody moves the end now. */
    uint64_t end = f->end;
    if (from < end)
        fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from));
    s->io->truncate(f->fd, (off_t)end);
    leave(f, true, 0);
}

int spfs_spool_write(struct spfs_spool_file *f, uint64_t off, const void *p, size_t n)
{
    if (!in_range(off, n))
        return -ENOSPC;
    if (n == 0)
        return 0;
    enter(f, false);
    struct spfs_spool *s = f->spool;
    uint64_t end;
    {
        SPFS_LOCKED(&s->lock);
        end = f->end;
    }
    size_t done;
    int err = file_put(s->io, f->fd, p, n, (off_t)off, &done);
    leave(f, false, err ? 0 : off + n);
    if (err && off + done > end)
        undo(f, off > end ? off : end, off + done);
    return err;
}

ssize_t spfs_spool_read(struct spfs_spool_file *f, uint64_t off, void *p, size_t n)
{
    if (off > INT64_MAX)
        return 0;
    size_t done = 0;
    while (done < n) {
        ssize_t r = pread(f->fd, (char *)p + done, n - done, (off_t)(off + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -EIO;
        if (r == 0)
            break;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

int spfs_spool_truncate(struct spfs_spool_file *f, uint64_t size)
{
    if (!in_range(size, 0))
        return -ENOSPC;
    struct spfs_spool *s = f->spool;
    enter(f, true);
    int err = s->io->truncate(f->fd, (off_t)size) < 0 ? file_errno(errno) : 0;
    if (!err) {
        SPFS_LOCKED(&s->lock);
        f->end = size;
    }
    leave(f, true, 0);
    return err;
}

int spfs_spool_punch(struct spfs_spool_file *f, uint64_t off, uint64_t n)
{
    if (!in_range(off, n))
        return -ENOSPC;
    if (n == 0)
        return 0;
    enter(f, false);
    int err = 0;
    if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)n) < 0)
        err = file_errno(errno);
    leave(f, false, 0);
    return err;
}

/* The directory entry, if it is not durable yet. One flush serves all entries made before it. */
static int flush_name(struct spfs_spool *s, uint64_t made)
{
    uint64_t upto;
    {
        SPFS_LOCKED(&s->lock);
        if (s->named >= made)
            return 0;
        upto = s->made;
    }
    if (s->io->sync_dir(s->dir) < 0)
        return -EIO;
    SPFS_LOCKED(&s->lock);
    if (upto > s->named)
        s->named = upto;
    return 0;
}

int spfs_spool_flush(struct spfs_spool_file *f)
{
    struct spfs_spool *s = f->spool;
    {
        SPFS_LOCKED(&s->lock);
        while (f->flushing)
            spfs_cond_wait(&s->idle, &s->lock);
        if (f->broken)
            return -EIO;
        f->flushing = true;
        f->dirty = false;
    }
    /* Also when it is not dirty: an earlier life may have written to it. */
    int err = s->io->sync(f->fd) < 0 ? -EIO : 0;
    if (!err)
        err = flush_name(s, f->made);
    SPFS_LOCKED(&s->lock);
    f->flushing = false;
    if (err)
        f->broken = true;
    spfs_cond_broadcast(&s->idle);
    return err;
}

struct ids {
    uint64_t *v;
    size_t n, cap;
};

static int add_id(struct ids *l, uint64_t id)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        uint64_t *v = realloc(l->v, cap * sizeof(*v));
        if (!v)
            return -ENOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = id;
    return 0;
}

static int add_inherited(struct spfs_spool *s, uint64_t id, void *ctx)
{
    return id >> 32 == s->epoch ? 0 : add_id(ctx, id);
}

static void done_ids(struct ids *l)
{
    free(l->v);
}

int spfs_spool_flush_all(struct spfs_spool *s)
{
    SPFS_CLEANUP(done_ids) struct ids ids = {0};
    bool inherited;
    int err = 0;
    {
        SPFS_LOCKED(&s->lock);
        inherited = s->inherited;
        for (struct spfs_spool_file *f = s->files; f && !err; f = f->next)
            if ((f->dirty || f->flushing || f->broken) && !f->removed)
                err = add_id(&ids, f->id);
    }
    if (inherited && !err)
        err = spool_each(s, add_inherited, &ids);
    if (err)
        return err;
    for (size_t i = 0; i < ids.n; i++) {
        struct spfs_spool_file *f;
        int rc = spfs_spool_get(s, ids.v[i], &f);
        if (rc == 0) {
            rc = spfs_spool_flush(f);
            spfs_spool_put(f);
        }
        if (rc && rc != -ENOENT && !err)
            err = rc;
    }
    if (inherited && !err) {
        SPFS_LOCKED(&s->lock);
        s->inherited = false;
    }
    return err;
}
