// SPDX-License-Identifier: GPL-3.0-or-later
/* The journal's writer: append, flush, segments, trim.
 *
 * States: open → broken (a flush failed; only close is left). One thread at a time is `flushing`, without the
 * lock; the others wait and find their records covered. Who finds the segment full is `rolling` besides:
 * appends wait until the old segment is durable and the new one has its name. That is the only disk flush an
 * append can meet, once in JOURNAL_SEGMENT bytes, and what makes a gap between segments a sure sign of
 * damage.
 * Invariants: the file beyond `end` holds nothing that counts: an append that failed is cut off, or written
 * over by the next. flushed ≤ last. fd changes only while rolling.
 * Threads: lock (SPFS_RANK_STORE_MEM). Ownership: the owner's lock of DIR/journal-owner, until close. */
#include "journal_i.h"
#include "env_i.h"

#include <spfs/base/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct spfs_journal {
    struct journal_options o;
    struct env owner; /* for its owner file only */
    int dir;
    struct spfs_lock lock;
    struct spfs_cond idle;
    int fd;                   /* the last segment */
    size_t end;               /* guarded by: lock */
    struct journal_log log;   /* segments; guarded by: lock */
    struct spfs_buf record;   /* guarded by: lock */
    bool flushing, rolling;   /* guarded by: lock */
    bool broken;              /* guarded by: lock */
    _Atomic uint64_t last;    /* written under lock */
    _Atomic uint64_t flushed; /* written under lock */
};

/* Makes the segment durable, then gives it its name. ret_unsure: a flush failed, the journal must not go on.
 */
static int new_segment(struct spfs_journal *j, uint64_t first, int *ret, bool *ret_unsure)
{
    unlinkat(j->dir, JOURNAL_NEW, 0);
    SPFS_CLOSE int fd = openat(j->dir, JOURNAL_NEW, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return file_errno(errno);
    struct journal_head h;
    char name[32];
    size_t done;
    journal_head_seal(&h, JOURNAL_MAGIC, j->log.uuid, first);
    journal_segment_name(name, first);
    int err = file_put(j->o.io, fd, &h, sizeof(h), 0, &done);
    if (!err && j->o.io->sync(fd) < 0) {
        *ret_unsure = true;
        err = -EIO;
    }
    if (!err && renameat(j->dir, JOURNAL_NEW, j->dir, name) < 0)
        err = file_errno(errno);
    if (err) {
        unlinkat(j->dir, JOURNAL_NEW, 0);
        return err;
    }
    if (j->o.io->sync_dir(j->dir) < 0) {
        *ret_unsure = true;
        return -EIO;
    }
    *ret = spfs_take_fd(&fd);
    return 0;
}

/* Begins the segment of record `first` in place of the present one, if there is one. */
static int change_segment(struct spfs_journal *j, uint64_t first, bool *ret_unsure)
{
    int fd, err = new_segment(j, first, &fd, ret_unsure);
    if (err)
        return err;
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    return 0;
}

/* The caller holds the lock, which is dropped meanwhile; no append and no flush is under way. */
static int roll_locked(struct spfs_journal *j)
{
    int err = journal_log_reserve(&j->log);
    if (err)
        return err;
    uint64_t last = j->last;
    bool durable = j->flushed == last, unsure = false;
    j->rolling = j->flushing = true;
    spfs_lock_drop(&j->lock);
    if (!durable)
        durable = j->o.io->sync(j->fd) == 0;
    err = durable ? change_segment(j, last + 1, &unsure) : -EIO;
    spfs_lock_take(&j->lock);
    j->rolling = j->flushing = false;
    if (durable)
        j->flushed = last;
    if (!err) {
        j->log.first[j->log.n++] = last + 1;
        j->end = sizeof(struct journal_head);
    }
    j->broken = !durable || unsure;
    spfs_cond_broadcast(&j->idle);
    return err;
}

/* Until a record of `need` bytes may be added. */
static int make_room_locked(struct spfs_journal *j, size_t need)
{
    for (;;) {
        bool fits = j->end == sizeof(struct journal_head) || j->end + need <= j->o.segment;
        if (j->broken)
            return -EIO;
        if (fits && !j->rolling)
            return 0;
        if (j->flushing) {
            spfs_cond_wait(&j->idle, &j->lock);
            continue;
        }
        int err = roll_locked(j);
        if (err)
            return err;
    }
}

int spfs_journal_append(struct spfs_journal *j, uint16_t type, const void *p, size_t len, uint64_t *ret_lsn)
{
    if (len > SPFS_JOURNAL_RECORD_MAX)
        return -EMSGSIZE;
    SPFS_LOCKED(&j->lock);
    size_t size = sizeof(struct journal_record) + len, done;
    int err = make_room_locked(j, size);
    if (err)
        return err;
    struct journal_record r = {.lsn = j->last + 1, .len = (uint32_t)len, .type = type};
    spfs_buf_reset(&j->record);
    err = spfs_buf_add(&j->record, &r, sizeof(r));
    if (!err)
        err = spfs_buf_add(&j->record, p, len);
    if (err)
        return err;
    r.sum = journal_record_sum(j->log.uuid, j->record.data, size);
    memcpy(j->record.data, &r.sum, sizeof(r.sum));
    err = file_put(j->o.io, j->fd, j->record.data, size, (off_t)j->end, &done);
    if (err) {
        /* Should even this fail: a part of a record is no record, and the next one is written over it. */
        if (done > 0 && j->o.io->truncate(j->fd, (off_t)j->end) < 0)
            spfs_debug("cannot cut the journal back: %s", strerror(errno));
        return err;
    }
    j->end += size;
    j->last = r.lsn;
    if (ret_lsn)
        *ret_lsn = r.lsn;
    return 0;
}

int spfs_journal_flush(struct spfs_journal *j)
{
    SPFS_LOCKED(&j->lock);
    uint64_t target = j->last;
    while (!j->broken && j->flushed < target) {
        if (j->flushing) {
            spfs_cond_wait(&j->idle, &j->lock);
            continue;
        }
        uint64_t upto = j->last;
        int fd = j->fd;
        j->flushing = true;
        spfs_lock_drop(&j->lock);
        bool failed = j->o.io->sync(fd) < 0;
        spfs_lock_take(&j->lock);
        j->flushing = false;
        if (failed)
            j->broken = true;
        else
            j->flushed = upto;
        spfs_cond_broadcast(&j->idle);
    }
    return j->broken ? -EIO : 0;
}

uint64_t spfs_journal_last(const struct spfs_journal *j)
{
    return j->last;
}

uint64_t spfs_journal_flushed(const struct spfs_journal *j)
{
    return j->flushed;
}

int spfs_journal_trim(struct spfs_journal *j, uint64_t lsn)
{
    for (;;) {
        char name[32];
        {
            SPFS_LOCKED(&j->lock);
            if (j->broken)
                return -EIO;
            if (j->log.n < 2 || j->log.first[1] - 1 > lsn)
                return 0;
            journal_segment_name(name, j->log.first[0]);
            j->log.n--;
            memmove(j->log.first, j->log.first + 1, j->log.n * sizeof(*j->log.first));
        }
        /* One that stays, by an error or a loss of power, is known at the next open to be of no use. */
        if (unlinkat(j->dir, name, 0) < 0 && errno != ENOENT)
            return -EIO;
    }
}

/* The last segment as it was found: cut behind the last good record, durable. */
static int resume(struct spfs_journal *j)
{
    char name[32];
    journal_segment_name(name, j->log.first[j->log.n - 1]);
    j->fd = openat(j->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (j->fd < 0)
        return -EIO;
    if (j->log.size > j->log.end && j->o.io->truncate(j->fd, (off_t)j->log.end) < 0)
        return -EIO;
    if ((j->log.size > j->log.end || !j->log.clean) && j->o.io->sync(j->fd) < 0)
        return -EIO;
    j->end = j->log.end;
    return 0;
}

/* From here on files are changed. */
static int begin(struct spfs_journal *j, const char *dir, uint64_t after)
{
    int err = journal_log_reserve(&j->log);
    if (err)
        return err;
    if (j->log.n == 0) {
        spfs_random_bytes(j->log.uuid, sizeof(j->log.uuid));
        SPFS_CLOSE int parent = openat(j->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0 || j->o.io->sync_dir(parent) < 0)
            spfs_debug("cannot flush the directory above %s: %s", dir, strerror(errno));
    }
    /* Records that the checkpoint has but the disk lost: their numbers are not given again, or a later open
     * would take the new ones for old. */
    if (j->log.n == 0 || j->log.last < after) {
        bool unsure = false;
        err = change_segment(j, after + 1, &unsure);
        if (err)
            return err;
        j->log.first[j->log.n++] = after + 1;
        j->log.last = after;
        j->end = sizeof(struct journal_head);
    } else {
        err = resume(j);
    }
    j->last = j->flushed = j->log.last;
    /* The mark is of the state that is now left. */
    if (!err && unlinkat(j->dir, JOURNAL_MARK, 0) == 0 && j->o.io->sync_dir(j->dir) < 0)
        err = -EIO;
    return err;
}

static void journal_free(struct spfs_journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    if (j->dir >= 0)
        close(j->dir);
    free(j->log.first);
    spfs_buf_done(&j->record);
    spfs_cond_done(&j->idle);
    spfs_lock_done(&j->lock);
    env_done(&j->owner);
    free(j);
}

SPFS_DEFINE_CLEANUP(struct spfs_journal *, journal_free, journal_free_p)

int journal_open(const struct journal_options *o, const char *dir, uint64_t after, spfs_journal_cb *cb,
                 void *ctx, struct spfs_journal **ret, bool *ret_clean, struct spfs_reason *reason)
{
    SPFS_CLEANUP(journal_free_p) struct spfs_journal *j = calloc(1, sizeof(*j));
    if (!j)
        return spfs_fail(reason, -ENOMEM, "Out of memory.");
    j->o = *o;
    j->fd = j->dir = -1;
    env_init(&j->owner);
    spfs_lock_init(&j->lock, SPFS_RANK_STORE_MEM);
    spfs_cond_init(&j->idle);
    spfs_buf_init(&j->record, sizeof(struct journal_record) + SPFS_JOURNAL_RECORD_MAX);
    int err = env_own(&j->owner, dir, "journal", reason);
    if (err)
        return err;
    j->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->dir < 0)
        return spfs_fail(reason, -EIO, "Cannot open %s: %s.", dir, strerror(errno));
    err = journal_scan(j->dir, after, cb, ctx, &j->log, reason);
    if (err)
        return err;
    err = begin(j, dir, after);
    if (err)
        return spfs_fail(reason, err, "Cannot write the journal in %s: %s.", dir, strerror(-err));
    if (ret_clean)
        *ret_clean = j->log.clean;
    *ret = TAKE(j);
    return 0;
}

int spfs_journal_open(const char *dir, uint64_t after, spfs_journal_cb *cb, void *ctx,
                      struct spfs_journal **ret, bool *ret_clean, struct spfs_reason *reason)
{
    const struct journal_options o = {.io = &file_io_real, .segment = JOURNAL_SEGMENT};
    return journal_open(&o, dir, after, cb, ctx, ret, ret_clean, reason);
}

/* Without the mark the next open is merely slower and takes a bad end for a torn one. */
static void put_mark(struct spfs_journal *j)
{
    struct journal_head h;
    size_t done;
    SPFS_CLOSE int fd =
        openat(j->dir, JOURNAL_MARK, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    journal_head_seal(&h, JOURNAL_MARK_MAGIC, j->log.uuid, j->last);
    if (file_put(j->o.io, fd, &h, sizeof(h), 0, &done) || j->o.io->sync(fd) < 0 ||
        j->o.io->sync_dir(j->dir) < 0)
        unlinkat(j->dir, JOURNAL_MARK, 0);
}

void spfs_journal_close(struct spfs_journal *j)
{
    if (!j)
        return;
    if (spfs_journal_flush(j) == 0)
        put_mark(j);
    journal_free(j);
}
