/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON text written straight into a buffer. Commas come by themselves; a NULL key writes an array element.
 * Out of memory ends the process: the simulator owns nothing that outlives it. */
#ifndef SIM_JSONW_I_H
#define SIM_JSONW_I_H

#include <spfs/base/str.h>

void jw_open(struct spfs_buf *b, const char *key, char bracket); /* '{' or '[' */
void jw_close(struct spfs_buf *b, char bracket);                 /* '}' or ']' */
void jw_str(struct spfs_buf *b, const char *key, const char *value);
void jw_strf(struct spfs_buf *b, const char *key, const char *fmt, ...) SPFS_PRINTF(3, 4);
void jw_u64(struct spfs_buf *b, const char *key, uint64_t value);
void jw_i64(struct spfs_buf *b, const char *key, int64_t value);
void jw_bool(struct spfs_buf *b, const char *key, bool value);
void jw_null(struct spfs_buf *b, const char *key);
void jw_raw(struct spfs_buf *b, const char *key, const char *json); /* already JSON */
void jw_time(struct spfs_buf *b, const char *key, int64_t unix_s);  /* 2024-01-02T03:04:05Z */

/* Allocation that ends the process on failure. */
void *sim_alloc(size_t n); /* zeroed */
char *sim_strdup(const char *s);

#endif
