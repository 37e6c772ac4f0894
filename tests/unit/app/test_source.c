/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SOURCE in its forms, and the folder name that stands for it. */
#include "spfs_test.h"

#include "source_i.h"

#include <errno.h>
#include <string.h>

static void forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *connection, *path;
        bool is_url;
    } cases[] = {
        {"work:", "work", "", false},
        {"work:/", "work", "", false},
        {"work:/Site", "work", "Site", false},
        {"work://Site//Docs/a b/", "work", "Site/Docs/a b", false},
        {"work:Site/Docs", "work", "Site/Docs", false},
        {"My Work:/My Files", "My Work", "My Files", false},
        {"work:/a:b", "work", "a:b", false},
        {"https://contoso.sharepoint.com/sites/X", "", "https://contoso.sharepoint.com/sites/X", true},
        {"HTTPS://contoso.sharepoint.com", "", "HTTPS://contoso.sharepoint.com", true},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(cases); i++) {
        struct spfs_source s;
        assert_int_equal(spfs_source_parse(cases[i].text, &s, NULL), 0);
        assert_string_equal(s.connection, cases[i].connection);
        assert_string_equal(s.path, cases[i].path);
        assert_int_equal(s.is_url, cases[i].is_url);
    }
}

static void what_is_none(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "", "work", ":", ":/x", "/a:b", "not a source", "work:/a/../b", "work:/.", "work:/a/./b"};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(cases); i++) {
        struct spfs_source s;
        struct spfs_reason reason = {""};
        assert_int_equal(spfs_source_parse(cases[i], &s, &reason), -EINVAL);
        assert_true(*reason.text);
    }
    assert_true(spfs_source_is("work:"));
    assert_false(spfs_source_is("no-such-command"));
}

static void escape(const char *path, char ret[NAME_MAX + 1])
{
    struct spfs_source s = {.path = ""};
    spfs_copy(s.path, sizeof(s.path), path);
    spfs_source_escape(&s, ret);
}

static void folder_names(void **state)
{
    (void)state;
    char a[NAME_MAX + 1], b[NAME_MAX + 1], text[1200];
    escape("", a);
    assert_string_equal(a, "=all");
    escape("Site/My Docs", a);
    assert_string_equal(a, "Site%2FMy%20Docs");
    escape("=all", a);
    assert_string_equal(a, "%3Dall");
    escape("..", a);
    assert_string_equal(a, "%2E.");
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    escape(text, a);
    text[sizeof(text) - 2] = 'y';
    escape(text, b);
    assert_true(strlen(a) < 256);
    assert_string_not_equal(a, b);
    assert_null(strchr(a, '/'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(what_is_none),
                                       cmocka_unit_test(folder_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
