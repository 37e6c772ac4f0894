/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: a small, strict scanner (see scan_i.h). Threads: pure. */
#include "scan_i.h"

#include <stdarg.h>
#include <stddef.h>

static int digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    if (ch >= 'a' && ch <= 'f')
        return ch - 'a' + 10;
    return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : 16;
}

static const char *number(const char *text, unsigned base, uint64_t *ret)
{
    const char *p = text;
    uint64_t value = 0;
    for (unsigned d; (d = (unsigned)digit(*p)) < base; p++)
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)d, &value))
            return NULL;
    *ret = value;
    return p > text ? p : NULL;
}

const char *scan(const char *text, const char *form, ...)
{
    va_list ap;
    va_start(ap, form);
    for (; text && *form; form++) {
        if (*form == '%') {
            form++;
            /* The checker forgets va_start when several files are checked in one run. */
            uint64_t *to = va_arg(ap, uint64_t *); // NOLINT(clang-analyzer-valist.Uninitialized)
            text = number(text, *form == 'x' ? 16 : 10, to);
        } else {
            text = *text == *form ? text + 1 : NULL;
        }
    }
    va_end(ap);
    return text;
}
