// SPDX-License-Identifier: GPL-3.0-or-later
/* The spool: entries keep their bytes, flushes reach the disk, numbers are never used twice. */
#include "spool_test.h"

#include <spfs/store/journal.h>

#define GIB ((uint64_t)1 << 30)

static void sparse_and_large(void **state)
{
    (void)state;
    uint64_t id;
    struct spfs_spool_file *f = create(&id);
    assert_int_equal(spfs_spool_write(f, 5 * GIB + 7, "far", 3), 0);
    assert_int_equal(spfs_spool_write(f, 0, "near", 4), 0);
    assert_int_equal(size_of(id), 5 * GIB + 10);
    assert_in_range(spfs_spool_bytes(spool), 1, 1 << 20);
    reads(f, 5 * GIB + 7, "far");
    reads(f, 0, "near");
    char b[16];
    assert_int_equal(spfs_spool_read(f, 5 * GIB + 8, b, sizeof(b)), 2);
    assert_int_equal(spfs_spool_read(f, 6 * GIB, b, sizeof(b)), 0);
    assert_int_equal(spfs_spool_read(f, UINT64_MAX, b, sizeof(b)), 0);
    assert_int_equal(spfs_spool_read(f, 2 * GIB, b, sizeof(b)), sizeof(b));
    assert_int_equal(b[0] | b[15], 0);
    assert_int_equal(spfs_spool_write(f, INT64_MAX, "x", 1), -ENOSPC);
    assert_int_equal(spfs_spool_write(f, UINT64_MAX, "x", 1), -ENOSPC);
    assert_int_equal(spfs_spool_truncate(f, 5 * GIB + 8), 0);
    assert_int_equal(spfs_spool_read(f, 5 * GIB + 7, b, sizeof(b)), 1);
    assert_int_equal(spfs_spool_truncate(f, 2), 0);
    assert_int_equal(spfs_spool_truncate(f, 4), 0);
    assert_int_equal(spfs_spool_read(f, 0, b, sizeof(b)), 4);
    assert_memory_equal(b, "ne\0\0", 4);
    spfs_spool_put(f);
}

static void punch_frees(void **state)
{
    (void)state;
    uint64_t id;
    struct spfs_spool_file *f = create(&id);
    static char b[1 << 20];
    memset(b, 'x', sizeof(b));
    assert_int_equal(spfs_spool_write(f, 0, b, sizeof(b)), 0);
    uint64_t before = spfs_spool_bytes(spool);
    assert_true(before >= sizeof(b));
    assert_int_equal(spfs_spool_punch(f, 1 << 16, 1 << 19), 0);
    assert_int_equal(spfs_spool_punch(f, 0, 0), 0);
    assert_true(spfs_spool_bytes(spool) <= before - (1 << 19) + (1 << 16));
    assert_int_equal(size_of(id), sizeof(b));
    assert_int_equal(spfs_spool_read(f, 0, b, sizeof(b)), sizeof(b));
    assert_int_equal(b[(1 << 16) - 1], 'x');
    assert_int_equal(b[1 << 16], 0);
    spfs_spool_put(f);
}

static void threads_share_an_entry(void **state)
{
    (void)state;
    uint64_t id;
    struct spfs_spool_file *f = create(&id);
    pthread_t t[THREADS];
    struct writer w[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct writer){.number = i};
        assert_int_equal(spfs_spool_get(spool, id, &w[i].f), 0);
        assert_int_equal(pthread_create(&t[i], NULL, write_and_read, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        spfs_spool_put(w[i].f);
    }
    for (unsigned i = 0; i < ROUNDS * THREADS; i++) {
        char b[STEP];
        assert_int_equal(spfs_spool_read(f, (uint64_t)i * STEP, b, STEP), STEP);
        assert_int_equal(b[0], 1 + i % THREADS + i / THREADS % 50);
        assert_int_equal(b[STEP - 1], b[0]);
    }
    assert_int_equal(size_of(id), ROUNDS * THREADS * STEP);
    spfs_spool_put(f);
}

static void removed_while_open(void **state)
{
    (void)state;
    uint64_t id;
    struct spfs_spool_file *f = create(&id), *g = NULL;
    assert_int_equal(spfs_spool_write(f, 0, "kept", 4), 0);
    assert_int_equal(spfs_spool_remove(spool, id), 0);
    assert_int_equal(spfs_spool_remove(spool, id), -ENOENT);
    assert_int_equal(spfs_spool_get(spool, id, &g), -ENOENT);
    reads(f, 0, "kept");
    assert_int_equal(spfs_spool_flush_all(spool), 0);
    assert_int_equal(syncs, 0);
    spfs_spool_put(f);
    assert_null(spool->files);
    assert_int_equal(spfs_spool_bytes(spool), 0);
}

static bool is_odd_place(void *ctx, uint64_t id)
{
    const uint64_t *ids = ctx;
    return id == ids[1] || id == ids[3];
}

static void sweep_and_numbers(void **state)
{
    (void)state;
    uint64_t ids[5], highest = 0;
    for (int life = 0; life < 3; life++) {
        for (int i = 0; i < 5; i++) {
            struct spfs_spool_file *f = create(&ids[i]);
            assert_true(ids[i] > highest);
            highest = ids[i];
            assert_int_equal(spfs_spool_write(f, 0, "x", 1), 0);
            spfs_spool_put(f);
        }
        reopen();
        assert_int_equal(spfs_spool_sweep(spool, is_odd_place, ids), 0);
        struct spfs_spool_file *f = NULL;
        for (int i = 0; i < 5; i++) {
            assert_int_equal(spfs_spool_get(spool, ids[i], &f), i % 2 ? 0 : -ENOENT);
            if (i % 2) {
                reads(f, 0, "x");
                spfs_spool_put(f);
                assert_int_equal(spfs_spool_remove(spool, ids[i]), 0);
            }
        }
        /* Empty now: still no number comes back. */
        reopen();
    }
}

static void flushes(void **state)
{
    (void)state;
    uint64_t a, b;
    struct spfs_spool_file *f = create(&a), *g = create(&b);
    assert_int_equal(spfs_spool_write(f, 0, "x", 1), 0);
    assert_int_equal(syncs + dir_syncs, 0);
    assert_int_equal(spfs_spool_flush(f), 0);
    assert_int_equal(syncs, 1);
    assert_int_equal(dir_syncs, 1);
    assert_int_equal(spfs_spool_flush(g), 0);
    assert_int_equal(dir_syncs, 1); /* that of f served both */
    assert_int_equal(spfs_spool_flush_all(spool), 0);
    assert_int_equal(syncs, 2);
    assert_int_equal(spfs_spool_write(g, 0, "x", 1), 0);
    assert_int_equal(spfs_spool_truncate(f, 0), 0);
    spfs_spool_put(f);
    spfs_spool_put(g);
    assert_int_equal(spfs_spool_flush_all(spool), 0); /* closed ones, too */
    assert_int_equal(syncs, 4);
    assert_null(spool->files);
    f = create(&a);
    spfs_spool_put(f);
    assert_int_equal(spfs_spool_flush_all(spool), 0); /* for its name */
    assert_int_equal(syncs, 5);
    assert_int_equal(dir_syncs, 2);
    reopen();
    /* An earlier life may have left bytes that nobody flushed: once all. */
    assert_int_equal(spfs_spool_flush_all(spool), 0);
    assert_int_equal(syncs, 3);
    assert_int_equal(spfs_spool_flush_all(spool), 0);
    assert_int_equal(syncs, 3);
}

/* A full disk refuses no open: the epoch is a name. */
static void opens_beside_a_journal(void **state)
{
    (void)state;
    struct spfs_journal *j = NULL;
    assert_int_equal(spfs_journal_open(dir, 0, NULL, NULL, &j, NULL, NULL), 0);
    uint64_t id;
    struct spfs_spool_file *f = create(&id);
    assert_int_equal(spfs_spool_write(f, 0, "x", 1), 0);
    assert_int_equal(spfs_spool_flush(f), 0);
    assert_int_equal(spfs_journal_append(j, 1, &id, sizeof(id), NULL), 0);
    assert_int_equal(spfs_journal_flush(j), 0);
    spfs_spool_put(f);
    spfs_journal_close(j);
    write_budget = 0;
    reopen();
    assert_int_equal(spfs_spool_get(spool, id, &f), 0);
    reads(f, 0, "x");
    spfs_spool_put(f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(sparse_and_large),  T(punch_frees), T(threads_share_an_entry), T(removed_while_open),
        T(sweep_and_numbers), T(flushes),     T(opens_beside_a_journal),
    };
    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
