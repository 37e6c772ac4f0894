// SPDX-License-Identifier: GPL-3.0-or-later
/* Siblings: small files of one folder, fetched whole ahead of their reader. One task asks for the addresses
 * of up to 20 of them in one request, then queues a range a file. Blocks are claimed after the addresses have
 * come, so that a reader who is faster does not wait for them. Threads: tasks run on the fetch workers when
 * nothing more urgent waits. Ownership: a task belongs to the queue, then to its worker; it holds its files.
 */
#include "fetch_i.h"

#include <stdlib.h>

enum { PREPARE_MS = 30000 };

struct task {
    struct task *next; /* queue or running list; guarded by: fetch lock */
    struct spfs_op op; /* while running */
    size_t n;
    struct spfs_fetch_file *files[20];
};

void spfs_fetch_siblings(struct spfs_fetch *f, const struct spfs_fetch_ahead *v, size_t n)
{
    if (!f->config.blocks)
        return; /* nowhere to keep them */
    struct task *t = calloc(1, sizeof(*t));
    if (!t)
        return;
    for (size_t i = 0; i < n && t->n < 20; i++) {
        const struct spfs_node *node = v[i].node;
        if (node->kind != SPFS_KIND_FILE || !node->size_known || node->size == 0 || node->size > SIBLING_MAX)
            continue;
        struct spfs_fetch_file *file = file_hold(f, node, v[i].drive_id);
        if (file)
            t->files[t->n++] = file;
    }
    SPFS_LOCKED(&f->lock);
    if (t->n == 0 || f->stopping || f->tasks_queued == SIBLING_TASKS) {
        while (t->n > 0)
            file_unref_locked(t->files[--t->n]);
        free(t);
        return;
    }
    *f->tasks_end = t;
    f->tasks_end = &t->next;
    f->tasks_queued++;
    spfs_cond_signal(&f->work);
}

struct task *task_pop_locked(struct spfs_fetch *f)
{
    struct task *t = f->tasks;
    if (!t || f->running_ahead + f->running_siblings + 1 >= f->config.workers)
        return NULL;
    f->tasks = t->next;
    if (!f->tasks)
        f->tasks_end = &f->tasks;
    f->tasks_queued--;
    spfs_op_init(&t->op, SPFS_BACKGROUND, PREPARE_MS);
    t->next = f->tasks_running;
    f->tasks_running = t;
    return t;
}

/* Is there a block that is neither in flight nor cached? */
static bool lacks_something(struct spfs_fetch_file *file)
{
    struct spfs_fetch *f = file->f;
    uint64_t n = (file->size + BLOCK - 1) / BLOCK;
    struct spfs_blocks_txn *t;
    if (spfs_blocks_begin(f->config.blocks, &t) < 0)
        return false;
    bool lacks = false;
    for (uint64_t i = 0; i < n && !lacks; i++)
        lacks = !spfs_blocks_has(t, file->ino, file->content, i);
    spfs_blocks_end(t);
    SPFS_LOCKED(&f->lock);
    return lacks && file->slots < n;
}

static void fetch_whole(struct spfs_fetch_file *file, struct spfs_op *op)
{
    struct claim c = {
        .file = file,
        .ahead_to = (file->size + BLOCK - 1) / BLOCK,
        .class = RANGE_SIBLING,
        .piece = RANGE_MAX,
    };
    claim_run(&c, NULL, op);
}

void task_run(struct spfs_fetch *f, struct task *t)
{
    struct spfs_remote *remote = f->config.remote;
    struct spfs_ref refs[20];
    struct ident *idents[20];
    size_t n = 0, left = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!lacks_something(t->files[i])) {
            file_release(t->files[i]);
            continue;
        }
        t->files[left++] = t->files[i];
    }
    t->n = left;
    {
        SPFS_LOCKED(&f->lock);
        for (; n < left; n++) {
            idents[n] = t->files[n]->ident;
            idents[n]->refs++;
            refs[n] = idents[n]->ref;
        }
    }
    if (n > 1 && remote->ops->prepare)
        remote->ops->prepare(remote, &t->op, refs, n); /* best effort: a read finds its address itself */
    for (size_t i = 0; i < n; i++)
        fetch_whole(t->files[i], &t->op);
    SPFS_LOCKED(&f->lock);
    for (size_t i = 0; i < n; i++) {
        ident_unref_locked(idents[i]);
        file_unref_locked(t->files[i]);
    }
    struct task **at = &f->tasks_running;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    spfs_op_done(&t->op);
    free(t);
}

void tasks_cancel_locked(struct spfs_fetch *f)
{
    for (struct task *t = f->tasks_running; t; t = t->next)
        spfs_op_cancel(&t->op);
}

void tasks_free(struct spfs_fetch *f)
{
    while (f->tasks) {
        struct task *t = f->tasks;
        f->tasks = t->next;
        for (size_t i = 0; i < t->n; i++)
            file_release(t->files[i]);
        free(t);
    }
}
