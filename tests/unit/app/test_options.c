/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mount options: values with units, wrong ones named, those of mount(8) accepted. */
#include "spfs_test.h"

#include "options_i.h"

#include <errno.h>
#include <string.h>

static int parse(struct spfs_options *o, const char *text, char *said, size_t size)
{
    struct spfs_reason reason = {""};
    spfs_options_init(o);
    int err = spfs_options_parse(o, text, &reason);
    spfs_copy(said, size, reason.text);
    return err;
}

static void values(void **state)
{
    (void)state;
    struct spfs_options o;
    char said[512];
    assert_int_equal(parse(&o,
                           "rw,cache_size=20G,poll=5m,op_timeout=1500ms,umask=077,uid=12,gid=0,allow_other,"
                           "log_level=debug,threads=8",
                           said, sizeof(said)),
                     0);
    assert_true(o.cache_size == 20ULL << 30);
    assert_int_equal(o.poll_ms, 300000);
    assert_int_equal(o.op_timeout_ms, 1500);
    assert_int_equal(o.umask, 077);
    assert_int_equal(o.uid, 12);
    assert_int_equal(o.gid, 0);
    assert_true(o.allow_other);
    assert_int_equal(o.log_level, SPFS_LOG_DEBUG);
    assert_int_equal(o.threads, 8);
    spfs_options_done(&o);
}

static void commas_and_blanks_in_values(void **state)
{
    (void)state;
    struct spfs_options o;
    char said[512];
    assert_int_equal(parse(&o, "cache_dir=/a\\,b c,,state_dir=/x=y\\\\z,", said, sizeof(said)), 0);
    assert_string_equal(o.cache_dir, "/a,b c");
    assert_string_equal(o.state_dir, "/x=y\\z");
    spfs_options_done(&o);
}

static void the_last_one_counts(void **state)
{
    (void)state;
    struct spfs_options o;
    char said[512];
    assert_int_equal(parse(&o, "cache_dir=/a,cache_dir=/b,poll=10,poll=20", said, sizeof(said)), 0);
    assert_string_equal(o.cache_dir, "/b");
    assert_int_equal(o.poll_ms, 20000);
    spfs_options_done(&o);
}

static void those_of_mount(void **state)
{
    (void)state;
    struct spfs_options o;
    char said[512];
    assert_int_equal(parse(&o,
                           "rw,dev,suid,relatime,strictatime,lazytime,nodiratime,silent,mand,iversion,"
                           "nosymfollow,pri=3,user=alice,_netdev,nofail,"
                           "noauto,users,x-systemd.automount,x-gvfs-name=Team%20X,X-mount.mkdir,comment=a,"
                           "default_permissions",
                           said, sizeof(said)),
                     0);
    assert_string_equal(o.flags, "");
    spfs_options_done(&o);
    assert_int_equal(parse(&o, "nosuid,nodev,noexec,noatime,nodev", said, sizeof(said)), 0);
    assert_string_equal(o.flags, "nosuid,nodev,noexec,noatime");
    spfs_options_done(&o);
    assert_int_equal(parse(&o, "dirsync,sync,dirsync", said, sizeof(said)), 0);
    assert_string_equal(o.flags, "dirsync,sync");
    spfs_options_done(&o);
}

static void wrong_ones_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names, *says;
    } cases[] = {
        {"no_such=1", "no_such", "unknown"},
        {"cache_size=much", "cache_size", "size"},
        {"cache_size", "cache_size", "needs a value"},
        {"cache_size=1", "cache_size", "too small"},
        {"allow_other=maybe", "allow_other", "neither"},
        {"poll=soon", "poll", "time"},
        {"poll=-5", "poll", "time"},
        {"poll=99999999999999999999d", "poll", "time"},
        {"umask=9", "umask", "permission"},
        {"umask=1777", "umask", "too large"},
        {"uid=no such user", "uid", "user"},
        {"uid=4294967295", "uid", "too large"},
        {"log_level=loud", "log_level", "debug"},
        {"remount,ro", "remount", "not possible"},
        {"nosuid=1", "nosuid", "takes no value"},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(cases); i++) {
        struct spfs_options o;
        char said[512];
        assert_int_equal(parse(&o, cases[i].text, said, sizeof(said)), -EINVAL);
        if (!strstr(said, cases[i].names) || !strstr(said, cases[i].says))
            fail_msg("%s: %s", cases[i].text, said);
        spfs_options_done(&o);
    }
}

static void times(void **state)
{
    (void)state;
    uint64_t ms;
    assert_true(spfs_options_time("30", &ms) && ms == 30000);
    assert_true(spfs_options_time("0s", &ms) && ms == 0);
    assert_true(spfs_options_time("2d", &ms) && ms == 172800000);
    assert_false(spfs_options_time("", &ms));
    assert_false(spfs_options_time("s", &ms));
    assert_false(spfs_options_time("1 m", &ms));
}

static void lists(void **state)
{
    (void)state;
    SPFS_FREE char **v = spfs_options_split(" Site A , Site B|C,, ", ",|");
    assert_string_equal(v[0], "Site A");
    assert_string_equal(v[1], "Site B");
    assert_string_equal(v[2], "C");
    assert_null(v[3]);
    SPFS_FREE char **none = spfs_options_split("", ",");
    assert_null(none[0]);
}

static void the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < spfs_option_count; i++) {
        const struct spfs_option *o = &spfs_option_table[i];
        bool has_field =
            o->kind != SPFS_OPTION_KERNEL && o->kind != SPFS_OPTION_IGNORED && o->kind != SPFS_OPTION_REFUSED;
        assert_true(o->offset < sizeof(struct spfs_options));
        if (has_field && o->kind != SPFS_OPTION_FLAG)
            assert_non_null(o->value);
        if (has_field)
            assert_non_null(o->help); /* what does something can be read about */
        for (size_t k = 0; k < i; k++)
            assert_false(strcmp(spfs_option_table[k].name, o->name) == 0 &&
                         !spfs_option_table[k].value == !o->value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(commas_and_blanks_in_values),
        cmocka_unit_test(the_last_one_counts),
        cmocka_unit_test(those_of_mount),
        cmocka_unit_test(wrong_ones_are_named),
        cmocka_unit_test(times),
        cmocka_unit_test(lists),
        cmocka_unit_test(the_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
