/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: JSON writer (see jsonw_i.h). The separator is decided from the last character written, so that a
 * writer needs no state beside its buffer. Threads: none; one buffer, one thread. */
#include "jsonw_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void must(int err)
{
    if (err < 0) {
        fprintf(stderr, "spfs-sim: out of memory\n");
        abort();
    }
}

void *sim_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    must(p ? 0 : -1);
    return p;
}

char *sim_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(sim_alloc(n), s, n);
}

static void add(struct spfs_buf *b, const void *p, size_t n)
{
    must(spfs_buf_add(b, p, n));
}

static void quoted(struct spfs_buf *b, const char *s)
{
    static const char hex[] = "0123456789abcdef";
    add(b, "\"", 1);
    const char *plain = s;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        add(b, plain, (size_t)(s - plain));
        plain = s + 1;
        if (c >= 0x20) {
            char esc[2] = {'\\', (char)c};
            add(b, esc, 2);
        } else {
            char esc[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            add(b, esc, 6);
        }
    }
    add(b, plain, (size_t)(s - plain));
    add(b, "\"", 1);
}

static void start(struct spfs_buf *b, const char *key)
{
    char last = '{';
    if (b->len)
        last = b->data[b->len - 1];
    if (last != '{' && last != '[' && last != ':')
        add(b, ",", 1);
    if (key) {
        quoted(b, key);
        add(b, ":", 1);
    }
}

void jw_open(struct spfs_buf *b, const char *key, char bracket)
{
    start(b, key);
    add(b, &bracket, 1);
}

void jw_close(struct spfs_buf *b, char bracket)
{
    add(b, &bracket, 1);
}

void jw_str(struct spfs_buf *b, const char *key, const char *value)
{
    start(b, key);
    quoted(b, value);
}

void jw_strf(struct spfs_buf *b, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = NULL;
    must(vasprintf(&text, fmt, ap));
    va_end(ap);
    jw_str(b, key, text);
    free(text);
}

void jw_raw(struct spfs_buf *b, const char *key, const char *json)
{
    start(b, key);
    add(b, json, strlen(json));
}

void jw_u64(struct spfs_buf *b, const char *key, uint64_t value)
{
    char text[24];
    char *p = text + sizeof text - 1;
    *p = '\0';
    do
        *--p = (char)('0' + value % 10);
    while (value /= 10);
    jw_raw(b, key, p);
}

void jw_i64(struct spfs_buf *b, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    jw_raw(b, key, text);
}

void jw_bool(struct spfs_buf *b, const char *key, bool value)
{
    jw_raw(b, key, value ? "true" : "false");
}

void jw_null(struct spfs_buf *b, const char *key)
{
    jw_raw(b, key, "null");
}

/* Days to civil date by Howard Hinnant's algorithm: gmtime_r would dominate the cost of a large listing. */
void jw_time(struct spfs_buf *b, const char *key, int64_t unix_s)
{
    int64_t days = unix_s >= 0 ? unix_s / 86400 : -((-unix_s + 86399) / 86400);
    unsigned rest = (unsigned)(unix_s - days * 86400);
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;
    unsigned year = (unsigned)((int64_t)yoe + era * 400) + (month <= 2);
    unsigned part[6] = {year, month, doy - (153 * mp + 2) / 5 + 1, rest / 3600, rest / 60 % 60, rest % 60};
    char text[] = "\"0000-00-00T00:00:00Z\"";
    for (int i = 0; i < 4; i++, part[0] /= 10)
        text[4 - i] = (char)('0' + part[0] % 10);
    for (int i = 1; i < 6; i++) {
        text[3 + 3 * i] = (char)('0' + part[i] / 10 % 10);
        text[4 + 3 * i] = (char)('0' + part[i] % 10);
    }
    jw_raw(b, key, text);
}
