// SPDX-License-Identifier: GPL-3.0-or-later
/* Building, sending and reading one token request. Buffers that held secrets are wiped. */
#include "request_i.h"

#include <errno.h>
#include <string.h>

enum { FORM_MAX = 128 * 1024, FORM_ROOM = 64 * 1024, REPLY_MAX = 256 * 1024 };

void credential_done(struct credential *c)
{
    spfs_secret_done(&c->secret);
    spfs_secret_done(&c->refresh);
}

int flow_add(struct spfs_buf *form, const char *name, const char *value)
{
    int err = spfs_buf_addf(form, "%s%s=", form->len ? "&" : "", name);
    return err ? err : spfs_buf_add_urlenc(form, value);
}

/* Room for everything in one piece of memory, so that growing leaves no copies of secrets behind. */
static int reserve(struct spfs_buf *b)
{
    char *zeros = calloc(1, FORM_ROOM);
    int err = zeros ? spfs_buf_add(b, zeros, FORM_ROOM) : -ENOMEM;
    free(zeros);
    spfs_buf_reset(b);
    return err;
}

static int build(const struct account *a, const struct flow *flow, const struct credential *c,
                 struct spfs_buf *form)
{
    int err = reserve(form);
    if (!err)
        err = flow_add(form, "client_id", a->client_id);
    if (!err)
        err = flow_add(form, "scope", a->scope);
    return err ? err : flow->form(a, c, form);
}

static void wipe(struct spfs_buf *b)
{
    if (b->data)
        spfs_wipe(b->data, b->len);
}

static int send_form(const struct account *a, struct spfs_http *http, struct spfs_op *op,
                     const struct spfs_buf *form, struct reply *ret, struct spfs_reason *reason)
{
    char id[37], id_header[80];
    SPFS_FREE char *url = spfs_asprintf("%s/%s/oauth2/v2.0/token", a->login_url, a->tenant);
    if (!url)
        return -ENOMEM;
    spfs_uuid(id);
    spfs_format(id_header, sizeof(id_header), "client-request-id: %s", id);
    const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                   "Accept: application/json", id_header, NULL};
    const struct spfs_http_request req = {.kind = SPFS_HTTP_META,
                                          .method = "POST",
                                          .url = url,
                                          .headers = headers,
                                          .body = form->data,
                                          .body_len = form->len,
                                          .max_body = REPLY_MAX};
    struct spfs_http_response resp;
    int err = spfs_http_perform(http, op, &req, &resp, reason);
    if (!err)
        err = reply_parse(a, &resp.head, resp.body.data ? resp.body.data : "", resp.body.len, ret, reason);
    wipe(&resp.body);
    spfs_http_response_done(&resp);
    return err == -ECONNRESET ? -ENETUNREACH : err;
}

int request_token(const struct account *a, const struct flow *flow, const struct credential *c,
                  struct spfs_http *http, struct spfs_op *op, struct reply *ret, struct spfs_reason *reason)
{
    struct spfs_buf form;
    spfs_buf_init(&form, FORM_MAX);
    int err = build(a, flow, c, &form);
    ret->retry_after_ms = -1;
    if (!err)
        err = send_form(a, http, op, &form, ret, reason);
    wipe(&form);
    spfs_buf_done(&form);
    return err;
}
