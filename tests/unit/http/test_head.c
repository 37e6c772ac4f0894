/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of replies, line by line: what is taken, what counts as absent, what is refused. */
#include "spfs_test.h"
#include "head_i.h"

#include <spfs/base/clock.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct spfs_http_head head;

/* Lines separated by \n; the last result. */
static int parse(const char *text)
{
    struct head_parser p;
    int r = 0;
    head_init(&p, &head);
    while (*text && r == 0) {
        size_t n = strcspn(text, "\n");
        char line[6000];
        int len = snprintf(line, sizeof(line), "%.*s\r\n", (int)n, text);
        r = head_line(&p, line, (size_t)len);
        text += n + (text[n] == '\n');
    }
    return r ? r : head_line(&p, "\r\n", 2);
}

static void test_fields(void **state)
{
    (void)state;
    assert_int_equal(
        parse("HTTP/1.1 206 Partial Content\ncontent-LENGTH: 10\nContent-Range: bytes 5-14/100\nETag:  "
              "\"a,1\" \n"
              "Location: https://h/x\nContent-Type: text/plain\nrequest-id: 42\nX-Virus-Infected: yes"),
        1);
    assert_int_equal(head.status, 206);
    assert_int_equal(head.content_length, 10);
    assert_true(head.has_range);
    assert_int_equal(head.range_from, 5);
    assert_int_equal(head.range_to, 14);
    assert_int_equal(head.range_total, 100);
    assert_string_equal(head.etag, "\"a,1\"");
    assert_string_equal(head.location, "https://h/x");
    assert_string_equal(head.request_id, "42");
    assert_true(head.infected);
    assert_int_equal(head.retry_after_ms, -1);
}

static void test_range_strict(void **state)
{
    static const char *const bad[] = {"bytes 5-4/10",
                                      "bytes 0-10/10",
                                      "bytes -5/10",
                                      "bytes 5-/10",
                                      "bytes 1-2",
                                      "bytes 1-2/",
                                      "bytes 1-2/x",
                                      "bytes 1-2/10x",
                                      "items 1-2/10",
                                      "bytes=1-2/10",
                                      "bytes +1-2/10",
                                      "bytes */10",
                                      "",
                                      "bytes 1-99999999999999999999/*"};
    char text[200];
    (void)state;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(bad); i++) {
        snprintf(text, sizeof(text), "HTTP/1.1 206 X\nContent-Range: %s", bad[i]);
        assert_int_equal(parse(text), 1);
        assert_false(head.has_range);
    }
    assert_int_equal(parse("HTTP/1.1 206 X\nContent-Range: bytes 1-2/*"), 1);
    assert_true(head.has_range && head.range_total == UINT64_MAX);
    /* Twice, or against the length: none. */
    assert_int_equal(parse("HTTP/1.1 206 X\nContent-Range: bytes 1-2/5\nContent-Range: bytes 1-2/5"), 1);
    assert_false(head.has_range);
    assert_int_equal(parse("HTTP/1.1 206 X\nContent-Length: 3\nContent-Range: bytes 1-2/5"), 1);
    assert_false(head.has_range);
}

static void test_retry_after(void **state)
{
    (void)state;
    parse("HTTP/1.1 429 X\nRetry-After: 2.128");
    assert_int_equal(head.retry_after_ms, 2128);
    parse("HTTP/1.1 429 X\nRetry-After: 120");
    assert_int_equal(head.retry_after_ms, 120000);
    /* A date counts from the server's own clock. */
    parse("HTTP/1.1 503 X\nRetry-After: Tue, 01 Jul 2025 10:00:30 GMT\nDate: Tue, 01 Jul 2025 10:00:00 GMT");
    assert_int_equal(head.retry_after_ms, 30000);
    spfs_clock_set_fake(1000, INT64_C(1751364000) * 1000000000); /* the same moment */
    parse("HTTP/1.1 503 X\nRetry-After: Tue, 01 Jul 2025 10:00:30 GMT");
    assert_int_equal(head.retry_after_ms, 30000);
    spfs_clock_set_real();
    parse("HTTP/1.1 503 X\nRetry-After: Tue, 01 Jul 2025 09:00:00 GMT\nDate: Tue, 01 Jul 2025 10:00:00 GMT");
    assert_int_equal(head.retry_after_ms, 0);
    parse("HTTP/1.1 503 X\nRetry-After: soon");
    assert_int_equal(head.retry_after_ms, -1);
    parse("HTTP/1.1 503 X\nRetry-After: -5");
    assert_int_equal(head.retry_after_ms, -1);
    parse("HTTP/1.1 503 X\nRetry-After: 99999999999999999");
    assert_true(head.retry_after_ms > 0);
    /* The larger of both, and the budget of a good reply is no wait. */
    parse("HTTP/1.1 429 X\nRetry-After: 2\nRateLimit-Reset: 7");
    assert_int_equal(head.retry_after_ms, 7000);
    parse("HTTP/1.1 429 X\nRateLimit-Reset: 7\nRetry-After: 9");
    assert_int_equal(head.retry_after_ms, 9000);
    parse("HTTP/1.1 200 X\nRateLimit-Reset: 7");
    assert_int_equal(head.retry_after_ms, -1);
}

static void test_too_long_is_absent(void **state)
{
    char text[6000];
    (void)state;
    snprintf(text, sizeof(text), "HTTP/1.1 200 X\nLocation: %.*d", 4096, 1);
    assert_int_equal(parse(text), 1);
    assert_string_equal(head.location, "");
    assert_int_equal(parse("HTTP/1.1 401 X\nWWW-Authenticate: Bearer a=\"1\"\nWWW-Authenticate: Basic"), 1);
    assert_string_equal(head.www_authenticate, "Bearer a=\"1\", Basic");
}

static void test_length(void **state)
{
    (void)state;
    assert_int_equal(parse("HTTP/1.1 200 X\nContent-Length: 5\nContent-Length: 6"), -EPROTO);
    assert_int_equal(parse("HTTP/1.1 200 X\nContent-Length: -5"), -EPROTO);
    assert_int_equal(parse("HTTP/1.1 200 X\nContent-Length: 5\nContent-Length: 5"), 1);
    assert_int_equal(parse("HTTP/1.1 200 X\nTransfer-Encoding: chunked"), 1);
    assert_true(head.content_length == UINT64_MAX);
}

static void test_interim_replies(void **state)
{
    struct head_parser p;
    (void)state;
    head_init(&p, &head);
    assert_int_equal(head_line(&p, "HTTP/1.1 103 Early Hints\r\n", 26), 0);
    assert_int_equal(head_line(&p, "Retry-After: 9\r\n", 16), 0);
    assert_int_equal(head_line(&p, "\r\n", 2), 0);
    assert_int_equal(head_line(&p, "HTTP/2 200\r\n", 12), 0);
    assert_int_equal(head_line(&p, "\r\n", 2), 1);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.retry_after_ms, -1);
}

static void test_coding(void **state)
{
    (void)state;
    assert_int_equal(parse("HTTP/1.1 200 X\nContent-Encoding: gzip"), 1);
    assert_true(head.coded);
    assert_int_equal(parse("HTTP/1.1 200 X\nContent-Encoding: identity"), 1);
    assert_false(head.coded);
}

static void test_flood(void **state)
{
    struct head_parser p;
    int r = 0;
    (void)state;
    head_init(&p, &head);
    for (int i = 0; i < 1000 && r == 0; i++)
        r = head_line(&p, "a: b\r\n", 6);
    assert_int_equal(r, -EPROTO);
    /* Interim heads do not reset the count. */
    head_init(&p, &head);
    r = 0;
    for (int i = 0; i < 1000 && r == 0; i++)
        r = i % 2 ? head_line(&p, "\r\n", 2) : head_line(&p, "HTTP/1.1 100 X\r\n", 16);
    assert_int_equal(r, -EPROTO);
    assert_int_equal(parse("HTTP/1.1 nonsense"), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),      cmocka_unit_test(test_range_strict),
        cmocka_unit_test(test_retry_after), cmocka_unit_test(test_too_long_is_absent),
        cmocka_unit_test(test_length),      cmocka_unit_test(test_interim_replies),
        cmocka_unit_test(test_coding),      cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
