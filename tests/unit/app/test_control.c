/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Framing of the control socket, and requests that are none. */
#include "spfs_test.h"

#include "control_i.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int read_from(const char *bytes, size_t n, bool end, size_t max, struct spfs_buf *ret)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(write(ends[1], bytes, n), n);
    if (end)
        shutdown(ends[1], SHUT_WR);
    spfs_buf_init(ret, max);
    int got = spfs_control_read_line(ends[0], end ? 10000 : 20, max, ret);
    close(ends[0]);
    close(ends[1]);
    return got;
}

static void lines(void **state)
{
    (void)state;
    struct spfs_buf b;
    char long_text[3000];
    assert_int_equal(read_from("hello\nrest", 10, true, 100, &b), 1);
    assert_string_equal(b.data, "hello");
    spfs_buf_done(&b);
    assert_int_equal(read_from("\n", 1, true, 100, &b), 1);
    assert_int_equal(b.len, 0);
    spfs_buf_done(&b);
    memset(long_text, 'x', sizeof(long_text));
    long_text[2500] = '\n';
    assert_int_equal(read_from(long_text, sizeof(long_text), true, 4000, &b), 1);
    assert_int_equal(b.len, 2500);
    spfs_buf_done(&b);
}

static void no_lines(void **state)
{
    (void)state;
    struct spfs_buf b;
    char long_text[3000];
    assert_int_equal(read_from("unfinished", 10, true, 100, &b), 0);
    spfs_buf_done(&b);
    assert_int_equal(read_from("unfinished", 10, false, 100, &b), -ETIMEDOUT);
    spfs_buf_done(&b);
    memset(long_text, 'x', sizeof(long_text));
    assert_int_equal(read_from(long_text, sizeof(long_text), true, 1000, &b), -EMSGSIZE);
    spfs_buf_done(&b);
}

static void requests_that_are_none(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "", "x", "[]", "{}", "{\"cmd\":5}", "{\"cmd\":\"format\"}", "{\"cmd\":\"a\\\"b\"}"};
    struct spfs_stack stack = {0};
    struct spfs_op op;
    struct spfs_buf reply;
    spfs_op_init(&op, SPFS_URGENT, 0);
    spfs_buf_init(&reply, SPFS_CONTROL_REPLY);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(cases); i++) {
        SPFS_CLEANUP(spfs_json_doc_p) struct spfs_json_doc *doc = NULL;
        assert_int_equal(spfs_control_answer(&stack, &op, cases[i], strlen(cases[i]), &reply), 0);
        assert_int_equal(spfs_json_parse(reply.data, reply.len, SPFS_CONTROL_REPLY, &doc), 0);
        assert_false(spfs_json_bool(spfs_json_root(doc), "ok", true));
        assert_non_null(spfs_json_str(spfs_json_root(doc), "error"));
        assert_null(memchr(reply.data, '\n', reply.len));
    }
    spfs_buf_done(&reply);
    spfs_op_done(&op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(no_lines),
                                       cmocka_unit_test(requests_that_are_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
