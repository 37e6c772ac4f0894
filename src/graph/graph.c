// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: makes the remote of one account and ends it.
 * Ownership: shares http, governor and token with compose, which frees them after this. */
#include "graph_i.h"
#include "address_i.h"
#include <errno.h>
#include <string.h>

static void graph_free(struct spfs_remote *r)
{
    struct graph *g = graph_of(r);
    address_table_free(g->addresses);
    spfs_lock_done(&g->lock);
    free(g->tenant_host);
    free(g->url);
    free(g);
}

static const struct spfs_remote_ops ops = {
    .sites = discovery_sites,
    .site_at = discovery_site_at,
    .subsites = discovery_subsites,
    .libraries = discovery_libraries,
    .my_drive = discovery_my_drive,
    .drive = discovery_drive,
    .item = listing_item,
    .children = listing_children,
    .delta = listing_delta,
    .read = content_read,
    .prepare = batch_prepare,
    .upload = upload_upload,
    .sessions = session_sessions,
    .mkdir = mutate_mkdir,
    .update = mutate_update,
    .remove = mutate_remove,
    .copy = copy_copy,
    .versions = versions_list,
    .restore = versions_restore,
    .free = graph_free,
};

int spfs_graph_new(const struct spfs_graph_config *config, struct spfs_remote **ret,
                   struct spfs_reason *reason)
{
    if (!config->graph_url || !spfs_http_url_allowed(config->graph_url))
        return spfs_fail(reason, -EINVAL,
                         "The Graph address \"%s\" is refused: it must be https, or http on this machine.",
                         config->graph_url ? config->graph_url : "");
    struct graph *g = calloc(1, sizeof *g);
    if (!g)
        return -ENOMEM;
    spfs_lock_init(&g->lock, SPFS_RANK_GRAPH);
    g->base.ops = &ops;
    g->http = config->http;
    g->governor = config->governor;
    g->token = config->token;
    g->second_ms = 1000;
    g->url = strdup(config->graph_url);
    g->addresses = address_table_new();
    if (!g->url || !g->addresses) {
        graph_free(&g->base);
        return -ENOMEM;
    }
    for (size_t n = strlen(g->url); n > 0 && g->url[n - 1] == '/'; n--)
        g->url[n - 1] = '\0';
    *ret = &g->base;
    return 0;
}
