/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounded strings, a sentence for people, a growable buffer with a maximum, and secrets. */
#ifndef SPFS_BASE_STR_H
#define SPFS_BASE_STR_H

#include <spfs/base/cleanup.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* One sentence for a person: the thing, the cause, the next step. Filled beside a negative result by calls
 * that take one; may be NULL there. */
struct spfs_reason {
    char text[512];
};
/* Formats (cut at the size, redacted) and returns err, so that `return spfs_fail(reason, -EACCES, "…")` reads
 * well. */
int spfs_fail(struct spfs_reason *reason, int err, const char *fmt, ...) SPFS_PRINTF(3, 4);

/* Copies at most size-1 bytes and ends with NUL; false (and an empty string) when src does not fit or is
 * NULL. */
bool spfs_copy(char *dst, size_t size, const char *src);
/* printf into dst; false when cut. */
bool spfs_format(char *dst, size_t size, const char *fmt, ...) SPFS_PRINTF(3, 4);
/* Heap printf; NULL when out of memory. Gives. */
char *spfs_asprintf(const char *fmt, ...) SPFS_PRINTF(1, 2);
bool spfs_starts(const char *s, const char *prefix);
bool spfs_ends(const char *s, const char *suffix);
/* Whole string a decimal number in 0..max. */
bool spfs_parse_u64(const char *s, uint64_t max, uint64_t *ret);
/* "4096", "64K", "10M", "20G", "1T" (powers of 1024). */
bool spfs_parse_size(const char *s, uint64_t *ret);

/* Growable bytes; born with a maximum. Always NUL-terminated one past len, so that data can be read as a
 * string. */
struct spfs_buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
};
void spfs_buf_init(struct spfs_buf *b, size_t max);
void spfs_buf_done(struct spfs_buf *b);
int spfs_buf_add(struct spfs_buf *b, const void *p, size_t n); /* 0, -ENOMEM, -EFBIG past max */
int spfs_buf_adds(struct spfs_buf *b, const char *s);
int spfs_buf_addf(struct spfs_buf *b, const char *fmt, ...) SPFS_PRINTF(2, 3);
void spfs_buf_reset(struct spfs_buf *b); /* keeps the memory */

/* A secret on the heap: wiped when freed, has no printer. */
struct spfs_secret {
    char *data; /* NUL-terminated; NULL = none */
    size_t len;
};
int spfs_secret_set(struct spfs_secret *s, const char *data,
                    size_t len); /* copies; wipes the old value. 0, -ENOMEM */
void spfs_secret_done(struct spfs_secret *s);
void spfs_wipe(void *p, size_t n);

/* RFC 3986: all but unreserved characters encoded. 0, -ENOMEM, -EFBIG. */
int spfs_buf_add_urlenc(struct spfs_buf *b, const char *s);
/* Uniform in 0..bound-1 (bound > 0), from getrandom; for jitter and ids. */
uint64_t spfs_random(uint64_t bound);
void spfs_random_bytes(void *p, size_t n);
/* A random UUID, lower case, 36 characters and NUL. */
void spfs_uuid(char out[37]);

#endif
