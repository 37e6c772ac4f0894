// SPDX-License-Identifier: GPL-3.0-or-later
/* Calls, listings, delta and discovery against the scripted server. */
#include <spfs_test.h>

#include "fake.h"
#include "graph_i.h"

#include <errno.h>
#include <string.h>

#define V1             FAKE_GRAPH "/v1.0"
#define ITEM           "{\"id\":\"I1\",\"name\":\"a.txt\",\"file\":{},\"size\":3}"
#define PAGE_OF(links) "{\"value\":[" ITEM "]" links "}"
#define NEXT(url)      ",\"@odata.nextLink\":\"" url "\""
#define DELTA(url)     ",\"@odata.deltaLink\":\"" url "\""

static struct spfs_remote *r;
static struct spfs_op op;
static struct spfs_reason why;
static unsigned seen;
static char last[256];
static struct spfs_page page;

static int set_up(void **state)
{
    (void)state;
    r = fake_remote();
    spfs_op_init(&op, SPFS_URGENT, 0);
    seen = 0;
    last[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_end();
    spfs_page_done(&page);
    spfs_op_done(&op);
    r->ops->free(r);
    return 0;
}

static int on_item(void *ctx, const struct spfs_item *i)
{
    seen++;
    spfs_copy(last, sizeof last, i->id);
    return ctx ? *(int *)ctx : 0;
}

static int on_site(void *ctx, const struct spfs_site *s)
{
    (void)ctx;
    seen++;
    spfs_copy(last, sizeof last, s->id);
    return 0;
}

static int on_drive(void *ctx, const struct spfs_drive *d)
{
    (void)ctx;
    seen++;
    spfs_copy(last, sizeof last, d->id);
    return 0;
}

static int get_item(void)
{
    return r->ops->item(r, &op, (struct spfs_ref){"b!d", "I1"}, on_item, NULL, &why);
}

static int delta(const char *link)
{
    spfs_page_done(&page);
    return r->ops->delta(r, &op, "b!d", link, on_item, NULL, &page, &why);
}

static int children(const char *link)
{
    spfs_page_done(&page);
    return r->ops->children(r, &op, (struct spfs_ref){"b!d", "F 1"}, link, on_item, NULL, &page, &why);
}

/* ---- one call ---- */

static void test_item(void **state)
{
    (void)state;
    FAKE_SCRIPT({"GET " V1 "/drives/b!d/items/I1?$select=id,name,", .header = "Accept: application/json",
                 .body = ITEM},
                {"GET " V1 "/drives/b!d/root?", .body = "{\"id\":\"R\",\"name\":\"root\",\"root\":{}}"});
    assert_int_equal(get_item(), 0);
    assert_string_equal(last, "I1");
    assert_int_equal(r->ops->item(r, &op, (struct spfs_ref){"b!d", "root"}, on_item, NULL, &why), 0);
    assert_string_equal(last, "R");
}

static void test_token_is_renewed_once(void **state)
{
    (void)state;
    FAKE_SCRIPT({"/I1", .status = 401}, {"/I1", .body = ITEM}, {"/I1", .status = 401},
                {"/I1", .status = 401});
    assert_int_equal(get_item(), 0);
    assert_int_equal(fake_renewals(), 1);
    assert_int_equal(get_item(), -EACCES);
    assert_int_equal(fake_renewals(), 2);
}

static void test_sign_in_has_ended(void **state)
{
    (void)state;
    FAKE_SCRIPT({"/I1", .status = 401});
    fake_token_fails(-EKEYEXPIRED);
    assert_int_equal(get_item(), -EKEYEXPIRED);
    assert_string_equal(why.text, "the sign-in has ended");
}

static void test_bad_answers(void **state)
{
    (void)state;
    FAKE_SCRIPT({"/I1", .body = "<html>hotel</html>"}, {"/I1", .body = ""}, {"/I1", .body = "{\"id\":"},
                {"/I1", .body = "{\"error\":{\"code\":\"x\"}}"}, {"/I1", .body = "[]"},
                {"/I1", .body = "{\"value\":[]}"},
                {"/I1", .status = 302, .location = "https://elsewhere.example/"}, {"/I1", .status = 503},
                {"/I1", .status = 404},
                {"/I1", .status = 403, .body = "{\"error\":{\"code\":\"malwareDetected\"}}"});
    for (int i = 0; i < 8; i++)
        assert_int_equal(get_item(), -EIO);
    assert_int_equal(get_item(), -ENOENT);
    assert_int_equal(get_item(), -EPERM);
    assert_int_equal(seen, 0);
}

static void test_transport(void **state)
{
    (void)state;
    static const int pairs[][2] = {
        {-ENETUNREACH, -ENETUNREACH}, {-ETIMEDOUT, -ETIMEDOUT}, {-EINTR, -EINTR},
        {-ESHUTDOWN, -ESHUTDOWN},     {-EFBIG, -EFBIG},         {-EAGAIN, -ETIMEDOUT},
        {-ECONNRESET, -EIO},          {-EPROTO, -EIO},          {-EPERM, -EIO}};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(pairs); i++) {
        struct fake_step step = {"/I1", .rc = pairs[i][0]};
        fake_script(&step, 1);
        assert_int_equal(get_item(), pairs[i][1]);
        fake_script(NULL, 0);
    }
}

static void test_ids_are_encoded(void **state)
{
    (void)state;
    FAKE_SCRIPT({"/drives/a%2Fb%3F%23/items/c%20d%25,!?", .body = ITEM});
    assert_int_equal(r->ops->item(r, &op, (struct spfs_ref){"a/b?#", "c d%,!"}, on_item, NULL, NULL), 0);
}

/* ---- children ---- */

static void test_children(void **state)
{
    (void)state;
    static const char next[] = V1 "/drives/b!d/items/F1/children?$skiptoken=a%2Bb";
    FAKE_SCRIPT(
        {"/drives/b!d/items/F%201/children?$select=", .header = "Prefer: Include-Feature=AddToOneDrive",
         .body = PAGE_OF(NEXT("https://graph.example/v1.0/drives/b!d/items/F1/children?$skiptoken=a%2Bb"))},
        {"GET https://graph.example/v1.0/drives/b!d/items/F1/children?$skiptoken=a%2Bb",
         .body = "{\"value\":[]}"},
        {"&$top=1000", .body = PAGE_OF("")});
    assert_int_equal(children(NULL), 0);
    assert_string_equal(page.next, next);
    assert_null(page.delta);
    SPFS_FREE char *link = strdup(page.next);
    assert_int_equal(children(link), 0);
    assert_null(page.next);
    assert_int_equal(seen, 1);
    assert_int_equal(children(NULL), 0);
}

static void test_children_bad(void **state)
{
    (void)state;
    FAKE_SCRIPT({"children", .body = ITEM}, {"children", .body = "{}"},
                {"children", .body = "{\"value\":null}"},
                {"children", .body = PAGE_OF(NEXT("https://evil.example/v1.0/x"))},
                {"children", .body = PAGE_OF(NEXT("http://graph.example/v1.0/x"))},
                {"children", .body = PAGE_OF(NEXT("https://graph.example:444/v1.0/x"))},
                {"children", .body = PAGE_OF(NEXT("/v1.0/x"))}, {"children", .body = PAGE_OF(NEXT(""))},
                {"children", .status = 404});
    for (int i = 0; i < 8; i++) {
        assert_int_equal(children(NULL), -EIO);
        assert_null(page.next);
    }
    assert_int_equal(children(NULL), -ENOENT);
    /* A link of another host is not even sent. */
    assert_int_equal(children("https://evil.example/v1.0/x"), -EIO);
    assert_int_equal(children("https://graph.example@evil.example/x"), -EIO);
}

static void test_callback_stops(void **state)
{
    (void)state;
    int stop = -ENOSPC;
    FAKE_SCRIPT({"children", .body = "{\"value\":[" ITEM "," ITEM "]" NEXT("https://graph.example/n") "}"});
    assert_int_equal(r->ops->children(r, &op, (struct spfs_ref){"d", "f"}, NULL, on_item, &stop, &page, NULL),
                     -ENOSPC);
    assert_int_equal(seen, 1);
    assert_null(page.next);
}

/* ---- delta ---- */

static void test_delta(void **state)
{
    (void)state;
    FAKE_SCRIPT({"/drives/b!d/root/delta?$select=", .header = "deltaExcludeParent: true",
                 .body = PAGE_OF(NEXT("https://GRAPH.example:443/v1.0/n?token='a'"))},
                {"GET https://GRAPH.example:443/v1.0/n?token='a'",
                 .header = "Prefer: Include-Feature=AddToOneDrive",
                 .body = "{\"value\":[]" NEXT("https://graph.example/v1.0/n2") "}"},
                {"/v1.0/n2", .body = PAGE_OF(DELTA("https://graph.example/v1.0/delta(token='z')"))});
    assert_int_equal(delta(NULL), 0);
    SPFS_FREE char *link = strdup(page.next);
    assert_int_equal(delta(link), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(delta("https://graph.example/v1.0/n2"), 0);
    assert_null(page.next);
    assert_string_equal(page.delta, "https://graph.example/v1.0/delta(token='z')");
}

static void test_delta_bad(void **state)
{
    (void)state;
    FAKE_SCRIPT({"delta", .body = PAGE_OF("")},
                {"delta", .body = PAGE_OF(NEXT("https://graph.example/a") DELTA("https://graph.example/b"))},
                {"delta", .body = PAGE_OF(DELTA("https://evil.example/b"))},
                {"delta", .body = "{\"value\":{}}"}, {"delta", .status = 404}, {"delta", .status = 403},
                {"delta", .status = 400}, {"delta", .status = 500});
    for (int i = 0; i < 4; i++) {
        assert_int_equal(delta(NULL), -EIO);
        assert_null(page.next);
        assert_null(page.delta);
    }
    assert_int_equal(delta(NULL), -ENOENT);
    assert_int_equal(delta(NULL), -EACCES);
    assert_int_equal(delta(NULL), -EINVAL);
    assert_int_equal(delta(NULL), -EIO);
}

static void test_resync(void **state)
{
    (void)state;
    static const char old[] = "https://graph.example/v1.0/old";
    FAKE_SCRIPT({"old", .status = 410, .location = "https://graph.example/v1.0/fresh",
                 .body = "{\"error\":{\"code\":\"resyncRequired\",\"innerError\":{\"code\":"
                         "\"resyncChangesApplyDifferences\"}}}"},
                {"old", .status = 410, .location = "https://evil.example/v1.0/fresh"},
                {"old", .status = 410, .body = "<html>"},
                {"old", .status = 400, .body = "{\"error\":{\"code\":\"invalidRequest\"}}"},
                {"delta?", .status = 410});
    assert_int_equal(delta(old), -ESTALE);
    assert_string_equal(page.next, "https://graph.example/v1.0/fresh");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(delta(old), -ESTALE);
        assert_null(page.next);
    }
    assert_int_equal(delta(NULL), -ESTALE);
}

/* ---- discovery ---- */

static void test_sites(void **state)
{
    (void)state;
    FAKE_SCRIPT({"GET " V1 "/me/followedSites", .body = "{\"value\":[{\"id\":\"s1\"}]}"},
                {"GET " V1 "/sites?search=*",
                 .body = "{\"value\":[{\"id\":\"s2\"}]" NEXT("https://graph.example/v1.0/p2") "}"},
                {"/p2", .body = "{\"value\":[]" NEXT("https://graph.example/v1.0/p3") "}"},
                {"/p3", .body = "{\"value\":[{\"id\":\"s3\"}]}"},
                {"/sites?search", .body = "{\"value\":[]" NEXT("https://graph.example/v1.0/same") "}"},
                {"/same", .body = "{\"value\":[]" NEXT("https://graph.example/v1.0/same") "}"},
                {"/sites?search", .body = "{\"value\":[]" NEXT("https://evil.example/v1.0/p2") "}"},
                {"/sites?search", .body = "{\"value\":[],\"@odata.nextLink\":5}"},
                {"/sites?search", .body = "{}"});
    assert_int_equal(r->ops->sites(r, &op, SPFS_SITES_FOLLOWED, on_site, NULL, &why), 0);
    assert_int_equal(r->ops->sites(r, &op, SPFS_SITES_ALL, on_site, NULL, &why), 0);
    assert_int_equal(seen, 3);
    assert_string_equal(last, "s3");
    for (int i = 0; i < 4; i++)
        assert_int_equal(r->ops->sites(r, &op, SPFS_SITES_ALL, on_site, NULL, &why), -EIO);
}

static void test_nobody_signed_in(void **state)
{
    (void)state;
    fake_script(NULL, 0);
    fake_delegated(false);
    assert_int_equal(r->ops->sites(r, &op, SPFS_SITES_FOLLOWED, on_site, NULL, &why), -EACCES);
    assert_int_equal(r->ops->my_drive(r, &op, on_drive, NULL, &why), -EACCES);
}

static void test_site_at(void **state)
{
    (void)state;
    FAKE_SCRIPT({"GET " V1 "/sites/h.example:/sites/a%20b/c", .body = "{\"id\":\"h,1,2\"}"},
                {"GET " V1 "/sites/h.example", .body = "{\"id\":\"h\"}"},
                {"GET " V1 "/sites/root", .body = "{\"id\":\"r\"}"},
                {"GET " V1 "/sites/root", .body = "{\"id\":\"r\",\"webUrl\":\"https://t.example/\"}"},
                {"GET " V1 "/sites/t.example:/sites/x", .body = "{\"id\":\"x\"}"},
                {"GET " V1 "/sites/t.example:/sites/y", .status = 404});
    assert_int_equal(r->ops->site_at(r, &op, "h.example", "sites/a b/c", on_site, NULL, &why), 0);
    assert_int_equal(r->ops->site_at(r, &op, "h.example", "", on_site, NULL, &why), 0);
    assert_int_equal(r->ops->site_at(r, &op, NULL, "", on_site, NULL, &why), 0);
    assert_string_equal(last, "r");
    assert_int_equal(r->ops->site_at(r, &op, NULL, "sites/x", on_site, NULL, &why), 0);
    assert_string_equal(last, "x");
    assert_int_equal(r->ops->site_at(r, &op, NULL, "sites/y", on_site, NULL, &why), -ENOENT);
}

static void test_drives(void **state)
{
    (void)state;
    FAKE_SCRIPT({"GET " V1 "/sites/h,1,2/drives",
                 .body = "{\"value\":[{\"id\":\"d1\"},{\"id\":\"d2\",\"system\":{}}]}"},
                {"GET " V1 "/sites/h,1,2/sites", .body = "{\"value\":[{\"id\":\"h,1,3\"}]}"},
                {"GET " V1 "/me/drive", .body = "{\"id\":\"mine\"}"},
                {"GET " V1 "/drives/b!d", .body = "{\"id\":\"b!d\",\"system\":{}}"},
                {"GET " V1 "/drives/x", .body = "{}"});
    assert_int_equal(r->ops->libraries(r, &op, "h,1,2", on_drive, NULL, &why), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(r->ops->subsites(r, &op, "h,1,2", on_site, NULL, &why), 0);
    assert_int_equal(r->ops->my_drive(r, &op, on_drive, NULL, &why), 0);
    assert_string_equal(last, "mine");
    assert_int_equal(r->ops->drive(r, &op, "b!d", on_drive, NULL, &why), 0);
    assert_int_equal(r->ops->drive(r, &op, "x", on_drive, NULL, &why), -EIO);
}

static void test_config(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL, "", "http://graph.example", "ftp://x", "graph.example"};
    fake_script(NULL, 0);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(bad); i++) {
        struct spfs_remote *none;
        assert_int_equal(spfs_graph_new(&(struct spfs_graph_config){.graph_url = bad[i]}, &none, &why),
                         -EINVAL);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_item),
        TEST(test_token_is_renewed_once),
        TEST(test_sign_in_has_ended),
        TEST(test_bad_answers),
        TEST(test_transport),
        TEST(test_ids_are_encoded),
        TEST(test_children),
        TEST(test_children_bad),
        TEST(test_callback_stops),
        TEST(test_delta),
        TEST(test_delta_bad),
        TEST(test_resync),
        TEST(test_sites),
        TEST(test_nobody_signed_in),
        TEST(test_site_at),
        TEST(test_drives),
        TEST(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
