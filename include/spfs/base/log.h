/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log: one line an event, to stderr (foreground) and syslog/journal (daemon). The one global of the
 * program, with the signal flag. A function logs or returns an error, not both; the top of a thread or
 * request logs once, with op id and item id. Redaction: before a line leaves, anything that looks like a
 * bearer token, a `tempauth=`/`access_token=`/`client_secret=` value or the query of a URL is replaced by
 * `…`. Secrets live in struct spfs_secret, which has no printer. */
#ifndef SPFS_BASE_LOG_H
#define SPFS_BASE_LOG_H

#include <spfs/base/cleanup.h>
#include <stddef.h>
#include <stdbool.h>

enum spfs_log_level {
    SPFS_LOG_ERROR = 3,
    SPFS_LOG_WARN = 4,
    SPFS_LOG_NOTE = 5,
    SPFS_LOG_INFO = 6,
    SPFS_LOG_DEBUG = 7
};

void spfs_log_open(bool to_stderr, enum spfs_log_level threshold, const char *file /* NULL: none */);
void spfs_log_close(void);
enum spfs_log_level spfs_log_threshold(void);
void spfs_log(enum spfs_log_level level, const char *fmt, ...) SPFS_PRINTF(2, 3);
/* In place, bounded by the text's own length: secrets out. Public for tests and for messages to people. */
void spfs_redact(char *text);

#define spfs_error(...) spfs_log(SPFS_LOG_ERROR, __VA_ARGS__)
#define spfs_warn(...)  spfs_log(SPFS_LOG_WARN, __VA_ARGS__)
#define spfs_note(...)  spfs_log(SPFS_LOG_NOTE, __VA_ARGS__)
#define spfs_info(...)  spfs_log(SPFS_LOG_INFO, __VA_ARGS__)
#define spfs_debug(...)                                                                                      \
    do {                                                                                                     \
        if (spfs_log_threshold() >= SPFS_LOG_DEBUG)                                                          \
            spfs_log(SPFS_LOG_DEBUG, __VA_ARGS__);                                                           \
    } while (0)

#endif
