// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include "record_i.h"

#include <errno.h>
#include <string.h>

#include <spfs/base/clock.h>

#define REAL INT64_C(1800000000000000000)

static struct spfs_secret text_of(const char *s)
{
    struct spfs_secret r = {0};
    assert_int_equal(spfs_secret_set(&r, s, strlen(s)), 0);
    return r;
}

static void make(struct record *r, struct spfs_buf *b)
{
    struct spfs_secret token = text_of("tok\"en");
    *r = (struct record){.credential = "c", .seed = "s", .refresh = text_of("re\\fresh")};
    assert_int_equal(record_set_access(r, &token, 3600000), 0);
    spfs_secret_done(&token);
    spfs_buf_init(b, RECORD_MAX);
    assert_int_equal(record_format(r, b), 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct record r, again, copy;
    struct spfs_buf b;
    spfs_clock_set_fake(1000000, REAL);
    make(&r, &b);
    spfs_clock_advance_fake(1000);
    assert_int_equal(record_parse(b.data, b.len, &again), 0);
    assert_int_equal(record_copy(&copy, &again), 0);
    assert_string_equal(copy.access.data, "tok\"en");
    assert_string_equal(copy.refresh.data, "re\\fresh");
    assert_string_equal(copy.credential, "c");
    assert_string_equal(copy.seed, "s");
    assert_int_equal(record_left_ms(&copy), 3599000);
    spfs_clock_set_fake(1000000, REAL - INT64_C(86400000000000)); /* the wall clock is set back: no matter */
    record_done(&again);
    assert_int_equal(record_parse(b.data, b.len, &again), 0);
    assert_int_equal(record_left_ms(&again), 3600000);
    spfs_clock_advance_fake(3600001);
    assert_int_equal(record_left_ms(&again), 0);
    record_done(&again);
    record_done(&copy);
    record_done(&r);
    spfs_buf_done(&b);
    spfs_clock_set_real();
}

/* After a reboot the boot clock starts anew; the wall clock tells, unless it was turned back. */
static void test_other_boot(void **state)
{
    (void)state;
    struct record r, again;
    struct spfs_buf b;
    spfs_clock_set_fake(50000000, REAL);
    make(&r, &b);
    char *boot = strstr(b.data, "\"boot\": \"");
    assert_non_null(boot);
    boot[10] = boot[10] == 'x' ? 'y' : 'x';
    spfs_clock_set_fake(1000, REAL + INT64_C(600000000000));
    assert_int_equal(record_parse(b.data, b.len, &again), 0);
    assert_int_equal(record_left_ms(&again), 3000000);
    record_done(&again);
    spfs_clock_set_fake(1000, REAL - INT64_C(600000000000));
    assert_int_equal(record_parse(b.data, b.len, &again), 0);
    assert_int_equal(record_left_ms(&again), 0);
    assert_non_null(again.refresh.data);
    record_done(&again);
    record_done(&r);
    spfs_buf_done(&b);
    spfs_clock_set_real();
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"version\":2}", "null", "{\"version\":\"x\"}"};
    struct record r;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(bad); i++)
        assert_int_equal(record_parse(bad[i], strlen(bad[i]), &r), -EBADMSG);
    static const char odd[] = "{\"version\":1,\"life_ms\":-1,\"access\":7}";
    assert_int_equal(record_parse(odd, strlen(odd), &r), 0);
    assert_null(r.access.data);
    assert_int_equal(record_left_ms(&r), 0);
    record_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_other_boot),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
