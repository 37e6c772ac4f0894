/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which addresses may be sent to. */
#include "spfs_test.h"

#include <spfs/base/cleanup.h>
#include <spfs/http/http.h>

#include <stdio.h>

static void test_allowed(void **state)
{
    static const char *const good[] = {
        "https://graph.microsoft.com/v1.0/me",
        "HTTPS://Example.COM",
        "https://example.com:8443/a?b=c%20d",
        "http://127.0.0.1/",
        "http://127.0.0.1:8080/x",
        "http://127.8.9.10/",
        "http://localhost/",
        "http://LOCALHOST:1/",
        "http://[::1]",
        "http://[::1]:9/x",
        "http://127.1/" /* libcurl makes 127.0.0.1 of it, and that is where it would connect */,
    };
    (void)state;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(good); i++)
        if (!spfs_http_url_allowed(good[i]))
            fail_msg("refused: %s", good[i]);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "http://127.0.0.1.evil.com/",
        "http://localhost@evil.com/",
        "http://localhost:80@evil.com/",
        "http://evil.com/",
        "http://evil.com/127.0.0.1",
        "http://evil.com#localhost",
        "http://evil.com?localhost",
        "http://localhost.evil.com/",
        "http://localhost./",
        "http://128.0.0.1/",
        "http://[::2]/",
        "http://[::ffff:8.8.8.8]/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "https://user:secret@example.com/",
        "https://user@example.com/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "127.0.0.1",
        "//127.0.0.1/",
        "",
        "https://",
        "http://127.0.0.1\\@evil.com/",
        "http://127.0.0.1 .evil.com/",
        "https://exa\nmple.com/",
        "https://example.com:99999/",
        "javascript:alert(1)",
    };
    (void)state;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(bad); i++)
        if (spfs_http_url_allowed(bad[i]))
            fail_msg("allowed: %s", bad[i]);
    assert_false(spfs_http_url_allowed(NULL));
}

static void test_origin(void **state)
{
    (void)state;
    assert_true(spfs_http_same_origin("https://Example.com/a", "HTTPS://example.COM:443/b?c"));
    assert_true(spfs_http_same_origin("http://localhost/", "http://LOCALHOST:80"));
    assert_false(spfs_http_same_origin("https://example.com/", "https://example.com:444/"));
    assert_false(spfs_http_same_origin("https://example.com/", "http://example.com/"));
    assert_false(spfs_http_same_origin("https://example.com/", "https://example.com.evil.org/"));
    assert_false(spfs_http_same_origin("https://example.com/", "https://www.example.com/"));
    assert_false(spfs_http_same_origin("nonsense", "nonsense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allowed), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_origin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
