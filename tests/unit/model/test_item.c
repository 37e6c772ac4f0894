// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/model/item.h>

#define V(e, c, h, s) (&(struct spfs_version){.etag = (e), .ctag = (c), .quickxor = (h), .size = (s)})
#define NOSIZE        SPFS_SIZE_UNKNOWN

static void check(const struct spfs_version *a, const struct spfs_version *b, enum spfs_same want)
{
    assert_int_equal(spfs_version_same(a, b), want);
    assert_int_equal(spfs_version_same(b, a), want);
}

static void test_tags_decide_first(void **state)
{
    (void)state;
    check(V("e1", "c1", "h1", 1), V("e1", "c2", "h2", 2), SPFS_SAME_YES);
    check(V("e1", "c1", "h1", 1), V("e2", "c1", "h2", 2), SPFS_SAME_YES);
    check(V("e1", "c1", "h1", 1), V("e2", "c2", "h1", 1), SPFS_SAME_NO);
}

static void test_hash_with_size(void **state)
{
    (void)state;
    check(V("e1", NULL, "h1", 1), V("e2", "c2", "h1", 1), SPFS_SAME_YES);
    check(V("e1", NULL, "h1", 1), V("e2", NULL, "h1", 2), SPFS_SAME_NO);
    check(V("e1", NULL, "h1", 1), V("e2", NULL, "h2", 1), SPFS_SAME_NO);
    check(V("e1", NULL, "h1", NOSIZE), V("e2", NULL, "h1", 2), SPFS_SAME_YES);
}

static void test_size_and_nothing(void **state)
{
    (void)state;
    check(V("e1", NULL, NULL, 1), V("e2", NULL, "h2", 2), SPFS_SAME_NO);
    check(V("e1", NULL, NULL, 1), V("e2", NULL, "h2", 1), SPFS_SAME_UNKNOWN);
    check(V("e1", NULL, NULL, NOSIZE), V("e2", NULL, NULL, 1), SPFS_SAME_UNKNOWN);
    check(V(NULL, NULL, NULL, NOSIZE), V(NULL, NULL, NULL, NOSIZE), SPFS_SAME_UNKNOWN);
}

static void test_item_version(void **state)
{
    (void)state;
    struct spfs_item item = {.etag = "e", .ctag = "c", .quickxor = "q", .size = 7, .mtime_ns = 9};
    struct spfs_version v = spfs_item_version(&item);
    assert_string_equal(v.etag, "e");
    assert_string_equal(v.ctag, "c");
    assert_string_equal(v.quickxor, "q");
    assert_int_equal(v.size, 7);
    assert_int_equal(v.mtime_ns, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags_decide_first),
        cmocka_unit_test(test_hash_with_size),
        cmocka_unit_test(test_size_and_nothing),
        cmocka_unit_test(test_item_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
