/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ranked locks: in debug builds a thread remembers what it holds and aborts when it takes a lower or equal
 * rank. */
#include <spfs/base/lock.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef SPFS_DEBUG
enum { HELD_MAX = 8 };
static _Thread_local enum spfs_lock_rank held[HELD_MAX];
static _Thread_local unsigned held_count;

static void rank_push(enum spfs_lock_rank rank)
{
    if (held_count > 0 && held[held_count - 1] >= rank) {
        fprintf(stderr, "spfs: lock of rank %d taken while holding rank %d\n", (int)rank,
                (int)held[held_count - 1]);
        abort();
    }
    if (held_count == HELD_MAX)
        abort();
    held[held_count++] = rank;
}

static void rank_pop(enum spfs_lock_rank rank)
{
    unsigned i = held_count;
    while (i > 0 && held[i - 1] != rank)
        i--;
    if (i == 0)
        abort();
    for (; i < held_count; i++)
        held[i - 1] = held[i];
    held_count--;
}
#else
static inline void rank_push(enum spfs_lock_rank rank)
{
    (void)rank;
}
static inline void rank_pop(enum spfs_lock_rank rank)
{
    (void)rank;
}
#endif

void spfs_lock_init(struct spfs_lock *l, enum spfs_lock_rank rank)
{
    pthread_mutex_init(&l->m, NULL);
    l->rank = rank;
}

void spfs_lock_done(struct spfs_lock *l)
{
    pthread_mutex_destroy(&l->m);
}

void spfs_lock_take(struct spfs_lock *l)
{
    rank_push(l->rank);
    pthread_mutex_lock(&l->m);
}

void spfs_lock_drop(struct spfs_lock *l)
{
    pthread_mutex_unlock(&l->m);
    rank_pop(l->rank);
}

struct spfs_lock *spfs_lock_hold(struct spfs_lock *l)
{
    spfs_lock_take(l);
    return l;
}

void spfs_lock_release_p(struct spfs_lock **l)
{
    spfs_lock_drop(*l);
}

void spfs_cond_init(struct spfs_cond *c)
{
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(&c->c, &a);
    pthread_condattr_destroy(&a);
}

void spfs_cond_done(struct spfs_cond *c)
{
    pthread_cond_destroy(&c->c);
}

void spfs_cond_signal(struct spfs_cond *c)
{
    pthread_cond_signal(&c->c);
}

void spfs_cond_broadcast(struct spfs_cond *c)
{
    pthread_cond_broadcast(&c->c);
}

void spfs_cond_wait(struct spfs_cond *c, struct spfs_lock *l)
{
    pthread_cond_wait(&c->c, &l->m);
}

bool spfs_cond_wait_ms(struct spfs_cond *c, struct spfs_lock *l, uint64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (ms > 86400000u)
        ms = 86400000u; /* a day: callers loop, and the sum below cannot overflow */
    t.tv_sec += (time_t)(ms / 1000u);
    t.tv_nsec += (long)(ms % 1000u) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return pthread_cond_timedwait(&c->c, &l->m, &t) != ETIMEDOUT;
}
