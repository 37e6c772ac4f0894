/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: POST /_sim/change: the tenant is changed as another user would. One operation or an array:
 *   {"op":"write","path":P,"content":TEXT | "size":N,"seed":S [,"mtime":T][,"keep":false]}   new file or new
 * version
 *   {"op":"mkdir","path":P}   {"op":"rename","path":P,"name":N} {"op":"move","path":P,"to":FOLDER[,"name":N]}
 *   {"op":"delete","path":P}  {"op":"touch","path":P}             eTag moves, content stays
 *   {"op":"lock","path":P,"on":BOOL}        open in Office or checked out by somebody: writes answer 423
 *   {"op":"malware"|"no_download"|"no_hash","path":P,"on":BOOL}
 *   {"op":"read_only","path":LIBRARY,"on":BOOL}  {"op":"quota","path":LIBRARY,"size":N}   0: no quota facet
 *   {"op":"rewrite","path":LIBRARY,"on":BOOL,"delay_ms":N}   properties are written into Office files after
 * uploads
 *   {"op":"resync","path":LIBRARY}          older delta tokens answer 410
 * Paths are display paths (places_i.h). Missing parents are made. Answers {"results":[{"id","eTag"}]}; the
 * first operation that is impossible ends the run with 400. Threads: the call's, under tree.lock for writing.
 */
#include "control_i.h"
#include "item_i.h"
#include "places_i.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct op {
    struct tree *t;
    const cJSON *json;
    const char *name; /* of the operation */
    struct place at;
    uint32_t item; /* result */
};

static const char *text(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static double number(const cJSON *o, const char *key, double otherwise)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(v) ? v->valuedouble : otherwise;
}

static bool is_on(const struct op *op)
{
    return !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(op->json, "on"));
}

/* Makes what is missing of the folders above the last part of the path. */
static void make_parents(struct op *op, const char *path)
{
    SPFS_FREE char *above = sim_strdup(path);
    char *slash = strrchr(above, '/');
    if (op->at.item || op->at.parent || op->at.drive < 0 || !slash)
        return;
    *slash = '\0';
    struct op up = {.t = op->t, .at = place_find(op->t, above)};
    make_parents(&up, above);
    if (!up.at.item && up.at.parent)
        tree_add(op->t, up.at.parent, TREE_FOLDER, up.at.name, 0, time(NULL));
    op->at = place_find(op->t, path);
}

static bool write_file(struct op *op)
{
    const char *content = text(op->json, "content");
    struct tree_body body = {.size = (uint64_t)number(op->json, "size", 0),
                             .seed = (uint64_t)number(op->json, "seed", 0) + (1ull << 40)};
    if (content) {
        body = (struct tree_body){.size = strlen(content), .blob = blob_new()};
        if (!body.blob || blob_append(body.blob, content, body.size) < 0)
            return false;
    }
    int64_t mtime = (int64_t)number(op->json, "mtime", (double)time(NULL));
    op->item = op->at.item;
    if (!op->item && op->at.parent)
        op->item = tree_add(op->t, op->at.parent, TREE_FILE, op->at.name, 0, mtime);
    else if (op->item && tree_item(op->t, op->item)->kind == TREE_FILE)
        ;
    else
        return tree_body_done(&body), false;
    bool keep = op->at.item && !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(op->json, "keep"));
    tree_write(op->t, op->item, &body, mtime, keep);
    tree_extra(tree_item(op->t, op->item))->by_app = false;
    return true;
}

static bool make_folder(struct op *op)
{
    if (op->at.item || !op->at.parent)
        return false;
    op->item = tree_add(op->t, op->at.parent, TREE_FOLDER, op->at.name, 0, time(NULL));
    return true;
}

static bool move(struct op *op)
{
    const char *to = text(op->json, "to"), *name = text(op->json, "name");
    uint32_t parent = tree_item(op->t, op->item)->parent;
    if (to) {
        struct place target = place_find(op->t, to);
        if (target.drive != op->at.drive || !target.item || tree_is_below(op->t, target.item, op->item))
            return false;
        parent = target.item;
    }
    if (!name)
        name = tree_item(op->t, op->item)->name;
    uint32_t taken = tree_child(op->t, parent, name);
    if (!parent || (taken && taken != op->item))
        return false;
    if (!to)
        tree_item(op->t, op->item)->mtime =
            time(NULL); /* a rename in the browser is a modification, a move is not */
    tree_rename(op->t, op->item, parent, name);
    return true;
}

static bool on_existing(struct op *op)
{
    struct tree_item *it = tree_item(op->t, op->item);
    struct tree_drive *d = &op->t->drives[op->at.drive];
    bool on = is_on(op);
    uint8_t flag = 0;
    if (strcmp(op->name, "rename") == 0 || strcmp(op->name, "move") == 0)
        return move(op);
    if (strcmp(op->name, "delete") == 0)
        return it->parent ? tree_delete(op->t, op->item), true : false;
    if (strcmp(op->name, "touch") == 0)
        return tree_touch(op->t, op->item), true;
    if (strcmp(op->name, "lock") == 0)
        tree_extra(it)->locked = on;
    else if (strcmp(op->name, "read_only") == 0)
        d->read_only = on;
    else if (strcmp(op->name, "quota") == 0)
        d->quota = (uint64_t)number(op->json, "size", 0);
    else if (strcmp(op->name, "rewrite") == 0)
        d->rewrites_office = on, d->rewrite_delay_ms = (unsigned)number(op->json, "delay_ms", 0);
    else if (strcmp(op->name, "resync") == 0)
        d->epoch++;
    else if (strcmp(op->name, "malware") == 0)
        flag = TREE_MALWARE;
    else if (strcmp(op->name, "no_download") == 0)
        flag = TREE_NO_DOWNLOAD;
    else if (strcmp(op->name, "no_hash") == 0)
        flag = TREE_NO_HASH;
    else
        return false;
    it->flags = (uint8_t)(on ? it->flags | flag : it->flags & ~flag);
    return true;
}

static bool apply(struct op *op)
{
    const char *path = text(op->json, "path");
    op->name = text(op->json, "op");
    if (!path || !op->name)
        return false;
    op->at = place_find(op->t, path);
    if (strcmp(op->name, "write") == 0 || strcmp(op->name, "mkdir") == 0) {
        make_parents(op, path);
        return *op->name == 'w' ? write_file(op) : make_folder(op);
    }
    op->item = op->at.item;
    return op->item && on_existing(op);
}

static bool run(struct sim_call *c, const cJSON *o, struct spfs_buf *b)
{
    struct op op = {.t = &c->sim->tree, .json = o};
    if (!apply(&op))
        return false;
    char id[TREE_ID_LEN + 1], tag[64];
    tree_item_id(op.t, op.item, id);
    item_etag(op.t, op.item, tag);
    jw_open(b, NULL, '{');
    jw_str(b, "id", id);
    jw_str(b, "eTag", tag);
    jw_close(b, '}');
    return true;
}

void change_call(struct sim_call *c)
{
    cJSON *json = c->body.data ? cJSON_Parse(c->body.data) : NULL;
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_open(b, "results", '[');
    pthread_rwlock_wrlock(&c->sim->tree.lock);
    bool good = json != NULL;
    const cJSON *o = cJSON_IsArray(json) ? json->child : json;
    for (; good && o; o = cJSON_IsArray(json) ? o->next : NULL)
        good = run(c, o, b);
    pthread_rwlock_unlock(&c->sim->tree.lock);
    jw_close(b, ']');
    jw_close(b, '}');
    if (!good)
        call_error(c, 400, "invalidRequest", "The operation is not possible.", NULL);
    cJSON_Delete(json);
}
