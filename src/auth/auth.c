// SPDX-License-Identifier: GPL-3.0-or-later
/* The token of one sign-in in this process.
 *
 * States: idle → REFRESHING (one thread, lock dropped) → idle with a new token, or failed until a moment.
 * While REFRESHING the others use the old token as long as it is good, or wait for the outcome, which they
 * share. A token is renewed ahead of its end (soft margin); it is handed out down to the hard margin, and,
 * when the service cannot be reached, until it ends. Threads: any. Lock rank TOKEN; dropped for files and
 * HTTP. Only the thread that is REFRESHING changes `now` and `kept`. */
#include "request_i.h"
#include "vault_i.h"

#include <errno.h>
#include <string.h>

#include <spfs/base/clock.h>
#include <spfs/base/lock.h>
#include <spfs/base/log.h>

enum {
    SOFT_MS = 300000,
    HARD_MS = 60000,
    TRIES = 3,
    WAIT_MAX_MS = 10000,  /* for a busy service within one call, and for another process's refresh */
    POLL_MS = 25,         /* flock(2) knows no deadline */
    AGAIN_MS = 500,       /* first pause after a failure; doubles */
    AGAIN_MAX_MS = 15000, /* offline: people notice when the network is back */
    REFUSED_MS = 3000,    /* the same for refusals */
    REFUSED_MAX_MS = 60000,
    BUSY_MAX_MS = 3600000, /* the longest Retry-After that is believed */
};

struct failure {
    int err; /* 0: none */
    bool busy;
    unsigned count;
    uint64_t until_ms;        /* no attempt before */
    char digest[DIGEST_TEXT]; /* of the credential that was refused */
    struct spfs_reason reason;
};

struct auth {
    struct spfs_token base;
    struct account account;
    const struct flow *flow;
    struct spfs_http *http; /* shares */
    struct spfs_lock lock;
    struct spfs_cond cond;      /* an outcome is there */
    bool refreshing;            /* guarded by: lock */
    struct record now;          /* guarded by: lock, and see above */
    bool kept;                  /* guarded by: likewise. `now` is in the vault */
    struct spfs_secret refused; /* guarded by: lock. The token that the server did not take last */
    struct failure failure;     /* guarded by: lock */
};

static struct auth *of(struct spfs_token *t)
{
    return (struct auth *)(void *)t;
}

static uint64_t margin(const struct record *r, uint64_t most, uint64_t share)
{
    return r->life_ms / share < most ? r->life_ms / share : most;
}

static bool is_soft_good(const struct record *r)
{
    return record_left_ms(r) > margin(r, SOFT_MS, 2);
}

static bool is_hard_good(const struct record *r)
{
    return record_left_ms(r) > margin(r, HARD_MS, 4);
}

static bool is_same(const struct spfs_secret *a, const struct spfs_secret *b)
{
    return a && b && a->data && b->data && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* The vault's lock, or none after a while: two refreshes at once do no harm, a process that hangs must not
 * stop all others. */
static int lock_vault(struct auth *t, struct spfs_op *op, int *ret_fd, struct spfs_reason *reason)
{
    uint64_t half = spfs_op_left_ms(op) / 2,
             until = spfs_now_ms() + (half < WAIT_MAX_MS ? half : WAIT_MAX_MS);
    int err;
    while ((err = vault_try_lock(&t->account, ret_fd, reason)) == -EAGAIN && spfs_now_ms() < until) {
        err = spfs_op_check(op);
        if (err)
            return err;
        SPFS_LOCKED(&t->lock);
        spfs_cond_wait_ms(&t->cond, &t->lock, POLL_MS);
    }
    if (err == -EPERM)
        return -EACCES;
    if (err && err != -EAGAIN)
        spfs_warn("tokens are not kept on disk: %s cannot be used: %s", t->account.vault_dir, strerror(-err));
    return 0;
}

/* The state to go on from: the vault's, which another process may have renewed; else our own, unless it was
 * in the vault and has been removed from there (a disconnect). */
static int load(struct auth *t, struct record *ret)
{
    int err = vault_load(&t->account, ret);
    if (err != -ENOENT)
        return err;
    *ret = (struct record){0};
    return t->kept ? 0 : record_copy(ret, &t->now);
}

/* r becomes what the reply says. */
static int accept_reply(struct record *r, const struct credential *c, const struct reply *reply)
{
    const struct spfs_secret *refresh = reply->refresh.data ? &reply->refresh : &c->refresh;
    int err = record_set_access(r, &reply->access, reply->life_ms);
    if (!err && refresh->data)
        err = spfs_secret_set(&r->refresh, refresh->data, refresh->len);
    if (err)
        return err;
    spfs_copy(r->seed, sizeof(r->seed), c->seed);
    spfs_copy(r->credential, sizeof(r->credential), c->digest);
    if (r->refresh.data)
        account_digest(r->refresh.data, r->refresh.len, r->credential);
    return 0;
}

static int request(struct auth *t, struct spfs_op *op, const struct credential *c, struct record *r,
                   bool *kept, struct failure *f)
{
    struct reply reply = {0};
    int err = request_token(&t->account, t->flow, c, t->http, op, &reply, &f->reason);
    if (!err)
        err = accept_reply(r, c, &reply);
    f->busy = err == -ENETUNREACH && reply.answered;
    if (f->busy && reply.retry_after_ms > 0)
        f->until_ms = spfs_now_ms() +
                      (uint64_t)(reply.retry_after_ms < BUSY_MAX_MS ? reply.retry_after_ms : BUSY_MAX_MS);
    reply_done(&reply);
    if (err)
        return err;
    err = vault_store(&t->account, r);
    *kept = !err && t->account.vault_dir;
    if (err)
        spfs_warn("the token of %s could not be stored: %s", t->account.tenant, strerror(-err));
    return 0;
}

/* Without the lock. *r is empty before, and the caller's afterwards. */
static int renew(struct auth *t, struct spfs_op *op, const struct spfs_secret *refused, struct record *r,
                 bool *kept, struct failure *f)
{
    SPFS_CLOSE int fd = -1;
    struct credential c = {0};
    int err = lock_vault(t, op, &fd, &f->reason);
    if (!err)
        err = load(t, r);
    if (!err)
        err = t->flow->load(&t->account, r, &c, &f->reason);
    spfs_copy(f->digest, sizeof(f->digest), c.digest);
    *kept = t->kept;
    if (!err && !(is_soft_good(r) && strcmp(r->credential, c.digest) == 0 && !is_same(&r->access, refused)))
        err = request(t, op, &c, r, kept, f);
    else if (!err)
        *kept = true;
    credential_done(&c);
    return err;
}

static uint64_t backoff_ms(unsigned count, uint64_t first, uint64_t most)
{
    uint64_t ms = count < 10 ? first << count : most;
    ms = ms < most ? ms : most;
    return ms / 2 + spfs_random(ms / 2 + 1);
}

static bool is_refusal(int err)
{
    return err == -EACCES || err == -EKEYEXPIRED;
}

/* f: what has just failed. What ended with our caller's patience, or memory, or the program says nothing
 * about the service. */
static void note_failure_locked(struct auth *t, struct spfs_op *op, const struct failure *f)
{
    if (f->err == -ENOMEM || f->err == -ESHUTDOWN || f->err == -EINTR ||
        (f->err == -ETIMEDOUT && spfs_op_check(op)))
        return;
    unsigned count = t->failure.err ? t->failure.count + 1 : 0;
    uint64_t until = spfs_now_ms();
    if (!is_refusal(f->err))
        until += backoff_ms(count, AGAIN_MS, AGAIN_MAX_MS);
    else if (f->digest[0]) /* without a credential nothing was asked: no need to pause */
        until += backoff_ms(count, REFUSED_MS, REFUSED_MAX_MS);
    t->failure = *f;
    t->failure.count = count;
    if (t->failure.until_ms < until)
        t->failure.until_ms = until;
}

/* One refresh by this thread; the lock is dropped meanwhile. */
static int refresh_locked(struct auth *t, struct spfs_op *op, struct spfs_reason *reason)
{
    struct failure f = {0};
    struct record r = {0};
    struct spfs_secret refused = {0};
    bool kept = false;
    t->refreshing = true;
    int err = t->refused.data ? spfs_secret_set(&refused, t->refused.data, t->refused.len) : 0;
    spfs_lock_drop(&t->lock);
    f.err = err ? err : renew(t, op, &refused, &r, &kept, &f);
    spfs_lock_take(&t->lock);
    t->refreshing = false;
    if (f.err) {
        record_done(&r);
        note_failure_locked(t, op, &f);
        if (reason)
            *reason = f.reason;
    } else {
        record_done(&t->now);
        t->now = r;
        t->kept = kept;
        t->failure = (struct failure){0};
    }
    spfs_secret_done(&refused);
    spfs_cond_broadcast(&t->cond);
    return f.err;
}

/* Another secret, or another sign-in, is worth an attempt at once. The lock is dropped meanwhile. */
static bool credential_changed_locked(struct auth *t)
{
    struct record r = {0};
    struct credential c = {0};
    char digest[DIGEST_TEXT];
    memcpy(digest, t->failure.digest, sizeof(digest));
    t->refreshing = true; /* keeps `now` still for load() */
    spfs_lock_drop(&t->lock);
    if (load(t, &r) == 0)
        (void)t->flow->load(&t->account, &r, &c,
                            NULL); /* one that cannot be read differs, too: then the attempt says why */
    bool changed = strcmp(c.digest, digest) != 0;
    credential_done(&c);
    record_done(&r);
    spfs_lock_take(&t->lock);
    t->refreshing = false;
    spfs_cond_broadcast(&t->cond);
    return changed;
}

static bool is_paused(const struct auth *t)
{
    return t->failure.err && spfs_now_ms() < t->failure.until_ms;
}

/* Busy services answer again soon, as a rule. */
static bool is_worth_waiting(const struct auth *t, int err)
{
    return t->failure.busy && t->failure.err == err;
}

/* In a pause after a failure: 0 to go on with a refresh, 1 to look again, or the failure. */
static int pause_locked(struct auth *t, struct spfs_op *op)
{
    if (!is_paused(t))
        return 0;
    if (is_refusal(t->failure.err)) {
        if (!credential_changed_locked(t))
            return t->failure.err ? t->failure.err : 1;
        t->failure.until_ms = 0;
        return 1;
    }
    uint64_t now = spfs_now_ms(), wait = t->failure.until_ms > now ? t->failure.until_ms - now : 0;
    if (!t->failure.busy || wait > WAIT_MAX_MS || wait >= spfs_op_left_ms(op))
        return t->failure.err;
    int err = spfs_op_wait(op, &t->cond, &t->lock);
    return err ? err : 1;
}

static int give_locked(const struct auth *t, struct spfs_secret *ret)
{
    struct spfs_secret copy = {0};
    int err = spfs_secret_set(&copy, t->now.access.data, t->now.access.len);
    if (!err)
        *ret = copy;
    return err;
}

/* A failed attempt: the old token serves while it lasts, unless it was the sign-in that failed. */
static int give_up_locked(const struct auth *t, int err, struct spfs_secret *ret, struct spfs_reason *reason)
{
    if (record_left_ms(&t->now) > 0 && (!is_refusal(err) || is_hard_good(&t->now)) && err != -EINTR &&
        !is_same(&t->now.access, &t->refused))
        return give_locked(t, ret);
    if (err == -ETIMEDOUT && (!reason || !reason->text[0]))
        return spfs_fail(reason, err, "Signing in to %s took too long; check the network.",
                         t->account.tenant);
    if (reason && t->failure.err == err)
        *reason = t->failure.reason;
    return err;
}

static int get(struct spfs_token *token, struct spfs_op *op, const struct spfs_secret *rejected,
               struct spfs_secret *ret, struct spfs_reason *reason)
{
    struct auth *t = of(token);
    int err;
    if (reason)
        reason->text[0] = '\0';
    SPFS_LOCKED(&t->lock);
    if (rejected && rejected->data && is_same(rejected, &t->now.access)) {
        err = spfs_secret_set(&t->refused, rejected->data, rejected->len);
        if (err)
            return err;
    }
    for (unsigned tries = 0;;) {
        bool taken = !is_same(&t->now.access, &t->refused);
        bool easy = t->refreshing || is_paused(t); /* a renewal ahead of time can wait */
        if (taken && (is_soft_good(&t->now) || (easy && is_hard_good(&t->now))))
            return give_locked(t, ret);
        if (t->refreshing) {
            err = spfs_op_wait(op, &t->cond, &t->lock);
            if (!err)
                continue;
        } else {
            err = spfs_op_check(op);
            if (!err)
                err = pause_locked(t, op);
            if (err > 0)
                continue;
            if (!err && tries++ == TRIES)
                err = t->failure.err ? t->failure.err : -EACCES;
            else if (!err && ((err = refresh_locked(t, op, reason)) == 0 || is_worth_waiting(t, err)))
                continue;
        }
        return give_up_locked(t, err, ret, reason);
    }
}

static bool is_delegated(struct spfs_token *token)
{
    return of(token)->flow->delegated;
}

static void free_token(struct spfs_token *token)
{
    struct auth *t = of(token);
    record_done(&t->now);
    spfs_secret_done(&t->refused);
    spfs_cond_done(&t->cond);
    spfs_lock_done(&t->lock);
    account_done(&t->account);
    free(t);
}

int spfs_auth_new(const struct spfs_auth_config *config, struct spfs_http *http, struct spfs_token **ret,
                  struct spfs_reason *reason)
{
    static const struct spfs_token_ops ops = {.get = get, .is_delegated = is_delegated, .free = free_token};
    SPFS_FREE struct auth *t = calloc(1, sizeof(*t));
    int err = t ? account_init(&t->account, config, reason) : -ENOMEM;
    if (err)
        return err;
    t->base.ops = &ops;
    t->http = http;
    t->flow = config->kind == SPFS_AUTH_SECRET ? &flow_secret : &flow_refresh;
    spfs_lock_init(&t->lock, SPFS_RANK_TOKEN);
    spfs_cond_init(&t->cond);
    *ret = &TAKE(t)->base;
    return 0;
}

int spfs_auth_forget(const struct spfs_auth_config *config, struct spfs_reason *reason)
{
    struct account a;
    int err = account_init(&a, config, reason);
    if (err)
        return err;
    err = vault_remove(&a);
    if (err)
        spfs_fail(reason, err, "The tokens in %s could not be removed: %s.", a.vault_dir, strerror(-err));
    account_done(&a);
    return err;
}
