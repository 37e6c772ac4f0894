// SPDX-License-Identifier: GPL-3.0-or-later
/* What was read again: a table of fixed size, written by readers without a lock.
 *
 * One pass through a segment, however many reads it takes, is no use: only a block that was read before in
 * this pass ends the pass and counts as one (credit, at most 3). Reading the block read last once more (small
 * reads within it) counts only when a second has gone by. A slot belongs to the segment whose tag is in it;
 * another segment takes it over unless its owner has credit. Races lose a count, never more. */
#include "blocks_i.h"

#include <spfs/base/clock.h>

/* meta: tag 32 | second 22 | block 6 | credit 2 */
static uint64_t pack(uint64_t segment, uint64_t second, unsigned block, unsigned credit)
{
    return (segment >> 32) << 32 | (second & 0x3fffff) << 8 | (uint64_t)block << 2 | credit;
}

static struct use *slot(struct uses *u, uint64_t segment)
{
    return &u->v[segment % USES];
}

static bool owns(uint64_t meta, uint64_t segment)
{
    return meta >> 32 == segment >> 32;
}

void uses_count(struct uses *u, uint64_t segment, unsigned block)
{
    struct use *s = slot(u, segment);
    uint64_t meta = atomic_load_explicit(&s->meta, memory_order_relaxed);
    uint64_t seen = atomic_load_explicit(&s->seen, memory_order_relaxed);
    uint64_t second = spfs_now_ms() >> 10 & 0x3fffff, bit = (uint64_t)1 << block;
    unsigned credit = meta & 3;
    if (!owns(meta, segment)) {
        if (credit)
            return;
        seen = bit;
    } else if (!(seen & bit)) {
        seen |= bit;
    } else if ((meta >> 2 & 63) != block || (meta >> 8 & 0x3fffff) != second) {
        credit += credit < 3;
        seen = bit;
    } else {
        return;
    }
    atomic_store_explicit(&s->seen, seen, memory_order_relaxed);
    atomic_store_explicit(&s->meta, pack(segment, second, block, credit), memory_order_relaxed);
}

unsigned uses_take(struct uses *u, uint64_t segment)
{
    struct use *s = slot(u, segment);
    uint64_t meta = atomic_load_explicit(&s->meta, memory_order_relaxed);
    if (!owns(meta, segment))
        return 0;
    atomic_store_explicit(&s->meta, meta & ~(uint64_t)3, memory_order_relaxed);
    return meta & 3;
}

void uses_give(struct uses *u, uint64_t segment, unsigned credit)
{
    struct use *s = slot(u, segment);
    uint64_t meta = atomic_load_explicit(&s->meta, memory_order_relaxed);
    if (owns(meta, segment))
        atomic_store_explicit(&s->meta, (meta & ~(uint64_t)3) | credit, memory_order_relaxed);
}

void uses_forget(struct uses *u, uint64_t segment)
{
    struct use *s = slot(u, segment);
    if (!owns(atomic_load_explicit(&s->meta, memory_order_relaxed), segment))
        return;
    atomic_store_explicit(&s->seen, 0, memory_order_relaxed);
    atomic_store_explicit(&s->meta, 0, memory_order_relaxed);
}
