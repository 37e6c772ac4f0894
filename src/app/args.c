/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands, and parsing a command line by a command's own table of flags. */
#include "cmd_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct spfs_command *const spfs_commands[] = {
    &spfs_cmd_mount,     &spfs_cmd_unmount, &spfs_cmd_status,  &spfs_cmd_sites,
    &spfs_cmd_libraries, &spfs_cmd_sync,    &spfs_cmd_info,    &spfs_cmd_doctor,
    &spfs_cmd_demo,      &spfs_cmd_help,    &spfs_cmd_version, NULL,
};

const struct spfs_command *spfs_command_find(const char *name)
{
    for (const struct spfs_command *const *c = spfs_commands; *c; c++)
        if (strcmp(name, (*c)->name) == 0 || ((*c)->alias && strcmp(name, (*c)->alias) == 0))
            return *c;
    return NULL;
}

static int find_flag(const struct spfs_command *c, const char *name, size_t len, char letter)
{
    for (int i = 0; c->flags && c->flags[i].name; i++)
        if (letter ? c->flags[i].letter == letter
                   : strlen(c->flags[i].name) == len && strncmp(c->flags[i].name, name, len) == 0)
            return i;
    return -1;
}

static int keep(const struct spfs_flag *flag, char **at, const char *value)
{
    char *text = *at && flag->repeats ? spfs_asprintf("%s,%s", *at, value) : strdup(value);
    if (!text)
        return -ENOMEM;
    free(*at);
    *at = text;
    return 0;
}

/* --name, --name=value, --name value. Advances *i over a value of its own. */
static int take_long(const struct spfs_command *c, int argc, char **argv, int *i, struct spfs_args *ret,
                     struct spfs_reason *reason)
{
    const char *word = argv[*i] + 2, *value = strchr(word, '=');
    int n = find_flag(c, word, value ? (size_t)(value - word) : strlen(word), 0);
    if (n < 0)
        return spfs_fail(reason, -EINVAL, "unknown option %s", argv[*i]);
    if (value && !c->flags[n].arg)
        return spfs_fail(reason, -EINVAL, "option --%s takes no value", c->flags[n].name);
    if (value)
        value++;
    else if (!c->flags[n].arg)
        value = "";
    else if (++*i < argc)
        value = argv[*i];
    else
        return spfs_fail(reason, -EINVAL, "option --%s needs a value", c->flags[n].name);
    return keep(&c->flags[n], &ret->value[n], value);
}

/* -f, -fr, -oVALUE, -o VALUE */
static int take_short(const struct spfs_command *c, int argc, char **argv, int *i, struct spfs_args *ret,
                      struct spfs_reason *reason)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        int n = find_flag(c, NULL, 0, *p), err;
        if (n < 0)
            return spfs_fail(reason, -EINVAL, "unknown option -%c", *p);
        if (!c->flags[n].arg) {
            if ((err = keep(&c->flags[n], &ret->value[n], "")))
                return err;
            continue;
        }
        if (!p[1] && *i + 1 >= argc)
            return spfs_fail(reason, -EINVAL, "option -%c needs a value", *p);
        return keep(&c->flags[n], &ret->value[n], p[1] ? p + 1 : argv[++*i]);
    }
    return 0;
}

int spfs_args_parse(const struct spfs_command *c, int argc, char **argv, struct spfs_args *ret,
                    struct spfs_reason *reason)
{
    bool only_words = false;
    int err = 0;
    *ret = (struct spfs_args){.argv = argv};
    for (int i = 0; i < argc && !err; i++) {
        const char *a = argv[i];
        if (!only_words && strcmp(a, "--") == 0)
            only_words = true;
        else if (!only_words && a[0] == '-' && a[1] == '-')
            err = take_long(c, argc, argv, &i, ret, reason);
        else if (!only_words && a[0] == '-' && a[1])
            err = take_short(c, argc, argv, &i, ret, reason);
        else if (ret->words == c->max_words)
            err = spfs_fail(reason, -EINVAL, "too many arguments: \"%s\"", a);
        else
            ret->word[ret->words++] = a;
    }
    if (!err && ret->words < c->min_words)
        err = spfs_fail(reason, -EINVAL, "too few arguments");
    return err;
}

void spfs_args_done(struct spfs_args *args)
{
    for (size_t i = 0; i < SPFS_FLAGS; i++)
        free(args->value[i]);
}

const char *spfs_args_get(const struct spfs_command *c, const struct spfs_args *args, const char *name)
{
    int n = find_flag(c, name, strlen(name), 0);
    return n < 0 ? NULL : args->value[n];
}

int spfs_say(const struct spfs_reason *reason)
{
    fprintf(stderr, "spfs: %s\n", reason->text);
    return SPFS_FAILED;
}

int spfs_say_usage(const struct spfs_command *c, const char *problem)
{
    fprintf(stderr, "spfs %s: %s; usage: spfs %s %s\n", c->name, problem, c->name, c->synopsis);
    return SPFS_USAGE;
}

const char *spfs_human_size(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < SPFS_ARRAY_LEN(units)) {
        value /= 1024;
        unit++;
    }
    spfs_format(out, 32, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}
