/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A crew of threads and a queue a level of urgency.
 * States: new → started → stopping → stopped. Jobs are linked through themselves; the lock guards all fields
 * below it. */
#include <spfs/base/workq.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lane {
    struct spfs_job *head;
    struct spfs_job **tail;
};

struct spfs_workq {
    char name[16];
    unsigned size;
    struct spfs_lock lock;
    struct spfs_cond wake;
    struct lane lanes[3]; /* by urgency */
    bool stopping;
    unsigned running; /* threads started */
    pthread_t threads[];
};

struct spfs_workq *spfs_workq_new(const char *name, unsigned threads)
{
    struct spfs_workq *q = calloc(1, sizeof(*q) + threads * sizeof(pthread_t));
    if (!q)
        return NULL;
    snprintf(q->name, sizeof(q->name), "%s", name);
    q->size = threads;
    spfs_lock_init(&q->lock, SPFS_RANK_WORKQ);
    spfs_cond_init(&q->wake);
    for (int i = 0; i < 3; i++)
        q->lanes[i].tail = &q->lanes[i].head;
    return q;
}

static struct spfs_job *pop_locked(struct spfs_workq *q)
{
    for (int i = 0; i < 3; i++) {
        struct spfs_job *job = q->lanes[i].head;
        if (!job)
            continue;
        q->lanes[i].head = job->next;
        if (!job->next)
            q->lanes[i].tail = &q->lanes[i].head;
        job->next = NULL;
        return job;
    }
    return NULL;
}

static void *worker(void *arg)
{
    struct spfs_workq *q = arg;
    for (;;) {
        struct spfs_job *job = NULL;
        {
            SPFS_LOCKED(&q->lock);
            while (!q->stopping && (job = pop_locked(q)) == NULL)
                spfs_cond_wait(&q->wake, &q->lock);
            if (q->stopping)
                return NULL;
        }
        job->run(job);
    }
}

int spfs_workq_start(struct spfs_workq *q)
{
    while (q->running < q->size) {
        int err = spfs_thread_start(&q->threads[q->running], q->name, worker, q);
        if (err)
            return err;
        q->running++;
    }
    return 0;
}

int spfs_workq_add(struct spfs_workq *q, struct spfs_job *job)
{
    SPFS_LOCKED(&q->lock);
    if (q->stopping)
        return -ESHUTDOWN;
    job->next = NULL;
    struct lane *lane = &q->lanes[job->urgency];
    *lane->tail = job;
    lane->tail = &job->next;
    spfs_cond_signal(&q->wake);
    return 0;
}

void spfs_workq_stop(struct spfs_workq *q)
{
    struct spfs_job *left = NULL, *job;
    {
        SPFS_LOCKED(&q->lock);
        q->stopping = true;
        while ((job = pop_locked(q)) != NULL) {
            job->next = left;
            left = job;
        }
        spfs_cond_broadcast(&q->wake);
    }
    for (; q->running > 0; q->running--)
        pthread_join(q->threads[q->running - 1], NULL);
    while ((job = left) != NULL) {
        left = job->next;
        if (job->drop)
            job->drop(job);
    }
}

void spfs_workq_free(struct spfs_workq *q)
{
    if (!q)
        return;
    spfs_workq_stop(q);
    spfs_cond_done(&q->wake);
    spfs_lock_done(&q->lock);
    free(q);
}

int spfs_thread_start(pthread_t *ret, const char *name, void *(*entry)(void *), void *arg)
{
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, (size_t)512 * 1024);
    int err = pthread_create(ret, &a, entry, arg);
    pthread_attr_destroy(&a);
    if (!err)
        pthread_setname_np(*ret, name);
    return -err;
}
