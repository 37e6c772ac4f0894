// SPDX-License-Identifier: GPL-3.0-or-later
/* Uploads against the scripted server: every answer that a session can give. */
#include <spfs_test.h>

#include "fake.h"
#include "graph_i.h"

#include <errno.h>
#include <spfs/model/quickxor.h>
#include <string.h>

#define V1    FAKE_GRAPH "/v1.0"
#define UP    "https://up.example/s?tempauth=x"
#define PUT   "PUT " UP
#define GET   "GET " UP
#define NEW   "POST " V1 "/drives/D/items/P:/a%20b.txt:/createUploadSession"
#define PLACE "GET " V1 "/drives/D/items/P:/a%20b.txt?$select="
#define MADE                                                                                                 \
    "{\"uploadUrl\":\"" UP                                                                                   \
    "\",\"expirationDateTime\":\"2030-01-01T00:00:00Z\",\"nextExpectedRanges\":[\"0-\"]}"
#define NEXT(r)   "{\"expirationDateTime\":\"2030-01-01T00:15:00Z\",\"nextExpectedRanges\":[" r "]}"
#define DONE      "{\"id\":\"I9\",\"name\":\"a b.txt\",\"file\":{},\"size\":7}"
#define ERR(code) "{\"error\":{\"code\":\"" code "\",\"message\":\"\"}}"
#define RANGE(r)  .header = "Content-Range: bytes " r
#define WHOLE     RANGE("0-6/7")
#define MIB10     "10485760"
#define BIG       (25ull << 20) /* three fragments */
#define MTIME     (INT64_C(1700000000) * 1000000000 + 5)

static struct spfs_remote *r;
static struct spfs_op op;
static struct spfs_reason why;
static unsigned given, made_count;
static uint64_t acked;
static int64_t expires;
static char session_seen[128];
static int fill_error, made_error;

static ssize_t fill(void *ctx, uint64_t off, void *p, size_t n)
{
    unsigned char *b = p;
    (void)ctx;
    if (fill_error)
        return fill_error;
    for (size_t i = 0; i < n; i++)
        b[i] = fake_byte(off + i);
    return (ssize_t)n;
}

static int on_made(void *ctx, const char *session, int64_t expires_ms)
{
    (void)ctx;
    made_count++;
    expires = expires_ms;
    spfs_copy(session_seen, sizeof session_seen, session);
    return made_error;
}

static void on_progress(void *ctx, uint64_t sent)
{
    (void)ctx;
    assert_true(sent > acked || made_count > 1);
    acked = sent;
}

static int on_item(void *ctx, const struct spfs_item *i)
{
    (void)ctx;
    given++;
    assert_non_null(i->id);
    return 0;
}

static struct spfs_upload up; /* what the tests send */

static int set_up(void **state)
{
    (void)state;
    r = fake_remote();
    graph_of(r)->second_ms = 0;
    spfs_op_init(&op, SPFS_NORMAL, 0);
    given = made_count = 0;
    acked = 0;
    fill_error = made_error = 0;
    up = (struct spfs_upload){.drive_id = "D",
                              .parent_id = "P",
                              .name = "a b.txt",
                              .size = 7,
                              .mtime_ns = MTIME,
                              .btime_ns = SPFS_TIME_UNKNOWN,
                              .fill = fill,
                              .made = on_made,
                              .progress = on_progress};
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

static int upload(void)
{
    given = 0;
    why.text[0] = '\0';
    int rc = r->ops->upload(r, &op, &up, on_item, NULL, &why);
    assert_int_equal(given, rc == 0);
    return rc;
}

static void replace(void)
{
    up.item_id = "I9";
    up.if_match = "\"{A},1\"";
}

/* The item as the server shows it: with these bytes, or those of another file. */
static const char *item_with(bool ours, const char *etag)
{
    static char text[256];
    unsigned char b[7];
    struct spfs_quickxor q;
    char hash[SPFS_QUICKXOR_TEXT];
    spfs_quickxor_init(&q);
    for (uint64_t i = 0; i < sizeof b; i++)
        b[i] = fake_byte(i + !ours);
    spfs_quickxor_add(&q, b, sizeof b);
    spfs_quickxor_end(&q, hash);
    spfs_format(text, sizeof text,
                "{\"id\":\"I9\",\"name\":\"a b.txt\",\"size\":7,\"eTag\":\"%s\",\"file\":{\"hashes\":{"
                "\"quickXorHash\":\"%s\"}}}",
                etag, hash);
    return text;
}

/* ---- the straight way ---- */

static void test_new_file(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE,
                 .sent = "{\"item\":{\"@microsoft.graph.conflictBehavior\":\"fail\",\"fileSystemInfo\":{"
                         "\"lastModifiedDateTime\":\"2023-11-14T22:13:20Z\"}}}"},
                {PUT, WHOLE, .status = 201, .body = DONE});
    assert_int_equal(upload(), 0);
    assert_int_equal(made_count, 1);
    assert_string_equal(session_seen, UP);
    assert_true(expires == INT64_C(1893456000000));
}

static void test_new_version(void **state)
{
    (void)state;
    FAKE_SCRIPT({"POST " V1 "/drives/D/items/I9/createUploadSession", .header = "If-Match: \"{A},1\"",
                 .body = MADE,
                 .sent = "{\"item\":{\"@microsoft.graph.conflictBehavior\":\"replace\",\"fileSystemInfo\":{"
                         "\"createdDateTime\":\"2001-09-09T01:46:40Z\",\"lastModifiedDateTime\":"
                         "\"2023-11-14T22:13:20Z\"}}}"},
                {PUT, WHOLE, .body = DONE});
    replace();
    up.btime_ns = INT64_C(1000000000) * 1000000000;
    assert_int_equal(upload(), 0);
}

static void test_root_and_no_times(void **state)
{
    (void)state;
    FAKE_SCRIPT({"POST " V1 "/drives/D/root:/a%20b.txt:/createUploadSession", .body = MADE,
                 .sent = "{\"item\":{\"@microsoft.graph.conflictBehavior\":\"fail\"}}"},
                {PUT, WHOLE, .status = 201, .body = DONE});
    up.parent_id = "root";
    up.mtime_ns = SPFS_TIME_UNKNOWN;
    up.made = NULL;
    up.progress = NULL;
    assert_int_equal(upload(), 0);
}

static void test_fragments(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE},
                {PUT, RANGE("0-10485759/26214400"), .status = 202, .body = NEXT("\"" MIB10 "-\"")},
                {PUT, RANGE("10485760-20971519/26214400"), .status = 202, .body = "{}"}, /* not said */
                {PUT, RANGE("20971520-26214399/26214400"), .status = 201, .body = DONE});
    up.size = BIG;
    assert_int_equal(upload(), 0);
    assert_true(acked == 20971520);
}

/* Nonsense about bytes that were not sent yet is not believed. */
static void test_odd_ranges(void **state)
{
    (void)state;
    static const char *const odd[] = {
        NEXT(""),  NEXT("\"26214400-\""),    NEXT("\"20000000-\""),          NEXT("\"x\""),
        NEXT("7"), NEXT("\"99999999999-\""), "{\"nextExpectedRanges\":null}"};
    up.size = BIG;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(odd); i++) {
        struct fake_step steps[] = {{NEW, .body = MADE},
                                    {PUT, RANGE("0-10485759/26214400"), .status = 202, .body = odd[i]},
                                    {PUT, RANGE("10485760-20971519/26214400"), .status = 202, .body = odd[i]},
                                    {PUT, RANGE("20971520-26214399/26214400"), .body = DONE}};
        steps[2].body = "{}";
        fake_script(steps, SPFS_ARRAY_LEN(steps));
        made_count = 2; /* progress starts again each time */
        assert_int_equal(upload(), 0);
        fake_end();
    }
    fake_script(NULL, 0);
}

static void test_partly_taken(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE},
                {PUT, RANGE("0-10485759/26214400"), .status = 202,
                 .body = NEXT("\"5000-6000\",\"1000-2000\",\"9000000-\"")},
                {PUT, RANGE("1000-10486759/26214400"), .status = 202, .body = NEXT("\"10486760-26214399\"")},
                {PUT, RANGE("10486760-20972519/26214400"), .status = 202, .body = NEXT("\"20972520-\"")},
                {PUT, RANGE("20972520-26214399/26214400"), .body = DONE});
    up.size = BIG;
    assert_int_equal(upload(), 0);
}

/* ---- unclear answers ---- */

static void test_connection_breaks(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, RANGE("0-10485759/26214400"), .rc = -ECONNRESET},
                {GET, .body = NEXT("\"655360-\"")},
                /* half the size for a while */
                {PUT, RANGE("655360-5898239/26214400"), .status = 202, .body = NEXT("\"5898240-\"")},
                {PUT, RANGE("5898240-16383999/26214400"), .status = 202, .body = NEXT("\"16384000-\"")},
                {PUT, RANGE("16384000-26214399/26214400"), .body = DONE});
    up.size = BIG;
    assert_int_equal(upload(), 0);
}

static void test_trouble_on_the_server(void **state)
{
    (void)state;
    static const int statuses[] = {500, 502, 503, 504, 408, 509, 416};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(statuses); i++) {
        struct fake_step steps[] = {{NEW, .body = MADE},
                                    {PUT, WHOLE, .status = statuses[i], .body = ERR("generalException")},
                                    {GET, .body = NEXT("\"3-6\"")},
                                    {PUT, RANGE("3-6/7"), .status = 201, .body = DONE}};
        fake_script(steps, SPFS_ARRAY_LEN(steps));
        assert_int_equal(upload(), 0);
        fake_end();
    }
    fake_script(NULL, 0);
}

static void test_unreadable_success(void **state)
{
    (void)state;
    struct fake_step steps[] = {{NEW, .body = MADE},
                                {PUT, WHOLE, .status = 201, .body = "<html>"},
                                {GET, .status = 404},
                                {PLACE, .body = item_with(true, "e")}};
    fake_script(steps, SPFS_ARRAY_LEN(steps));
    assert_int_equal(upload(), 0);
    fake_end();
    fake_script(NULL, 0);
}

/* The file is there, and the answer to its last fragment was lost. */
static void test_last_answer_is_lost(void **state)
{
    (void)state;
    struct fake_step steps[] = {{NEW, .body = MADE},
                                {PUT, WHOLE, .rc = -ECONNRESET},
                                {GET, .status = 404, .body = ERR("itemNotFound")},
                                {PLACE, .body = item_with(true, "e")}};
    fake_script(steps, SPFS_ARRAY_LEN(steps));
    assert_int_equal(upload(), 0);
    fake_end();
    steps[3].body = item_with(false, "e"); /* somebody else's */
    fake_script(steps, SPFS_ARRAY_LEN(steps));
    assert_int_equal(upload(), -EEXIST);
    fake_end();
    /* Nothing there: again from the start. */
    struct fake_step more[] = {steps[0],
                               steps[1],
                               steps[2],
                               {PLACE, .status = 404},
                               {NEW, .body = MADE},
                               {PUT, WHOLE, .status = 201, .body = DONE}};
    fake_script(more, SPFS_ARRAY_LEN(more));
    assert_int_equal(upload(), 0);
    fake_end();
    fake_script(NULL, 0);
}

static void test_last_answer_of_a_version_is_lost(void **state)
{
    (void)state;
    struct fake_step steps[] = {
        {"I9/createUploadSession", .body = MADE},
        {PUT, WHOLE, .rc = -ETIMEDOUT},
        {GET, .status = 404},
        {"GET " V1 "/drives/D/items/I9?$select=", .body = item_with(true, "\\\"{A},2\\\"")},
        {"I9/createUploadSession", .status = 412, .body = ERR("resourceModified")}};
    replace();
    fake_script(steps, 4);
    assert_int_equal(upload(), 0);
    fake_end();
    /* The old one is still there, although it has the same bytes: it is sent again, and refused. */
    steps[3].body = item_with(true, "\\\"{A},1\\\"");
    fake_script(steps, 5);
    assert_int_equal(upload(), -ECANCELED);
    fake_end();
    steps[3].body = item_with(false, "\\\"{A},2\\\"");
    fake_script(steps, 5);
    assert_int_equal(upload(), -ECANCELED);
    fake_end();
    steps[3] = (struct fake_step){"/I9?", .status = 404};
    fake_script(steps, 4);
    assert_int_equal(upload(), -ENOENT);
    fake_end();
    fake_script(NULL, 0);
}

/* Without a hash the time decides. */
static void test_found_by_time(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, WHOLE, .rc = -ECONNRESET}, {GET, .status = 404},
                {PLACE, .body = "{\"id\":\"I\",\"size\":7,\"file\":{},\"fileSystemInfo\":{"
                                "\"lastModifiedDateTime\":\"2023-11-14T22:13:20Z\"}}"},
                {NEW, .body = MADE}, {PUT, WHOLE, .rc = -ECONNRESET}, {GET, .status = 404},
                {PLACE, .body = "{\"id\":\"I\",\"size\":7,\"file\":{},\"fileSystemInfo\":{"
                                "\"lastModifiedDateTime\":\"2023-11-14T22:13:23Z\"}}"});
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), -EEXIST);
}

/* All bytes are there and the file is not: the session is told to make it. */
static void test_nothing_is_missing(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, WHOLE, .status = 416, .body = ERR("invalidRange")},
                {GET, .body = NEXT("")}, {PLACE, .status = 404}, {"POST " UP, .status = 201, .body = DONE},
                /* a 202 that expects nothing more, and a service that cannot be told */
                {NEW, .body = MADE}, {PUT, WHOLE, .status = 202, .body = NEXT("")}, {PLACE, .status = 404},
                {"POST " UP, .status = 405}, {PLACE, .status = 404}, {NEW, .body = MADE},
                {PUT, WHOLE, .status = 201, .body = DONE},
                /* it refuses the name */
                {NEW, .body = MADE}, {PUT, WHOLE, .status = 202, .body = NEXT("")}, {PLACE, .status = 404},
                {"POST " UP, .status = 409, .body = ERR("nameAlreadyExists")}, {PLACE, .status = 404},
                {"DELETE " UP, .status = 204});
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), -EEXIST);
}

static void test_no_end_of_trouble(void **state)
{
    (void)state;
    struct fake_step steps[20] = {{NEW, .body = MADE}};
    size_t n = 1;
    for (; n < 13; n += 2) {
        steps[n] = (struct fake_step){PUT, .status = 500};
        steps[n + 1] = (struct fake_step){GET, .body = NEXT("\"0-\"")};
    }
    fake_script(steps, 12); /* five repetitions */
    assert_int_equal(upload(), -EIO);
    fake_end();
    /* bytes that are taken and lost again are no progress */
    for (n = 1; n < 19; n += 3) {
        steps[n] = (struct fake_step){PUT, .status = 202, .body = NEXT("\"655360-\"")};
        steps[n + 1] = (struct fake_step){PUT, .status = 416};
        steps[n + 2] = (struct fake_step){GET, .body = NEXT("\"0-\"")};
    }
    up.size = BIG;
    fake_script(steps, 18);
    assert_int_equal(upload(), -EIO);
    fake_end();
    fake_script(NULL, 0);
}

static void test_offline(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, .rc = -ENETUNREACH, .unsent = true}, {GET, .rc = -ENETUNREACH},
                {NEW, .rc = -ENETUNREACH});
    assert_int_equal(upload(), -ENETUNREACH);
    assert_int_equal(upload(), -ENETUNREACH);
}

/* ---- sessions that end ---- */

static void test_session_ends(void **state)
{
    (void)state;
    static const int statuses[] = {401, 403, 404, 410};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(statuses); i++) {
        struct fake_step steps[] = {
            {NEW, .body = MADE},
            {PUT, RANGE("0-10485759/26214400"), .status = 202, .body = "{}"},
            {PUT, RANGE("10485760-20971519/26214400"), .status = statuses[i], .body = ERR("expiredToken")},
            {NEW, .body = MADE},
            {PUT, RANGE("0-10485759/26214400"), .status = 202, .body = "{}"},
            {PUT, RANGE("10485760-20971519/26214400"), .status = 202, .body = "{}"},
            {PUT, RANGE("20971520-26214399/26214400"), .status = 201, .body = DONE}};
        up.size = BIG;
        made_count = 0;
        acked = 0;
        fake_script(steps, SPFS_ARRAY_LEN(steps));
        assert_int_equal(upload(), 0);
        assert_int_equal(made_count, 2);
        fake_end();
    }
    fake_script(NULL, 0);
}

static void test_sessions_keep_ending(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, .status = 403, .body = ERR("accessDenied")}, {NEW, .body = MADE},
                {PUT, .status = 403, .body = ERR("accessDenied")},
                /* not seen at first, and again, and once more */
                {NEW, .body = MADE}, {PUT, .status = 404}, {PUT, .status = 404}, {NEW, .body = MADE},
                {PUT, .status = 404}, {PUT, .status = 404});
    assert_int_equal(upload(), -EACCES);
    assert_int_equal(upload(), -EIO);
}

static void test_session_is_not_seen_at_first(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, WHOLE, .status = 404, .body = ERR("itemNotFound")},
                {PUT, WHOLE, .status = 201, .body = DONE},
                /* nor the folder it is for */
                {NEW, .status = 404}, {NEW, .body = MADE}, {PUT, WHOLE, .status = 201, .body = DONE},
                {NEW, .status = 404}, {NEW, .status = 404});
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), -ENOENT);
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        int err;
        bool cancels;
    } rows[] = {
        {409, ERR("nameAlreadyExists"), -EEXIST, true},
        {409, ERR("upload_name_conflict"), -EEXIST, true},
        {409, ERR("resourceModified"), -ECANCELED, true},
        {412, ERR("resourceModified"), -ECANCELED, true},
        {412, ERR("notAllowed"), -ECANCELED, true},
        {423, ERR("resourceLocked"), -EBUSY, false},
        {423, ERR("accessDenied"), -EBUSY, false},
        {423, "<html>", -EBUSY, false},
        {403, ERR("resourceLocked"), -EBUSY, false},
        {409, ERR("generalException"), -EBUSY, false},
        {507, ERR("quotaLimitReached"), -ENOSPC, false},
        {400, ERR("quotaLimitReached"), -ENOSPC, false},
        {413, ERR("maxFileSizeExceeded"), -EFBIG, false},
        {413, "", -EFBIG, false},
        {400, ERR("invalidRequest"), -EINVAL, false},
        {400, ERR("pathIsTooLong"), -ENAMETOOLONG, false},
        {403, ERR("malwareDetected"), -EPERM, false},
        {415, "", -EINVAL, false},
        {501, "", -ENOTSUP, false},
        {302, "", -EIO, false},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(rows); i++) {
        struct fake_step steps[] = {{NEW, .body = MADE},
                                    {PUT, WHOLE, .status = rows[i].status, .body = rows[i].body},
                                    {"DELETE " UP, .status = 204}};
        fake_script(steps, rows[i].cancels ? 3 : 2);
        assert_int_equal(upload(), rows[i].err);
        assert_true(why.text[0]);
        fake_end();
    }
    fake_script(NULL, 0);
}

static void test_refused_at_the_start(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        int err;
    } rows[] = {
        {412, ERR("resourceModified"), -ECANCELED},
        {409, ERR("nameAlreadyExists"), -EEXIST},
        {423, "", -EBUSY},
        {507, "", -ENOSPC},
        {403, ERR("accessDenied"), -EACCES},
        {403, ERR("serviceReadOnly"), -EROFS},
        {400, ERR("pathIsTooLong"), -ENAMETOOLONG},
        {400, ERR("nameContainsInvalidCharacters"), -EINVAL},
        {200, "{}", -EIO},
        {200, "{\"uploadUrl\":\"http://up.example/\"}", -EIO},
        {200, "{\"uploadUrl\":7}", -EIO},
        {200, "<html>", -EIO},
        {500, "", -EIO},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(rows); i++) {
        struct fake_step step = {NEW, .status = rows[i].status, .body = rows[i].body};
        fake_script(&step, 1);
        assert_int_equal(upload(), rows[i].err);
        fake_end();
    }
    fake_script(NULL, 0);
    assert_int_equal(made_count, 0);
}

static void test_own_errors(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, WHOLE}, {NEW, .body = MADE});
    fill_error = -EDOM;
    assert_int_equal(upload(), -EDOM);
    fill_error = 0;
    made_error = -ENOSPC;
    assert_int_equal(upload(), -ENOSPC);
    replace();
    up.if_match = "\"a\"\r\nX: y";
    assert_int_equal(upload(), -EINVAL);
}

static void stop(void)
{
    spfs_op_cancel(&op);
}

static void test_cancelled(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, .status = 500, .hook = stop});
    graph_of(r)->second_ms = 1000;
    assert_int_equal(upload(), -EINTR);
}

static void test_deadline(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, .status = 404});
    graph_of(r)->second_ms = 1000;
    spfs_op_done(&op);
    spfs_op_init(&op, SPFS_NORMAL, 3000); /* less than the wait */
    assert_int_equal(upload(), -ETIMEDOUT);
}

/* ---- going on with a session ---- */

static void test_resume(void **state)
{
    (void)state;
    FAKE_SCRIPT({GET, .body = NEXT("\"20971520-\"")},
                {PUT, RANGE("20971520-26214399/26214400"), .status = 201, .body = DONE});
    up.size = BIG;
    up.session = UP;
    assert_int_equal(upload(), 0);
    assert_int_equal(made_count, 0);
}

static void test_resume_of_a_lost_session(void **state)
{
    (void)state;
    FAKE_SCRIPT({GET, .status = 404}, {PLACE, .status = 404}, {NEW, .body = MADE},
                {PUT, RANGE("0-10485759/26214400"), .status = 202, .body = "{}"},
                {PUT, RANGE("10485760-20971519/26214400"), .status = 202, .body = "{}"},
                {PUT, RANGE("20971520-26214399/26214400"), .status = 201, .body = DONE});
    up.size = BIG;
    up.session = UP;
    assert_int_equal(upload(), 0);
    assert_int_equal(made_count, 1);
}

/* One request a file with sessions that were made many at a time; also when it was sent before. */
static void test_small_file_with_a_session(void **state)
{
    (void)state;
    struct fake_step steps[] = {{PUT, WHOLE, .status = 201, .body = DONE},
                                {PUT, WHOLE, .status = 404},
                                {PLACE, .body = item_with(true, "e")}};
    up.session = UP;
    fake_script(steps, 3);
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), 0);
    fake_end();
    fake_script(NULL, 0);
}

static void test_address_that_must_not_be_sent_to(void **state)
{
    (void)state;
    FAKE_SCRIPT({NEW, .body = MADE}, {PUT, WHOLE, .status = 201, .body = DONE});
    up.session = "http://up.example/s";
    assert_int_equal(upload(), 0);
}

/* ---- many sessions ---- */

static void test_sessions(void **state)
{
    (void)state;
    struct spfs_upload v[5] = {up, up, up, up, up};
    char *urls[5];
    FAKE_SCRIPT(
        {"POST " V1 "/$batch", .header = "Content-Type: application/json",
         .sent = "{\"id\":\"1\",\"method\":\"POST\",\"url\":\"/drives/D/items/I9/createUploadSession\","
                 "\"headers\":{\"Content-Type\":\"application/json\",\"If-Match\":\"\\\"{A},1\\\"\"},"
                 "\"body\":{\"item\":{\"@microsoft.graph.conflictBehavior\":\"replace\",",
         .body = "{\"responses\":[{\"id\":\"4\",\"status\":200,\"body\":{\"uploadUrl\":\"https://up.example/"
                 "4\"}},"
                 "{\"id\":\"0\",\"status\":200,\"body\":{\"uploadUrl\":\"https://up.example/0\"}},"
                 "{\"id\":\"0\",\"status\":200,\"body\":{\"uploadUrl\":\"https://up.example/again\"}},"
                 "{\"id\":\"1\",\"status\":429,\"headers\":{\"Retry-After\":\"3\"},\"body\":null},"
                 "{\"id\":\"2\",\"status\":200,\"body\":{\"uploadUrl\":\"https://up.example/empty\"}},"
                 "{\"id\":\"3\",\"status\":200,\"body\":{\"uploadUrl\":\"http://up.example/3\"}},"
                 "{\"id\":\"9\",\"status\":200,\"body\":{\"uploadUrl\":\"https://up.example/9\"}}]}"},
        {"/$batch", .status = 500});
    v[1].item_id = "I9";
    v[1].if_match = "\"{A},1\"";
    v[2].size = 0;
    assert_int_equal(r->ops->sessions(r, &op, v, 5, urls), 0);
    assert_string_equal(urls[0], "https://up.example/0");
    assert_null(urls[1]);
    assert_null(urls[2]);
    assert_null(urls[3]);
    assert_string_equal(urls[4], "https://up.example/4");
    assert_int_equal(fake_throttled(), 1);
    free(urls[0]);
    free(urls[4]);
    assert_int_equal(r->ops->sessions(r, &op, v, 2, urls), -EIO);
    assert_null(urls[0]);
    assert_int_equal(r->ops->sessions(r, &op, &v[2], 1, urls), 0); /* nothing to ask */
}

/* ---- files without a byte ---- */

#define EMPTY "PUT " V1 "/drives/D/items/P:/a%20b.txt:/content?@microsoft.graph.conflictBehavior=fail"
#define NAUGHT(time)                                                                                         \
    "{\"id\":\"I9\",\"name\":\"a b.txt\",\"file\":{},\"size\":0,\"eTag\":\"\\\"t\\\"\",\"fileSystemInfo\":{" \
    "\"lastModifiedDateTime\":\"" time "\"}}"
#define SET_TIME "PATCH " V1 "/drives/D/items/I9"

static void test_empty(void **state)
{
    (void)state;
    FAKE_SCRIPT({EMPTY, .header = "Content-Type: application/octet-stream", .status = 201,
                 .body = NAUGHT("2026-01-01T00:00:00Z")},
                {SET_TIME, .header = "If-Match: \"t\"",
                 .sent = "{\"fileSystemInfo\":{\"lastModifiedDateTime\":\"2023-11-14T22:13:20Z\"}}",
                 .body = NAUGHT("2023-11-14T22:13:20Z")},
                /* the time is right already; nobody asked for one; it cannot be set */
                {EMPTY, .status = 201, .body = NAUGHT("2023-11-14T22:13:20Z")},
                {EMPTY, .status = 201, .body = NAUGHT("2026-01-01T00:00:00Z")}, {SET_TIME, .status = 412},
                {EMPTY, .status = 201, .body = NAUGHT("2026-01-01T00:00:00Z")});
    up.size = 0;
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), 0);
    up.mtime_ns = SPFS_TIME_UNKNOWN;
    assert_int_equal(upload(), 0);
}

static void test_empty_version(void **state)
{
    (void)state;
    FAKE_SCRIPT({"PUT " V1 "/drives/D/items/I9/content?@microsoft.graph.conflictBehavior=replace",
                 .header = "If-Match: \"{A},1\"", .body = NAUGHT("2023-11-14T22:13:20Z")},
                {"I9/content", .status = 412},
                /* lost, and not made */
                {"I9/content", .rc = -ECONNRESET},
                {"GET " V1 "/drives/D/items/I9?",
                 .body = "{\"id\":\"I9\",\"file\":{},\"size\":5,\"eTag\":\"\\\"{A},1\\\"\"}"},
                {"I9/content", .body = NAUGHT("2023-11-14T22:13:20Z")},
                /* lost, and made */
                {"I9/content", .status = 502}, {"GET", .body = NAUGHT("2023-11-14T22:13:20Z")},
                /* lost, and somebody else's by now */
                {"I9/content", .status = 502},
                {"GET", .body = "{\"id\":\"I9\",\"file\":{},\"size\":5,\"eTag\":\"\\\"{A},2\\\"\"}"});
    replace();
    up.size = 0;
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), -ECANCELED);
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), -ECANCELED);
}

static void test_empty_is_lost(void **state)
{
    (void)state;
    FAKE_SCRIPT({EMPTY, .status = 409, .body = ERR("nameAlreadyExists")}, {EMPTY, .rc = -ECONNRESET},
                {PLACE, .body = NAUGHT("2023-11-14T22:13:20Z")}, {EMPTY, .rc = -ECONNRESET},
                {PLACE, .status = 404}, {EMPTY, .status = 409}, /* it was only slow */
                {PLACE, .body = NAUGHT("2023-11-14T22:13:20Z")}, {EMPTY, .rc = -ECONNRESET},
                {PLACE, .body = "{\"id\":\"I\",\"file\":{},\"size\":4}"});
    up.size = 0;
    assert_int_equal(upload(), -EEXIST);
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), 0);
    assert_int_equal(upload(), -EEXIST);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_new_file),
        TEST(test_new_version),
        TEST(test_root_and_no_times),
        TEST(test_fragments),
        TEST(test_odd_ranges),
        TEST(test_partly_taken),
        TEST(test_connection_breaks),
        TEST(test_trouble_on_the_server),
        TEST(test_unreadable_success),
        TEST(test_last_answer_is_lost),
        TEST(test_last_answer_of_a_version_is_lost),
        TEST(test_found_by_time),
        TEST(test_nothing_is_missing),
        TEST(test_no_end_of_trouble),
        TEST(test_offline),
        TEST(test_session_ends),
        TEST(test_sessions_keep_ending),
        TEST(test_session_is_not_seen_at_first),
        TEST(test_refusals),
        TEST(test_refused_at_the_start),
        TEST(test_own_errors),
        TEST(test_cancelled),
        TEST(test_deadline),
        TEST(test_resume),
        TEST(test_resume_of_a_lost_session),
        TEST(test_small_file_with_a_session),
        TEST(test_address_that_must_not_be_sent_to),
        TEST(test_sessions),
        TEST(test_empty),
        TEST(test_empty_version),
        TEST(test_empty_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
