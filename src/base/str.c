/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounded strings, reasons, numbers, randomness. */
#include <spfs/base/str.h>
#include <spfs/base/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int spfs_fail(struct spfs_reason *reason, int err, const char *fmt, ...)
{
    if (reason) {
        va_list ap;
        va_start(ap, fmt);
        if (vsnprintf(reason->text, sizeof(reason->text), fmt, ap) < 0)
            reason->text[0] = '\0';
        va_end(ap);
        spfs_redact(reason->text);
    }
    return err;
}

bool spfs_copy(char *dst, size_t size, const char *src)
{
    size_t n = src ? strlen(src) : size;
    if (n >= size) {
        if (size)
            dst[0] = '\0';
        return false;
    }
    memcpy(dst, src, n + 1);
    return true;
}

bool spfs_format(char *dst, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(dst, size, fmt, ap);
    va_end(ap);
    return n >= 0 && (size_t)n < size;
}

char *spfs_asprintf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    return n < 0 ? NULL : s;
}

bool spfs_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool spfs_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static bool parse_digits(const char *s, uint64_t max, uint64_t *ret, const char **rest)
{
    uint64_t v = 0;
    if (!s || *s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        uint64_t d = (uint64_t)(*s - '0');
        if (v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    if (v > max)
        return false;
    *ret = v;
    *rest = s;
    return true;
}

bool spfs_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
    const char *rest;
    uint64_t v;
    if (!parse_digits(s, max, &v, &rest) || *rest)
        return false;
    *ret = v;
    return true;
}

bool spfs_parse_size(const char *s, uint64_t *ret)
{
    const char *rest;
    uint64_t v;
    if (!parse_digits(s, UINT64_MAX, &v, &rest))
        return false;
    static const char units[] = "KMGT";
    unsigned shift = 0;
    const char *u = *rest ? strchr(units, *rest & ~0x20) : NULL;
    if (u) {
        shift = 10u * (unsigned)(u - units + 1);
        rest++;
        if (*rest == 'i')
            rest++;
    }
    if (*rest == 'B' || *rest == 'b')
        rest++;
    if (*rest || v > (UINT64_MAX >> shift))
        return false;
    *ret = v << shift;
    return true;
}

void spfs_random_bytes(void *p, size_t n)
{
    char *at = p;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            abort(); /* no kernel that we run on lacks it; guessing a token would be worse */
        }
        at += got;
        n -= (size_t)got;
    }
}

uint64_t spfs_random(uint64_t bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound, v;
    do
        spfs_random_bytes(&v, sizeof(v));
    while (v >= limit);
    return v % bound;
}

void spfs_uuid(char out[37])
{
    unsigned char b[16];
    spfs_random_bytes(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
