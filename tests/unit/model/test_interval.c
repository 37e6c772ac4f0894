// SPDX-License-Identifier: GPL-3.0-or-later
/* Ranges against a bitmap that does the same bit by bit. */
#include <spfs_test.h>

#include <spfs/model/interval.h>

#include <string.h>

enum { BITS = 96 };

static void check_against(const struct spfs_intervals *s, const bool *bits)
{
    uint64_t total = 0;
    for (size_t i = 0; i < s->n; i++) {
        assert_true(s->v[i].from < s->v[i].to);
        assert_true(i == 0 || s->v[i - 1].to < s->v[i].from);
        for (uint64_t b = s->v[i].from; b < s->v[i].to; b++)
            assert_true(bits[b]);
    }
    for (int b = 0; b < BITS; b++)
        total += bits[b];
    assert_int_equal(spfs_intervals_total(s), total);
}

static void check_question(const struct spfs_intervals *s, const bool *bits, uint64_t from, uint64_t to)
{
    uint64_t gap = from, end;
    while (gap < to && bits[gap])
        gap++;
    for (end = gap; end < to && !bits[end]; end++)
        ;
    struct spfs_range got;
    bool has_gap = spfs_intervals_gap(s, from, to, &got);
    assert_int_equal(has_gap, gap < to);
    assert_int_equal(spfs_intervals_covers(s, from, to), gap >= to);
    if (has_gap) {
        assert_int_equal(got.from, gap);
        assert_int_equal(got.to, end);
    }
}

static void test_against_bitmap(void **state)
{
    (void)state;
    uint64_t seed = 4242;
    for (int round = 0; round < 400; round++) {
        bool bits[BITS + 1] = {false};
        struct spfs_intervals s;
        spfs_intervals_init(&s);
        for (int step = 0; step < 100; step++) {
            uint64_t from = test_next(&seed) % BITS, to = from + test_next(&seed) % (BITS + 1 - from) % 24;
            bool add = test_next(&seed) % 5 < 3;
            assert_int_equal(add ? spfs_intervals_add(&s, from, to) : spfs_intervals_remove(&s, from, to), 0);
            if (from < to)
                memset(bits + from, add, to - from);
            check_against(&s, bits);
            from = test_next(&seed) % BITS;
            check_question(&s, bits, from, from + test_next(&seed) % (BITS + 1 - from));
        }
        spfs_intervals_done(&s);
        assert_int_equal(s.n, 0);
    }
}

static void test_ends(void **state)
{
    (void)state;
    struct spfs_intervals s;
    struct spfs_range gap;
    spfs_intervals_init(&s);
    assert_true(spfs_intervals_covers(&s, 5, 5));
    assert_false(spfs_intervals_covers(&s, 5, 6));
    assert_int_equal(spfs_intervals_add(&s, 7, 3), 0);
    assert_int_equal(s.n, 0);
    assert_int_equal(spfs_intervals_add(&s, 0, UINT64_MAX), 0);
    assert_int_equal(spfs_intervals_remove(&s, 10, 20), 0);
    assert_true(spfs_intervals_gap(&s, 0, UINT64_MAX, &gap));
    assert_int_equal(gap.from, 10);
    assert_int_equal(gap.to, 20);
    assert_true(spfs_intervals_total(&s) == UINT64_MAX - 10);
    assert_int_equal(spfs_intervals_add(&s, 10, 20), 0);
    assert_int_equal(s.n, 1);
    spfs_intervals_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_bitmap),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
