// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/base/clock.h>

static void test_fake(void **state)
{
    (void)state;
    spfs_clock_set_fake(5000, 7000000000);
    assert_int_equal(spfs_now_ms(), 5000);
    assert_int_equal(spfs_now_us(), 5000000);
    spfs_clock_advance_fake(250);
    assert_int_equal(spfs_now_ms(), 5250);
    assert_int_equal(spfs_now_real_ns(), 7250000000);
    spfs_clock_set_real();
}

static void test_real(void **state)
{
    (void)state;
    uint64_t a = spfs_now_us(), b = spfs_now_us();
    assert_true(b >= a && b - a < 10000000);
    assert_true(spfs_now_real_ns() > INT64_C(1600000000) * 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fake), cmocka_unit_test(test_real)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
