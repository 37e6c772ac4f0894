/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one place where signs flip. */
#include "spfs_test.h"

#include "fuse_i.h"

#include <errno.h>

static void signs(void **state)
{
    (void)state;
    assert_int_equal(reply_errno(0), 0);
    assert_int_equal(reply_errno(-ENOENT), ENOENT);
    assert_int_equal(reply_errno(-EROFS), EROFS);
    assert_int_equal(reply_errno(-ENETUNREACH), ENETUNREACH);
    assert_int_equal(reply_errno(-EINTR), EINTR);
    assert_int_equal(reply_errno(-ESTALE), ESTALE);
}

static void what_no_program_expects_of_a_file(void **state)
{
    (void)state;
    assert_int_equal(reply_errno(-EAGAIN), EBUSY);
    assert_int_equal(reply_errno(-ESHUTDOWN), EIO);
    assert_int_equal(reply_errno(-EBADMSG), EIO);
    assert_int_equal(reply_errno(5), EIO);     /* a positive result is a bug, and never success */
    assert_int_equal(reply_errno(-5000), EIO); /* outside what the kernel takes for an error */
}

static void attributes(void **state)
{
    (void)state;
    const struct spfs_vfs_attr a = {.node = 77,
                                    .generation = 3,
                                    .entry_timeout = 5,
                                    .attr_timeout = 6,
                                    .st = {.st_ino = 77, .st_size = 9}};
    struct fuse_entry_param e;
    reply_entry_fill(&e, &a);
    assert_int_equal(e.ino, 77);
    assert_int_equal(e.generation, 3);
    assert_int_equal(e.attr.st_size, 9);
    assert_true(e.entry_timeout == 5 && e.attr_timeout == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs),
        cmocka_unit_test(what_no_program_expects_of_a_file),
        cmocka_unit_test(attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
