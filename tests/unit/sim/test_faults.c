/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every fault switch fires, and only as often as its rule says. */
#include "client.h"

static struct client k;

#define HELLO "/v1.0/me/drive/root:/Hello.txt"

static void rule(const char *json)
{
    client_control(&k, "DELETE", "faults", NULL, 200);
    client_control(&k, "POST", "faults", json, 200);
}

static char *content_url(void)
{
    client_send(&k, "GET", HELLO ":/content");
    return spfs_asprintf("%s", client_header(&k, "Location"));
}

static long status_of(const char *target)
{
    client_send(&k, "GET", target);
    return k.status;
}

static void matchers_choose(void **state)
{
    (void)state;
    rule("[{\"method\":\"POST\",\"status\":500},{\"path_contains\":\"/nowhere\",\"status\":501},"
         "{\"path_regex\":\"^/v1.0/me$\",\"after\":1,\"times\":2,\"status\":502}]");
    static const long expected[] = {200, 502, 502, 200};
    for (int i = 0; i < 4; i++)
        assert_int_equal(status_of("/v1.0/me"), expected[i]);
    cJSON *o = client_get(&k, "/_sim/faults", 200);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(o, 2), "fired")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(o, 0), "fired")->valueint, 0);
    cJSON_Delete(o);
    client_control(&k, "POST", "faults", "{\"path_regex\":\"(\"}", 400);
}

static void probability_is_repeatable(void **state)
{
    (void)state;
    unsigned hits[2] = {0};
    for (int round = 0; round < 2; round++) {
        rule("{\"path_contains\":\"/me\",\"times\":-1,\"probability\":0.5,\"seed\":7,\"status\":503}");
        for (unsigned i = 0; i < 20; i++)
            hits[round] = hits[round] * 2 + (status_of("/v1.0/me") == 503);
    }
    assert_int_equal(hits[0], hits[1]);
    assert_true(hits[0] != 0 && hits[0] != (1u << 20) - 1);
}

static void status_comes_with_code_body_and_location(void **state)
{
    (void)state;
    rule("[{\"path_contains\":\"/me\",\"status\":403,\"code\":\"accessRestricted\"},"
         "{\"path_contains\":\"/me\",\"status\":500,\"body\":\"{}\"},"
         "{\"path_contains\":\"/me\",\"status\":410,\"location\":\"/v1.0/elsewhere\"}]");
    cJSON *o = client_get(&k, "/v1.0/me", 403);
    assert_string_equal(json_text(cJSON_GetObjectItem(o, "error"), "code"), "accessRestricted");
    cJSON_Delete(o);
    assert_int_equal(status_of("/v1.0/me"), 500);
    assert_string_equal(k.text.data, "{}");
    assert_int_equal(status_of("/v1.0/me"), 410);
    assert_true(spfs_starts(client_header(&k, "Location"), "http://127.0.0.1"));
}

/* The window opens after a grace for what was already under way, so requests go on until it is seen open. */
static void a_request_inside_the_retry_after_window_is_a_violation(void **state)
{
    (void)state;
    client_control(&k, "POST", "counters/reset", NULL, 200);
    rule("{\"path_contains\":\"/me\",\"status\":429,\"retry_after\":30.5}");
    assert_int_equal(status_of("/v1.0/me"), 429);
    assert_string_equal(client_header(&k, "Retry-After"), "30.5");
    assert_int_equal(status_of("/v1.0/me"), 200);
    assert_int_equal(client_counter(&k, "violations", "retry_after"), 0);
    for (int i = 0; i < 100000 && client_counter(&k, "violations", "retry_after") == 0; i++)
        assert_int_equal(status_of("/v1.0/me"), 200);
    assert_true(client_counter(&k, "violations", "retry_after") > 0);
}

static void token_errors_have_their_number(void **state)
{
    (void)state;
    rule("{\"path_contains\":\"/token\",\"aadsts\":50173,\"code\":\"invalid_grant\"}");
    k.body = "grant_type=refresh_token";
    client_send(&k, "POST", "/contoso.example/oauth2/v2.0/token");
    assert_int_equal(k.status, 400);
    assert_non_null(strstr(k.text.data, "AADSTS50173"));
}

static void bodies_that_are_not_json(void **state)
{
    (void)state;
    rule("[{\"path_contains\":\"/me\",\"html\":true},{\"path_contains\":\"/me\",\"garbage\":true},"
         "{\"path_contains\":\"/me\",\"huge_json\":3}]");
    assert_int_equal(status_of("/v1.0/me"), 200);
    assert_non_null(strstr(k.text.data, "<html>"));
    assert_string_equal(client_header(&k, "Content-Type"), "text/html");
    assert_int_equal(status_of("/v1.0/me"), 200);
    assert_null(cJSON_Parse(k.text.data));
    assert_int_equal(status_of("/v1.0/me"), 200);
    assert_true(k.text.len >= 3u << 20);
}

static void bodies_end_early(void **state)
{
    (void)state;
    SPFS_FREE char *url = content_url();
    rule(
        "[{\"path_contains\":\"/_content\",\"truncate\":10},{\"path_contains\":\"/"
        "_content\",\"reset_after\":7},"
        "{\"path_contains\":\"/_content\",\"reset_after\":0},{\"path_contains\":\"/me\",\"reset_after\":5}]");
    k.expect_broken = true;
    client_send(&k, "GET", url);
    assert_int_equal(k.broken, 18); /* CURLE_PARTIAL_FILE */
    assert_int_equal(k.text.len, 10);
    k.expect_broken = true;
    client_send(&k, "GET", url);
    assert_true(k.broken == 18 || k.broken == 56); /* the reset may overtake what was sent before it */
    assert_true(k.text.len <= 7);
    k.expect_broken = true;
    client_send(&k, "GET", url);
    assert_true(k.broken != 0);
    assert_int_equal(k.text.len, 0);
    k.expect_broken = true;
    client_send(&k, "GET", "/v1.0/me");
    assert_true(k.broken != 0);
    client_send(&k, "GET", url);
    assert_int_equal(k.text.len, 34);
}

static void answers_stall(void **state)
{
    (void)state;
    SPFS_FREE char *url = content_url();
    rule("[{\"path_contains\":\"/_content\",\"stall_ms\":200,\"stall_after\":10},"
         "{\"path_contains\":\"/me\",\"stall_ms\":200},{\"path_contains\":\"/"
         "_content\",\"stall_ms\":600000,\"stall_after\":5}]");
    client_send(&k, "GET", url);
    assert_int_equal(k.text.len, 34);
    assert_true(k.seconds >= 0.2);
    client_send(&k, "GET", "/v1.0/me");
    assert_true(k.seconds >= 0.2);
    k.expect_broken = true;
    k.timeout_ms = 3000;
    client_send(&k, "GET", url);
    assert_int_equal(k.broken, 28); /* CURLE_OPERATION_TIMEDOUT */
    assert_int_equal(k.text.len, 5);
}

static void downloads_lie(void **state)
{
    (void)state;
    SPFS_FREE char *url = content_url();
    rule("[{\"path_contains\":\"/_content\",\"wrong_content_range\":true},{\"path_contains\":\"/"
         "_content\",\"ignore_range\":true},"
         "{\"path_contains\":\"/_content\",\"drop_etag\":true},{\"path_contains\":\"/"
         "_content\",\"expire_url\":true}]");
    k.range = "0-3";
    client_send(&k, "GET", url);
    assert_string_equal(client_header(&k, "Content-Range"), "bytes 1-4/35");
    k.range = "0-3";
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 200);
    assert_int_equal(k.text.len, 34);
    client_send(&k, "GET", url);
    assert_null(client_header(&k, "ETag"));
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 401);
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 200);
    rule("{\"path_contains\":\"Hello.txt\",\"expire_url\":true}");
    SPFS_FREE char *stale = content_url();
    client_send(&k, "GET", stale);
    assert_int_equal(k.status, 401);
}

static void listings_are_hostile(void **state)
{
    (void)state;
    rule("[{\"path_contains\":\"/children\",\"name\":\"../etc/passwd\"},"
         "{\"path_contains\":\"/children\",\"name_json\":\"\\\"nul\\\\u0000name\\\"\",\"entry\":1},"
         "{\"path_contains\":\"/children\",\"size\":-1},{\"path_contains\":\"/"
         "children\",\"size_json\":\"9223372036854775808\"},"
         "{\"path_contains\":\"/children\",\"cycle\":\"self\"},{\"path_contains\":\"/"
         "children\",\"cycle\":\"pair\",\"entry\":1},"
         "{\"path_contains\":\"/children\",\"drop_etag\":true}]");
    client_send(&k, "GET", "/v1.0/me/drive/root/children");
    assert_non_null(strstr(k.text.data, "\"name\":\"../etc/passwd\""));
    client_send(&k, "GET", "/v1.0/me/drive/root/children");
    assert_non_null(strstr(k.text.data, "\"name\":\"nul\\u0000name\""));
    client_send(&k, "GET", "/v1.0/me/drive/root/children");
    assert_non_null(strstr(k.text.data, "\"size\":-1,"));
    client_send(&k, "GET", "/v1.0/me/drive/root/children");
    assert_non_null(strstr(k.text.data, "\"size\":9223372036854775808,"));
    for (int pair = 0; pair < 2; pair++) {
        cJSON *o = client_get(&k, "/v1.0/me/drive/root/children", 200);
        const cJSON *entry = cJSON_GetArrayItem(cJSON_GetObjectItem(o, "value"), pair);
        const char *parent = json_text(cJSON_GetObjectItem(entry, "parentReference"), "id");
        assert_int_equal(strcmp(parent, json_text(entry, "id")) == 0, !pair);
        cJSON_Delete(o);
    }
    client_send(&k, "GET", "/v1.0/me/drive/root/children");
    assert_null(strstr(k.text.data, "eTag"));
    rule("[{\"path_contains\":\"/drives\",\"name\":\"..\"},{\"path_contains\":\"/sites?search\",\"name\":\"a/"
         "b\",\"entry\":1}]");
    client_send(&k, "GET", "/v1.0/sites/contoso.sharepoint.com:/sites/marketing:/drives");
    assert_non_null(strstr(k.text.data, "\"name\":\"..\""));
    client_send(&k, "GET", "/v1.0/sites?search=*");
    assert_non_null(strstr(k.text.data, "\"displayName\":\"a/b\""));
}

static void links_never_end(void **state)
{
    (void)state;
    rule("{\"path_regex\":\"children|delta|search\",\"times\":-1,\"endless_nextlink\":true}");
    static const char *const lists[] = {"/v1.0/me/drive/root/children", "/v1.0/me/drive/root/delta",
                                        "/v1.0/sites?search=*"};
    for (size_t i = 0; i < 3; i++) {
        char link[1024];
        spfs_copy(link, sizeof link, lists[i]);
        for (int page = 0; page < 5; page++) {
            cJSON *o = client_get(&k, link, 200);
            assert_true(spfs_copy(link, sizeof link, json_text(o, "@odata.nextLink")));
            cJSON_Delete(o);
        }
    }
}

static int start(void **state)
{
    (void)state;
    client_start(&k, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    client_stop(&k); /* ends the stalled answer too */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matchers_choose),
        cmocka_unit_test(probability_is_repeatable),
        cmocka_unit_test(status_comes_with_code_body_and_location),
        cmocka_unit_test(a_request_inside_the_retry_after_window_is_a_violation),
        cmocka_unit_test(token_errors_have_their_number),
        cmocka_unit_test(bodies_that_are_not_json),
        cmocka_unit_test(bodies_end_early),
        cmocka_unit_test(answers_stall),
        cmocka_unit_test(downloads_lie),
        cmocka_unit_test(listings_are_hostile),
        cmocka_unit_test(links_never_end),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
