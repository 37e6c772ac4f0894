// SPDX-License-Identifier: GPL-3.0-or-later
/* Readahead, as the server sees it: which bytes are asked for, in how many requests, how far ahead. */
#include "fetch_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void read_ok(struct rig *g, struct spfs_stream *s, uint64_t off, size_t len)
{
    struct spfs_op op;
    spfs_op_init(&op, SPFS_URGENT, 0);
    assert_int_equal(read_op(g, s, &op, off, len, 0, NULL), 0);
    spfs_op_done(&op);
}

/* The thread sanitizer would take long for this loop; nobody else runs by then. */
__attribute__((no_sanitize_thread)) static void all_once(struct rig *g)
{
    for (uint64_t i = 0; i < g->node.size; i++)
        if (g->fake.count[i] != 1)
            fail_msg("byte %llu was fetched %d times", (unsigned long long)i, g->fake.count[i]);
}

static void random_reads_fetch_their_blocks(void **state)
{
    (void)state;
    enum { BLOCKS = 4096 };
    static bool touched[BLOCKS];
    struct rig *g = rig_new((uint64_t)BLOCKS * BLOCK, NULL, true);
    struct spfs_stream s = {0};
    uint64_t seed = 99, blocks = 0;
    for (int i = 0; i < 200; i++) {
        uint64_t off = (test_next(&seed) % (g->node.size / 4096)) * 4096;
        read_ok(g, &s, off, 4096);
        blocks += !touched[off / BLOCK];
        touched[off / BLOCK] = true;
    }
    fake_wait_quiet(&g->fake);
    assert_in_range(g->fake.bytes, blocks * BLOCK,
                    (blocks + 8) * BLOCK); /* a few lie side by side by chance */
    assert_true(g->fake.reads <= 204);
    rig_free(g);
}

static void headers_stay_small(void **state)
{
    (void)state;
    struct rig *g = rig_new(50 * MIB, NULL, true);
    struct spfs_stream s = {0};
    read_ok(g, &s, 0, 16 * KIB);
    fake_wait_quiet(&g->fake);
    assert_int_equal(g->fake.bytes, BLOCK);
    spfs_fetch_close(g->file);
    fake_node(&g->node, 8, 1, 50 * MIB);
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
    s = (struct spfs_stream){0};
    read_ok(g, &s, 0, BLOCK);
    fake_wait_quiet(&g->fake);
    assert_int_equal(g->fake.bytes, 3 * BLOCK);
    assert_int_equal(g->fake.reads, 2);
    assert_int_equal(g->fake.log[1].urgency, SPFS_URGENT);
    rig_free(g);
}

static void small_file_in_one_request(void **state)
{
    (void)state;
    struct rig *g = rig_new(200 * KIB, NULL, true);
    struct spfs_stream s = {0};
    read_ok(g, &s, 0, 16 * KIB);
    read_ok(g, &s, 16 * KIB, 128 * KIB);
    read_ok(g, &s, 144 * KIB, 56 * KIB);
    assert_int_equal(g->fake.reads, 1);
    rig_free(g);
}

/* The kernel's readahead: several reads at once, which arrive slightly out of order. */
static void unordered_reads_are_sequential(void **state)
{
    (void)state;
    struct rig *g = rig_new(60 * MIB + 777, NULL, true);
    struct spfs_stream s = {0};
    fake_count(&g->fake, g->node.size);
    static const unsigned order[4] = {1, 0, 3, 2};
    uint64_t n = (g->node.size + BLOCK - 1) / BLOCK;
    read_ok(g, &s, 0, BLOCK);
    for (uint64_t i = 0; i + 1 < n; i++) {
        uint64_t at = 1 + (i / 4 * 4 + order[i % 4]);
        if (at >= n)
            at = n - 1;
        uint64_t left = g->node.size - at * BLOCK;
        read_ok(g, &s, at * BLOCK, left < BLOCK ? (size_t)left : BLOCK);
    }
    fake_wait_quiet(&g->fake);
    assert_int_equal(g->fake.bytes, g->node.size);
    all_once(g);
    assert_true(g->fake.reads <= 32);
    rig_free(g);
}

static void slow_reader_bounds_the_window(void **state)
{
    (void)state;
    struct spfs_fetch_config c = {.window_max = 8 * MIB};
    struct rig *g = rig_new(200 * MIB, &c, true);
    struct spfs_stream s = {0};
    for (uint64_t at = 0; at < 20 * MIB; at += BLOCK) {
        read_ok(g, &s, at, BLOCK);
        if (at % MIB == 0) {
            fake_wait_quiet(&g->fake);
            assert_true(g->fake.bytes <= at + BLOCK + 8 * MIB);
        }
    }
    spfs_fetch_close(g->file);
    g->file = NULL;
    fake_wait_quiet(&g->fake);
    assert_true(g->fake.bytes <= 29 * MIB);
    rig_free(g);
}

static void all_streams_are_busy(void **state)
{
    (void)state;
    struct rig *g = rig_new(300 * MIB, NULL, true);
    struct spfs_stream s = {0};
    fake_hold(&g->fake, 32 * MIB, 0);
    for (uint64_t at = 0; at < 32 * MIB; at += BLOCK)
        read_ok(g, &s, at, BLOCK);
    fake_wait_held(&g->fake, 4);
    struct spfs_fetch_stats st;
    spfs_fetch_stats(g->fetch, &st);
    assert_true(st.in_flight >= 20 * MIB);
    fake_release(&g->fake);
    rig_free(g);
}

static void close_calls_readahead_off(void **state)
{
    (void)state;
    struct rig *g = rig_new(300 * MIB, NULL, true);
    struct spfs_stream s = {0};
    fake_hold(&g->fake, 16 * MIB, 0);
    for (uint64_t at = 0; at < 16 * MIB; at += BLOCK)
        read_ok(g, &s, at, BLOCK);
    fake_wait_held(&g->fake, 4);
    spfs_fetch_close(g->file);
    fake_wait_quiet(&g->fake); /* still held: they were cancelled */
    assert_true(g->fake.bytes <= 16 * MIB);
    fake_release(&g->fake);
    fake_blocks_wait(g->blocks, 128);
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
    assert_int_equal(read_at(g, 20 * MIB, 10), 0);
    rig_free(g);
}

static void jump_forgets_the_window(void **state)
{
    (void)state;
    struct rig *g = rig_new(300 * MIB, NULL, true);
    struct spfs_stream s = {0};
    for (uint64_t at = 0; at < 16 * MIB; at += BLOCK)
        read_ok(g, &s, at, BLOCK);
    fake_wait_quiet(&g->fake);
    unsigned reads = g->fake.reads;
    uint64_t bytes = g->fake.bytes;
    read_ok(g, &s, 200 * MIB, 4 * KIB);
    fake_wait_quiet(&g->fake);
    assert_true(g->fake.reads <= reads + 2);
    assert_true(g->fake.log[g->fake.reads - 1].len == BLOCK || g->fake.bytes <= bytes + 9 * MIB);
    rig_free(g);
}

static void holes_alone_are_fetched(void **state)
{
    (void)state;
    struct rig *g = rig_new(40 * MIB + 9, NULL, true);
    fake_count(&g->fake, g->node.size);
    assert_int_equal(read_at(g, 3 * MIB, MIB), 0);
    assert_int_equal(read_at(g, 20 * MIB + 5, 1000), 0);
    assert_int_equal(read_at(g, 30 * MIB, MIB), 0);
    fake_blocks_wait(g->blocks, 17);
    read_through(g, BLOCK);
    fake_wait_quiet(&g->fake);
    all_once(g);
    rig_free(g);
}

struct tail {
    struct rig *g;
    uint64_t from;
    pthread_t thread;
};

static void *tail_main(void *arg)
{
    struct tail *t = arg;
    struct spfs_stream s = {0};
    for (uint64_t at = t->from; at < t->g->node.size; at += BLOCK) {
        uint64_t left = t->g->node.size - at;
        read_ok(t->g, &s, at, left < BLOCK ? (size_t)left : BLOCK);
    }
    return NULL;
}

static void eight_readers_fetch_once(void **state)
{
    (void)state;
    struct rig *g = rig_new(20000003, NULL, true);
    struct tail t[8];
    fake_count(&g->fake, g->node.size);
    for (unsigned i = 0; i < 8; i++) {
        t[i] = (struct tail){.g = g, .from = i * 2500000u};
        pthread_create(&t[i].thread, NULL, tail_main, &t[i]);
    }
    for (unsigned i = 0; i < 8; i++)
        pthread_join(t[i].thread, NULL);
    fake_wait_quiet(&g->fake);
    all_once(g);
    rig_free(g);
}

static void siblings_come_along(void **state)
{
    (void)state;
    struct rig *g = rig_new(1000, NULL, true);
    static struct spfs_node nodes[14];
    struct spfs_fetch_ahead v[14];
    for (unsigned i = 0; i < 14; i++) {
        fake_node(&nodes[i], 100 + i, 1, i == 12 ? 2 * MIB : i == 13 ? 0 : 10000 + i * 20000);
        v[i] = (struct spfs_fetch_ahead){&nodes[i], "d"};
    }
    fake_hold(&g->fake, 5000, 0);
    spfs_fetch_siblings(g->fetch, v, 14);
    fake_wait_held(&g->fake, 8);
    assert_int_equal(g->fake.prepares, 1);
    assert_int_equal(g->fake.prepared, 12);
    assert_int_equal(g->fake.peak, 8);
    spfs_fetch_close(g->file);
    g->node = nodes[0]; /* joins the flight */
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
    struct bg b;
    bg_start(&b, g, 0, 10000);
    fake_release(&g->fake);
    assert_int_equal(bg_join(&b), 0);
    fake_blocks_wait(g->blocks, 12 + 5); /* those of more than 128 KiB have two */
    fake_wait_quiet(&g->fake);
    assert_int_equal(g->fake.reads, 12);
    for (unsigned i = 0; i < 12; i++) {
        spfs_fetch_close(g->file);
        g->node = nodes[i];
        assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
        assert_int_equal(read_at(g, 0, (size_t)g->node.size), 0);
    }
    spfs_fetch_siblings(g->fetch, v, 14);
    assert_int_equal(read_at(g, 0, 10), 0);
    assert_int_equal(g->fake.reads, 12);
    assert_int_equal(g->fake.prepares, 1);
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_reads_fetch_their_blocks),
        cmocka_unit_test(headers_stay_small),
        cmocka_unit_test(small_file_in_one_request),
        cmocka_unit_test(unordered_reads_are_sequential),
        cmocka_unit_test(slow_reader_bounds_the_window),
        cmocka_unit_test(all_streams_are_busy),
        cmocka_unit_test(close_calls_readahead_off),
        cmocka_unit_test(jump_forgets_the_window),
        cmocka_unit_test(holes_alone_are_fetched),
        cmocka_unit_test(eight_readers_fetch_once),
        cmocka_unit_test(siblings_come_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
