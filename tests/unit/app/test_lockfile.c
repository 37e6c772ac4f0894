/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One owner a directory, named to whoever comes second; one that only finishes its work is waited for. */
#include "spfs_test.h"

#include "lockfile_i.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/spfs-unit.XXXXXX";

static int setup(void **state)
{
    (void)state;
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    SPFS_FREE char *file = spfs_asprintf("%s/lock", dir);
    unlink(file);
    return rmdir(dir);
}

/* A process that holds the lock until it is killed, as if its mount were gone. */
static pid_t holder(void)
{
    int ends[2];
    char c;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct spfs_owner me = {.pid = getpid(), .mountpoint = "/nowhere", .source = "x:"};
        int fd;
        if (spfs_lockfile_take(dir, &me, 0, &fd, NULL) == 0 && write(ends[1], "x", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    assert_int_equal(read(ends[0], &c, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return pid;
}

static void one_owner(void **state)
{
    (void)state;
    struct spfs_owner me = {.pid = getpid(), .mountpoint = "/m", .source = "s:"}, seen;
    struct spfs_reason reason = {""};
    int fd, second;
    assert_int_equal(spfs_lockfile_owner(dir, &seen), -ENOENT);
    assert_int_equal(spfs_lockfile_take(dir, &me, 0, &fd, &reason), 0);
    assert_int_equal(spfs_lockfile_owner(dir, &seen), 0);
    assert_int_equal(seen.pid, getpid());
    assert_string_equal(seen.mountpoint, "/m");
    assert_string_equal(seen.source, "s:");
    assert_int_equal(spfs_lockfile_take(dir, &me, 0, &second, &reason), -EBUSY);
    assert_non_null(strstr(reason.text, "/m"));
    close(fd);
    assert_int_equal(spfs_lockfile_owner(dir, &seen), -ENOENT);
    assert_int_equal(spfs_lockfile_take(dir, &me, 0, &fd, &reason), 0);
    close(fd);
}

static void one_that_finishes_is_waited_for(void **state)
{
    (void)state;
    struct spfs_owner me = {.pid = getpid(), .mountpoint = "/m", .source = "s:"};
    int fd;
    pid_t pid = holder();
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(spfs_lockfile_take(dir, &me, 20000, &fd, NULL), 0);
    close(fd);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void but_not_for_ever(void **state)
{
    (void)state;
    struct spfs_owner me = {.pid = getpid(), .mountpoint = "/m", .source = "s:"};
    struct spfs_reason reason = {""};
    int fd;
    pid_t pid = holder();
    assert_int_equal(spfs_lockfile_take(dir, &me, 20, &fd, &reason), -EBUSY);
    assert_false(spfs_process_wait(pid, 1));
    kill(pid, SIGKILL);
    assert_true(spfs_process_wait(pid, 20000));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(spfs_process_wait(pid, 0)); /* gone altogether */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_finishes_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(but_not_for_ever, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
