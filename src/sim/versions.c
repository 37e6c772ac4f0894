/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: versions of a file: list, restore, delete. Threads: the call's, under tree.lock. */
#include "item_i.h"
#include "mutate_i.h"

#include <stdlib.h>
#include <string.h>

static void version_write(struct spfs_buf *b, uint32_t number, uint64_t size, int64_t mtime)
{
    jw_open(b, NULL, '{');
    jw_strf(b, "id", "%u.0", number);
    jw_open(b, "lastModifiedBy", '{');
    jw_open(b, "user", '{');
    jw_str(b, "displayName", "Megan Bowen");
    jw_close(b, '}');
    jw_close(b, '}');
    jw_time(b, "lastModifiedDateTime", mtime);
    jw_u64(b, "size", size);
    jw_close(b, '}');
}

static void list(struct sim_call *c, const struct tree_item *it)
{
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_open(b, "value", '[');
    version_write(b, tree_version_number(it), it->size, it->mtime);
    for (struct tree_version *v = it->extra ? it->extra->versions : NULL; v; v = v->older)
        version_write(b, v->number, v->body.size, v->mtime);
    jw_close(b, ']');
    jw_close(b, '}');
}

/* N of "versions/N.0" + tail, or 0. */
static uint32_t number_of(const char *rest, const char *tail)
{
    char *end = NULL;
    unsigned long n = strncmp(rest, "versions/", 9) == 0 ? strtoul(rest + 9, &end, 10) : 0;
    return n && strncmp(end, ".0", 2) == 0 && strcmp(end + 2, tail) == 0 ? (uint32_t)n : 0;
}

static void unknown(struct sim_call *c)
{
    call_error(c, 404, "itemNotFound", "The version could not be found.", NULL);
}

void versions_call(struct sim_call *c, const struct route *r)
{
    uint32_t number = number_of(r->rest, "/content");
    if (strcmp(r->rest, "versions") == 0)
        list(c, tree_item(&c->sim->tree, r->item));
    else if (number)
        content_redirect(c, r->item, number);
    else
        unknown(c);
}

/* Link to the older version with this number, or NULL. */
static struct tree_version **find(struct tree_item *it, uint32_t number)
{
    struct tree_version **v = it->extra ? &it->extra->versions : NULL;
    while (v && *v && (*v)->number != number)
        v = &(*v)->older;
    return v && *v ? v : NULL;
}

void version_restore(struct sim_call *c, const struct route *r)
{
    struct tree_item *it = tree_item(&c->sim->tree, r->item);
    struct tree_version **v = find(it, number_of(r->rest, "/restoreVersion"));
    if (!v)
        return unknown(c);
    if (!check_writable(c, r->drive, r->item))
        return;
    struct tree_body body = (*v)->body;
    blob_ref(body.blob);
    tree_write(&c->sim->tree, r->item, &body, (*v)->mtime, true);
    it->extra->by_app = true;
    c->reply.status = 204;
}

void version_delete(struct sim_call *c, const struct route *r)
{
    struct tree_version **v = find(tree_item(&c->sim->tree, r->item), number_of(r->rest, ""));
    if (!v)
        return unknown(c);
    if (!check_writable(c, r->drive, r->item))
        return;
    struct tree_version *gone = *v;
    *v = gone->older;
    blob_unref(gone->body.blob);
    free(gone);
    c->reply.status = 204;
}
