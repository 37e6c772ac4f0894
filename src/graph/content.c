// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: ranged reads of one version of a file. Facts: contract sheet §8.
 * A read is a loop of transfers, each from where the last one ended: a broken connection, a short answer or
 * an expired address costs a transfer, no byte twice. It goes on while bytes arrive; without progress it ends
 * after a few. Invariants: bytes are handed over only from a 206 that is exactly the range asked for (or a
 * shorter beginning of it) of a file of the size wanted, or from a 200 of just that size. They count as those
 * of the wanted version only once `proved` was called:
 *  - at the head of a transfer whose ETag is that of the wanted version and whose length is fixed, or
 *  - at the end, when the item was asked again after the last byte and still has that content.
 * After that no transfer is accepted that does not prove itself by its head.
 * No bearer token is ever sent here. Threads: head and data run on the engine's thread, the rest on the
 * caller's, never at the same time. */
#include "address_i.h"
#include "errmap_i.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define IDLE_MAX 3 /* transfers in a row without a byte of progress */

enum verdict {
    GOING,         /* no success, or data is being handed over, or all of it was */
    OTHER_LENGTH,  /* the server serves another length than wanted: total */
    OTHER_VERSION, /* its ETag is not the proven one, after proved */
    REFUSED,       /* not the data that was asked for: why */
};

struct transfer {
    struct spfs_read *read;
    const struct address *address;
    uint64_t done;  /* bytes handed over */
    bool proved;    /* proved was called */
    bool doubt;     /* bytes were handed over that their head did not prove */
    bool probe;     /* asks for one byte only to learn the length */
    int sink_error; /* of the reader's callback */
    /* The reply under way. */
    const struct spfs_http_head *head; /* of a success; else NULL */
    enum verdict verdict;
    const char *why;
    bool fixed;                /* its length was announced, so that the engine sees to it */
    bool loose;                /* only its end can tell that it was the whole file */
    uint64_t skip, left, tail; /* bytes to come: before, of, and behind the part that is wanted */
    uint64_t total;
};

/* Ends a transfer from within; never leaves this file. */
#define STOP (-ECANCELED)

static int refuse(struct transfer *t, const char *why)
{
    t->verdict = REFUSED;
    t->why = why;
    return STOP;
}

/* Some services quote their tags in one place and not in the other. Weak tags prove no bytes. */
static bool etag_equal(const char *a, const char *b)
{
    size_t m, n;
    if (!a || !b || !*a || !*b || spfs_starts(a, "W/") || spfs_starts(b, "W/"))
        return false;
    m = strlen(a);
    n = strlen(b);
    if (m > 2 && a[0] == '"' && a[m - 1] == '"') {
        a++;
        m -= 2;
    }
    if (n > 2 && b[0] == '"' && b[n - 1] == '"') {
        b++;
        n -= 2;
    }
    return m == n && memcmp(a, b, m) == 0;
}

/* The address was learned together with a version that has the wanted content, so its eTag is as good as the
 * wanted one. */
static bool etag_proves(const struct transfer *t)
{
    return etag_equal(t->head->etag, t->read->want.etag) || etag_equal(t->head->etag, t->address->etag);
}

/* A success of the right shape: may its bytes be handed over, and are they proven? */
static int admit(struct transfer *t)
{
    bool proves = etag_proves(t);
    if (t->proved && !proves && t->head->etag[0]) {
        t->verdict = OTHER_VERSION;
        return STOP;
    }
    if (t->proved && !(proves && t->fixed))
        return refuse(t, "it does not say which version it is");
    if (!proves)
        t->doubt = true;
    if (!t->proved && !t->doubt && t->fixed) {
        t->proved = true;
        t->read->proved(t->read->ctx);
    }
    return 0;
}

static int other_length(struct transfer *t, uint64_t total)
{
    t->verdict = OTHER_LENGTH;
    t->total = total;
    return STOP;
}

static uint64_t first_byte(const struct transfer *t)
{
    return t->probe ? 0 : t->read->off + t->done;
}

static uint64_t last_byte(const struct transfer *t)
{
    return t->probe ? 0 : t->read->off + t->read->len - 1;
}

static int take_range(struct transfer *t)
{
    const struct spfs_http_head *h = t->head;
    if (!h->has_range || h->range_from != first_byte(t) || h->range_to < h->range_from ||
        h->range_to > last_byte(t) || h->range_total == UINT64_MAX)
        return refuse(t, "it is another range than the one asked for");
    if (h->range_total != t->read->want.size)
        return other_length(t, h->range_total);
    t->left = h->range_to - h->range_from + 1;
    if (t->fixed && h->content_length != t->left)
        return refuse(t, "its length is not that of its range");
    return t->probe ? refuse(t, "it refuses a part of the file") : admit(t);
}

/* The server ignores ranges. The whole file passes by; when its end cannot be told from the head, it is
 * counted to its last byte. */
static int take_whole(struct transfer *t)
{
    uint64_t size = t->read->want.size;
    if (t->fixed && t->head->content_length != size)
        return etag_proves(t) ? other_length(t, t->head->content_length)
                              : refuse(t, "its length is not that of the file");
    if (t->probe)
        return refuse(t, "it refuses a part of the file");
    t->skip = first_byte(t);
    t->left = t->read->len - t->done;
    t->tail = size - t->skip - t->left;
    t->loose = !t->fixed;
    return admit(t);
}

static int on_head(void *ctx, const struct spfs_http_head *head)
{
    struct transfer *t = ctx;
    t->head = head;
    t->fixed = head->content_length != UINT64_MAX;
    if (head->infected)
        return refuse(t, "the service has found malware in the file");
    if (head->coded)
        return refuse(t, "it is encoded");
    return head->status == 206   ? take_range(t)
           : head->status == 200 ? take_whole(t)
                                 : refuse(t, "its status is odd");
}

static size_t take_from(uint64_t *left, size_t n)
{
    size_t k = *left < n ? (size_t)*left : n;
    *left -= k;
    return k;
}

static int on_data(void *ctx, const void *data, size_t n)
{
    struct transfer *t = ctx;
    const char *p = data;
    size_t k = take_from(&t->skip, n);
    p += k;
    n -= k;
    k = take_from(&t->left, n);
    if (k > 0) {
        t->sink_error = t->read->data(t->read->ctx, p, k);
        if (t->sink_error)
            return STOP;
        t->done += k;
        n -= k;
    }
    if (take_from(&t->tail, n) != n)
        return refuse(t, "it is longer than it should be");
    return t->left == 0 && t->tail > 0 && t->fixed ? STOP : 0;
}

static int transfer_once(struct graph *g, struct spfs_op *op, struct transfer *t,
                         struct spfs_http_response *ret, struct spfs_reason *reason)
{
    char range[80];
    spfs_format(range, sizeof range, "Range: bytes=%" PRIu64 "-%" PRIu64, first_byte(t), last_byte(t));
    struct spfs_http_request req = {
        .kind = SPFS_HTTP_DOWNLOAD,
        .method = "GET",
        .url = t->address->url,
        .headers = (const char *const[]){range, NULL},
        .head = on_head,
        .data = on_data,
        .ctx = t,
    };
    t->head = NULL;
    t->verdict = GOING;
    t->fixed = t->loose = false;
    t->skip = t->left = t->tail = 0;
    int rc = spfs_governor_perform(g->governor, g->http, op, &req, graph_tries(op), ret, reason);
    return rc == STOP ? 0 : rc;
}

/* An address whose version has the wanted content: a remembered one that has not is asked for again, a fresh
 * one that has not is the end. */
static int get_address(struct graph *g, struct spfs_op *op, const struct spfs_read *read, uint64_t least,
                       uint64_t begun, struct address *ret, struct spfs_reason *reason)
{
    for (;;) {
        int rc = address_get(g, op, read->ref, least, ret, reason);
        if (rc)
            return rc;
        struct spfs_version now = address_version(ret);
        if (spfs_version_same(&now, &read->want) == SPFS_SAME_YES)
            return 0;
        if (ret->question >= begun)
            return spfs_fail(reason, -ESTALE, "The file has been changed on the server.");
        least = begun;
        address_done(ret);
    }
}

/* 0: has the item, asked from now on, still the wanted content? -ESTALE: no, or nobody can tell. */
static int verify(struct graph *g, struct spfs_op *op, const struct spfs_read *read,
                  struct spfs_reason *reason)
{
    struct address a SPFS_CLEANUP(address_done) = {0};
    uint64_t begun = address_next(g);
    return get_address(g, op, read, begun, begun, &a, reason);
}

struct tries {
    unsigned idle;  /* transfers without progress so far */
    bool renewed;   /* the address was asked for again since the last progress */
    uint64_t least; /* the question that the next address must answer */
};

/* Once per progress another address is tried. */
static bool renew(struct tries *n, const struct transfer *t)
{
    if (n->renewed)
        return false;
    n->renewed = true;
    n->least = t->address->question + 1;
    return true;
}

/* The governor has repeated what is worth repeating; an address may have died, and a file may be shorter than
 * listed. */
static int after_error_reply(struct transfer *t, const struct spfs_http_response *resp, struct tries *n,
                             struct spfs_reason *reason)
{
    struct spfs_json_doc *doc SPFS_CLEANUP(spfs_json_doc_p) = NULL;
    int status = resp->head.status;
    bool json =
        resp->body.data && spfs_json_parse(resp->body.data, resp->body.len, resp->body.len, &doc) == 0;
    int rc = errmap_reply(&resp->head, json ? spfs_json_root(doc) : NULL, "get the file's content", reason);
    if (rc == -EPERM || status == 429 || status >= 500)
        return rc;
    if (renew(n, t))
        return 0;
    if (status == 416 && !t->probe && t->done == 0) {
        t->probe = true;
        return 0;
    }
    return rc;
}

/* After a success that was taken: the end came early, or was the end of a shorter part than asked for. */
static int after_part(struct spfs_op *op, const struct transfer *t, int rc, bool moved, struct tries *n,
                      struct spfs_reason *reason)
{
    if (t->done == t->read->len)
        return 0;
    int over = spfs_op_check(op);
    if (over)
        return over;
    bool broken = rc == 0 || rc == -ECONNRESET || rc == -EPROTO || rc == -ETIMEDOUT || rc == -ENETUNREACH;
    if (broken && (moved || ++n->idle < IDLE_MAX))
        return 0;
    return rc ? errmap_transport(rc)
              : spfs_fail(reason, -EIO, "Cannot get the file's content: the answers stay empty.");
}

/* What a transfer without a sink error means for the read: 0 to go on, else its end. rc: of the transfer;
 * moved: it brought bytes. */
static int judge(struct graph *g, struct spfs_op *op, struct transfer *t,
                 const struct spfs_http_response *resp, int rc, bool moved, struct tries *n,
                 struct spfs_reason *reason)
{
    if (!t->head && resp->head.status >= 300 && (rc == 0 || rc == -EFBIG))
        return after_error_reply(t, resp, n, reason);
    if (!t->head)
        return rc ? errmap_transport(rc) : -EIO;
    if (t->loose && moved && (rc || t->left || t->tail))
        return spfs_fail(reason, -EIO,
                         "Cannot get the file's content: the answer has another length than the file.");
    switch (t->verdict) {
    case OTHER_LENGTH:
        rc = verify(g, op, t->read, reason);
        if (rc)
            return rc;
        t->read->served_size = t->total;
        return spfs_fail(reason, -EMSGSIZE, "The server serves another length of the file than it lists.");
    case OTHER_VERSION:
        return renew(n, t) ? 0 : spfs_fail(reason, -ESTALE, "The file has been changed on the server.");
    case REFUSED:
        if (resp->head.infected)
            return spfs_fail(reason, -EPERM, "Cannot get the file's content: %s.", t->why);
        if (!moved && renew(n, t))
            return 0;
        return spfs_fail(reason, -EIO, "Cannot get the file's content: the answer is refused, because %s.",
                         t->why);
    case GOING:
        break;
    }
    return after_part(op, t, rc, moved, n, reason);
}

int content_read(struct spfs_remote *r, struct spfs_op *op, struct spfs_read *read,
                 struct spfs_reason *reason)
{
    struct graph *g = graph_of(r);
    struct transfer t = {.read = read};
    struct tries n = {0};
    uint64_t begun = address_next(g);
    while (t.done < read->len) {
        struct address a SPFS_CLEANUP(address_done) = {0};
        struct spfs_http_response resp SPFS_CLEANUP(spfs_http_response_done) = {0};
        int rc = get_address(g, op, read, n.least, begun, &a, reason);
        if (rc)
            return rc;
        t.address = &a;
        uint64_t before = t.done;
        rc = transfer_once(g, op, &t, &resp, reason);
        if (t.sink_error)
            return t.sink_error;
        bool moved = t.done > before;
        if (moved)
            n = (struct tries){.least = n.least};
        rc = judge(g, op, &t, &resp, rc, moved, &n, reason);
        if (rc)
            return rc;
    }
    if (t.doubt) {
        int rc = verify(g, op, read, reason);
        if (rc)
            return rc;
    }
    if (!t.proved)
        read->proved(read->ctx);
    return 0;
}
