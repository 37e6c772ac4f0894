/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guard ends when it is dismissed, when it is told nothing, and when its parent dies. */
#include "spfs_test.h"

#include <spfs/fuse/guard.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NO_CONNECTION = 4000000 };

static void dismissed(void **state)
{
    (void)state;
    struct spfs_guard g;
    assert_int_equal(spfs_guard_start(&g, NULL), 0);
    spfs_guard_watch(&g, NO_CONNECTION);
    spfs_guard_stop(&g);
    assert_int_equal(g.pid, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void never_told(void **state)
{
    (void)state;
    struct spfs_guard g;
    assert_int_equal(spfs_guard_start(&g, NULL), 0);
    spfs_guard_stop(&g);
    spfs_guard_stop(&g);
}

static void parent_dies(void **state)
{
    (void)state;
    int ends[2];
    pid_t guard = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        struct spfs_guard g;
        if (spfs_guard_start(&g, NULL))
            _exit(1);
        spfs_guard_watch(&g, NO_CONNECTION);
        _exit(write(ends[1], &g.pid, sizeof(g.pid)) == (ssize_t)sizeof(g.pid) ? 0 : 1);
    }
    assert_true(parent > 0);
    assert_int_equal(read(ends[0], &guard, sizeof(guard)), sizeof(guard));
    int fd = (int)syscall(SYS_pidfd_open, guard, 0);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    if (fd >= 0) { /* else it has ended already */
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
        close(fd);
    }
    close(ends[0]);
    close(ends[1]);
}

static void no_such_connection(void **state)
{
    (void)state;
    assert_true(spfs_guard_open_abort(NO_CONNECTION) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dismissed),
        cmocka_unit_test(never_told),
        cmocka_unit_test(parent_dies),
        cmocka_unit_test(no_such_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
