// SPDX-License-Identifier: GPL-3.0-or-later
/* The journal after a crash: torn tails, damage, kill -9, loss of power. No threads here: children are
 * forked. */
#include "journal_test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
/* The machine stays up: nothing needs the disk. */
static const struct file_io quick = {
    .write = pwrite, .truncate = ftruncate, .sync = test_no_sync, .sync_dir = test_no_sync};
static const struct journal_options big = {.io = &quick, .segment = JOURNAL_SEGMENT};
static const struct journal_options small = {.io = &quick, .segment = 4096};

static int setup(void **state)
{
    (void)state;
    test_dir_make(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_dir_remove(dir);
    return 0;
}

struct bytes {
    size_t n;
    unsigned char b[16384];
};

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void read_file(const char *name, struct bytes *ret)
{
    SPFS_CLOSE int fd = open(path_of(name), O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, ret->b, sizeof(ret->b));
    assert_true(n >= 0);
    ret->n = (size_t)n;
}

static void write_file(const char *name, const void *p, size_t n)
{
    SPFS_CLOSE int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
}

static const char *segment(uint64_t first)
{
    static char name[32];
    journal_segment_name(name, first);
    return name;
}

/* n records, and an end as after kill -9; ret_before: length without the last record. */
static void make(const struct journal_options *o, unsigned n, struct bytes *ret, size_t *ret_before)
{
    struct journal_log l = {0};
    struct spfs_reason reason = {""};
    struct spfs_journal *j = test_open_journal(o, dir, 0, NULL, NULL);
    for (unsigned i = 0; i < n; i++) {
        if (i + 1 == n && ret_before) {
            int fd = open(dir, O_RDONLY | O_DIRECTORY);
            assert_int_equal(journal_scan(fd, 0, NULL, NULL, &l, &reason), 0);
            close(fd);
            *ret_before = l.end;
            free(l.first);
        }
        assert_int_equal(test_append(j), 0);
    }
    spfs_journal_close(j);
    assert_int_equal(unlink(path_of(JOURNAL_MARK)), 0);
    if (ret)
        read_file(segment(1), ret);
}

/* Opens, counts, goes on, and finds that again. */
static void survives(uint64_t last)
{
    struct replay r;
    bool clean = true;
    struct spfs_journal *j = test_open_journal(&big, dir, 0, &r, &clean);
    assert_false(clean);
    assert_int_equal(r.count, last);
    assert_int_equal(spfs_journal_flushed(j), last);
    assert_int_equal(test_append(j), 0);
    spfs_journal_close(j);
    j = test_open_journal(&big, dir, 0, &r, &clean);
    assert_true(clean);
    assert_int_equal(r.count, last + 1);
    spfs_journal_close(j);
    unlink(path_of(JOURNAL_MARK));
}

static void torn_at_every_byte(void **state)
{
    (void)state;
    struct bytes whole;
    size_t before = 0;
    make(&big, 8, &whole, &before);
    assert_true(whole.n > before + 100);
    for (size_t cut = before; cut <= whole.n; cut++) {
        write_file(segment(1), whole.b, cut);
        survives(cut == whole.n ? 8 : 7);
        /* The length is there, the bytes are not. */
        struct bytes torn = whole;
        memset(torn.b + cut, 0, torn.n - cut);
        if (memcmp(torn.b, whole.b, whole.n) == 0)
            continue;
        write_file(segment(1), torn.b, torn.n);
        survives(7);
    }
}

static void flipped_at_every_byte(void **state)
{
    (void)state;
    struct bytes whole;
    size_t before = 0;
    make(&big, 8, &whole, &before);
    for (size_t at = before; at < whole.n; at++) {
        struct bytes bad = whole;
        bad.b[at] ^= (unsigned char)(1u << at % 8);
        write_file(segment(1), bad.b, bad.n);
        survives(7);
    }
}

/* A good record behind a bad one is cut as well: it must not come back once the bad one's place is taken. */
static void nothing_rises_from_behind(void **state)
{
    (void)state;
    struct bytes bad;
    size_t before = 0;
    make(&big, 7, &bad, &before);
    struct spfs_journal *j = test_open_journal(&big, dir, 0, NULL, NULL);
    assert_int_equal(test_append(j), 0);
    spfs_journal_close(j);
    unlink(path_of(JOURNAL_MARK));
    read_file(segment(1), &bad);
    bad.b[before + 3] ^= 1;
    write_file(segment(1), bad.b, bad.n);
    survives(6);
}

static void add(struct bytes *b, const void *p, size_t n)
{
    assert_true(b->n + n <= sizeof(b->b));
    memcpy(b->b + b->n, p, n);
    b->n += n;
}

static void add_record(struct bytes *b, const unsigned char uuid[16], uint64_t lsn, uint32_t len,
                       uint64_t spoil)
{
    unsigned char record[sizeof(struct journal_record) + TEST_RECORD_MAX];
    struct journal_record r = {.lsn = lsn, .len = len, .type = test_type(lsn)};
    size_t n = test_record(lsn, record + sizeof(r));
    memcpy(record, &r, sizeof(r));
    r.sum = journal_record_sum(uuid, record, sizeof(r) + n) ^ spoil;
    memcpy(record, &r, sizeof(r));
    add(b, record, sizeof(r) + n);
}

static void garbage_behind(void **state)
{
    (void)state;
    struct bytes whole, b;
    size_t before = 0;
    make(&big, 8, &whole, &before);
    struct journal_head h;
    memcpy(&h, whole.b, sizeof(h));
    unsigned char other[16] = {1}, r[TEST_RECORD_MAX];
    uint32_t len = (uint32_t)test_record(9, r);
    for (int kind = 0; kind < 10; kind++) {
        b = whole;
        unsigned char fill[2000];
        uint64_t seed = 4711;
        for (size_t i = 0; i < sizeof(fill); i++)
            fill[i] = kind == 0 ? 0 : kind == 1 ? 0xff : (unsigned char)test_next(&seed);
        if (kind < 3)
            add(&b, fill, sizeof(fill));
        else if (kind == 3) /* an old record again */
            add(&b, whole.b + before, whole.n - before);
        else if (kind == 4) /* of another journal */
            add_record(&b, other, 9, len, 0);
        else if (kind == 5)
            add_record(&b, h.uuid, 9, len, 1);
        else if (kind == 6) /* one is missing */
            add_record(&b, h.uuid, 10, (uint32_t)test_record(10, r), 0);
        else if (kind == 7)
            add_record(&b, h.uuid, 9, UINT32_MAX, 0);
        else if (kind == 8)
            add_record(&b, h.uuid, 9, len + 1, 0);
        else /* a whole journal */
            add(&b, whole.b, whole.n);
        write_file(segment(1), b.b, b.n);
        survives(8);
    }
    /* The harness does know how to make a good one. */
    b = whole;
    add_record(&b, h.uuid, 9, len, 0);
    write_file(segment(1), b.b, b.n);
    survives(9);
}

static void refused(uint64_t after)
{
    struct spfs_journal *j = NULL;
    struct spfs_reason reason = {""};
    assert_int_equal(journal_open(&small, dir, after, NULL, NULL, &j, NULL, &reason), -EBADMSG);
    assert_true(reason.text[0] != '\0');
}

static uint64_t second_segment(void)
{
    struct journal_log l = {0};
    struct spfs_reason reason = {""};
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    assert_int_equal(journal_scan(fd, 0, NULL, NULL, &l, &reason), 0);
    close(fd);
    assert_true(l.n > 3);
    uint64_t second = l.first[1];
    free(l.first);
    return second;
}

static void damage_in_the_middle_is_refused(void **state)
{
    (void)state;
    struct bytes whole, now;
    make(&small, 100, &whole, NULL);
    uint64_t second = second_segment();
    for (size_t at = 0; at < whole.n; at += at < 100 ? 1 : 37) {
        struct bytes bad = whole;
        bad.b[at] ^= 0x10;
        write_file(segment(1), bad.b, bad.n);
        refused(0);
        read_file(segment(1), &now);
        assert_int_equal(now.n, bad.n);
        assert_memory_equal(now.b, bad.b, bad.n);
    }
    write_file(segment(1), whole.b, whole.n - 1);
    refused(0);
    write_file(segment(1), whole.b, 0);
    refused(0);
    unlink(path_of(segment(1)));
    refused(0);
    /* What a checkpoint covers may be missing. */
    spfs_journal_close(test_open_journal(&small, dir, second - 1, NULL, NULL));
    write_file(segment(1), whole.b, whole.n);
    spfs_journal_close(test_open_journal(&small, dir, 0, NULL, NULL));
    unlink(path_of(segment(second)));
    refused(0);
}

static void damage_after_an_orderly_close_is_refused(void **state)
{
    (void)state;
    struct bytes whole;
    make(&big, 8, &whole, NULL);
    spfs_journal_close(test_open_journal(&big, dir, 0, NULL, NULL));
    write_file(segment(1), whole.b, whole.n - 1);
    refused(0);
    /* A mark that makes no sense counts for nothing. */
    write_file(JOURNAL_MARK, whole.b, 48);
    survives(7);
}

static void append_for_ever(int out, uint64_t seed)
{
    struct spfs_journal *j = NULL;
    if (journal_open(&small, dir, 0, NULL, NULL, &j, NULL, NULL))
        _exit(1);
    for (;;) {
        unsigned char b[TEST_RECORD_MAX];
        uint64_t lsn = spfs_journal_last(j) + 1;
        size_t n = test_record(lsn, b);
        if (spfs_journal_append(j, test_type(lsn), b, n, &lsn) || write(out, &lsn, sizeof(lsn)) < 0)
            _exit(1);
        if (test_next(&seed) % 64 == 0 && spfs_journal_flush(j))
            _exit(1);
    }
}

static void killed_at_any_moment(void **state)
{
    (void)state;
    uint64_t seed = 20240611, last = 0;
    for (int round = 0; round < 40; round++) {
        int p[2];
        assert_int_equal(pipe(p), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(p[0]);
            append_for_ever(p[1], test_next(&seed));
        }
        close(p[1]);
        uint64_t acked = last, lsn, enough = last + test_next(&seed) % 200;
        /* Also before the first. */
        while (acked < enough && read(p[0], &lsn, sizeof(lsn)) == sizeof(lsn))
            acked = lsn;
        kill(child, SIGKILL);
        while (read(p[0], &lsn, sizeof(lsn)) == sizeof(lsn))
            acked = lsn;
        close(p[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        struct replay r;
        struct spfs_journal *j = test_open_journal(&small, dir, 0, &r, NULL);
        assert_int_equal(r.count, r.last);
        assert_true(r.last >= acked && r.last <= acked + 1);
        last = r.last;
        spfs_journal_close(j);
    }
    assert_true(last > 1000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(torn_at_every_byte),
        T(flipped_at_every_byte),
        T(nothing_rises_from_behind),
        T(garbage_behind),
        T(damage_in_the_middle_is_refused),
        T(damage_after_an_orderly_close_is_refused),
        T(killed_at_any_moment),
    };
    return cmocka_run_group_tests_name("journal_crash", tests, NULL, NULL);
}
