// SPDX-License-Identifier: GPL-3.0-or-later
/* Shapes that nearly every item has, in fewer bytes: tags that carry a GUID (`"{GUID},7"`, `"c:{GUID},7"`)
 * and quickXorHashes (28 characters of base64 stand for 20 bytes). Only what comes back to the letter is
 * packed; anything else is stored as it is, length first. */
#include "record_i.h"

enum { MARK_TAG = 0xf0, MARK_CTAG = 0xf1, MARK_HASH = 0xf2 }; /* no length of a plain string reaches these */
enum { GUID_TEXT = 36, GUID_BYTES = 16, HASH_TEXT = 28, HASH_BYTES = 20 };

static const char hex[] = "0123456789ABCDEF";
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool is_dash(unsigned at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool pack_guid(const char *text, unsigned char *out)
{
    unsigned n = 0;
    for (unsigned at = 0; at < GUID_TEXT; at++) {
        int v = is_dash(at) ? 0 : hex_value(text[at]);
        if (v < 0 || (is_dash(at) && text[at] != '-'))
            return false;
        if (is_dash(at))
            continue;
        out[n / 2] = (unsigned char)(n % 2 ? out[n / 2] | v : v << 4);
        n++;
    }
    return true;
}

static void unpack_guid(const unsigned char *in, char *out)
{
    unsigned n = 0;
    for (unsigned at = 0; at < GUID_TEXT; at++) {
        if (is_dash(at)) {
            out[at] = '-';
            continue;
        }
        out[at] = hex[n % 2 ? in[n / 2] & 15 : in[n / 2] >> 4];
        n++;
    }
}

static size_t pack_plain(struct str s, unsigned char *out)
{
    out[0] = (unsigned char)s.n;
    memcpy(out + 1, s.p, s.n);
    return 1 + s.n;
}

static const char *prefix_of(unsigned mark)
{
    return mark == MARK_TAG ? "\"{" : "\"c:{";
}

size_t pack_tag(struct str s, unsigned char *out)
{
    for (unsigned mark = MARK_TAG; mark <= MARK_CTAG; mark++) {
        size_t n = strlen(prefix_of(mark)), rest = n + GUID_TEXT;
        if (s.n < rest || memcmp(s.p, prefix_of(mark), n) != 0 || !pack_guid(s.p + n, out + 1))
            continue;
        out[0] = (unsigned char)mark;
        out[1 + GUID_BYTES] = (unsigned char)(s.n - rest);
        memcpy(out + 2 + GUID_BYTES, s.p + rest, s.n - rest);
        return 2 + GUID_BYTES + s.n - rest;
    }
    return pack_plain(s, out);
}

size_t unpack_tag(const unsigned char *in, size_t size, char room[SPFS_TAG_SIZE], struct str *ret)
{
    if (size < 1)
        return 0;
    if (in[0] < SPFS_TAG_SIZE) {
        *ret = (struct str){.p = (const char *)in + 1, .n = in[0]};
        return size - 1 < in[0] ? 0 : 1u + in[0];
    }
    if ((in[0] != MARK_TAG && in[0] != MARK_CTAG) || size < 2 + GUID_BYTES)
        return 0;
    const char *prefix = prefix_of(in[0]);
    size_t n = strlen(prefix), rest = in[1 + GUID_BYTES];
    if (size - 2 - GUID_BYTES < rest || n + GUID_TEXT + rest >= SPFS_TAG_SIZE)
        return 0;
    memcpy(room, prefix, n);
    unpack_guid(in + 1, room + n);
    memcpy(room + n + GUID_TEXT, in + 2 + GUID_BYTES, rest);
    *ret = (struct str){.p = room, .n = n + GUID_TEXT + rest};
    return 2 + GUID_BYTES + rest;
}

static void unpack_base64(const unsigned char *in, char out[HASH_TEXT])
{
    unsigned char b[21] = {0}; /* 20 bytes and the padding's */
    memcpy(b, in, HASH_BYTES);
    for (unsigned i = 0; i < 7; i++) {
        unsigned v = (unsigned)b[3 * i] << 16 | (unsigned)b[3 * i + 1] << 8 | b[3 * i + 2];
        for (unsigned j = 0; j < 4; j++)
            out[4 * i + j] = base64[v >> (18 - 6 * j) & 63];
    }
    out[HASH_TEXT - 1] = '=';
}

static bool pack_base64(const char *text, unsigned char out[HASH_BYTES])
{
    unsigned char b[21];
    for (unsigned i = 0; i < 7; i++) {
        unsigned v = 0;
        for (unsigned j = 0; j < 4; j++) {
            const char *at = i == 6 && j == 3 ? base64 : memchr(base64, text[4 * i + j], 64);
            if (!at)
                return false;
            v = v << 6 | (unsigned)(at - base64);
        }
        b[3 * i] = (unsigned char)(v >> 16);
        b[3 * i + 1] = (unsigned char)(v >> 8);
        b[3 * i + 2] = (unsigned char)v;
    }
    char back[HASH_TEXT];
    memcpy(out, b, HASH_BYTES);
    unpack_base64(out, back);
    return memcmp(back, text, HASH_TEXT) == 0;
}

size_t pack_hash(struct str s, unsigned char *out)
{
    if (s.n != HASH_TEXT || !pack_base64(s.p, out + 1))
        return pack_plain(s, out);
    out[0] = MARK_HASH;
    return 1 + HASH_BYTES;
}

size_t unpack_hash(const unsigned char *in, size_t size, char room[32], struct str *ret)
{
    if (size < 1)
        return 0;
    if (in[0] < 32) {
        *ret = (struct str){.p = (const char *)in + 1, .n = in[0]};
        return size - 1 < in[0] ? 0 : 1u + in[0];
    }
    if (in[0] != MARK_HASH || size < 1 + HASH_BYTES)
        return 0;
    unpack_base64(in + 1, room);
    *ret = (struct str){.p = room, .n = HASH_TEXT};
    return 1 + HASH_BYTES;
}
