/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The token endpoint, and what Graph says to good and bad tokens. */
#include "client.h"

static struct client k;

static void expect(const char *form, const char *path, long status, const char *error, const char *number)
{
    k.body = form;
    client_send(&k, "POST", path);
    assert_int_equal(k.status, status);
    cJSON *o = cJSON_Parse(k.text.data);
    assert_string_equal(json_text(o, "error"), error);
    assert_non_null(strstr(json_text(o, "error_description"), number));
    assert_true(spfs_starts(json_text(o, "error_description"), "AADSTS"));
    cJSON_Delete(o);
}

#define PATH "/contoso.example/oauth2/v2.0/token"
#define ID   "client_id=11111111-1111-1111-1111-111111111111&"

static void refusals_have_their_numbers(void **state)
{
    (void)state;
    expect("grant_type=client_credentials&" ID "client_secret=wrong&scope=x/.default", PATH, 401,
           "invalid_client", "7000215");
    expect("grant_type=client_credentials&" ID "scope=x/.default", PATH, 401, "invalid_client", "7000218");
    expect("grant_type=client_credentials&" ID "client_secret=sim-secret&scope=Files.Read", PATH, 400,
           "invalid_scope", "70011");
    expect("grant_type=client_credentials&client_id=2&client_secret=sim-secret", PATH, 400,
           "unauthorized_client", "700016");
    expect("grant_type=client_credentials&" ID "client_secret=sim-secret",
           "/nowhere.example/oauth2/v2.0/token", 400, "invalid_request", "90002");
    expect("grant_type=refresh_token&" ID "refresh_token=stolen", PATH, 400, "invalid_grant", "700082");
    expect("grant_type=password&" ID, PATH, 400, "unsupported_grant_type", "70003");
    expect(ID, PATH, 400, "invalid_request", "900144");
}

static void refresh_tokens_rotate_and_old_ones_stay_good(void **state)
{
    (void)state;
    char second[100];
    k.body = "grant_type=refresh_token&" ID "refresh_token=sim-refresh-1";
    client_send(&k, "POST", PATH);
    cJSON *o = cJSON_Parse(k.text.data);
    spfs_copy(second, sizeof second, json_text(o, "refresh_token"));
    assert_string_not_equal(second, "sim-refresh-1");
    cJSON_Delete(o);
    char form[200];
    spfs_format(form, sizeof form, "grant_type=refresh_token&" ID "refresh_token=%s", second);
    k.body = form;
    client_send(&k, "POST", "/organizations/oauth2/v2.0/token");
    assert_int_equal(k.status, 200);
    k.body = "grant_type=refresh_token&" ID "refresh_token=sim-refresh-1";
    client_send(&k, "POST", PATH);
    assert_int_equal(k.status, 200);
}

static void an_app_has_no_refresh_token_and_no_me(void **state)
{
    (void)state;
    client_sign_in(&k, true);
    assert_null(strstr(k.text.data, "refresh_token"));
    cJSON *o = client_get(&k, "/v1.0/me/drive", 400);
    cJSON_Delete(o);
    o = client_get(&k, "/v1.0/sites?search=*", 200);
    cJSON_Delete(o);
    client_sign_in(&k, false);
    o = client_get(&k, "/v1.0/me", 200);
    assert_string_equal(json_text(o, "userPrincipalName"), "adele@contoso.example");
    cJSON_Delete(o);
}

static void bad_tokens_are_told(void **state)
{
    (void)state;
    char good[256];
    spfs_copy(good, sizeof good, k.token);
    static const char *const bad[] = {"", "nonsense",
                                      "eyJ0eXAiOiJKV1QiLCJub25jZSI6InNpbSJ9.uffffffff.0123456789abcdef"};
    for (size_t i = 0; i < 3; i++) {
        spfs_copy(k.token, sizeof k.token, bad[i]);
        cJSON *o = client_get(&k, "/v1.0/me", 401);
        assert_string_equal(json_text(cJSON_GetObjectItem(o, "error"), "code"), "InvalidAuthenticationToken");
        assert_non_null(client_header(&k, "WWW-Authenticate"));
        cJSON_Delete(o);
    }
    spfs_copy(k.token, sizeof k.token, good);
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
    client_stop(&k);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_have_their_numbers),
        cmocka_unit_test(refresh_tokens_rotate_and_old_ones_stay_good),
        cmocka_unit_test(an_app_has_no_refresh_token_and_no_me),
        cmocka_unit_test(bad_tokens_are_told),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
