/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: drives, sites and people as JSON. Threads: the call's, under tree.lock. */
#include "item_i.h"

#include <string.h>

void shape_who(struct spfs_buf *b, const char *key, bool by_app)
{
    jw_open(b, key, '{');
    if (by_app) {
        jw_open(b, "application", '{');
        jw_str(b, "id", "11111111-1111-1111-1111-111111111111");
        jw_str(b, "displayName", "spfs");
        jw_close(b, '}');
    }
    jw_open(b, "user", '{');
    jw_str(b, "email", by_app ? "adele@contoso.example" : "megan@contoso.example");
    jw_str(b, "id", by_app ? "48d31887-5fad-4d73-a9f5-3c356e68a038" : "efee1b77-fb3b-4f65-99d6-274c11914d12");
    jw_str(b, "displayName", by_app ? "Adele Vance" : "Megan Bowen");
    jw_close(b, '}');
    jw_close(b, '}');
}

void shape_weburl(const struct tree *t, unsigned drive, struct spfs_buf *b)
{
    const struct tree_drive *d = &t->drives[drive];
    if (d->site < 0)
        spfs_buf_adds(b, "https://contoso-my.sharepoint.com/personal/adele_contoso_example/");
    else
        spfs_buf_addf(b, "https://contoso.sharepoint.com/%s%s", t->sites[d->site].path,
                      *t->sites[d->site].path ? "/" : "");
    spfs_buf_add_urlenc(b, d->segment);
}

/* A name, or what a fault puts in its place. */
static void shape_name(struct sim_call *c, struct spfs_buf *b, const char *key, const char *name)
{
    if (c->plan.active && c->plan.name_json && c->plan.seen++ == c->plan.entry)
        jw_raw(b, key, c->plan.name_json);
    else
        jw_str(b, key, name);
}

void drive_write(struct sim_call *c, struct spfs_buf *b, const char *key, unsigned drive)
{
    const struct tree *t = &c->sim->tree;
    const struct tree_drive *d = &t->drives[drive];
    jw_open(b, key, '{');
    jw_str(b, "id", d->id);
    jw_str(b, "driveType", d->site < 0 ? "business" : "documentLibrary");
    shape_name(c, b, "name", d->name);
    jw_str(b, "description", "");
    jw_time(b, "createdDateTime", 1577836800);
    jw_time(b, "lastModifiedDateTime", tree_item(t, d->root)->mtime);
    struct spfs_buf url;
    spfs_buf_init(&url, 1u << 16);
    shape_weburl(t, drive, &url);
    jw_str(b, "webUrl", url.data);
    spfs_buf_done(&url);
    shape_who(b, "createdBy", false);
    if (d->site < 0)
        shape_who(b, "owner", true);
    uint64_t used = tree_item(t, d->root)->size + d->deleted_bytes;
    uint64_t left = used < d->quota ? d->quota - used : 0;
    if (d->quota) {
        jw_open(b, "quota", '{');
        jw_u64(b, "total", d->quota);
        jw_u64(b, "used", used);
        jw_u64(b, "remaining", left);
        jw_u64(b, "deleted", d->deleted_bytes);
        jw_str(b, "state",
               !left                   ? "exceeded"
               : left < d->quota / 100 ? "critical"
               : left < d->quota / 10  ? "nearing"
                                       : "normal");
        jw_close(b, '}');
    }
    if (d->system)
        jw_raw(b, "system", "{}");
    jw_close(b, '}');
}

void site_write(struct sim_call *c, struct spfs_buf *b, const char *key, unsigned site)
{
    const struct tree_site *s = &c->sim->tree.sites[site];
    jw_open(b, key, '{');
    jw_strf(b, "id", "contoso.sharepoint.com,%s,%s", s->guid[0], s->guid[1]);
    jw_str(b, "name", s->name);
    shape_name(c, b, "displayName", s->title);
    jw_str(b, "description", "");
    jw_time(b, "createdDateTime", 1577836800);
    jw_time(b, "lastModifiedDateTime", 1700000000);
    jw_strf(b, "webUrl", "https://contoso.sharepoint.com/%s", s->path);
    if (!*s->path)
        jw_raw(b, "root", "{}");
    if (s->parent < 0)
        jw_raw(b, "siteCollection", "{\"hostname\":\"contoso.sharepoint.com\"}");
    jw_close(b, '}');
}
