// SPDX-License-Identifier: GPL-3.0-or-later
/* The journal on a full disk and on a failing one. */
#include "journal_test.h"
#include "seam_test.h"

#include <signal.h>
#include <sys/resource.h>

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

/* A limit of the kernel's: real short writes, real errors. */
static void file_size_limit(void **state)
{
    (void)state;
    struct spfs_journal *j = test_open_journal(&big, dir, 0, NULL, NULL);
    append_many(j, 10);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit was, now;
    getrlimit(RLIMIT_FSIZE, &was);
    now = was;
    now.rlim_cur = 10000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    int err;
    while ((err = test_append(j)) == 0)
        ;
    uint64_t full = spfs_journal_last(j);
    int again = test_append(j);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(err, -ENOSPC);
    assert_int_equal(again, -ENOSPC);
    assert_true(full > 10);
    append_many(j, 10);
    spfs_journal_close(j);
    replays(&big, 0, 1, full + 10);
}

/* The disk is full after any number of bytes, also in the middle of a new segment's header, and even the
 * undoing may fail. */
static void full_disk_at_every_place(void **state)
{
    (void)state;
    for (int stubborn = 0; stubborn < 2; stubborn++) {
        test_dir_remove(dir);
        struct spfs_journal *j = test_open_journal(&small, dir, 0, NULL, NULL);
        fail_truncates = stubborn;
        unsigned refused = 0;
        for (unsigned i = 0; i < 700; i++) {
            uint64_t last = spfs_journal_last(j);
            write_budget = i;
            int err = test_append(j);
            write_budget = -1;
            refused += err != 0;
            assert_true(err == 0 || err == -ENOSPC);
            assert_int_equal(spfs_journal_last(j), err ? last : last + 1);
            if (i % 3 == 0)
                append_many(j, 1);
        }
        assert_true(refused > 50);
        uint64_t last = spfs_journal_last(j);
        fail_truncates = 0;
        spfs_journal_close(j);
        replays(&small, 0, 1, last);
    }
}

static void failed_flush_poisons(void **state)
{
    (void)state;
    struct spfs_journal *j = test_open_journal(&big, dir, 0, NULL, NULL);
    append_many(j, 3);
    assert_int_equal(spfs_journal_flush(j), 0);
    append_many(j, 3);
    fail_syncs = 1;
    assert_int_equal(spfs_journal_flush(j), -EIO);
    fail_syncs = 0;
    assert_int_equal(spfs_journal_flush(j), -EIO);
    assert_int_equal(test_append(j), -EIO);
    assert_int_equal(spfs_journal_trim(j, 6), -EIO);
    assert_int_equal(spfs_journal_flushed(j), 3);
    spfs_journal_close(j);
    bool clean = true;
    struct replay r;
    j = test_open_journal(&big, dir, 0, &r, &clean);
    assert_false(clean);
    assert_int_equal(r.last, 6);
    spfs_journal_close(j);
}

static void failed_flush_of_a_full_segment_poisons(void **state)
{
    (void)state;
    struct spfs_journal *j = test_open_journal(&small, dir, 0, NULL, NULL);
    fail_syncs = 1;
    int err;
    while ((err = test_append(j)) == 0)
        ;
    assert_int_equal(err, -EIO);
    fail_syncs = 0;
    assert_int_equal(test_append(j), -EIO);
    uint64_t last = spfs_journal_last(j);
    spfs_journal_close(j);
    replays(&small, 0, 1, last);
}

static void flushes_are_shared(void **state)
{
    (void)state;
    struct spfs_journal *j = test_open_journal(&big, dir, 0, NULL, NULL);
    append_many(j, 100);
    syncs = 0;
    assert_int_equal(spfs_journal_flush(j), 0);
    assert_int_equal(spfs_journal_flush(j), 0);
    assert_int_equal(syncs, 1);
    spfs_journal_close(j);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(file_size_limit),      T(full_disk_at_every_place),
        T(failed_flush_poisons), T(failed_flush_of_a_full_segment_poisons),
        T(flushes_are_shared),
    };
    return cmocka_run_group_tests_name("journal_fault", tests, NULL, NULL);
}
