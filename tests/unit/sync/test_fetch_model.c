// SPDX-License-Identifier: GPL-3.0-or-later
/* Random concurrent readers of a few files, who know every byte, while the server fails, proves late and cuts
 * short, the cache refuses and evicts, and readers are interrupted. Whatever a read returns as data is right;
 * it fails only with what was done to it; at the end nothing is left in flight. */
#include "fetch_rig.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 3, READERS = 6, ROUNDS = 250 };

struct model {
    struct rig *rigs[FILES]; /* one fetch: rigs[0]'s; the others borrow it */
    atomic_uint left, good, bad;
};

struct one {
    struct model *m;
    uint64_t seed;
    pthread_t thread;
};

static bool allowed(int err)
{
    return err == 0 || err == -EIO || err == -ENETUNREACH || err == -EINTR || err == -ETIMEDOUT ||
           err == -ESTALE;
}

static void *read_some(void *arg)
{
    struct one *o = arg;
    struct spfs_stream s = {0};
    struct rig *g = o->m->rigs[0];
    uint64_t at = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t dice = test_next(&o->seed) % 100;
        if (dice < 10) {
            s = (struct spfs_stream){0};
            g = o->m->rigs[test_next(&o->seed) % FILES];
            at = 0;
        } else if (dice < 40) {
            at = test_next(&o->seed) % g->node.size;
        }
        uint64_t len = dice < 50 ? 1 + test_next(&o->seed) % (1024 * 1024) : BLOCK;
        if (at >= g->node.size)
            at = 0;
        if (len > g->node.size - at)
            len = g->node.size - at;
        struct spfs_op op;
        spfs_op_init(&op, SPFS_URGENT, 20000);
        if (dice >= 97)
            spfs_op_cancel(&op);
        int err = read_op(g, &s, &op, at, (size_t)len, 0, NULL);
        spfs_op_done(&op);
        if (!allowed(err))
            fail_msg("read of %llu at %llu: %d", (unsigned long long)len, (unsigned long long)at, err);
        atomic_fetch_add(err ? &o->m->bad : &o->m->good, 1);
        if (err == 0)
            at += len;
    }
    atomic_fetch_sub(&o->m->left, 1);
    return NULL;
}

/* One more misfortune. */
static void disturb(struct rig *g, uint64_t *seed)
{
    static const int errs[] = {-EIO, -ENETUNREACH, -ETIMEDOUT, -ESTALE};
    {
        SPFS_LOCKED(&g->fake.lock);
        g->fake.err = errs[test_next(seed) % 4];
        g->fake.err_at = test_next(seed) % (8 * MIB);
        g->fake.err_times = 1;
        g->fake.prove = test_next(seed) % 3 == 0 ? PROVE_LATE : PROVE_EARLY;
    }
    fake_blocks_refuse(g->blocks, test_next(seed) % 4 == 0 ? -ENOSPC : 0);
    if (test_next(seed) % 8 == 0)
        fake_blocks_evict(g->blocks, 7 + test_next(seed) % FILES);
}

static void nothing_but_the_truth(void **state)
{
    (void)state;
    struct spfs_fetch_config c = {.budget = 12 * MIB, .window_max = 4 * MIB, .workers = 6};
    struct model m = {.left = READERS};
    struct rig *g = m.rigs[0] = rig_new(9 * MIB + 1, &c, true);
    struct rig others[FILES];
    for (unsigned i = 1; i < FILES; i++) {
        others[i] = (struct rig){.fetch = g->fetch};
        fake_node(&others[i].node, 7 + i, i, i == 1 ? 333 * KIB : 17 * MIB + 4567);
        assert_int_equal(spfs_fetch_open(g->fetch, &others[i].node, "d", &others[i].file), 0);
        m.rigs[i] = &others[i];
    }
    g->fake.err = -EIO; /* the first request fails in any case; nothing runs yet */
    g->fake.err_at = 0;
    g->fake.err_times = 1;
    struct one o[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        o[i] = (struct one){.m = &m, .seed = 1000 + i};
        pthread_create(&o[i].thread, NULL, read_some, &o[i]);
    }
    uint64_t seed = 5;
    for (unsigned n = 1; atomic_load(&m.left) > 0; n++) {
        {
            SPFS_LOCKED(&g->fake.lock);
            unsigned at = g->fake.reads + 2; /* another one every few requests */
            while (g->fake.reads < at && atomic_load(&m.left) > 0)
                spfs_cond_wait_ms(&g->fake.cond, &g->fake.lock, 20);
        }
        disturb(g, &seed);
    }
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(o[i].thread, NULL);
    assert_true(m.good > READERS * ROUNDS / 2);
    assert_true(m.bad > 0);
    for (unsigned i = 1; i < FILES; i++)
        spfs_fetch_close(others[i].file);
    spfs_fetch_close(g->file);
    g->file = NULL;
    spfs_fetch_stop(g->fetch);
    struct spfs_fetch_stats st;
    spfs_fetch_stats(g->fetch, &st);
    assert_int_equal(st.buffers, 0);
    assert_int_equal(st.in_flight, 0);
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
