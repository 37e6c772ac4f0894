/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: bytes of files coming in: simple PUT, and upload sessions with fragments on a pre-authenticated
 * URL. States of a session: OPEN (fragments come in order) -> WHOLE (all bytes are there; left only when the
 * commit is deferred or was refused) -> gone. A session ends 15 minutes after its last fragment. Invariants:
 * `blob` holds exactly the bytes [0, received). A fragment counts only when it arrived whole. Threads:
 * sessions are guarded by tree.lock for writing; a fragment holds it while it is appended. */
#include "item_i.h"
#include "mutate_i.h"
#include "pattern_i.h"
#include "scan_i.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIMPLE_MAX   (250ull << 20)
#define FRAGMENT_MAX (60ull << 20)
#define FRAGMENT     327680u
#define SESSION_LIFE 900

struct upload {
    struct upload *next;
    uint64_t id;
    unsigned drive;
    uint32_t item, parent; /* target; item TREE_NONE: new below parent */
    char name[1024];
    enum conflict conflict;
    char *if_match;
    int64_t mtime, ctime;
    bool deferred;
    bool misaligned; /* a fragment was not a multiple of 320 KiB: the commit fails */
    struct tree_blob *blob;
    uint64_t received, total; /* total 0: not yet known */
    int64_t expires;
};

static void not_found(struct sim_call *c)
{
    call_error(c, 404, "itemNotFound", "The upload session was not found", "uploadSessionNotFound");
}

static void upload_free(struct upload *u)
{
    blob_unref(u->blob);
    free(u->if_match);
    free(u);
}

void upload_free_all(struct spfs_sim *sim)
{
    for (struct upload *u = sim->uploads, *next; u; u = next) {
        next = u->next;
        upload_free(u);
    }
    sim->uploads = NULL;
}

/* ---- what both ways share ---- */

struct target {
    unsigned drive;
    uint32_t item, parent;
    char name[1100];
    enum conflict conflict;
    const char *if_match;
};

/* Checks the target and settles a clash of names. False: the reply is filled. */
static bool settle_target(struct sim_call *c, struct target *g, uint64_t size)
{
    const struct tree *t = &c->sim->tree;
    if (g->item && tree_item(t, g->item)->flags & TREE_DELETED)
        g->item = TREE_NONE;
    if (!g->item && g->parent) /* somebody may have made it meanwhile */
        g->item = tree_child(t, g->parent, g->name);
    if (!g->item && (!g->parent || tree_item(t, g->parent)->flags & TREE_DELETED))
        return call_error(c, 404, "itemNotFound", "The parent folder does not exist.", NULL), false;
    if (g->if_match && !g->item)
        return call_error(c, 412, "resourceModified", "The item no longer exists.", "entityTagDoesNotMatch"),
               false;
    if (g->item && !check_tags(c, g->item, g->if_match))
        return false;
    if (g->item && g->conflict == CONFLICT_FAIL)
        return refuse_taken(c), false;
    if (g->item && g->conflict == CONFLICT_RENAME) {
        char wanted[1100];
        spfs_copy(wanted, sizeof wanted, g->name);
        free_name(t, g->parent, wanted, g->name, sizeof g->name);
        g->item = TREE_NONE;
    }
    if (g->item && tree_item(t, g->item)->kind != TREE_FILE)
        return refuse_taken(c), false;
    if (!check_writable(c, g->drive, g->item) || (!g->item && !check_name(c, g->drive, g->parent, g->name)))
        return false;
    return check_quota(c, g->drive, size);
}

static struct target target_of(struct sim_call *c, const struct route *r, enum conflict conflict)
{
    const struct tree *t = &c->sim->tree;
    struct target g = {.drive = r->drive,
                       .item = r->item,
                       .parent = r->parent,
                       .conflict = conflict,
                       .if_match = c->header[SIM_H_IF_MATCH]};
    spfs_copy(g.name, sizeof g.name, r->item ? tree_item(t, r->item)->name : r->name);
    if (r->item)
        g.parent = tree_item(t, r->item)->parent;
    return g;
}

void upload_put(struct sim_call *c, const struct route *r)
{
    struct target g = target_of(c, r, conflict_of(c, NULL, CONFLICT_REPLACE));
    if (c->is_batch_part)
        return call_error(c, 400, "invalidRequest", "Content cannot be sent in a batch.", NULL);
    if (c->upload_length > SIMPLE_MAX)
        return call_error(c, 413, "invalidRequest", "The request is too big.", "maxFileSizeExceeded");
    if (!settle_target(c, &g, c->upload_length))
        return;
    struct tree_body body = {.size = c->upload_length, .blob = c->upload};
    c->upload = NULL;
    unsigned status = g.item ? 200 : 201;
    item_reply(c, status, store_file(c, g.item, g.parent, g.name, &body, time(NULL), 0));
}

/* ---- sessions ---- */

static void expiry(struct spfs_buf *b, struct upload *u)
{
    u->expires = time(NULL) + SESSION_LIFE;
    jw_time(b, "expirationDateTime", u->expires);
}

static void status_reply(struct sim_call *c, struct upload *u, unsigned status)
{
    struct spfs_buf *b = call_json(c, status);
    jw_open(b, NULL, '{');
    expiry(b, u);
    jw_open(b, "nextExpectedRanges", '[');
    if (!u->total)
        jw_strf(b, NULL, "%" PRIu64 "-", u->received);
    else if (u->received < u->total)
        jw_strf(b, NULL, u->id % 2 ? "%" PRIu64 "-" : "%" PRIu64 "-%" PRIu64, u->received, u->total - 1);
    jw_close(b, ']');
    jw_close(b, '}');
}

static void created(struct sim_call *c, struct upload *u)
{
    char base[320];
    content_base(c, base, sizeof base);
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_strf(b, "@odata.context", "%s/v1.0/$metadata#microsoft.graph.uploadSession", c->base);
    expiry(b, u);
    jw_raw(b, "nextExpectedRanges", "[\"0-\"]");
    jw_strf(b, "uploadUrl",
            "%s/_upload/uploadSession?guid='%016" PRIx64
            "'&path='~tmp%04X.tmp'&overwrite=%s&dc=%d&tempauth=v1.%u.%016" PRIx64 "%%2b",
            base, u->id, (unsigned)(u->id & 0xffff), u->conflict == CONFLICT_REPLACE ? "True" : "False",
            u->deferred, c->principal, pattern_mix(u->id ^ c->sim->secret));
    jw_close(b, '}');
}

/* Members of the session's item that business refuses. */
static bool options_are_legal(struct sim_call *c, const cJSON *item, const char *name)
{
    const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
    if (cJSON_HasObjectItem(item, "fileSize"))
        call_error(c, 400, "invalidRequest", "fileSize is not supported here.", NULL);
    else if (own && strcmp(own, name) != 0)
        call_error(c, 400, "invalidRequest", "The name in the body differs from the name in the path.", NULL);
    else
        return true;
    return false;
}

void upload_create_session(struct sim_call *c, const struct route *r)
{
    cJSON *json = c->body.data ? cJSON_Parse(c->body.data) : NULL;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "item");
    /* The documented default is `fail`; clients that say nothing replace files every day. */
    struct target g = target_of(c, r, conflict_of(c, item, CONFLICT_REPLACE));
    struct target tried = g;
    tried.conflict = CONFLICT_REPLACE; /* a clash of names shows at the last fragment */
    const char *none = c->header[SIM_H_IF_NONE_MATCH];
    if (none && strcmp(none, "*") == 0 && g.item) {
        call_error(c, 412, "resourceModified", "The item exists.", "entityTagDoesNotMatch");
    } else if (options_are_legal(c, item, g.name) && settle_target(c, &tried, 0)) {
        struct upload *u = sim_alloc(sizeof *u);
        *u = (struct upload){.next = c->sim->uploads,
                             .id = pattern_mix(c->sim->secret + ++c->sim->upload_number),
                             .drive = g.drive,
                             .item = g.item,
                             .parent = g.parent,
                             .conflict = g.conflict};
        spfs_copy(u->name, sizeof u->name, g.name);
        u->if_match = g.if_match ? sim_strdup(g.if_match) : NULL;
        u->deferred = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "deferCommit"));
        times_of(item, &u->mtime, &u->ctime);
        c->sim->uploads = u;
        created(c, u);
    }
    cJSON_Delete(json);
}

static void forget(struct spfs_sim *sim, struct upload *u)
{
    struct upload **link = &sim->uploads;
    while (*link != u)
        link = &(*link)->next;
    *link = u->next;
    upload_free(u);
}

/* Makes the file. A refusal leaves the session as it is. */
static void commit(struct sim_call *c, struct upload *u)
{
    struct target g = {.drive = u->drive,
                       .item = u->item,
                       .parent = u->parent,
                       .conflict = u->conflict,
                       .if_match = u->if_match};
    spfs_copy(g.name, sizeof g.name, u->name);
    if (u->misaligned)
        return call_error(c, 400, "invalidRequest", "A fragment was not a multiple of 320 KiB.",
                          "uploadSessionFailed");
    if (!settle_target(c, &g, u->total))
        return;
    struct tree_body body = {.size = u->total, .blob = blob_ref(u->blob)};
    unsigned status = g.item ? 200 : 201;
    item_reply(c, status,
               store_file(c, g.item, g.parent, g.name, &body, u->mtime ? u->mtime : time(NULL), u->ctime));
    forget(c->sim, u);
}

/* Whether the fragment may be appended; false: the reply is filled. */
static bool fragment_fits(struct sim_call *c, const struct upload *u, uint64_t first, uint64_t last,
                          uint64_t total)
{
    const char *inner = NULL;
    if (c->body.len != last - first + 1)
        inner = "fragmentLengthMismatch";
    else if (first < u->received)
        inner = "fragmentOverlap";
    else if (first > u->received)
        inner = "fragmentOutOfOrder";
    if (c->body.len >= FRAGMENT_MAX)
        call_error(c, 413, "invalidRequest", "The fragment is too big.", NULL);
    else if (u->total && u->total != total)
        call_error(c, 400, "invalidRequest", "The total length changed.", NULL);
    else if (inner)
        call_error(c, 416, "invalidRange", "The fragment does not continue the upload.", inner);
    else
        return true;
    return false;
}

static void fragment(struct sim_call *c, struct upload *u)
{
    uint64_t first = 0, last = 0, total = 0;
    const char *h = c->header[SIM_H_CONTENT_RANGE];
    if (!scan(h, "bytes %d-%d/%d", &first, &last, &total) || last < first || last >= total)
        return call_error(c, 400, "invalidRequest", "Content-Range is missing or not well formed.", NULL);
    if (!fragment_fits(c, u, first, last, total))
        return;
    if (!u->blob)
        u->blob = blob_new();
    if (!u->blob || blob_append(u->blob, c->body.data, c->body.len) < 0)
        return call_error(c, 500, "generalException", "The bytes cannot be kept.", NULL);
    u->total = total;
    u->received = last + 1;
    if (u->received < total && c->body.len % FRAGMENT)
        u->misaligned = true;
    if (u->received < total || u->deferred)
        return status_reply(c, u, 202);
    commit(c, u);
}

static struct upload *find(struct sim_call *c)
{
    const char *at = strstr(c->query, "guid="), *auth = strstr(c->query, "tempauth=");
    uint64_t id = 0, sum = 0, who = 0;
    at = at ? at + strlen("guid=") : "";
    at += *at == '\'' ? 1 : spfs_starts(at, "%27") ? 3 : 0;
    if (!scan(at, "%x", &id) || !scan(auth, "tempauth=v1.%d.%x", &who, &sum) ||
        sum != pattern_mix(id ^ c->sim->secret))
        return NULL;
    for (struct upload *u = c->sim->uploads; u; u = u->next)
        if (u->id == id)
            return u->expires > time(NULL) ? u : NULL;
    return NULL;
}

static bool has_authorization(struct sim_call *c)
{
    if (!c->header[SIM_H_AUTHORIZATION])
        return false;
    call_violation(c, SIM_V_AUTH_ON_CONTENT);
    if (c->sim->opt.tolerate_auth)
        return false;
    call_error(c, 401, "unauthenticated", "The upload URL takes no Authorization header.", NULL);
    return true;
}

void upload_call(struct sim_call *c)
{
    if (has_authorization(c))
        return;
    pthread_rwlock_wrlock(&c->sim->tree.lock);
    struct upload *u = find(c);
    if (!u) {
        not_found(c);
    } else if (strcmp(c->method, "PUT") == 0) {
        fragment(c, u);
    } else if (strcmp(c->method, "GET") == 0) {
        status_reply(c, u, 200);
    } else if (strcmp(c->method, "DELETE") == 0) {
        forget(c->sim, u);
        c->reply.status = 204;
    } else if (strcmp(c->method, "POST") == 0 && u->total && u->received == u->total) {
        commit(c, u);
    } else {
        call_error(c, 400, "invalidRequest", "The upload is not complete.", "uploadSessionIncomplete");
    }
    pthread_rwlock_unlock(&c->sim->tree.lock);
}
