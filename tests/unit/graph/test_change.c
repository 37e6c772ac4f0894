// SPDX-License-Identifier: GPL-3.0-or-later
/* Folders, rename, move, times, delete, copies and versions against the scripted server. */
#include <spfs_test.h>

#include "fake.h"
#include "graph_i.h"

#include <errno.h>
#include <string.h>

#define V1        FAKE_GRAPH "/v1.0"
#define I1        V1 "/drives/D/items/I1"
#define ERR(code) "{\"error\":{\"code\":\"" code "\"}}"
#define FOLDER(born)                                                                                         \
    "{\"id\":\"N\",\"name\":\"new\",\"folder\":{},\"createdDateTime\":\"" born "\",\"eTag\":\"\\\"n\\\"\"}"
#define FILE_AT(tag, name, parent, time)                                                                     \
    "{\"id\":\"I1\",\"name\":\"" name "\",\"file\":{},\"size\":3,\"eTag\":\"\\\"" tag                        \
    "\\\"\",\"parentReference\":{\"id\":\"" parent                                                           \
    "\"},\"fileSystemInfo\":{\"lastModifiedDateTime\":\"" time "\"}}"
#define NOW      .date_s = 1767225600 /* 2026-01-01T00:00:00Z */
#define JUST_NOW "2026-01-01T00:00:00Z"
#define LONG_AGO "2025-12-31T23:59:00Z"
#define MON      "https://mon.example/m?tempauth=x"

static struct spfs_remote *r;
static struct spfs_op op;
static struct spfs_reason why;
static unsigned given;
static char last[64];
static const struct spfs_ref item = {"D", "I1"}, parent = {"D", "P"};

static int set_up(void **state)
{
    (void)state;
    r = fake_remote();
    graph_of(r)->second_ms = 0;
    spfs_op_init(&op, SPFS_NORMAL, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_end();
    spfs_op_done(&op);
    r->ops->free(r);
    return 0;
}

static int on_item(void *ctx, const struct spfs_item *i)
{
    (void)ctx;
    given++;
    spfs_copy(last, sizeof last, i->id);
    return 0;
}

static int checked(int rc)
{
    assert_int_equal(given, rc == 0);
    return rc;
}

static int mkdir_new(void)
{
    given = 0;
    return checked(r->ops->mkdir(r, &op, parent, "new", on_item, NULL, &why));
}

static int update(const char *tag, struct spfs_change change)
{
    given = 0;
    return checked(r->ops->update(r, &op, item, tag, &change, on_item, NULL, &why));
}

static int rename_it(void)
{
    return update("\"1\"", (struct spfs_change){.name = "y", .mtime_ns = SPFS_TIME_UNKNOWN});
}

static int copy(struct spfs_ref to)
{
    given = 0;
    return checked(r->ops->copy(r, &op, item, to, "c", on_item, NULL, &why));
}

/* ---- folders ---- */

#define MKDIR "POST " V1 "/drives/D/items/P/children"
#define SEEN  "GET " V1 "/drives/D/items/P:/new?$select="

static void test_mkdir(void **state)
{
    (void)state;
    FAKE_SCRIPT({MKDIR, .header = "Content-Type: application/json", .status = 201, .body = FOLDER(JUST_NOW),
                 .sent = "{\"@microsoft.graph.conflictBehavior\":\"fail\",\"folder\":{},\"name\":\"new\"}"},
                {MKDIR, .status = 409, .body = ERR("nameAlreadyExists")},
                {MKDIR, .status = 409, .body = ERR("similarRelationshipNameAlreadyExists")},
                {MKDIR, .status = 404}, {MKDIR, .status = 201, .body = FOLDER(JUST_NOW)},
                {MKDIR, .status = 404}, {MKDIR, .status = 404});
    assert_int_equal(mkdir_new(), 0);
    assert_string_equal(last, "N");
    assert_int_equal(mkdir_new(), -EEXIST);
    assert_int_equal(mkdir_new(), -EEXIST);
    assert_int_equal(mkdir_new(), 0); /* its parent was made a moment ago */
    assert_int_equal(mkdir_new(), -ENOENT);
}

static void test_mkdir_is_lost(void **state)
{
    (void)state;
    FAKE_SCRIPT(
        /* made */
        {MKDIR, .rc = -ECONNRESET}, {SEEN, NOW, .body = FOLDER(JUST_NOW)},
        /* not made */
        {MKDIR, .status = 502}, {SEEN, .status = 404}, {MKDIR, .status = 201, .body = FOLDER(JUST_NOW)},
        /* made a little later */
        {MKDIR, .rc = -ETIMEDOUT}, {SEEN, .status = 404}, {MKDIR, .status = 409},
        {SEEN, NOW, .body = FOLDER(JUST_NOW)},
        /* that folder was there before, or nobody can tell, or it is a file */
        {MKDIR, .rc = -ECONNRESET}, {SEEN, NOW, .body = FOLDER(LONG_AGO)}, {MKDIR, .rc = -ECONNRESET},
        {SEEN, .body = FOLDER(JUST_NOW)}, {MKDIR, .rc = -ECONNRESET},
        {SEEN, NOW, .body = "{\"id\":\"N\",\"file\":{},\"createdDateTime\":\"" JUST_NOW "\"}"},
        /* a success that cannot be read */
        {MKDIR, .status = 201, .body = "<html>"}, {SEEN, NOW, .body = FOLDER(JUST_NOW)},
        /* nothing was sent */
        {MKDIR, .rc = -ENETUNREACH, .unsent = true},
        /* it stays unclear */
        {MKDIR, .rc = -ECONNRESET}, {SEEN, .rc = -ENETUNREACH});
    for (int i = 0; i < 3; i++)
        assert_int_equal(mkdir_new(), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(mkdir_new(), -EEXIST);
    assert_int_equal(mkdir_new(), 0);
    assert_int_equal(mkdir_new(), -ENETUNREACH);
    assert_int_equal(mkdir_new(), -ENETUNREACH);
}

static void test_trouble_without_end(void **state)
{
    (void)state;
    struct fake_step steps[12];
    for (int i = 0; i < 12; i += 2) {
        steps[i] = (struct fake_step){MKDIR, .status = 500};
        steps[i + 1] = (struct fake_step){SEEN, .status = 404};
    }
    fake_script(steps, 12);
    assert_int_equal(mkdir_new(), -EIO);
    fake_end();
    fake_script(NULL, 0);
}

/* ---- rename, move, times ---- */

static void test_update(void **state)
{
    (void)state;
    FAKE_SCRIPT({"PATCH " I1, .header = "If-Match: \"1\"", .sent = "{\"name\":\"y\"}",
                 .body = FILE_AT("2", "y", "P", JUST_NOW)},
                {"PATCH " I1, .sent = "{\"parentReference\":{\"id\":\"Q\"}}",
                 .body = FILE_AT("2", "x", "Q", JUST_NOW)},
                {"PATCH " I1,
                 .sent = "{\"name\":\"q\\\"\",\"parentReference\":{\"id\":\"Q\"},\"fileSystemInfo\":{"
                         "\"lastModifiedDateTime\":\"1969-12-31T23:59:59Z\"}}",
                 .body = FILE_AT("2", "y", "Q", JUST_NOW)});
    assert_int_equal(rename_it(), 0);
    assert_int_equal(update("\"1\"", (struct spfs_change){.parent_id = "Q", .mtime_ns = SPFS_TIME_UNKNOWN}),
                     0);
    assert_int_equal(update(NULL, (struct spfs_change){.name = "q\"", .parent_id = "Q", .mtime_ns = -1}), 0);
}

static void test_update_is_refused(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        int err;
    } rows[] = {
        {412, ERR("resourceModified"), -ECANCELED},
        {409, ERR("resourceModified"), -ECANCELED},
        {412, "", -ECANCELED},
        {409, ERR("nameAlreadyExists"), -EEXIST},
        {409, "{\"error\":{\"code\":\"generalException\",\"innererror\":{\"code\":\"nameAlreadyExists\"}}}",
         -EEXIST},
        {409, "<html>", -EEXIST},
        {409, ERR("itemNotFound"), -ENOENT},
        {423, ERR("notAllowed"), -EBUSY},
        {403, ERR("accessDenied"), -EACCES},
        {403, ERR("serviceReadOnly"), -EROFS},
        {400, ERR("pathIsTooLong"), -ENAMETOOLONG},
        {400,
         "{\"error\":{\"code\":\"invalidRequest\",\"innerError\":{\"code\":\"nameContainsInvalidCharacters\"}"
         "}}",
         -EINVAL},
        {400, "{\"error\":{\"code\":\"invalidRequest\",\"innerError\":{\"code\":\"malformedEntityTag\"}}}",
         -EINVAL},
        {402, "", -EACCES},
        {422, "", -EINVAL},
        {429, "", -EIO},
        {501, "", -ENOTSUP},
        {507, "", -ENOSPC},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(rows); i++) {
        struct fake_step step = {"PATCH " I1, .status = rows[i].status, .body = rows[i].body};
        fake_script(&step, 1);
        assert_int_equal(rename_it(), rows[i].err);
        assert_true(spfs_starts(why.text, "Cannot rename it: "));
        fake_end();
    }
    fake_script(NULL, 0);
    assert_int_equal(update("\"\n\"", (struct spfs_change){.name = "y"}), -EINVAL);
}

static void test_update_is_lost(void **state)
{
    (void)state;
    FAKE_SCRIPT(
        /* made */
        {"PATCH", .rc = -ECONNRESET}, {"GET " I1, .body = FILE_AT("2", "y", "P", JUST_NOW)},
        /* not made */
        {"PATCH", .status = 504}, {"GET " I1, .body = FILE_AT("1", "x", "P", JUST_NOW)},
        {"PATCH", .body = FILE_AT("2", "y", "P", JUST_NOW)},
        /* made a little later */
        {"PATCH", .status = 500}, {"GET " I1, .body = FILE_AT("1", "x", "P", JUST_NOW)},
        {"PATCH", .status = 412}, {"GET " I1, .body = FILE_AT("2", "y", "P", JUST_NOW)},
        /* somebody was faster */
        {"PATCH", .status = 500}, {"GET " I1, .body = FILE_AT("2", "z", "P", JUST_NOW)},
        /* gone */
        {"PATCH", .status = 500}, {"GET " I1, .status = 404},
        /* no item in the answer */
        {"PATCH", .body = "{}"}, {"GET " I1, .body = FILE_AT("2", "y", "P", JUST_NOW)});
    for (int i = 0; i < 3; i++)
        assert_int_equal(rename_it(), 0);
    assert_int_equal(rename_it(), -ECANCELED);
    assert_int_equal(rename_it(), -ENOENT);
    assert_int_equal(rename_it(), 0);
}

static void test_update_takes_its_time(void **state)
{
    (void)state;
    FAKE_SCRIPT({"PATCH", .status = 202, .location = MON}, {"GET " MON, .body = "{\"status\":\"completed\"}"},
                {"GET " I1, .body = FILE_AT("2", "y", "P", JUST_NOW)}, {"PATCH", .status = 202},
                {"GET " I1, .body = FILE_AT("2", "y", "P", JUST_NOW)});
    assert_int_equal(rename_it(), 0);
    assert_int_equal(rename_it(), 0);
}

/* ---- delete ---- */

static int remove_it(const char *tag)
{
    return r->ops->remove(r, &op, item, tag, &why);
}

static void test_remove(void **state)
{
    (void)state;
    FAKE_SCRIPT({"DELETE " I1, .header = "If-Match: \"1\"", .status = 204}, {"DELETE", .status = 404},
                {"DELETE", .status = 410}, {"DELETE", .status = 412}, {"DELETE", .status = 423},
                {"DELETE", .status = 403, .body = ERR("accessDenied")}, {"DELETE", .status = 500},
                {"DELETE", .rc = -ENETUNREACH}, {"DELETE", .status = 302});
    static const int results[] = {0, 0, 0, -ECANCELED, -EBUSY, -EACCES, -EIO, -ENETUNREACH, -EIO};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(results); i++)
        assert_int_equal(remove_it(i % 2 ? NULL : "\"1\""), results[i]);
    assert_int_equal(remove_it("\r"), -EINVAL);
}

/* ---- copy ---- */

#define COPY "POST " I1 "/copy"
#define STATE(s)                                                                                             \
    {                                                                                                        \
        "GET " MON, .status = 202, .body = "{\"percentageComplete\":27.8,\"status\":\"" s "\"}"              \
    }
#define COPIED "{\"percentageComplete\":100.0,\"resourceId\":\"C9\",\"status\":\"completed\"}"
#define C9                                                                                                   \
    {                                                                                                        \
        "GET " V1 "/drives/E/items/C9?$select=", .body = "{\"id\":\"C9\",\"name\":\"c\",\"file\":{}}"        \
    }
#define PLACE "GET " V1 "/drives/E/items/P:/c?$select="

static const struct spfs_ref elsewhere = {"E", "P"};

static void test_copy(void **state)
{
    (void)state;
    FAKE_SCRIPT({COPY, .status = 202, .location = MON,
                 .sent = "{\"parentReference\":{\"driveId\":\"E\",\"id\":\"P\"},\"name\":\"c\"}"},
                STATE("notStarted"), STATE("inProgress"), STATE("waiting"), STATE("updating"),
                {"GET " MON, .body = COPIED}, C9,
                /* by redirect */
                {COPY, .status = 202, .location = MON},
                {"GET " MON, .status = 303, .location = "https://x.example/drive/items/C9?x", .body = "{}"},
                C9, {COPY, .status = 202, .location = MON}, {"GET " MON, .status = 303, .body = COPIED}, C9,
                /* not seen at once */
                {COPY, .status = 202, .location = MON}, {"GET " MON, .body = COPIED},
                {"/drives/E/items/C9", .status = 404}, C9,
                /* at once */
                {COPY, .status = 201, .body = "{\"id\":\"C9\"}"});
    for (int i = 0; i < 5; i++) {
        last[0] = '\0';
        assert_int_equal(copy(elsewhere), 0);
        assert_string_equal(last, "C9");
    }
}

static void test_copy_to_the_root(void **state)
{
    (void)state;
    FAKE_SCRIPT({"GET " V1 "/drives/E/root?", .body = "{\"id\":\"R1\",\"root\":{}}"},
                {COPY, .sent = "{\"driveId\":\"E\",\"id\":\"R1\"}", .status = 202, .location = MON},
                {"GET " MON, .body = COPIED}, C9, {"GET " V1 "/drives/E/root?", .status = 403});
    assert_int_equal(copy((struct spfs_ref){"E", "root"}), 0);
    assert_int_equal(copy((struct spfs_ref){"E", "root"}), -EACCES);
}

static void test_copy_fails(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        int err;
    } rows[] = {
        {200, "{\"status\":\"failed\",\"error\":{\"code\":\"nameAlreadyExists\",\"message\":\"m\"}}",
         -EEXIST},
        {200,
         "{\"status\":\"failed\",\"error\":{\"message\":\"m\",\"details\":[{\"code\":\"accessDenied\"}]}}",
         -EACCES},
        {200, "{\"status\":\"failed\",\"errorCode\":\"AccessDenied_Something\"}", -EACCES},
        {200, "{\"status\":\"failed\",\"error\":{\"code\":\"quotaLimitReached\"}}", -ENOSPC},
        {200, "{\"status\":\"failed\",\"error\":{\"code\":\"itemNotFound\"}}", -EIO},
        {200, "{\"status\":\"deleteFailed\"}", -EIO},
        {200, "{\"status\":\"cancelled\"}", -EIO},
        {200, "{\"error\":{\"code\":\"resourceLocked\"}}", -EBUSY},
        {200, "<html>", -EIO},
        {303, "", -EIO},
        {403, ERR("accessDenied"), -EACCES},
        {500, "", -EIO},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(rows); i++) {
        struct fake_step steps[] = {{COPY, .status = 202, .location = MON},
                                    {"GET " MON, .status = rows[i].status, .body = rows[i].body}};
        fake_script(steps, 2);
        assert_int_equal(copy(elsewhere), rows[i].err);
        assert_true(spfs_starts(why.text, "Cannot copy it: "));
        fake_end();
    }
    FAKE_SCRIPT({COPY, .status = 202, .location = "http://mon.example/m"},
                {COPY, .status = 409, .body = ERR("nameAlreadyExists")});
    assert_int_equal(copy(elsewhere), -EIO);
    assert_int_equal(copy(elsewhere), -EEXIST);
}

static void test_copy_is_lost(void **state)
{
    (void)state;
    FAKE_SCRIPT({COPY, .rc = -ECONNRESET},
                {PLACE, NOW, .body = "{\"id\":\"C9\",\"file\":{},\"createdDateTime\":\"" JUST_NOW "\"}"},
                {COPY, .rc = -ECONNRESET},
                {PLACE, NOW, .body = "{\"id\":\"C9\",\"file\":{},\"createdDateTime\":\"" LONG_AGO "\"}"},
                {COPY, .rc = -ECONNRESET}, {PLACE, .status = 404}, {COPY, .status = 202, .location = MON},
                {"GET " MON, .body = COPIED}, C9,
                /* the monitor is gone, and the copy there */
                {COPY, .status = 202, .location = MON}, {"GET " MON, .status = 404},
                {PLACE, NOW, .body = "{\"id\":\"C9\",\"file\":{},\"createdDateTime\":\"" JUST_NOW "\"}"});
    assert_int_equal(copy(elsewhere), 0);
    assert_int_equal(copy(elsewhere), -EEXIST);
    assert_int_equal(copy(elsewhere), 0);
    assert_int_equal(copy(elsewhere), 0);
}

static void stop(void)
{
    spfs_op_cancel(&op);
}

static void test_copy_is_cancelled(void **state)
{
    (void)state;
    FAKE_SCRIPT({COPY, .status = 202, .location = MON, .hook = stop});
    graph_of(r)->second_ms = 1000;
    assert_int_equal(copy(elsewhere), -EINTR);
}

/* ---- versions ---- */

#define VERSIONS "GET " I1 "/versions"
#define VERSION(id)                                                                                          \
    "{\"id\":\"" id "\",\"size\":62,\"lastModifiedDateTime\":\"2026-01-01T00:00:00Z\",\"lastModifiedBy\":{"  \
    "\"user\":{\"displayName\":\"Ada\"}}}"
#define LIST(v) "{\"value\":[" v "]}"

static char listed[256];

static int on_version(void *ctx, const struct spfs_version_info *v)
{
    struct spfs_buf b;
    spfs_buf_init(&b, 256);
    assert_int_equal(
        spfs_buf_addf(&b, "%s%s %lld %s;", listed, v->id, (long long)(int64_t)v->size, v->by ? v->by : "~"),
        0);
    spfs_copy(listed, sizeof listed, b.data);
    spfs_buf_done(&b);
    return ctx ? *(int *)ctx : 0;
}

static int versions(int *stop_with)
{
    listed[0] = '\0';
    return r->ops->versions(r, &op, item, on_version, stop_with, &why);
}

static void test_versions(void **state)
{
    (void)state;
    int stop_with = -EDOM;
    FAKE_SCRIPT({VERSIONS, .body =
                               "{\"value\":[" VERSION("3.0") ",{\"id\":\"2.0\",\"size\":-1},{\"size\":1}],"
                                                             "\"@odata.nextLink\":\"" V1 "/more\"}"},
                {"GET " V1 "/more", .body = LIST(VERSION("1.0"))},
                {VERSIONS, .body = LIST(VERSION("3.0") "," VERSION("2.0"))}, {VERSIONS, .body = "{}"},
                {VERSIONS, .status = 404},
                {VERSIONS, .body = "{\"value\":[],\"@odata.nextLink\":\"https://evil.example/\"}"},
                {VERSIONS, .body = "{\"value\":[],\"@odata.nextLink\":\"" V1 "/more\"}"},
                {"/more", .body = "{\"value\":[],\"@odata.nextLink\":\"" V1 "/more\"}"});
    assert_int_equal(versions(NULL), 0);
    assert_string_equal(listed, "3.0 62 Ada;2.0 -1 ~;1.0 62 Ada;");
    assert_int_equal(versions(&stop_with), -EDOM);
    assert_string_equal(listed, "3.0 62 Ada;");
    assert_int_equal(versions(NULL), -EIO);
    assert_int_equal(versions(NULL), -ENOENT);
    assert_int_equal(versions(NULL), -EIO);
    assert_int_equal(versions(NULL), -EIO);
}

#define RESTORE "POST " I1 "/versions/2.0/restoreVersion"

static void test_restore(void **state)
{
    (void)state;
    FAKE_SCRIPT({VERSIONS, .body = LIST(VERSION("3.0"))}, {RESTORE, .status = 204},
                {VERSIONS, .body = LIST(VERSION("3.0"))}, {RESTORE, .status = 404},
                {VERSIONS, .body = LIST(VERSION("3.0"))}, {RESTORE, .status = 423},
                /* lost, and made */
                {VERSIONS, .body = LIST(VERSION("3.0"))}, {RESTORE, .rc = -ECONNRESET},
                {VERSIONS, .body = LIST(VERSION("4.0"))},
                /* lost, and not made */
                {VERSIONS, .body = LIST(VERSION("3.0"))}, {RESTORE, .status = 500},
                {VERSIONS, .body = LIST(VERSION("3.0"))}, {RESTORE, .status = 204},
                {VERSIONS, .body = LIST("")});
    static const int results[] = {0, -ENOENT, -EBUSY, 0, 0, -ENOENT};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(results); i++)
        assert_int_equal(r->ops->restore(r, &op, item, "2.0", &why), results[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mkdir),
        TEST(test_mkdir_is_lost),
        TEST(test_trouble_without_end),
        TEST(test_update),
        TEST(test_update_is_refused),
        TEST(test_update_is_lost),
        TEST(test_update_takes_its_time),
        TEST(test_remove),
        TEST(test_copy),
        TEST(test_copy_to_the_root),
        TEST(test_copy_fails),
        TEST(test_copy_is_lost),
        TEST(test_copy_is_cancelled),
        TEST(test_versions),
        TEST(test_restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
