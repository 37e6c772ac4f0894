// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: see scan_i.h. Threads: any, no state. */
#include "scan_i.h"
#include <errno.h>
#include <string.h>

#define DEPTH_MAX  64
#define VALUES_MAX 500000 /* a page of 1000 whole items has 100,000; each costs about 100 bytes of memory */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The code unit of "\uXXXX" at p, or -1. */
static int unit(const char *p, const char *end)
{
    int u = 0;
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        if (hex(p[i]) < 0)
            return -1;
        u = u * 16 + hex(p[i]);
    }
    return u;
}

/* p is at a backslash within a string; returns behind the escape. */
static char *escape(char *p, const char *end)
{
    int u = unit(p, end);
    if (u < 0)
        return end - p < 2 ? p + 1 : p + 2;
    if (u >= 0xd800 && u < 0xdc00) {
        int low = unit(p + 6, end);
        if (low >= 0xdc00 && low < 0xe000)
            return p + 12;
    }
    if (u == 0 || (u >= 0xd800 && u < 0xe000))
        memset(p, 0xff, 6);
    return p + 6;
}

/* p is behind the opening quote; returns behind the closing one, or the end. */
static char *string(char *p, const char *end)
{
    while (p < end && *p != '"')
        p = *p == '\\' ? escape(p, end) : p + 1;
    return p < end ? p + 1 : p;
}

int scan_document(char *text, size_t len)
{
    const char *end = text + len;
    unsigned depth = 0, values = 0;
    if (memchr(text, '\0', len))
        return -EBADMSG;
    for (char *p = text; p < end;) {
        char c = *p++;
        if (c == '"')
            p = string(p, end);
        else if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
        if (depth > DEPTH_MAX)
            return -EBADMSG;
        values += c == ',' || c == '[' || c == '{';
        if (values > VALUES_MAX)
            return -EFBIG;
    }
    return 0;
}

/* Length of the well-formed sequence at s (no overlong form, no surrogate), or 0. */
static size_t sequence(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    size_t n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool scan_is_utf8(const char *s)
{
    for (const unsigned char *p = (const unsigned char *)s; *p;) {
        size_t n = sequence(p);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}
