// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/model/names.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* stored on the server, shown on Linux */
static const struct {
    const char *server, *local;
} pairs[] = {
    {"plain.txt", "plain.txt"},
    {"＂＊：＜＞？＼｜", "\"*:<>?\\|"},
    {"␠lead", " lead"},
    {"trail␠", "trail "},
    {"trail．", "trail."},
    {"in the．middle", "in the．middle"},
    {"a␠b", "a␠b"},
    {"␠", " "},
    {"two.．", "two.."},
    {"..．", "..."},
    {"a‛＊", "a＊"}, /* the stand-in was meant */
    {"a‛‛＊", "a‛＊"},
    {"‛␠x", "␠x"},
    {"x‛．", "x．"},
    {"a‛b", "a‛b"}, /* a quote that quotes nothing */
    {"a‛", "a‛"},
    {"‛", "‛"},
    {"a*b", "a‛*b"}, /* a server that broke its own rule */
    {"a‛*b", "a‛‛*b"},
    {" x", "‛ x"},
    {"．", "．"}, /* never "." nor ".." */
    {".．", ".．"},
    {"‛．", "‛．"},
    {".‛．", ".‛．"},
    {"～tilde", "～tilde"},
    {"~tilde", "~tilde"},
    {"~$word.docx", "~$word.docx"},
    {"#%+&';", "#%+&';"},
    {"日本語\xf0\x9f\x98\x80", "日本語\xf0\x9f\x98\x80"},
    {"e\xcc\x81", "e\xcc\x81"}, /* not normalized */
};

static void test_pairs(void **state)
{
    (void)state;
    char out[SPFS_NAME_SIZE];
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        assert_int_equal(spfs_name_to_local(pairs[i].server, out, sizeof(out)), 0);
        assert_string_equal(out, pairs[i].local);
        assert_int_equal(spfs_name_to_server(pairs[i].local, out, sizeof(out)), 0);
        assert_string_equal(out, pairs[i].server);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const parts[] = {"‛",
                                        "‛",
                                        "*",
                                        "＊",
                                        ":",
                                        "：",
                                        "\\",
                                        "＼",
                                        " ",
                                        "␠",
                                        ".",
                                        "．",
                                        "a",
                                        "~",
                                        "～",
                                        "é",
                                        "\xf0\x9f\x98\x80"};
    uint64_t seed = 99;
    for (int i = 0; i < 300000; i++) {
        char x[128] = "", y[256], z[256];
        for (uint64_t n = 1 + test_next(&seed) % 6; n > 0; n--)
            strcat(x, parts[test_next(&seed) % (sizeof(parts) / sizeof(*parts))]);
        if (!spfs_name_acceptable(x, strlen(x)))
            continue;
        assert_int_equal(spfs_name_to_local(x, y, sizeof(y)), 0);
        assert_string_not_equal(y, ".");
        assert_string_not_equal(y, "..");
        assert_int_equal(spfs_name_to_server(y, z, sizeof(z)), 0);
        assert_string_equal(z, x);
        assert_int_equal(spfs_name_to_server(x, y, sizeof(y)), 0);
        assert_int_equal(spfs_name_to_local(y, z, sizeof(z)), 0);
        assert_string_equal(z, x);
    }
}

static void test_bad_text(void **state)
{
    (void)state;
    char out[SPFS_NAME_SIZE];
    assert_int_equal(spfs_name_to_server("a\xff", out, sizeof(out)), -EILSEQ);
    assert_int_equal(spfs_name_to_server("\xc0\xaf", out, sizeof(out)), -EILSEQ);
    assert_int_equal(spfs_name_to_local("\xed\xa0\x80", out, sizeof(out)),
                     -EILSEQ); /* half a surrogate pair */
    assert_int_equal(spfs_name_to_server("abc*", out, 6), -ENAMETOOLONG);
    assert_int_equal(spfs_name_to_server("abc*", out, 7), 0);
    assert_int_equal(spfs_name_to_server("abc", out, 3), -ENAMETOOLONG);
    assert_int_equal(spfs_name_to_server("", out, 1), 0);
    assert_int_equal(spfs_name_to_server("", out, 0), -ENAMETOOLONG);
}

static void test_acceptable(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "a/b",
                                      "/",
                                      "a\nb",
                                      "a\x7f",
                                      "\xc2\x9b"
                                      "1m",
                                      "\xff",
                                      "a\xe2\x80",
                                      "\xed\xa0\x80"};
    static const char *const good[] = {"a", "...", ".a", "a*b", " a ", "日本", "~$x", "\xe2\x80\xae"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(spfs_name_acceptable(bad[i], strlen(bad[i])));
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(spfs_name_acceptable(good[i], strlen(good[i])));
    assert_false(spfs_name_acceptable("a\0b", 3));
    char name[1025] = "";
    memset(name, 'x', 256);
    assert_true(spfs_name_acceptable(name, 255));
    assert_false(spfs_name_acceptable(name, 256));
    for (int i = 0; i < 128; i++)
        memcpy(name + 4 * i, "\xf0\x9f\x98\x80", 4); /* two units each */
    assert_true(spfs_name_acceptable(name, 4 * 127));
    assert_false(spfs_name_acceptable(name, 4 * 128));
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(spfs_name_equal("README", "readme"));
    assert_true(spfs_name_equal("Ärger", "äRGER"));
    assert_true(spfs_name_equal("\xc3\xa9", "E\xcc\x81"));        /* composed and not */
    assert_true(spfs_name_equal("\xef\xa4\x80", "\xe8\xb1\x88")); /* U+F900 and its ideograph */
    assert_true(spfs_name_equal("ΣΊΣΥΦΟΣ", "σίσυφος"));
    assert_false(spfs_name_equal("a", "b"));
    assert_false(spfs_name_equal("x2", "x²"));
    assert_false(spfs_name_equal("a*", "a＊"));
    assert_false(spfs_name_equal("é", "e"));
    assert_true(spfs_name_equal("\xff", "\xff"));
    assert_false(spfs_name_equal("\xff", "\xfe"));
}

static void test_fold(void **state)
{
    (void)state;
    char out[SPFS_FOLD_SIZE], again[SPFS_FOLD_SIZE];
    assert_int_equal(spfs_name_fold("\xff", out), -EILSEQ);
    char name[SPFS_NAME_SIZE] = "";
    for (int i = 0; i < 255; i++)
        strcat(name, "\xe1\xbe\x87"); /* U+1F87: folds to three code points */
    assert_int_equal(spfs_name_fold(name, out), 0);
    assert_int_equal(spfs_name_fold(out, again), 0);
    assert_string_equal(out, again);
    char longer[2 * SPFS_FOLD_SIZE];
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(spfs_name_fold(longer, out), -ENAMETOOLONG);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "~$report.docx", ".lock", ".LOCK",       "CON",     "con",    "prn",  "Aux", "NUL", "COM0",
        "com9",          "LPT0",  "Desktop.ini", "a_vti_b", "_VTI_x", "a*b",  "a:b", "x|",  "\"",
        "a\\b",          " x",    "x ",          "x.",      "a\tb",   "\xff", ""};
    static const char *const good[] = {"CON.txt", "COM10", "COMA", ".locks", "x~$y", "forms",
                                       "~x",      "#%",    "a＊",  "lock",   "x.y",  "vti_"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (!spfs_name_refused(bad[i], false))
            fail_msg("taken: %s", bad[i]);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (spfs_name_refused(good[i], false))
            fail_msg("refused: %s", good[i]);
    assert_true(spfs_name_refused("Forms", true));
    char name[258];
    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    assert_true(spfs_name_refused(name, false));
    name[255] = '\0';
    assert_false(spfs_name_refused(name, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),      cmocka_unit_test(test_round_trip), cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_acceptable), cmocka_unit_test(test_equal),      cmocka_unit_test(test_fold),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
