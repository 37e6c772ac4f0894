/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: from the path of a call to what it addresses and the handler that answers it.
 * The colon forms (`root:/a/b:/children`) are cut from the raw path, before decoding, so that a name may
 * contain anything when it is encoded. Threads: the call's. */
#include "route_i.h"
#include "item_i.h"
#include "mutate_i.h"

#include <stdlib.h>
#include <string.h>

bool route_segment(const char **p, char *ret, size_t size)
{
    *p += strspn(*p, "/");
    size_t n = strcspn(*p, "/");
    SPFS_FREE char *text = call_decode(*p, n);
    *p += n;
    return n > 0 && spfs_copy(ret, size, text);
}

static void not_found(struct sim_call *c)
{
    call_error(c, 404, "itemNotFound", "The resource could not be found.", NULL);
}

static void unsupported(struct sim_call *c)
{
    call_error(c, 400, "BadRequest", "Resource not found for the segment.", NULL);
}

/* `/a/b` or `/a/b:/rest`, raw, behind the colon of "root:" or "items/ID:". Advances *p behind the closing
 * colon. */
static void path_form(struct sim_call *c, const char **p, struct route *r)
{
    const struct tree *t = &c->sim->tree;
    size_t n = strcspn(*p, ":");
    SPFS_FREE char *path = call_decode(*p, n);
    *p += n + ((*p)[n] == ':');
    size_t len = strlen(path);
    while (len && path[len - 1] == '/')
        path[--len] = '\0';
    char *slash = strrchr(path, '/');
    uint32_t from = r->item;
    r->item = tree_walk(t, from, path);
    if (r->item || !slash)
        return;
    *slash = '\0';
    r->parent = tree_walk(t, from, path);
    spfs_copy(r->name, sizeof r->name, slash + 1);
}

/* Behind a drive: root, root:/..., items/ID, items/ID:/..., and what follows. False: the reply is filled. */
static bool item_route(struct sim_call *c, const char **p, struct route *r)
{
    const struct tree *t = &c->sim->tree;
    char seg[512];
    if (!route_segment(p, seg, sizeof seg)) {
        drive_write(c, call_json(c, 200), NULL, r->drive);
        return false;
    }
    if (strcmp(seg, "items") == 0 && !route_segment(p, seg, sizeof seg)) {
        unsupported(c);
        return false;
    }
    size_t n = strlen(seg);
    bool by_path = n && seg[n - 1] == ':';
    if (by_path)
        seg[n - 1] = '\0';
    if (strcmp(seg, "root") == 0)
        r->item = t->drives[r->drive].root;
    else
        r->item = tree_by_id(t, seg);
    if (!r->item || tree_item(t, r->item)->drive != r->drive || tree_item(t, r->item)->flags & TREE_DELETED) {
        not_found(c);
        return false;
    }
    if (by_path)
        path_form(c, p, r);
    return true;
}

static void get_item(struct sim_call *c, const struct route *r)
{
    const struct tree_item *it = tree_item(&c->sim->tree, r->item);
    const char *rest = r->rest;
    if (!*rest) {
        char tag[64], ctag[64];
        item_etag(&c->sim->tree, r->item, tag);
        item_ctag(&c->sim->tree, r->item, ctag);
        const char *known = c->header[SIM_H_IF_NONE_MATCH];
        if (known && (strcmp(known, tag) == 0 || strcmp(known, ctag) == 0))
            c->reply.status = 304;
        else
            item_reply(c, 200, r->item);
    } else if (strcmp(rest, "children") == 0) {
        children_list(c, r);
    } else if (strncmp(rest, "delta", 5) == 0) {
        delta_list(c, r);
    } else if (strcmp(rest, "content") == 0) {
        content_redirect(c, r->item, 0);
    } else if (strncmp(rest, "versions", 8) == 0 && it->kind == TREE_FILE) {
        versions_call(c, r);
    } else if (strcmp(rest, "permissions") == 0 || strcmp(rest, "thumbnails") == 0) {
        struct spfs_buf *b = call_json(c, 200);
        jw_open(b, NULL, '{');
        jw_open(b, "value", '[');
        jw_close(b, ']');
        jw_close(b, '}');
    } else {
        unsupported(c);
    }
}

static void in_drive(struct sim_call *c, const char *p, struct route *r)
{
    if (!item_route(c, &p, r))
        return;
    p += strspn(p, "/");
    SPFS_FREE char *rest = call_decode(p, strlen(p));
    if (!spfs_copy(r->rest, sizeof r->rest, rest))
        return unsupported(c);
    size_t n = strlen(r->rest);
    if (n && r->rest[n - 1] == '/')
        r->rest[n - 1] = '\0';
    if (strcmp(c->method, "GET") != 0 && strcmp(c->method, "HEAD") != 0)
        mutate_call(c, r);
    else if (!r->item)
        not_found(c);
    else
        get_item(c, r);
}

static void organization(struct sim_call *c)
{
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_open(b, "value", '[');
    jw_open(b, NULL, '{');
    jw_str(b, "id", "84841066-274d-4ec0-a5c1-276be684bdd3");
    jw_str(b, "displayName", "Contoso");
    jw_close(b, '}');
    jw_close(b, ']');
    jw_close(b, '}');
}

static void graph(struct sim_call *c, const char *p)
{
    struct route r = {.site = -1};
    char seg[512];
    if (!route_segment(&p, seg, sizeof seg))
        return unsupported(c);
    if (strcmp(seg, "sites") == 0) {
        if (sites_route(c, &p, &r))
            in_drive(c, p, &r);
    } else if (strcmp(seg, "me") == 0) {
        if (me_route(c, &p, &r))
            in_drive(c, p, &r);
    } else if (strcmp(seg, "drives") == 0) {
        int drive = route_segment(&p, seg, sizeof seg) ? tree_drive_by_id(&c->sim->tree, seg) : -1;
        if (drive < 0)
            return not_found(c);
        r.drive = (unsigned)drive;
        in_drive(c, p, &r);
    } else if (strcmp(seg, "organization") == 0) {
        organization(c);
    } else {
        unsupported(c);
    }
}

/* The part behind /v1.0, or NULL. */
static const char *graph_path(const char *path)
{
    return spfs_starts(path, "/v1.0/") ? path + 5 : NULL;
}

enum sim_class route_class(const char *method, const char *path)
{
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (spfs_starts(path, "/_sim/"))
        return SIM_CONTROL;
    if (spfs_starts(path, "/_content/"))
        return SIM_CONTENT;
    if (spfs_starts(path, "/_upload/"))
        return SIM_UPLOAD;
    if (strstr(path, "/oauth2/v2.0/"))
        return SIM_TOKEN;
    if (spfs_ends(path, "/$batch") || spfs_ends(path, "/%24batch"))
        return SIM_BATCH;
    if (!reads)
        return spfs_ends(path, "/content") ? SIM_UPLOAD : SIM_WRITE;
    if (spfs_ends(path, "/children"))
        return SIM_CHILDREN;
    if (strstr(path, "/delta"))
        return SIM_DELTA;
    return SIM_META;
}

static void graph_call(struct sim_call *c)
{
    const char *p = graph_path(c->path);
    if (!p)
        return call_error(c, 400, "BadRequest", "Invalid version.", NULL);
    if (!c->is_batch_part && token_check(c) == SIM_NOBODY)
        return;
    if (c->class == SIM_BATCH)
        return batch_call(c);
    bool reads = strcmp(c->method, "GET") == 0 || strcmp(c->method, "HEAD") == 0;
    if (reads)
        pthread_rwlock_rdlock(&c->sim->tree.lock);
    else
        pthread_rwlock_wrlock(&c->sim->tree.lock);
    graph(c, p);
    pthread_rwlock_unlock(&c->sim->tree.lock);
}

static void answer(struct sim_call *c)
{
    store_settle(c->sim);
    if (c->class == SIM_TOKEN)
        token_call(c);
    else if (spfs_starts(c->path, "/_content/"))
        content_call(c);
    else if (spfs_starts(c->path, "/_upload/"))
        upload_call(c);
    else if (spfs_starts(c->path, "/_monitor/"))
        copy_monitor(c);
    else
        graph_call(c);
}

static void account(struct sim_call *c)
{
    atomic_fetch_add(&c->sim->counters.requests[c->class], 1);
    c->principal = c->class == SIM_TOKEN            ? SIM_LOGIN
                   : c->header[SIM_H_AUTHORIZATION] ? token_whose(c)
                   : spfs_starts(c->path, "/_")     ? content_whose(c)
                                                    : SIM_NOBODY;
    if (!c->header[SIM_H_USER_AGENT] || !*c->header[SIM_H_USER_AGENT])
        call_violation(c, SIM_V_NO_USER_AGENT);
    if (c->principal != SIM_NOBODY && pace_is_paused(c->sim, c->principal))
        call_violation(c, SIM_V_RETRY_AFTER);
    if (c->sim->opt.max_parallel && atomic_load(&c->sim->in_flight) > c->sim->opt.max_parallel)
        call_violation(c, SIM_V_PARALLEL);
}

void route_run(struct sim_call *c)
{
    spfs_uuid(c->request_id);
    c->class = route_class(c->method, c->path);
    if (c->class == SIM_CONTROL)
        return control_call(c);
    account(c);
    call_header(c, "request-id", "%s", c->request_id);
    if (c->header[SIM_H_CLIENT_REQUEST_ID])
        call_header(c, "client-request-id", "%s", c->header[SIM_H_CLIENT_REQUEST_ID]);
    faults_match(&c->sim->faults, c->method, c->target, &c->plan);
    if (!c->plan.active || !faults_answer(c))
        answer(c);
}
