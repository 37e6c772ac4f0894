// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include "vault_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/spfs-test-vault-XXXXXX";
static char dir[64], json[128];

static struct account account(void)
{
    return (struct account){.vault_dir = dir, .key = "0123456789abcdef0123456789abcdef"};
}

static int setup(void **state)
{
    (void)state;
    snprintf(top, sizeof(top), "/tmp/spfs-test-vault-XXXXXX");
    assert_non_null(mkdtemp(top));
    snprintf(dir, sizeof(dir), "%s/a/b", top);
    snprintf(json, sizeof(json), "%s/0123456789abcdef0123456789abcdef.json", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", top);
    return system(command);
}

static void store(const char *token)
{
    struct account a = account();
    struct spfs_secret s = {0};
    struct record r = {0};
    assert_int_equal(spfs_secret_set(&s, token, strlen(token)), 0);
    assert_int_equal(record_set_access(&r, &s, 1000000), 0);
    assert_int_equal(vault_store(&a, &r), 0);
    record_done(&r);
    spfs_secret_done(&s);
}

static void check(const char *token)
{
    struct account a = account();
    struct record r = {0};
    assert_int_equal(vault_load(&a, &r), token ? 0 : -ENOENT);
    if (token)
        assert_string_equal(r.access.data, token);
    record_done(&r);
}

static void test_store_load_remove(void **state)
{
    (void)state;
    struct account a = account();
    struct stat st;
    check(NULL);
    store("one");
    check("one");
    store("two");
    check("two");
    assert_int_equal(stat(json, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(vault_remove(&a), 0);
    check(NULL);
    assert_int_equal(vault_remove(&a), 0);
}

static void test_not_believed(void **state)
{
    (void)state;
    store("one");
    assert_int_equal(chmod(json, 0644), 0);
    check(NULL); /* others could have read it */
    store("two");
    check("two");
    assert_int_equal(truncate(json, 20), 0);
    check(NULL);
    assert_int_equal(unlink(json), 0);
    assert_int_equal(symlink("/dev/zero", json), 0);
    check(NULL);
    store("three"); /* replaces the link, does not follow it */
    check("three");
    assert_int_equal(unlink(json), 0);
    assert_int_equal(mkfifo(json, 0600), 0);
    check(NULL);
}

static void test_lock(void **state)
{
    (void)state;
    struct account a = account(), none = {0};
    struct spfs_reason reason;
    int first, second;
    assert_int_equal(vault_try_lock(&a, &first, &reason), 0);
    assert_int_equal(vault_try_lock(&a, &second, &reason), -EAGAIN);
    close(first);
    assert_int_equal(vault_try_lock(&a, &second, &reason), 0);
    close(second);
    assert_int_equal(vault_try_lock(&none, &second, &reason), 0);
    assert_int_equal(second, -1);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(vault_try_lock(&a, &second, &reason), -EPERM);
    assert_non_null(strstr(reason.text, "0700"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_store_load_remove, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
