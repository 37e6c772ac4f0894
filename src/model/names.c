// SPDX-License-Identifier: GPL-3.0-or-later
/* Names as stored and as shown.
 *
 * A raw character is one that SharePoint refuses at that place; its stand-in is what is stored instead. Both
 * directions walk over the same parts: a run of quotes (U+201B) and the character after it. shown stored raw
 * stand-in               a*     a＊ n × quote, raw  n-1 × quote, raw       a‛*    a*    (the server has the
 * forbidden character after all) n × quote, s-in n+1 × quote, stand-in  a＊    a‛＊   (the stand-in is meant
 * literally) Everything else is left alone. Each direction is the other one with "raw" and "stand-in" changed
 * over, so the two are inverse to each other for every text. Names that would come out as "." or ".." are
 * left alone, both ways. Pure functions. */
#include <spfs/model/names.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

#include <spfs/base/str.h>

enum { UNITS_MAX = 255 }; /* UTF-16 units of a name */
enum { QUOTE = 0x201b, SPACE_SIGN = 0x2420, FULL_STOP = 0xff0e, FULL_WIDTH = 0xfee0 };

/* One code point; its length in bytes, or 0 at the end, or -EILSEQ. */
static int decode(const char *p, int32_t *ret)
{
    size_t n = strnlen(p, 4);
    *ret = 0;
    if (n == 0)
        return 0;
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)n, ret);
    return used <= 0 ? -EILSEQ : (int)used;
}

bool spfs_name_acceptable(const char *name, size_t len)
{
    size_t units = 0;
    if (len == 0 || (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
        return false;
    for (size_t i = 0; i < len;) {
        int32_t c;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)name + i, (utf8proc_ssize_t)(len - i), &c);
        if (n <= 0 || c < ' ' || (c >= 0x7f && c < 0xa0) || c == '/')
            return false;
        units += c >= 0x10000 ? 2 : 1;
        i += (size_t)n;
    }
    return units <= UNITS_MAX;
}

enum role { PLAIN, RAW, STAND_IN };

/* What c is at this place; its counterpart in *other. */
static enum role role_of(int32_t c, bool first, bool last, int32_t *other)
{
    static const char anywhere[] = "\"*:<>?\\|";
    if (c > 0 && c < 0x80 && strchr(anywhere, (int)c)) {
        *other = c + FULL_WIDTH;
        return RAW;
    }
    if (c > FULL_WIDTH && c < FULL_WIDTH + 0x80 && strchr(anywhere, (int)(c - FULL_WIDTH))) {
        *other = c - FULL_WIDTH;
        return STAND_IN;
    }
    if ((first || last) && (c == ' ' || c == SPACE_SIGN)) {
        *other = c == ' ' ? SPACE_SIGN : ' ';
        return c == ' ' ? RAW : STAND_IN;
    }
    if (last && (c == '.' || c == FULL_STOP)) {
        *other = c == '.' ? FULL_STOP : '.';
        return c == '.' ? RAW : STAND_IN;
    }
    return PLAIN;
}

struct out {
    char *at, *end; /* end: the place of the NUL */
};

static bool put(struct out *o, int32_t c)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    if (n > o->end - o->at)
        return false;
    memcpy(o->at, bytes, (size_t)n);
    o->at += n;
    return true;
}

/* At most one dot, quotes, a dot or its stand-in: translated, it could become "." or "..". */
static bool is_dots(const char *name)
{
    int32_t c;
    int n;
    if (name[0] == '.' && name[1] != '\0')
        name++;
    while ((n = decode(name, &c)) > 0 && c == QUOTE)
        name += n;
    return n > 0 && (c == '.' || c == FULL_STOP) && name[n] == '\0';
}

static int translate(const char *in, char *out, size_t size, enum role from)
{
    if (size == 0)
        return -ENAMETOOLONG;
    struct out o = {.at = out, .end = out + size - 1};
    if (is_dots(in))
        return spfs_copy(out, size, in) ? 0 : -ENAMETOOLONG;
    for (bool first = true;; first = false) {
        size_t quotes = 0;
        int32_t c, other = 0;
        int n;
        while ((n = decode(in, &c)) > 0 && c == QUOTE) {
            quotes++;
            in += n;
        }
        if (n < 0)
            return n;
        enum role role = n == 0 ? PLAIN : role_of(c, first, in[n] == '\0', &other);
        if (role == from && quotes == 0)
            c = other;
        else if (role == from)
            quotes--;
        else if (role != PLAIN)
            quotes++;
        for (; quotes > 0; quotes--)
            if (!put(&o, QUOTE))
                return -ENAMETOOLONG;
        if (n == 0)
            break;
        if (!put(&o, c))
            return -ENAMETOOLONG;
        in += n;
    }
    *o.at = '\0';
    return 0;
}

int spfs_name_to_local(const char *server, char *out, size_t size)
{
    return translate(server, out, size, STAND_IN);
}

int spfs_name_to_server(const char *local, char *out, size_t size)
{
    return translate(local, out, size, RAW);
}

/* Does it hold a character that SharePoint refuses at that place? */
static bool has_raw(const char *name)
{
    int32_t c, other;
    int n;
    for (bool first = true; (n = decode(name, &c)) > 0; name += n, first = false)
        if (role_of(c, first, name[n] == '\0', &other) == RAW)
            return true;
    return false;
}

bool spfs_name_refused(const char *server, bool at_library_root)
{
    static const char *const reserved[] = {".lock", "desktop.ini", "CON", "PRN", "AUX", "NUL"};
    if (!spfs_name_acceptable(server, strlen(server)) || has_raw(server) || spfs_starts(server, "~$") ||
        strcasestr(server, "_vti_"))
        return true;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(reserved); i++)
        if (strcasecmp(server, reserved[i]) == 0)
            return true;
    if (strlen(server) == 4 && (strncasecmp(server, "COM", 3) == 0 || strncasecmp(server, "LPT", 3) == 0) &&
        server[3] >= '0' && server[3] <= '9')
        return true;
    return at_library_root && strcasecmp(server, "forms") == 0;
}
