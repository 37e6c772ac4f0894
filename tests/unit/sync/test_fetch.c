// SPDX-License-Identifier: GPL-3.0-or-later
/* Fetch as its readers see it: bytes, single flight, proof, errors, cancellation, cache, stop. */
#include "fetch_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The thread sanitizer would take long for this loop; nobody else runs by then. */
__attribute__((no_sanitize_thread)) static void all_once(struct rig *g)
{
    for (uint64_t i = 0; i < g->node.size; i++)
        if (g->fake.count[i] != 1)
            fail_msg("byte %llu was fetched %d times", (unsigned long long)i, g->fake.count[i]);
}

static void every_byte_once(void **state)
{
    (void)state;
    struct rig *g = rig_new(20 * MIB + 12345, NULL, true);
    fake_count(&g->fake, g->node.size);
    read_through(g, BLOCK);
    all_once(g);
    fake_blocks_wait(g->blocks, 161);
    unsigned reads = g->fake.reads;
    read_through(g, 100 * KIB);
    read_through(g, MIB);
    assert_int_equal(g->fake.reads, reads);
    rig_free(g);
}

static void bounds(void **state)
{
    (void)state;
    struct rig *g = rig_new(1000, NULL, true);
    assert_int_equal(read_at(g, 0, 0), -EINVAL);
    assert_int_equal(read_at(g, 1000, 1), -EINVAL);
    assert_int_equal(read_at(g, 999, 2), -EINVAL);
    assert_int_equal(read_at(g, UINT64_MAX, 2), -EINVAL);
    assert_int_equal(g->fake.reads, 0);
    assert_int_equal(read_at(g, 999, 1), 0);
    rig_free(g);
}

static void single_flight(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    struct bg b[8];
    fake_hold(&g->fake, BLOCK + 1000, 0);
    for (int i = 0; i < 8; i++)
        bg_start(&b[i], g, BLOCK + (uint64_t)i * 10000, 20000);
    fake_wait_held(&g->fake, 1);
    fake_release(&g->fake);
    for (int i = 0; i < 8; i++)
        assert_int_equal(bg_join(&b[i]), 0);
    assert_int_equal(g->fake.reads, 1);
    assert_int_equal(g->fake.bytes, BLOCK);
    rig_free(g);
}

static void wakes_as_bytes_arrive(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    fake_hold(&g->fake, 64 * KIB, 0);
    assert_int_equal(read_at(g, 0, 64 * KIB), 0); /* the range is held at the next byte */
    fake_release(&g->fake);
    assert_int_equal(read_at(g, 0, BLOCK), 0);
    assert_int_equal(g->fake.reads, 1);
    rig_free(g);
}

static void error_leaves_no_residue(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    struct bg b[3];
    g->fake.err = -ENETUNREACH;
    g->fake.err_at = 50000;
    g->fake.err_times = 1;
    fake_hold(&g->fake, 20000, 0);
    for (int i = 0; i < 3; i++)
        bg_start(&b[i], g, 60000, 1000);
    fake_wait_held(&g->fake, 1);
    assert_int_equal(read_at(g, 0, 10000), 0); /* proved bytes are good */
    fake_release(&g->fake);
    int failed = 0;
    for (int i = 0; i < 3; i++) {
        int err = bg_join(&b[i]); /* one that came late has started anew */
        assert_true(err == 0 || err == -ENETUNREACH);
        if (err) {
            failed++;
            assert_string_equal(b[i].reason.text, "the fake says 101");
        }
    }
    assert_true(failed >= 1);
    struct spfs_fetch_stats st;
    assert_int_equal(read_at(g, 60000, 1000), 0);
    fake_wait_quiet(&g->fake);
    fake_blocks_wait(g->blocks, 1);
    spfs_fetch_stop(g->fetch);
    spfs_fetch_stats(g->fetch, &st);
    assert_int_equal(st.buffers, 0);
    rig_free(g);
}

static void keeps_what_was_proved(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    g->fake.err = -EIO;
    g->fake.err_at = 300 * KIB;
    g->fake.err_times = 1;
    assert_int_equal(read_at(g, 0, MIB), -EIO);
    fake_blocks_wait(g->blocks, 2);
    assert_int_equal(read_at(g, 0, 256 * KIB), 0);
    assert_int_equal(g->fake.reads, 1);
    assert_int_equal(read_at(g, 0, MIB), 0);
    assert_int_equal(g->fake.reads, 2);
    assert_int_equal(g->fake.log[1].off, 256 * KIB);
    rig_free(g);
}

static void nothing_before_proof(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    struct bg b;
    g->fake.prove = PROVE_LATE;
    g->fake.hold_proof = true;
    bg_start(&b, g, 0, 200 * KIB);
    fake_wait_held(&g->fake, 1); /* all bytes are here, the proof is not */
    assert_int_equal(read_flags(g, 0, 10, SPFS_FETCH_CACHED_ONLY), -ENODATA);
    fake_release(&g->fake);
    assert_int_equal(bg_join(&b), 0);
    g->fake.prove = PROVE_NEVER;
    assert_int_equal(read_at(g, MIB, 10), -EIO);
    g->fake.err = -ESTALE;
    g->fake.err_at = 2 * MIB + BLOCK - 1;
    g->fake.err_times = 1;
    assert_int_equal(read_at(g, 2 * MIB, 10), -ESTALE);
    fake_blocks_wait(g->blocks, 2);
    spfs_fetch_close(g->file);
    g->file = NULL;
    spfs_fetch_stop(g->fetch);
    assert_int_equal(fake_blocks_stored(g->blocks), 2);
    rig_free(g);
}

static void short_reply_is_an_error(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    g->fake.err_at = 100 * KIB;
    g->fake.err_times = 1;
    g->fake.cut_short = true;
    assert_int_equal(read_at(g, 0, BLOCK), -EIO);
    assert_int_equal(read_at(g, 0, BLOCK), 0);
    rig_free(g);
}

static void stale_is_told(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    assert_int_equal(read_at(g, 0, BLOCK), 0);
    g->fake.err = -ESTALE;
    g->fake.err_at = MIB;
    g->fake.err_times = 1;
    assert_int_equal(read_at(g, MIB, 10), -ESTALE);
    assert_int_equal(g->fake.stale_calls, 1);
    assert_true(g->fake.stale_size == SPFS_SIZE_UNKNOWN);
    assert_int_equal(read_at(g, 0, BLOCK), 0); /* of the version that was asked for */
    spfs_fetch_close(g->file);
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
    g->fake.err = -EMSGSIZE;
    g->fake.served_size = 4000000;
    g->fake.err_times = 1;
    assert_int_equal(read_at(g, MIB, 10), -ESTALE);
    assert_int_equal(g->fake.stale_calls, 2);
    assert_int_equal(g->fake.stale_size, 4000000);
    rig_free(g);
}

static void interrupted_reader_leaves(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    struct bg a, b;
    fake_hold(&g->fake, 1000, 0);
    bg_start(&a, g, 0, 5000);
    fake_wait_held(&g->fake, 1);
    bg_start(&b, g, 2000, 5000);
    spfs_op_cancel(&a.op);
    assert_int_equal(bg_join(&a), -EINTR);
    fake_release(&g->fake);
    assert_int_equal(bg_join(&b), 0);
    assert_int_equal(g->fake.reads, 1);
    fake_hold(&g->fake, MIB, 0);
    memset(&b, 0, sizeof(b));
    bg_start(&b, g, MIB, 5000);
    fake_wait_held(&g->fake, 1);
    spfs_op_cancel(&b.op);
    assert_int_equal(bg_join(&b), -EINTR);
    fake_release(&g->fake); /* it goes on for the cache's benefit */
    fake_blocks_wait(g->blocks, 2);
    assert_int_equal(read_at(g, MIB, 5000), 0);
    assert_int_equal(g->fake.reads, 2);
    rig_free(g);
}

static void deadline_ends_the_wait(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    struct spfs_stream s = {0};
    struct spfs_op op;
    fake_hold(&g->fake, 0, 0);
    spfs_op_init(&op, SPFS_URGENT, 10);
    assert_int_equal(read_op(g, &s, &op, 0, 10, 0, NULL), -ETIMEDOUT);
    spfs_op_done(&op);
    rig_free(g); /* stop ends the range that is held */
}

static void slow_range_goes_on(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    g->fake.err = -ETIMEDOUT;
    g->fake.err_at = 200 * KIB + 1;
    g->fake.err_times = 1;
    assert_int_equal(read_at(g, 0, MIB), 0);
    assert_int_equal(g->fake.reads, 2);
    assert_int_equal(g->fake.log[1].off, 200 * KIB + 1);
    assert_int_equal(g->fake.bytes, MIB);
    g->fake.err_at = 2 * MIB; /* nothing has come: that is an error */
    g->fake.err_times = 1;
    assert_int_equal(read_at(g, 2 * MIB, 10), -ETIMEDOUT);
    g->fake.prove = PROVE_NEVER; /* the second half is never proved */
    g->fake.err_at = 3 * MIB;
    g->fake.err_times = 0;
    assert_int_equal(read_at(g, 3 * MIB, 10), -EIO);
    rig_free(g);
}

static void full_cache_serves(void **state)
{
    (void)state;
    struct spfs_fetch_config c = {.budget = 8 * MIB, .window_max = 4 * MIB};
    struct rig *g = rig_new(32 * MIB + 5, &c, true);
    struct spfs_fetch_stats st;
    fake_blocks_refuse(g->blocks, -ENOSPC);
    fake_count(&g->fake, g->node.size);
    read_through(g, BLOCK);
    all_once(g);
    spfs_fetch_close(g->file);
    g->file = NULL;
    spfs_fetch_stop(g->fetch);
    spfs_fetch_stats(g->fetch, &st);
    assert_int_equal(st.dropped, 257);
    assert_int_equal(st.buffers, 0);
    rig_free(g);
}

static void no_cache_serves(void **state)
{
    (void)state;
    struct spfs_fetch_config c = {.budget = 8 * MIB, .window_max = 4 * MIB};
    struct rig *g = rig_new(32 * MIB + 5, &c, false);
    struct spfs_fetch_stats st;
    read_through(g, BLOCK);
    assert_int_equal(g->fake.bytes, g->node.size);
    assert_int_equal(read_flags(g, 0, 10, SPFS_FETCH_CACHED_ONLY), -ENODATA);
    spfs_fetch_stats(g->fetch, &st);
    assert_int_equal(st.buffers, 0);
    assert_int_equal(read_at(g, 5 * MIB, 10),
                     0); /* a block that is not read to its end stays while the file is open */
    fake_wait_quiet(&g->fake);
    assert_int_equal(read_at(g, 5 * MIB + 10, 10), 0);
    assert_int_equal(g->fake.bytes, g->node.size + BLOCK);
    rig_free(g);
}

static void cached_only(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    assert_int_equal(read_flags(g, 0, BLOCK, SPFS_FETCH_CACHED_ONLY), -ENODATA);
    assert_int_equal(g->fake.reads, 0);
    assert_int_equal(read_at(g, 0, BLOCK), 0);
    assert_int_equal(read_flags(g, 0, BLOCK, SPFS_FETCH_CACHED_ONLY), 0);
    assert_int_equal(read_flags(g, 0, BLOCK + 1, SPFS_FETCH_CACHED_ONLY), -ENODATA);
    assert_int_equal(g->fake.reads, 1);
    rig_free(g);
}

static void stop_ends_waits_and_stores(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    struct bg b;
    assert_int_equal(read_at(g, 0, BLOCK), 0);
    fake_hold(&g->fake, MIB, 0);
    bg_start(&b, g, MIB, 10);
    fake_wait_held(&g->fake, 1);
    spfs_fetch_stop(g->fetch);
    assert_int_equal(bg_join(&b), -ESHUTDOWN);
    assert_int_equal(fake_blocks_stored(g->blocks), 1);
    assert_int_equal(read_at(g, 2 * MIB, 10), -ESHUTDOWN);
    assert_int_equal(read_at(g, 0, BLOCK), 0);
    rig_free(g);
}

static void verifies_once(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    assert_int_equal(read_at(g, 0, MIB), 0);
    fake_blocks_wait(g->blocks, 8);
    spfs_fetch_close(g->file);
    spfs_fetch_stop(g->fetch);
    spfs_fetch_free(g->fetch);
    struct spfs_fetch_config c = {.remote = &g->fake.remote, .blocks = g->blocks};
    assert_int_equal(spfs_fetch_new(&c, &g->fetch), 0);
    assert_int_equal(spfs_fetch_start(g->fetch), 0);
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
    unsigned before = fake_blocks_verified(g->blocks);
    assert_int_equal(read_at(g, 0, MIB), 0);
    assert_int_equal(fake_blocks_verified(g->blocks), before + 8);
    spfs_fetch_close(g->file); /* remembered across a close */
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
    assert_int_equal(read_at(g, 0, MIB), 0);
    assert_int_equal(fake_blocks_verified(g->blocks), before + 8);
    rig_free(g);
}

static void damaged_block_is_fetched_again(void **state)
{
    (void)state;
    struct rig *g = rig_new(4 * MIB, NULL, true);
    assert_int_equal(read_at(g, 0, MIB), 0);
    fake_blocks_wait(g->blocks, 8);
    spfs_fetch_close(g->file);
    spfs_fetch_stop(g->fetch);
    spfs_fetch_free(g->fetch);
    struct spfs_fetch_config c = {.remote = &g->fake.remote, .blocks = g->blocks};
    assert_int_equal(spfs_fetch_new(&c, &g->fetch), 0);
    assert_int_equal(spfs_fetch_start(g->fetch), 0);
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
    fake_blocks_corrupt(g->blocks, 7, 3);
    assert_int_equal(read_at(g, 0, MIB), 0);
    assert_int_equal(g->fake.reads, 2);
    assert_int_equal(g->fake.log[1].off, 3 * BLOCK);
    assert_int_equal(g->fake.log[1].len, BLOCK);
    rig_free(g);
}

static void stuck_committer_blocks_readahead_only(void **state)
{
    (void)state;
    struct spfs_fetch_config c = {.budget = 8 * MIB};
    struct rig *g = rig_new(24 * MIB, &c, true);
    fake_blocks_hold(g->blocks, true);
    read_through(g, BLOCK);
    assert_int_equal(g->fake.bytes, g->node.size);
    fake_blocks_hold(g->blocks, false);
    fake_blocks_wait(g->blocks, 192);
    rig_free(g);
}

static void versions_are_apart(void **state)
{
    (void)state;
    struct rig *g = rig_new(MIB, NULL, true);
    assert_int_equal(read_at(g, 0, MIB), 0);
    spfs_fetch_close(g->file);
    fake_node(&g->node, 7, 2, MIB);
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
    assert_int_equal(read_at(g, 0, MIB), 0); /* compares with the bytes of version 2 */
    assert_int_equal(g->fake.bytes, 2 * MIB);
    struct spfs_fetch_file *same;
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &same), 0);
    assert_ptr_equal(same, g->file);
    spfs_fetch_close(same);
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_once),
        cmocka_unit_test(bounds),
        cmocka_unit_test(single_flight),
        cmocka_unit_test(wakes_as_bytes_arrive),
        cmocka_unit_test(error_leaves_no_residue),
        cmocka_unit_test(keeps_what_was_proved),
        cmocka_unit_test(nothing_before_proof),
        cmocka_unit_test(short_reply_is_an_error),
        cmocka_unit_test(stale_is_told),
        cmocka_unit_test(interrupted_reader_leaves),
        cmocka_unit_test(deadline_ends_the_wait),
        cmocka_unit_test(slow_range_goes_on),
        cmocka_unit_test(full_cache_serves),
        cmocka_unit_test(no_cache_serves),
        cmocka_unit_test(cached_only),
        cmocka_unit_test(stop_ends_waits_and_stores),
        cmocka_unit_test(verifies_once),
        cmocka_unit_test(damaged_block_is_fetched_again),
        cmocka_unit_test(stuck_committer_blocks_readahead_only),
        cmocka_unit_test(versions_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
