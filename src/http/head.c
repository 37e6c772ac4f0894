/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a reply. Purpose and rules: head_i.h. No state beyond the parser; any thread. */
#include "head_i.h"

#include <spfs/base/clock.h>

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { LINES_MAX = 256, BYTES_MAX = 128 * 1024 };

/* Longest wait that is understood; whoever obeys it caps it further. */
#define RETRY_MAX_MS ((int64_t)366 * 86400 * 1000)

void head_init(struct head_parser *p, struct spfs_http_head *head)
{
    *p = (struct head_parser){.head = head};
    *head = (struct spfs_http_head){
        .content_length = UINT64_MAX, .range_total = UINT64_MAX, .date_ns = INT64_MIN, .retry_after_ms = -1};
}

/* Digits at *s up to `end`; moves *s behind them. */
static bool take_u64(const char **s, const char *end, uint64_t *ret)
{
    const char *p = *s;
    uint64_t v = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        uint64_t d = (uint64_t)(*p - '0');
        if (v > (UINT64_MAX - 1 - d) / 10)
            return false;
        v = v * 10 + d;
    }
    if (p == *s)
        return false;
    *s = p;
    *ret = v;
    return true;
}

/* "bytes from-to/total", total may be "*". */
static bool parse_range(struct spfs_http_head *h, const char *s, const char *end)
{
    uint64_t from, to, total = UINT64_MAX;
    if (end - s < 6 || strncasecmp(s, "bytes ", 6) != 0)
        return false;
    s += 6;
    if (!take_u64(&s, end, &from) || s >= end || *s++ != '-' || !take_u64(&s, end, &to) || s >= end ||
        *s++ != '/')
        return false;
    if (end - s == 1 && *s == '*')
        s++;
    else if (!take_u64(&s, end, &total) || to >= total)
        return false;
    if (s != end || from > to)
        return false;
    h->range_from = from;
    h->range_to = to;
    h->range_total = total;
    return true;
}

/* Seconds with an optional fraction. */
static bool parse_seconds(const char *s, int64_t *ret_ms)
{
    const char *end = s + strlen(s);
    uint64_t sec;
    if (!take_u64(&s, end, &sec))
        return false;
    int64_t ms = 0;
    if (s < end && *s == '.') {
        int64_t scale = 100;
        for (s++; s < end && *s >= '0' && *s <= '9'; s++, scale /= 10)
            ms += (*s - '0') * scale;
    }
    if (s != end)
        return false;
    *ret_ms = sec >= (uint64_t)RETRY_MAX_MS / 1000 ? RETRY_MAX_MS : (int64_t)sec * 1000 + ms;
    return true;
}

/* Seconds or an HTTP date; a date counts from the server's own Date, so that a wrong local clock does not
 * matter. -1: neither. */
static int64_t parse_retry(const char *s, int64_t date_ns)
{
    int64_t ms;
    if (s[0] == '\0')
        return -1;
    if (parse_seconds(s, &ms))
        return ms;
    time_t until = curl_getdate(s, NULL);
    if (until == (time_t)-1)
        return -1;
    int64_t now_s = (date_ns == INT64_MIN ? spfs_now_real_ns() : date_ns) / 1000000000;
    int64_t left = (int64_t)until - now_s;
    if (left <= 0)
        return 0;
    return left >= RETRY_MAX_MS / 1000 ? RETRY_MAX_MS : left * 1000;
}

static void copy_value(char *dst, size_t size, const char *s, size_t n)
{
    dst[0] = '\0';
    if (n >= size || memchr(s, '\0', n))
        return;
    memcpy(dst, s, n);
    dst[n] = '\0';
}

/* Several challenges become one list; one that does not fit is left out. */
static void append_challenge(char *dst, size_t size, const char *s, size_t n)
{
    size_t have = strlen(dst), comma = have ? 2 : 0;
    if (memchr(s, '\0', n) || have + comma + n >= size)
        return;
    memcpy(dst + have, ", ", comma);
    memcpy(dst + have + comma, s, n);
    dst[have + comma + n] = '\0';
}

static void take_length(struct head_parser *p, const char *s, size_t n)
{
    const char *end = s + n;
    uint64_t v;
    if (!take_u64(&s, end, &v) || s != end || (p->lengths++ > 0 && v != p->head->content_length))
        p->bad = true;
    else
        p->head->content_length = v;
}

static void take_date(struct spfs_http_head *h, const char *s, size_t n)
{
    char text[64];
    copy_value(text, sizeof(text), s, n);
    time_t t = text[0] ? curl_getdate(text, NULL) : (time_t)-1;
    if (t > 0 && t < (time_t)9000000000)
        h->date_ns = (int64_t)t * 1000000000;
}

static void take_field(struct head_parser *p, const char *name, size_t name_n, const char *s, size_t n)
{
    struct spfs_http_head *h = p->head;
#define IS(text) (name_n == sizeof(text) - 1 && strncasecmp(name, text, name_n) == 0)
    if (IS("Content-Length"))
        take_length(p, s, n);
    else if (IS("Transfer-Encoding"))
        p->chunked = true;
    else if (IS("Content-Range"))
        h->has_range = parse_range(h, s, s + n) && p->ranges++ == 0;
    else if (IS("Content-Type"))
        copy_value(h->content_type, sizeof(h->content_type), s, n);
    else if (IS("ETag"))
        copy_value(h->etag, sizeof(h->etag), s, n);
    else if (IS("Location"))
        copy_value(h->location, sizeof(h->location), s, n);
    else if (IS("request-id"))
        copy_value(h->request_id, sizeof(h->request_id), s, n);
    else if (IS("WWW-Authenticate"))
        append_challenge(h->www_authenticate, sizeof(h->www_authenticate), s, n);
    else if (IS("Date"))
        take_date(h, s, n);
    else if (IS("Retry-After"))
        copy_value(p->retry_after, sizeof(p->retry_after), s, n);
    else if (IS("RateLimit-Reset"))
        copy_value(p->ratelimit_reset, sizeof(p->ratelimit_reset), s, n);
    else if (IS("X-Virus-Infected"))
        h->infected = true;
    else if (IS("Content-Encoding"))
        h->coded = n > 0 && (n != 8 || strncasecmp(s, "identity", n) != 0);
#undef IS
}

/* HTTP/1.1 200 OK, HTTP/2 200 */
static int take_status(struct head_parser *p, const char *line, size_t n)
{
    const char *end = line + n, *s = memchr(line, ' ', n);
    uint64_t status;
    if (!s)
        return -EPROTO;
    s++;
    if (!take_u64(&s, end, &status) || status < 100 || status > 999)
        return -EPROTO;
    unsigned lines = p->lines;
    size_t bytes = p->bytes;
    head_init(p, p->head);
    p->lines = lines;
    p->bytes = bytes;
    p->head->status = (int)status;
    return 0;
}

static int finish(struct head_parser *p)
{
    struct spfs_http_head *h = p->head;
    if (h->status < 200)
        return 0;
    if (p->chunked)
        h->content_length = UINT64_MAX;
    else if (p->bad)
        return -EPROTO;
    /* A range that contradicts the length of its body is no range. */
    if (h->has_range && h->status == 206 && h->content_length != UINT64_MAX &&
        h->range_to - h->range_from + 1 != h->content_length)
        h->has_range = false;
    h->retry_after_ms = parse_retry(p->retry_after, h->date_ns);
    int64_t reset;
    /* A successful reply announces its budget too; only a refusal makes it a wait. */
    if ((h->status == 429 || h->status == 503) && parse_seconds(p->ratelimit_reset, &reset) &&
        reset > h->retry_after_ms)
        h->retry_after_ms = reset;
    return 1;
}

int head_line(struct head_parser *p, const char *line, size_t n)
{
    p->bytes += n;
    if (++p->lines > LINES_MAX || p->bytes > BYTES_MAX)
        return -EPROTO;
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    if (n == 0)
        return finish(p);
    if (n >= 5 && strncasecmp(line, "HTTP/", 5) == 0)
        return take_status(p, line, n);
    const char *colon = memchr(line, ':', n);
    if (!colon)
        return 0;
    const char *value = colon + 1, *end = line + n;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    take_field(p, line, (size_t)(colon - line), value, (size_t)(end - value));
    return 0;
}
