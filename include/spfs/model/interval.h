/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of half-open byte ranges [from, to), kept sorted, disjoint and merged. Not locked: its owner's lock
 * guards it. */
#ifndef SPFS_MODEL_INTERVAL_H
#define SPFS_MODEL_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spfs_range {
    uint64_t from, to;
};

struct spfs_intervals {
    struct spfs_range *v;
    size_t n, cap;
};

void spfs_intervals_init(struct spfs_intervals *s);
void spfs_intervals_done(struct spfs_intervals *s);
int spfs_intervals_add(struct spfs_intervals *s, uint64_t from, uint64_t to);    /* 0, -ENOMEM (unchanged) */
int spfs_intervals_remove(struct spfs_intervals *s, uint64_t from, uint64_t to); /* 0, -ENOMEM (unchanged) */
bool spfs_intervals_covers(const struct spfs_intervals *s, uint64_t from, uint64_t to);
/* The first range of [from, to) that is not in s; false when covered. */
bool spfs_intervals_gap(const struct spfs_intervals *s, uint64_t from, uint64_t to, struct spfs_range *ret);
uint64_t spfs_intervals_total(const struct spfs_intervals *s);

#endif
