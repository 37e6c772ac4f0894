// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/base/str.h>

#include <errno.h>
#include <string.h>

static void test_copy_and_format(void **state)
{
    (void)state;
    char out[4];
    assert_true(spfs_copy(out, sizeof(out), "abc"));
    assert_string_equal(out, "abc");
    assert_false(spfs_copy(out, sizeof(out), "abcd"));
    assert_string_equal(out, "");
    assert_false(spfs_copy(out, sizeof(out), NULL));
    assert_false(spfs_copy(NULL, 0, "a"));
    assert_true(spfs_format(out, sizeof(out), "%d", 123));
    assert_false(spfs_format(out, sizeof(out), "%d", 1234));
    assert_string_equal(out, "123");
    SPFS_FREE char *s = spfs_asprintf("%s-%d", "x", 7);
    assert_string_equal(s, "x-7");
}

static void test_prefix_suffix(void **state)
{
    (void)state;
    assert_true(spfs_starts("abc", "ab"));
    assert_true(spfs_starts("abc", ""));
    assert_false(spfs_starts("ab", "abc"));
    assert_true(spfs_ends("abc", "bc"));
    assert_false(spfs_ends("bc", "abc"));
}

static void test_numbers(void **state)
{
    (void)state;
    uint64_t v = 9;
    assert_true(spfs_parse_u64("0", 10, &v));
    assert_int_equal(v, 0);
    assert_true(spfs_parse_u64("18446744073709551615", UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "99999999999999999999999", "11"};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(bad); i++)
        assert_false(spfs_parse_u64(bad[i], i == SPFS_ARRAY_LEN(bad) - 1 ? 10 : UINT64_MAX, &v));
    assert_false(spfs_parse_u64(NULL, 1, &v));
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t want;
    } good[] = {{"4096", 4096},         {"64K", 65536},    {"64k", 65536},
                {"10M", 10485760},      {"1MiB", 1048576}, {"20G", 21474836480u},
                {"1T", 1099511627776u}, {"5B", 5},         {"16777215T", 16777215ull << 40}};
    static const char *const bad[] = {"", "K", "-1K", "1X", "1KK", "16777216T", "1.5G", "1 K"};
    uint64_t v;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(good); i++) {
        assert_true(spfs_parse_size(good[i].text, &v));
        assert_true(v == good[i].want);
    }
    for (size_t i = 0; i < SPFS_ARRAY_LEN(bad); i++)
        assert_false(spfs_parse_size(bad[i], &v));
}

static void test_fail(void **state)
{
    (void)state;
    struct spfs_reason r;
    assert_int_equal(spfs_fail(NULL, -EIO, "x"), -EIO);
    assert_int_equal(spfs_fail(&r, -EACCES, "Refused: Bearer %s", "eyJ0"), -EACCES);
    assert_string_equal(r.text, "Refused: Bearer ...");
    char big[2000];
    memset(big, 'a', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    spfs_fail(&r, -EIO, "%s", big);
    assert_int_equal(strlen(r.text), sizeof(r.text) - 1);
}

static void test_random(void **state)
{
    (void)state;
    bool seen[3] = {false};
    for (int i = 0; i < 1000; i++) {
        uint64_t v = spfs_random(3);
        assert_true(v < 3);
        seen[v] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    char a[37], b[37];
    spfs_uuid(a);
    spfs_uuid(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_and_format),
        cmocka_unit_test(test_prefix_suffix),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
