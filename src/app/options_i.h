/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mount options (-o, and [mount] of the configuration): one table, from which parsing, --help, the manual
 * page and the completions come.
 *
 * Precedence: built-in defaults, [mount] of the configuration files in their order, -o in its order. */
#ifndef SPFS_APP_OPTIONS_I_H
#define SPFS_APP_OPTIONS_I_H

#include <spfs/base/log.h>
#include <spfs/base/str.h>
#include <sys/types.h>

struct spfs_options {
    char *state_dir, *cache_dir; /* base folders; NULL: the usual ones */
    char *sites;                 /* NULL: as the connection says */
    char *nofetch;               /* names of programs, separated by | */
    char *connection;            /* for a web address as SOURCE */
    char *log_file;
    char *setuid;        /* as whom to mount; acted on before anything else is read */
    uint64_t cache_size; /* bytes, 0: a tenth of the disk */
    uint64_t poll_ms;    /* 0: the default of the refresher */
    uint64_t op_timeout_ms;
    uint64_t max_readahead;    /* bytes that are fetched ahead of a reader; 0: the default */
    uint64_t kernel_readahead; /* bytes that the kernel asks for ahead; 0: the default */
    uint64_t threads;
    uint64_t uid, gid; /* UINT64_MAX: of who mounts */
    uint64_t umask;
    uint64_t log_level;
    bool allow_other;
    bool foreground;
    bool debug;
    char flags[256]; /* what the kernel is told, "nosuid,nodev" */
};

enum spfs_option_kind {
    SPFS_OPTION_FLAG,   /* bool at offset */
    SPFS_OPTION_TEXT,   /* char * at offset */
    SPFS_OPTION_SIZE,   /* uint64_t, bytes */
    SPFS_OPTION_TIME,   /* uint64_t, milliseconds */
    SPFS_OPTION_NUMBER, /* uint64_t */
    SPFS_OPTION_USER,   /* uint64_t from a number or a name */
    SPFS_OPTION_GROUP,
    SPFS_OPTION_OCTAL,
    SPFS_OPTION_LEVEL,   /* error, warning, note, info, debug */
    SPFS_OPTION_KERNEL,  /* handed to the kernel */
    SPFS_OPTION_IGNORED, /* of mount(8) and fstab; means nothing here */
    SPFS_OPTION_REFUSED
};

struct spfs_option {
    const char *name;  /* a trailing * matches any rest */
    const char *value; /* what its value is called, NULL: takes none */
    enum spfs_option_kind kind;
    size_t offset;
    const char *help;  /* NULL: not shown */
    uint64_t min, max; /* numbers; max 0: no limit */
};

extern const struct spfs_option spfs_option_table[];
extern const size_t spfs_option_count;

void spfs_options_init(struct spfs_options *o);
void spfs_options_done(struct spfs_options *o);
/* One option. 0; -EINVAL with a sentence that names it. */
int spfs_options_set(struct spfs_options *o, const char *name, const char *value, struct spfs_reason *reason);
/* "a,b=c": a comma preceded by a backslash belongs to a value. */
int spfs_options_parse(struct spfs_options *o, const char *text, struct spfs_reason *reason);

/* "500ms", "30", "30s", "5m", "1h", "1d" → milliseconds. */
bool spfs_options_time(const char *text, uint64_t *ret_ms);
/* Splits at any of the separators and trims blanks: a NULL-terminated vector to be freed with one free(). */
char **spfs_options_split(const char *text, const char *separators);

#endif
