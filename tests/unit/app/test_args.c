/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Command lines, and the soundness of the table of commands. */
#include "spfs_test.h"

#include "cmd_i.h"

#include <errno.h>
#include <string.h>

static int parse(const struct spfs_command *c, struct spfs_args *args, char *said, ...)
{
    char *argv[16];
    int argc = 0;
    va_list ap;
    va_start(ap, said);
    for (char *a; (a = va_arg(ap, char *));)
        argv[argc++] = a;
    va_end(ap);
    struct spfs_reason reason = {""};
    int err = spfs_args_parse(c, argc, argv, args, &reason);
    spfs_copy(said, 512, reason.text);
    return err;
}

static void words_and_flags_in_any_order(void **state)
{
    (void)state;
    struct spfs_args args;
    char said[512];
    assert_int_equal(
        parse(&spfs_cmd_mount, &args, said, "-f", "sim:", "-oa=1", "/mnt", "-o", "b", "--options=c", NULL),
        0);
    assert_int_equal(args.words, 2);
    assert_string_equal(args.word[0], "sim:");
    assert_string_equal(args.word[1], "/mnt");
    assert_string_equal(spfs_args_get(&spfs_cmd_mount, &args, "options"), "a=1,b,c");
    assert_non_null(spfs_args_get(&spfs_cmd_mount, &args, "foreground"));
    assert_null(spfs_args_get(&spfs_cmd_mount, &args, "debug"));
    spfs_args_done(&args);
}

static void letters_together(void **state)
{
    (void)state;
    struct spfs_args args;
    char said[512];
    assert_int_equal(parse(&spfs_cmd_mount, &args, said, "a:", "b", "-fro", "x", NULL), 0);
    assert_string_equal(spfs_args_get(&spfs_cmd_mount, &args, "options"), "x");
    assert_non_null(spfs_args_get(&spfs_cmd_mount, &args, "read-only"));
    spfs_args_done(&args);
}

static void after_two_dashes_all_are_words(void **state)
{
    (void)state;
    struct spfs_args args;
    char said[512];
    assert_int_equal(parse(&spfs_cmd_info, &args, said, "--json", "--", "--odd name", NULL), 0);
    assert_string_equal(args.word[0], "--odd name");
    spfs_args_done(&args);
}

static void wrong_usage(void **state)
{
    (void)state;
    struct spfs_args args;
    char said[512];
    assert_int_equal(parse(&spfs_cmd_mount, &args, said, "a:", NULL), -EINVAL);
    spfs_args_done(&args);
    assert_int_equal(parse(&spfs_cmd_mount, &args, said, "a:", "b", "c", NULL), -EINVAL);
    assert_non_null(strstr(said, "\"c\""));
    spfs_args_done(&args);
    assert_int_equal(parse(&spfs_cmd_mount, &args, said, "a:", "b", "-o", NULL), -EINVAL);
    spfs_args_done(&args);
    assert_int_equal(parse(&spfs_cmd_mount, &args, said, "a:", "b", "--debug=1", NULL), -EINVAL);
    spfs_args_done(&args);
    assert_int_equal(parse(&spfs_cmd_mount, &args, said, "a:", "b", "--what", NULL), -EINVAL);
    assert_non_null(strstr(said, "--what"));
    spfs_args_done(&args);
}

static void the_table_is_sound(void **state)
{
    (void)state;
    for (const struct spfs_command *const *c = spfs_commands; *c; c++) {
        int flags = 0;
        for (const struct spfs_flag *f = (*c)->flags; f && f->name; f++, flags++)
            assert_non_null(f->help);
        assert_true(flags <= SPFS_FLAGS && (*c)->max_words <= SPFS_WORDS &&
                    (*c)->min_words <= (*c)->max_words);
        assert_non_null((*c)->summary);
        assert_non_null((*c)->run);
        assert_ptr_equal(spfs_command_find((*c)->name), *c);
    }
    assert_ptr_equal(spfs_command_find("umount"), &spfs_cmd_unmount);
    assert_null(spfs_command_find("no-such-command"));
}

static void sizes_for_people(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(spfs_human_size(0, out), "0 B");
    assert_string_equal(spfs_human_size(1023, out), "1023 B");
    assert_string_equal(spfs_human_size(1536, out), "1.5 KiB");
    assert_string_equal(spfs_human_size((uint64_t)25 << 30, out), "25.0 GiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_flags_in_any_order),
        cmocka_unit_test(letters_together),
        cmocka_unit_test(after_two_dashes_all_are_words),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(sizes_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
