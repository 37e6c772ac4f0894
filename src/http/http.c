/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine: the thread that owns the multi handle.
 * States: new → running → stopped. A transfer is submitted → waiting (more than active_max at once) → active
 * → done. Invariants: a transfer is on exactly one of the lists; `done` is set after its easy handle left the
 * multi handle; the engine holds no lock while libcurl or a callback runs. Threads: lock (SPFS_RANK_HTTP)
 * guards the submissions and `done`. spfs_op_cancel calls wake() with the op's lock held, so wake only sets
 * flags. Deadlines and stalls are looked at when the earliest of them is due, or when a flag says so. */
#include "http_i.h"

#include <spfs/base/clock.h>
#include <spfs/base/workq.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

/* A poll's clock stands still in suspend: while anything is under way it is looked at every second, too. */
enum { ACTIVE_DEFAULT = 32, POLL_BUSY_MS = 1000, POLL_IDLE_MS = 60000 };

static void wake(void *ctx)
{
    struct transfer *x = ctx;
    atomic_store(&x->cancelled, true);
    atomic_store(&x->h->attention, true);
    curl_multi_wakeup(x->h->multi);
}

/* ---- the engine's thread ---- */

static void unlink_transfer(struct transfer **list, struct transfer *x)
{
    while (*list != x)
        list = &(*list)->next;
    *list = x->next;
    x->next = NULL;
}

static void finish(struct spfs_http *h, struct transfer *x, int result)
{
    SPFS_LOCKED(&h->lock);
    x->result = result;
    x->done = true;
    spfs_cond_signal(&x->cond); /* with the lock: afterwards x is gone */
}

static void put_easy(struct spfs_http *h, CURL *easy)
{
    curl_easy_reset(easy);
    if (h->idle_count < SPFS_ARRAY_LEN(h->idle))
        h->idle[h->idle_count++] = easy;
    else
        curl_easy_cleanup(easy);
}

static void end_active(struct spfs_http *h, struct transfer *x, int result)
{
    unlink_transfer(&h->active, x);
    h->active_count--;
    curl_multi_remove_handle(h->multi, x->easy);
    put_easy(h, TAKE(x->easy));
    finish(h, x, result);
}

static void begin(struct spfs_http *h, struct transfer *x)
{
    x->easy = h->idle_count > 0 ? h->idle[--h->idle_count] : curl_easy_init();
    int err = x->easy ? transfer_setup(x) : -ENOMEM;
    if (!err && curl_multi_add_handle(h->multi, x->easy) != CURLM_OK)
        err = -ENOMEM;
    if (err) {
        if (x->easy)
            put_easy(h, TAKE(x->easy));
        finish(h, x, err);
        return;
    }
    x->next = h->active;
    h->active = x;
    h->active_count++;
}

/* Moves what was submitted behind what waits. False when the engine has to stop. */
static bool collect(struct spfs_http *h)
{
    struct transfer **tail = &h->waiting;
    while (*tail)
        tail = &(*tail)->next;
    SPFS_LOCKED(&h->lock);
    *tail = TAKE(h->submitted);
    h->submitted_tail = &h->submitted;
    return h->state == ENGINE_RUNNING;
}

/* The most urgent first, in order within one urgency. */
static void admit(struct spfs_http *h)
{
    while (h->waiting && h->active_count < h->active_max) {
        struct transfer *best = h->waiting;
        for (struct transfer *x = best->next; x; x = x->next)
            if (x->op->urgency < best->op->urgency)
                best = x;
        unlink_transfer(&h->waiting, best);
        begin(h, best);
    }
}

static void reap(struct spfs_http *h)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(h->multi, &left))) {
        struct transfer *x = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
        end_active(h, x, transfer_result(x, code));
    }
}

/* Whether x has to end now; otherwise notes when to look again. */
static int verdict(struct spfs_http *h, const struct transfer *x)
{
    if (atomic_load(&x->cancelled))
        return -EINTR;
    if (h->now_ms >= x->op->deadline_ms)
        return -ETIMEDOUT;
    uint64_t due = x->op->deadline_ms;
    if (x->easy && x->moved_ms != UINT64_MAX) {
        uint64_t stall = x->moved_ms + x->stall_ms;
        if (h->now_ms >= stall && stall > x->moved_ms)
            return -ETIMEDOUT;
        if (stall > x->moved_ms && stall < due)
            due = stall;
    } else if (h->now_ms + x->stall_ms < due) {
        due = h->now_ms + x->stall_ms; /* no clock runs yet for it */
    }
    if (due < h->due_ms)
        h->due_ms = due;
    return 0;
}

static void sweep(struct spfs_http *h)
{
    struct transfer *next;
    h->due_ms = UINT64_MAX;
    for (struct transfer *x = h->waiting; x; x = next) {
        next = x->next;
        int err = verdict(h, x);
        if (err) {
            unlink_transfer(&h->waiting, x);
            finish(h, x, err);
        }
    }
    for (struct transfer *x = h->active; x; x = next) {
        next = x->next;
        int err = verdict(h, x);
        if (err)
            end_active(h, x, err);
    }
}

static void end_all(struct spfs_http *h)
{
    while (h->active)
        end_active(h, h->active, -ESHUTDOWN);
    while (h->waiting) {
        struct transfer *x = h->waiting;
        h->waiting = TAKE(x->next);
        finish(h, x, -ESHUTDOWN);
    }
}

/* One round; false at the end. */
static bool turn(struct spfs_http *h)
{
    int running;
    bool look = atomic_exchange(&h->attention, false);
    if (look && !collect(h))
        return false;
    h->now_ms = spfs_now_ms();
    admit(h);
    curl_multi_perform(h->multi, &running);
    reap(h);
    if (look || h->now_ms >= h->due_ms)
        sweep(h);
    admit(h);
    return true;
}

/* OpenSSL writes to sockets without MSG_NOSIGNAL. */
static void block_sigpipe(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *engine(void *arg)
{
    struct spfs_http *h = arg;
    block_sigpipe();
    while (turn(h)) {
        uint64_t wait = h->due_ms > h->now_ms ? h->due_ms - h->now_ms : 0;
        int most = h->active || h->waiting ? POLL_BUSY_MS : POLL_IDLE_MS;
        curl_multi_poll(h->multi, NULL, 0, wait < (uint64_t)most ? (int)wait : most, NULL);
    }
    end_all(h);
    return NULL;
}

/* ---- everybody else ---- */

static int copy_text(const char *s, char **ret)
{
    *ret = s ? strdup(s) : NULL;
    return s && !*ret ? -ENOMEM : 0;
}

SPFS_DEFINE_CLEANUP(struct spfs_http *, spfs_http_free, http_p)

int spfs_http_new(const struct spfs_http_config *config, struct spfs_http **ret, struct spfs_reason *reason)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return spfs_fail(reason, -ENOMEM, "libcurl cannot be initialised");
    SPFS_CLEANUP(http_p) struct spfs_http *h = calloc(1, sizeof(*h));
    if (!h) {
        curl_global_cleanup();
        return spfs_fail(reason, -ENOMEM, "out of memory");
    }
    spfs_lock_init(&h->lock, SPFS_RANK_HTTP);
    h->submitted_tail = &h->submitted;
    h->due_ms = UINT64_MAX;
    h->active_max = config->max_connections ? config->max_connections : ACTIVE_DEFAULT;
    if (copy_text(config->ca_file, &h->ca_file) || copy_text(config->proxy, &h->proxy) ||
        copy_text(config->user_agent, &h->user_agent))
        return spfs_fail(reason, -ENOMEM, "out of memory");
    if (h->ca_file && access(h->ca_file, R_OK) < 0)
        return spfs_fail(reason, -errno, "the file of certificates %s cannot be read: %s", h->ca_file,
                         strerror(errno));
    *ret = TAKE(h);
    return 0;
}

int spfs_http_start(struct spfs_http *h)
{
    SPFS_LOCKED(&h->lock);
    if (h->state != ENGINE_NEW)
        return -ESHUTDOWN;
    if (!h->multi)
        h->multi = curl_multi_init();
    if (!h->multi)
        return -ENOMEM;
    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->active_max);
    int err = spfs_thread_start(&h->thread, "spfs-http", engine, h);
    if (!err)
        h->state = ENGINE_RUNNING;
    return err;
}

void spfs_http_stop(struct spfs_http *h)
{
    bool running;
    {
        SPFS_LOCKED(&h->lock);
        running = h->state == ENGINE_RUNNING;
        h->state = ENGINE_STOPPED;
    }
    if (!running)
        return;
    atomic_store(&h->attention, true);
    curl_multi_wakeup(h->multi);
    pthread_join(h->thread, NULL);
}

void spfs_http_free(struct spfs_http *h)
{
    if (!h)
        return;
    spfs_http_stop(h);
    while (h->idle_count > 0)
        curl_easy_cleanup(h->idle[--h->idle_count]);
    if (h->multi)
        curl_multi_cleanup(h->multi);
    free(h->ca_file);
    free(h->proxy);
    free(h->user_agent);
    spfs_lock_done(&h->lock);
    free(h);
    curl_global_cleanup();
}

bool http_is_running(struct spfs_http *h)
{
    SPFS_LOCKED(&h->lock);
    return h->state == ENGINE_RUNNING;
}

static int submit_and_wait(struct spfs_http *h, struct transfer *x)
{
    SPFS_LOCKED(&h->lock);
    if (h->state != ENGINE_RUNNING)
        return -ESHUTDOWN;
    if (pthread_equal(pthread_self(), h->thread))
        return -EDEADLK;
    *h->submitted_tail = x;
    h->submitted_tail = &x->next;
    atomic_store(&h->attention, true);
    curl_multi_wakeup(h->multi);
    while (!x->done)
        spfs_cond_wait(&x->cond, &h->lock); /* the engine ends it by the deadline at the latest */
    return x->result;
}

int spfs_http_perform(struct spfs_http *h, struct spfs_op *op, const struct spfs_http_request *req,
                      struct spfs_http_response *ret, struct spfs_reason *reason)
{
    struct transfer x;
    *ret = (struct spfs_http_response){0};
    spfs_buf_init(&ret->body, req->max_body ? req->max_body : 1024 * 1024);
    int err = transfer_init(&x, h, op, req, ret);
    if (!err) {
        spfs_op_watch(op, wake, &x);
        err = spfs_op_check(op); /* a cancellation from here on is seen by wake */
        if (!err)
            err = submit_and_wait(h, &x);
        spfs_op_watch(op, NULL, NULL);
        ret->sent = x.sent;
    }
    if (err)
        transfer_fail(&x, err, reason);
    transfer_done(&x);
    return err;
}

void spfs_http_response_done(struct spfs_http_response *r)
{
    spfs_buf_done(&r->body);
}
