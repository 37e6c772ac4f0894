// SPDX-License-Identifier: GPL-3.0-or-later
/* quickXorHash, contract sheet §16.
 *
 * Byte i is rotated by 11*i mod 160 bits. 11 and 160 are coprime, so bytes 160 apart meet at the same place:
 * the input is first XORed together in blocks of 160 bytes (memory speed) and the rotation is done once, at
 * the end. Not locked: a state belongs to one thread at a time. */
#include <spfs/model/quickxor.h>

#include <string.h>

enum { BLOCK = 160, WORDS = BLOCK / 8, HASH = 20, STEP = 11 };

void spfs_quickxor_init(struct spfs_quickxor *q)
{
    memset(q, 0, sizeof(*q));
}

/* XORs n bytes into the fold from byte `at` on; at + n ≤ BLOCK. */
static void xor_bytes(struct spfs_quickxor *q, size_t at, const unsigned char *p, size_t n)
{
    unsigned char *f = (unsigned char *)q->fold + at;
    for (size_t i = 0; i < n; i++)
        f[i] ^= p[i];
}

void spfs_quickxor_add(struct spfs_quickxor *q, const void *data, size_t n)
{
    const unsigned char *p = data;
    size_t at = (size_t)(q->length % BLOCK);
    q->length += n;
    if (at > 0) {
        size_t head = n < BLOCK - at ? n : BLOCK - at;
        xor_bytes(q, at, p, head);
        p += head;
        n -= head;
    }
    uint64_t fold[WORDS];
    memcpy(fold, q->fold, BLOCK);
    for (; n >= BLOCK; p += BLOCK, n -= BLOCK) {
        uint64_t block[WORDS];
        memcpy(block, p, BLOCK);
        for (int i = 0; i < WORDS; i++)
            fold[i] ^= block[i];
    }
    memcpy(q->fold, fold, BLOCK);
    if (n > 0)
        xor_bytes(q, 0, p, n);
}

static void encode_base64(const unsigned char in[HASH], char out[SPFS_QUICKXOR_TEXT])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *o = out;
    for (int i = 0; i < HASH; i += 3) {
        unsigned rest = HASH - (unsigned)i; /* 20 = 6 * 3 + 2: the last group has two bytes */
        unsigned v = (unsigned)in[i] << 16 | (unsigned)in[i + 1] << 8 | (rest > 2 ? in[i + 2] : 0u);
        *o++ = digits[v >> 18];
        *o++ = digits[v >> 12 & 63];
        *o++ = digits[v >> 6 & 63];
        *o++ = (char)(rest > 2 ? digits[v & 63] : '=');
    }
    *o = '\0';
}

void spfs_quickxor_end(const struct spfs_quickxor *q, char out[SPFS_QUICKXOR_TEXT])
{
    unsigned char hash[HASH] = {0};
    const unsigned char *f = (const unsigned char *)q->fold;
    for (unsigned i = 0; i < BLOCK; i++) {
        unsigned bit = i * STEP % BLOCK;
        unsigned v = (unsigned)f[i] << (bit % 8);
        hash[bit / 8] ^= (unsigned char)v;
        hash[(bit / 8 + 1) % HASH] ^= (unsigned char)(v >> 8);
    }
    for (unsigned i = 0; i < 8; i++)
        hash[HASH - 8 + i] ^= (unsigned char)(q->length >> (8 * i));
    encode_base64(hash, out);
}
