/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: sites, their libraries, and the signed-in user. Threads: the call's, under tree.lock. */
#include "item_i.h"
#include "route_i.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define HOST "contoso.sharepoint.com"

static bool missing(struct sim_call *c)
{
    call_error(c, 404, "itemNotFound", "Requested site could not be found", NULL);
    return false;
}

static bool no_user(struct sim_call *c)
{
    call_error(c, 400, "BadRequest", "/me request is only valid with delegated authentication flow.", NULL);
    return false;
}

typedef bool site_filter(const struct sim_call *c, unsigned site, const void *arg);

static bool site_matches(const struct sim_call *c, unsigned site, const void *arg)
{
    const struct tree_site *s = &c->sim->tree.sites[site];
    const char *text = arg;
    return !s->hidden && (strcmp(text, "*") == 0 || strcasestr(s->title, text) || strcasestr(s->name, text));
}

static bool site_is_followed(const struct sim_call *c, unsigned site, const void *arg)
{
    (void)arg;
    return c->sim->tree.sites[site].followed;
}

static bool site_is_child(const struct sim_call *c, unsigned site, const void *arg)
{
    return c->sim->tree.sites[site].parent == *(const int *)arg;
}

/* Arrays are paged everywhere; sites go by 20 so that paging of them is met. */
static void site_list(struct sim_call *c, site_filter *wanted, const void *arg)
{
    enum { PAGE = 20 };
    SPFS_FREE char *token = call_query(c, "$skiptoken");
    unsigned from = token ? (unsigned)strtoul(token, NULL, 10) : 0;
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_open(b, "value", '[');
    unsigned i = from, given = 0;
    for (; i < c->sim->tree.site_count && given < PAGE; i++) {
        if (wanted(c, i, arg)) {
            site_write(c, b, NULL, i);
            given++;
        }
    }
    jw_close(b, ']');
    while (i < c->sim->tree.site_count && !wanted(c, i, arg))
        i++;
    if (i < c->sim->tree.site_count || c->plan.endless_nextlink) {
        SPFS_FREE char *search = call_query(c, "search");
        jw_strf(b, "@odata.nextLink", "%s%s?%s%s%s$skiptoken=%u", c->base, c->path, search ? "search=" : "",
                search ? search : "", search ? "&" : "", i);
    }
    jw_close(b, '}');
}

static void drive_list(struct sim_call *c, int site)
{
    SPFS_FREE char *select = call_query(c, "$select");
    bool with_system = select && strstr(select, "system");
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_open(b, "value", '[');
    for (unsigned i = 0; i < c->sim->tree.drive_count; i++)
        if (c->sim->tree.drives[i].site == site && (with_system || !c->sim->tree.drives[i].system))
            drive_write(c, b, NULL, i);
    jw_close(b, ']');
    jw_close(b, '}');
}

/* Lists of a site: its libraries, by the names that lists have. */
static void list_write(struct sim_call *c, struct spfs_buf *b, const char *key, unsigned drive)
{
    const struct tree_drive *d = &c->sim->tree.drives[drive];
    char guid[TREE_GUID_LEN + 1];
    tree_item_guid(&c->sim->tree, d->root, guid);
    jw_open(b, key, '{');
    jw_str(b, "id", guid);
    jw_str(b, "name", d->segment);
    jw_str(b, "displayName", d->name);
    jw_open(b, "list", '{');
    jw_str(b, "template", "documentLibrary");
    jw_bool(b, "hidden", d->system);
    jw_bool(b, "contentTypesEnabled", false);
    jw_close(b, '}');
    if (d->system)
        jw_raw(b, "system", "{}");
    jw_close(b, '}');
}

static void lists(struct sim_call *c, int site)
{
    SPFS_FREE char *select = call_query(c, "$select");
    bool with_system = select && strstr(select, "system");
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_open(b, "value", '[');
    for (unsigned i = 0; i < c->sim->tree.drive_count; i++)
        if (c->sim->tree.drives[i].site == site && (with_system || !c->sim->tree.drives[i].system))
            list_write(c, b, NULL, i);
    jw_close(b, ']');
    jw_close(b, '}');
}

/* POST lists: a new library. */
static void create_list(struct sim_call *c, int site)
{
    struct tree *t = &c->sim->tree;
    cJSON *body = c->body.data ? cJSON_Parse(c->body.data) : NULL;
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "displayName"));
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(body, "list");
    const char *template = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(list, "template"));
    bool taken = false;
    for (unsigned i = 0; name && i < t->drive_count; i++)
        taken = taken || (t->drives[i].site == site && strcasecmp(t->drives[i].name, name) == 0);
    if (!name || !*name || !template || strcmp(template, "documentLibrary") != 0)
        call_error(c, 400, "invalidRequest", "A displayName and a list template are required.", NULL);
    else if (taken)
        call_error(c, 409, "nameAlreadyExists", "The specified name is already in use.", NULL);
    else if (t->drive_count == SPFS_ARRAY_LEN(t->drives))
        call_error(c, 507, "quotaLimitReached", "The site has too many lists.", NULL);
    else
        list_write(c, call_json(c, 201), NULL, (unsigned)tree_add_drive(t, site, name, name));
    cJSON_Delete(body);
}

/* /sites/S/lists/L: by id, name or title; -1 when there is none. */
static int find_list(const struct tree *t, int site, const char *name)
{
    char guid[TREE_GUID_LEN + 1];
    for (unsigned i = 0; i < t->drive_count; i++) {
        tree_item_guid(t, t->drives[i].root, guid);
        if (t->drives[i].site == site &&
            (strcasecmp(guid, name) == 0 || strcasecmp(t->drives[i].name, name) == 0 ||
             strcasecmp(t->drives[i].segment, name) == 0))
            return (int)i;
    }
    return -1;
}

/* Behind "lists". True when the path goes on into the library's drive. */
static bool lists_route(struct sim_call *c, const char **p, struct route *r)
{
    char seg[512];
    if (!route_segment(p, seg, sizeof seg)) {
        if (strcmp(c->method, "POST") == 0)
            create_list(c, r->site);
        else
            lists(c, r->site);
        return false;
    }
    int list = find_list(&c->sim->tree, r->site, seg);
    if (list < 0)
        return missing(c);
    r->drive = (unsigned)list;
    if (!route_segment(p, seg, sizeof seg)) {
        list_write(c, call_json(c, 200), NULL, r->drive);
        return false;
    }
    return strcmp(seg, "drive") == 0 || missing(c);
}

static int default_drive(const struct tree *t, int site)
{
    for (unsigned i = 0; i < t->drive_count; i++)
        if (t->drives[i].site == site && !t->drives[i].system)
            return (int)i;
    return -1;
}

static int site_by_id(const struct tree *t, const char *id)
{
    char own[128];
    for (unsigned i = 0; i < t->site_count; i++) {
        spfs_format(own, sizeof own, HOST ",%s,%s", t->sites[i].guid[0], t->sites[i].guid[1]);
        if (strcasecmp(own, id) == 0)
            return (int)i;
    }
    return -1;
}

static int site_by_path(const struct tree *t, const char *path)
{
    path += strspn(path, "/");
    size_t n = strlen(path);
    while (n && path[n - 1] == '/')
        n--;
    for (unsigned i = 0; i < t->site_count; i++)
        if (strlen(t->sites[i].path) == n && strncasecmp(t->sites[i].path, path, n) == 0)
            return (int)i;
    return -1;
}

/* The site that the segment names, with its `:/path[:]`; -1 when there is none. */
static int find_site(const struct tree *t, char *seg, const char **p)
{
    size_t n = strlen(seg);
    if (n && seg[n - 1] == ':') {
        seg[n - 1] = '\0';
        size_t len = strcspn(*p, ":");
        SPFS_FREE char *path = call_decode(*p, len);
        *p += len + ((*p)[len] == ':');
        return strcasecmp(seg, HOST) == 0 ? site_by_path(t, path) : -1;
    }
    if (strcmp(seg, "root") == 0 || strcasecmp(seg, HOST) == 0)
        return site_by_path(t, "");
    return site_by_id(t, seg);
}

static void search_sites(struct sim_call *c)
{
    SPFS_FREE char *search = call_query(c, "search");
    if (!search && c->principal != SIM_APP)
        call_error(c, 400, "invalidRequest", "Search text is required.", NULL);
    else
        site_list(c, site_matches, search ? search : "*");
}

bool sites_route(struct sim_call *c, const char **p, struct route *r)
{
    const struct tree *t = &c->sim->tree;
    char seg[512];
    if (!route_segment(p, seg, sizeof seg) || strcmp(seg, "getAllSites") == 0) {
        search_sites(c);
        return false;
    }
    r->site = find_site(t, seg, p);
    if (r->site < 0)
        return missing(c);
    if (!route_segment(p, seg, sizeof seg)) {
        site_write(c, call_json(c, 200), NULL, (unsigned)r->site);
        return false;
    }
    if (strcmp(seg, "sites") == 0) {
        site_list(c, site_is_child, &r->site);
        return false;
    }
    if (strcmp(seg, "lists") == 0)
        return lists_route(c, p, r);
    if (strcmp(seg, "drives") == 0 && !route_segment(p, seg, sizeof seg)) {
        drive_list(c, r->site);
        return false;
    }
    int drive = strcmp(seg, "drive") == 0 ? default_drive(t, r->site) : tree_drive_by_id(t, seg);
    if (drive < 0 || t->drives[drive].site != r->site)
        return missing(c);
    r->drive = (unsigned)drive;
    return true;
}

static void user_write(struct sim_call *c)
{
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_strf(b, "@odata.context", "%s/v1.0/$metadata#users/$entity", c->base);
    jw_str(b, "id", "48d31887-5fad-4d73-a9f5-3c356e68a038");
    jw_str(b, "displayName", "Adele Vance");
    jw_str(b, "mail", "adele@contoso.example");
    jw_str(b, "userPrincipalName", "adele@contoso.example");
    jw_null(b, "mobilePhone");
    jw_close(b, '}');
}

bool me_route(struct sim_call *c, const char **p, struct route *r)
{
    char seg[512];
    if (c->principal == SIM_APP)
        return no_user(c);
    int drive = tree_drive_of_user(&c->sim->tree);
    if (!route_segment(p, seg, sizeof seg)) {
        user_write(c);
    } else if (strcmp(seg, "followedSites") == 0) {
        site_list(c, site_is_followed, NULL);
    } else if (strcmp(seg, "drives") == 0) {
        drive_list(c, -1);
    } else if (strcmp(seg, "drive") == 0 && drive >= 0) {
        r->drive = (unsigned)drive;
        return true;
    } else {
        call_error(c, 404, "itemNotFound", "User's mysite not found.", NULL);
    }
    return false;
}
