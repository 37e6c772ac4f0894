// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: the download addresses of up to 20 items by one $batch. Facts: contract sheet §11.
 * Invariants: every question that was begun is ended, whatever the reply; a part that fails teaches nothing
 * and is asked for again by the read. Threads: any. */
#include "address_i.h"
#include "errmap_i.h"
#include <errno.h>
#include <string.h>

#define PARTS_MAX 20

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

static void take_response(struct graph *g, const struct spfs_json *response, struct part *parts, size_t n)
{
    uint64_t i = spfs_json_u64(response, "id", UINT64_MAX);
    uint64_t status = spfs_json_u64(response, "status", 0);
    struct spfs_item item;
    bool bad_name;
    if (status == 429) {
        int64_t wait = retry_after(response);
        spfs_governor_throttled(g->governor, wait < 0 ? 1000 : wait);
    }
    if (i >= n || !parts[i].question || status != 200)
        return;
    if (!parse_item(spfs_json_get(response, "body"), &item, &bad_name) ||
        strcmp(item.id, parts[i].ref.item_id) != 0 || item.malware || item.deleted || !item.download_url)
        return;
    address_end(g, parts[i].ref, parts[i].question, &item);
    parts[i].question = 0;
}

static int ask_batch(struct graph *g, struct spfs_op *op, struct part *parts, size_t n)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    struct spfs_buf body SPFS_CLEANUP(spfs_buf_done);
    spfs_buf_init(&body, PARTS_MAX * (size_t)GRAPH_PATH_MAX);
    int rc = spfs_buf_adds(&body, "{\"requests\":[");
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_part(&body, i, parts[i].ref);
    if (rc == 0)
        rc = spfs_buf_adds(&body, "]}");
    struct graph_call call = {.method = "POST",
                              .path = "/$batch",
                              .what = "the addresses of several files",
                              .body = body.data,
                              .body_len = body.len,
                              .idempotent = true};
    if (rc == 0)
        rc = graph_perform(g, op, &call, &reply, NULL);
    if (rc)
        return rc;
    const struct spfs_json *responses = spfs_json_get(spfs_json_root(reply.doc), "responses");
    if (!spfs_json_is_array(responses))
        return -EIO;
    for (const struct spfs_json *v = spfs_json_first(responses); v; v = spfs_json_next(v))
        take_response(g, v, parts, n);
    return 0;
}

int batch_prepare(struct spfs_remote *r, struct spfs_op *op, const struct spfs_ref *refs, size_t n)
{
    struct graph *g = graph_of(r);
    struct part parts[PARTS_MAX];
    size_t asked = 0;
    for (size_t i = 0; i < n && asked < PARTS_MAX; i++) {
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
