// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: content to the server by an upload session. Facts: contract sheet §9.
 * States: no session → made (or given by the caller) → sending, fragment by fragment in order → all sent →
 * done. Any unclear answer leads over the session's status back to sending; a session that is gone leads to a
 * new one from the first byte, as long as there was progress. Before that, and before a conflict is told, the
 * server is asked whether the file is there already: the answer to a last fragment can be lost.
 * Invariants: an answer is a success only when it shows the item; nothing is sent but the next byte the
 * server waits for; every loop ends: answers without progress are counted, sessions as well. Threads: any;
 * fill runs on the engine's thread, and on the caller's while nothing is being sent. */
#include "session_i.h"
#include "change_i.h"
#include <spfs/model/quickxor.h>
#include <errno.h>
#include <string.h>

#define FRAGMENT_UNIT ((uint64_t)320 << 10)
#define FRAGMENT_MAX  (32 * FRAGMENT_UNIT) /* 10 MiB */
#define SESSIONS_MAX  4
#define BARREN_MAX    2
/* A session or folder that has just been made is not seen everywhere at once. */
#define UNSEEN_MS         1500
#define UNSEEN_SESSION_MS 5000
#define HASH_STEP         ((size_t)256 << 10)

struct sending {
    struct graph *g;
    struct spfs_op *op;
    const struct spfs_upload *u;
    spfs_item_cb *cb;
    void *ctx;
    struct spfs_reason *reason;
    char *url;         /* of the session; NULL: one has to be made */
    uint64_t at;       /* the next byte */
    uint64_t best;     /* the highest that this session has asked for */
    uint64_t fragment; /* size of the next one */
    unsigned idle;     /* answers in a row that brought nothing */
    unsigned made;     /* sessions made here */
    unsigned barren;   /* those of them that ended without having taken a byte */
    bool ask;          /* its status first */
    bool waited;       /* this session was not seen at first and was waited for */
    bool committed;    /* its bytes were all there and it was told to make the file */
    bool maybe;        /* the file may be there although no answer said so */
    bool over;         /* the result stands */
};

static int end(struct sending *s, int rc)
{
    s->over = true;
    return rc;
}

/* ---- is it there already? ---- */

/* 1: its bytes are those of the upload. */
static int has_our_hash(struct sending *s, const char *hash)
{
    SPFS_FREE char *p = malloc(HASH_STEP);
    struct spfs_quickxor q;
    char text[SPFS_QUICKXOR_TEXT];
    if (!p)
        return -ENOMEM;
    spfs_quickxor_init(&q);
    for (uint64_t off = 0; off < s->u->size;) {
        uint64_t left = s->u->size - off;
        ssize_t n = s->u->fill(s->u->ctx, off, p, left < HASH_STEP ? (size_t)left : HASH_STEP);
        int rc = spfs_op_check(s->op);
        if (rc || n <= 0)
            return rc ? rc : n < 0 ? (int)n : -EIO;
        spfs_quickxor_add(&q, p, (size_t)n);
        off += (uint64_t)n;
    }
    spfs_quickxor_end(&q, text);
    return strcmp(text, hash) == 0;
}

static int is_ours(struct sending *s, const struct spfs_item *now)
{
    const struct spfs_upload *u = s->u;
    if (now->kind != SPFS_KIND_FILE || now->size != u->size)
        return 0;
    if (u->item_id && now->etag && strcmp(now->etag, u->if_match) == 0)
        return 0;
    return now->quickxor ? has_our_hash(s, now->quickxor) : graph_same_second(now->mtime_ns, u->mtime_ns);
}

/* Ends the upload when the file is there, or when its name is taken by another. */
static int look(struct sending *s)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    const struct spfs_upload *u = s->u;
    struct spfs_ref at = {u->drive_id, u->item_id ? u->item_id : u->parent_id};
    struct spfs_item now;
    int rc = listing_look(s->g, s->op, at, u->item_id ? NULL : u->name, &reply, &now, s->reason);
    if (rc)
        return rc == -ENOENT && !u->item_id ? 0 : end(s, rc);
    rc = is_ours(s, &now);
    if (rc > 0)
        return end(s, s->cb(s->ctx, &now));
    if (rc == 0 && !u->item_id)
        rc = spfs_fail(s->reason, -EEXIST, "Cannot upload the file: the name is taken.");
    return rc ? end(s, rc) : 0;
}

/* ---- sessions ---- */

static int make(struct sending *s)
{
    int64_t expires_ms;
    int rc = session_make(s->g, s->op, s->u, &s->url, &expires_ms, s->reason);
    if (rc == -ENOENT && s->made == 0 && graph_wait(s->g, s->op, UNSEEN_MS) == 0)
        rc = session_make(s->g, s->op, s->u, &s->url, &expires_ms, s->reason);
    if (rc)
        return end(s, rc);
    s->made++;
    s->at = s->best = 0;
    s->ask = s->waited = s->committed = false;
    rc = s->u->made ? s->u->made(s->u->ctx, s->url, expires_ms) : 0;
    return rc ? end(s, rc) : 0;
}

/* Another session, as long as there is hope that it fares better. */
static int gone(struct sending *s, const struct session_answer *a)
{
    if (a->status == 404 && s->made > 0 && s->at == 0 && !s->waited && !s->maybe) {
        s->waited = true;
        int rc = graph_wait(s->g, s->op, UNSEEN_SESSION_MS);
        return rc ? end(s, rc) : 0;
    }
    int rc = s->maybe ? look(s) : 0;
    if (s->over)
        return rc;
    if (s->made > 0 && s->best == 0)
        s->barren++;
    if (s->made >= SESSIONS_MAX || s->barren >= BARREN_MAX)
        return end(s,
                   a->rc == -ENOENT || a->rc == -ESTALE
                       ? spfs_fail(s->reason, -EIO,
                                   "Cannot upload the file: the service loses the upload; try again later.")
                       : a->rc);
    free(TAKE(s->url));
    return 0;
}

/* ---- answers ---- */

/* Nothing came of it: what to do next is known, but not for ever. */
static int idle(struct sending *s, const struct session_answer *a)
{
    if (s->idle++ < graph_tries(s->op))
        return 0;
    return end(s, a->rc ? a->rc
                        : spfs_fail(s->reason, -EIO,
                                    "Cannot upload the file: the service does not take the bytes."));
}

static int unsure(struct sending *s, const struct session_answer *a)
{
    int rc = idle(s, a);
    if (s->over)
        return rc;
    s->ask = true;
    if (a->status == 416)
        return 0;
    if (s->fragment > FRAGMENT_UNIT)
        s->fragment /= 2;
    rc = graph_back_off(s->g, s->op, s->idle - 1);
    return rc ? end(s, rc) : 0;
}

static int refused(struct sending *s, const struct session_answer *a)
{
    bool conflict = a->rc == -EEXIST || a->rc == -ECANCELED;
    if (conflict && s->maybe) {
        int rc = look(s);
        if (s->over && rc != -EEXIST)
            return rc;
    }
    if (conflict)
        session_cancel(s->g, s->op, s->url);
    return end(s, a->rc);
}

static void go_on(struct sending *s, uint64_t at)
{
    s->at = at;
    if (at <= s->best)
        return;
    s->best = at;
    s->idle = 0;
    if (s->u->progress)
        s->u->progress(s->u->ctx, at);
}

/* ---- requests ---- */

static int send_next(struct sending *s)
{
    struct session_answer a SPFS_CLEANUP(session_answer_done) = {0};
    uint64_t left = s->u->size - s->at, len = left < s->fragment ? left : s->fragment, from = s->at;
    session_send(s->g, s->op, s->u, s->url, from, len, &a, s->reason);
    switch (a.news) {
    case SESSION_DONE:
        return end(s, s->cb(s->ctx, &a.item));
    case SESSION_NEXT:
        s->maybe = s->maybe || len == left;
        /* Not said, or the empty list of a service that keeps it short: all of this fragment, no more. */
        go_on(s, a.next < from + len ? a.next : from + len);
        if (s->at <= from)
            return idle(s, &a);
        if (s->fragment < FRAGMENT_MAX)
            s->fragment *= 2;
        return 0;
    case SESSION_UNSURE:
        s->maybe = s->maybe || len == left;
        return unsure(s, &a);
    case SESSION_GONE:
        return gone(s, &a);
    case SESSION_REFUSED:
        break;
    }
    return refused(s, &a);
}

static int ask_status(struct sending *s)
{
    struct session_answer a SPFS_CLEANUP(session_answer_done) = {0};
    session_status(s->g, s->op, s->u, s->url, &a, s->reason);
    s->ask = false;
    switch (a.news) {
    case SESSION_DONE:
        return end(s, s->cb(s->ctx, &a.item));
    case SESSION_NEXT:
        if (a.next != SESSION_NEXT_UNKNOWN)
            go_on(s, a.next);
        return 0;
    case SESSION_GONE:
        return gone(s, &a);
    case SESSION_UNSURE: /* the governor has repeated it */
    case SESSION_REFUSED:
        break;
    }
    return end(s, a.rc);
}

/* The server has all bytes and has not said that the file is there. */
static int finish(struct sending *s)
{
    struct session_answer a SPFS_CLEANUP(session_answer_done) = {0};
    int rc = look(s);
    if (s->over)
        return rc;
    s->maybe = true;
    if (s->committed && s->idle++ >= graph_tries(s->op))
        return end(s, spfs_fail(s->reason, -EIO,
                                "Cannot upload the file: the service has all of it and does not store it."));
    s->committed = true;
    session_commit(s->g, s->op, s->u, s->url, &a, s->reason);
    switch (a.news) {
    case SESSION_DONE:
        return end(s, s->cb(s->ctx, &a.item));
    case SESSION_NEXT:
        if (a.next != SESSION_NEXT_UNKNOWN)
            go_on(s, a.next);
        return 0;
    case SESSION_UNSURE:
        return unsure(s, &a);
    case SESSION_GONE:
        return gone(s, &a);
    case SESSION_REFUSED:
        break;
    }
    /* A service that does not know the way to finish a session gets a new one. */
    return a.rc == -EINVAL || a.rc == -ENOTSUP ? gone(s, &a) : refused(s, &a);
}

int upload_upload(struct spfs_remote *r, struct spfs_op *op, const struct spfs_upload *u, spfs_item_cb *cb,
                  void *ctx, struct spfs_reason *reason)
{
    struct sending s = {
        .g = graph_of(r), .op = op, .u = u, .cb = cb, .ctx = ctx, .reason = reason, .fragment = FRAGMENT_MAX};
    int rc = 0;
    if (u->size == 0)
        return mutate_empty_file(s.g, op, u, cb, ctx, reason);
    if (u->session && spfs_http_url_allowed(u->session)) {
        s.url = strdup(u->session);
        if (!s.url)
            return -ENOMEM;
        s.maybe = true;
        s.ask = u->size > FRAGMENT_MAX; /* one fragment asks by itself */
    }
    while (!s.over) {
        if (!s.url)
            rc = make(&s);
        else if (s.ask)
            rc = ask_status(&s);
        else if (s.at < u->size)
            rc = send_next(&s);
        else
            rc = finish(&s);
    }
    free(s.url);
    return rc;
}
