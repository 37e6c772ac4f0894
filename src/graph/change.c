// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: changes whose answer can be lost, see change_i.h. Facts: contract sheet §10, §12.2.
 * States of a change: sent → answered (the end), or sent → unclear → looked at → made (the end), other (the
 * end) or not made → sent again, a bounded number of times. Once one answer was unclear, a later refusal
 * because of a name or a tag can be the change itself and is looked at, too. Threads: any, no state. */
#include "change_i.h"
#include <spfs/base/clock.h>
#include <errno.h>
#include <string.h>

/* The service's clock and times show whole seconds. */
#define CLOCK_SLACK_MS 2000
/* How long what was just made may stay unseen. */
#define UNSEEN_MS 1500

void sighting_done(struct sighting *s)
{
    graph_reply_done(&s->reply);
}

int change_look(struct graph *g, struct spfs_op *op, struct spfs_ref at, const char *name, uint64_t since_ms,
                struct sighting *ret, struct spfs_reason *reason)
{
    *ret = (struct sighting){0};
    int rc = listing_look(g, op, at, name, &ret->reply, &ret->item, reason);
    if (rc == -ENOENT)
        return 0;
    if (rc)
        return rc;
    int64_t born = ret->item.btime_ns, now = ret->reply.date_ns, age;
    ret->there = !ret->item.deleted;
    ret->is_new = born != SPFS_TIME_UNKNOWN && now != INT64_MIN && !__builtin_sub_overflow(now, born, &age) &&
                  age / 1000000 <= (int64_t)(spfs_now_ms() - since_ms) + CLOCK_SLACK_MS;
    return 0;
}

struct run {
    struct graph *g;
    struct spfs_op *op;
    const struct change *c;
    spfs_item_cb *cb;
    void *ctx;
    struct spfs_reason *reason;
    uint64_t since_ms;
    bool unclear; /* some answer was */
    bool over;    /* the result stands */
};

static int end(struct run *r, int rc)
{
    r->over = true;
    return rc;
}

/* After an unclear answer. 0 and not over: it was not made. */
static int find_out(struct run *r)
{
    struct sighting now SPFS_CLEANUP(sighting_done) = {0};
    int rc = change_look(r->g, r->op, r->c->at, r->c->name, r->since_ms, &now, r->reason);
    if (rc == 0)
        rc = r->c->judge(r->c, &now, r->reason);
    if (rc > 0)
        return end(r, r->cb(r->ctx, &now.item));
    return rc ? end(r, rc) : 0;
}

/* A refusal that an earlier unclear attempt may have caused itself. */
static bool may_be_own_doing(const struct run *r, int rc)
{
    return r->unclear && (rc == -EEXIST || rc == -ECANCELED || rc == -ENOENT);
}

/* One attempt. */
static int attempt(struct run *r, bool first)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_item item;
    int rc = graph_perform(r->g, r->op, &r->c->call, &reply, r->reason);
    if (rc == 0 && reply.status == 202 && reply.location) {
        rc = monitor_follow(r->g, r->op, reply.location, r->c->call.what, r->c->at, r->cb, r->ctx, r->reason);
        if (rc != -ENOENT)
            return end(r, rc);
        rc = 0; /* the monitor is gone: look for its result */
    } else if (rc == 0 && parse_one(spfs_json_root(reply.doc), &item) == 0) {
        return end(r, r->cb(r->ctx, &item));
    }
    if (rc == 0 || reply.unclear)
        r->unclear = true;
    else if (reply.status == 404 && first)
        return graph_wait(r->g, r->op, UNSEEN_MS) ? end(r, rc) : 0;
    else if (!may_be_own_doing(r, rc))
        return end(r, rc);
    return find_out(r);
}

int change_perform(struct graph *g, struct spfs_op *op, struct change *c, spfs_item_cb *cb, void *ctx,
                   struct spfs_reason *reason)
{
    struct run r = {
        .g = g, .op = op, .c = c, .cb = cb, .ctx = ctx, .reason = reason, .since_ms = spfs_now_ms()};
    c->call.once = c->call.bare = true;
    for (unsigned n = 0; n <= graph_tries(op); n++) {
        int rc = attempt(&r, n == 0);
        if (r.over)
            return rc;
        rc = r.unclear ? graph_back_off(g, op, n) : 0;
        if (rc)
            return rc;
    }
    return spfs_fail(reason, -EIO, "Cannot %s: the service gives no clear answer; try again later.",
                     c->call.what);
}
