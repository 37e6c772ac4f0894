/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Manual pages and completions name every command, flag and option that the program takes. */
#include "spfs_test.h"

#include "cmd_i.h"
#include "config_i.h"
#include "options_i.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/spfs-unit.XXXXXX";

static char *slurp(const char *name)
{
    SPFS_FREE char *path = spfs_asprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    struct spfs_buf b;
    spfs_buf_init(&b, 1 << 20);
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
        assert_int_equal(spfs_buf_add(&b, chunk, n), 0);
    fclose(f);
    assert_int_equal(unlink(path), 0);
    return b.data;
}

/* As roff writes it: dashes with a backslash. */
static void roff(const char *text, char out[128])
{
    size_t n = 0;
    for (; *text && n < 120; text++) {
        if (*text == '-')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n] = '\0';
}

static void has(const char *where, const char *text, const char *what, bool is_roff)
{
    char wanted[128];
    if (is_roff)
        roff(what, wanted);
    else
        spfs_copy(wanted, sizeof(wanted), what);
    if (!strstr(text, wanted))
        fail_msg("%s does not name %s", where, what);
}

static void check(const char *file, bool is_roff, bool flags)
{
    SPFS_FREE char *text = slurp(file);
    for (const struct spfs_command *const *c = spfs_commands; *c && flags; c++) {
        has(file, text, (*c)->name, false);
        for (const struct spfs_flag *f = (*c)->flags; f && f->name; f++)
            has(file, text, f->name, is_roff);
    }
    for (size_t i = 0; i < spfs_option_count; i++)
        if (spfs_option_table[i].help)
            has(file, text, spfs_option_table[i].name, is_roff);
}

static void all_agree(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(spfs_generate("man", dir), SPFS_DONE);
    assert_int_equal(spfs_generate("bash", dir), SPFS_DONE);
    assert_int_equal(spfs_generate("zsh", dir), SPFS_DONE);
    assert_int_equal(spfs_generate("fish", dir), SPFS_DONE);
    check("spfs.1", true, true);
    check("mount.fuse.spfs.8", true, false);
    check("spfs.bash", false, true);
    check("_spfs", false, true);
    check("spfs.fish", false, true);
    SPFS_FREE char *config = slurp("spfs.conf.5");
    for (size_t i = 0; i < SPFS_KEYS; i++)
        has("spfs.conf.5", config, spfs_key_names[i], true);
    assert_int_equal(rmdir(dir), 0);
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    assert_int_equal(spfs_generate("bash", "/no/such/directory"), SPFS_FAILED);
    assert_int_equal(spfs_generate("tcsh", "/tmp"), SPFS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_agree), cmocka_unit_test(what_cannot_be_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
