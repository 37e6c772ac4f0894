/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: driveItem as JSON (see item_i.h). Shapes follow published replies of SharePoint; properties that
 * no client knows are sprinkled in, since the service adds such at any time. Threads: the call's, under
 * tree.lock. */
#include "item_i.h"

#include <stdlib.h>
#include <string.h>

enum {
    P_ID,
    P_NAME,
    P_SIZE,
    P_ETAG,
    P_CTAG,
    P_FILE,
    P_FOLDER,
    P_PACKAGE,
    P_REMOTE,
    P_DELETED,
    P_ROOT,
    P_PARENT,
    P_FSINFO,
    P_CREATED,
    P_MODIFIED,
    P_CREATED_BY,
    P_MODIFIED_BY,
    P_WEBURL,
    P_DOWNLOAD,
    P_SHARED,
    P_PUBLICATION,
    P_MALWARE,
    P_IDS,
    P_COUNT
};

static const char *const property[P_COUNT] = {
    "id",
    "name",
    "size",
    "eTag",
    "cTag",
    "file",
    "folder",
    "package",
    "remoteItem",
    "deleted",
    "root",
    "parentReference",
    "fileSystemInfo",
    "createdDateTime",
    "lastModifiedDateTime",
    "createdBy",
    "lastModifiedBy",
    "webUrl",
    "@microsoft.graph.downloadUrl",
    "shared",
    "publication",
    "malware",
    "sharepointIds",
};
#define BIT(p) (1u << (p))
/* Only given when selected by name. */
#define P_ON_DEMAND (BIT(P_PUBLICATION) | BIT(P_IDS))

uint32_t item_select(const char *list)
{
    uint32_t mask = 0;
    for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " ");
        size_t n = strcspn(p, ", ");
        for (unsigned i = 0; i < P_COUNT; i++)
            if (strlen(property[i]) == n && strncasecmp(p, property[i], n) == 0)
                mask |= BIT(i);
        if (n == 19 && strncmp(p, "content.downloadUrl", n) == 0)
            mask |= BIT(P_DOWNLOAD);
    }
    return list && *list ? mask | BIT(31) : ITEM_ALL;
}

void item_select_text(uint32_t mask, char *ret, size_t size)
{
    ret[0] = '\0';
    size_t len = 0;
    for (unsigned i = 0; i < P_COUNT; i++)
        if (mask & BIT(i))
            len += (size_t)snprintf(ret + len, size - len, "%s%s", len ? "," : "", property[i]);
    if (mask && !len)
        snprintf(ret, size, "none");
}

void item_etag(const struct tree *t, uint32_t serial, char ret[64])
{
    char guid[TREE_GUID_LEN + 1];
    tree_item_guid(t, serial, guid);
    snprintf(ret, 64, "\"{%s},%u\"", guid, tree_item(t, serial)->etag);
}

void item_ctag(const struct tree *t, uint32_t serial, char ret[64])
{
    char guid[TREE_GUID_LEN + 1];
    tree_item_guid(t, serial, guid);
    snprintf(ret, 64, "\"c:{%s},%u\"", guid, tree_item(t, serial)->ctag);
}

static void path_into(const struct tree *t, uint32_t serial, struct spfs_buf *b, bool encode)
{
    const struct tree_item *it = tree_item(t, serial);
    if (it->flags & TREE_ROOT || !it->parent)
        return;
    path_into(t, it->parent, b, encode);
    spfs_buf_adds(b, "/");
    if (encode)
        spfs_buf_add_urlenc(b, it->name);
    else
        spfs_buf_adds(b, it->name);
}

char *item_path(const struct tree *t, uint32_t serial)
{
    struct spfs_buf b;
    spfs_buf_init(&b, 1u << 20);
    spfs_buf_adds(&b, "");
    path_into(t, serial, &b, false);
    return b.data ? b.data : sim_strdup("");
}

static const struct {
    const char *suffix, *mime;
    bool office;
} kinds[] = {
    {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", true},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", true},
    {".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", true},
    {".pdf", "application/pdf", true},
    {".html", "text/html", true},
    {".txt", "text/plain", false},
    {".md", "text/markdown", false},
    {".csv", "text/csv", false},
    {".json", "application/json", false},
    {".png", "image/png", false},
    {".jpg", "image/jpeg", false},
    {".mp4", "video/mp4", false},
    {".zip", "application/x-zip-compressed", false},
    {".one", "application/msonenote", false},
    {".onetoc2", "application/msonenote", false},
};

static const char *suffix_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot : "";
}

const char *item_mime(const char *name)
{
    for (size_t i = 0; i < SPFS_ARRAY_LEN(kinds); i++)
        if (strcasecmp(suffix_of(name), kinds[i].suffix) == 0)
            return kinds[i].mime;
    return "application/octet-stream";
}

bool item_is_office(const char *name)
{
    for (size_t i = 0; i < SPFS_ARRAY_LEN(kinds); i++)
        if (strcasecmp(suffix_of(name), kinds[i].suffix) == 0)
            return kinds[i].office;
    return false;
}

/* ---- parts ---- */

static void write_parent(struct sim_call *c, struct spfs_buf *b, uint32_t serial, enum item_view view,
                         bool patched)
{
    const struct tree *t = &c->sim->tree;
    const struct tree_item *it = tree_item(t, serial);
    const struct tree_drive *d = &t->drives[it->drive];
    jw_open(b, "parentReference", '{');
    jw_str(b, "driveType", d->site < 0 ? "business" : "documentLibrary");
    jw_str(b, "driveId", d->id);
    if (d->site >= 0)
        jw_str(b, "siteId", t->sites[d->site].guid[1]);
    bool deleted = it->flags & TREE_DELETED;
    if (it->parent && !(deleted && serial % 2 && !c->sim->opt.tidy_delta)) {
        char id[TREE_ID_LEN + 1];
        uint32_t shown = it->parent;
        if (patched)
            shown = strcmp(c->plan.cycle, "pair") == 0 && tree_item(t, serial)->first ? it->first : serial;
        tree_item_id(t, shown, id);
        jw_str(b, "id", id);
        if (!deleted && tree_item(t, it->parent)->flags & TREE_ROOT)
            jw_str(b, "name", d->name);
        else if (!deleted)
            jw_str(b, "name", tree_item(t, it->parent)->name);
    }
    /* delta leaves path out, as documented, but not always; by GET it is decoded, in children it is encoded.
     */
    if (it->parent && !deleted && (view != ITEM_DELTA || serial % 7 == 0 || c->sim->opt.tidy_delta)) {
        struct spfs_buf path;
        spfs_buf_init(&path, 1u << 20);
        spfs_buf_addf(&path, "/drives/%s/root:", d->id);
        path_into(t, it->parent, &path, view == ITEM_CHILD);
        jw_str(b, "path", path.data);
        spfs_buf_done(&path);
    }
    jw_close(b, '}');
}

static void write_file(struct spfs_buf *b, const struct tree_item *it)
{
    jw_open(b, "file", '{');
    jw_str(b, "mimeType", item_mime(it->name));
    bool hashed = it->size > 0 && !(it->flags & TREE_NO_HASH);
    if (hashed || it->size == 0) {
        jw_open(b, "hashes", '{');
        if (hashed) {
            char hash[SPFS_QUICKXOR_TEXT];
            struct tree_body body = {it->size, it->seed, it->blob};
            body_quickxor_text(&body, hash);
            jw_str(b, "quickXorHash", hash);
        }
        jw_close(b, '}');
    }
    jw_close(b, '}');
}

static void write_weburl(const struct tree *t, struct spfs_buf *b, uint32_t serial, enum item_view view)
{
    const struct tree_item *it = tree_item(t, serial);
    struct spfs_buf url;
    spfs_buf_init(&url, 1u << 20);
    shape_weburl(t, it->drive, &url);
    if (view == ITEM_DELTA && it->kind == TREE_FILE && item_is_office(it->name)) {
        char guid[TREE_GUID_LEN + 1];
        tree_item_guid(t, serial, guid);
        spfs_buf_addf(&url, "/_layouts/15/Doc.aspx?sourcedoc=%%7B%s%%7D&file=", guid);
        spfs_buf_add_urlenc(&url, it->name);
        spfs_buf_adds(&url, "&action=default&mobileredirect=true");
    } else {
        path_into(t, serial, &url, true);
    }
    jw_str(b, "webUrl", url.data);
    spfs_buf_done(&url);
}

static void write_remote(struct sim_call *c, struct spfs_buf *b, const struct tree_item *it)
{
    const struct tree *t = &c->sim->tree;
    uint32_t target = it->extra ? it->extra->target : TREE_NONE;
    if (!target)
        return;
    const struct tree_item *to = tree_item(t, target);
    char id[TREE_ID_LEN + 1];
    tree_item_id(t, target, id);
    jw_open(b, "remoteItem", '{');
    jw_str(b, "id", id);
    if (strcmp(to->name, it->name) == 0) { /* may be missing; clients prefer it where it is given */
        jw_str(b, "name", to->name);
        jw_u64(b, "size", to->size);
    }
    jw_open(b, "fileSystemInfo", '{');
    jw_time(b, "createdDateTime", to->ctime);
    jw_time(b, "lastModifiedDateTime", to->mtime);
    jw_close(b, '}');
    if (to->kind == TREE_FOLDER) {
        jw_open(b, "folder", '{');
        jw_u64(b, "childCount", to->children);
        jw_close(b, '}');
    } else {
        write_file(b, to);
    }
    jw_open(b, "parentReference", '{');
    jw_str(b, "driveId", t->drives[to->drive].id);
    jw_str(b, "driveType", t->drives[to->drive].site < 0 ? "business" : "documentLibrary");
    jw_close(b, '}');
    jw_close(b, '}');
}

static void write_kind(struct sim_call *c, struct spfs_buf *b, const struct tree_item *it, uint32_t want)
{
    if (it->flags & TREE_ROOT && want & BIT(P_ROOT)) {
        jw_open(b, "root", '{');
        jw_close(b, '}');
    }
    if (it->kind == TREE_FILE && want & BIT(P_FILE))
        write_file(b, it);
    if (it->kind == TREE_FOLDER && want & BIT(P_FOLDER)) {
        jw_open(b, "folder", '{');
        jw_u64(b, "childCount", it->children);
        jw_close(b, '}');
    }
    if (it->kind == TREE_PACKAGE && want & BIT(P_PACKAGE)) {
        jw_open(b, "package", '{');
        jw_str(b, "type", "oneNote");
        jw_close(b, '}');
    }
    if (it->kind == TREE_REMOTE && want & BIT(P_REMOTE))
        write_remote(c, b, it);
    if (it->flags & TREE_MALWARE && want & BIT(P_MALWARE)) {
        jw_open(b, "malware", '{');
        jw_str(b, "description", "Win32/Sample.A");
        jw_close(b, '}');
    }
}

static void write_tags(struct sim_call *c, struct spfs_buf *b, uint32_t serial, enum item_view view,
                       uint32_t want)
{
    const struct tree *t = &c->sim->tree;
    char tag[64];
    if (!c->plan.drop_etag) {
        item_etag(t, serial, tag);
        if (want & BIT(P_ETAG))
            jw_str(b, "eTag", tag);
        if (serial % 5 == 0 && view == ITEM_CHILD)
            jw_str(b, "@odata.etag", tag);
    }
    if (!(want & BIT(P_CTAG)) || tree_item(t, serial)->kind == TREE_FOLDER)
        return;
    if (view == ITEM_DELTA && !c->sim->opt.delta_ctag)
        return;
    item_ctag(t, serial, tag);
    jw_str(b, "cTag", tag);
}

static void write_tombstone(struct sim_call *c, struct spfs_buf *b, uint32_t serial)
{
    char id[TREE_ID_LEN + 1];
    tree_item_id(&c->sim->tree, serial, id);
    jw_str(b, "id", id);
    if (serial % 3 == 0) {
        jw_u64(b, "size", 0);
        jw_str(b, "lastModifiedDateTime", "0001-01-01T00:00:00Z");
    }
    write_parent(c, b, serial, ITEM_DELTA, false);
    if (serial % 2) {
        jw_open(b, tree_item(&c->sim->tree, serial)->kind == TREE_FILE ? "file" : "folder", '{');
        jw_close(b, '}');
    }
    jw_open(b, "deleted", '{');
    if (serial % 4)
        jw_str(b, "state", "deleted");
    jw_close(b, '}');
}

static void write_times(struct spfs_buf *b, const struct tree_item *it, uint32_t want)
{
    if (want & BIT(P_CREATED))
        jw_time(b, "createdDateTime", it->ctime);
    if (want & BIT(P_MODIFIED))
        jw_time(b, "lastModifiedDateTime", it->mtime);
    if (want & BIT(P_FSINFO)) {
        jw_open(b, "fileSystemInfo", '{');
        jw_time(b, "createdDateTime", it->ctime);
        jw_time(b, "lastModifiedDateTime", it->mtime);
        jw_close(b, '}');
    }
}

/* Properties that the service adds without notice. */
static void write_unknown(struct spfs_buf *b, uint32_t serial)
{
    if (serial % 6 == 0)
        jw_raw(b, "reactions", "{\"commentCount\":0,\"likeCount\":2}");
    if (serial % 11 == 0)
        jw_raw(b, "x.unknown@annotation", "[[],{\"deep\":{\"er\":[null,true,-1.5e3]}}]");
}

static void write_sparse(struct sim_call *c, struct spfs_buf *b, uint32_t serial, enum item_view view,
                         uint32_t want)
{
    const struct tree_item *it = tree_item(&c->sim->tree, serial);
    if (want & BIT(P_CREATED_BY) && view != ITEM_DELTA)
        shape_who(b, "createdBy", false);
    if (want & BIT(P_MODIFIED_BY))
        shape_who(b, "lastModifiedBy", it->extra && it->extra->by_app);
    if (want & BIT(P_WEBURL))
        write_weburl(&c->sim->tree, b, serial, view);
    if (want & BIT(P_SHARED) && serial % 9 == 0)
        jw_raw(b, "shared", serial % 2 ? "{}" : "{\"scope\":\"users\"}");
    if (want & BIT(P_PUBLICATION) && it->kind == TREE_FILE) {
        bool held = it->extra && (it->extra->locked || it->extra->checked_out);
        jw_open(b, "publication", '{');
        jw_str(b, "level", held ? "checkout" : "published");
        jw_strf(b, "versionId", "%u.0", tree_version_number(it));
        jw_close(b, '}');
    }
    if (want & BIT(P_IDS)) {
        jw_open(b, "sharepointIds", '{');
        jw_strf(b, "listItemId", "%u", serial);
        jw_close(b, '}');
    }
    if (want & BIT(P_DOWNLOAD) && it->kind == TREE_FILE && view != ITEM_DELTA) {
        char url[900];
        content_url(c, serial, 0, url, sizeof url);
        jw_str(b, "@microsoft.graph.downloadUrl", url);
    }
}

void item_write(struct sim_call *c, struct spfs_buf *b, const char *key, uint32_t serial, enum item_view view,
                uint32_t select)
{
    const struct tree *t = &c->sim->tree;
    const struct tree_item *it = tree_item(t, serial);
    uint32_t want = select == ITEM_ALL ? BIT(31) - 1u - P_ON_DEMAND : select;
    bool is_root = it->flags & TREE_ROOT;
    bool patched = c->plan.active && !is_root && c->plan.seen++ == c->plan.entry;
    jw_open(b, key, '{');
    if (it->flags & TREE_DELETED) {
        write_tombstone(c, b, serial);
        jw_close(b, '}');
        return;
    }
    if (want & BIT(P_ID)) {
        char id[TREE_ID_LEN + 1];
        tree_item_id(t, serial, id);
        jw_str(b, "id", id);
    }
    if (want & BIT(P_NAME)) {
        if (patched && c->plan.name_json)
            jw_raw(b, "name", c->plan.name_json);
        else
            jw_str(b, "name", it->name);
    }
    if (want & BIT(P_SIZE)) {
        if (patched && c->plan.size_json)
            jw_raw(b, "size", c->plan.size_json);
        else
            jw_u64(b, "size", it->size);
    }
    write_tags(c, b, serial, view, want);
    write_times(b, it, want);
    if (want & BIT(P_PARENT))
        write_parent(c, b, serial, view, patched && c->plan.cycle);
    write_kind(c, b, it, want);
    write_sparse(c, b, serial, view, want);
    if (select == ITEM_ALL)
        write_unknown(b, serial);
    jw_close(b, '}');
}

void item_reply(struct sim_call *c, unsigned status, uint32_t serial)
{
    SPFS_FREE char *select = call_query(c, "$select");
    struct spfs_buf *b = call_json(c, status);
    item_write(c, b, NULL, serial, ITEM_GET, item_select(select));
    char tag[64];
    item_etag(&c->sim->tree, serial, tag);
    if (!c->plan.drop_etag && serial % 2)
        call_header(c, "ETag", "%s", tag);
}
