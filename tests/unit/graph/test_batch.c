// SPDX-License-Identifier: GPL-3.0-or-later
/* prepare: download addresses by $batch. */
#include <spfs_test.h>

#include "address_i.h"
#include "fake.h"

#include <errno.h>
#include <string.h>

#define FILES "https://files.example/"
#define BODY(id)                                                                                             \
    "{\"id\":\"" id "\",\"size\":5,\"eTag\":\"e\",\"file\":{},\"@microsoft.graph.downloadUrl\":\"" FILES id  \
    "\"}"
#define PART(n, id) "{\"id\":\"" n "\",\"status\":200,\"headers\":{},\"body\":" BODY(id) "}"
#define BATCH       "POST " FAKE_GRAPH "/v1.0/$batch"

static struct spfs_remote *r;
static struct spfs_op op;
static const struct spfs_ref refs[] = {{"D", "a"}, {"D", "b c"}, {"D", "d"}, {"D", "e"}};

static int set_up(void **state)
{
    (void)state;
    r = fake_remote();
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

/* Is the address there without a request? */
static bool is_known(struct spfs_ref ref)
{
    struct graph *g = graph_of(r);
    uint64_t question = address_begin(g, ref);
    if (question)
        address_end(g, ref, question, NULL);
    return !question;
}

static void test_out_of_order(void **state)
{
    (void)state;
    FAKE_SCRIPT({BATCH, .header = "Content-Type: application/json",
                 .sent = "{\"id\":\"1\",\"method\":\"GET\",\"url\":\"/drives/D/items/b%20c?$select=",
                 .body = "{\"responses\":[" PART("2", "d") "," PART("0", "a") "," PART("1", "b c") "]}"});
    assert_int_equal(r->ops->prepare(r, &op, refs, 3), 0);
    for (int i = 0; i < 3; i++)
        assert_true(is_known(refs[i]) == (i != 1)); /* an id with a space is none */
}

static void test_known_ones_are_not_asked(void **state)
{
    (void)state;
    FAKE_SCRIPT({BATCH, .body = "{\"responses\":[" PART("0", "a") "]}"},
                {BATCH, .body = "{\"responses\":[" PART("0", "d") "]}"});
    assert_int_equal(r->ops->prepare(r, &op, refs, 1), 0);
    struct spfs_ref two[] = {refs[0], refs[2]};
    assert_int_equal(r->ops->prepare(r, &op, two, 2), 0);
    assert_true(is_known(refs[2]));
    assert_int_equal(r->ops->prepare(r, &op, two, 2), 0); /* nothing to ask */
}

static void test_parts_that_fail(void **state)
{
    (void)state;
    FAKE_SCRIPT(
        {BATCH, .body = "{\"responses\":["
                        "{\"id\":\"0\",\"status\":429,\"headers\":{\"Retry-After\":\"2.128\"},\"body\":null},"
                        "{\"id\":\"2\",\"status\":404,\"body\":{\"error\":{\"code\":\"\"}}},"
                        "{\"id\":\"9\",\"status\":200,\"body\":" BODY(
                            "a") "},"
                                 "{\"id\":\"x\",\"status\":200,\"body\":" BODY(
                                     "a") "},"
                                          "null,"
                                          "{\"id\":\"2\",\"status\":200,\"body\":null},"
                                          "{\"id\":\"2\",\"status\":200,\"body\":" BODY("a") "}," PART(
                                              "3", "e") "," PART("3", "e") "]}"});
    assert_int_equal(r->ops->prepare(r, &op, refs, 4), 0);
    assert_int_equal(fake_throttled(), 1);
    for (int i = 0; i < 4; i++)
        assert_true(is_known(refs[i]) == (i == 3));
}

static void test_whole_batch_fails(void **state)
{
    (void)state;
    FAKE_SCRIPT({BATCH, .status = 400}, {BATCH, .body = "<html>"}, {BATCH, .body = "{\"responses\":7}"},
                {BATCH, .rc = -ENETUNREACH});
    assert_int_equal(r->ops->prepare(r, &op, refs, 2), -EINVAL);
    assert_int_equal(r->ops->prepare(r, &op, refs, 2), -EIO);
    assert_int_equal(r->ops->prepare(r, &op, refs, 2), -EIO);
    assert_int_equal(r->ops->prepare(r, &op, refs, 2), -ENETUNREACH);
    assert_false(is_known(refs[0]));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_out_of_order), TEST(test_known_ones_are_not_asked),
                                       TEST(test_parts_that_fail), TEST(test_whole_batch_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
