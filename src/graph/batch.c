// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: $batch, and by it the download addresses of up to 20 items. Facts: contract sheet §11.
 * Invariants: every question that was begun is ended, whatever the reply; a part that fails teaches nothing
 * and is asked for again by the read. Threads: any. */
#include "address_i.h"
#include "errmap_i.h"
#include <errno.h>
#include <string.h>

struct part {
    struct spfs_ref ref;
    uint64_t question; /* 0: ended */
};

static int add_part(struct spfs_buf *body, size_t i, struct spfs_ref ref)
{
    struct spfs_buf url SPFS_CLEANUP(spfs_buf_done);
    spfs_buf_init(&url, GRAPH_PATH_MAX);
    int rc = graph_item_path(&url, ref, ADDRESS_SELECT);
    if (rc == 0)
        rc = spfs_buf_addf(body, "%s{\"id\":\"%zu\",\"method\":\"GET\",\"url\":", i ? "," : "", i);
    if (rc == 0)
        rc = spfs_json_add_string(body, url.data);
    return rc ? rc : spfs_buf_adds(body, "}");
}

/* "10" or "2.128" seconds. */
static int64_t retry_after(const struct spfs_json *response)
{
    const struct spfs_json *headers = spfs_json_get(response, "headers");
    const char *text = spfs_json_member_str(headers, "Retry-After");
    uint64_t s;
    char whole[16];
    if (!text)
        text = spfs_json_member_str(headers, "retry-after");
    if (!text || !spfs_format(whole, sizeof whole, "%.*s", (int)strcspn(text, "."), text) ||
        !spfs_parse_u64(whole, 86400, &s))
        return -1;
    return (int64_t)(s + (strchr(text, '.') ? 1 : 0)) * 1000;
}

static void take_response(struct graph *g, const struct spfs_json *response,
                          void (*take)(void *ctx, uint64_t i, int status, const struct spfs_json *body),
                          void *ctx)
{
    uint64_t i = spfs_json_u64(response, "id", UINT64_MAX);
    int status = (int)(spfs_json_u64(response, "status", 0) % 1000);
    int64_t wait = retry_after(response);
    if (status == 429 || (status == 503 && wait >= 0))
        spfs_governor_throttled(g->governor, wait < 0 ? 1000 : wait);
    take(ctx, i, status, spfs_json_get(response, "body"));
}

int batch_send(struct graph *g, struct spfs_op *op, const struct spfs_buf *parts, const char *what,
               void (*take)(void *ctx, uint64_t i, int status, const struct spfs_json *body), void *ctx)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    SPFS_FREE char *body = spfs_asprintf("{\"requests\":[%s]}", parts->data);
    if (!body)
        return -ENOMEM;
    struct graph_call call = {.method = "POST",
                              .path = "/$batch",
                              .what = what,
                              .body = body,
                              .body_len = strlen(body),
                              .idempotent = true};
    int rc = graph_perform(g, op, &call, &reply, NULL);
    if (rc)
        return rc;
    const struct spfs_json *responses = spfs_json_get(spfs_json_root(reply.doc), "responses");
    if (!spfs_json_is_array(responses))
        return -EIO;
    for (const struct spfs_json *v = spfs_json_first(responses); v; v = spfs_json_next(v))
        take_response(g, v, take, ctx);
    return 0;
}

struct asked {
    struct graph *g;
    struct part *parts;
    size_t n;
};

static void take_address(void *ctx, uint64_t i, int status, const struct spfs_json *body)
{
    const struct asked *a = ctx;
    struct spfs_item item;
    bool bad_name;
    if (i >= a->n || !a->parts[i].question || status != 200)
        return;
    if (!parse_item(body, &item, &bad_name) || strcmp(item.id, a->parts[i].ref.item_id) != 0 ||
        item.malware || item.deleted || !item.download_url)
        return;
    address_end(a->g, a->parts[i].ref, a->parts[i].question, &item);
    a->parts[i].question = 0;
}

static int ask_batch(struct graph *g, struct spfs_op *op, struct part *parts, size_t n)
{
    struct spfs_buf body SPFS_CLEANUP(spfs_buf_done);
    int rc = 0;
    spfs_buf_init(&body, BATCH_PARTS_MAX * (size_t)GRAPH_PATH_MAX);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_part(&body, i, parts[i].ref);
    return rc ? rc
              : batch_send(g, op, &body, "get the addresses of several files", take_address,
                           &(struct asked){g, parts, n});
}

int batch_prepare(struct spfs_remote *r, struct spfs_op *op, const struct spfs_ref *refs, size_t n)
{
    struct graph *g = graph_of(r);
    struct part parts[BATCH_PARTS_MAX];
    size_t asked = 0;
    for (size_t i = 0; i < n && asked < BATCH_PARTS_MAX; i++) {
        uint64_t question = address_begin(g, refs[i]);
        if (question)
            parts[asked++] = (struct part){.ref = refs[i], .question = question};
    }
    int rc = asked ? ask_batch(g, op, parts, asked) : 0;
    for (size_t i = 0; i < asked; i++)
        if (parts[i].question)
            address_end(g, parts[i].ref, parts[i].question, NULL);
    return rc;
}
