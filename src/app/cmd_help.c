/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs help and spfs version, and what --help prints: from the tables of commands and options. */
#include "cmd_i.h"
#include "options_i.h"

#include <stdio.h>
#include <string.h>

static int run_help(const struct spfs_args *args);
static int run_version(const struct spfs_args *args);

const struct spfs_command spfs_cmd_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "show how a command is used",
    .complete = "c",
    .max_words = 1,
    .run = run_help,
};

const struct spfs_command spfs_cmd_version = {
    .name = "version",
    .synopsis = "",
    .summary = "show the version",
    .run = run_version,
};

/* Words at a width of 78 columns, continued at the indentation. */
static void print_wrapped(const char *text, int indent)
{
    int column = 0;
    while (*text) {
        int len = (int)strcspn(text, " \n");
        if (column && column + 1 + len > 78 - indent) {
            printf("\n");
            column = 0;
        }
        column += printf("%*s%.*s", column ? 1 : indent, "", len, text) - (column ? 0 : indent);
        text += len;
        if (*text == '\n') {
            printf("\n");
            column = 0;
        }
        if (*text)
            text++;
    }
    printf("\n");
}

static void print_entry(const char *left, const char *help)
{
    printf("  %-26s", left);
    if (strlen(left) > 26)
        printf("\n  %-26s", "");
    printf(" %s\n", help);
}

static void print_flags(const struct spfs_flag *flags)
{
    for (; flags && flags->name; flags++) {
        char left[96], letter[8] = "    ";
        if (flags->letter)
            spfs_format(letter, sizeof(letter), "-%c, ", flags->letter);
        spfs_format(left, sizeof(left), "%s--%s%s%s", letter, flags->name, flags->arg ? " " : "",
                    flags->arg ? flags->arg : "");
        print_entry(left, flags->help);
    }
}

static void print_options(void)
{
    printf("\nOptions of -o (defaults in brackets):\n");
    for (size_t i = 0; i < spfs_option_count; i++) {
        const struct spfs_option *o = &spfs_option_table[i];
        char left[96];
        if (!o->help)
            continue;
        spfs_format(left, sizeof(left), "%s%s%s", o->name, o->value ? "=" : "", o->value ? o->value : "");
        print_entry(left, o->help);
    }
}

static void print_program(void)
{
    printf("spfs " SPFS_VERSION ": SharePoint as a drive\n\nusage: spfs COMMAND ...\n\n");
    for (const struct spfs_command *const *c = spfs_commands; *c; c++)
        printf("  %-12s %s\n", (*c)->name, (*c)->summary);
    printf("\nspfs SOURCE DIR -o OPTIONS is the form that mount(8) and /etc/fstab use.\n"
           "spfs COMMAND --help tells more.\n");
}

void spfs_print_help(const struct spfs_command *c)
{
    if (!c) {
        print_program();
        return;
    }
    printf("usage: spfs %s %s\n\n  %s\n", c->name, c->synopsis, c->summary);
    if (c->details) {
        printf("\n");
        print_wrapped(c->details, 0);
    }
    if (c->flags) {
        printf("\n");
        print_flags(c->flags);
    }
    if (c->takes_options)
        print_options();
}

static int run_help(const struct spfs_args *args)
{
    const struct spfs_command *c = args->words ? spfs_command_find(args->word[0]) : NULL;
    if (args->words && !c) {
        fprintf(stderr, "spfs: unknown command \"%s\"; see spfs help\n", args->word[0]);
        return SPFS_USAGE;
    }
    spfs_print_help(c);
    return SPFS_DONE;
}

static int run_version(const struct spfs_args *args)
{
    (void)args;
    printf("spfs " SPFS_VERSION "\n");
    return SPFS_DONE;
}
