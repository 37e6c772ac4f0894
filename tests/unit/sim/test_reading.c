/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Discovery, addressing, listing, downloads, batches. */
#include "client.h"

static struct client k;
#define MARKETING "/v1.0/sites/contoso.sharepoint.com:/sites/marketing:"

static void sites_are_found_every_way(void **state)
{
    (void)state;
    cJSON *o = client_get(&k, "/v1.0/sites?search=*", 200);
    const cJSON *list = cJSON_GetObjectItem(o, "value");
    assert_true(cJSON_GetArraySize(list) >= 4);
    const cJSON *site = json_find(list, "name", "engineering");
    assert_null(json_find(list, "name", "vault"));
    char path[300];
    spfs_format(path, sizeof path, "/v1.0/sites/%s/sites", json_text(site, "id"));
    cJSON *subs = client_get(&k, path, 200);
    assert_non_null(json_find(cJSON_GetObjectItem(subs, "value"), "displayName", "Hardware"));
    cJSON_Delete(subs);
    cJSON_Delete(o);
    static const char *const alone[] = {"/v1.0/sites/root", "/v1.0/sites/contoso.sharepoint.com",
                                        "/v1.0/sites/contoso.sharepoint.com:/sites/vault", MARKETING};
    for (size_t i = 0; i < 4; i++) {
        o = client_get(&k, alone[i], 200);
        assert_non_null(json_text(o, "displayName"));
        cJSON_Delete(o);
    }
    o = client_get(&k, "/v1.0/sites/contoso.sharepoint.com:/sites/none", 404);
    cJSON_Delete(o);
}

static void system_libraries_hide(void **state)
{
    (void)state;
    cJSON *o = client_get(&k, "/v1.0/sites/contoso.sharepoint.com:/sites/engineering:/drives", 200);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "value")), 2);
    cJSON_Delete(o);
    o = client_get(&k, "/v1.0/sites/contoso.sharepoint.com:/sites/engineering:/drives?$select=id,name,system",
                   200);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "value")), 3);
    cJSON_Delete(o);
}

static void paths_compare_without_case_and_ids_with(void **state)
{
    (void)state;
    cJSON *o = client_get(
        &k, MARKETING "/drive/root:/NAMES%20%26%20SIGNS%20%231%20%28100%25%29/100%25%20done.TXT", 200);
    assert_string_equal(json_text(o, "name"), "100% done.txt");
    char path[300];
    spfs_format(path, sizeof path, "%s/items/%s", client_drive(&k, "/Marketing (marketing)/Documents"),
                json_text(o, "id"));
    cJSON *again = client_get(&k, path, 200);
    assert_string_equal(json_text(again, "eTag"), json_text(o, "eTag"));
    cJSON_Delete(again);
    path[strlen(path) - 1] = (char)(path[strlen(path) - 1] | 32);
    again = client_get(&k, path, 404);
    cJSON_Delete(again);
    cJSON_Delete(o);
    o = client_get(&k, MARKETING "/drive/root:/none/none.txt", 404);
    cJSON_Delete(o);
}

static void children_come_by_pages(void **state)
{
    (void)state;
    struct spfs_sim_options o = {.preset = "wide"};
    struct client w;
    client_start(&w, &o);
    char link[1024] = "/v1.0/sites/contoso.sharepoint.com:/sites/wide:/drive/root:/wide:/"
                      "children?$top=5000&$select=id,name";
    unsigned pages = 0, entries = 0;
    while (*link) {
        cJSON *page = client_get(&w, link, 200);
        const cJSON *list = cJSON_GetObjectItem(page, "value");
        entries += (unsigned)cJSON_GetArraySize(list);
        pages++;
        assert_null(cJSON_GetObjectItem(list->child, "size"));
        spfs_copy(link, sizeof link, json_text(page, "@odata.nextLink"));
        cJSON_Delete(page);
    }
    assert_int_equal(pages, 10); /* $top is clamped to 1000 */
    assert_int_equal(entries, 10000);
    cJSON *page =
        client_get(&w, "/v1.0/sites/contoso.sharepoint.com:/sites/wide:/drive/root:/wide:/children", 200);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "value")), 200);
    cJSON_Delete(page);
    page = client_get(
        &w, "/v1.0/sites/contoso.sharepoint.com:/sites/wide:/drive/root:/wide:/children?$skip=3", 400);
    cJSON_Delete(page);
    client_stop(&w);
}

static void shortcuts_show_in_a_onedrive_when_asked_for(void **state)
{
    (void)state;
    cJSON *o = client_get(&k, "/v1.0/me/drive/root/children", 200);
    assert_null(json_find(cJSON_GetObjectItem(o, "value"), "name", "Drafts of Engineering"));
    cJSON_Delete(o);
    k.header = "Prefer: Include-Feature=AddToOneDrive";
    o = client_get(&k, "/v1.0/me/drive/root/children", 200);
    const cJSON *remote = cJSON_GetObjectItem(
        json_find(cJSON_GetObjectItem(o, "value"), "name", "Drafts of Engineering"), "remoteItem");
    char path[300];
    spfs_format(path, sizeof path, "/v1.0/drives/%s/items/%s",
                json_text(cJSON_GetObjectItem(remote, "parentReference"), "driveId"),
                json_text(remote, "id"));
    cJSON *target = client_get(&k, path, 200);
    assert_string_equal(json_text(target, "name"), "Drafts");
    cJSON_Delete(target);
    cJSON_Delete(o);
}

static char *content_url(const char *item)
{
    client_send(&k, "GET", item);
    assert_int_equal(k.status, 302);
    return spfs_asprintf("%s", client_header(&k, "Location"));
}

static void downloads_have_ranges(void **state)
{
    (void)state;
    SPFS_FREE char *url = content_url("/v1.0/me/drive/root:/Hello.txt:/content");
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 200);
    assert_string_equal(k.text.data, "Hello, this is your own OneDrive.\n");
    assert_non_null(client_header(&k, "ETag"));
    k.range = "7-10";
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 206);
    assert_string_equal(k.text.data, "this");
    assert_string_equal(client_header(&k, "Content-Range"), "bytes 7-10/34");
    k.range = "30-999";
    client_send(&k, "GET", url);
    assert_string_equal(client_header(&k, "Content-Range"), "bytes 30-33/34");
    k.range = "-2";
    client_send(&k, "GET", url);
    assert_string_equal(k.text.data, ".\n");
    k.range = "34-40";
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 416);
    assert_string_equal(client_header(&k, "Content-Range"), "bytes */34");
    k.range = "0-1,4-5";
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 200);
    k.head = true;
    client_send(&k, "HEAD", url);
    assert_int_equal(k.status, 200);
}

static void content_hosts_want_no_token_and_no_reencoding(void **state)
{
    (void)state;
    SPFS_FREE char *url = content_url("/v1.0/me/drive/root:/Hello.txt:/content");
    uint64_t before = client_counter(&k, "violations", "auth_on_content");
    k.header = "Authorization: Bearer x";
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 401);
    assert_int_equal(client_counter(&k, "violations", "auth_on_content"), before + 1);
    char *lower = strstr(url, "%2b");
    assert_non_null(lower);
    lower[2] = 'B';
    client_send(&k, "GET", url);
    assert_int_equal(k.status, 401);
    before = client_counter(&k, "violations", "range_on_graph");
    k.range = "0-1";
    client_send(&k, "GET", "/v1.0/me/drive/root:/Hello.txt:/content");
    assert_int_equal(client_counter(&k, "violations", "range_on_graph"), before + 1);
    before = client_counter(&k, "violations", "no_user_agent");
    k.no_agent = true;
    client_send(&k, "GET", "/v1.0/me");
    assert_int_equal(client_counter(&k, "violations", "no_user_agent"), before + 1);
}

static void old_versions_are_kept(void **state)
{
    (void)state;
    client_control(&k, "POST", "change",
                   "{\"op\":\"write\",\"path\":\"/My Files/v.txt\",\"content\":\"one\"}", 200);
    client_control(&k, "POST", "change",
                   "{\"op\":\"write\",\"path\":\"/My Files/v.txt\",\"content\":\"two!\"}", 200);
    cJSON *o = client_get(&k, "/v1.0/me/drive/root:/v.txt:/versions", 200);
    const cJSON *list = cJSON_GetObjectItem(o, "value");
    assert_int_equal(cJSON_GetArraySize(list), 2);
    assert_string_equal(json_text(list->child, "id"), "2.0");
    cJSON_Delete(o);
    SPFS_FREE char *old = content_url("/v1.0/me/drive/root:/v.txt:/versions/1.0/content");
    client_send(&k, "GET", old);
    assert_string_equal(k.text.data, "one");
    SPFS_FREE char *new = content_url("/v1.0/me/drive/root:/v.txt:/content");
    client_send(&k, "GET", new);
    assert_string_equal(k.text.data, "two!");
}

static void odd_shapes_are_served(void **state)
{
    (void)state;
    cJSON *o = client_get(&k, MARKETING "/drive/root/children?$top=1000", 200);
    const cJSON *list = cJSON_GetObjectItem(o, "value");
    const cJSON *book = json_find(list, "name", "Team Notebook");
    assert_non_null(cJSON_GetObjectItem(book, "package"));
    assert_null(cJSON_GetObjectItem(book, "folder"));
    assert_null(cJSON_GetObjectItem(book, "file"));
    const cJSON *file = json_find(list, "name", "Plan.md");
    assert_true(spfs_starts(json_text(file, "eTag"), "\"{"));
    assert_true(spfs_starts(json_text(file, "cTag"), "\"c:{"));
    assert_true(spfs_starts(json_text(file, "id"), "01"));
    assert_non_null(json_text(file, "@microsoft.graph.downloadUrl"));
    const cJSON *names = json_find(list, "name", "Names & Signs #1 (100%)");
    assert_null(cJSON_GetObjectItem(names, "cTag"));
    cJSON_Delete(o);
    o = client_get(&k, MARKETING "/drive/root:/Names%20%26%20Signs%20%231%20%28100%25%29/empty.txt", 200);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetObjectItem(o, "file"), "hashes")), 0);
    cJSON_Delete(o);
}

static void a_batch_answers_each_part(void **state)
{
    (void)state;
    k.header = "Content-Type: application/json";
    k.body = "{\"requests\":[{\"id\":\"a\",\"method\":\"GET\",\"url\":\"/me\"},"
             "{\"id\":\"b\",\"method\":\"GET\",\"url\":\"/me/drive/root:/Hello.txt:/content\"},"
             "{\"id\":\"c\",\"method\":\"GET\",\"url\":\"/me/drive/root:/none\"},"
             "{\"id\":\"d\",\"method\":\"GET\",\"url\":\"/me\",\"dependsOn\":[\"c\"]}]}";
    client_send(&k, "POST", "/v1.0/$batch");
    assert_int_equal(k.status, 200);
    cJSON *o = cJSON_Parse(k.text.data);
    const cJSON *list = cJSON_GetObjectItem(o, "responses");
    assert_string_not_equal(json_text(list->child, "id"), "a"); /* any order */
    const cJSON *b = json_find(list, "id", "b");
    assert_int_equal(cJSON_GetObjectItem(b, "status")->valueint, 302);
    assert_non_null(json_text(cJSON_GetObjectItem(b, "headers"), "location"));
    assert_int_equal(cJSON_GetObjectItem(json_find(list, "id", "c"), "status")->valueint, 404);
    assert_int_equal(cJSON_GetObjectItem(json_find(list, "id", "d"), "status")->valueint, 424);
    assert_non_null(json_text(cJSON_GetObjectItem(json_find(list, "id", "a"), "body"), "displayName"));
    cJSON_Delete(o);
    k.body = "{\"requests\":[{\"id\":\"a\",\"method\":\"GET\",\"url\":\"/"
             "me\"},{\"id\":\"A\",\"method\":\"GET\",\"url\":\"/me\"}]}";
    client_send(&k, "POST", "/v1.0/$batch");
    assert_int_equal(k.status, 400);
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
        cmocka_unit_test(sites_are_found_every_way),
        cmocka_unit_test(system_libraries_hide),
        cmocka_unit_test(paths_compare_without_case_and_ids_with),
        cmocka_unit_test(children_come_by_pages),
        cmocka_unit_test(shortcuts_show_in_a_onedrive_when_asked_for),
        cmocka_unit_test(downloads_have_ranges),
        cmocka_unit_test(content_hosts_want_no_token_and_no_reencoding),
        cmocka_unit_test(old_versions_are_kept),
        cmocka_unit_test(odd_shapes_are_served),
        cmocka_unit_test(a_batch_answers_each_part),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
