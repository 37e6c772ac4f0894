/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: changes asked for through Graph: new folders, rename and move, times, delete, and the smaller
 * actions. Threads: the call's, under tree.lock for writing. */
#include "mutate_i.h"
#include "item_i.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *text(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static void invalid(struct sim_call *c, const char *message)
{
    call_error(c, 400, "invalidRequest", message, NULL);
}

static void make_folder(struct sim_call *c, const struct route *r, const cJSON *body)
{
    struct tree *t = &c->sim->tree;
    const char *name = text(body, "name");
    char own[1100];
    if (!name || !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(body, "folder")))
        return invalid(c, "A name and a folder facet are required.");
    if (tree_item(t, r->item)->kind == TREE_FILE)
        return invalid(c, "The parent is not a folder.");
    if (!check_writable(c, r->drive, TREE_NONE) || !check_name(c, r->drive, r->item, name))
        return;
    spfs_copy(own, sizeof own, name);
    if (tree_child(t, r->item, name)) {
        if (conflict_of(c, body, CONFLICT_FAIL) != CONFLICT_RENAME)
            return refuse_taken(c);
        free_name(t, r->item, name, own, sizeof own);
    }
    int64_t mtime = time(NULL), ctime = mtime;
    times_of(body, &mtime, &ctime);
    uint32_t item = tree_add(t, r->item, TREE_FOLDER, own, 0, mtime);
    tree_item(t, item)->ctime = ctime;
    tree_extra(tree_item(t, item))->by_app = true;
    item_reply(c, 201, item);
}

/* The folder that parentReference names, or the present one without. TREE_NONE: the reply is filled. */
static uint32_t target_folder(struct sim_call *c, const struct route *r, const cJSON *body, bool *other_drive)
{
    const struct tree *t = &c->sim->tree;
    const cJSON *ref = cJSON_GetObjectItemCaseSensitive(body, "parentReference");
    const char *id = text(ref, "id"), *drive_id = text(ref, "driveId"), *path = text(ref, "path");
    uint32_t parent = tree_item(t, r->item)->parent;
    if (id)
        parent = tree_by_id(t, id);
    else if (path && strstr(path, "root:"))
        parent = tree_walk(t, t->drives[r->drive].root, strstr(path, "root:") + 5);
    if (!parent || tree_item(t, parent)->flags & TREE_DELETED || tree_item(t, parent)->kind == TREE_FILE) {
        call_error(c, 404, "itemNotFound", "The target folder does not exist.", NULL);
        return TREE_NONE;
    }
    *other_drive = tree_item(t, parent)->drive != r->drive;
    if (drive_id && strcasecmp(drive_id, t->drives[tree_item(t, parent)->drive].id) != 0) {
        invalid(c, "The parent is not in the drive named.");
        return TREE_NONE;
    }
    return parent;
}

/* Name and place. True when the item is where it was asked to be. */
static bool move(struct sim_call *c, const struct route *r, const cJSON *body)
{
    struct tree *t = &c->sim->tree;
    struct tree_item *it = tree_item(t, r->item);
    const char *name = text(body, "name") ? text(body, "name") : it->name;
    bool other_drive = false;
    uint32_t parent = target_folder(c, r, body, &other_drive);
    if (!parent)
        return false;
    if (other_drive) {
        if (call_prefers(c, "respond-async"))
            copy_start(c, r, true);
        else
            invalid(c, "An asynchronous response is required for this operation.");
        return false;
    }
    if (parent == it->parent && strcmp(name, it->name) == 0)
        return true;
    uint32_t taken = tree_child(t, parent, name);
    if (!check_name(c, r->drive, parent, name))
        return false;
    if (tree_is_below(t, parent, r->item))
        return invalid(c, "A folder cannot be moved below itself."), false;
    if (taken && taken != r->item)
        return refuse_taken(c), false;
    tree_rename(t, r->item, parent, name);
    return true;
}

/* Setting times on a file makes a version of it, with the same content. */
static void set_times(struct sim_call *c, uint32_t item, const cJSON *body)
{
    struct tree *t = &c->sim->tree;
    struct tree_item *it = tree_item(t, item);
    int64_t mtime = it->mtime, ctime = it->ctime;
    if (!times_of(body, &mtime, &ctime))
        return;
    if (it->kind == TREE_FILE)
        tree_add_version(t, item);
    it->mtime = mtime;
    it->ctime = ctime;
    tree_touch(t, item);
}

static void patch(struct sim_call *c, const struct route *r, const cJSON *body)
{
    struct tree_item *it = tree_item(&c->sim->tree, r->item);
    bool moves = cJSON_HasObjectItem(body, "name") || cJSON_HasObjectItem(body, "parentReference");
    if (!check_writable(c, r->drive, r->item) || !check_tags(c, r->item, c->header[SIM_H_IF_MATCH]))
        return;
    if (moves && it->flags & TREE_ROOT)
        return invalid(c, "The root cannot be renamed or moved.");
    if (moves && !move(c, r, body))
        return;
    set_times(c, r->item, body);
    tree_extra(it)->by_app = true;
    item_reply(c, 200, r->item);
}

/* An item that is locked holds every folder above it. */
static bool holds_locked(const struct tree *t, uint32_t item)
{
    const struct tree_item *it = tree_item(t, item);
    if (it->extra && it->extra->locked)
        return true;
    for (uint32_t i = it->first; i; i = tree_item(t, i)->next)
        if (holds_locked(t, i))
            return true;
    return false;
}

static void delete_item(struct sim_call *c, const struct route *r)
{
    struct tree *t = &c->sim->tree;
    if (!check_writable(c, r->drive, r->item) || !check_tags(c, r->item, c->header[SIM_H_IF_MATCH]))
        return;
    if (tree_item(t, r->item)->flags & TREE_ROOT)
        return call_error(c, 403, "accessDenied", "The root cannot be deleted.", NULL);
    if (holds_locked(t, r->item))
        return call_error(c, 423, "resourceLocked", "A file in the folder is locked.", NULL);
    tree_delete(t, r->item);
    c->reply.status = 204;
}

static void create_link(struct sim_call *c, const struct route *r)
{
    char id[TREE_ID_LEN + 1];
    tree_item_id(&c->sim->tree, r->item, id);
    struct spfs_buf *b = call_json(c, 201);
    jw_open(b, NULL, '{');
    jw_strf(b, "id", "link-%s", id);
    jw_raw(b, "roles", "[\"read\"]");
    jw_open(b, "link", '{');
    jw_str(b, "type", "view");
    jw_str(b, "scope", "organization");
    jw_strf(b, "webUrl", "https://contoso.sharepoint.com/:b:/s/%s", id);
    jw_close(b, '}');
    jw_close(b, '}');
}

static void check_out(struct sim_call *c, const struct route *r, bool out)
{
    struct tree_extra *extra = tree_extra(tree_item(&c->sim->tree, r->item));
    if (!check_writable(c, r->drive, r->item))
        return;
    if (!out && !extra->checked_out)
        return invalid(c, "The file is not checked out.");
    extra->checked_out = out;
    tree_touch(&c->sim->tree, r->item);
    c->reply.status = 204;
}

static void post(struct sim_call *c, const struct route *r, const cJSON *body)
{
    const char *rest = r->rest;
    if (strcmp(rest, "children") == 0)
        make_folder(c, r, body);
    else if (strcmp(rest, "copy") == 0)
        copy_start(c, r, false);
    else if (strcmp(rest, "createLink") == 0)
        create_link(c, r);
    else if (strcmp(rest, "checkout") == 0)
        check_out(c, r, true);
    else if (strcmp(rest, "checkin") == 0 || strcmp(rest, "discardCheckout") == 0)
        check_out(c, r, false);
    else if (strcmp(rest, "permanentDelete") == 0)
        delete_item(c, r);
    else if (spfs_starts(rest, "versions/") && spfs_ends(rest, "/restoreVersion"))
        version_restore(c, r);
    else
        call_error(c, 501, "NotImplemented", "This operation is not supported.", NULL);
}

void mutate_call(struct sim_call *c, const struct route *r)
{
    if (strcmp(c->method, "PUT") == 0 && strcmp(r->rest, "content") == 0)
        return upload_put(c, r);
    if (strcmp(c->method, "POST") == 0 && strcmp(r->rest, "createUploadSession") == 0)
        return upload_create_session(c, r);
    if (!r->item)
        return call_error(c, 404, "itemNotFound", "The resource could not be found.", NULL);
    if (strcmp(c->method, "DELETE") == 0)
        return spfs_starts(r->rest, "versions/") ? version_delete(c, r) : delete_item(c, r);
    cJSON *body = c->body.data ? cJSON_Parse(c->body.data) : NULL;
    if (strcmp(c->method, "POST") == 0)
        post(c, r, body);
    else if (!cJSON_IsObject(body))
        invalid(c, "The request body is not well formed.");
    else if (strcmp(c->method, "PATCH") == 0 && !*r->rest)
        patch(c, r, body);
    else
        call_error(c, 405, "notAllowed", "The method is not allowed here.", NULL);
    cJSON_Delete(body);
}
