// SPDX-License-Identifier: GPL-3.0-or-later
/* The spool on a full disk and on a failing one: a failed write leaves no trace behind the old end. */
#include "spool_test.h"

#include <signal.h>
#include <sys/resource.h>

static void failed_write_is_undone(void **state)
{
    (void)state;
    uint64_t id;
    struct spfs_spool_file *f = create(&id);
    static char b[30000];
    memset(b, 'a', sizeof(b));
    assert_int_equal(spfs_spool_write(f, 0, b, 1000), 0);
    for (long room = 0; room < 12000; room += 997) {
        /* Behind the end, across it, with a hole before. */
        static const uint64_t at[] = {1000, 500, 50000};
        for (size_t i = 0; i < SPFS_ARRAY_LEN(at); i++) {
            write_budget = room;
            assert_int_equal(spfs_spool_write(f, at[i], b, sizeof(b)), -ENOSPC);
            write_budget = -1;
            assert_int_equal(size_of(id), 1000);
        }
    }
    assert_in_range(spfs_spool_bytes(spool), 1, 8192);
    assert_int_equal(spfs_spool_write(f, 1000, "b", 1), 0);
    reads(f, 999, "ab");
    spfs_spool_put(f);
    reopen();
    assert_int_equal(spfs_spool_get(spool, id, &f), 0);
    write_budget = 5000;
    assert_int_equal(spfs_spool_write(f, 500, b, sizeof(b)), -ENOSPC);
    assert_int_equal(size_of(id), 1001);
    spfs_spool_put(f);
}

/* While a write fails, another one behind it succeeds: that one stays, and a hole before it. */
static struct spfs_spool_file *overtaken;

static ssize_t overtaken_write(int fd, const void *p, size_t n, off_t off)
{
    if (*(const char *)p != '~')
        return pwrite(fd, p, n, off);
    if (n < STEP) {
        assert_int_equal(spfs_spool_write(overtaken, 20000, "far", 3), 0);
        errno = ENOSPC;
        return -1;
    }
    return pwrite(fd, p, n / 2, off);
}

static void failed_write_is_overtaken(void **state)
{
    (void)state;
    static const struct file_io io = {
        .write = overtaken_write, .truncate = ftruncate, .sync = seam_sync, .sync_dir = seam_sync_dir};
    spfs_spool_close(spool);
    assert_int_equal(spool_open(&io, dir, &spool, NULL), 0);
    uint64_t id;
    overtaken = create(&id);
    char b[STEP], zeros[STEP] = {0}, got[STEP];
    memset(b, '~', sizeof(b));
    assert_int_equal(spfs_spool_write(overtaken, 5000, b, sizeof(b)), -ENOSPC);
    assert_int_equal(size_of(id), 20003);
    reads(overtaken, 20000, "far");
    assert_int_equal(spfs_spool_read(overtaken, 5000, got, sizeof(got)), sizeof(got));
    assert_memory_equal(got, zeros, sizeof(got));
    spfs_spool_put(overtaken);
}

static void file_size_limit(void **state)
{
    (void)state;
    uint64_t id;
    struct spfs_spool_file *f = create(&id);
    static char b[30000];
    memset(b, 'a', sizeof(b));
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit was, now;
    getrlimit(RLIMIT_FSIZE, &was);
    now = was;
    now.rlim_cur = 20000;
    setrlimit(RLIMIT_FSIZE, &now);
    int whole = spfs_spool_write(f, 0, b, 10000), over = spfs_spool_write(f, 10000, b, sizeof(b));
    setrlimit(RLIMIT_FSIZE, &was);
    assert_int_equal(whole, 0);
    assert_int_equal(over, -ENOSPC);
    assert_int_equal(size_of(id), 10000);
    assert_int_equal(spfs_spool_write(f, 10000, b, sizeof(b)), 0);
    assert_int_equal(size_of(id), 10000 + sizeof(b));
    spfs_spool_put(f);
}

/* Half of each write of these goes through; the others' bytes, before and behind, stay. */
static ssize_t tainted_write(int fd, const void *p, size_t n, off_t off)
{
    if (*(const char *)p != '~')
        return pwrite(fd, p, n, off);
    if (n < STEP) {
        errno = ENOSPC;
        return -1;
    }
    return pwrite(fd, p, n / 2, off);
}

static void *fail_to_write(void *arg)
{
    const struct writer *w = arg;
    char b[STEP];
    memset(b, '~', sizeof(b));
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t off = ((uint64_t)(i + i % 7) * THREADS + w->number) * STEP;
        assert_int_equal(spfs_spool_write(w->f, off, b, sizeof(b)), -ENOSPC);
    }
    return NULL;
}

static void failed_writes_harm_nobody(void **state)
{
    (void)state;
    static const struct file_io tainted = {
        .write = tainted_write, .truncate = ftruncate, .sync = seam_sync, .sync_dir = seam_sync_dir};
    spfs_spool_close(spool);
    assert_int_equal(spool_open(&tainted, dir, &spool, NULL), 0);
    uint64_t id;
    struct spfs_spool_file *f = create(&id);
    pthread_t t[THREADS];
    struct writer w[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct writer){.f = f, .number = i};
        assert_int_equal(pthread_create(&t[i], NULL, i % 2 ? fail_to_write : write_and_read, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    /* The last good write is number 2 of the last round. */
    assert_int_equal(size_of(id), ((ROUNDS - 1) * THREADS + 3) * STEP);
    for (unsigned i = 0; i < ROUNDS * THREADS; i += 2) {
        char b[STEP];
        assert_int_equal(spfs_spool_read(f, (uint64_t)i * STEP, b, STEP), STEP);
        assert_int_equal(b[0], 1 + i % THREADS + i / THREADS % 50);
        assert_int_equal(b[STEP - 1], b[0]);
    }
    spfs_spool_put(f);
}

static void failed_flush_is_remembered(void **state)
{
    (void)state;
    uint64_t a, b;
    struct spfs_spool_file *f = create(&a), *g = create(&b);
    assert_int_equal(spfs_spool_write(f, 0, "x", 1), 0);
    fail_syncs = 1;
    assert_int_equal(spfs_spool_flush(f), -EIO);
    fail_syncs = 0;
    assert_int_equal(spfs_spool_flush(f), -EIO);
    spfs_spool_put(f);
    assert_int_equal(spfs_spool_flush_all(spool), -EIO);
    assert_int_equal(spfs_spool_get(spool, a, &f), 0);
    assert_int_equal(spfs_spool_flush(f), -EIO);
    reads(f, 0, "x");
    spfs_spool_put(f);
    assert_int_equal(spfs_spool_remove(spool, a), 0);
    assert_int_equal(spfs_spool_flush_all(spool), 0);
    spfs_spool_put(g);
    g = create(&b);
    fail_dir_syncs = 1;
    assert_int_equal(spfs_spool_flush(g), -EIO);
    fail_dir_syncs = 0;
    assert_int_equal(spfs_spool_flush(g), -EIO);
    spfs_spool_put(g);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(failed_write_is_undone),     T(file_size_limit),
        T(failed_write_is_overtaken),  T(failed_writes_harm_nobody),
        T(failed_flush_is_remembered),
    };
    return cmocka_run_group_tests_name("spool_fault", tests, NULL, NULL);
}
