/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: generated content and its hash (see pattern_i.h).
 * The hash of n bytes depends only on the XOR of the bytes of each residue class of their index modulo 160
 * ("cells"). `fold[i]` is the XOR of block[i], block[i-160], ..., so any range of the block is folded into
 * cells by 160 subtractions. A period shifts the cells by P mod 160; whole periods are counted modulo 320,
 * since P is coprime to 160 and each pair of 160-period rounds cancels out. Threads: the tables are read-only
 * after pattern_init. */
#include "pattern_i.h"

#include <stdlib.h>
#include <string.h>

#define CELLS 160u

static unsigned char *block; /* PATTERN_PERIOD + PATTERN_RUN bytes, the tail repeats the head */
static unsigned char *fold;  /* PATTERN_PERIOD bytes */

uint64_t pattern_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebull;
    x ^= x >> 31;
    return x;
}

uint64_t pattern_unmix(uint64_t x)
{
    x ^= x >> 31 ^ x >> 62;
    x *= 0x319642b2d24d8ec3ull;
    x ^= x >> 27 ^ x >> 54;
    x *= 0x96de1b173f119089ull;
    x ^= x >> 30 ^ x >> 60;
    return x;
}

void pattern_init(void)
{
    if (block)
        return;
    block = malloc(PATTERN_PERIOD + PATTERN_RUN);
    fold = malloc(PATTERN_PERIOD);
    if (!block || !fold)
        abort();
    uint64_t state = 0x5350465353494d31ull;
    for (size_t i = 0; i < PATTERN_PERIOD; i += 8) {
        state += 0x9e3779b97f4a7c15ull;
        uint64_t word = pattern_mix(state);
        size_t n = PATTERN_PERIOD - i < 8 ? PATTERN_PERIOD - i : 8;
        memcpy(block + i, &word, n);
    }
    memcpy(block + PATTERN_PERIOD, block, PATTERN_RUN);
    for (size_t i = 0; i < PATTERN_PERIOD; i++)
        fold[i] = (unsigned char)(block[i] ^ (i >= CELLS ? fold[i - CELLS] : 0));
}

static uint64_t start_of(uint64_t seed)
{
    return pattern_mix(seed + 0x632be59bd9b4e019ull) % PATTERN_PERIOD;
}

const unsigned char *pattern_at(uint64_t seed, uint64_t offset)
{
    return block + (offset + start_of(seed)) % PATTERN_PERIOD;
}

/* XORs block[from, from+n) into cells, its first byte into cell `first`. n is at most one period, without
 * wrap. */
static void fold_range(unsigned char cells[CELLS], unsigned first, uint64_t from, uint64_t n)
{
    for (unsigned j = 0; j < CELLS && j < n; j++) {
        uint64_t last = from + j + (n - 1 - j) / CELLS * CELLS;
        unsigned char x = fold[last];
        if (from + j >= CELLS)
            x ^= fold[from + j - CELLS];
        cells[(first + j) % CELLS] ^= x;
    }
}

/* The same over the ring: from may lie anywhere, n at most one period. */
static void fold_ring(unsigned char cells[CELLS], unsigned first, uint64_t from, uint64_t n)
{
    uint64_t head = PATTERN_PERIOD - from < n ? PATTERN_PERIOD - from : n;
    fold_range(cells, first, from, head);
    fold_range(cells, (unsigned)((first + head) % CELLS), 0, n - head);
}

void pattern_cells(uint64_t seed, uint64_t size, unsigned char ret[CELLS])
{
    memset(ret, 0, CELLS);
    uint64_t from = start_of(seed);
    uint64_t periods = size / PATTERN_PERIOD;
    if (periods) {
        unsigned char one[CELLS] = {0};
        fold_ring(one, 0, from, PATTERN_PERIOD);
        for (unsigned p = 0; p < periods % (CELLS + CELLS); p++)
            for (unsigned j = 0; j < CELLS; j++)
                ret[(j + (uint64_t)p * PATTERN_PERIOD) % CELLS] ^= one[j];
    }
    fold_ring(ret, (unsigned)(periods * PATTERN_PERIOD % CELLS), from, size % PATTERN_PERIOD);
}
