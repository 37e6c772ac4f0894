// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/base/cleanup.h>
#include <spfs/base/workq.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

struct job {
    struct spfs_job job;
    char mark;
};

static struct {
    struct spfs_lock lock;
    struct spfs_cond cond;
    char ran[32];
    int dropped;
    bool gate_entered, gate_open;
} shared;

static void run(struct spfs_job *j)
{
    SPFS_LOCKED(&shared.lock);
    char mark[2] = {((struct job *)j)->mark, '\0'};
    strcat(shared.ran, mark);
    spfs_cond_broadcast(&shared.cond);
}

static void run_gate(struct spfs_job *j)
{
    (void)j;
    SPFS_LOCKED(&shared.lock);
    shared.gate_entered = true;
    spfs_cond_broadcast(&shared.cond);
    while (!shared.gate_open)
        spfs_cond_wait(&shared.cond, &shared.lock);
}

static void drop(struct spfs_job *j)
{
    (void)j;
    shared.dropped++;
}

static int setup(void **state)
{
    (void)state;
    memset(&shared, 0, sizeof(shared));
    spfs_lock_init(&shared.lock, SPFS_RANK_QUEUE);
    spfs_cond_init(&shared.cond);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    spfs_cond_done(&shared.cond);
    spfs_lock_done(&shared.lock);
    return 0;
}

static void test_order(void **state)
{
    (void)state;
    struct job jobs[] = {{{.run = run, .urgency = SPFS_BACKGROUND}, 'e'},
                         {{.run = run, .urgency = SPFS_NORMAL}, 'c'},
                         {{.run = run, .urgency = SPFS_URGENT}, 'a'},
                         {{.run = run, .urgency = SPFS_NORMAL}, 'd'},
                         {{.run = run, .urgency = SPFS_URGENT}, 'b'}};
    struct spfs_workq *q = spfs_workq_new("test", 1);
    assert_non_null(q);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(jobs); i++)
        assert_int_equal(spfs_workq_add(q, &jobs[i].job), 0);
    assert_int_equal(spfs_workq_start(q), 0);
    {
        SPFS_LOCKED(&shared.lock);
        while (strlen(shared.ran) < SPFS_ARRAY_LEN(jobs))
            spfs_cond_wait(&shared.cond, &shared.lock);
    }
    spfs_workq_free(q);
    assert_string_equal(shared.ran, "abcde");
}

static void test_stop_before_start(void **state)
{
    (void)state;
    struct job waiting[2] = {{{.run = run, .drop = drop, .urgency = SPFS_URGENT}, 'x'},
                             {{.run = run, .urgency = SPFS_NORMAL}, 'y'}};
    struct spfs_workq *q = spfs_workq_new("test", 1);
    assert_non_null(q);
    assert_int_equal(spfs_workq_add(q, &waiting[0].job), 0);
    assert_int_equal(spfs_workq_add(q, &waiting[1].job), 0);
    spfs_workq_stop(q);
    assert_int_equal(shared.dropped, 1);
    assert_string_equal(shared.ran, "");
    assert_int_equal(spfs_workq_add(q, &waiting[0].job), -ESHUTDOWN);
    spfs_workq_stop(q);
    spfs_workq_free(q);
}

static void *stop_it(void *q)
{
    spfs_workq_stop(q);
    return NULL;
}

/* A job that runs is waited for; one that is queued is run or dropped, once. */
static void test_stop_while_running(void **state)
{
    (void)state;
    struct spfs_job gate = {.run = run_gate, .urgency = SPFS_URGENT};
    struct job queued = {{.run = run, .drop = drop, .urgency = SPFS_URGENT}, 'x'};
    pthread_t stopper;
    struct spfs_workq *q = spfs_workq_new("test", 1);
    assert_non_null(q);
    assert_int_equal(spfs_workq_start(q), 0);
    assert_int_equal(spfs_workq_add(q, &gate), 0);
    {
        SPFS_LOCKED(&shared.lock);
        while (!shared.gate_entered)
            spfs_cond_wait(&shared.cond, &shared.lock);
    }
    assert_int_equal(spfs_workq_add(q, &queued.job), 0);
    assert_int_equal(spfs_thread_start(&stopper, "stopper", stop_it, q), 0);
    {
        SPFS_LOCKED(&shared.lock);
        shared.gate_open = true;
        spfs_cond_broadcast(&shared.cond);
    }
    pthread_join(stopper, NULL);
    assert_int_equal(strlen(shared.ran) + (size_t)shared.dropped, 1);
    spfs_workq_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_before_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_while_running, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
