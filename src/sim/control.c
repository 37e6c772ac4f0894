/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: the control endpoint of tests. No token, no faults, not counted, not logged.
 *   GET  /_sim/counters         requests by class, bytes, violations
 *   POST /_sim/counters/reset
 *   GET  /_sim/violations
 *   GET  /_sim/tree[?drive=ID][&path=/Site/Library/..]   items with what the server knows of them, tombstones
 * of whole drives included GET  /_sim/hashes[?drive=ID][&path=..][&local=1][&format=text]   size and
 * quickXorHash of every file by display path; local=1: names as a mount shows them; text: "HASH  PATH" lines,
 * sorted by tree POST /_sim/change           see change.c GET, POST, DELETE /_sim/faults   rules with how
 * often each fired; add; clear. See faults.c Threads: the call's. */
#include "control_i.h"
#include "item_i.h"
#include "places_i.h"

#include <cjson/cJSON.h>
#include <spfs/model/names.h>
#include <stdlib.h>
#include <string.h>

static const char *const class_name[SIM_CLASSES] = {"token", "meta",  "children", "delta",  "content",
                                                    "batch", "write", "upload",   "control"};
static const char *const violation_name[SIM_VIOLATIONS] = {"auth_on_content", "retry_after", "no_user_agent",
                                                           "range_on_graph", "parallel"};

static void violations_write(struct spfs_sim *sim, struct spfs_buf *b, const char *key)
{
    jw_open(b, key, '{');
    uint64_t total = 0;
    for (unsigned i = 0; i < SIM_VIOLATIONS; i++) {
        uint64_t n = atomic_load(&sim->counters.violations[i]);
        jw_u64(b, violation_name[i], n);
        total += n;
    }
    jw_u64(b, "total", total);
    jw_close(b, '}');
}

static void counters(struct sim_call *c)
{
    struct spfs_buf *b = call_json(c, 200);
    uint64_t total = 0;
    jw_open(b, NULL, '{');
    for (unsigned i = 0; i < SIM_CONTROL; i++) {
        uint64_t n = atomic_load(&c->sim->counters.requests[i]);
        jw_u64(b, class_name[i], n);
        total += n;
    }
    jw_u64(b, "total", total);
    jw_u64(b, "bytes", atomic_load(&c->sim->counters.bytes_out));
    jw_u64(b, "bytes_in", atomic_load(&c->sim->counters.bytes_in));
    jw_u64(b, "content_bytes", atomic_load(&c->sim->counters.content_out));
    violations_write(c->sim, b, "violations");
    jw_close(b, '}');
}

static void reset(struct sim_call *c)
{
    struct sim_counters *n = &c->sim->counters;
    for (unsigned i = 0; i < SIM_CLASSES; i++)
        atomic_store(&n->requests[i], 0);
    for (unsigned i = 0; i < SIM_VIOLATIONS; i++)
        atomic_store(&n->violations[i], 0);
    atomic_store(&n->bytes_out, 0);
    atomic_store(&n->bytes_in, 0);
    atomic_store(&n->content_out, 0);
    counters(c);
}

/* ---- walks ---- */

struct walk {
    struct sim_call *c;
    struct spfs_buf *b;
    struct spfs_buf path; /* display path of the item at hand */
    bool local, text;
    void (*visit)(struct walk *w, uint32_t item);
};

static void add_name(struct walk *w, const char *name)
{
    char local[SPFS_NAME_SIZE];
    if (w->local && spfs_name_to_local(name, local, sizeof local) == 0)
        name = local;
    spfs_buf_addf(&w->path, "/%s", name);
}

/* The path is cut back and grown on the way; recursion is as deep as the tree. */
static void walk_below(struct walk *w, uint32_t item)
{
    const struct tree *t = &w->c->sim->tree;
    size_t len = w->path.len;
    w->visit(w, item);
    for (uint32_t i = tree_item(t, item)->first; i; i = tree_item(t, i)->next) {
        add_name(w, tree_item(t, i)->name);
        walk_below(w, i);
        w->path.len = len;
        w->path.data[len] = '\0';
    }
}

static void visit_tree(struct walk *w, uint32_t serial)
{
    const struct tree *t = &w->c->sim->tree;
    const struct tree_item *it = tree_item(t, serial);
    static const char *const kinds[] = {"file", "folder", "package", "remote"};
    char id[TREE_ID_LEN + 1], tag[64];
    jw_open(w->b, NULL, '{');
    tree_item_id(t, serial, id);
    jw_str(w->b, "id", id);
    if (it->parent) {
        tree_item_id(t, it->parent, id);
        jw_str(w->b, "parent", id);
    }
    jw_str(w->b, "drive", t->drives[it->drive].id);
    jw_str(w->b, "kind", kinds[it->kind]);
    jw_str(w->b, "name", it->name);
    jw_bool(w->b, "deleted", it->flags & TREE_DELETED);
    if (!(it->flags & TREE_DELETED))
        jw_str(w->b, "path", w->path.data);
    jw_u64(w->b, "size", it->size);
    item_etag(t, serial, tag);
    jw_str(w->b, "eTag", tag);
    item_ctag(t, serial, tag);
    jw_str(w->b, "cTag", tag);
    jw_time(w->b, "mtime", it->mtime);
    if (it->kind == TREE_FILE) {
        char hash[SPFS_QUICKXOR_TEXT];
        struct tree_body body = {it->size, it->seed, it->blob};
        body_quickxor_text(&body, hash);
        jw_str(w->b, "quickXorHash", hash);
        unsigned versions = 1;
        for (const struct tree_version *v = it->extra ? it->extra->versions : NULL; v; v = v->older)
            versions++;
        jw_u64(w->b, "versions", versions);
        jw_bool(w->b, "locked", it->extra && it->extra->locked);
    }
    jw_close(w->b, '}');
}

static void visit_hash(struct walk *w, uint32_t serial)
{
    const struct tree_item *it = tree_item(&w->c->sim->tree, serial);
    if (it->kind != TREE_FILE)
        return;
    char hash[SPFS_QUICKXOR_TEXT];
    struct tree_body body = {it->size, it->seed, it->blob};
    body_quickxor_text(&body, hash);
    if (w->text) {
        spfs_buf_addf(w->b, "%s  %s\n", hash, w->path.data);
        return;
    }
    jw_open(w->b, w->path.data, '{');
    jw_u64(w->b, "size", it->size);
    jw_str(w->b, "quickXorHash", hash);
    jw_close(w->b, '}');
}

static void walk_drive(struct walk *w, unsigned drive)
{
    spfs_buf_reset(&w->path);
    place_of_drive(&w->c->sim->tree, drive, &w->path);
    walk_below(w, w->c->sim->tree.drives[drive].root);
}

static bool drive_is_public(const struct tree *t, unsigned drive)
{
    int site = t->drives[drive].site;
    return !t->drives[drive].system && (site < 0 || !t->sites[site].hidden);
}

/* One drive or place of the query, or all that a user is shown. False: no such place. */
static bool walk_query(struct walk *w)
{
    const struct tree *t = &w->c->sim->tree;
    SPFS_FREE char *id = call_query(w->c, "drive");
    SPFS_FREE char *path = call_query(w->c, "path");
    if (path) {
        struct place at = place_find(t, path);
        if (!at.item)
            return false;
        SPFS_FREE char *below = item_path(t, at.item);
        place_of_drive(t, (unsigned)at.drive, &w->path);
        spfs_buf_adds(&w->path, below);
        walk_below(w, at.item);
        return true;
    }
    int drive = id ? tree_drive_by_id(t, id) : -1;
    if (id && drive < 0)
        return false;
    for (unsigned i = 0; i < t->drive_count; i++)
        if (id ? (int)i == drive : drive_is_public(t, i))
            walk_drive(w, i);
    return true;
}

static void tombstones(struct walk *w)
{
    const struct tree *t = &w->c->sim->tree;
    SPFS_FREE char *path = call_query(w->c, "path");
    SPFS_FREE char *id = call_query(w->c, "drive");
    for (uint32_t i = 1; !path && i <= t->item_count; i++)
        if (tree_item(t, i)->flags & TREE_DELETED &&
            (!id || strcmp(t->drives[tree_item(t, i)->drive].id, id) == 0))
            visit_tree(w, i);
}

static void tree_or_hashes(struct sim_call *c, bool hashes)
{
    SPFS_FREE char *format = call_query(c, "format");
    SPFS_FREE char *local = call_query(c, "local");
    struct walk w = {.c = c,
                     .b = call_json(c, 200),
                     .local = local && strcmp(local, "1") == 0,
                     .text = format && strcmp(format, "text") == 0,
                     .visit = hashes ? visit_hash : visit_tree};
    spfs_buf_init(&w.path, 1u << 20);
    pthread_rwlock_rdlock(&c->sim->tree.lock);
    if (!w.text)
        jw_open(w.b, NULL, hashes ? '{' : '[');
    bool found = walk_query(&w);
    if (!hashes)
        tombstones(&w);
    if (!w.text)
        jw_close(w.b, hashes ? '}' : ']');
    pthread_rwlock_unlock(&c->sim->tree.lock);
    if (!found)
        call_error(c, 404, "itemNotFound", "No such place.", NULL);
    else if (w.text)
        c->reply.type = "text/plain; charset=utf-8";
    spfs_buf_done(&w.path);
}

static void faults_call(struct sim_call *c)
{
    if (strcmp(c->method, "DELETE") == 0)
        faults_clear(&c->sim->faults);
    if (strcmp(c->method, "POST") == 0) {
        struct spfs_reason reason = {"the body is not JSON"};
        cJSON *json = c->body.data ? cJSON_Parse(c->body.data) : NULL;
        int err = json ? faults_add(&c->sim->faults, json, &reason) : -1;
        cJSON_Delete(json);
        if (err < 0)
            return call_error(c, 400, "invalidRequest", reason.text, NULL);
    }
    faults_json(&c->sim->faults, call_json(c, 200));
}

void control_call(struct sim_call *c)
{
    const char *what = c->path + strlen("/_sim/");
    bool posts = strcmp(c->method, "POST") == 0;
    if (strcmp(what, "counters") == 0) {
        counters(c);
    } else if (strcmp(what, "counters/reset") == 0 && posts) {
        reset(c);
    } else if (strcmp(what, "violations") == 0) {
        violations_write(c->sim, call_json(c, 200), NULL);
    } else if (strcmp(what, "tree") == 0) {
        tree_or_hashes(c, false);
    } else if (strcmp(what, "hashes") == 0) {
        tree_or_hashes(c, true);
    } else if (strcmp(what, "change") == 0 && posts) {
        change_call(c);
    } else if (strcmp(what, "faults") == 0) {
        faults_call(c);
    } else {
        call_error(c, 404, "itemNotFound", "No such control.", NULL);
    }
}
