// SPDX-License-Identifier: GPL-3.0-or-later
/* Readahead: what one reader is likely to want next.
 *
 * A stream is sequential as long as its reads stay near the place where it goes on: the kernel sends its own
 * readahead as several reads at once, which arrive slightly out of order and are no jumps. Its window grows
 * with what was read in a row (AHEAD_FACTOR times as much) up to window_max, or a fair share of the buffers.
 * States: first read → random (only the blocks asked for) ⇄ sequential (window > 0). ahead = 0: everything so
 * far was cached, nothing is looked for ahead until a block is missed. The window is asked for in pieces, one
 * more than there are streams: so one is always waiting to start when a stream comes to its end. Threads:
 * any, under the fetch lock. */
#include "fetch_i.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t blocks_of(uint64_t bytes)
{
    return (bytes + BLOCK - 1) / BLOCK;
}

/* Random reads are small, and rarely near to each other; the kernel's readahead comes in large ones. */
static bool is_sequential(const struct spfs_stream *s, uint64_t off, uint64_t len)
{
    uint64_t slack = len <= HEADER_MAX ? BLOCK : READ_MAX;
    if (s->hits > 0)
        slack = most(slack, least(s->window, 4 * READ_MAX));
    return off + slack >= s->next && off <= most(s->next, s->ahead) + slack;
}

static uint64_t window_limit(const struct spfs_fetch *f)
{
    uint64_t share = (uint64_t)f->limit_ahead * BLOCK / (f->active_files ? f->active_files : 1);
    return least(f->config.window_max, most(share, RANGE_MIN));
}

static uint64_t piece_of(const struct spfs_fetch *f, uint64_t window)
{
    uint64_t piece = window / (f->config.streams + 1);
    return most(least(piece, RANGE_MAX), RANGE_MIN) / BLOCK * BLOCK;
}

static void plan(struct spfs_fetch_file *file, struct spfs_stream *s, struct ahead *ret)
{
    uint64_t end = least(file->size, s->next + s->window), piece = piece_of(file->f, s->window);
    if (s->ahead < s->next)
        s->ahead = s->next;
    uint64_t from = blocks_of(s->ahead);
    uint64_t to = end == file->size ? blocks_of(end) : end / BLOCK;
    if (to <= from)
        return;
    uint64_t more = (to - from) * BLOCK;
    bool last = end == file->size;
    if (more < piece && !last && s->ahead - s->next > s->window / 2)
        return;
    if (more > piece && !last)
        to = from + more / piece * piece / BLOCK;
    *ret = (struct ahead){.from = from, .to = to, .piece = piece};
    s->ahead = to * BLOCK;
}

void ahead_note_locked(struct spfs_fetch_file *file, struct spfs_stream *s, uint64_t off, size_t len,
                       struct ahead *ret)
{
    uint64_t end = off + len;
    *ret = (struct ahead){0};
    if (!s->started || !is_sequential(s, off, len)) {
        if (s->window > 0)
            ranges_call_off_locked(file, s);
        *s = (struct spfs_stream){.started = true, .next = end};
        return;
    }
    if (end <= s->next)
        return; /* the late one of several */
    s->window = least(window_limit(file->f), s->window + AHEAD_FACTOR * (end - s->next));
    s->next = end;
    s->hits++;
    if (s->ahead > 0)
        plan(file, s, ret);
}

void ahead_miss_locked(struct spfs_fetch_file *file, struct spfs_stream *s, const struct reader *r,
                       struct ahead *ret)
{
    uint64_t demand = r->first + r->n, to = demand, all = blocks_of(file->size);
    *ret = (struct ahead){.from = r->first, .piece = RANGE_MAX};
    if (s->window > 0) {
        to = blocks_of(least(file->size, s->next + s->window));
        ret->piece = piece_of(file->f, s->window);
    } else if (file->size <= FIRST_MAX) {
        to = all; /* two requests cost more than some bytes */
    } else if (r->first == 0 && r->len > HEADER_MAX) {
        to = FIRST_MAX / BLOCK;
    }
    ret->to = least(most(to, demand), all);
    s->ahead = most(s->ahead, ret->to * BLOCK);
}

void ahead_reset_locked(struct spfs_stream *s)
{
    s->window = s->ahead = 0;
    s->hits = 0;
}
