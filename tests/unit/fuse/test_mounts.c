/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of mounts: lines, escapes, and paths whose last component must not be touched. */
#include "spfs_test.h"

#include <spfs/fuse/mounts.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void line_of_a_mount(void **state)
{
    (void)state;
    struct spfs_mount m;
    assert_true(
        spfs_mounts_parse("93 28 0:47 / /mnt/a\\040b ro,nosuid,nodev,relatime shared:5 master:1 - fuse.spfs "
                          "sim:/Site\\040A/x\\054y ro,user_id=1777,group_id=100,default_permissions\n",
                          &m));
    assert_int_equal(m.major, 0);
    assert_int_equal(m.minor, 47);
    assert_string_equal(m.root, "/");
    assert_string_equal(m.dir, "/mnt/a b");
    assert_string_equal(m.type, "fuse.spfs");
    assert_string_equal(m.source, "sim:/Site A/x,y");
    assert_int_equal(m.user_id, 1777);
    assert_true(m.read_only);
}

static void line_without_optional_fields(void **state)
{
    (void)state;
    struct spfs_mount m;
    assert_true(spfs_mounts_parse("21 1 8:1 / / rw,noatime - ext4 /dev/sda1 rw", &m));
    assert_int_equal(m.major, 8);
    assert_false(m.read_only);
    assert_true(m.user_id == (uid_t)-1);
}

static void lines_that_are_none(void **state)
{
    (void)state;
    struct spfs_mount m;
    assert_false(spfs_mounts_parse("", &m));
    assert_false(spfs_mounts_parse("21 1 8:1 / /", &m));
    assert_false(spfs_mounts_parse("21 1 8:1 / / rw shared:1 -", &m));
    assert_false(spfs_mounts_parse("21 1 x / / rw - ext4 /dev/sda1 rw", &m));
}

static void the_root_is_mounted(void **state)
{
    (void)state;
    struct spfs_mount m;
    char rest[PATH_MAX];
    assert_int_equal(spfs_mounts_at("/", &m), 0);
    assert_int_equal(spfs_mounts_at("/no such directory", &m), -ENOENT);
    assert_int_equal(spfs_mounts_holding("/", &m, rest), -ENOENT); /* of another type */
}

static void paths(void **state)
{
    (void)state;
    char dir[] = "/tmp/spfs-unit.XXXXXX", got[PATH_MAX], wanted[PATH_MAX];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    assert_true(spfs_format(wanted, sizeof(wanted), "%s/missing", dir));
    assert_int_equal(spfs_mounts_resolve("missing", got), 0); /* need not be there */
    assert_string_equal(got, wanted);
    assert_int_equal(spfs_mounts_resolve("missing///", got), 0);
    assert_string_equal(got, wanted);
    assert_int_equal(spfs_mounts_resolve(".", got), 0);
    assert_string_equal(got, dir);
    assert_int_equal(spfs_mounts_resolve("/", got), 0);
    assert_string_equal(got, "/");
    assert_int_equal(spfs_mounts_resolve("/tmp", got), 0);
    assert_string_equal(got, "/tmp");
    assert_int_equal(symlink("/usr", "link"), 0);
    assert_int_equal(spfs_mounts_resolve("link", got), 0);
    assert_string_equal(got, "/usr");
    assert_int_equal(spfs_mounts_resolve("nowhere/below", got), -ENOENT);
    assert_int_equal(spfs_mounts_resolve("", got), -ENOENT);
    assert_int_equal(unlink("link"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void not_a_mount(void **state)
{
    (void)state;
    struct spfs_reason reason = {""};
    char dir[] = "/tmp/spfs-unit.XXXXXX";
    assert_non_null(mkdtemp(dir));
    assert_false(spfs_mounts_is_dead(dir));
    assert_int_not_equal(spfs_mounts_detach(dir, false, &reason), 0);
    assert_non_null(strstr(reason.text, dir));
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_of_a_mount),
        cmocka_unit_test(line_without_optional_fields),
        cmocka_unit_test(lines_that_are_none),
        cmocka_unit_test(the_root_is_mounted),
        cmocka_unit_test(paths),
        cmocka_unit_test(not_a_mount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
