/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: copies, and moves across drives, with a monitor. The work is done at once; the monitor says "in
 * progress" the first time it is asked, so that a client has to poll. Threads: the call's, under tree.lock.
 */
#include "item_i.h"
#include "mutate_i.h"
#include "pattern_i.h"
#include "scan_i.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

static uint32_t copy_below(struct tree *t, uint32_t from, uint32_t parent, const char *name)
{
    struct tree_item *old = tree_item(t, from);
    uint32_t item = tree_add(t, parent, (enum tree_kind)old->kind, name, 0, old->mtime);
    if (old->kind == TREE_FILE) {
        struct tree_body body = tree_body(old);
        tree_write(t, item, &body, old->mtime, false);
    }
    for (uint32_t i = old->first; i; i = tree_item(t, i)->next)
        copy_below(t, i, item, tree_item(t, i)->name);
    tree_extra(tree_item(t, item))->by_app = true;
    return item;
}

/* The folder that the body names. TREE_NONE: the reply is filled. */
static uint32_t destination(struct sim_call *c, const struct route *r, const cJSON *body)
{
    const struct tree *t = &c->sim->tree;
    const cJSON *ref = cJSON_GetObjectItemCaseSensitive(body, "parentReference");
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(ref, "id"));
    uint32_t parent = id ? tree_by_id(t, id) : tree_item(t, r->item)->parent;
    if (parent && !(tree_item(t, parent)->flags & TREE_DELETED) && tree_item(t, parent)->kind != TREE_FILE)
        return parent;
    call_error(c, 404, "itemNotFound", "The target folder does not exist.", NULL);
    return TREE_NONE;
}

static bool may_copy(struct sim_call *c, uint32_t item, uint32_t parent, const char *name, char *own,
                     size_t size)
{
    struct tree *t = &c->sim->tree;
    unsigned drive = tree_item(t, parent)->drive;
    spfs_copy(own, size, name);
    if (!check_writable(c, drive, TREE_NONE) || !check_name(c, drive, parent, name) ||
        !check_quota(c, drive, tree_item(t, item)->size))
        return false;
    if (tree_is_below(t, parent, item))
        return call_error(c, 400, "invalidRequest", "A folder cannot be copied below itself.", NULL), false;
    uint32_t taken = tree_child(t, parent, name);
    enum conflict conflict = conflict_of(c, NULL, CONFLICT_FAIL);
    if (taken && conflict == CONFLICT_RENAME)
        free_name(t, parent, name, own, size);
    else if (taken && conflict == CONFLICT_REPLACE && tree_item(t, taken)->kind == TREE_FILE && taken != item)
        tree_delete(t, taken);
    else if (taken)
        return refuse_taken(c), false;
    return true;
}

static void start(struct sim_call *c, const struct route *r, const cJSON *body, bool then_delete)
{
    struct tree *t = &c->sim->tree;
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "name"));
    char own[1100];
    if (tree_item(t, r->item)->flags & TREE_ROOT)
        return call_error(c, 400, "invalidRequest", "Cannot copy the root folder.", NULL);
    uint32_t parent = destination(c, r, body);
    if (!parent || !may_copy(c, r->item, parent, name ? name : tree_item(t, r->item)->name, own, sizeof own))
        return;
    uint32_t item = copy_below(t, r->item, parent, own);
    if (then_delete)
        tree_delete(t, r->item);
    char id[TREE_ID_LEN + 1], base[320];
    tree_item_id(t, item, id);
    content_base(c, base, sizeof base);
    c->reply.status = 202;
    call_header(c, "Location", "%s/_monitor/%s?tempauth=v1.%u.%016" PRIx64, base, id, c->principal,
                pattern_mix(c->sim->secret ^ item));
}

void copy_start(struct sim_call *c, const struct route *r, bool then_delete)
{
    cJSON *body = c->body.data ? cJSON_Parse(c->body.data) : NULL;
    start(c, r, body, then_delete);
    cJSON_Delete(body);
}

void copy_monitor(struct sim_call *c)
{
    const char *id = c->path + strlen("/_monitor/");
    const char *auth = strstr(c->query, "tempauth=");
    uint64_t who = 0, sum = 0;
    bool done = false;
    if (c->header[SIM_H_AUTHORIZATION])
        call_violation(c, SIM_V_AUTH_ON_CONTENT);
    pthread_rwlock_wrlock(&c->sim->tree.lock);
    uint32_t item = tree_by_id(&c->sim->tree, id);
    bool known = item && auth && scan(auth, "tempauth=v1.%d.%x", &who, &sum) &&
                 sum == pattern_mix(c->sim->secret ^ item);
    if (known) {
        struct tree_extra *extra = tree_extra(tree_item(&c->sim->tree, item));
        done = extra->monitored;
        extra->monitored = true;
    }
    pthread_rwlock_unlock(&c->sim->tree.lock);
    if (!known)
        return call_error(c, 404, "itemNotFound", "The operation is not known.", NULL);
    struct spfs_buf *b = call_json(c, done ? 200 : 202);
    jw_open(b, NULL, '{');
    jw_str(b, "createdDateTime", "0001-01-01T00:00:00Z");
    jw_str(b, "lastActionDateTime", "0001-01-01T00:00:00Z");
    jw_raw(b, "percentageComplete", done ? "100.0" : "27.8");
    jw_str(b, "status", done ? "completed" : "inProgress");
    if (done)
        jw_str(b, "resourceId", id);
    jw_close(b, '}');
}
