/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Generated content: repeatable, the same at any cut, and hashed without being made. */
#include "spfs_test.h"

#include "blob_i.h"
#include "pattern_i.h"
#include "tree_i.h"

#include <stdlib.h>
#include <string.h>

static void mixing_is_reversible(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252ull;
    for (int i = 0; i < 1000; i++) {
        uint64_t v = pattern_mix(x += 12345);
        assert_true(pattern_unmix(pattern_mix(v)) == v);
    }
}

static void content_is_the_same_at_any_cut(void **state)
{
    (void)state;
    struct tree_body body = {.size = 3ull * PATTERN_PERIOD, .seed = 42};
    size_t n = 2u * PATTERN_PERIOD + 5;
    unsigned char *whole = malloc(n), piece[4096];
    assert_non_null(whole);
    assert_int_equal(body_read(&body, 0, whole, n), 0);
    for (uint64_t at = 1; at + sizeof piece < n; at += 777777) {
        assert_int_equal(body_read(&body, at, piece, sizeof piece), 0);
        assert_memory_equal(piece, whole + at, sizeof piece);
    }
    free(whole);
}

/* The shortcut against the plain hash of the same bytes, around the edges of cells, runs and periods. */
static void hash_is_that_of_the_bytes(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1,       19,      20,       159,      160,     161,
                                     4096,    1048575, 1048577,  4194318,  4194319, 4194320,
                                     8388638, 8400000, 41955385, 700000000};
    unsigned char *buf = malloc(PATTERN_RUN);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tree_body body = {.size = sizes[i], .seed = 1000 + i * 99991};
        struct spfs_quickxor q;
        char plain[SPFS_QUICKXOR_TEXT], quick[SPFS_QUICKXOR_TEXT];
        spfs_quickxor_init(&q);
        for (uint64_t at = 0; at < body.size; at += PATTERN_RUN) {
            size_t n = body.size - at < PATTERN_RUN ? (size_t)(body.size - at) : PATTERN_RUN;
            assert_int_equal(body_read(&body, at, buf, n), 0);
            spfs_quickxor_add(&q, buf, n);
        }
        spfs_quickxor_end(&q, plain);
        body_quickxor_text(&body, quick);
        assert_string_equal(plain, quick);
    }
    free(buf);
}

static void written_content_is_read_back(void **state)
{
    (void)state;
    struct tree_blob *blob = blob_new();
    assert_non_null(blob);
    assert_int_equal(blob_append(blob, "hello ", 6), 0);
    assert_int_equal(blob_append(blob, "world", 5), 0);
    struct tree_body body = {.size = blob_size(blob), .blob = blob};
    char text[8] = "", hash[SPFS_QUICKXOR_TEXT];
    assert_int_equal(body_read(&body, 4, text, 7), 0);
    assert_string_equal(text, "o world");
    body_quickxor_text(&body, hash);
    assert_string_equal(hash, "aCgDG9jwBhDc4Q1yawMZAAAAAAA=");
    blob_unref(blob);
}

static int start(void **state)
{
    (void)state;
    pattern_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixing_is_reversible),
        cmocka_unit_test(content_is_the_same_at_any_cut),
        cmocka_unit_test(hash_is_that_of_the_bytes),
        cmocka_unit_test(written_content_is_read_back),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
