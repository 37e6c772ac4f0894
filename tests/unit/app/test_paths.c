/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Folders: from options, from the environment; private; not in somebody else's. */
#include "spfs_test.h"

#include "paths_i.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void from_options(void **state)
{
    (void)state;
    struct spfs_options o;
    struct spfs_paths p;
    struct spfs_source s;
    struct spfs_reason reason = {""};
    spfs_options_init(&o);
    assert_int_equal(spfs_options_parse(&o, "state_dir=/s,cache_dir=/c", &reason), 0);
    assert_int_equal(spfs_source_parse("Acme:/Site/Docs", &s, &reason), 0);
    assert_int_equal(spfs_paths_find(&o, s.connection, &s, &p, &reason), 0);
    assert_string_equal(p.connection, "/s/acme"); /* without regard to case */
    assert_string_equal(p.state, "/s/acme/Site%2FDocs");
    assert_string_equal(p.cache, "/c/acme/Site%2FDocs");
    spfs_options_done(&o);
}

static void relative_ones_are_of_the_caller(void **state)
{
    (void)state;
    struct spfs_options o;
    struct spfs_paths p;
    struct spfs_source s = {.path = ""};
    struct spfs_reason reason = {""};
    spfs_options_init(&o);
    assert_int_equal(chdir("/usr"), 0);
    assert_int_equal(spfs_options_parse(&o, "state_dir=s,cache_dir=/c", &reason), 0);
    assert_int_equal(spfs_paths_find(&o, "w", &s, &p, &reason), 0);
    assert_string_equal(p.state, "/usr/s/w/=all");
    assert_int_equal(chdir("/"), 0);
    spfs_options_done(&o);
}

static void configuration_files(void **state)
{
    (void)state;
    char files[2][PATH_MAX];
    setenv("SPFS_CONFIG", "/x/y.conf", 1);
    assert_int_equal(spfs_paths_config(files), 1);
    assert_string_equal(files[0], "/x/y.conf");
    unsetenv("SPFS_CONFIG");
    setenv("XDG_CONFIG_HOME", "/xdg", 1);
    assert_int_equal(spfs_paths_config(files), 2);
    assert_string_equal(files[0], "/etc/spfs/spfs.conf");
    assert_string_equal(files[1], "/xdg/spfs/spfs.conf");
    setenv("XDG_CONFIG_HOME", "relative", 1); /* does not count */
    setenv("HOME", "/wrong", 1);              /* neither */
    spfs_paths_config(files);
    assert_null(strstr(files[1], "/wrong"));
    assert_null(strstr(files[1], "relative"));
    unsetenv("XDG_CONFIG_HOME");
}

static void made_private(void **state)
{
    (void)state;
    char dir[] = "/tmp/spfs-unit.XXXXXX";
    struct spfs_paths p;
    struct spfs_reason reason = {""};
    struct stat st;
    assert_non_null(mkdtemp(dir));
    spfs_format(p.connection, PATH_MAX, "%s/s/n", dir);
    spfs_format(p.state, PATH_MAX, "%s/s/n/x", dir);
    spfs_format(p.cache, PATH_MAX, "%s/c/n/x", dir);
    spfs_format(p.runtime, PATH_MAX, "%s/r", dir);
    umask(0);
    assert_int_equal(spfs_paths_make(&p, &reason), 0);
    assert_int_equal(spfs_paths_make(&p, &reason), 0); /* again */
    assert_int_equal(stat(p.state, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(p.runtime, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(chmod(p.runtime, 0777), 0);
    assert_int_equal(spfs_paths_make(&p, &reason), -EPERM);
    assert_non_null(strstr(reason.text, p.runtime));
    const char *const all[] = {"s/n/x", "s/n", "s", "c/n/x", "c/n", "c", "r", "."};
    assert_int_equal(chdir(dir), 0);
    for (size_t i = 0; i + 1 < SPFS_ARRAY_LEN(all); i++)
        assert_int_equal(rmdir(all[i]), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void in_the_way(void **state)
{
    (void)state;
    struct spfs_paths p;
    struct spfs_reason reason = {""};
    spfs_copy(p.connection, PATH_MAX, "/dev/null/x");
    assert_true(spfs_paths_make(&p, &reason) < 0);
    assert_non_null(strstr(reason.text, "/dev/null/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_options),        cmocka_unit_test(relative_ones_are_of_the_caller),
        cmocka_unit_test(configuration_files), cmocka_unit_test(made_private),
        cmocka_unit_test(in_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
