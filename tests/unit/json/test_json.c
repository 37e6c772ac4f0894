// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/json/json.h>

#include <errno.h>
#include <string.h>

static struct spfs_json_doc *parse(const char *text)
{
    struct spfs_json_doc *d;
    assert_int_equal(spfs_json_parse(text, strlen(text), 1 << 20, &d), 0);
    return d;
}

static int result_of(const char *text, size_t len, size_t max)
{
    struct spfs_json_doc *d = NULL;
    int rc = spfs_json_parse(text, len, max, &d);
    spfs_json_free(d);
    return rc;
}

static void test_documents(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         " ",    "{",   "{\"a\":1", "{\"a\":1}x", "<html></html>",
                                      "{\"a\":}", "[1,]", "\"a", "{'a':1}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(result_of(bad[i], strlen(bad[i]), 1000), -EBADMSG);
    assert_int_equal(result_of("{\"a\":1} \r\n", 10, 10), 0);
    assert_int_equal(result_of("{\"a\":1} \r\n", 10, 9), -EFBIG);
    assert_int_equal(result_of("{\"a\":\"b\0c\"}", 11, 100), -EBADMSG);
    spfs_json_free(NULL);
}

static void test_depth_and_count(void **state)
{
    (void)state;
    char text[256];
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    assert_int_equal(result_of(text, 128, 1000), 0);
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    assert_int_equal(result_of(text, 130, 1000), -EBADMSG);
    assert_int_equal(result_of("[\"[[[[[[[[\"]", 12, 1000), 0);
    size_t n = 1200001;
    char *many = malloc(n);
    memset(many, ',', n);
    for (size_t i = 0; i < n; i += 2)
        many[i] = '0';
    many[0] = '[';
    many[n - 1] = ']';
    many[1] = '0';
    assert_int_equal(result_of(many, n, n), -EFBIG);
    free(many);
}

static void test_getters(void **state)
{
    (void)state;
    struct spfs_json_doc *d =
        parse("{\"a\":{\"b\":{\"c\":\"x\"},\"n\":null},\"@odata.nextLink\":\"l\",\"t\":true,"
              "\"list\":[\"p\",null,3],\"A\":\"upper\",\"dup\":\"1\",\"dup\":\"2\"}");
    const struct spfs_json *r = spfs_json_root(d);
    assert_string_equal(spfs_json_str(r, "a.b.c"), "x");
    assert_null(spfs_json_str(r, "a.b"));
    assert_null(spfs_json_str(r, "a.b.c.d"));
    assert_null(spfs_json_str(NULL, "a"));
    assert_false(spfs_json_has(r, "a.n"));
    assert_true(spfs_json_has(r, "a.b"));
    assert_null(spfs_json_str(r, "@odata.nextLink"));
    assert_string_equal(spfs_json_member_str(r, "@odata.nextLink"), "l");
    assert_string_equal(spfs_json_str(r, "A"), "upper");
    assert_string_equal(spfs_json_str(r, "dup"), "1");
    assert_true(spfs_json_bool(r, "t", false));
    assert_true(spfs_json_bool(r, "a", true));
    assert_true(spfs_json_is_object(spfs_json_get(r, "a")));
    const struct spfs_json *e = spfs_json_get(r, "list");
    assert_true(spfs_json_is_array(e));
    e = spfs_json_first(e);
    assert_string_equal(spfs_json_text(e), "p");
    e = spfs_json_next(e);
    assert_null(spfs_json_text(e));
    assert_null(spfs_json_str(e, "x"));
    e = spfs_json_next(e);
    assert_null(spfs_json_text(e));
    assert_null(spfs_json_next(e));
    assert_null(spfs_json_first(spfs_json_get(r, "t")));
    spfs_json_free(d);
}

static void test_numbers(void **state)
{
    (void)state;
    struct spfs_json_doc *d =
        parse("{\"big\":9007199254740992,\"over\":9223372036854775808,\"neg\":-1,\"frac\":1.5,\"inf\":1e999,"
              "\"text\":\"12\",\"ntext\":\"-12\",\"word\":\"12x\",\"empty\":\"\",\"bool\":true}");
    const struct spfs_json *r = spfs_json_root(d);
    assert_true(spfs_json_u64(r, "big", 7) == 9007199254740992u);
    static const char *const otherwise[] = {"over", "neg",   "frac", "inf",   "ntext",
                                            "word", "empty", "bool", "absent"};
    for (size_t i = 0; i < sizeof otherwise / sizeof otherwise[0]; i++)
        assert_true(spfs_json_u64(r, otherwise[i], 7) == 7);
    assert_true(spfs_json_u64(r, "text", 7) == 12);
    assert_true(spfs_json_i64(r, "neg", 7) == -1);
    assert_true(spfs_json_i64(r, "ntext", 7) == -12);
    assert_true(spfs_json_i64(r, "over", 7) == 7);
    spfs_json_free(d);
}

static void test_text(void **state)
{
    (void)state;
    struct spfs_json_doc *d =
        parse("{\"nul\":\"a\\u0000b\",\"lone\":\"a\\ud800b\",\"low\":\"\\udc00\",\"pair\":\"\\ud83d\\ude00\","
              "\"raw\":\"a\xff\",\"over\":\"\xc0\xaf\",\"cut\":\"\xe2\x82\",\"surr\":\"\xed\xa0\x80\","
              "\"high\":\"\xf4\x90\x80\x80\",\"good\":\"\xe2\x82\xac\",\"back\":\"a\\\\u0000\","
              "\"id\\u0000x\":\"k\"}");
    const struct spfs_json *r = spfs_json_root(d);
    static const char *const absent[] = {"nul", "lone", "low", "raw", "over", "cut", "surr", "high", "id"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        assert_null(spfs_json_str(r, absent[i]));
    assert_true(spfs_json_has(r, "nul"));
    assert_string_equal(spfs_json_str(r, "pair"), "\xf0\x9f\x98\x80");
    assert_string_equal(spfs_json_str(r, "good"), "\xe2\x82\xac");
    assert_string_equal(spfs_json_str(r, "back"), "a\\u0000");
    spfs_json_free(d);
}

static void test_writing(void **state)
{
    (void)state;
    struct spfs_buf b;
    spfs_buf_init(&b, 1000);
    assert_int_equal(spfs_json_add_string(&b, "a\"b\\c\n\x01€"), 0);
    assert_string_equal(b.data, "\"a\\\"b\\\\c\\u000a\\u0001€\"");
    spfs_buf_done(&b);
    spfs_buf_init(&b, 4);
    assert_int_equal(spfs_json_add_string(&b, "abcdef"), -EFBIG);
    spfs_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents), cmocka_unit_test(test_depth_and_count),
        cmocka_unit_test(test_getters),   cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_text),      cmocka_unit_test(test_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
