/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine against a scripted server: what is sent, what a reply becomes, how a request ends before its
 * reply. */
#include "spfs_test.h"
#include "server.h"

#include <spfs/base/clock.h>
#include <spfs/http/http.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server server;
static struct spfs_http *http;
static char url[64];
static struct spfs_reason reason;

static void begin_with(bool (*handle)(struct peer *p), void *ctx, unsigned max_connections)
{
    struct spfs_http_config config = {.user_agent = "spfs/test", .max_connections = max_connections};
    server_start(&server, handle, ctx);
    server_url(&server, url);
    assert_int_equal(spfs_http_new(&config, &http, &reason), 0);
    assert_int_equal(spfs_http_start(http), 0);
}

static void begin(bool (*handle)(struct peer *p), void *ctx)
{
    begin_with(handle, ctx, 0);
}

static void end(void)
{
    spfs_http_free(http);
    server_stop(&server);
}

static int perform(const struct spfs_http_request *req, struct spfs_http_response *ret, uint64_t timeout_ms)
{
    struct spfs_op op;
    spfs_op_init(&op, SPFS_URGENT, timeout_ms);
    int err = spfs_http_perform(http, &op, req, ret, &reason);
    spfs_op_done(&op);
    return err;
}

static int get(struct spfs_http_response *ret)
{
    struct spfs_http_request req = {.method = "GET", .url = url};
    return perform(&req, ret, 0);
}

/* A request on a thread of its own, so that the test can cancel it. */
struct call {
    struct spfs_op op;
    struct spfs_http_request req;
    struct spfs_http_response ret;
    pthread_t thread;
    int result;
};

static void *call_main(void *arg)
{
    struct call *c = arg;
    struct spfs_reason why;
    c->result = spfs_http_perform(http, &c->op, &c->req, &c->ret, &why);
    return NULL;
}

static void call_start(struct call *c)
{
    spfs_op_init(&c->op, SPFS_URGENT, 0);
    pthread_create(&c->thread, NULL, call_main, c);
}

static int call_end(struct call *c)
{
    pthread_join(c->thread, NULL);
    spfs_http_response_done(&c->ret);
    spfs_op_done(&c->op);
    return c->result;
}

/* ---- plain ---- */

static bool say_hello(struct peer *p)
{
    return peer_reply(p, 200, "ETag: \"1\"\r\n", "hello");
}

static void test_reuse(void **state)
{
    struct spfs_http_response ret;
    (void)state;
    begin(say_hello, NULL);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(get(&ret), 0);
        assert_int_equal(ret.head.status, 200);
        assert_string_equal(ret.head.etag, "\"1\"");
        assert_string_equal(ret.body.data, "hello");
        assert_int_equal(ret.received, 5);
        assert_true(ret.first_byte_us > 0 && ret.sent);
        spfs_http_response_done(&ret);
    }
    assert_int_equal(server_connections(&server), 1);
    struct spfs_http_request req = {.method = "GET", .url = url, .fresh_connection = true};
    assert_int_equal(perform(&req, &ret, 0), 0);
    spfs_http_response_done(&ret);
    assert_int_equal(server_connections(&server), 2);
    end();
}

static bool check_head(struct peer *p)
{
    const char *const *lines = p->ctx;
    bool good = true;
    for (; *lines; lines++)
        good = good && (**lines == '!' ? !peer_asked(p, *lines + 1) : peer_asked(p, *lines));
    return peer_reply(p, good ? 200 : 400, NULL, p->head);
}

static void test_what_is_sent(void **state)
{
    static const char *const meta[] = {"POST / HTTP/1.1\r\n",
                                       "Authorization: Bearer s3cret\r\n",
                                       "Content-Length: 3\r\n",
                                       "X-A: b\r\n",
                                       "User-Agent: spfs/test\r\n",
                                       "Accept-Encoding: gzip\r\n",
                                       "!Expect",
                                       "!Content-Type",
                                       NULL};
    static const char *const download[] = {"GET / HTTP/1.1\r\n", "!Authorization", "!Accept-Encoding",
                                           "!Content-Length", NULL};
    static const char *const lines[] = {"X-A: b", NULL};
    struct spfs_secret bearer = {0};
    struct spfs_http_response ret;
    (void)state;
    begin(check_head, (void *)(uintptr_t)meta);
    spfs_secret_set(&bearer, "s3cret", 6);
    struct spfs_http_request req = {
        .method = "POST", .url = url, .bearer = &bearer, .headers = lines, .body = "abc", .body_len = 3};
    assert_int_equal(perform(&req, &ret, 0), 0);
    assert_int_equal(ret.head.status, 200);
    spfs_http_response_done(&ret);
    server_script(&server, check_head, download);
    struct spfs_http_request down = {.kind = SPFS_HTTP_DOWNLOAD, .method = "GET", .url = url};
    assert_int_equal(perform(&down, &ret, 0), 0);
    assert_int_equal(ret.head.status, 200);
    spfs_http_response_done(&ret);
    spfs_secret_done(&bearer);
    end();
}

static void test_refused_requests(void **state)
{
    static const char *const injected[] = {"X-A: b\r\nX-C: d", NULL};
    struct spfs_http_response ret;
    (void)state;
    begin(say_hello, NULL);
    struct spfs_http_request req = {.method = "GET", .url = "http://127.0.0.1.evil.com/"};
    assert_int_equal(perform(&req, &ret, 0), -EPERM);
    assert_non_null(strstr(reason.text, "127.0.0.1.evil.com"));
    spfs_http_response_done(&ret);
    req.url = url;
    req.headers = injected;
    assert_int_equal(perform(&req, &ret, 0), -EINVAL);
    spfs_http_response_done(&ret);
    assert_int_equal(server_connections(&server), 0);
    end();
}

/* ---- bodies ---- */

static bool count_body(struct peer *p)
{
    char text[64];
    snprintf(text, sizeof(text), "%.4s %llu %u", p->head, (unsigned long long)p->body_len, p->body_sum);
    return peer_reply(p, 200, NULL, text);
}

static ssize_t fill_ones(void *ctx, uint64_t off, void *p, size_t n)
{
    (void)ctx, (void)off;
    n = n > 1000 ? 1000 : n;
    memset(p, 1, n);
    return (ssize_t)n;
}

static ssize_t fill_fails(void *ctx, uint64_t off, void *p, size_t n)
{
    return off < 5000 ? fill_ones(ctx, off, p, n) : -EIO;
}

static void expect_text(struct spfs_http_request req, const char *text)
{
    struct spfs_http_response ret;
    req.url = url;
    assert_int_equal(perform(&req, &ret, 0), 0);
    assert_int_equal(ret.head.status, 200);
    assert_string_equal(ret.body.len ? ret.body.data : "", text);
    spfs_http_response_done(&ret);
}

static void test_uploads(void **state)
{
    static char big[3 * 1024 * 1024];
    struct spfs_http_response ret;
    (void)state;
    begin(count_body, NULL);
    big[sizeof(big) - 1] = 7;
    expect_text(
        (struct spfs_http_request){
            .kind = SPFS_HTTP_UPLOAD, .method = "PUT", .body = big, .body_len = sizeof(big)},
        "PUT  3145728 7");
    expect_text(
        (struct spfs_http_request){
            .kind = SPFS_HTTP_UPLOAD, .method = "PUT", .fill = fill_ones, .body_total = 100001},
        "PUT  100001 161");
    expect_text((struct spfs_http_request){.method = "PATCH", .body = "xyz", .body_len = 3}, "PATC 3 107");
    expect_text((struct spfs_http_request){.method = "POST"}, "POST 0 0");
    expect_text((struct spfs_http_request){.method = "PUT"}, "PUT  0 0");
    expect_text((struct spfs_http_request){.method = "DELETE"}, "DELE 0 0");
    expect_text((struct spfs_http_request){.method = "HEAD"}, "");
    assert_int_equal(server_connections(&server), 1);
    struct spfs_http_request req = {
        .kind = SPFS_HTTP_UPLOAD, .method = "PUT", .url = url, .fill = fill_fails, .body_total = 100001};
    assert_int_equal(perform(&req, &ret, 0), -EIO);
    spfs_http_response_done(&ret);
    end();
}

/* Byte i of a download is i * 7 / 4096. */
static bool send_pattern(struct peer *p)
{
    uint64_t total = *(uint64_t *)p->ctx;
    uint8_t chunk[4096];
    if (!peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)total))
        return false;
    for (uint64_t off = 0; off < total; off += sizeof(chunk)) {
        memset(chunk, (int)(off / sizeof(chunk) * 7 & 255), sizeof(chunk));
        if (!peer_send(p, chunk, sizeof(chunk)))
            return false;
    }
    return true;
}

struct sink {
    unsigned heads;
    uint64_t off;
    bool wrong;
    uint64_t fail_at;
    int head_result;
};

static int sink_head(void *ctx, const struct spfs_http_head *head)
{
    struct sink *s = ctx;
    s->heads++;
    s->wrong = s->wrong || head->status != 200 || s->off != 0;
    return s->head_result;
}

static int sink_data(void *ctx, const void *p, size_t n)
{
    struct sink *s = ctx;
    const uint8_t *bytes = p;
    for (size_t i = 0; i < n; i++, s->off++)
        s->wrong = s->wrong || bytes[i] != (uint8_t)(s->off / 4096 * 7);
    return s->fail_at && s->off >= s->fail_at ? -ENOSPC : 0;
}

static void test_download(void **state)
{
    struct spfs_http_response ret;
    uint64_t total = 16 * 1024 * 1024;
    struct sink sink = {0};
    (void)state;
    begin(send_pattern, &total);
    struct spfs_http_request req = {.kind = SPFS_HTTP_DOWNLOAD,
                                    .method = "GET",
                                    .url = url,
                                    .head = sink_head,
                                    .data = sink_data,
                                    .ctx = &sink};
    assert_int_equal(perform(&req, &ret, 0), 0);
    assert_true(sink.heads == 1 && sink.off == total && !sink.wrong && ret.received == total);
    spfs_http_response_done(&ret);
    sink = (struct sink){.fail_at = total / 2};
    assert_int_equal(perform(&req, &ret, 0), -ENOSPC);
    assert_true(sink.off < total);
    spfs_http_response_done(&ret);
    sink = (struct sink){.head_result = -ESTALE};
    assert_int_equal(perform(&req, &ret, 0), -ESTALE);
    assert_int_equal(sink.off, 0);
    spfs_http_response_done(&ret);
    end();
}

static bool say_gone(struct peer *p)
{
    return peer_reply(p, 410, NULL, "{\"error\":1}");
}

static void test_error_body_is_collected(void **state)
{
    struct spfs_http_response ret;
    struct sink sink = {0};
    (void)state;
    begin(say_gone, NULL);
    struct spfs_http_request req = {.kind = SPFS_HTTP_DOWNLOAD,
                                    .method = "GET",
                                    .url = url,
                                    .head = sink_head,
                                    .data = sink_data,
                                    .ctx = &sink};
    assert_int_equal(perform(&req, &ret, 0), 0);
    assert_int_equal(ret.head.status, 410);
    assert_string_equal(ret.body.data, "{\"error\":1}");
    assert_true(sink.heads == 0 && sink.off == 0);
    spfs_http_response_done(&ret);
    end();
}

/* ---- replies that break ---- */

static bool say_script(struct peer *p)
{
    const char *script = p->ctx;
    if (script[0] == '!') { /* reset behind it */
        peer_send(p, script + 1, strlen(script + 1));
        return peer_reset(p);
    }
    peer_send(p, script, strlen(script));
    return false;
}

static void expect_script(const char *script, size_t max_body, int expected)
{
    struct spfs_http_response ret;
    struct spfs_http_request req = {.method = "GET", .url = url, .max_body = max_body};
    server_script(&server, say_script, script);
    int err = perform(&req, &ret, 0);
    if (err != expected)
        fail_msg("%d instead of %d (%s) for: %s", err, expected, reason.text, script);
    spfs_http_response_done(&ret);
}

static void test_broken_replies(void **state)
{
    (void)state;
    begin(say_script, NULL);
    expect_script("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0, -ECONNRESET);
    expect_script("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0, -ECONNRESET);
    expect_script("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 0, 0);
    expect_script("!HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0, -ECONNRESET);
    expect_script("", 0, -ENETUNREACH);
    expect_script("!", 0, -ENETUNREACH);
    expect_script("HTTP/1.1 200 OK\r\nContent-Le", 0, -ENETUNREACH);
    expect_script("SSH-2.0 hello\r\n", 0, -EPROTO);
    expect_script("HTTP/1.1 banana\r\n\r\n", 0, -EPROTO);
    expect_script("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 4, -EFBIG);
    expect_script("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 4, -EFBIG);
    expect_script("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 5, 0);
    expect_script("HTTP/1.1 204 No Content\r\n\r\n", 0, 0);
    end();
}

static bool flood(struct peer *p)
{
    bool line = p->ctx != NULL;
    if (!peer_text(p, "HTTP/1.1 200 OK\r\n"))
        return false;
    while (peer_text(p, line ? "X-Flood: 1\r\n" : "x"))
        ;
    return false;
}

static void test_header_flood(void **state)
{
    struct spfs_http_response ret;
    (void)state;
    begin(flood, &server);
    assert_int_equal(get(&ret), -EPROTO);
    spfs_http_response_done(&ret);
    server_script(&server, flood, NULL); /* one line without end */
    assert_true(get(&ret) < 0);
    spfs_http_response_done(&ret);
    end();
}

static void test_nobody_there(void **state)
{
    struct spfs_http_response ret;
    (void)state;
    begin(say_hello, NULL);
    server_stop(&server);
    assert_int_equal(get(&ret), -ENETUNREACH);
    assert_false(ret.sent);
    assert_non_null(strstr(reason.text, "127.0.0.1"));
    spfs_http_response_done(&ret);
    spfs_http_free(http);
}

static bool redirect(struct peer *p)
{
    return peer_reply(p, 302, "Location: /elsewhere\r\n", "");
}

static void test_redirect_is_a_reply(void **state)
{
    struct spfs_http_response ret;
    (void)state;
    begin(redirect, NULL);
    assert_int_equal(get(&ret), 0);
    assert_int_equal(ret.head.status, 302);
    assert_string_equal(ret.head.location, "/elsewhere");
    assert_int_equal(atomic_load(&server.requests), 1);
    spfs_http_response_done(&ret);
    end();
}

/* The second request of a connection finds it closed. */
static bool once_a_connection(struct peer *p)
{
    return p->requests == 1 && peer_reply(p, 200, NULL, "ok");
}

static void test_kept_connection_dies(void **state)
{
    struct spfs_http_response ret;
    (void)state;
    begin(once_a_connection, NULL);
    assert_int_equal(get(&ret), 0);
    spfs_http_response_done(&ret);
    /* A GET goes again by itself: three requests seen. */
    assert_int_equal(get(&ret), 0);
    assert_int_equal(atomic_load(&server.requests), 3);
    spfs_http_response_done(&ret);
    /* A POST does not. */
    struct spfs_http_request req = {.method = "POST", .url = url, .body = "x", .body_len = 1};
    assert_int_equal(perform(&req, &ret, 0), -ENETUNREACH);
    assert_true(ret.sent);
    assert_int_equal(atomic_load(&server.requests), 4);
    spfs_http_response_done(&ret);
    /* Unless it may. */
    assert_int_equal(get(&ret), 0);
    spfs_http_response_done(&ret);
    req.idempotent = true;
    assert_int_equal(perform(&req, &ret, 0), 0);
    assert_int_equal(atomic_load(&server.requests), 7);
    spfs_http_response_done(&ret);
    /* Nor does a change that says so. */
    req = (struct spfs_http_request){.method = "PATCH", .url = url, .body = "x", .body_len = 1, .once = true};
    assert_int_equal(perform(&req, &ret, 0), -ENETUNREACH);
    assert_true(ret.sent);
    assert_int_equal(atomic_load(&server.requests), 8);
    spfs_http_response_done(&ret);
    end();
}

/* ---- ends before the reply ---- */

static bool hold(struct peer *p)
{
    server_raise(p->server);
    return peer_hold(p);
}

static bool half_then_hold(struct peer *p)
{
    if (p->requests > 1)
        return say_hello(p);
    peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    server_raise(p->server);
    return peer_hold(p);
}

static void cancel_with(bool (*handle)(struct peer *p))
{
    struct call c = {.req = {.method = "GET", .url = url}};
    begin(handle, NULL);
    call_start(&c);
    server_await(&server, 1);
    spfs_op_cancel(&c.op);
    assert_int_equal(call_end(&c), -EINTR);
    end();
}

static void test_cancel(void **state)
{
    (void)state;
    cancel_with(hold);
    cancel_with(half_then_hold);
}

static void test_cancelled_before(void **state)
{
    struct spfs_http_response ret;
    struct spfs_op op;
    (void)state;
    begin(say_hello, NULL);
    struct spfs_http_request req = {.method = "GET", .url = url};
    spfs_op_init(&op, SPFS_URGENT, 0);
    spfs_op_cancel(&op);
    assert_int_equal(spfs_http_perform(http, &op, &req, &ret, &reason), -EINTR);
    spfs_http_response_done(&ret);
    spfs_op_done(&op);
    assert_int_equal(server_connections(&server), 0);
    end();
}

static void expect_timeout(struct spfs_http_request req, uint64_t timeout_ms, uint64_t at_least)
{
    struct spfs_http_response ret;
    uint64_t before = spfs_now_ms();
    req.method = "GET";
    req.url = url;
    assert_int_equal(perform(&req, &ret, timeout_ms), -ETIMEDOUT);
    uint64_t took = spfs_now_ms() - before;
    assert_in_range(took, at_least, at_least + 15000); /* the default of a stall is 20 s */
    spfs_http_response_done(&ret);
}

static void test_deadline_and_stall(void **state)
{
    (void)state;
    begin(half_then_hold, NULL);
    expect_timeout((struct spfs_http_request){0}, 150, 150);
    expect_timeout((struct spfs_http_request){.stall_ms = 100}, 0, 100);
    /* Waiting for the first byte is a stall as well. */
    server_script(&server, hold, NULL);
    expect_timeout((struct spfs_http_request){.stall_ms = 100}, 0, 100);
    end();
}

/* Bytes that trickle are no stall. */
static bool trickle(struct peer *p)
{
    unsigned n = 0;
    peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    while (n < 5 && peer_text(p, "x"))
        server_await(p->server, ++n);
    return true;
}

static int trickle_data(void *ctx, const void *p, size_t n)
{
    (void)p;
    for (uint64_t until = spfs_now_ms() + 60; spfs_now_ms() < until;)
        ; /* the time between two bytes, below the limit; all of them together are above it */
    while (n-- > 0)
        server_raise(ctx);
    return 0;
}

static void test_slow_is_no_stall(void **state)
{
    struct spfs_http_response ret;
    (void)state;
    begin(trickle, NULL);
    struct spfs_http_request req = {
        .method = "GET", .url = url, .data = trickle_data, .ctx = &server, .stall_ms = 200};
    assert_int_equal(perform(&req, &ret, 0), 0);
    assert_int_equal(ret.received, 5);
    spfs_http_response_done(&ret);
    end();
}

static void test_stop(void **state)
{
    struct spfs_http_response ret;
    struct call c[3] = {0};
    (void)state;
    begin_with(hold, NULL, 2); /* the third waits in the engine */
    for (int i = 0; i < 3; i++) {
        c[i].req = (struct spfs_http_request){.method = "GET", .url = url};
        call_start(&c[i]);
    }
    server_await(&server, 2);
    spfs_http_stop(http);
    for (int i = 0; i < 3; i++)
        assert_int_equal(call_end(&c[i]), -ESHUTDOWN);
    assert_int_equal(get(&ret), -ESHUTDOWN);
    spfs_http_response_done(&ret);
    spfs_http_stop(http);
    end();
    struct spfs_http_config config = {.user_agent = "x"};
    assert_int_equal(spfs_http_new(&config, &http, &reason), 0);
    assert_int_equal(get(&ret), -ESHUTDOWN); /* not started */
    spfs_http_response_done(&ret);
    spfs_http_free(http);
}

static void test_cancel_while_queued(void **state)
{
    struct call c[2] = {0};
    (void)state;
    begin_with(hold, NULL, 1);
    c[0].req = c[1].req = (struct spfs_http_request){.method = "GET", .url = url};
    call_start(&c[0]);
    server_await(&server, 1);
    call_start(&c[1]);
    spfs_op_cancel(&c[1].op);
    assert_int_equal(call_end(&c[1]), -EINTR);
    spfs_op_cancel(&c[0].op);
    assert_int_equal(call_end(&c[0]), -EINTR);
    assert_int_equal(atomic_load(&server.requests), 1);
    end();
}

/* Many threads, some of whose requests are cancelled at arbitrary moments: every call ends, by its reply or
 * cancelled. */
static void *hammer(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;
    for (int i = 0; i < 40; i++) {
        struct call c = {.req = {.method = "GET", .url = url}};
        call_start(&c);
        if (test_next(&seed) % 3 == 0)
            spfs_op_cancel(&c.op);
        int err = call_end(&c);
        if (err != 0 && err != -EINTR)
            return (void *)(uintptr_t)1;
    }
    return NULL;
}

static void test_many(void **state)
{
    pthread_t threads[6];
    void *failed = NULL;
    (void)state;
    begin_with(say_hello, NULL, 4);
    for (uintptr_t i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, hammer, (void *)(i * 77 + 1));
    for (int i = 0; i < 6; i++) {
        void *r;
        pthread_join(threads[i], &r);
        failed = r ? r : failed;
    }
    assert_null(failed);
    end();
}

static void test_no_proxy_for_this_machine(void **state)
{
    struct spfs_http_response ret;
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    begin(say_hello, NULL);
    assert_int_equal(get(&ret), 0);
    spfs_http_response_done(&ret);
    end();
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_uploads),
        cmocka_unit_test(test_download),
        cmocka_unit_test(test_error_body_is_collected),
        cmocka_unit_test(test_broken_replies),
        cmocka_unit_test(test_header_flood),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_redirect_is_a_reply),
        cmocka_unit_test(test_kept_connection_dies),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_cancelled_before),
        cmocka_unit_test(test_deadline_and_stall),
        cmocka_unit_test(test_slow_is_no_stall),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_cancel_while_queued),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_proxy_for_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
