/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes through Graph: what succeeds, what it leaves behind, and every refusal. */
#include "client.h"

static struct client k;

static cJSON *send_json(const char *method, const char *target, const char *body, long expected)
{
    static char json[] = "Content-Type: application/json";
    if (!k.header)
        k.header = json;
    k.body = body;
    client_send(&k, method, target);
    if (k.status != expected)
        fail_msg("%s %s: %ld instead of %ld: %s", method, target, k.status, expected,
                 k.text.data ? k.text.data : "");
    return k.text.len ? cJSON_Parse(k.text.data) : NULL;
}

static void expect(const char *method, const char *target, const char *body, long status, const char *code)
{
    cJSON *o = send_json(method, target, body, status);
    const cJSON *error = cJSON_GetObjectItem(o, "error");
    if (code) {
        const char *outer = json_text(error, "code");
        const cJSON *inner = cJSON_GetObjectItem(error, "innerError");
        if (!outer || (strcmp(outer, code) != 0 &&
                       (!json_text(inner, "code") || strcmp(json_text(inner, "code"), code) != 0)))
            fail_msg("%s %s: no %s in %s", method, target, code, k.text.data);
    }
    cJSON_Delete(o);
}

/* "/v1.0/me/drive/items/ID" of an item. Gives. */
static char *by_id(const cJSON *item)
{
    return spfs_asprintf("/v1.0/me/drive/items/%s", json_text(item, "id"));
}

static cJSON *put(const char *path, const char *content, long expected)
{
    SPFS_FREE char *target = spfs_asprintf("/v1.0/me/drive/root:/%s:/content", path);
    return send_json("PUT", target, content, expected);
}

static cJSON *server_side(const char *path)
{
    SPFS_FREE char *target = spfs_asprintf("/_sim/tree?path=/My%%20Files/%s", path);
    return client_get(&k, target, 200);
}

static void change(const char *json)
{
    client_control(&k, "POST", "change", json, 200);
}

static void put_creates_and_replaces(void **state)
{
    (void)state;
    cJSON *first = put("p.txt", "one", 201), *second = put("p.txt", "two!", 200);
    assert_string_equal(json_text(first, "id"), json_text(second, "id"));
    assert_string_not_equal(json_text(first, "cTag"), json_text(second, "cTag"));
    cJSON *o = server_side("p.txt");
    assert_int_equal(cJSON_GetObjectItem(o->child, "versions")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(o->child, "size")->valueint, 4);
    cJSON_Delete(o);
    expect("PUT", "/v1.0/me/drive/root:/p.txt:/content?@microsoft.graph.conflictBehavior=fail", "x", 409,
           "nameAlreadyExists");
    o = send_json("PUT", "/v1.0/me/drive/root:/p.txt:/content?%40microsoft.graph.conflictBehavior=rename",
                  "x", 201);
    assert_string_equal(json_text(o, "name"), "p 1.txt");
    cJSON_Delete(o);
    cJSON_Delete(put("zero.txt", "", 201));
    expect("PUT", "/v1.0/me/drive/root:/none/p.txt:/content", "x", 404, "itemNotFound");
    cJSON_Delete(first);
    cJSON_Delete(second);
}

static void conditions_hold_or_412(void **state)
{
    (void)state;
    cJSON *item = put("cond.txt", "one", 201);
    SPFS_FREE char *target = by_id(item);
    SPFS_FREE char *match = spfs_asprintf("If-Match: %s", json_text(item, "eTag"));
    SPFS_FREE char *content = spfs_asprintf("If-Match: %s", json_text(item, "cTag"));
    change("{\"op\":\"touch\",\"path\":\"/My Files/cond.txt\"}");
    k.header = match;
    expect("PATCH", target, "{\"name\":\"cond2.txt\"}", 412, "resourceModified");
    k.header = match;
    expect("DELETE", target, NULL, 412, "resourceModified");
    k.header = "If-Match: unquoted";
    expect("DELETE", target, NULL, 400, NULL);
    k.header = content; /* the content is unchanged */
    expect("DELETE", target, NULL, 204, NULL);
    expect("DELETE", target, NULL, 404, "itemNotFound");
    cJSON_Delete(item);
}

static void folders_are_made_renamed_and_moved(void **state)
{
    (void)state;
    cJSON *a = send_json("POST", "/v1.0/me/drive/root/children", "{\"name\":\"A\",\"folder\":{}}", 201);
    cJSON *b = send_json("POST", "/v1.0/me/drive/root/children", "{\"name\":\"B\",\"folder\":{}}", 201);
    expect("POST", "/v1.0/me/drive/root/children", "{\"name\":\"a\",\"folder\":{}}", 409,
           "nameAlreadyExists");
    SPFS_FREE char *at_a = by_id(a);
    SPFS_FREE char *at_b = by_id(b);
    cJSON_Delete(send_json("PATCH", at_a, "{\"name\":\"a\"}", 200)); /* case only */
    expect("PATCH", at_a, "{\"name\":\"B\"}", 409, "nameAlreadyExists");
    SPFS_FREE char *into_b =
        spfs_asprintf("{\"parentReference\":{\"id\":\"%s\"},\"name\":\"moved\"}", json_text(b, "id"));
    cJSON *moved = send_json("PATCH", at_a, into_b, 200);
    assert_string_equal(json_text(moved, "id"), json_text(a, "id"));
    cJSON_Delete(moved);
    SPFS_FREE char *into_a = spfs_asprintf("{\"parentReference\":{\"id\":\"%s\"}}", json_text(a, "id"));
    expect("PATCH", at_b, into_a, 400, "invalidRequest");
    expect("PATCH", at_a, "{\"parentReference\":{\"id\":\"root\"}}", 404, NULL);
    expect("DELETE", at_b, NULL, 204, NULL);
    expect("GET", at_a, NULL, 404, "itemNotFound");
    expect("DELETE", "/v1.0/me/drive/root", NULL, 403, "accessDenied");
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static void times_make_a_version(void **state)
{
    (void)state;
    cJSON *item = put("t.txt", "one", 201);
    SPFS_FREE char *target = by_id(item);
    cJSON *o = send_json("PATCH", target,
                         "{\"fileSystemInfo\":{\"lastModifiedDateTime\":\"2001-09-09T01:46:40.7Z\"}}", 200);
    assert_string_equal(json_text(o, "lastModifiedDateTime"), "2001-09-09T01:46:40Z");
    assert_string_equal(json_text(o, "cTag"), json_text(item, "cTag"));
    cJSON_Delete(o);
    o = server_side("t.txt");
    assert_int_equal(cJSON_GetObjectItem(o->child, "versions")->valueint, 2);
    cJSON_Delete(o);
    SPFS_FREE char *restore = spfs_asprintf("%s/versions/1.0/restoreVersion", target);
    expect("POST", restore, "", 204, NULL);
    SPFS_FREE char *version = spfs_asprintf("%s/versions/1.0", target);
    expect("DELETE", version, NULL, 204, NULL);
    expect("DELETE", version, NULL, 404, NULL);
    cJSON_Delete(item);
}

static void names_follow_the_rules(void **state)
{
    (void)state;
    static const char *const bad[] = {"a:b",   "a|b", "tail ",       "tail.",   "~$doc.docx",
                                      ".lock", "CON", "desktop.ini", "x_vti_y", "forms"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        SPFS_FREE char *body = spfs_asprintf("{\"name\":\"%s\",\"folder\":{}}", bad[i]);
        /* `forms` is refused at the root of a library only */
        expect("POST", "/v1.0/me/drive/root/children", body, 400, "invalidRequest");
    }
    char deep[900] = "/v1.0/me/drive/root";
    for (unsigned i = 0; i < 4; i++) {
        char name[120], body[200];
        memset(name, 'a' + (int)i, 110);
        name[110] = '\0';
        spfs_format(body, sizeof body, "{\"name\":\"%s\",\"folder\":{}}", name);
        SPFS_FREE char *target = spfs_asprintf("%s/children", deep);
        if (i == 3) {
            expect("POST", target, body, 400, NULL);
            assert_non_null(strstr(k.text.data, "pathIsTooLong"));
            break;
        }
        cJSON *o = send_json("POST", target, body, 201);
        spfs_format(deep, sizeof deep, "/v1.0/me/drive/items/%s", json_text(o, "id"));
        cJSON_Delete(o);
    }
}

static void locks_quota_and_read_only_libraries_refuse(void **state)
{
    (void)state;
    cJSON *item = put("l.txt", "one", 201);
    SPFS_FREE char *target = by_id(item);
    change("{\"op\":\"lock\",\"path\":\"/My Files/l.txt\"}");
    expect("PATCH", target, "{\"name\":\"m.txt\"}", 423, NULL);
    expect("PUT", "/v1.0/me/drive/root:/l.txt:/content", "x", 423, NULL);
    change("{\"op\":\"lock\",\"path\":\"/My Files/l.txt\",\"on\":false}");
    change("{\"op\":\"quota\",\"path\":\"/My Files\",\"size\":10}");
    expect("PUT", "/v1.0/me/drive/root:/l.txt:/content", "twelve bytes", 507, "quotaLimitReached");
    change("{\"op\":\"quota\",\"path\":\"/My Files\",\"size\":1000000000}");
    change("{\"op\":\"read_only\",\"path\":\"/My Files\"}");
    expect("PUT", "/v1.0/me/drive/root:/l.txt:/content", "x", 403, "accessDenied");
    expect("POST", "/v1.0/me/drive/root/children", "{\"name\":\"C\",\"folder\":{}}", 403, "accessDenied");
    change("{\"op\":\"read_only\",\"path\":\"/My Files\",\"on\":false}");
    expect("DELETE", target, NULL, 204, NULL);
    cJSON_Delete(item);
}

/* ---- sessions ---- */

static char *session(const char *name, const char *body)
{
    SPFS_FREE char *target = spfs_asprintf("/v1.0/me/drive/root:/%s:/createUploadSession", name);
    cJSON *o = send_json("POST", target, body, 200);
    assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(o, "nextExpectedRanges"), 0)->valuestring,
                        "0-");
    char *url = spfs_asprintf("%s", json_text(o, "uploadUrl"));
    cJSON_Delete(o);
    return url;
}

static void fragment(const char *url, const char *bytes, unsigned first, unsigned total, long expected)
{
    SPFS_FREE char *range =
        spfs_asprintf("Content-Range: bytes %u-%u/%u", first, first + (unsigned)strlen(bytes) - 1, total);
    k.header = range;
    k.body = bytes;
    client_send(&k, "PUT", url);
    if (k.status != expected)
        fail_msg("%s: %ld instead of %ld: %s", range, k.status, expected, k.text.data);
}

static char *filled(char with, size_t n)
{
    char *p = malloc(n + 1);
    memset(p, with, n);
    p[n] = '\0';
    return p;
}

static void sessions_take_fragments_in_order(void **state)
{
    (void)state;
    SPFS_FREE char *a = filled('a', 327680);
    SPFS_FREE char *b = filled('b', 100);
    SPFS_FREE char *url = session(
        "s.bin", "{\"item\":{\"fileSystemInfo\":{\"lastModifiedDateTime\":\"2010-01-01T00:00:00Z\"}}}");
    fragment(url, b, 327680, 327780, 416);
    assert_non_null(strstr(k.text.data, "fragmentOutOfOrder"));
    fragment(url, a, 0, 327780, 202);
    assert_non_null(strstr(k.text.data, "\"327680-"));
    fragment(url, a, 0, 327780, 416);
    assert_non_null(strstr(k.text.data, "fragmentOverlap"));
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 200);
    assert_non_null(strstr(k.text.data, "\"327680-"));
    fragment(url, b, 327680, 327781, 400);
    fragment(url, b, 327680, 327780, 201);
    cJSON *o = cJSON_Parse(k.text.data);
    assert_string_equal(json_text(o, "lastModifiedDateTime"), "2010-01-01T00:00:00Z");
    assert_int_equal(cJSON_GetObjectItem(o, "size")->valueint, 327780);
    cJSON_Delete(o);
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 404);
    o = server_side("s.bin");
    assert_int_equal(cJSON_GetObjectItem(o->child, "versions")->valueint, 1);
    cJSON_Delete(o);
}

static void sessions_refuse(void **state)
{
    (void)state;
    SPFS_FREE char *b = filled('b', 100);
    SPFS_FREE char *clash = session("s.bin", "{\"item\":{\"@microsoft.graph.conflictBehavior\":\"fail\"}}");
    fragment(clash, b, 0, 100, 409);
    client_send(&k, "DELETE", clash);
    assert_int_equal(k.status, 204);
    SPFS_FREE char *odd = session("odd.bin", NULL);
    fragment(odd, b, 0, 200, 202);
    fragment(odd, b, 100, 200, 400); /* only now: fragments must be multiples of 320 KiB */
    expect("POST", "/v1.0/me/drive/root:/x.bin:/createUploadSession", "{\"item\":{\"fileSize\":3}}", 400,
           NULL);
    expect("POST", "/v1.0/me/drive/root:/x.bin:/createUploadSession", "{\"item\":{\"name\":\"y.bin\"}}", 400,
           NULL);
    SPFS_FREE char *url = session("auth.bin", NULL);
    uint64_t before = client_counter(&k, "violations", "auth_on_content");
    k.header = "Authorization: Bearer x";
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 401);
    assert_int_equal(client_counter(&k, "violations", "auth_on_content"), before + 1);
    k.header = "Content-Range: bytes 0-9/0";
    k.body = "";
    client_send(&k, "PUT", url);
    assert_int_equal(k.status, 400);
}

static void a_session_notices_that_its_target_moved_on(void **state)
{
    (void)state;
    SPFS_FREE char *b = filled('b', 100);
    cJSON *item = put("race.txt", "one", 201);
    SPFS_FREE char *match = spfs_asprintf("If-Match: %s", json_text(item, "eTag"));
    SPFS_FREE char *target = by_id(item);
    SPFS_FREE char *create = spfs_asprintf("%s/createUploadSession", target);
    k.header = match;
    cJSON *o =
        send_json("POST", create, "{\"item\":{\"@microsoft.graph.conflictBehavior\":\"replace\"}}", 200);
    SPFS_FREE char *url = spfs_asprintf("%s", json_text(o, "uploadUrl"));
    cJSON_Delete(o);
    change("{\"op\":\"write\",\"path\":\"/My Files/race.txt\",\"content\":\"theirs\"}");
    fragment(url, b, 0, 100, 412);
    k.header = match;
    expect("POST", create, "{}", 412, "resourceModified");
    cJSON_Delete(item);
}

static void deferred_sessions_wait_for_the_commit(void **state)
{
    (void)state;
    SPFS_FREE char *b = filled('b', 100);
    SPFS_FREE char *url = session("later.bin", "{\"deferCommit\":true}");
    fragment(url, b, 0, 100, 202);
    expect("GET", "/v1.0/me/drive/root:/later.bin", NULL, 404, NULL);
    client_send(&k, "POST", url);
    assert_int_equal(k.status, 201);
}

static void sharepoint_rewrites_office_files(void **state)
{
    (void)state;
    change("{\"op\":\"rewrite\",\"path\":\"/My Files\"}");
    cJSON *o = put("w.docx", "words", 201);
    assert_true(cJSON_GetObjectItem(o, "size")->valueint > 5);
    cJSON_Delete(o);
    o = put("w.txt", "words", 201);
    assert_int_equal(cJSON_GetObjectItem(o, "size")->valueint, 5);
    cJSON_Delete(o);
    change("{\"op\":\"rewrite\",\"path\":\"/My Files\",\"delay_ms\":1}");
    cJSON *before = put("late.docx", "words", 201);
    assert_int_equal(cJSON_GetObjectItem(before, "size")->valueint, 5);
    for (int tries = 0; tries < 100000; tries++) {
        o = client_get(&k, "/v1.0/me/drive/root:/late.docx", 200);
        bool done = cJSON_GetObjectItem(o, "size")->valueint > 5;
        if (done)
            assert_string_not_equal(json_text(o, "cTag"), json_text(before, "cTag"));
        cJSON_Delete(o);
        if (done)
            break;
        assert_true(tries < 99999);
    }
    change("{\"op\":\"rewrite\",\"path\":\"/My Files\",\"on\":false}");
    cJSON_Delete(before);
}

static void copies_have_a_monitor(void **state)
{
    (void)state;
    cJSON_Delete(put("from.txt", "bytes", 201));
    expect("POST", "/v1.0/me/drive/root:/from.txt:/copy", "{\"name\":\"from.txt\"}", 409,
           "nameAlreadyExists");
    expect("POST", "/v1.0/me/drive/root/copy", "{\"name\":\"x\"}", 400, "invalidRequest");
    expect("POST", "/v1.0/me/drive/root:/from.txt:/copy", "{\"name\":\"to.txt\"}", 202, NULL);
    SPFS_FREE char *monitor = spfs_asprintf("%s", client_header(&k, "Location"));
    char saved[256];
    spfs_copy(saved, sizeof saved, k.token);
    k.token[0] = '\0'; /* the monitor takes no token */
    client_send(&k, "GET", monitor);
    assert_int_equal(k.status, 202);
    cJSON *o = client_get(&k, monitor, 200);
    spfs_copy(k.token, sizeof k.token, saved);
    assert_string_equal(json_text(o, "status"), "completed");
    cJSON *item = client_get(&k, "/v1.0/me/drive/root:/to.txt", 200);
    assert_string_equal(json_text(item, "id"), json_text(o, "resourceId"));
    cJSON_Delete(item);
    cJSON_Delete(o);
}

static void libraries_are_made(void **state)
{
    (void)state;
    static const char site[] = "/v1.0/sites/contoso.sharepoint.com:/sites/empty:/lists";
    static const char books[] = "{\"displayName\":\"Books\",\"list\":{\"template\":\"documentLibrary\"}}";
    cJSON *o = send_json("POST", site, books, 201);
    SPFS_FREE char *drive = spfs_asprintf("%s/%s/drive", site, json_text(o, "id"));
    cJSON_Delete(o);
    expect("POST", site, books, 409, "nameAlreadyExists");
    o = client_get(&k, drive, 200);
    assert_string_equal(json_text(o, "name"), "Books");
    cJSON_Delete(o);
    o = client_get(&k, site, 200);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "value")), 2);
    cJSON_Delete(o);
}

static void a_batch_creates_sessions_and_folders(void **state)
{
    (void)state;
    cJSON *o = send_json("POST", "/v1.0/$batch",
                         "{\"requests\":[{\"id\":\"1\",\"method\":\"POST\",\"url\":\"/me/drive/root:/b1.bin:/"
                         "createUploadSession\",\"body\":{},"
                         "\"headers\":{\"Content-Type\":\"application/json\"}},"
                         "{\"id\":\"2\",\"method\":\"POST\",\"url\":\"/me/drive/root/"
                         "children\",\"body\":{\"name\":\"batched\",\"folder\":{}},"
                         "\"headers\":{\"Content-Type\":\"application/json\"}}]}",
                         200);
    const cJSON *list = cJSON_GetObjectItem(o, "responses");
    assert_int_equal(cJSON_GetObjectItem(json_find(list, "id", "2"), "status")->valueint, 201);
    const char *url = json_text(cJSON_GetObjectItem(json_find(list, "id", "1"), "body"), "uploadUrl");
    assert_non_null(url);
    fragment(url, "bytes", 0, 5, 201);
    cJSON_Delete(o);
}

static int start(void **state)
{
    (void)state;
    struct spfs_sim_options o = {.preset = "empty"};
    client_start(&k, &o);
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
        cmocka_unit_test(put_creates_and_replaces),
        cmocka_unit_test(conditions_hold_or_412),
        cmocka_unit_test(folders_are_made_renamed_and_moved),
        cmocka_unit_test(times_make_a_version),
        cmocka_unit_test(names_follow_the_rules),
        cmocka_unit_test(locks_quota_and_read_only_libraries_refuse),
        cmocka_unit_test(sessions_take_fragments_in_order),
        cmocka_unit_test(sessions_refuse),
        cmocka_unit_test(a_session_notices_that_its_target_moved_on),
        cmocka_unit_test(deferred_sessions_wait_for_the_commit),
        cmocka_unit_test(sharepoint_rewrites_office_files),
        cmocka_unit_test(copies_have_a_monitor),
        cmocka_unit_test(libraries_are_made),
        cmocka_unit_test(a_batch_creates_sessions_and_folders),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
