// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: driveItem, drive and site replies as the values of model/item.h. Facts: contract sheet §4.2–§4.4,
 * §5. Invariants: whatever the text, what is handed over keeps the promises of model/item.h. An item without
 * a usable id is left out; one whose name must not be shown comes as UNKNOWN without a name, so that it
 * neither appears nor keeps an older name visible. Both are counted and logged once a page. A page without
 * "value" is an error, never an empty page. Threads: any, no state. */
#include "graph_i.h"
#include <spfs/base/log.h>
#include <spfs/model/names.h>
#include <spfs/model/times.h>
#include <errno.h>
#include <string.h>

#define ID_MAX  255
#define TAG_MAX 255
#define URL_MAX 8192

const char *parse_id(const struct spfs_json *v, const char *path)
{
    const char *id = spfs_json_str(v, path);
    if (!id || !*id || strlen(id) > ID_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
        return NULL;
    for (const char *c = id; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return NULL;
    return id;
}

static const char *bounded(const char *s, size_t max)
{
    return s && *s && strlen(s) <= max ? s : NULL;
}

static uint64_t size_of(const struct spfs_json *v)
{
    uint64_t size = spfs_json_u64(v, "size", SPFS_SIZE_UNKNOWN);
    return size > SPFS_SIZE_MAX ? SPFS_SIZE_UNKNOWN : size;
}

static int64_t time_of(const struct spfs_json *v, const char *client, const char *server)
{
    int64_t t = spfs_time_parse(spfs_json_str(v, client));
    return t != SPFS_TIME_UNKNOWN ? t : spfs_time_parse(spfs_json_str(v, server));
}

/* In the order of the contract sheet §5.2; deleted is a flag of its own. */
static enum spfs_kind kind_of(const struct spfs_json *v)
{
    static const struct {
        const char *facet;
        enum spfs_kind kind;
    } facets[] = {
        {"root", SPFS_KIND_ROOT},     {"remoteItem", SPFS_KIND_REMOTE}, {"package", SPFS_KIND_PACKAGE},
        {"folder", SPFS_KIND_FOLDER}, {"file", SPFS_KIND_FILE},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(facets); i++)
        if (spfs_json_has(v, facets[i].facet))
            return facets[i].kind;
    return SPFS_KIND_UNKNOWN;
}

/* The outer item may leave out what the target has, and the other way round. */
static void take_target(const struct spfs_json *v, struct spfs_item *ret)
{
    const struct spfs_json *t = spfs_json_get(v, "remoteItem");
    ret->target.drive_id = parse_id(t, "parentReference.driveId");
    ret->target.item_id = parse_id(t, "id");
    if (!ret->target.drive_id || !ret->target.item_id) {
        ret->target = (struct spfs_ref){0};
        ret->kind = SPFS_KIND_UNKNOWN;
        return;
    }
    enum spfs_kind kind = kind_of(t);
    ret->target_is_dir = kind == SPFS_KIND_UNKNOWN ? spfs_json_has(v, "folder") : spfs_kind_is_dir(kind);
    if (!spfs_json_has(v, "name"))
        ret->name = spfs_json_str(t, "name");
    if (ret->size == SPFS_SIZE_UNKNOWN)
        ret->size = size_of(t);
    if (ret->mtime_ns == SPFS_TIME_UNKNOWN)
        ret->mtime_ns = time_of(t, "fileSystemInfo.lastModifiedDateTime", "lastModifiedDateTime");
}

static bool name_is_bad(const struct spfs_json *v, const struct spfs_item *item)
{
    if (!item->name)
        return spfs_json_has(v, "name"); /* a name that is no text, or holds NUL */
    return item->kind != SPFS_KIND_ROOT && !spfs_name_acceptable(item->name, strlen(item->name));
}

bool parse_item(const struct spfs_json *v, struct spfs_item *ret, bool *bad_name)
{
    const char *etag = spfs_json_str(v, "eTag");
    *bad_name = false;
    *ret = (struct spfs_item){
        .kind = kind_of(v),
        .deleted = spfs_json_has(v, "deleted"),
        .id = parse_id(v, "id"),
        .drive_id = parse_id(v, "parentReference.driveId"),
        .parent_id = parse_id(v, "parentReference.id"),
        .name = spfs_json_str(v, "name"),
        .size = size_of(v),
        .etag = bounded(etag ? etag : spfs_json_member_str(v, "@odata.etag"), TAG_MAX),
        .ctag = bounded(spfs_json_str(v, "cTag"), TAG_MAX),
        .quickxor = spfs_json_str(v, "file.hashes.quickXorHash"),
        .mtime_ns = time_of(v, "fileSystemInfo.lastModifiedDateTime", "lastModifiedDateTime"),
        .btime_ns = time_of(v, "fileSystemInfo.createdDateTime", "createdDateTime"),
        .malware = spfs_json_has(v, "malware"),
        .download_url = bounded(spfs_json_member_str(v, "@microsoft.graph.downloadUrl"), URL_MAX),
    };
    if (!ret->id)
        return false;
    if (ret->quickxor && strlen(ret->quickxor) != 28)
        ret->quickxor = NULL;
    if (ret->kind == SPFS_KIND_REMOTE)
        take_target(v, ret);
    if (ret->kind == SPFS_KIND_ROOT)
        ret->parent_id = NULL;
    if (name_is_bad(v, ret)) {
        *bad_name = true;
        ret->name = NULL;
        if (ret->kind != SPFS_KIND_ROOT)
            ret->kind = SPFS_KIND_UNKNOWN;
    }
    return true;
}

int parse_one(const struct spfs_json *root, struct spfs_item *ret)
{
    bool bad_name;
    return spfs_json_is_object(root) && !spfs_json_has(root, "error") && parse_item(root, ret, &bad_name)
               ? 0
               : -EBADMSG;
}

/* The array of a page, or NULL; *ret_one is the value of a single reply. An error body is neither. */
static int open_reply(const struct spfs_json *root, enum parse_shape shape,
                      const struct spfs_json **ret_array)
{
    const struct spfs_json *value = spfs_json_get(root, "value");
    *ret_array = NULL;
    if (!spfs_json_is_object(root) || spfs_json_has(root, "error"))
        return -EBADMSG;
    if (shape != PARSE_ONE && spfs_json_is_array(value)) {
        *ret_array = value;
        return 0;
    }
    return shape == PARSE_PAGE ? -EBADMSG : 0;
}

static int take_links(const struct spfs_json *root, struct spfs_page *page)
{
    const char *next = bounded(spfs_json_member_str(root, "@odata.nextLink"), URL_MAX);
    const char *delta = bounded(spfs_json_member_str(root, "@odata.deltaLink"), URL_MAX);
    SPFS_FREE char *n = next ? strdup(next) : NULL;
    SPFS_FREE char *d = delta ? strdup(delta) : NULL;
    if ((next && !n) || (delta && !d))
        return -ENOMEM;
    /* A link that is there but unusable must not look like the last page. */
    if ((!next && spfs_json_member(root, "@odata.nextLink")) ||
        (!delta && spfs_json_member(root, "@odata.deltaLink")))
        return -EBADMSG;
    page->next = TAKE(n);
    page->delta = TAKE(d);
    return 0;
}

int parse_items(const struct spfs_json *root, enum parse_shape shape, spfs_item_cb *cb, void *ctx,
                struct spfs_page *page)
{
    const struct spfs_json *array;
    struct spfs_item item;
    unsigned no_id = 0, bad_names = 0;
    bool bad;
    int rc = open_reply(root, shape, &array);
    if (rc)
        return rc;
    if (!array)
        return parse_item(root, &item, &bad) ? cb(ctx, &item) : -EBADMSG;
    for (const struct spfs_json *v = spfs_json_first(array); v && rc == 0; v = spfs_json_next(v)) {
        if (!parse_item(v, &item, &bad)) {
            no_id++;
            continue;
        }
        bad_names += bad;
        rc = cb(ctx, &item);
    }
    if (no_id || bad_names)
        spfs_warn(
            "the server sent a page with %u unusable names and %u entries without an id: they are not shown",
            bad_names, no_id);
    if (rc == 0 && page)
        rc = take_links(root, page);
    return rc;
}

/* Rights and site settings can hide the numbers: zeros and gaps mean "not known", never "full". */
static struct spfs_quota quota_of(const struct spfs_json *v)
{
    struct spfs_quota q = {
        .total = spfs_json_u64(v, "quota.total", 0),
        .used = spfs_json_u64(v, "quota.used", UINT64_MAX),
        .remaining = spfs_json_u64(v, "quota.remaining", UINT64_MAX),
    };
    if (q.total == 0 || (q.used == UINT64_MAX && q.remaining == UINT64_MAX) ||
        (q.used == 0 && q.remaining == 0))
        return (struct spfs_quota){0};
    if (q.remaining == UINT64_MAX)
        q.remaining = q.used < q.total ? q.total - q.used : 0;
    if (q.remaining > q.total)
        q.remaining = q.total;
    if (q.used == UINT64_MAX)
        q.used = q.total - q.remaining;
    q.known = true;
    return q;
}

struct sink {
    spfs_drive_cb *drive;
    spfs_site_cb *site;
    void *ctx;
};

static int hand_drive(const struct spfs_json *v, const struct sink *s)
{
    struct spfs_drive d = {
        .id = parse_id(v, "id"),
        .name = spfs_json_str(v, "name"),
        .type = spfs_json_str(v, "driveType"),
        .web_url = bounded(spfs_json_str(v, "webUrl"), URL_MAX),
        .system = spfs_json_has(v, "system"),
        .quota = quota_of(v),
    };
    return d.id ? s->drive(s->ctx, &d) : -EBADMSG;
}

static int hand_site(const struct spfs_json *v, const struct sink *s)
{
    const char *url = bounded(spfs_json_str(v, "webUrl"), URL_MAX);
    struct spfs_site site = {
        .id = parse_id(v, "id"),
        .name = spfs_json_str(v, "name"),
        .display_name = spfs_json_str(v, "displayName"),
        .web_url = url,
        .personal = spfs_json_bool(v, "isPersonalSite", false) || (url && strstr(url, "/personal/")),
    };
    return site.id ? s->site(s->ctx, &site) : -EBADMSG;
}

/* An entry of a list without an id is left out; a single reply without one is an error. */
static int parse_list(const struct spfs_json *root, enum parse_shape shape,
                      int (*hand)(const struct spfs_json *v, const struct sink *s), const struct sink *s)
{
    const struct spfs_json *array;
    int rc = open_reply(root, shape, &array);
    if (rc || !array)
        return rc ? rc : hand(root, s);
    for (const struct spfs_json *v = spfs_json_first(array); v && rc == 0; v = spfs_json_next(v))
        rc = parse_id(v, "id") ? hand(v, s) : 0;
    return rc;
}

int parse_drives(const struct spfs_json *root, enum parse_shape shape, spfs_drive_cb *cb, void *ctx)
{
    return parse_list(root, shape, hand_drive, &(struct sink){.drive = cb, .ctx = ctx});
}

int parse_sites(const struct spfs_json *root, enum parse_shape shape, spfs_site_cb *cb, void *ctx)
{
    return parse_list(root, shape, hand_site, &(struct sink){.site = cb, .ctx = ctx});
}

bool parse_site_host(const struct spfs_json *site, char *buf, size_t size)
{
    const char *host = spfs_json_str(site, "siteCollection.hostname");
    if (!host)
        host = spfs_json_str(site, "siteCollection.hostName");
    if (host && *host)
        return spfs_copy(buf, size, host);
    const char *url = spfs_json_str(site, "webUrl");
    const char *from = url ? strstr(url, "://") : NULL;
    if (!from)
        return false;
    return spfs_format(buf, size, "%.*s", (int)strcspn(from + 3, "/?#"), from + 3) && *buf;
}

int spfs_graph_parse_items(const char *text, size_t len, spfs_item_cb *cb, void *ctx, struct spfs_page *page)
{
    struct spfs_json_doc *doc SPFS_CLEANUP(spfs_json_doc_p) = NULL;
    int rc = spfs_json_parse(text, len, GRAPH_PAGE_MAX, &doc);
    if (page)
        *page = (struct spfs_page){0};
    return rc ? rc : parse_items(spfs_json_root(doc), PARSE_EITHER, cb, ctx, page);
}

int spfs_graph_parse_drives(const char *text, size_t len, spfs_drive_cb *cb, void *ctx)
{
    struct spfs_json_doc *doc SPFS_CLEANUP(spfs_json_doc_p) = NULL;
    int rc = spfs_json_parse(text, len, GRAPH_PAGE_MAX, &doc);
    return rc ? rc : parse_drives(spfs_json_root(doc), PARSE_EITHER, cb, ctx);
}

int spfs_graph_parse_sites(const char *text, size_t len, spfs_site_cb *cb, void *ctx)
{
    struct spfs_json_doc *doc SPFS_CLEANUP(spfs_json_doc_p) = NULL;
    int rc = spfs_json_parse(text, len, GRAPH_PAGE_MAX, &doc);
    return rc ? rc : parse_sites(spfs_json_root(doc), PARSE_EITHER, cb, ctx);
}
