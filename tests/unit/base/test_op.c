// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/base/clock.h>
#include <spfs/base/op.h>
#include <spfs/base/workq.h>

#include <errno.h>

static void test_deadline(void **state)
{
    (void)state;
    struct spfs_op op, never;
    spfs_clock_set_fake(1000, 0);
    spfs_op_init(&op, SPFS_URGENT, 0);
    spfs_op_init(&never, SPFS_NORMAL, UINT64_MAX);
    assert_true(op.id != never.id);
    assert_int_equal(spfs_op_left_ms(&op), 30000);
    assert_true(spfs_op_left_ms(&never) == UINT64_MAX);
    spfs_clock_advance_fake(29999);
    assert_int_equal(spfs_op_check(&op), 0);
    spfs_clock_advance_fake(1);
    assert_int_equal(spfs_op_check(&op), -ETIMEDOUT);
    assert_int_equal(spfs_op_left_ms(&op), 0);
    assert_int_equal(spfs_op_check(&never), 0);
    spfs_op_cancel(&op);
    assert_int_equal(spfs_op_check(&op), -EINTR);
    spfs_op_done(&op);
    spfs_op_done(&never);
    spfs_clock_set_real();
}

struct waiting {
    struct spfs_lock lock;
    struct spfs_cond cond;
    struct spfs_op op;
    bool ready, waits;
    int result;
};

static void *wait_for_ready(void *arg)
{
    struct waiting *w = arg;
    SPFS_LOCKED(&w->lock);
    w->waits = true;
    spfs_cond_broadcast(&w->cond);
    while (!w->ready && w->result == 0)
        w->result = spfs_op_wait(&w->op, &w->cond, &w->lock);
    return NULL;
}

static void start(struct waiting *w, uint64_t timeout_ms, pthread_t *thread)
{
    *w = (struct waiting){0};
    spfs_lock_init(&w->lock, SPFS_RANK_FETCH);
    spfs_cond_init(&w->cond);
    spfs_op_init(&w->op, SPFS_URGENT, timeout_ms);
    assert_int_equal(spfs_thread_start(thread, "waiter", wait_for_ready, w), 0);
    SPFS_LOCKED(&w->lock);
    while (!w->waits)
        spfs_cond_wait(&w->cond, &w->lock);
}

static int finish(struct waiting *w, pthread_t thread)
{
    pthread_join(thread, NULL);
    spfs_op_done(&w->op);
    spfs_cond_done(&w->cond);
    spfs_lock_done(&w->lock);
    return w->result;
}

static void test_wait_ends(void **state)
{
    (void)state;
    struct waiting w;
    pthread_t thread;
    start(&w, 20000, &thread);
    spfs_op_cancel(&w.op);
    assert_int_equal(finish(&w, thread), -EINTR);
    start(&w, 50, &thread);
    assert_int_equal(finish(&w, thread), -ETIMEDOUT);
    start(&w, 20000, &thread);
    {
        SPFS_LOCKED(&w.lock);
        w.ready = true;
        spfs_cond_broadcast(&w.cond);
    }
    assert_int_equal(finish(&w, thread), 0);
}

static void count_wake(void *ctx)
{
    ++*(int *)ctx;
}

static void test_watch(void **state)
{
    (void)state;
    struct spfs_op op;
    int woken = 0;
    spfs_op_init(&op, SPFS_URGENT, 0);
    spfs_op_watch(&op, count_wake, &woken);
    spfs_op_cancel(&op);
    assert_int_equal(woken, 1);
    spfs_op_watch(&op, NULL, NULL);
    spfs_op_cancel(&op);
    assert_int_equal(woken, 1);
    spfs_op_done(&op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_wait_ends),
        cmocka_unit_test(test_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
