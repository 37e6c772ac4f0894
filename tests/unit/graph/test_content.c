// SPDX-License-Identifier: GPL-3.0-or-later
/* Ranged reads against the scripted server. The file is fake_byte's pattern, 1000 bytes long unless said
 * otherwise. */
#include <spfs_test.h>

#include "address_i.h"
#include "fake.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#define HASH  "aCgDG9jwBhDc4Q1yawMZAAAAAAA="
#define FILES "https://files.example/"
/* An item of content c at eTag e, with or without a download address. */
#define ITEM_AT(e, c, size, rest)                                                                            \
    "{\"id\":\"I\",\"size\":" size ",\"eTag\":\"" e "\",\"cTag\":\"" c "\",\"file\":{}" rest "}"
#define URL(u) ",\"@microsoft.graph.downloadUrl\":\"" FILES u "\""
#define ASK(e, c, u)                                                                                         \
    {                                                                                                        \
        "GET " FAKE_GRAPH "/v1.0/drives/D/items/I?$select=", .body = ITEM_AT(e, c, "1000", URL(u))           \
    }
#define V1(u) ASK("e1", "c1", u)
#define PART(u, f, t, ...)                                                                                   \
    {                                                                                                        \
        "GET " FILES u, .part = true, .from = f, .to = t, .total = 1000, __VA_ARGS__                         \
    }

static struct spfs_remote *r;

struct reader {
    struct spfs_read read;
    struct spfs_op op;
    struct spfs_reason why;
    uint64_t got;
    int64_t proved_at; /* bytes that had come by then; -1 never */
    uint64_t fail_at;  /* the reader gives up after so many bytes; 0: not */
};

static int set_up(void **state)
{
    (void)state;
    r = fake_remote();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_end();
    r->ops->free(r);
    return 0;
}

static int on_data(void *ctx, const void *p, size_t n)
{
    struct reader *k = ctx;
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++)
        if (b[i] != fake_byte(k->read.off + k->got + i))
            return -EILSEQ;
    k->got += n;
    assert_true(n > 0 && k->got <= k->read.len);
    return k->fail_at && k->got >= k->fail_at ? -ENOSPC : 0;
}

static void on_proved(void *ctx)
{
    struct reader *k = ctx;
    assert_true(k->proved_at == -1);
    k->proved_at = (int64_t)k->got;
}

static void init(struct reader *k, uint64_t off, uint64_t len)
{
    *k = (struct reader){.proved_at = -1};
    k->read = (struct spfs_read){
        .ref = {"D", "I"},
        .want = {.etag = "e1", .ctag = "c1", .size = 1000, .mtime_ns = SPFS_TIME_UNKNOWN},
        .off = off,
        .len = len,
        .data = on_data,
        .proved = on_proved,
        .ctx = k,
    };
    spfs_op_init(&k->op, SPFS_URGENT, 0);
}

static int run(struct reader *k)
{
    int rc = r->ops->read(r, &k->op, &k->read, &k->why);
    spfs_op_done(&k->op);
    return rc;
}

/* The result; all bytes must have come when it is 0, and it must be proved after proved_at bytes (-1: not).
 */
static void expect(uint64_t off, uint64_t len, int rc, int64_t proved_at)
{
    struct reader k;
    init(&k, off, len);
    int got = run(&k);
    if (got != rc)
        fail_msg("%s instead of %s: %s", strerror(-got), strerror(-rc), k.why.text);
    if (rc == 0)
        assert_true(k.got == len);
    assert_int_equal(k.proved_at, proved_at);
}

/* ---- the good way ---- */

static void test_cold_is_two_known_is_one(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 100, 299, .range = "bytes=100-299", .etag = "e1"),
                PART("u", 0, 999, .range = "bytes=0-999", .etag = "e1"), PART("u", 999, 999, .etag = "e1"));
    expect(100, 200, 0, 0);
    expect(0, 1000, 0, 0);
    expect(999, 1, 0, 0);
}

static void test_quoted_etag_is_equal(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 9, .etag = "\"e1\""));
    expect(0, 10, 0, 0);
}

static void test_no_download_url(void **state)
{
    (void)state;
    FAKE_SCRIPT({"/items/I?$select", .body = ITEM_AT("e1", "c1", "1000", "")},
                {"GET " FAKE_GRAPH "/v1.0/drives/D/items/I/content", .status = 302, .location = FILES "u"},
                PART("u", 0, 9, .etag = "e1"));
    expect(0, 10, 0, 0);
}

static void test_no_download_url_and_no_redirect(void **state)
{
    (void)state;
    FAKE_SCRIPT({"/items/I?$select", .body = ITEM_AT("e1", "c1", "1000", "")},
                {"/I/content", .body = "the content itself"},
                {"/items/I?$select", .body = ITEM_AT("e1", "c1", "1000", "")}, {"/I/content", .status = 302},
                {"/items/I?$select", .body = ITEM_AT("e1", "c1", "1000", "")}, {"/I/content", .status = 403});
    expect(0, 10, -EIO, -1);
    expect(0, 10, -EIO, -1);
    expect(0, 10, -EACCES, -1);
}

/* ---- which version is it? ---- */

static void test_without_etag_the_item_is_asked_again(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 9), V1("u"),                     /* the same */
                PART("u", 0, 9), ASK("e2", "c1", "u"),                 /* only its metadata changed */
                PART("u", 0, 9), ASK("e2", "c2", "u"),                 /* its content changed */
                V1("u"), PART("u", 0, 9), {"/items/I", .status = 404}, /* it is gone */
                PART("u", 0, 9), {"/items/I", .rc = -ENETUNREACH});    /* nobody can tell */
    expect(0, 10, 0, 10);
    expect(0, 10, 0, 10);
    expect(0, 10, -ESTALE, -1);
    expect(0, 10, -ENOENT, -1);
    expect(0, 10, -ENETUNREACH, -1);
}

static void test_other_etag(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 9, .etag = "e2"), ASK("e2", "c1", "u"), /* metadata */
                PART("u", 0, 9, .etag = "e2"),                                /* known from now on */
                PART("u", 0, 9, .etag = "e3"), ASK("e3", "c3", "u"));         /* content */
    expect(0, 10, 0, 10);
    expect(0, 10, 0, 0);
    expect(0, 10, -ESTALE, -1);
}

static void test_weak_etag_proves_nothing(void **state)
{
    (void)state;
    struct reader k;
    FAKE_SCRIPT(ASK("W/\\\"e1\\\"", "c1", "u"), PART("u", 0, 9, .etag = "W/\"e1\""),
                ASK("W/\\\"e1\\\"", "c1", "u"));
    init(&k, 0, 10);
    k.read.want.etag = "W/\"e1\"";
    assert_int_equal(run(&k), 0);
    assert_int_equal(k.proved_at, 10);
}

static void test_item_has_changed_before(void **state)
{
    (void)state;
    FAKE_SCRIPT(ASK("e2", "c2", "u"), ASK("e2", "c2", "u"));
    expect(0, 10, -ESTALE, -1);
    expect(0, 10, -ESTALE, -1);
}

static void test_unknown_counts_as_changed(void **state)
{
    (void)state;
    struct reader k;
    FAKE_SCRIPT({"/items/I", .body = "{\"id\":\"I\",\"size\":1000,\"eTag\":\"e2\",\"file\":{}" URL("u") "}"});
    init(&k, 0, 10);
    assert_int_equal(run(&k), -ESTALE);
}

static void test_hash_tells(void **state)
{
    (void)state;
    struct reader k;
    FAKE_SCRIPT(
        {"/items/I",
         .body = "{\"id\":\"I\",\"size\":1000,\"eTag\":\"e2\",\"file\":{\"hashes\":{\"quickXorHash\":\"" HASH
                 "\"}}" URL("u") "}"},
        PART("u", 0, 9, .etag = "e2"));
    init(&k, 0, 10);
    k.read.want.ctag = NULL;
    k.read.want.quickxor = HASH;
    assert_int_equal(run(&k), 0);
    assert_int_equal(k.proved_at, 0);
}

static void test_address_of_an_older_version(void **state)
{
    (void)state;
    struct reader k;
    FAKE_SCRIPT(V1("u1"), PART("u1", 0, 9, .etag = "e1"), ASK("e2", "c2", "u2"),
                PART("u2", 0, 9, .etag = "e2"));
    expect(0, 10, 0, 0);
    init(&k, 0, 10);
    k.read.want.etag = "e2";
    k.read.want.ctag = "c2";
    assert_int_equal(run(&k), 0);
    assert_int_equal(k.proved_at, 0);
}

/* ---- broken and short ---- */

static void test_goes_on_where_it_broke(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 999, .etag = "e1", .cut = 300),
                PART("u", 300, 999, .range = "bytes=300-999", .etag = "e1", .cut = 1),
                PART("u", 301, 999, .range = "bytes=301-999", .etag = "e1", .short_by = 100),
                PART("u", 900, 999, .range = "bytes=900-999", .etag = "e1"));
    expect(0, 1000, 0, 0);
}

static void test_shorter_part_is_continued(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 10, 19, .range = "bytes=10-99", .etag = "e1"),
                PART("u", 20, 98, .range = "bytes=20-99", .etag = "e1"), PART("u", 99, 99, .etag = "e1"));
    expect(10, 90, 0, 0);
}

static void test_no_progress_ends(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 9, .etag = "e1", .short_by = 10),
                PART("u", 0, 9, .etag = "e1", .short_by = 10), PART("u", 0, 9, .etag = "e1", .short_by = 10),
                {FILES, .rc = -ENETUNREACH}, {FILES, .rc = -EAGAIN}, {FILES, .status = 503},
                {FILES, .status = 500}, {FILES, .rc = -ESHUTDOWN});
    expect(0, 10, -EIO, 0);
    expect(0, 10, -ENETUNREACH, -1);
    expect(0, 10, -ETIMEDOUT, -1);
    expect(0, 10, -EIO, -1);
    expect(0, 10, -EIO, -1);
    expect(0, 10, -ESHUTDOWN, -1);
}

static void test_mix_of_doubt_and_proof(void **state)
{
    (void)state;
    /* The first part came without an ETag, so that the ETag of the second proves nothing about it. */
    FAKE_SCRIPT(V1("u"), PART("u", 0, 9, .cut = 4), PART("u", 4, 9, .etag = "e1"), V1("u"));
    expect(0, 10, 0, 10);
}

static void test_version_changes_within_a_read(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 9, .etag = "e1", .cut = 4), PART("u", 4, 9, .etag = "e2"),
                ASK("e2", "c1", "v"), PART("v", 4, 9, .etag = "e2"), /* metadata only */
                PART("v", 0, 9, .etag = "e2", .cut = 4), PART("v", 4, 9, .etag = "e3"), ASK("e3", "c3", "v"),
                V1("u"), PART("u", 0, 9, .etag = "e1", .cut = 4), PART("u", 4, 9, .etag = "e2"),
                ASK("e2", "c1", "u"), PART("u", 4, 9, .etag = "e3")); /* it changes all the time */
    expect(0, 10, 0, 0);
    expect(0, 10, -ESTALE, 0);
    expect(0, 10, -ESTALE, 0);
}

static void test_proof_must_not_be_lost(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 9, .etag = "e1", .cut = 4), PART("u", 4, 9), V1("u"), PART("u", 4, 9),
                PART("u", 0, 9, .etag = "e1", .cut = 4), PART("u", 4, 9, .etag = "e1", .no_length = true),
                V1("u"), PART("u", 4, 9, .etag = "e1"));
    expect(0, 10, -EIO, 0);
    expect(0, 10, 0, 0);
}

static void test_reader_stops(void **state)
{
    (void)state;
    struct reader k;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 999, .etag = "e1"));
    init(&k, 0, 1000);
    k.fail_at = 500;
    assert_int_equal(run(&k), -ENOSPC);
}

/* ---- expired addresses ---- */

static void test_expired_address(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u1"), {FILES "u1", .status = 401}, V1("u2"), PART("u2", 0, 999, .etag = "e1", .cut = 500),
                {FILES "u2", .status = 403}, V1("u3"),
                PART("u3", 500, 999, .range = "bytes=500-999", .etag = "e1", .cut = 10),
                {FILES "u3", .status = 404}, V1("u4"), PART("u4", 510, 999, .etag = "e1", .cut = 10),
                {FILES "u4", .status = 410}, V1("u5"), PART("u5", 520, 999, .etag = "e1"));
    expect(0, 1000, 0, 0);
}

static void test_refused_for_good(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u1"), {FILES, .status = 403}, V1("u2"),
                {FILES, .status = 403},                                   /* the policy allows no download */
                {FILES, .status = 404}, V1("u3"), {FILES, .status = 404}, /**/
                {FILES, .status = 401}, ASK("e2", "c2", "u4"));
    expect(0, 10, -EACCES, -1);
    expect(0, 10, -ENOENT, -1);
    expect(0, 10, -ESTALE, -1);
}

static void test_malware(void **state)
{
    (void)state;
    FAKE_SCRIPT({"/items/I", .body = ITEM_AT("e1", "c1", "1000", ",\"malware\":{}" URL("u"))}, V1("u"),
                {FILES, .status = 403, .body = "{\"error\":{\"code\":\"malwareDetected\"}}"},
                {FILES, .status = 403, .infected = true}, PART("u", 0, 9, .etag = "e1", .infected = true));
    for (int i = 0; i < 4; i++)
        expect(0, 10, -EPERM, -1);
}

/* ---- answers that are not the data ---- */

#define TWICE(...) __VA_ARGS__, V1("u"), __VA_ARGS__

static void test_wrong_ranges(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), TWICE(PART("u", 101, 199, .etag = "e1")), TWICE(PART("u", 99, 199, .etag = "e1")),
                TWICE(PART("u", 100, 200, .etag = "e1")),
                TWICE(PART("u", 100, 199, .etag = "e1", .no_range = true)),
                TWICE({FILES, .part = true, .from = 100, .to = 199, .total = UINT64_MAX, .etag = "e1"}),
                TWICE(PART("u", 100, 199, .etag = "e1", .coded = true)), TWICE({FILES, .status = 204}),
                TWICE({FILES, .status = 302, .location = "https://elsewhere.example/"}));
    for (int i = 0; i < 8; i++)
        expect(100, 100, -EIO, -1);
}

static void test_one_wrong_range_is_survived(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 99, .etag = "e1"), V1("u"), PART("u", 100, 199, .etag = "e1"));
    expect(100, 100, 0, 0);
}

static void test_html_in_place_of_data(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), TWICE({FILES, .body = "<html>sign in</html>"}));
    expect(0, 10, -EIO, -1);
}

static void test_part_is_too_long(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), PART("u", 0, 9, .etag = "e1", .no_length = true, .extra = 5));
    expect(0, 10, -EIO, -1);
}

/* ---- a server without ranges ---- */

#define WHOLE(...)                                                                                           \
    {                                                                                                        \
        FILES, .whole = true, .total = 1000, __VA_ARGS__                                                     \
    }

static void test_whole_file(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), WHOLE(.etag = "e1"), WHOLE(.etag = "e1"), WHOLE(.etag = "e1", .cut = 150),
                WHOLE(.etag = "e1"), WHOLE(.cut = 0), V1("u"));
    expect(0, 1000, 0, 0);
    expect(900, 100, 0, 0);
    expect(100, 200, 0, 0); /* breaks within, and passes the beginning again */
    expect(100, 200, 0, 200);
}

static void test_whole_file_of_unknown_length(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), WHOLE(.etag = "e1", .no_length = true), WHOLE(.no_length = true), V1("u"),
                WHOLE(.no_length = true, .short_by = 1), WHOLE(.no_length = true, .extra = 1),
                WHOLE(.no_length = true, .cut = 500),
                WHOLE(.etag = "e1", .no_length = true, .short_by = 950));
    expect(100, 200, 0, 200);
    expect(100, 200, 0, 200);
    expect(100, 200, -EIO, -1);
    expect(100, 200, -EIO, -1);
    expect(100, 200, -EIO, -1);
    expect(0, 1000, -EIO, -1);
}

/* ---- another length than listed ---- */

static void other_length(uint64_t off, uint64_t len, int rc, uint64_t served)
{
    struct reader k;
    init(&k, off, len);
    assert_int_equal(run(&k), rc);
    assert_true(k.read.served_size == served);
    assert_int_equal(k.proved_at, -1);
}

static void test_served_length(void **state)
{
    (void)state;
    FAKE_SCRIPT(
        V1("u"), {FILES, .part = true, .from = 0, .to = 9, .total = 900, .etag = "e1"},
        V1("u"),                                                                       /* it is so */
        {FILES, .part = true, .from = 0, .to = 9, .total = 900}, ASK("e2", "c2", "u"), /* another version */
        V1("u"), {FILES, .whole = true, .total = 1100, .etag = "e1"}, V1("u"), /* no ranges, but its ETag */
        TWICE({FILES, .whole = true, .total = 1100}));                         /* may be anything */
    other_length(0, 10, -EMSGSIZE, 900);
    other_length(0, 10, -ESTALE, 0);
    other_length(0, 10, -EMSGSIZE, 1100);
    other_length(0, 10, -EIO, 0);
}

static void test_behind_the_end(void **state)
{
    (void)state;
    FAKE_SCRIPT(V1("u"), {FILES, .status = 416}, V1("u"), {FILES, .status = 416},
                {FILES, .range = "bytes=0-0", .part = true, .from = 0, .to = 0, .total = 900},
                V1("u"), /* shorter than listed */
                {FILES, .status = 416}, V1("u"), {FILES, .status = 416}, PART("u", 0, 0), /* or not: */
                {FILES, .status = 416}, ASK("e2", "c2", "u"));
    other_length(950, 10, -EMSGSIZE, 900);
    other_length(950, 10, -EIO, 0);
    other_length(950, 10, -ESTALE, 0);
}

/* ---- several threads ---- */

static void *read_in_thread(void *ctx)
{
    struct reader *k = ctx;
    int rc = run(k);
    return (void *)(intptr_t)rc;
}

static void test_one_question_for_parallel_ranges(void **state)
{
    (void)state;
    struct reader k[4];
    pthread_t t[4];
    FAKE_SCRIPT(V1("u"), PART("u", 0, 249, .range = "bytes=0-249", .etag = "e1"),
                PART("u", 250, 499, .range = "bytes=250-499", .etag = "e1"),
                PART("u", 500, 749, .range = "bytes=500-749", .etag = "e1"),
                PART("u", 750, 999, .range = "bytes=750-999", .etag = "e1"));
    fake_by_range();
    for (unsigned i = 0; i < 4; i++) {
        init(&k[i], i * 250, 250);
        assert_int_equal(pthread_create(&t[i], NULL, read_in_thread, &k[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        void *rc;
        pthread_join(t[i], &rc);
        assert_null(rc);
        assert_int_equal(k[i].proved_at, 0);
    }
}

static sem_t asked, go_on;

static void hold(void)
{
    sem_post(&asked);
    sem_wait(&go_on);
}

/* One thread asks and is held; another, which waits for the answer, is cancelled, and a third asks itself
 * when the first fails. */
static void test_waiting_for_another_question(void **state)
{
    (void)state;
    struct reader first, cancelled, second;
    pthread_t a, b;
    void *rc;
    FAKE_SCRIPT({"/items/I", .rc = -EINTR, .hook = hold}, V1("u"), PART("u", 0, 9, .etag = "e1"));
    fake_any_order();
    sem_init(&asked, 0, 0);
    sem_init(&go_on, 0, 0);
    init(&first, 0, 10);
    init(&cancelled, 0, 10);
    init(&second, 0, 10);
    assert_int_equal(pthread_create(&a, NULL, read_in_thread, &first), 0);
    sem_wait(&asked);
    spfs_op_cancel(&cancelled.op);
    assert_int_equal(run(&cancelled), -EINTR);
    assert_int_equal(pthread_create(&b, NULL, read_in_thread, &second), 0);
    sem_post(&go_on);
    pthread_join(a, &rc);
    assert_int_equal((intptr_t)rc, -EINTR);
    pthread_join(b, &rc);
    assert_null(rc);
    sem_destroy(&asked);
    sem_destroy(&go_on);
}

/* ---- the table ---- */

static void test_table_is_bounded(void **state)
{
    (void)state;
    struct graph *g = graph_of(r);
    struct spfs_item item = {.id = "x", .download_url = FILES "u", .size = 1};
    char id[32];
    struct spfs_ref held = {"D", "held"};
    fake_script(NULL, 0);
    uint64_t under_way = address_begin(g, held);
    for (unsigned i = 0; i < 5000; i++) {
        spfs_format(id, sizeof id, "item%u", i);
        uint64_t question = address_begin(g, (struct spfs_ref){"D", id});
        assert_true(question > 0);
        address_end(g, (struct spfs_ref){"D", id}, question, &item);
    }
    assert_true(address_begin(g, (struct spfs_ref){"D", "item4999"}) == 0);
    address_end(g, held, under_way, &item);
    assert_true(address_begin(g, held) == 0);
    assert_true(address_begin(g, (struct spfs_ref){"D", "item905"}) == 0);
    uint64_t question = address_begin(g, (struct spfs_ref){"D", "item904"});
    assert_true(question > 0);
    assert_true(address_begin(g, (struct spfs_ref){"D", "item904"}) == 0); /* under way */
    address_end(g, (struct spfs_ref){"D", "item904"}, question, NULL);
    assert_true(address_begin(g, (struct spfs_ref){"D", "item904"}) > 0);
}

static void test_an_answer_to_a_later_question(void **state)
{
    (void)state;
    struct graph *g = graph_of(r);
    struct address a;
    struct spfs_op op;
    spfs_op_init(&op, SPFS_URGENT, 0);
    FAKE_SCRIPT(V1("u1"), V1("u2"));
    uint64_t first = address_next(g);
    assert_int_equal(address_get(g, &op, (struct spfs_ref){"D", "I"}, 0, &a, NULL), 0);
    assert_true(a.question == first);
    address_done(&a);
    assert_int_equal(address_get(g, &op, (struct spfs_ref){"D", "I"}, first, &a, NULL), 0);
    assert_string_equal(a.url, FILES "u1");
    address_done(&a);
    assert_int_equal(address_get(g, &op, (struct spfs_ref){"D", "I"}, address_next(g), &a, NULL), 0);
    assert_string_equal(a.url, FILES "u2");
    address_done(&a);
    spfs_op_done(&op);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cold_is_two_known_is_one),
        TEST(test_quoted_etag_is_equal),
        TEST(test_no_download_url),
        TEST(test_no_download_url_and_no_redirect),
        TEST(test_without_etag_the_item_is_asked_again),
        TEST(test_other_etag),
        TEST(test_weak_etag_proves_nothing),
        TEST(test_item_has_changed_before),
        TEST(test_unknown_counts_as_changed),
        TEST(test_hash_tells),
        TEST(test_address_of_an_older_version),
        TEST(test_goes_on_where_it_broke),
        TEST(test_shorter_part_is_continued),
        TEST(test_no_progress_ends),
        TEST(test_mix_of_doubt_and_proof),
        TEST(test_version_changes_within_a_read),
        TEST(test_proof_must_not_be_lost),
        TEST(test_reader_stops),
        TEST(test_expired_address),
        TEST(test_refused_for_good),
        TEST(test_malware),
        TEST(test_wrong_ranges),
        TEST(test_one_wrong_range_is_survived),
        TEST(test_html_in_place_of_data),
        TEST(test_part_is_too_long),
        TEST(test_whole_file),
        TEST(test_whole_file_of_unknown_length),
        TEST(test_served_length),
        TEST(test_behind_the_end),
        TEST(test_one_question_for_parallel_ranges),
        TEST(test_waiting_for_another_question),
        TEST(test_table_is_bounded),
        TEST(test_an_answer_to_a_later_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
