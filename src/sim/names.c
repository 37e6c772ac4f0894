/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: names and ids (see names_i.h). Threads: pure functions; the arena belongs to the tree's write
 * lock. */
#include "names_i.h"
#include "jsonw_i.h"
#include "pattern_i.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK (1u << 20)
#define SALT        0x0f1e2d3c4b5a6978ull

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint32_t names_fold(const char *name, char ret[NAMES_FOLDED_MAX])
{
    uint64_t hash = 0xcbf29ce484222325ull;
    size_t i = 0;
    for (; name[i] && (unsigned char)name[i] < 0x80 && i < NAMES_FOLDED_MAX - 1; i++)
        ret[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    ret[i] = '\0';
    if (name[i] && spfs_name_fold(name, ret) < 0)
        ret[0] = '\0'; /* not UTF-8: never found */
    for (const char *p = ret; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3ull;
    return (uint32_t)(hash ^ hash >> 32);
}

const char *names_keep(struct names_arena *a, const char *name)
{
    size_t n = strlen(name) + 1;
    if (n > a->left) {
        a->left = n > ARENA_BLOCK ? n : ARENA_BLOCK;
        a->blocks = realloc(a->blocks, (a->count + 1) * sizeof *a->blocks);
        if (!a->blocks)
            abort();
        a->p = a->blocks[a->count++] = sim_alloc(a->left);
    }
    char *kept = memcpy(a->p, name, n);
    a->p += n;
    a->left -= n;
    return kept;
}

void names_free(struct names_arena *a)
{
    for (size_t i = 0; i < a->count; i++)
        free(a->blocks[i]);
    free(a->blocks);
}

static void guid_bytes(uint64_t number, unsigned char ret[16])
{
    uint64_t a = pattern_mix(number ^ SALT);
    uint64_t b = pattern_mix(a ^ ~SALT);
    for (unsigned i = 0; i < 8; i++) {
        ret[i] = (unsigned char)(a >> 8 * i);
        ret[8 + i] = (unsigned char)(b >> 8 * i);
    }
}

void names_guid(uint64_t number, char ret[NAMES_GUID_LEN + 1])
{
    static const char hex[] = "0123456789ABCDEF";
    unsigned char g[16];
    guid_bytes(number, g);
    char *p = ret;
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[g[i] >> 4];
        *p++ = hex[g[i] & 15];
    }
    *p = '\0';
}

void names_item_id(unsigned drive, uint32_t serial, char ret[NAMES_ID_LEN + 1])
{
    uint64_t code = pattern_mix(drive + 77);
    memcpy(ret, "01", 2);
    for (unsigned i = 0; i < 6; i++)
        ret[2 + i] = base32[code >> (5 * i) & 31];
    unsigned char g[16];
    guid_bytes(serial, g);
    for (unsigned i = 0; i < 26; i++) {
        unsigned value = 0;
        for (unsigned bit = 5 * i; bit < 5 * i + 5; bit++)
            value = value << 1 | (bit < 128 ? (unsigned)g[bit / 8] >> (7 - bit % 8) & 1u : 0u);
        ret[8 + i] = base32[value];
    }
    ret[NAMES_ID_LEN] = '\0';
}

uint64_t names_item_serial(const char *id)
{
    if (strlen(id) != NAMES_ID_LEN)
        return 0;
    unsigned char g[8] = {0};
    for (unsigned i = 0; i < 13; i++) {
        const char *at = strchr(base32, id[8 + i]);
        if (!at)
            return 0;
        unsigned value = (unsigned)(at - base32);
        for (unsigned k = 0; k < 5 && 5 * i + k < 64; k++)
            if (value >> (4 - k) & 1)
                g[(5 * i + k) / 8] |= (unsigned char)(1u << (7 - (5 * i + k) % 8));
    }
    uint64_t a = 0;
    for (unsigned i = 0; i < 8; i++)
        a |= (uint64_t)g[i] << 8 * i;
    return pattern_unmix(a) ^ SALT;
}

char *names_drive_id(unsigned drive, int site)
{
    unsigned char g[48];
    guid_bytes(0x51ull << 40 | (unsigned)(site + 1), g);
    guid_bytes(0x52ull << 40 | (unsigned)(site + 1), g + 16);
    guid_bytes(0x53ull << 40 | drive, g + 32);
    char *id = sim_alloc(2 + 64 + 1);
    id[0] = 'b';
    id[1] = '!';
    for (size_t i = 0; i < 16; i++) {
        unsigned v = (unsigned)g[3 * i] << 16 | (unsigned)g[3 * i + 1] << 8 | g[3 * i + 2];
        for (size_t k = 0; k < 4; k++)
            id[2 + 4 * i + k] = base64url[v >> (18 - 6 * k) & 63];
    }
    return id;
}
