// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/model/quickxor.h>

#include <stdlib.h>
#include <string.h>

static void check(const void *p, size_t n, const char *want)
{
    struct spfs_quickxor q;
    char got[SPFS_QUICKXOR_TEXT];
    spfs_quickxor_init(&q);
    spfs_quickxor_add(&q, p, n);
    spfs_quickxor_end(&q, got);
    assert_string_equal(got, want);
}

/* P(n): byte i is i mod 251. */
static unsigned char *pattern(size_t n)
{
    unsigned char *p = malloc(n);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(i % 251);
    return p;
}

static void test_texts(void **state)
{
    (void)state;
    check("", 0, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    check("\0", 1, "AAAAAAAAAAAAAAAAAQAAAAAAAAA=");
    check("\xff", 1, "/wAAAAAAAAAAAAAAAQAAAAAAAAA=");
    check("A", 1, "QQAAAAAAAAAAAAAAAQAAAAAAAAA=");
    check("hello world", 11, "aCgDG9jwBhDc4Q1yawMZAAAAAAA=");
    check("hello world\n", 12, "aCgDG9jwBhDc4Q1ybAMZFAAAAAA=");
    check("hello world\r\n", 13, "aCgDG9jwBhDc4Q1ybQMZGqAAAAA=");
    check("\0\0\0\0\0\0\0\0\0", 10, "AAAAAAAAAAAAAAAACgAAAAAAAAA=");
}

static const struct {
    size_t n;
    const char *hash;
} patterns[] = {
    {14, "AAiAAAZAgAIY4AAIRoACFsCABgA="},      {15, "AAiAAAZAgAIY4AAIR4ACFsCABjg="},
    {19, "4AmQiIZEgAIY4AAIW4ACFsCABjg="},      {20, "4AmQiIZEpgIY4AAIXIACFsCABjg="},
    {21, "4AmQiIZEpkIZ4AAIXYACFsCABjg="},      {159, "/+EGLlnQi0dVs5OEknWhEnz5Ih0="},
    {160, "/+EGLlnQi0dVs5OErXWhEnz5wg4="},     {161, "X+EGLlnQi0dVs5OErHWhEnz5wg4="},
    {321, "u1GbdfQargIk2mCyTYA3pIJtLgI="},     {4096, "RJcKKXeQduVsX9VMGiB+EvkuGVk="},
    {65536, "QXB5kWN93cxdszFlycj0AHeT63Q="},   {327679, "dVxjLVlWbbPTEZb1CleTkx+Brp0="},
    {327680, "dVxjLVlWbbPTEZb19aiSkx+BLpI="},  {327681, "CFxjLVlWbbPTEZb19KiSkx+BLpI="},
    {1048576, "pVcWCkWK/HTa4DMyE2B1A1Y9XyM="}, {10485760, "HzHa6uC4H1eGHsvneyLLI+WiCqw="},
};

static void test_patterns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        unsigned char *p = pattern(patterns[i].n);
        check(p, patterns[i].n, patterns[i].hash);
        free(p);
    }
}

static void test_runs(void **state)
{
    (void)state;
    unsigned char *p = malloc(327680);
    assert_non_null(p);
    memset(p, 0xff, 327680);
    check(p, 20, "HOc4xznOcX784x//7Mc//vGPf/w=");
    check(p, 160, "AAAAAAAAAAAAAAAAoAAAAAAAAAA=");
    check(p, 327680, "AAAAAAAAAAAAAAAAAAAFAAAAAAA=");
    memset(p, 0, 327680);
    check(p, 327680, "AAAAAAAAAAAAAAAAAAAFAAAAAAA=");
    free(p);
}

/* However the input is cut, and however it is aligned, the hash is the same; taking it in between changes
 * nothing. */
static void test_pieces(void **state)
{
    (void)state;
    unsigned char *p = pattern(65536 + 1);
    memmove(p + 1, p, 65536);
    uint64_t seed = 0x5eed;
    for (int round = 0; round < 50; round++) {
        struct spfs_quickxor q;
        char got[SPFS_QUICKXOR_TEXT];
        spfs_quickxor_init(&q);
        for (size_t at = 0; at < 65536;) {
            size_t n = test_next(&seed) % (round % 2 ? 400 : 20000);
            n = n < 65536 - at ? n : 65536 - at;
            spfs_quickxor_add(&q, p + 1 + at, n);
            spfs_quickxor_end(&q, got);
            at += n;
        }
        assert_string_equal(got, "QXB5kWN93cxdszFlycj0AHeT63Q=");
    }
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
