// SPDX-License-Identifier: GPL-3.0-or-later
/* The block cache in use: what was put comes back, cap and floor hold, pins stay, a scan does not wash out
 * what is used, readers and the writer at once. */
#include "test_dir.h"

#include <spfs/base/clock.h>
#include <spfs/store/blocks.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#define UUID "11111111-2222-3333-4444-555555555555"
/* An eighth of real blocks and of the sizes that go with them: the sanitizers are slow with bytes. */
#define MIB   ((uint64_t)1 << 17)
#define BLOCK ((size_t)SPFS_BLOCK_SIZE / 8)

struct blk_test {
    char dir[64];
    struct spfs_blocks *b;
    unsigned char *data; /* 64 blocks */
};

static struct spfs_blocks *open_with(struct blk_test *f, uint64_t cap, uint64_t floor)
{
    struct spfs_blocks_config config = {.dir = f->dir, .catalog_uuid = UUID, .cap = cap, .free_floor = floor};
    struct spfs_reason reason = {""};
    if (spfs_blocks_open(&config, &f->b, &reason))
        fail_msg("%s", reason.text);
    return f->b;
}

static int setup(void **state)
{
    struct blk_test *f = calloc(1, sizeof(*f));
    uint64_t random = 88172645463325252u;
    test_dir_make(f->dir);
    f->data = malloc(64 * BLOCK);
    for (size_t i = 0; i < 64 * BLOCK / 8; i++) {
        uint64_t v = test_next(&random);
        memcpy(f->data + 8 * i, &v, 8);
    }
    open_with(f, 64 * MIB, 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct blk_test *f = *state;
    spfs_blocks_close(f->b);
    spfs_clock_set_real();
    test_dir_remove(f->dir);
    free(f->data);
    free(f);
    return 0;
}

/* Every (ino, content, index) has bytes and a length of its own. */
static struct spfs_block block_of(struct blk_test *f, uint64_t ino, uint32_t content, uint64_t index)
{
    size_t from = (size_t)((ino * 7919 + content * 104729 + index * 31) % (63 * BLOCK));
    return (struct spfs_block){
        .ino = ino, .content = content, .index = index, .data = f->data + from, .len = BLOCK};
}

static int put(struct blk_test *f, uint64_t ino, uint32_t content, uint64_t from, uint64_t n)
{
    struct spfs_block v[64];
    for (uint64_t i = 0; i < n;) {
        size_t k = 0;
        for (; k < 64 && i < n; k++, i++)
            v[k] = block_of(f, ino, content, from + i);
        int err = spfs_blocks_put(f->b, v, k);
        if (err)
            return err;
    }
    return 0;
}

/* Reads a run of blocks, checks their bytes, counts those that are here. */
static unsigned get(struct blk_test *f, uint64_t ino, uint32_t content, uint64_t from, uint64_t n)
{
    unsigned found = 0;
    for (uint64_t i = from; i < from + n; i++) {
        struct spfs_blocks_txn *t;
        const void *p;
        size_t len;
        struct spfs_block want = block_of(f, ino, content, i);
        assert_int_equal(spfs_blocks_begin(f->b, &t), 0);
        int err = spfs_blocks_get(t, ino, content, i, i % 2, &p, &len);
        assert_int_equal(spfs_blocks_has(t, ino, content, i), err == 0);
        if (!err) {
            assert_int_equal(len, want.len);
            assert_memory_equal(p, want.data, len);
            found++;
        }
        spfs_blocks_end(t);
    }
    return found;
}

static struct spfs_blocks_stats stats(struct blk_test *f)
{
    struct spfs_blocks_stats s;
    spfs_blocks_stats(f->b, &s);
    return s;
}

static void test_put_and_get(void **state)
{
    struct blk_test *f = *state;
    assert_int_equal(get(f, 5, 1, 0, 10), 0);
    assert_int_equal(put(f, 5, 1, 0, 100), 0);
    assert_int_equal(put(f, 5, 2, 60, 10), 0);
    assert_int_equal(put(f, 6, 1, (uint64_t)1 << 40, 3), 0);
    assert_int_equal(get(f, 5, 1, 0, 110), 100);
    assert_int_equal(get(f, 5, 2, 0, 100), 10);
    assert_int_equal(get(f, 6, 1, (uint64_t)1 << 40, 3), 3);
    assert_int_equal(spfs_blocks_cached(f->b, 5, 1), 100 * BLOCK);
    assert_int_equal(spfs_blocks_cached(f->b, 5, 2), 10 * BLOCK);
    assert_int_equal(spfs_blocks_cached(f->b, 5, 3), 0);
    assert_int_equal(stats(f).blocks, 113);
    spfs_blocks_close(f->b);
    open_with(f, 64 * MIB, 1);
    assert_int_equal(get(f, 5, 1, 0, 110), 100);
    assert_int_equal(stats(f).bytes, 113 * BLOCK);
}

static void test_short_blocks_and_replacing(void **state)
{
    struct blk_test *f = *state;
    struct spfs_blocks_txn *t;
    const void *p;
    size_t len;
    static const size_t lengths[] = {1, 100, 2000, 4080, 5000, 131071, 131072, 7};
    for (unsigned i = 0; i < SPFS_ARRAY_LEN(lengths); i++) {
        struct spfs_block v = {.ino = 9, .content = 1, .index = 3, .data = f->data + i, .len = lengths[i]};
        assert_int_equal(spfs_blocks_put(f->b, &v, 1), 0);
        assert_int_equal(stats(f).bytes, lengths[i]);
        assert_int_equal(stats(f).blocks, 1);
        assert_int_equal(spfs_blocks_begin(f->b, &t), 0);
        assert_int_equal(spfs_blocks_get(t, 9, 1, 3, true, &p, &len), 0);
        assert_int_equal(len, lengths[i]);
        assert_memory_equal(p, f->data + i, len);
        spfs_blocks_end(t);
    }
    struct spfs_block bad = {.ino = 9, .content = 1, .data = f->data, .len = SPFS_BLOCK_SIZE + 1};
    assert_int_equal(spfs_blocks_put(f->b, &bad, 1), -EINVAL);
    bad.len = 0;
    assert_int_equal(spfs_blocks_put(f->b, &bad, 1), -EINVAL);
    assert_int_equal(spfs_blocks_put(f->b, NULL, 0), 0);
}

/* A span lives until the end of its transaction, whatever the writer does meanwhile. */
static void test_a_span_is_stable(void **state)
{
    struct blk_test *f = *state;
    struct spfs_blocks_txn *t;
    const void *p;
    size_t len;
    assert_int_equal(put(f, 1, 1, 0, 8), 0);
    struct spfs_block want = block_of(f, 1, 1, 3);
    assert_int_equal(spfs_blocks_begin(f->b, &t), 0);
    assert_int_equal(spfs_blocks_get(t, 1, 1, 3, false, &p, &len), 0);
    assert_int_equal(spfs_blocks_drop(f->b, 1, 0), 0);
    assert_int_equal(put(f, 2, 1, 0, 400), 0);
    assert_memory_equal(p, want.data, len);
    assert_true(spfs_blocks_has(t, 1, 1, 3));
    spfs_blocks_end(t);
    assert_int_equal(get(f, 1, 1, 0, 8), 0);
}

static void test_drop_keeps_one_version(void **state)
{
    struct blk_test *f = *state;
    for (uint32_t content = 1; content <= 3; content++)
        assert_int_equal(put(f, 4, content, 0, 130), 0);
    assert_int_equal(put(f, 5, 1, 0, 5), 0);
    assert_int_equal(spfs_blocks_drop(f->b, 4, 2), 0);
    assert_int_equal(get(f, 4, 1, 0, 130), 0);
    assert_int_equal(get(f, 4, 2, 0, 130), 130);
    assert_int_equal(get(f, 4, 3, 0, 130), 0);
    assert_int_equal(spfs_blocks_drop(f->b, 4, 0), 0);
    assert_int_equal(get(f, 4, 2, 0, 130), 0);
    assert_int_equal(get(f, 5, 1, 0, 5), 5);
    assert_int_equal(stats(f).blocks, 5);
}

static void test_the_cap_holds(void **state)
{
    struct blk_test *f = *state;
    for (uint64_t ino = 1; ino <= 5; ino++) {
        assert_int_equal(put(f, ino, 1, 0, 300), 0);
        assert_true(stats(f).bytes <= 64 * MIB);
    }
    struct spfs_blocks_stats s = stats(f);
    assert_true(s.bytes > 48 * MIB);
    assert_int_equal(s.evicted + s.blocks, 1500);
    assert_int_equal(get(f, 1, 1, 0, 300), 0);
    assert_int_equal(get(f, 5, 1, 0, 300), 300);
    assert_false(s.full);
    spfs_blocks_close(f->b); /* a smaller cap takes hold with the next put */
    open_with(f, 16 * MIB, 1);
    assert_int_equal(put(f, 7, 1, 0, 1), 0);
    assert_true(stats(f).bytes <= 16 * MIB);
}

/* Puts and reads a file much larger than the cache, as a copy would. */
static void scan(struct blk_test *f, uint64_t ino, uint64_t blocks)
{
    for (uint64_t i = 0; i < blocks; i += 32) {
        assert_int_equal(put(f, ino, 1, i, 32), 0);
        get(f, ino, 1, i, 32);
    }
}

static void test_a_scan_does_not_wash_out(void **state)
{
    struct blk_test *f = *state;
    spfs_clock_set_fake(1000000, 0);
    assert_int_equal(put(f, 1, 1, 0, 128), 0); /* 16 of 64 MiB, in long runs */
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(put(f, 100 + i, 1, 0, 1), 0); /* and small files */
    for (unsigned pass = 0; pass < 3; pass++) {
        spfs_clock_advance_fake(60000);
        assert_int_equal(get(f, 1, 1, 0, 128), 128);
        for (uint64_t i = 0; i < 40; i++)
            assert_int_equal(get(f, 100 + i, 1, 0, 1), 1);
    }
    scan(f, 2, 3 * 512);
    assert_int_equal(get(f, 1, 1, 0, 128), 128);
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(get(f, 100 + i, 1, 0, 1), 1);
    scan(f, 2, 3 * 512); /* the same once more: its ghosts are too old to matter */
    assert_int_equal(get(f, 1, 1, 0, 128), 128);
}

/* What was used once goes in the end, when others are used instead. */
static void test_the_used_ones_age(void **state)
{
    struct blk_test *f = *state;
    for (uint64_t ino = 1; ino < 24; ino++) {
        assert_int_equal(put(f, ino, 1, 0, 64), 0);
        for (unsigned pass = 0; pass < 3; pass++)
            get(f, ino, 1, 0, 64);
    }
    assert_int_equal(get(f, 1, 1, 0, 64), 0);
    assert_int_equal(get(f, 23, 1, 0, 64), 64);
}

/* A newcomer that was evicted and comes back soon goes to the main queue: a second scan does not take it
 * along. */
static void test_ghosts_come_back(void **state)
{
    struct blk_test *f = *state;
    assert_int_equal(put(f, 1, 1, 0, 64), 0);
    scan(f, 2, 512);
    assert_int_equal(get(f, 1, 1, 0, 64), 0);
    assert_int_equal(put(f, 1, 1, 0, 64), 0);
    scan(f, 3, 3 * 512);
    assert_int_equal(get(f, 1, 1, 0, 64), 64);
}

static void test_pins_stay(void **state)
{
    struct blk_test *f = *state;
    assert_int_equal(put(f, 1, 1, 0, 128), 0);
    assert_int_equal(spfs_blocks_pin(f->b, 1, true), 0);
    assert_int_equal(put(f, 1, 1, 128, 64), 0); /* pinned as it comes */
    scan(f, 2, 1024);
    assert_int_equal(get(f, 1, 1, 0, 192), 192);
    spfs_blocks_close(f->b);
    open_with(f, 64 * MIB, 1);
    scan(f, 3, 1024);
    assert_int_equal(get(f, 1, 1, 0, 192), 192);
    /* Everything pinned: nothing more goes in, reads go on. */
    assert_int_equal(spfs_blocks_pin(f->b, 4, true), 0);
    assert_int_equal(put(f, 4, 1, 0, 320), 0);
    assert_int_equal(put(f, 5, 1, 0, 64), -ENOSPC);
    assert_true(stats(f).full);
    assert_int_equal(get(f, 4, 1, 0, 320), 320);
    assert_int_equal(spfs_blocks_pin(f->b, 4, false), 0);
    assert_int_equal(put(f, 5, 1, 0, 64), 0);
    assert_false(stats(f).full);
    scan(f, 6, 1024);
    assert_int_equal(get(f, 4, 1, 0, 320), 0);
    assert_int_equal(get(f, 1, 1, 0, 192), 192);
    assert_int_equal(spfs_blocks_drop(f->b, 1, 0), 0);
    assert_int_equal(get(f, 1, 1, 0, 192), 0);
}

static void test_the_floor_holds(void **state)
{
    struct blk_test *f = *state;
    assert_int_equal(put(f, 1, 1, 0, 400), 0);
    spfs_blocks_close(f->b);
    open_with(f, 64 * MIB, (uint64_t)1 << 60); /* more than any disk has free */
    assert_int_equal(put(f, 2, 1, 0, 1), -ENOSPC);
    assert_true(stats(f).full);
    assert_int_equal(get(f, 2, 1, 0, 1), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(put(f, 2, 1, 0, 1), -ENOSPC);
    assert_int_equal(stats(f).blocks, 0); /* old segments went */
    struct stat st;
    char path[128];
    snprintf(path, sizeof(path), "%s/blocks.lmdb", f->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_true((uint64_t)st.st_blocks * 512 < 20 * MIB); /* and the disk has its space back */
    spfs_blocks_close(f->b);
    open_with(f, 64 * MIB, 1);
    assert_int_equal(put(f, 2, 1, 0, 400), 0);
    assert_int_equal(get(f, 2, 1, 0, 400), 400);
}

static void test_defaults(void **state)
{
    struct blk_test *f = *state;
    spfs_blocks_close(f->b);
    open_with(f, 0, 0);
    assert_true(stats(f).cap >= (uint64_t)1 << 30);
}

struct crowd {
    struct blk_test *f;
    atomic_bool stop;
    atomic_uint wrong, found;
};

static void *read_at_random(void *arg)
{
    struct crowd *c = arg;
    uint64_t random = (uint64_t)(uintptr_t)&random | 1;
    while (!atomic_load(&c->stop)) {
        struct spfs_blocks_txn *t;
        const void *p;
        size_t len;
        uint64_t ino = 1 + test_next(&random) % 4, index = test_next(&random) % 200;
        struct spfs_block want = block_of(c->f, ino, 1, index);
        if (spfs_blocks_begin(c->f->b, &t)) {
            atomic_fetch_add(&c->wrong, 1);
            return NULL;
        }
        if (spfs_blocks_get(t, ino, 1, index, index % 8 == 0, &p, &len) == 0) {
            atomic_fetch_add(&c->found, 1);
            if (len != want.len || memcmp(p, want.data, 4096) != 0)
                atomic_fetch_add(&c->wrong, 1);
        }
        spfs_blocks_end(t);
    }
    return NULL;
}

static void test_readers_beside_the_writer(void **state)
{
    struct blk_test *f = *state;
    struct crowd c = {.f = f};
    pthread_t threads[6];
    for (size_t i = 0; i < SPFS_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_at_random, &c), 0);
    for (uint64_t i = 0; i < 200 || atomic_load(&c.found) < 1000; i++) {
        assert_int_equal(put(f, 1 + i % 4, 1, i * 13 % 190, 10), 0);
        if (i % 50 == 49)
            assert_int_equal(spfs_blocks_drop(f->b, 1 + i % 4, 0), 0);
    }
    atomic_store(&c.stop, true);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&c.wrong), 0);
    assert_int_equal(stats(f).corrupt, 0);
}

static void test_too_many_readers(void **state)
{
    struct blk_test *f = *state;
    struct spfs_blocks_txn *t[300];
    size_t n = 0;
    while (n < SPFS_ARRAY_LEN(t) && spfs_blocks_begin(f->b, &t[n]) == 0)
        n++;
    assert_true(n >= 200 && n < SPFS_ARRAY_LEN(t));
    assert_int_equal(spfs_blocks_begin(f->b, &t[n]), -EAGAIN);
    while (n > 0)
        spfs_blocks_end(t[--n]);
    assert_int_equal(spfs_blocks_begin(f->b, &t[0]), 0);
    spfs_blocks_end(t[0]);
}

#define BLK_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BLK_TEST(test_put_and_get),       BLK_TEST(test_short_blocks_and_replacing),
        BLK_TEST(test_a_span_is_stable),  BLK_TEST(test_drop_keeps_one_version),
        BLK_TEST(test_the_cap_holds),     BLK_TEST(test_a_scan_does_not_wash_out),
        BLK_TEST(test_the_used_ones_age), BLK_TEST(test_ghosts_come_back),
        BLK_TEST(test_pins_stay),         BLK_TEST(test_the_floor_holds),
        BLK_TEST(test_defaults),          BLK_TEST(test_readers_beside_the_writer),
        BLK_TEST(test_too_many_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
