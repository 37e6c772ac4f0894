/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands: one table, from which dispatch, --help, manual pages and completions come; one file a command.
 *
 * A command gets its words and options parsed, and returns the exit code: 0 done, 1 failed (one sentence was
 * said), 2 usage. */
#ifndef SPFS_APP_CMD_I_H
#define SPFS_APP_CMD_I_H

#include <spfs/base/str.h>

enum { SPFS_DONE = 0, SPFS_FAILED = 1, SPFS_USAGE = 2 };
enum { SPFS_WORDS = 8, SPFS_FLAGS = 8 };

struct spfs_flag {
    char letter;      /* 0: none */
    const char *name; /* without dashes; NULL ends a list */
    const char *arg;  /* what its value is called, NULL: takes none */
    const char *help;
    bool repeats; /* values are joined by commas */
};

struct spfs_args {
    const char *program; /* argv[0] */
    char **argv;         /* of the process, for the guard */
    const char *word[SPFS_WORDS];
    int words;
    char *value[SPFS_FLAGS]; /* by the flag's place in its table; NULL: not given, "" for one without value */
};

struct spfs_command {
    const char *name, *alias;      /* alias may be NULL */
    const char *synopsis;          /* after the name */
    const char *summary;           /* one line */
    const char *details;           /* paragraphs separated by a newline; may be NULL */
    const struct spfs_flag *flags; /* may be NULL */
    const char *complete; /* what its words are, one letter each: s SOURCE or connection, d directory, p path,
                             c command */
    int min_words, max_words;
    bool takes_options; /* -o: the table of options is part of its help */
    int (*run)(const struct spfs_args *args);
};

extern const struct spfs_command *const spfs_commands[]; /* NULL-terminated, in the order of help */
const struct spfs_command *spfs_command_find(const char *name);

/* Splits argv[0..argc) by the command's flags. 0, or -EINVAL with a sentence; done always. */
int spfs_args_parse(const struct spfs_command *c, int argc, char **argv, struct spfs_args *ret,
                    struct spfs_reason *reason);
void spfs_args_done(struct spfs_args *args);
/* Value of a flag by name; NULL when not given. */
const char *spfs_args_get(const struct spfs_command *c, const struct spfs_args *args, const char *name);

extern const struct spfs_command spfs_cmd_mount, spfs_cmd_unmount, spfs_cmd_status, spfs_cmd_sites,
    spfs_cmd_libraries, spfs_cmd_sync, spfs_cmd_info, spfs_cmd_doctor, spfs_cmd_demo, spfs_cmd_help,
    spfs_cmd_version;

/* Called as mount.spfs or mount.fuse.spfs by mount(8): SOURCE DIR [-sfnvr] [-N NS] [-o OPTIONS] [-t TYPE]. */
int spfs_mount_helper(int argc, char **argv);
/* What `spfs mount` does, for callers that have it in pieces. */
int spfs_mount_run(const char *source, const char *dir, const char *options, bool foreground, bool debug,
                   char **argv);

/* Says a sentence on stderr and returns SPFS_FAILED. */
int spfs_say(const struct spfs_reason *reason);
int spfs_say_usage(const struct spfs_command *c, const char *problem);
void spfs_print_help(const struct spfs_command *c); /* NULL: of the program */
/* man (several files), bash, zsh or fish, written into dir. */
int spfs_generate(const char *what, const char *dir);
/* "12.3 MiB" */
const char *spfs_human_size(uint64_t bytes, char out[32]);

#endif
