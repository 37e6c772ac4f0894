// SPDX-License-Identifier: GPL-3.0-or-later
/* The rank check of debug and sanitizer builds fires; elsewhere there is none to test. */
#include <spfs_test.h>

#include <spfs/base/lock.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Takes two locks in this order in a child; how it ended. */
static int take_both(enum spfs_lock_rank first, enum spfs_lock_rank second)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct spfs_lock a, b;
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        spfs_lock_init(&a, first);
        spfs_lock_init(&b, second);
        spfs_lock_take(&a);
        spfs_lock_take(&b);
        spfs_lock_drop(&a); /* in any order */
        spfs_lock_drop(&b);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_ranks(void **state)
{
    (void)state;
    assert_int_equal(take_both(SPFS_RANK_VFS, SPFS_RANK_STORE), 0);
#ifdef SPFS_DEBUG
    assert_int_equal(take_both(SPFS_RANK_STORE, SPFS_RANK_VFS), SIGABRT);
    assert_int_equal(take_both(SPFS_RANK_STORE, SPFS_RANK_STORE), SIGABRT);
#endif
}

static void test_scope_and_wait(void **state)
{
    (void)state;
    struct spfs_lock l;
    struct spfs_cond c;
    spfs_lock_init(&l, SPFS_RANK_STORE);
    spfs_cond_init(&c);
    for (int i = 0; i < 2; i++) { /* the second round hangs if the scope did not drop it */
        SPFS_LOCKED(&l);
        assert_false(spfs_cond_wait_ms(&c, &l, 1));
    }
    spfs_cond_done(&c);
    spfs_lock_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranks), cmocka_unit_test(test_scope_and_wait)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
