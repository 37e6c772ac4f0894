// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include "reply_i.h"

#include <errno.h>
#include <string.h>

#include <spfs/base/clock.h>

#define TEXT(error, text)                                                                                    \
    "{\"error\":\"" error "\",\"error_description\":\"" text "\",\"correlation_id\":\"42-c\"}"

static struct spfs_reason reason;

static int parse_as(enum spfs_auth_kind kind, int status, int64_t date_ns, const char *body,
                    struct reply *ret)
{
    struct account a = {
        .kind = kind, .login_url = (char[]){"https://login.example"}, .tenant = (char[]){"contoso"}};
    struct spfs_http_head head = {.status = status, .date_ns = date_ns, .retry_after_ms = -1};
    *ret = (struct reply){0};
    memset(&reason, 0, sizeof(reason));
    return reply_parse(&a, &head, body, strlen(body), ret, &reason);
}

static int result(enum spfs_auth_kind kind, int status, const char *body)
{
    struct reply r;
    int err = parse_as(kind, status, INT64_MIN, body, &r);
    reply_done(&r);
    assert_true(err == 0 || strlen(reason.text) > 20);
    return err;
}

static void test_tokens(void **state)
{
    (void)state;
    struct reply r;
    assert_int_equal(parse_as(SPFS_AUTH_SECRET, 200, INT64_MIN,
                              "{\"token_type\":\"bearer\",\"expires_in\":\"3599\",\"access_token\":\"ey.J\","
                              "\"refresh_token\":\"R\"}",
                              &r),
                     0);
    assert_string_equal(r.access.data, "ey.J");
    assert_string_equal(r.refresh.data, "R");
    assert_int_equal(r.life_ms, 3599000);
    reply_done(&r);
    assert_int_equal(
        parse_as(SPFS_AUTH_SECRET, 200, INT64_MIN, "{\"expires_in\":-5,\"access_token\":\"t\"}", &r), 0);
    assert_int_equal(r.life_ms, 3600000);
    assert_null(r.refresh.data);
    reply_done(&r);
}

static void test_not_tokens(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "<html></html>",
                                      "{}",
                                      "[]",
                                      "null",
                                      "{\"access_token\":\"\"}",
                                      "{\"access_token\":7}",
                                      "{\"access_token\":\"a b\"}",
                                      "{\"access_token\":\"a\\r\\nX: y\"}",
                                      "{\"access_token\":\"a\\u0000b\"}",
                                      "{\"token_type\":\"mac\",\"access_token\":\"a\"}"};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(bad); i++)
        assert_int_equal(result(SPFS_AUTH_SECRET, 200, bad[i]), -EIO);
    assert_int_equal(result(SPFS_AUTH_SECRET, 404, "<html>"), -EIO);
    assert_int_equal(result(SPFS_AUTH_SECRET, 400, "{}"), -EIO);
}

static void test_errors(void **state)
{
    (void)state;
    assert_int_equal(result(SPFS_AUTH_REFRESH, 400, TEXT("invalid_grant", "AADSTS50173: x\\r\\ny")),
                     -EKEYEXPIRED);
    assert_string_equal(reason.text,
                        "Sign-in to contoso failed: the session was revoked, or the password has changed "
                        "(AADSTS50173); sign in again.");
    assert_int_equal(result(SPFS_AUTH_SECRET, 400, TEXT("invalid_grant", "AADSTS50173: x")), -EACCES);
    assert_int_equal(result(SPFS_AUTH_REFRESH, 400, TEXT("interaction_required", "AADSTS50076: x")),
                     -EKEYEXPIRED);
    assert_int_equal(result(SPFS_AUTH_REFRESH, 401, TEXT("invalid_client", "AADSTS7000222: x")), -EACCES);
    assert_non_null(strstr(reason.text, "expired (AADSTS7000222)"));
    assert_int_equal(
        result(SPFS_AUTH_SECRET, 400, TEXT("invalid_request", "AADSTS123456: Odd thing.\\r\\nTrace ID: t")),
        -EACCES);
    assert_string_equal(reason.text,
                        "Sign-in to contoso failed: AADSTS123456: Odd thing; show this to the administrator "
                        "(correlation id 42-c).");
    assert_int_equal(result(SPFS_AUTH_REFRESH, 400, TEXT("temporarily_unavailable", "x")), -ENETUNREACH);
    assert_int_equal(result(SPFS_AUTH_REFRESH, 503, "<html>"), -ENETUNREACH);
    assert_int_equal(result(SPFS_AUTH_REFRESH, 429, ""), -ENETUNREACH);
}

static void test_clock_is_named(void **state)
{
    (void)state;
    struct reply r;
    spfs_clock_set_fake(0, INT64_C(1800000000000000000));
    assert_int_equal(parse_as(SPFS_AUTH_SECRET, 401, INT64_C(1800003600000000000),
                              TEXT("invalid_client", "AADSTS700027: x"), &r),
                     -EACCES);
    assert_non_null(strstr(reason.text, "60 minutes slow; set it."));
    assert_int_equal(parse_as(SPFS_AUTH_SECRET, 401, INT64_C(1800000060000000000),
                              TEXT("invalid_client", "AADSTS700027: x"), &r),
                     -EACCES);
    assert_null(strstr(reason.text, "clock"));
    spfs_clock_set_real();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_not_tokens),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_clock_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
