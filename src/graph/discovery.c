// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: which sites and libraries there are. Facts: contract sheet §4.
 * Invariants: lists are read to their last page here; a list that never ends is an error.
 * Threads: any. */
#include "graph_i.h"
#include <errno.h>
#include <string.h>

#define PAGES_MAX 500 /* of sites or drives: 100,000 at the default page size */

struct sink {
    spfs_site_cb *site;
    spfs_drive_cb *drive;
    void *ctx;
    bool hide_system;
};

static int offer_drive(void *ctx, const struct spfs_drive *drive)
{
    struct sink *s = ctx;
    return s->hide_system && drive->system ? 0 : s->drive(s->ctx, drive);
}

static int hand(const struct spfs_json *root, enum parse_shape shape, struct sink *s, const char *what,
                struct spfs_reason *reason)
{
    int rc = s->site ? parse_sites(root, shape, s->site, s->ctx) : parse_drives(root, shape, offer_drive, s);
    return rc == -EBADMSG ? spfs_fail(reason, -EIO, "Cannot %s: the answer is not what it should be.", what)
                          : rc;
}

static int one(struct graph *g, struct spfs_op *op, const char *path, const char *what, struct sink *s,
               struct spfs_reason *reason)
{
    struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
    int rc = graph_perform(g, op, &(struct graph_call){.path = path, .what = what}, &reply, reason);
    return rc ? rc : hand(spfs_json_root(reply.doc), PARSE_ONE, s, what, reason);
}

static int all(struct graph *g, struct spfs_op *op, const char *path, const char *what, struct sink *s,
               struct spfs_reason *reason)
{
    SPFS_FREE char *link = strdup(path);
    for (unsigned page = 0; link; page++) {
        struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
        struct graph_call call = {.path = link, .what = what, .max = GRAPH_PAGE_MAX};
        int rc = graph_perform(g, op, &call, &reply, reason);
        if (rc == 0)
            rc = hand(spfs_json_root(reply.doc), PARSE_PAGE, s, what, reason);
        if (rc)
            return rc;
        const struct spfs_json *next = spfs_json_member(spfs_json_root(reply.doc), "@odata.nextLink");
        if (!next)
            return 0;
        const char *text = spfs_json_text(next);
        if (!text || page >= PAGES_MAX || strcmp(text, link) == 0)
            return spfs_fail(reason, -EIO, "Cannot %s: the service's list does not end.", what);
        free(link);
        link = strdup(text);
    }
    return -ENOMEM;
}

int discovery_sites(struct spfs_remote *r, struct spfs_op *op, enum spfs_sites_scope scope, spfs_site_cb *cb,
                    void *ctx, struct spfs_reason *reason)
{
    struct graph *g = graph_of(r);
    struct sink s = {.site = cb, .ctx = ctx};
    if (scope == SPFS_SITES_ALL)
        return all(g, op, "/sites?search=*", "get the list of sites", &s, reason);
    if (!g->token->ops->is_delegated(g->token))
        return spfs_fail(reason, -EACCES,
                         "Nobody is signed in, so there are no followed sites: name the sites, or take all.");
    return all(g, op, "/me/followedSites", "get the followed sites", &s, reason);
}

/* The host name of the tenant's root site, asked once. Gives. */
static int tenant_host(struct graph *g, struct spfs_op *op, char **ret, struct spfs_reason *reason)
{
    SPFS_FREE char *known = NULL;
    {
        SPFS_LOCKED(&g->lock);
        known = g->tenant_host ? strdup(g->tenant_host) : NULL;
    }
    if (!known) {
        struct graph_reply reply SPFS_CLEANUP(graph_reply_done) = {0};
        char host[256];
        int rc = graph_perform(
            g, op, &(struct graph_call){.path = "/sites/root", .what = "get the root site"}, &reply, reason);
        if (rc)
            return rc;
        if (!parse_site_host(spfs_json_root(reply.doc), host, sizeof host))
            return spfs_fail(reason, -EIO, "Cannot get the root site: the answer names no host.");
        known = strdup(host);
        SPFS_FREE char *keep = strdup(host);
        SPFS_LOCKED(&g->lock);
        if (!g->tenant_host)
            g->tenant_host = TAKE(keep);
    }
    *ret = TAKE(known);
    return *ret ? 0 : -ENOMEM;
}

int discovery_site_at(struct spfs_remote *r, struct spfs_op *op, const char *host, const char *path,
                      spfs_site_cb *cb, void *ctx, struct spfs_reason *reason)
{
    struct graph *g = graph_of(r);
    struct spfs_buf b SPFS_CLEANUP(spfs_buf_done);
    SPFS_FREE char *tenant = NULL;
    struct sink s = {.site = cb, .ctx = ctx};
    int rc = 0;
    spfs_buf_init(&b, GRAPH_PATH_MAX);
    while (*path == '/')
        path++;
    if (!host && *path) {
        rc = tenant_host(g, op, &tenant, reason);
        host = tenant;
    }
    if (rc == 0)
        rc = !host   ? spfs_buf_adds(&b, "/sites/root")
             : *path ? graph_path(&b, "/sites/%s:/%p", host, path)
                     : graph_path(&b, "/sites/%s", host);
    return rc ? rc : one(g, op, b.data, "get the site", &s, reason);
}

int discovery_subsites(struct spfs_remote *r, struct spfs_op *op, const char *site_id, spfs_site_cb *cb,
                       void *ctx, struct spfs_reason *reason)
{
    struct spfs_buf b SPFS_CLEANUP(spfs_buf_done);
    spfs_buf_init(&b, GRAPH_PATH_MAX);
    int rc = graph_path(&b, "/sites/%s/sites", site_id);
    return rc ? rc
              : all(graph_of(r), op, b.data, "get the list of subsites",
                    &(struct sink){.site = cb, .ctx = ctx}, reason);
}

int discovery_libraries(struct spfs_remote *r, struct spfs_op *op, const char *site_id, spfs_drive_cb *cb,
                        void *ctx, struct spfs_reason *reason)
{
    struct spfs_buf b SPFS_CLEANUP(spfs_buf_done);
    struct sink s = {.drive = cb, .ctx = ctx, .hide_system = true};
    spfs_buf_init(&b, GRAPH_PATH_MAX);
    int rc = graph_path(&b, "/sites/%s/drives", site_id);
    return rc ? rc : all(graph_of(r), op, b.data, "get the list of libraries", &s, reason);
}

int discovery_my_drive(struct spfs_remote *r, struct spfs_op *op, spfs_drive_cb *cb, void *ctx,
                       struct spfs_reason *reason)
{
    struct graph *g = graph_of(r);
    if (!g->token->ops->is_delegated(g->token))
        return spfs_fail(reason, -EACCES,
                         "Nobody is signed in, so there is no OneDrive of one's own: name a site instead.");
    return one(g, op, "/me/drive", "get the account's OneDrive", &(struct sink){.drive = cb, .ctx = ctx},
               reason);
}

int discovery_drive(struct spfs_remote *r, struct spfs_op *op, const char *drive_id, spfs_drive_cb *cb,
                    void *ctx, struct spfs_reason *reason)
{
    struct spfs_buf b SPFS_CLEANUP(spfs_buf_done);
    spfs_buf_init(&b, GRAPH_PATH_MAX);
    int rc = graph_path(&b, "/drives/%s", drive_id);
    return rc ? rc
              : one(graph_of(r), op, b.data, "get the library", &(struct sink){.drive = cb, .ctx = ctx},
                    reason);
}
