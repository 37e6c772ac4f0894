// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include "rig.h"

#include <spfs/json/json.h>
#include <string.h>

static struct rig *current;

char *rig_ask(struct rig *g, const char *method, const char *path, const char *type, const char *body)
{
    struct spfs_http_response resp;
    struct spfs_reason why;
    SPFS_FREE char *url = spfs_asprintf("%s%s", spfs_sim_url(g->sim), path);
    const char *headers[] = {type, NULL};
    struct spfs_http_request req = {
        .method = method, .url = url, .headers = headers, .body = body, .body_len = body ? strlen(body) : 0};
    if (spfs_http_perform(g->http, &g->op, &req, &resp, &why) != 0)
        fail_msg("%s: %s", path, why.text);
    if (resp.head.status / 100 != 2)
        fail_msg("%s: %d %s", path, resp.head.status, resp.body.data);
    char *text = strdup(resp.body.data ? resp.body.data : "");
    spfs_http_response_done(&resp);
    return text;
}

void rig_fault(struct rig *g, const char *rule)
{
    free(rig_ask(g, "POST", "/_sim/faults", "Content-Type: application/json", rule));
}

void rig_no_faults(struct rig *g)
{
    free(rig_ask(g, "DELETE", "/_sim/faults", NULL, NULL));
}

uint64_t rig_counter(struct rig *g, const char *path)
{
    struct spfs_json_doc *doc;
    SPFS_FREE char *text = rig_ask(g, "GET", "/_sim/counters", NULL, NULL);
    assert_int_equal(spfs_json_parse(text, strlen(text), 1 << 16, &doc), 0);
    uint64_t n = spfs_json_u64(spfs_json_root(doc), path, UINT64_MAX);
    spfs_json_free(doc);
    return n;
}

void rig_reset_counters(struct rig *g)
{
    free(rig_ask(g, "POST", "/_sim/counters/reset", "Content-Type: application/json", ""));
}

static int token_get(struct spfs_token *t, struct spfs_op *op, const struct spfs_secret *rejected,
                     struct spfs_secret *ret, struct spfs_reason *reason)
{
    (void)t, (void)op, (void)rejected, (void)reason;
    return spfs_secret_set(ret, current->token.data, current->token.len);
}

static bool token_delegated(struct spfs_token *t)
{
    (void)t;
    return false;
}

static void sign_in(struct rig *g)
{
    static const char form[] = "grant_type=client_credentials&client_id=11111111-1111-1111-1111-111111111111&"
                               "client_secret=sim-secret"
                               "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
    struct spfs_json_doc *doc;
    SPFS_FREE char *text = rig_ask(g, "POST", "/contoso.example/oauth2/v2.0/token",
                                   "Content-Type: application/x-www-form-urlencoded", form);
    assert_int_equal(spfs_json_parse(text, strlen(text), 1 << 16, &doc), 0);
    const char *token = spfs_json_str(spfs_json_root(doc), "access_token");
    assert_int_equal(spfs_secret_set(&g->token, token, strlen(token)), 0);
    spfs_json_free(doc);
}

void rig_start(struct rig *g)
{
    static const struct spfs_token_ops token_ops = {.get = token_get, .is_delegated = token_delegated};
    static struct spfs_token token = {.ops = &token_ops};
    struct spfs_reason why;
    *g = (struct rig){0};
    current = g;
    spfs_op_init(&g->op, SPFS_URGENT, 600000);
    assert_int_equal(spfs_sim_start(&(struct spfs_sim_options){0}, &g->sim, &why), 0);
    assert_int_equal(
        spfs_http_new(&(struct spfs_http_config){.user_agent = "NONISV|spfs|test/1.0"}, &g->http, &why), 0);
    assert_int_equal(spfs_http_start(g->http), 0);
    assert_int_equal(spfs_governor_new(&(struct spfs_governor_config){0}, &g->governor, &why), 0);
    sign_in(g);
    struct spfs_graph_config config = {
        .graph_url = spfs_sim_url(g->sim), .http = g->http, .governor = g->governor, .token = &token};
    assert_int_equal(spfs_graph_new(&config, &g->remote, &why), 0);
}

void rig_stop(struct rig *g)
{
    g->remote->ops->free(g->remote);
    spfs_http_free(g->http);
    spfs_governor_free(g->governor);
    spfs_sim_stop(g->sim);
    spfs_secret_done(&g->token);
    spfs_op_done(&g->op);
}
