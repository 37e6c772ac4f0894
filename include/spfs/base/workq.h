/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A fixed crew of threads serving a queue of jobs, most urgent first, in order within one urgency. */
#ifndef SPFS_BASE_WORKQ_H
#define SPFS_BASE_WORKQ_H

#include <spfs/base/op.h>

struct spfs_workq;

/* A job is embedded by its owner and belongs to the queue from add until run or drop is called (exactly one
 * of them). */
struct spfs_job {
    void (*run)(struct spfs_job *job);
    void (*drop)(struct spfs_job *job); /* the queue stopped before it ran; may be NULL */
    enum spfs_urgency urgency;
    struct spfs_job *next; /* the queue's */
};

/* name: of the threads, at most 15 bytes. Starts nothing. NULL when out of memory. */
struct spfs_workq *spfs_workq_new(const char *name, unsigned threads);
int spfs_workq_start(struct spfs_workq *q); /* 0 or -errno */
/* -ESHUTDOWN after stop (the job stays the caller's). */
int spfs_workq_add(struct spfs_workq *q, struct spfs_job *job);
/* Runs no further job, drops the queued ones, waits for the running ones. Idempotent. */
void spfs_workq_stop(struct spfs_workq *q);
void spfs_workq_free(struct spfs_workq *q); /* stops */

/* A thread to be joined, with a name (15 bytes) and a 512 KiB stack. */
int spfs_thread_start(pthread_t *ret, const char *name, void *(*entry)(void *), void *arg);

#endif
