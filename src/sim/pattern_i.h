/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Generated file content: byte `offset` of seed `s` is B[(offset + start(s)) mod P] for one pseudo-random
 * block B of P bytes, P prime. So content needs no memory, is served without copying more than once, differs
 * between blocks of any power-of-two alignment, and its quickXorHash costs some microseconds at any length.
 */
#ifndef SIM_PATTERN_I_H
#define SIM_PATTERN_I_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_PERIOD 4194319u   /* the first prime above 4 MiB */
#define PATTERN_RUN    (1u << 20) /* longest piece that pattern_at gives in one go */

void pattern_init(void); /* once, before any thread */
/* At least PATTERN_RUN readable bytes of the content from offset on. */
const unsigned char *pattern_at(uint64_t seed, uint64_t offset);
/* What the quickXorHash of the first size bytes is made of: the XOR of the bytes of each index modulo 160. */
void pattern_cells(uint64_t seed, uint64_t size, unsigned char ret[160]);

/* Bijection on 64-bit numbers that scatters them, and its inverse. */
uint64_t pattern_mix(uint64_t x);
uint64_t pattern_unmix(uint64_t x);

#endif
