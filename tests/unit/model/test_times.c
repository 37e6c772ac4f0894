// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/model/item.h>
#include <spfs/model/times.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define S INT64_C(1000000000)

static void test_parse(void **state)
{
    (void)state;
    assert_int_equal(spfs_time_parse("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(spfs_time_parse("2026-01-31T12:34:56Z"), 1769862896 * S);
    assert_int_equal(spfs_time_parse("2026-01-31T12:34:56.1Z"), 1769862896 * S + 100000000);
    assert_int_equal(spfs_time_parse("2026-01-31T12:34:56.1234567Z"), 1769862896 * S + 123456700);
    assert_int_equal(spfs_time_parse("2026-01-31T12:34:56.123456789Z"), 1769862896 * S + 123456789);
    assert_int_equal(spfs_time_parse("2026-01-31T12:34:56.Z"), 1769862896 * S);
    assert_int_equal(spfs_time_parse("2026-01-31T12:34:56+00:00"), 1769862896 * S);
    assert_int_equal(spfs_time_parse("2026-01-31T14:04:56+01:30"), 1769862896 * S);
    assert_int_equal(spfs_time_parse("2026-01-31T04:34:56-08:00"), 1769862896 * S);
    assert_int_equal(spfs_time_parse("1969-12-31T23:59:59.5Z"), -500000000);
    assert_int_equal(spfs_time_parse("2024-02-29T00:00:00Z"), 1709164800 * S);
    assert_int_equal(spfs_time_parse("2016-12-31T23:59:60Z"), 1483228800 * S);
}

static void test_unknown(void **state)
{
    (void)state;
    static const char *const bad[] = {"0001-01-01T00:00:00Z",
                                      "0000-01-01T00:00:00Z",
                                      "",
                                      "Z",
                                      "2026-01-31",
                                      "2026-01-31T12:34:56",
                                      "2026-01-31T12:34Z",
                                      "2026-02-29T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-01-32T00:00:00Z",
                                      "2026-01-31T24:00:00Z",
                                      "2026-01-31T12:60:00Z",
                                      "2026-01-31T12:34:61Z",
                                      "2026-01-31T12:34:56ZZ",
                                      "2026-01-31T12:34:56+0100",
                                      "2026-01-31T12:34:56+24:00",
                                      "2026-01-31T12:34:56+01:60",
                                      "2026-01-31 12:34:56Z",
                                      "-026-01-31T12:34:56Z",
                                      "2026-01-31T12:34:56.1234567890Z",
                                      "9999-12-31T23:59:59Z",
                                      "2026-01-31T12:34:56+01:00Z",
                                      "1601-01-01T00:00:00Z",
                                      "2026-1-31T12:34:56Z",
                                      " 2026-01-31T12:34:56Z"};
    assert_true(spfs_time_parse(NULL) == SPFS_TIME_UNKNOWN);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (spfs_time_parse(bad[i]) != SPFS_TIME_UNKNOWN)
            fail_msg("accepted: %s", bad[i]);
}

static void test_format(void **state)
{
    (void)state;
    char text[32];
    spfs_time_format(1769862896 * S + 999999999, text);
    assert_string_equal(text, "2026-01-31T12:34:56Z");
    spfs_time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59Z");
    spfs_time_format(-S, text);
    assert_string_equal(text, "1969-12-31T23:59:59Z");
    spfs_time_format(SPFS_TIME_UNKNOWN, text);
    assert_int_equal(strlen(text), 20);
}

static void test_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 77;
    for (int i = 0; i < 200000; i++) {
        int64_t s = (int64_t)(test_next(&seed) % 17000000000u) - 8500000000; /* 1700 … 2239 */
        char text[32];
        spfs_time_format(s * S, text);
        assert_true(spfs_time_parse(text) == s * S);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
