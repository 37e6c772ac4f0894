// SPDX-License-Identifier: GPL-3.0-or-later
/* See fetch_rig.h. */
#include "fetch_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct check {
    uint64_t seed, off;
    size_t len;
    unsigned replies;
};

struct rig *rig_new(uint64_t size, const struct spfs_fetch_config *with, bool cached)
{
    struct rig *g = calloc(1, sizeof(*g));
    fake_init(&g->fake);
    g->blocks = cached ? fake_blocks_new() : NULL;
    struct spfs_fetch_config c = with ? *with : (struct spfs_fetch_config){0};
    c.remote = &g->fake.remote;
    c.blocks = g->blocks;
    c.stale = fake_stale;
    c.ctx = &g->fake;
    assert_int_equal(spfs_fetch_new(&c, &g->fetch), 0);
    assert_int_equal(spfs_fetch_start(g->fetch), 0);
    fake_node(&g->node, 7, 1, size);
    assert_int_equal(spfs_fetch_open(g->fetch, &g->node, "d", &g->file), 0);
    return g;
}

void rig_free(struct rig *g)
{
    if (g->file)
        spfs_fetch_close(g->file);
    spfs_fetch_stop(g->fetch);
    spfs_fetch_free(g->fetch);
    if (g->blocks)
        fake_blocks_free(g->blocks);
    fake_done(&g->fake);
    free(g);
}

static int check_bytes(void *ctx, const struct iovec *iov, int n)
{
    struct check *c = ctx;
    uint64_t at = c->off;
    c->replies++;
    for (int i = 0; i < n; at += iov[i++].iov_len)
        if (!fake_is(c->seed, at, iov[i].iov_base, iov[i].iov_len))
            return -EBADMSG;
    return at == c->off + c->len ? 0 : -EMSGSIZE;
}

/* Reads and compares every byte; the result of the read. */
int read_op(struct rig *g, struct spfs_stream *s, struct spfs_op *op, uint64_t off, size_t len,
            unsigned flags, struct spfs_reason *reason)
{
    struct check c = {fake_seed(g->node.id, g->node.etag), off, len, 0};
    int err = spfs_fetch_read(g->file, s, op, off, len, flags, check_bytes, &c, reason);
    assert_int_equal(c.replies, err == 0 ? 1 : 0);
    return err;
}

int read_at(struct rig *g, uint64_t off, size_t len)
{
    struct spfs_op op;
    struct spfs_stream s = {0};
    spfs_op_init(&op, SPFS_URGENT, 0);
    int err = read_op(g, &s, &op, off, len, SPFS_FETCH_NO_AHEAD, NULL);
    spfs_op_done(&op);
    return err;
}

int read_flags(struct rig *g, uint64_t off, size_t len, unsigned flags)
{
    struct spfs_op op;
    struct spfs_stream s = {0};
    spfs_op_init(&op, SPFS_URGENT, 0);
    int err = read_op(g, &s, &op, off, len, flags, NULL);
    spfs_op_done(&op);
    return err;
}

void read_through(struct rig *g, size_t step)
{
    struct spfs_op op;
    struct spfs_stream s = {0};
    spfs_op_init(&op, SPFS_URGENT, 0);
    for (uint64_t at = 0; at < g->node.size; at += step)
        assert_int_equal(
            read_op(g, &s, &op, at, at + step < g->node.size ? step : (size_t)(g->node.size - at), 0, NULL),
            0);
    spfs_op_done(&op);
}

static void *bg_main(void *arg)
{
    struct bg *b = arg;
    struct spfs_stream s = {0};
    b->err = read_op(b->g, &s, &b->op, b->off, b->len, SPFS_FETCH_NO_AHEAD, &b->reason);
    return NULL;
}

void bg_start(struct bg *b, struct rig *g, uint64_t off, size_t len)
{
    memset(b, 0, sizeof(*b));
    b->g = g;
    b->off = off;
    b->len = len;
    spfs_op_init(&b->op, SPFS_URGENT, 0);
    assert_int_equal(pthread_create(&b->thread, NULL, bg_main, b), 0);
}

int bg_join(struct bg *b)
{
    pthread_join(b->thread, NULL);
    spfs_op_done(&b->op);
    return b->err;
}
