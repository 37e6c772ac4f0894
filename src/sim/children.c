/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: listing of a folder by pages.
 * A skip token holds the position only, so paging is no snapshot: with changes in between, entries are missed
 * or repeated, as on the real service. Threads: the call's, under tree.lock. */
#include "item_i.h"
#include "route_i.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_DEFAULT 200u
#define PAGE_MAX     1000u
#define TOKEN        "UGFnZWQ9VFJVRSZwX1NvcnRCZWhhdmlvcj0w-"

unsigned page_size(const struct sim_call *c)
{
    SPFS_FREE char *top = call_query(c, "$top");
    unsigned long n = top ? strtoul(top, NULL, 10) : 0;
    return n == 0 ? PAGE_DEFAULT : n > PAGE_MAX ? PAGE_MAX : (unsigned)n;
}

/* Shortcuts to other drives show in a OneDrive only when asked for. */
static bool is_shown(const struct sim_call *c, const struct tree_item *it)
{
    return it->kind != TREE_REMOTE || c->sim->tree.drives[it->drive].site >= 0 ||
           call_prefers(c, "Include-Feature=AddToOneDrive");
}

static bool options_are_legal(struct sim_call *c)
{
    SPFS_FREE char *skip = call_query(c, "$skip");
    SPFS_FREE char *filter = call_query(c, "$filter");
    SPFS_FREE char *order = call_query(c, "$orderby");
    if (skip)
        call_error(c, 400, "invalidRequest", "$skip is not supported on this API.", NULL);
    else if (filter && strncmp(filter, "name", 4) != 0)
        call_error(c, 400, "invalidRequest", "Only the properties 'name' and 'url' are supported in $filter.",
                   NULL);
    else if (order && strncmp(order, "name", 4) != 0)
        call_error(c, 400, "invalidRequest",
                   "Only the properties 'name' and 'url' are supported in $orderby.", NULL);
    else
        return true;
    return false;
}

static void next_link(struct sim_call *c, struct spfs_buf *b, unsigned top, uint32_t select,
                      unsigned position)
{
    char list[512];
    item_select_text(select, list, sizeof list);
    jw_strf(b, "@odata.nextLink", "%s%s?%s%s%s$top=%u&$skiptoken=" TOKEN "%u", c->base, c->path,
            *list ? "$select=" : "", list, *list ? "&" : "", top, position);
}

void children_list(struct sim_call *c, const struct route *r)
{
    const struct tree *t = &c->sim->tree;
    if (tree_item(t, r->item)->kind == TREE_FILE)
        return call_error(c, 400, "invalidRequest", "Children are only supported on folders.", NULL);
    if (!options_are_legal(c))
        return;
    SPFS_FREE char *list = call_query(c, "$select");
    SPFS_FREE char *token = call_query(c, "$skiptoken");
    unsigned position = 0, top = page_size(c);
    if (token && strncmp(token, TOKEN, strlen(TOKEN)) != 0)
        return call_error(c, 400, "invalidRequest", "The skip token is invalid.", NULL);
    if (token)
        position = (unsigned)strtoul(token + strlen(TOKEN), NULL, 10);
    uint32_t select = item_select(list);
    uint32_t i = tree_item(t, r->item)->first;
    for (unsigned k = 0; i && k < position; k++)
        i = tree_item(t, i)->next;
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_strf(b, "@odata.context", "%s/v1.0/$metadata#drives('%s')/items/children", c->base,
            t->drives[r->drive].id);
    jw_open(b, "value", '[');
    unsigned end = position + top;
    for (; i && position < end; i = tree_item(t, i)->next, position++)
        if (is_shown(c, tree_item(t, i)))
            item_write(c, b, NULL, i, ITEM_CHILD, select);
    jw_close(b, ']');
    if (i || c->plan.endless_nextlink)
        next_link(c, b, top, select, i ? position : 0);
    jw_close(b, '}');
}
