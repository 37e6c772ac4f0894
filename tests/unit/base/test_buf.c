// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/base/str.h>

#include <errno.h>
#include <string.h>

static void test_maximum(void **state)
{
    (void)state;
    struct spfs_buf b;
    spfs_buf_init(&b, 10);
    assert_int_equal(spfs_buf_add(&b, "", 0), 0);
    assert_string_equal(b.data, "");
    assert_int_equal(spfs_buf_adds(&b, "0123456789"), 0);
    assert_int_equal(spfs_buf_add(&b, "x", 1), -EFBIG);
    assert_int_equal(spfs_buf_addf(&b, "%d", 1), -EFBIG);
    assert_string_equal(b.data, "0123456789");
    assert_int_equal(b.len, 10);
    spfs_buf_reset(&b);
    assert_string_equal(b.data, "");
    assert_int_equal(spfs_buf_addf(&b, "%s-%d", "abc", 42), 0);
    assert_string_equal(b.data, "abc-42");
    spfs_buf_done(&b);
    assert_null(b.data);
}

static void test_unbounded(void **state)
{
    (void)state;
    struct spfs_buf b;
    spfs_buf_init(&b, SIZE_MAX);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(spfs_buf_adds(&b, "12345678"), 0);
    assert_int_equal(b.len, 8000);
    assert_int_equal(spfs_buf_add(&b, "", SIZE_MAX - 8000), -EFBIG);
    spfs_buf_done(&b);
}

static void test_urlenc(void **state)
{
    (void)state;
    struct spfs_buf b;
    spfs_buf_init(&b, 100);
    assert_int_equal(spfs_buf_add_urlenc(&b, "a-b._~ /&=+%#\xc3\xa9"), 0);
    assert_string_equal(b.data, "a-b._~%20%2F%26%3D%2B%25%23%C3%A9");
    spfs_buf_done(&b);
}

static void test_secret(void **state)
{
    (void)state;
    struct spfs_secret s = {0};
    assert_int_equal(spfs_secret_set(&s, "hush\0x", 6), 0);
    assert_int_equal(s.len, 6);
    assert_memory_equal(s.data, "hush\0x", 7);
    assert_int_equal(spfs_secret_set(&s, s.data, 4), 0); /* from itself */
    assert_string_equal(s.data, "hush");
    spfs_secret_done(&s);
    assert_null(s.data);
    spfs_secret_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_unbounded),
        cmocka_unit_test(test_urlenc),
        cmocka_unit_test(test_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
