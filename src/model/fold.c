// SPDX-License-Identifier: GPL-3.0-or-later
/* When are two names one? Canonical composition (NFC) with full case folding. Pure functions. */
#include <spfs/model/names.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

/* Most names are ASCII: folded in place, without tables. False at the first other byte. */
static bool fold_ascii(const char *name, char *out)
{
    size_t i = 0;
    for (; name[i]; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c >= 0x80 || i == SPFS_FOLD_SIZE - 1)
            return false;
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    out[i] = '\0';
    return true;
}

int spfs_name_fold(const char *name, char out[SPFS_FOLD_SIZE])
{
    if (fold_ascii(name, out))
        return 0;
    const utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;
    utf8proc_int32_t points[SPFS_FOLD_SIZE];
    utf8proc_ssize_t n =
        utf8proc_decompose((const utf8proc_uint8_t *)name, (utf8proc_ssize_t)strlen(name), points,
                           SPFS_FOLD_SIZE - 1, how); /* one less: reencode ends with a NUL */
    if (n < 0)
        return n == UTF8PROC_ERROR_NOMEM ? -ENOMEM : -EILSEQ;
    if (n > SPFS_FOLD_SIZE - 1)
        return -ENAMETOOLONG;
    n = utf8proc_reencode(points, n, how);
    if (n < 0)
        return -EILSEQ;
    if (n >= SPFS_FOLD_SIZE)
        return -ENAMETOOLONG;
    memcpy(out, points, (size_t)n);
    out[n] = '\0';
    return 0;
}

bool spfs_name_equal(const char *a, const char *b)
{
    char fa[SPFS_FOLD_SIZE], fb[SPFS_FOLD_SIZE];
    if (strcmp(a, b) == 0)
        return true;
    return spfs_name_fold(a, fa) == 0 && spfs_name_fold(b, fb) == 0 && strcmp(fa, fb) == 0;
}
