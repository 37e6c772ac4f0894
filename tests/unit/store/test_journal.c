// SPDX-License-Identifier: GPL-3.0-or-later
/* The journal: what is appended is replayed; segments, trim, threads. */
#include "journal_test.h"
#include "seam_test.h"

#include <pthread.h>

static char dir[64];

static const struct journal_options big = {.io = &seam, .segment = JOURNAL_SEGMENT};
static const struct journal_options small = {.io = &seam, .segment = 4096};

static int setup(void **state)
{
    (void)state;
    test_dir_make(dir);
    seam_reset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_dir_remove(dir);
    return 0;
}

static void append_many(struct spfs_journal *j, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(test_append(j), 0);
}

static void replays(const struct journal_options *o, uint64_t after, uint64_t first, uint64_t last)
{
    struct replay r;
    struct spfs_journal *j = test_open_journal(o, dir, after, &r, NULL);
    assert_int_equal(r.count, last + 1 - first);
    if (r.count) {
        assert_int_equal(r.first, first);
        assert_int_equal(r.last, last);
    }
    spfs_journal_close(j);
}

static void appended_is_replayed(void **state)
{
    (void)state;
    bool clean = true;
    struct spfs_journal *j = NULL;
    assert_int_equal(spfs_journal_open(dir, 0, NULL, NULL, &j, &clean, NULL), 0);
    assert_false(clean);
    assert_int_equal(spfs_journal_last(j), 0);
    append_many(j, 500);
    assert_int_equal(spfs_journal_last(j), 500);
    assert_int_equal(spfs_journal_flushed(j), 0);
    assert_int_equal(spfs_journal_flush(j), 0);
    assert_int_equal(spfs_journal_flushed(j), 500);
    append_many(j, 1);
    assert_int_equal(spfs_journal_flushed(j), 500);
    spfs_journal_close(j);
    struct replay r;
    dir_syncs = 0;
    j = test_open_journal(&big, dir, 0, &r, &clean);
    assert_true(clean);
    assert_int_equal(dir_syncs, 1); /* the mark is gone for good before anything is appended */
    assert_int_equal(r.count, 501);
    append_many(j, 1);
    spfs_journal_close(j);
    replays(&big, 250, 251, 502);
    replays(&big, 502, 503, 502);
}

static int keep_last(void *ctx, uint64_t lsn, uint16_t type, const void *p, size_t len)
{
    (void)type;
    const unsigned char *b = p;
    for (size_t i = 0; i < len; i++)
        assert_int_equal(b[i], (unsigned char)lsn);
    ((size_t *)ctx)[lsn] = len;
    return 0;
}

static void records_of_every_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, SPFS_JOURNAL_RECORD_MAX, 4096, SPFS_JOURNAL_RECORD_MAX - 1, 0};
    unsigned char *b = malloc(SPFS_JOURNAL_RECORD_MAX + 1);
    struct spfs_journal *j = test_open_journal(&small, dir, 0, NULL, NULL);
    assert_int_equal(spfs_journal_append(j, 1, b, SPFS_JOURNAL_RECORD_MAX + 1, NULL), -EMSGSIZE);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(sizes); i++) {
        memset(b, (int)i + 1, sizes[i]);
        assert_int_equal(spfs_journal_append(j, 1, sizes[i] ? b : NULL, sizes[i], NULL), 0);
    }
    spfs_journal_close(j);
    free(b);
    size_t seen[8] = {0};
    j = NULL;
    assert_int_equal(journal_open(&small, dir, 0, keep_last, seen, &j, NULL, NULL), 0);
    assert_int_equal(spfs_journal_last(j), SPFS_ARRAY_LEN(sizes));
    assert_memory_equal(seen + 1, sizes, sizeof(sizes));
    spfs_journal_close(j);
}

static unsigned count_segments(uint64_t *ret_second)
{
    struct journal_log l = {0};
    struct spfs_reason reason = {""};
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    journal_scan(fd, UINT64_MAX - 1, NULL, NULL, &l, &reason);
    close(fd);
    if (ret_second)
        *ret_second = l.n > 1 ? l.first[1] : 0;
    free(l.first);
    return (unsigned)l.n;
}

static void segments_roll_and_are_trimmed(void **state)
{
    (void)state;
    struct spfs_journal *j = test_open_journal(&small, dir, 0, NULL, NULL);
    append_many(j, 400);
    uint64_t second;
    unsigned n = count_segments(&second);
    assert_true(n > 10);
    assert_int_equal(spfs_journal_trim(j, second - 2), 0);
    assert_int_equal(count_segments(NULL), n);
    assert_int_equal(spfs_journal_trim(j, second - 1), 0);
    assert_int_equal(count_segments(NULL), n - 1);
    assert_int_equal(spfs_journal_trim(j, 200), 0);
    assert_in_range(count_segments(NULL), n / 3, n * 2 / 3);
    append_many(j, 100);
    spfs_journal_close(j);
    replays(&small, 200, 201, 500);
    struct replay r = {0};
    /* What lies between is gone: nothing is given out as if it were all. */
    assert_int_equal(journal_open(&small, dir, 0, test_replay_cb, &r, &j, NULL, NULL), -EBADMSG);
    assert_int_equal(r.count, 0);
    j = test_open_journal(&small, dir, 450, NULL, NULL);
    assert_int_equal(spfs_journal_trim(j, UINT64_MAX), 0);
    assert_int_equal(count_segments(NULL), 1);
    append_many(j, 1);
    spfs_journal_close(j);
    replays(&small, 500, 501, 501);
}

static int refuse_third(void *ctx, uint64_t lsn, uint16_t type, const void *p, size_t len)
{
    (void)ctx;
    (void)type;
    (void)p;
    (void)len;
    return lsn == 3 ? -ECANCELED : 0;
}

static void reader_can_refuse(void **state)
{
    (void)state;
    struct spfs_journal *j = test_open_journal(&big, dir, 0, NULL, NULL), *other = NULL;
    append_many(j, 5);
    struct spfs_reason reason = {""};
    assert_int_equal(journal_open(&big, dir, 0, NULL, NULL, &other, NULL, &reason), -EBUSY);
    assert_non_null(strstr(reason.text, "in use"));
    spfs_journal_close(j);
    assert_int_equal(journal_open(&big, dir, 0, refuse_third, NULL, &other, NULL, NULL), -ECANCELED);
    replays(&big, 0, 1, 5);
}

/* The checkpoint survived a loss of power, the records that it covers did not. */
static void checkpoint_is_ahead(void **state)
{
    (void)state;
    struct spfs_journal *j = test_open_journal(&big, dir, 0, NULL, NULL);
    append_many(j, 20);
    spfs_journal_close(j);
    j = test_open_journal(&big, dir, 100, NULL, NULL);
    assert_int_equal(spfs_journal_last(j), 100);
    append_many(j, 5);
    spfs_journal_close(j);
    replays(&big, 100, 101, 105);
    replays(&big, 103, 104, 105);
}

enum { THREADS = 4, EACH = 600 };

struct said {
    uint32_t thread, number;
    char more[400]; /* as many as said_size() tells: a small one fits where a large one does not */
};

static size_t said_size(const struct said *s)
{
    return offsetof(struct said, more) + (s->number * 37 + s->thread * 11) % sizeof(s->more);
}

static void *storm(void *arg)
{
    struct spfs_journal *j = ((void **)arg)[0];
    unsigned thread = *(unsigned *)((void **)arg)[1];
    uint64_t before = 0;
    for (unsigned i = 0; i < EACH; i++) {
        struct said s = {.thread = thread, .number = i};
        uint64_t lsn;
        assert_int_equal(spfs_journal_append(j, 9, &s, said_size(&s), &lsn), 0);
        assert_true(lsn > before);
        before = lsn;
        if (i % 8 == thread) {
            assert_int_equal(spfs_journal_flush(j), 0);
            assert_true(spfs_journal_flushed(j) >= lsn);
        }
    }
    return NULL;
}

static int in_turn(void *ctx, uint64_t lsn, uint16_t type, const void *p, size_t len)
{
    uint32_t *next = ctx;
    struct said s;
    (void)lsn;
    assert_int_equal(type, 9);
    assert_in_range(len, offsetof(struct said, more), sizeof(s));
    memcpy(&s, p, len);
    assert_int_equal(len, said_size(&s));
    assert_true(s.thread < THREADS);
    assert_int_equal(s.number, next[s.thread]++);
    return 0;
}

static void threads_append_and_flush(void **state)
{
    (void)state;
    struct spfs_journal *j = test_open_journal(&small, dir, 0, NULL, NULL);
    pthread_t t[THREADS];
    unsigned number[THREADS];
    void *arg[THREADS][2];
    for (unsigned i = 0; i < THREADS; i++) {
        number[i] = i;
        arg[i][0] = j;
        arg[i][1] = &number[i];
        assert_int_equal(pthread_create(&t[i], NULL, storm, arg[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(spfs_journal_last(j), THREADS * EACH);
    spfs_journal_close(j);
    uint32_t next[THREADS] = {0};
    assert_int_equal(journal_open(&small, dir, 0, in_turn, next, &j, NULL, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(next[i], EACH);
    spfs_journal_close(j);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(appended_is_replayed), T(records_of_every_size), T(segments_roll_and_are_trimmed),
        T(reader_can_refuse),    T(checkpoint_is_ahead),   T(threads_append_and_flush),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
