// SPDX-License-Identifier: GPL-3.0-or-later
/* Reading the journal's files at open: where the good records end, and whether what follows is a torn tail or
 * damage.
 *
 * Invariants that the writer keeps and this relies on: a segment has its name only once its header is
 * durable, and only once every record of the segments before it is. So a bad header is damage at any place, a
 * bad record is damage before the last segment and a torn tail in it, unless the mark of an orderly close
 * tells of more records. What `after` covers may be missing: it is kept elsewhere. */
#include "journal_i.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* No segment is longer: records are added below JOURNAL_SEGMENT, and one fits every empty segment. */
#define SEGMENT_MAX                                                                                          \
    (JOURNAL_SEGMENT + sizeof(struct journal_head) + sizeof(struct journal_record) + SPFS_JOURNAL_RECORD_MAX)

SPFS_DEFINE_CLEANUP(DIR *, closedir, closedir_p)

void journal_segment_name(char out[32], uint64_t first)
{
    snprintf(out, 32, "journal-%016llx", (unsigned long long)first);
}

static uint64_t seed_of(const unsigned char uuid[16])
{
    return XXH3_64bits(uuid, 16);
}

uint64_t journal_record_sum(const unsigned char uuid[16], const void *record, size_t size)
{
    size_t skip = sizeof(uint64_t);
    return XXH3_64bits_withSeed((const char *)record + skip, size - skip, seed_of(uuid));
}

static uint64_t head_sum(const struct journal_head *h)
{
    return XXH3_64bits_withSeed(h, offsetof(struct journal_head, sum), seed_of(h->uuid));
}

void journal_head_seal(struct journal_head *h, const char *magic, const unsigned char uuid[16], uint64_t lsn)
{
    memset(h, 0, sizeof(*h));
    memcpy(h->magic, magic, sizeof(h->magic));
    h->format = JOURNAL_FORMAT;
    memcpy(h->uuid, uuid, sizeof(h->uuid));
    h->lsn = lsn;
    h->sum = head_sum(h);
}

static bool head_is_good(const struct journal_head *h, const char *magic)
{
    return memcmp(h->magic, magic, sizeof(h->magic)) == 0 && h->format == JOURNAL_FORMAT &&
           h->sum == head_sum(h);
}

int journal_log_reserve(struct journal_log *l)
{
    if (l->n < l->cap)
        return 0;
    size_t cap = l->cap ? l->cap * 2 : 16;
    uint64_t *first = realloc(l->first, cap * sizeof(*first));
    if (!first)
        return -ENOMEM;
    l->first = first;
    l->cap = cap;
    return 0;
}

static bool parse_name(const char *name, uint64_t *ret)
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(name) != 24 || !spfs_starts(name, "journal-") || strspn(name + 8, digits) != 16)
        return false;
    *ret = strtoull(name + 8, NULL, 16);
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int list_segments(int dir, struct journal_log *l)
{
    SPFS_CLOSE int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
            break;
        uint64_t first;
        if (!parse_name(e->d_name, &first))
            continue;
        int err = journal_log_reserve(l);
        if (err)
            return err;
        l->first[l->n++] = first;
    }
    if (errno)
        return -EIO;
    if (l->n > 0)
        qsort(l->first, l->n, sizeof(*l->first), by_number);
    return 0;
}

/* The file's bytes, at most max of them. */
static int load(int dir, const char *name, size_t max, unsigned char **ret, size_t *ret_n, size_t *ret_size)
{
    SPFS_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? -ENOENT : -EIO;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -EIO;
    size_t size = (size_t)st.st_size, n = size < max ? size : max, done = 0;
    SPFS_FREE unsigned char *p = malloc(n + 1);
    if (!p)
        return -ENOMEM;
    while (done < n) {
        ssize_t r = pread(fd, p + done, n - done, (off_t)done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return -EIO;
        done += (size_t)r;
    }
    *ret = TAKE(p);
    *ret_n = n;
    *ret_size = size;
    return 0;
}

/* Gives the good records of one segment to cb and moves l->last and l->end behind them. */
static int walk(const unsigned char *p, size_t n, uint64_t after, spfs_journal_cb *cb, void *ctx,
                struct journal_log *l)
{
    size_t at = sizeof(struct journal_head);
    for (;;) {
        l->end = at;
        struct journal_record r;
        if (n - at < sizeof(r))
            return 0;
        memcpy(&r, p + at, sizeof(r));
        size_t size = sizeof(r) + r.len;
        if (r.len > SPFS_JOURNAL_RECORD_MAX || size > n - at || r.lsn != l->last + 1 ||
            r.sum != journal_record_sum(l->uuid, p + at, size))
            return 0;
        int err = cb && r.lsn > after ? cb(ctx, r.lsn, r.type, p + at + sizeof(r), r.len) : 0;
        if (err)
            return err;
        l->last = r.lsn;
        at += size;
    }
}

/* One segment; is_first: of those that are read. */
static int scan_segment(int dir, uint64_t first, bool is_first, uint64_t after, spfs_journal_cb *cb,
                        void *ctx, struct journal_log *l, struct spfs_reason *reason)
{
    char name[32];
    journal_segment_name(name, first);
    SPFS_FREE unsigned char *p = NULL;
    size_t n;
    int err = load(dir, name, SEGMENT_MAX, &p, &n, &l->size);
    if (err)
        return spfs_fail(reason, err, "Cannot read %s: %s.", name, strerror(-err));
    struct journal_head h;
    if (n < sizeof(h) || (memcpy(&h, p, sizeof(h)), !head_is_good(&h, JOURNAL_MAGIC)) || h.lsn != first)
        return spfs_fail(reason, -EBADMSG, "The header of %s is damaged or of another format.", name);
    if (is_first) {
        memcpy(l->uuid, h.uuid, sizeof(l->uuid));
        l->last = first - 1;
        if (l->last > after)
            return spfs_fail(reason, -EBADMSG,
                             "The journal begins with change %llu, but the store knows only %llu.",
                             (unsigned long long)first, (unsigned long long)after);
    } else if (memcmp(l->uuid, h.uuid, sizeof(l->uuid)) != 0) {
        return spfs_fail(reason, -EBADMSG, "%s belongs to another journal.", name);
    } else if (first != l->last + 1) {
        return spfs_fail(reason, -EBADMSG, "The journal is damaged: changes %llu to %llu are missing.",
                         (unsigned long long)l->last + 1, (unsigned long long)first - 1);
    }
    return walk(p, n, after, cb, ctx, l);
}

/* The mark of an orderly close: no mark, or one of an earlier life, is no error. */
static int check_mark(int dir, uint64_t after, struct journal_log *l, struct spfs_reason *reason)
{
    SPFS_FREE unsigned char *p = NULL;
    size_t n, size;
    struct journal_head h;
    int err = load(dir, JOURNAL_MARK, sizeof(h), &p, &n, &size);
    if (err)
        return err == -ENOENT ? 0 : err;
    if (n < sizeof(h) || l->n == 0)
        return 0;
    memcpy(&h, p, sizeof(h));
    if (!head_is_good(&h, JOURNAL_MARK_MAGIC) || memcmp(h.uuid, l->uuid, sizeof(l->uuid)) != 0)
        return 0;
    if (h.lsn > l->last && h.lsn > after)
        return spfs_fail(reason, -EBADMSG, "The journal is damaged: changes %llu to %llu are missing.",
                         (unsigned long long)l->last + 1, (unsigned long long)h.lsn);
    l->clean = h.lsn == l->last;
    return 0;
}

int journal_scan(int dir, uint64_t after, spfs_journal_cb *cb, void *ctx, struct journal_log *ret,
                 struct spfs_reason *reason)
{
    int err = list_segments(dir, ret);
    if (err)
        return spfs_fail(reason, err, "Cannot list the journal's directory: %s.", strerror(-err));
    bool is_first = true;
    for (size_t i = 0; i < ret->n; i++) {
        /* All of it is kept elsewhere. */
        if (i + 1 < ret->n && ret->first[i + 1] - 1 <= after)
            continue;
        err = scan_segment(dir, ret->first[i], is_first, after, cb, ctx, ret, reason);
        if (err)
            return err;
        is_first = false;
    }
    return check_mark(dir, after, ret, reason);
}
