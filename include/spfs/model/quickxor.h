/* SPDX-License-Identifier: GPL-3.0-or-later */
/* quickXorHash, contract sheet §16. */
#ifndef SPFS_MODEL_QUICKXOR_H
#define SPFS_MODEL_QUICKXOR_H

#include <stddef.h>
#include <stdint.h>

#define SPFS_QUICKXOR_TEXT 29 /* base64 and NUL */

struct spfs_quickxor {
    uint64_t fold[20]; /* 160 bytes: the input XORed together in blocks of 160 */
    uint64_t length;
};

void spfs_quickxor_init(struct spfs_quickxor *q);
void spfs_quickxor_add(struct spfs_quickxor *q, const void *p, size_t n); /* streaming; ≥ 2 GB/s */
void spfs_quickxor_end(const struct spfs_quickxor *q, char out[SPFS_QUICKXOR_TEXT]); /* q stays usable */

#endif
