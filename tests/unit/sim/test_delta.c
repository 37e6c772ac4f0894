/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The change feed: complete, idempotent, and as ill-mannered as the service's. */
#include "client.h"

static struct client k;

struct round {
    char link[2048]; /* deltaLink at the end */
    cJSON *last;     /* latest state by id */
    unsigned entries, pages, repeats, before_parent;
};

static void take(struct round *r, const cJSON *entry)
{
    const char *id = json_text(entry, "id");
    const char *parent = json_text(cJSON_GetObjectItem(entry, "parentReference"), "id");
    assert_non_null(id);
    r->entries++;
    if (cJSON_GetObjectItemCaseSensitive(r->last, id))
        r->repeats++;
    else if (parent && !cJSON_GetObjectItemCaseSensitive(r->last, parent))
        r->before_parent++;
    cJSON_DeleteItemFromObjectCaseSensitive(r->last, id);
    cJSON_AddItemToObject(r->last, id, cJSON_Duplicate(entry, true));
}

static void follow(struct client *from, struct round *r)
{
    cJSON_Delete(r->last);
    r->last = cJSON_CreateObject();
    r->entries = r->pages = r->repeats = r->before_parent = 0;
    for (bool over = false; !over; r->pages++) {
        cJSON *page = client_get(from, r->link, 200);
        const cJSON *entry, *next = cJSON_GetObjectItem(page, "@odata.nextLink"),
                            *end = cJSON_GetObjectItem(page, "@odata.deltaLink");
        assert_true(!next != !end);
        cJSON_ArrayForEach(entry, cJSON_GetObjectItem(page, "value")) take(r, entry);
        over = end != NULL;
        assert_true(spfs_copy(r->link, sizeof r->link, (end ? end : next)->valuestring));
        cJSON_Delete(page);
    }
}

static const cJSON *named(const struct round *r, const char *name)
{
    return json_find(r->last, "name", name);
}

static void change(const char *json)
{
    client_control(&k, "POST", "change", json, 200);
}

static void begin(struct round *r, const char *query)
{
    spfs_format(r->link, sizeof r->link, "/v1.0/me/drive/root/delta%s", query);
    r->last = NULL;
}

static void first_pass_is_complete_and_unruly(void **state)
{
    (void)state;
    struct spfs_sim_options o = {.preset = "tree:3000"};
    struct client w;
    client_start(&w, &o);
    struct round r = {.link = "/v1.0/sites/contoso.sharepoint.com:/sites/tree:/drive/root/delta?$top=300"};
    follow(&w, &r);
    assert_int_equal(cJSON_GetArraySize(r.last), 3001);
    assert_true(r.pages >= 10);
    assert_true(r.repeats > 0);
    assert_true(r.before_parent > 0);
    assert_null(cJSON_GetObjectItem(r.last->child, "cTag"));
    cJSON_Delete(r.last);
    client_stop(&w);
}

static void changes_come_once_with_the_latest_state(void **state)
{
    (void)state;
    struct round r;
    begin(&r, "");
    follow(&k, &r);
    follow(&k, &r);
    assert_int_equal(r.entries, 0);
    change("[{\"op\":\"write\",\"path\":\"/My Files/new/deep.txt\",\"content\":\"1\"},"
           "{\"op\":\"write\",\"path\":\"/My Files/new/deep.txt\",\"content\":\"22\"}]");
    follow(&k, &r);
    assert_int_equal(cJSON_GetArraySize(r.last), 2);
    assert_int_equal(cJSON_GetObjectItem(named(&r, "deep.txt"), "size")->valueint, 2);
    cJSON_Delete(r.last);
}

static void a_renamed_folder_comes_alone_and_deletes_without_names(void **state)
{
    (void)state;
    struct round r;
    change("{\"op\":\"write\",\"path\":\"/My Files/box/in.txt\",\"content\":\"1\"}");
    begin(&r, "");
    follow(&k, &r);
    change("{\"op\":\"rename\",\"path\":\"/My Files/box\",\"name\":\"crate\"}");
    follow(&k, &r);
    assert_int_equal(r.entries, 1);
    assert_non_null(named(&r, "crate"));
    change("{\"op\":\"delete\",\"path\":\"/My Files/crate\"}");
    follow(&k, &r);
    assert_int_equal(r.entries, 2);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, r.last)
    {
        assert_non_null(cJSON_GetObjectItem(entry, "deleted"));
        assert_null(cJSON_GetObjectItem(entry, "name"));
    }
    cJSON_Delete(r.last);
}

static void latest_tells_only_what_comes(void **state)
{
    (void)state;
    struct round r;
    begin(&r, "?token=latest");
    follow(&k, &r);
    assert_int_equal(r.entries, 0);
    change("{\"op\":\"write\",\"path\":\"/My Files/late.txt\",\"content\":\"1\"}");
    follow(&k, &r);
    assert_int_equal(r.entries, 1);
    cJSON_Delete(r.last);
}

/* An item that was given and then deleted, while the first pass still runs, must be reported. */
static void deletes_during_the_first_pass_are_not_lost(void **state)
{
    (void)state;
    change("[{\"op\":\"write\",\"path\":\"/My Files/a1.txt\",\"content\":\"1\"},"
           "{\"op\":\"write\",\"path\":\"/My Files/a2.txt\",\"content\":\"1\"},"
           "{\"op\":\"write\",\"path\":\"/My Files/a3.txt\",\"content\":\"1\"}]");
    cJSON *page = client_get(&k, "/v1.0/me/drive/root/delta?$top=4", 200);
    struct round r;
    spfs_copy(r.link, sizeof r.link, json_text(page, "@odata.nextLink"));
    r.last = NULL;
    cJSON_Delete(page);
    change("{\"op\":\"delete\",\"path\":\"/My Files/Hello.txt\"}");
    follow(&k, &r);
    const cJSON *entry;
    unsigned deleted = 0;
    cJSON_ArrayForEach(entry, r.last) deleted += cJSON_GetObjectItem(entry, "deleted") != NULL;
    assert_int_equal(deleted, 1);
    cJSON_Delete(r.last);
}

static void an_old_token_ends_in_410_with_a_way_on(void **state)
{
    (void)state;
    struct round r;
    begin(&r, "?$select=id,name");
    follow(&k, &r);
    assert_null(cJSON_GetObjectItem(r.last->child, "size"));
    change("{\"op\":\"resync\",\"path\":\"/My Files\"}");
    cJSON *o = client_get(&k, r.link, 410);
    assert_string_equal(json_text(cJSON_GetObjectItem(o, "error"), "code"), "resyncRequired");
    cJSON_Delete(o);
    spfs_copy(r.link, sizeof r.link, client_header(&k, "Location"));
    follow(&k, &r);
    assert_true(r.entries > 3);
    o = client_get(&k, "/v1.0/me/drive/root/delta?token=nonsense", 400);
    cJSON_Delete(o);
    cJSON_Delete(r.last);
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
        cmocka_unit_test(first_pass_is_complete_and_unruly),
        cmocka_unit_test(changes_come_once_with_the_latest_state),
        cmocka_unit_test(a_renamed_folder_comes_alone_and_deletes_without_names),
        cmocka_unit_test(latest_tells_only_what_comes),
        cmocka_unit_test(deletes_during_the_first_pass_are_not_lost),
        cmocka_unit_test(an_old_token_ends_in_410_with_a_way_on),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
