/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: what SharePoint refuses, in one place. Threads: the call's, under tree.lock. */
#include "item_i.h"
#include "mutate_i.h"

#include <cjson/cJSON.h>
#include <spfs/model/item.h>
#include <spfs/model/names.h>
#include <spfs/model/times.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_CHARACTERS 400

bool check_writable(struct sim_call *c, unsigned drive, uint32_t item)
{
    const struct tree_item *it = item ? tree_item(&c->sim->tree, item) : NULL;
    if (c->sim->tree.drives[drive].read_only)
        call_error(c, 403, "accessDenied", "The caller does not have permission to perform the action.",
                   NULL);
    else if (it && it->extra && it->extra->locked)
        call_error(c, 423, item % 2 ? "resourceLocked" : "notAllowed",
                   "The resource you are attempting to access is locked", "resourceLocked");
    else
        return true;
    return false;
}

bool check_tags(struct sim_call *c, uint32_t item, const char *if_match)
{
    char etag[64], ctag[64];
    if (!if_match || strcmp(if_match, "*") == 0)
        return true;
    item_etag(&c->sim->tree, item, etag);
    item_ctag(&c->sim->tree, item, ctag);
    if (strcmp(if_match, etag) == 0 || strcmp(if_match, ctag) == 0)
        return true;
    if (*if_match != '"')
        call_error(c, 400, "invalidRequest", "The entity tag is not well formed.", "malformedEntityTag");
    else
        call_error(c, 412, "resourceModified", "ETag does not match current item's value",
                   "entityTagDoesNotMatch");
    return false;
}

/* UTF-16 units, in which SharePoint counts. */
static size_t units(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) == 0x80 ? 0 : (unsigned char)*s >= 0xf0 ? 2 : 1;
    return n;
}

static bool path_fits(const struct tree *t, unsigned drive, uint32_t parent, const char *name)
{
    const struct tree_drive *d = &t->drives[drive];
    SPFS_FREE char *above = item_path(t, parent);
    const char *site = d->site < 0 ? "personal/adele_contoso_example" : t->sites[d->site].path;
    return units(site) + 1 + units(d->segment) + units(above) + 1 + units(name) <= PATH_MAX_CHARACTERS;
}

bool check_name(struct sim_call *c, unsigned drive, uint32_t parent, const char *name)
{
    const struct tree *t = &c->sim->tree;
    size_t n = strlen(name);
    bool at_root = parent == t->drives[drive].root;
    if (!spfs_name_acceptable(name, n) || strpbrk(name, "\"*:<>?/\\|") || name[0] == ' ' ||
        name[n - 1] == ' ' || name[n - 1] == '.')
        call_error(c, 400, "invalidRequest", "The provided name cannot contain the characters used.",
                   n > 255 ? "invalidPath" : "nameContainsInvalidCharacters");
    else if (spfs_name_refused(name, at_root))
        call_error(c, 400, "invalidRequest", "The provided name is not allowed.", "invalidPath");
    else if (!path_fits(t, drive, parent, name))
        call_error(c, 400, "invalidRequest", "The specified path is too long.", "pathIsTooLong");
    else
        return true;
    return false;
}

bool check_quota(struct sim_call *c, unsigned drive, uint64_t more)
{
    const struct tree_drive *d = &c->sim->tree.drives[drive];
    uint64_t used = tree_item(&c->sim->tree, d->root)->size + d->deleted_bytes;
    if (!d->quota || used + more <= d->quota)
        return true;
    call_error(c, 507, "quotaLimitReached", "The user has reached their quota limit.", NULL);
    return false;
}

void refuse_taken(struct sim_call *c)
{
    call_error(c, 409, "nameAlreadyExists", "An item with the same name already exists under the parent.",
               NULL);
}

enum conflict conflict_of(struct sim_call *c, const cJSON *body, enum conflict otherwise)
{
    SPFS_FREE char *query = call_query(c, "@microsoft.graph.conflictBehavior");
    SPFS_FREE char *older = query ? NULL : call_query(c, "@name.conflictBehavior");
    const char *text = query ? query : older;
    if (!text)
        text =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "@microsoft.graph.conflictBehavior"));
    if (!text)
        text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "@name.conflictBehavior"));
    if (!text)
        return otherwise;
    return strcmp(text, "replace") == 0  ? CONFLICT_REPLACE
           : strcmp(text, "rename") == 0 ? CONFLICT_RENAME
                                         : CONFLICT_FAIL;
}

void free_name(const struct tree *t, uint32_t parent, const char *name, char *ret, size_t size)
{
    const char *dot = strrchr(name, '.');
    size_t stem = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    spfs_copy(ret, size, name);
    for (unsigned n = 1; tree_child(t, parent, ret); n++)
        spfs_format(ret, size, "%.*s %u%s", (int)stem, name, n, name + stem);
}

bool times_of(const cJSON *body, int64_t *mtime, int64_t *ctime)
{
    const cJSON *info = cJSON_GetObjectItemCaseSensitive(body, "fileSystemInfo");
    const char *modified =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(info, "lastModifiedDateTime"));
    const char *created = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(info, "createdDateTime"));
    int64_t m = spfs_time_parse(modified), k = spfs_time_parse(created);
    if (modified && m != SPFS_TIME_UNKNOWN)
        *mtime = m / 1000000000 - (m % 1000000000 < 0);
    if (created && k != SPFS_TIME_UNKNOWN)
        *ctime = k / 1000000000 - (k % 1000000000 < 0);
    return modified || created;
}
