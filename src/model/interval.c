// SPDX-License-Identifier: GPL-3.0-or-later
/* Sets of byte ranges in a sorted array.
 * Invariants: every range has from < to; v[i].to < v[i + 1].from (touching ranges are merged). Not locked. */
#include <spfs/model/interval.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void spfs_intervals_init(struct spfs_intervals *s)
{
    *s = (struct spfs_intervals){0};
}

void spfs_intervals_done(struct spfs_intervals *s)
{
    free(s->v);
    *s = (struct spfs_intervals){0};
}

/* Index of the first range that ends at or after `at`; n if there is none. */
static size_t first_to(const struct spfs_intervals *s, uint64_t at)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->v[mid].to >= at)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* Makes the ranges [i, i + old) be `now` new ones, whose values the caller then sets. */
static int splice(struct spfs_intervals *s, size_t i, size_t old, size_t now)
{
    size_t n = s->n - old + now;
    if (n > s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 4;
        struct spfs_range *v = realloc(s->v, cap * sizeof(*v));
        if (!v)
            return -ENOMEM;
        s->v = v;
        s->cap = cap;
    }
    if (s->n > i + old && old != now)
        memmove(s->v + i + now, s->v + i + old, (s->n - i - old) * sizeof(*s->v));
    s->n = n;
    return 0;
}

int spfs_intervals_add(struct spfs_intervals *s, uint64_t from, uint64_t to)
{
    if (from >= to)
        return 0;
    size_t i = first_to(s, from), end = i;
    for (; end < s->n && s->v[end].from <= to; end++) {
        if (s->v[end].from < from)
            from = s->v[end].from;
        if (s->v[end].to > to)
            to = s->v[end].to;
    }
    int err = splice(s, i, end - i, 1);
    if (err)
        return err;
    s->v[i] = (struct spfs_range){from, to};
    return 0;
}

int spfs_intervals_remove(struct spfs_intervals *s, uint64_t from, uint64_t to)
{
    if (from >= to)
        return 0;
    size_t i = first_to(s, from), end = i, parts = 0;
    struct spfs_range left[2];
    for (; end < s->n && s->v[end].from < to; end++) {
        if (s->v[end].from < from)
            left[parts++] = (struct spfs_range){s->v[end].from, s->v[end].to < from ? s->v[end].to : from};
        if (s->v[end].to > to)
            left[parts++] = (struct spfs_range){to, s->v[end].to};
    }
    int err = splice(s, i, end - i, parts);
    if (err)
        return err;
    if (parts)
        memcpy(s->v + i, left, parts * sizeof(*left));
    return 0;
}

bool spfs_intervals_gap(const struct spfs_intervals *s, uint64_t from, uint64_t to, struct spfs_range *ret)
{
    size_t i = first_to(s, from);
    if (i < s->n && s->v[i].from <= from)
        from = s->v[i++].to;
    if (from >= to)
        return false;
    *ret = (struct spfs_range){from, i < s->n && s->v[i].from < to ? s->v[i].from : to};
    return true;
}

bool spfs_intervals_covers(const struct spfs_intervals *s, uint64_t from, uint64_t to)
{
    struct spfs_range gap;
    return !spfs_intervals_gap(s, from, to, &gap);
}

uint64_t spfs_intervals_total(const struct spfs_intervals *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += s->v[i].to - s->v[i].from;
    return sum;
}
