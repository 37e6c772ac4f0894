/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The governor against a scripted server: Retry-After is law, in one process and in two; what is repeated and
 * what is not. */
#include "spfs_test.h"
#include "server.h"

#include <spfs/base/clock.h>
#include <spfs/http/governor.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct server server;
static struct spfs_http *http;
static struct spfs_governor *governor;
static char url[64];
static struct spfs_reason reason;

static void begin_client(const struct spfs_governor_config *governed)
{
    struct spfs_http_config config = {.user_agent = "spfs/test"};
    assert_int_equal(spfs_http_new(&config, &http, &reason), 0);
    assert_int_equal(spfs_http_start(http), 0);
    assert_int_equal(spfs_governor_new(governed, &governor, &reason), 0);
}

static void begin(bool (*handle)(struct peer *p), const void *ctx)
{
    server_start(&server, handle, (void *)(uintptr_t)ctx);
    server_url(&server, url);
    begin_client(&(struct spfs_governor_config){0});
}

static void end_client(void)
{
    spfs_http_stop(http);
    spfs_governor_free(governor);
    spfs_http_free(http);
}

static void end(void)
{
    end_client();
    server_stop(&server);
}

struct call {
    struct spfs_op op;
    struct spfs_http_request req;
    struct spfs_http_response ret;
    unsigned tries;
    pthread_t thread;
    int result;
    struct spfs_reason why;
};

static void *call_main(void *arg)
{
    struct call *c = arg;
    c->result = spfs_governor_perform(governor, http, &c->op, &c->req, c->tries, &c->ret, &c->why);
    return NULL;
}

static void call_start(struct call *c, enum spfs_urgency urgency)
{
    spfs_op_init(&c->op, urgency, 20000);
    if (!c->req.method)
        c->req.method = "GET";
    c->req.url = url;
    pthread_create(&c->thread, NULL, call_main, c);
}

/* The result, or the status of the reply. */
static int call_end(struct call *c)
{
    pthread_join(c->thread, NULL);
    int r = c->result ? c->result : c->ret.head.status;
    spfs_http_response_done(&c->ret);
    spfs_op_done(&c->op);
    return r;
}

static int call(struct spfs_http_request req, unsigned tries, uint64_t timeout_ms)
{
    struct call c = {.req = req, .tries = tries};
    spfs_op_init(&c.op, SPFS_URGENT, timeout_ms);
    if (!c.req.method)
        c.req.method = "GET";
    c.req.url = url;
    call_main(&c);
    int r = c.result ? c.result : c.ret.head.status;
    reason = c.why;
    spfs_http_response_done(&c.ret);
    spfs_op_done(&c.op);
    return r;
}

static int get(unsigned tries, uint64_t timeout_ms)
{
    return call((struct spfs_http_request){0}, tries, timeout_ms);
}

static unsigned requests(void)
{
    return atomic_load(&server.requests);
}

static struct spfs_governor_stats stats(void)
{
    struct spfs_governor_stats s;
    spfs_governor_stats(governor, &s);
    return s;
}

/* ctx: "STATUS LINES" for the first request, 200 for all others; "*STATUS LINES": for every one; "!": the
 * first is reset. */
static bool first_fails(struct peer *p)
{
    const char *script = p->ctx;
    bool always = script[0] == '*';
    if (p->number > 1 && !always)
        return peer_reply(p, 200, NULL, "hello");
    if (script[0] == '!')
        return peer_reset(p);
    return peer_reply(p, atoi(script + always), script + always + 4, "no");
}

/* ---- the pause ---- */

static void test_retry_after(void **state)
{
    static const char *const scripts[] = {"429 Retry-After: 0.3\r\n", "503 Retry-After: 0.3\r\n",
                                          "429 Retry-After: 0.1\r\nRateLimit-Reset: 0.3\r\n"};
    (void)state;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(scripts); i++) {
        begin(first_fails, scripts[i]);
        uint64_t before = spfs_now_ms();
        assert_int_equal(call((struct spfs_http_request){.method = "POST"}, 0, 0),
                         200); /* whatever the method and the tries */
        assert_in_range(spfs_now_ms() - before, 300, 15000);
        assert_int_equal(requests(), 2);
        assert_int_equal(stats().throttled, 1);
        assert_int_equal(stats().retries, 1);
        end();
    }
}

static void test_pause_outlasts_deadline(void **state)
{
    (void)state;
    begin(first_fails, "429 Retry-After: 60\r\n");
    uint64_t before = spfs_now_ms();
    assert_int_equal(get(9, 5000), -EAGAIN);
    assert_non_null(strstr(reason.text, "60 s"));
    assert_int_equal(get(9, 5000), -EAGAIN); /* nothing is sent */
    assert_in_range(spfs_now_ms() - before, 0, 4000);
    assert_int_equal(requests(), 1);
    assert_in_range(stats().paused_ms, 50000, 60000);
    end();
}

static void test_hostile_hint(void **state)
{
    (void)state;
    begin(first_fails, "429 Retry-After: 31536000\r\n");
    assert_int_equal(get(0, 0), -EAGAIN);
    assert_in_range(stats().paused_ms, 3500000, 3600000);
    end();
}

static void test_no_hot_loop(void **state)
{
    static const char *const scripts[] = {"*429 Retry-After: 0\r\n", "*429 ", "*503 Retry-After: 0\r\n"};
    (void)state;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(scripts); i++) {
        begin(first_fails, scripts[i]);
        int r = get(100, 1000);
        assert_true(r == -EAGAIN || r == -ETIMEDOUT || r == 429 || r == 503);
        assert_in_range(requests(), 1, 11);
        end();
    }
}

static void test_batch_part(void **state)
{
    (void)state;
    begin(first_fails, "200 ");
    uint64_t before = spfs_now_ms();
    spfs_governor_throttled(governor, 300);
    assert_int_equal(get(0, 0), 200);
    assert_in_range(spfs_now_ms() - before, 300, 15000);
    end();
}

/* Request 1 begins the pause. Request 2 has to be alone until it is answered. */
static bool watch_probe(struct peer *p)
{
    server_raise(p->server);
    if (p->number == 1)
        return peer_reply(p, 429, "Retry-After: 0.4\r\n", "");
    if (p->number == 2 && server_await_ms(p->server, 3, 300))
        return peer_reply(p, 400, NULL, "not alone");
    return peer_reply(p, 200, NULL, "");
}

static void other_process(const struct spfs_governor_config *config, int port_fd)
{
    if (read(port_fd, url, sizeof(url)) != sizeof(url))
        _exit(1);
    begin_client(config);
    int r = get(0, 20000);
    end_client();
    _exit(r == 200 ? 0 : 2);
}

static void test_two_processes(void **state)
{
    char dir[] = "/tmp/spfs-test-XXXXXX", path[64];
    struct call calls[4] = {0};
    int status, port[2];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/throttle", dir);
    struct spfs_governor_config config = {.shared_file = path};
    assert_int_equal(pipe(port), 0);
    pid_t child = fork();
    if (child == 0)
        other_process(&config, port[0]);
    server_start(&server, watch_probe, NULL);
    server_url(&server, url);
    begin_client(&config);
    assert_int_equal(write(port[1], url, sizeof(url)), sizeof(url));
    server_await(&server, 1); /* the child was throttled; */
    while (stats().paused_ms == 0 && requests() == 1)
        ; /* and says so at once */
    uint64_t before = spfs_now_ms(), left = stats().paused_ms;
    for (int i = 0; i < 4; i++)
        call_start(&calls[i], SPFS_URGENT);
    for (int i = 0; i < 4; i++)
        assert_int_equal(call_end(&calls[i]), 200);
    assert_true(spfs_now_ms() - before >= left);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(requests(), 6);
    assert_int_equal(stats().throttled, 0);
    end();
    close(port[0]);
    close(port[1]);
    unlink(path);
    rmdir(dir);
}

/* ---- repetition ---- */

static void test_503_fresh_connection(void **state)
{
    (void)state;
    begin(first_fails, "503 ");
    assert_int_equal(get(1, 0), 200);
    assert_int_equal(requests(), 2);
    assert_int_equal(server_connections(&server), 2);
    assert_int_equal(stats().throttled, 0);
    end();
}

static void test_tries(void **state)
{
    (void)state;
    begin(first_fails, "*500 ");
    assert_int_equal(get(1, 0), 500);
    assert_int_equal(requests(), 2);
    assert_int_equal(server_connections(&server), 1);
    assert_int_equal(get(0, 0), 500);
    assert_int_equal(requests(), 3);
    server_script(&server, first_fails, "*404 ");
    assert_int_equal(get(5, 0), 404);
    assert_int_equal(requests(), 4);
    end();
}

/* What there is is returned when the deadline leaves no room for a further try. */
static void test_tries_end_by_deadline(void **state)
{
    (void)state;
    begin(first_fails, "*502 ");
    uint64_t before = spfs_now_ms();
    int r = get(1000, 1500);
    assert_true(r == 502 || r == -ETIMEDOUT);
    assert_in_range(spfs_now_ms() - before, 0, 15000);
    assert_in_range(requests(), 1, 40);
    end();
}

static void test_broken_connection(void **state)
{
    (void)state;
    begin(first_fails, "!");
    assert_int_equal(get(1, 0), 200);
    assert_int_equal(requests(), 2);
    end();
}

static void expect_post(const char *script, bool idempotent, int result, unsigned expected_requests)
{
    begin(first_fails, script);
    struct spfs_http_request req = {.method = "POST", .body = "x", .body_len = 1, .idempotent = idempotent};
    assert_int_equal(call(req, 2, 0), result);
    assert_int_equal(requests(), expected_requests);
    end();
}

static void test_post(void **state)
{
    (void)state;
    expect_post("!", false, -ENETUNREACH, 1);
    expect_post("!", true, 200, 2);
    expect_post("500 ", false, 500, 1);
    expect_post("500 ", true, 200, 2);
    expect_post("503 ", false, 200, 2);
    expect_post("429 Retry-After: 0.1\r\n", false, 200, 2);
}

struct sink {
    unsigned heads;
    size_t bytes;
};

static int sink_head(void *ctx, const struct spfs_http_head *head)
{
    (void)head;
    ((struct sink *)ctx)->heads++;
    return 0;
}

static int sink_data(void *ctx, const void *p, size_t n)
{
    (void)p;
    ((struct sink *)ctx)->bytes += n;
    return 0;
}

static bool cut_short(struct peer *p)
{
    peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    return false;
}

static void test_streaming(void **state)
{
    struct sink sink = {0};
    struct spfs_http_request req = {
        .kind = SPFS_HTTP_DOWNLOAD, .head = sink_head, .data = sink_data, .ctx = &sink};
    (void)state;
    begin(cut_short, NULL);
    assert_int_equal(call(req, 5, 0), -ECONNRESET);
    assert_int_equal(requests(), 1);
    assert_true(sink.heads == 1 && sink.bytes == 5);
    end();
    /* A refusal is not the stream; what follows it is. It is a probe as well, which its head answers. */
    sink = (struct sink){0};
    begin(first_fails, "429 Retry-After: 0.1\r\n");
    assert_int_equal(call(req, 0, 0), 200);
    assert_true(sink.heads == 1 && sink.bytes == 5);
    end();
}

static void test_offline(void **state)
{
    (void)state;
    begin(first_fails, "200 ");
    server_stop(&server);
    assert_int_equal(get(0, 0), -ENETUNREACH);
    assert_true(stats().offline);
    server_start(&server, first_fails, (void *)(uintptr_t) "200 ");
    server_url(&server, url);
    assert_int_equal(get(0, 0), 200);
    assert_false(stats().offline);
    end();
}

/* ---- waiting ---- */

static void test_end_while_paused(void **state)
{
    struct call stopped = {0}, cancelled = {0};
    (void)state;
    begin(first_fails, "200 ");
    spfs_governor_throttled(governor, 15000); /* within the deadline of the calls */
    call_start(&stopped, SPFS_URGENT);
    call_start(&cancelled, SPFS_URGENT);
    spfs_op_cancel(&cancelled.op);
    assert_int_equal(call_end(&cancelled), -EINTR);
    spfs_http_stop(http);
    assert_int_equal(call_end(&stopped), -ESHUTDOWN);
    assert_int_equal(requests(), 0);
    end();
}

/* Holds the first request until the test has queued the others; the rest tell their order. */
static bool in_order(struct peer *p)
{
    char *order = p->ctx;
    if (p->number == 1) {
        server_raise(p->server);
        server_await(p->server, 2);
    } else {
        order[p->number - 2] = p->head[5]; /* GET /x */
    }
    return peer_reply(p, 200, NULL, "");
}

static void *call_named(void *arg)
{
    struct call *c = arg;
    c->result = spfs_governor_perform(governor, http, &c->op, &c->req, 0, &c->ret, &c->why);
    return NULL;
}

static void test_urgent_first(void **state)
{
    static const char names[] = {'f', 'b', 'n', 'u'};
    static const enum spfs_urgency urgencies[] = {SPFS_BACKGROUND, SPFS_BACKGROUND, SPFS_NORMAL, SPFS_URGENT};
    struct call c[4] = {0};
    char urls[4][80], order[4] = "";
    (void)state;
    server_start(&server, in_order, order);
    server_url(&server, url);
    begin_client(&(struct spfs_governor_config){.meta_slots = 1});
    for (int i = 0; i < 4; i++) {
        snprintf(urls[i], sizeof(urls[i]), "%s%c", url, names[i]);
        spfs_op_init(&c[i].op, urgencies[i], 20000);
        c[i].req = (struct spfs_http_request){.method = "GET", .url = urls[i]};
        pthread_create(&c[i].thread, NULL, call_named, &c[i]);
        if (i == 0)
            server_await(&server, 1);
        /* Queued when it waits on its condition, which its op then knows. */
        for (bool waits = false; i > 0 && !waits;) {
            SPFS_LOCKED(&c[i].op.lock);
            waits = c[i].op.wake != NULL;
        }
    }
    server_raise(&server);
    for (int i = 0; i < 4; i++)
        assert_int_equal(call_end(&c[i]), 200);
    assert_string_equal(order, "unb");
    end();
}

/* Background work never takes all slots. */
static bool hold_background(struct peer *p)
{
    if (strncmp(p->head, "GET /b", 6) == 0) {
        server_raise(p->server);
        server_await(p->server, 100);
    }
    return peer_reply(p, 200, NULL, "");
}

static void test_room_for_urgent(void **state)
{
    struct call c[6] = {0};
    char background[80];
    (void)state;
    server_start(&server, hold_background, NULL);
    server_url(&server, url);
    snprintf(background, sizeof(background), "%sb", url);
    begin_client(&(struct spfs_governor_config){.meta_slots = 4});
    for (int i = 0; i < 6; i++) {
        spfs_op_init(&c[i].op, SPFS_BACKGROUND, 20000);
        c[i].req = (struct spfs_http_request){.method = "GET", .url = background};
        pthread_create(&c[i].thread, NULL, call_named, &c[i]);
    }
    server_await(&server, 2);
    assert_int_equal(get(0, 0), 200); /* an urgent one passes */
    assert_false(server_await_ms(&server, 3, 50));
    for (int i = 0; i < 100; i++)
        server_raise(&server);
    for (int i = 0; i < 6; i++)
        assert_int_equal(call_end(&c[i]), 200);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_pause_outlasts_deadline),
        cmocka_unit_test(test_hostile_hint),
        cmocka_unit_test(test_no_hot_loop),
        cmocka_unit_test(test_batch_part),
        cmocka_unit_test(test_two_processes),
        cmocka_unit_test(test_503_fresh_connection),
        cmocka_unit_test(test_tries),
        cmocka_unit_test(test_tries_end_by_deadline),
        cmocka_unit_test(test_broken_connection),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_streaming),
        cmocka_unit_test(test_offline),
        cmocka_unit_test(test_end_while_paused),
        cmocka_unit_test(test_urgent_first),
        cmocka_unit_test(test_room_for_urgent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
