/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shared pause: its gate, its probe, and what becomes of it after a crash, a reboot or damage. */
#include "spfs_test.h"
#include "pause_i.h"

#include <spfs/base/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], path[96];
static struct spfs_reason reason;

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/spfs-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/throttle", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static struct pause *must_open(void)
{
    struct pause *p = NULL;
    assert_int_equal(pause_open(path, &p, &reason), 0);
    return p;
}

static void test_gate(void **state)
{
    uint64_t until, lease;
    (void)state;
    struct pause *a = must_open(), *b = must_open();
    assert_int_equal(pause_look(a, 1000, &until), PAUSE_OPEN);
    assert_true(pause_raise(a, 1000, 2000));
    assert_int_equal(pause_look(b, 1000, &until), PAUSE_CLOSED);
    assert_int_equal(until, 3000);
    /* Met while it lasts: prolonged, never shortened. */
    assert_false(pause_raise(b, 1500, 500));
    assert_false(pause_raise(b, 1500, 2500));
    assert_int_equal(pause_look(a, 1500, &until), PAUSE_CLOSED);
    assert_int_equal(until, 4000);
    assert_int_equal(pause_look(a, 4000, &until), PAUSE_DUE);
    assert_true(pause_take_probe(a, 4000, &lease));
    assert_false(pause_take_probe(b, 4000, &lease));
    pause_end_probe(a, lease, until, true);
    assert_int_equal(pause_look(b, 4001, &until), PAUSE_OPEN);
    pause_close(a);
    pause_close(b);
}

static void test_failed_probe(void **state)
{
    uint64_t until, lease;
    (void)state;
    struct pause *p = must_open();
    pause_raise(p, 1000, 100);
    assert_int_equal(pause_look(p, 2000, &until), PAUSE_DUE);
    assert_true(pause_take_probe(p, 2000, &lease));
    pause_end_probe(p, lease, until, false); /* no reply: the next one probes */
    assert_int_equal(pause_look(p, 2000, &until), PAUSE_DUE);
    assert_true(pause_take_probe(p, 2000, &lease));
    /* A new pause meanwhile is not forgotten by the answer to an older request. */
    pause_raise(p, 2000, 5000);
    pause_end_probe(p, lease, until, true);
    assert_int_equal(pause_look(p, 2001, &until), PAUSE_CLOSED);
    pause_close(p);
}

static void test_killed_prober(void **state)
{
    uint64_t until, lease;
    (void)state;
    struct pause *p = must_open();
    pause_raise(p, 1000, 100);
    pid_t child = fork();
    if (child == 0) {
        struct pause *mine = must_open();
        _exit(pause_look(mine, 2000, &until) == PAUSE_DUE && pause_take_probe(mine, 2000, &lease) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(pause_take_probe(p, 2000, &lease));
    assert_true(pause_take_probe(p, 2000 + PROBE_MS, &lease));
    pause_close(p);
}

static void test_bounds(void **state)
{
    uint64_t until;
    (void)state;
    struct pause *p = must_open();
    pause_raise(p, 1000, INT64_C(31536000000)); /* a year */
    assert_int_equal(pause_look(p, 1000, &until), PAUSE_CLOSED);
    assert_int_equal(until, 1000 + PAUSE_MAX_MS);
    /* The clock went back, as it were: an end nobody can have written is void. */
    assert_int_equal(pause_look(p, 0, &until), PAUSE_OPEN);
    pause_close(p);
}

/* Without a hint, and after a hint of nothing, it is never a loop without waits; in a row, waits grow up to a
 * minute. */
static void test_no_hint(void **state)
{
    uint64_t until, now = 1000, longest = 0;
    (void)state;
    struct pause *p = must_open();
    for (int i = 0; i < 200; i++) {
        assert_true(pause_raise(p, now, i % 2 ? -1 : 0));
        assert_int_equal(pause_look(p, now, &until), PAUSE_CLOSED);
        assert_in_range(until - now, 100, 60000);
        longest = until - now > longest ? until - now : longest;
        now = until;
    }
    assert_true(longest > 10000);
    pause_close(p);
}

static void test_backoff(void **state)
{
    (void)state;
    for (unsigned step = 0; step < 100; step++)
        assert_in_range(pause_backoff_ms(step), 0, step < 7 ? 500u << step : 60000u);
}

static void test_reboot(void **state)
{
    uint64_t until;
    uint64_t boot = 1;
    (void)state;
    struct pause *p = must_open();
    pause_raise(p, 1000, 60000);
    pause_close(p);
    p = must_open(); /* the same boot: still there */
    assert_int_equal(pause_look(p, 1000, &until), PAUSE_CLOSED);
    pause_close(p);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, &boot, sizeof(boot), 8),
                     sizeof(boot)); /* the id of the boot is the second word */
    close(fd);
    p = must_open();
    assert_int_equal(pause_look(p, 1000, &until), PAUSE_OPEN);
    pause_close(p);
}

static void test_odd_files(void **state)
{
    struct pause *p;
    struct stat st;
    (void)state;
    pause_close(must_open());
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(truncate(path, 3), 0);
    pause_close(must_open());
    unlink(path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(pause_open(path, &p, &reason), -ELOOP);
    assert_non_null(strstr(reason.text, path));
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(pause_open(path, &p, &reason) < 0);
    rmdir(path);
    assert_int_equal(pause_open(NULL, &p, &reason), 0);
    pause_close(p);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_gate),    CASE(test_failed_probe), CASE(test_killed_prober), CASE(test_bounds),
        CASE(test_no_hint), CASE(test_backoff),      CASE(test_reboot),        CASE(test_odd_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
