/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sites and libraries: what the tenant's and a site's directory hold, and sites that are named without being
 * listed. */
#include "tree_i.h"

#include <spfs/base/clock.h>
#include <spfs/base/log.h>

#include <errno.h>
#include <string.h>
#include <strings.h>

struct place { /* a site or a library, copied from a reply */
    char *id, *name, *segment, *web_url, *type;
    char *folded_name, *folded_segment; /* there may be thousands to compare with */
    struct spfs_quota quota;
    bool skip;
};

struct places {
    struct place *v;
    size_t n, cap;
};

static void places_done(struct places *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].id);
        free(p->v[i].name);
        free(p->v[i].segment);
        free(p->v[i].web_url);
        free(p->v[i].type);
        free(p->v[i].folded_name);
        free(p->v[i].folded_segment);
    }
    free(p->v);
    *p = (struct places){0};
}

static char *fold(const char *name)
{
    char out[SPFS_FOLD_SIZE];
    return strdup(spfs_name_fold(name, out) ? name : out);
}

static int places_add(struct places *p, const char *id, const char *name, const char *segment,
                      const char *web_url, const char *type)
{
    if (p->n >= TREE_MAX_SITES)
        return -EFBIG;
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        struct place *v = realloc(p->v, cap * sizeof(*v));
        if (!v)
            return -ENOMEM;
        p->v = v;
        p->cap = cap;
    }
    struct place *e = &p->v[p->n++];
    *e = (struct place){.id = strdup(id),
                        .name = strdup(name),
                        .segment = strdup(segment ? segment : name),
                        .web_url = strdup(web_url ? web_url : ""),
                        .type = strdup(type ? type : ""),
                        .folded_name = fold(name),
                        .folded_segment = fold(segment ? segment : name)};
    return e->id && e->name && e->segment && e->web_url && e->type && e->folded_name && e->folded_segment
               ? 0
               : -ENOMEM;
}

/* The site's server-relative path within its address: "sites/marketing", "" for a root site. Borrowed from
 * url. */
static const char *url_path(const char *url)
{
    const char *p = strstr(url, "://");
    p = p ? strchr(p + 3, '/') : NULL;
    return p ? p + 1 : "";
}

static int collect_site(void *ctx, const struct spfs_site *site)
{
    const char *name = site->display_name && site->display_name[0] ? site->display_name : site->name;
    const char *path = site->web_url ? url_path(site->web_url) : "";
    if (site->personal || spfs_starts(path, "personal/") || spfs_starts(path, "portals/"))
        return 0;
    if (!name || !spfs_name_acceptable(name, strlen(name)) || strlen(site->id) >= SPFS_ID_SIZE)
        return 0;
    const char *segment = site->name && spfs_name_acceptable(site->name, strlen(site->name))
                              ? site->name
                              : NULL; /* may be shown as well */
    return places_add(ctx, site->id, name, segment, site->web_url, NULL);
}

static int collect_drive(void *ctx, const struct spfs_drive *drive)
{
    struct places *p = ctx;
    if (drive->system || !drive->name || !spfs_name_acceptable(drive->name, strlen(drive->name)) ||
        strlen(drive->id) >= SPFS_ID_SIZE)
        return 0;
    int err = places_add(p, drive->id, drive->name, NULL, drive->web_url, drive->type);
    if (!err)
        p->v[p->n - 1].quota = drive->quota;
    return err;
}

/* Is child a subsite of parent: same site collection, and its address goes on below the parent's. */
static bool is_below(const struct place *child, const struct place *parent)
{
    const char *a = strrchr(child->id, ','), *b = strrchr(parent->id, ',');
    if (!a || !b || a - child->id != b - parent->id ||
        strncasecmp(child->id, parent->id, (size_t)(a - child->id)) != 0)
        return false;
    size_t n = strlen(parent->web_url);
    return n && strncasecmp(child->web_url, parent->web_url, n) == 0 && child->web_url[n] == '/';
}

static void skip_subsites(struct places *p)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->n && !p->v[i].skip; j++)
            p->v[i].skip = i != j && is_below(&p->v[i], &p->v[j]);
}

/* The shown name: the title in local spelling; where two are equal, " (path)" after it, the path being the
 * address's last part, or all of it when that is equal too. */
static int local_name(const struct places *p, size_t i, char out[SPFS_NAME_SIZE])
{
    unsigned same = 0, same_segment = 0;
    for (size_t j = 0; j < p->n; j++) {
        if (p->v[j].skip || strcmp(p->v[i].folded_name, p->v[j].folded_name) != 0)
            continue;
        same++;
        same_segment += strcmp(p->v[i].folded_segment, p->v[j].folded_segment) == 0;
    }
    char plain[SPFS_NAME_SIZE];
    int err = spfs_name_to_local(p->v[i].name, plain, sizeof(plain));
    if (err || same < 2)
        return err ? err : spfs_copy(out, SPFS_NAME_SIZE, plain) ? 0 : -ENAMETOOLONG;
    const char *path = same_segment < 2 && p->v[i].segment[0] ? p->v[i].segment : url_path(p->v[i].web_url);
    if (!spfs_format(out, SPFS_NAME_SIZE, "%s (%s)", plain, path))
        return -ENAMETOOLONG;
    for (char *c = out + strlen(plain); *c; c++)
        if (*c == '/')
            *c = '-';
    return spfs_name_acceptable(out, strlen(out)) ? 0 : -EINVAL;
}

static bool wanted(const struct spfs_tree *t, const struct place *site)
{
    if (t->sites != SPFS_SHOW_LISTED)
        return true;
    for (size_t i = 0; t->site_names[i]; i++)
        if (spfs_name_equal(t->site_names[i], site->name) ||
            spfs_name_equal(t->site_names[i], site->segment) ||
            strcasecmp(t->site_names[i], url_path(site->web_url)) == 0)
            return true;
    return false;
}

/* Sites as configured; app-only sign-ins and people who follow nothing see all. */
static int fetch_sites(struct spfs_tree *t, struct spfs_op *op, struct places *ret,
                       struct spfs_reason *reason)
{
    struct spfs_remote *r = t->remote;
    if (t->sites == SPFS_SHOW_FOLLOWED && t->delegated) {
        int err = r->ops->sites(r, op, SPFS_SITES_FOLLOWED, collect_site, ret, reason);
        if (err != -EACCES && err != -ENOENT && (err || ret->n))
            return err;
        places_done(ret);
    }
    return r->ops->sites(r, op, SPFS_SITES_ALL, collect_site, ret, reason);
}

/* Named in the configuration but not in the server's list: asked for by path. */
static int fetch_named(struct spfs_tree *t, struct spfs_op *op, struct places *ret)
{
    for (size_t i = 0; t->sites == SPFS_SHOW_LISTED && t->site_names[i]; i++) {
        const char *want = t->site_names[i];
        bool there = false;
        for (size_t j = 0; j < ret->n && !there; j++)
            there = spfs_name_equal(want, ret->v[j].name) || spfs_name_equal(want, ret->v[j].segment) ||
                    strcasecmp(want, url_path(ret->v[j].web_url)) == 0;
        if (there)
            continue;
        SPFS_FREE char *path = strchr(want, '/') ? strdup(want) : spfs_asprintf("sites/%s", want);
        if (!path)
            return -ENOMEM;
        int err = t->remote->ops->site_at(t->remote, op, NULL, path, collect_site, ret, NULL);
        if (err == -ENOENT || err == -EACCES)
            spfs_warn("The site “%s” of the configuration was not found; check its name, or that this "
                      "account may see it.",
                      want);
        else if (err)
            return err;
    }
    return 0;
}

/* A site that the list does not name any more goes only when the server itself says that it is gone: a search
 * index forgets at times. */
static int still_there(struct spfs_tree *t, struct spfs_op *op, const char *site_id)
{
    struct places none = {0};
    int err = t->remote->ops->libraries(t->remote, op, site_id, collect_drive, &none, NULL);
    places_done(&none);
    return err;
}

struct known {
    uint64_t *v;
    size_t n;
};

static int collect_child(void *ctx, const struct spfs_child *child)
{
    struct known *k = ctx;
    uint64_t *v = realloc(k->v, (k->n + 1) * sizeof(*v));
    if (!v)
        return -ENOMEM;
    k->v = v;
    k->v[k->n++] = child->ino;
    return 0;
}

static bool contains(const uint64_t *v, size_t n, uint64_t x)
{
    while (n > 0)
        if (v[--n] == x)
            return true;
    return false;
}

enum {
    CHECKS_MAX = 16
}; /* of sites that are not listed any more, a discovery: a person may be waiting for it */

/* Adds to seen the sites below the tenant that were not listed but still answer, or were not asked this time.
 */
static int keep_unlisted(struct spfs_tree *t, struct spfs_op *op, uint64_t **seen, size_t *n)
{
    struct known known = {0};
    int err = spfs_catalog_children(t->catalog, SPFS_INO_TENANT, collect_child, &known);
    struct spfs_node *node = malloc(sizeof(*node));
    if (!node)
        err = -ENOMEM;
    size_t first = known.n ? (size_t)spfs_random(known.n) : 0, checks = 0; /* others each time */
    for (size_t k = 0; !err && k < known.n; k++) {
        size_t i = (first + k) % known.n;
        if (contains(*seen, *n, known.v[i]) || spfs_catalog_get(t->catalog, known.v[i], node))
            continue;
        int gone = node->kind == SPFS_KIND_SITE && checks++ < CHECKS_MAX ? still_there(t, op, node->id) : 0;
        if (gone == -ENOENT || gone == -EACCES)
            continue;
        uint64_t *v = realloc(*seen, (*n + 1) * sizeof(*v));
        if (!v) {
            err = -ENOMEM;
            break;
        }
        *seen = v;
        (*seen)[(*n)++] = known.v[i];
    }
    free(node);
    free(known.v);
    return err;
}

static int put_sites(struct spfs_tree *t, struct spfs_catalog_txn *txn, uint64_t parent,
                     const struct places *sites, uint64_t *seen, size_t *n)
{
    for (size_t i = 0; i < sites->n; i++) {
        char name[SPFS_NAME_SIZE];
        if (sites->v[i].skip || (parent == SPFS_INO_TENANT && !wanted(t, &sites->v[i])) ||
            local_name(sites, i, name))
            continue;
        int err = spfs_catalog_put_site(txn, parent, sites->v[i].id, name, &seen[*n]);
        if (err)
            return err;
        (*n)++;
    }
    return 0;
}

static int put_drive(struct spfs_catalog_txn *txn, uint64_t parent, const struct place *p, const char *name,
                     uint64_t *ret_ino)
{
    struct spfs_drive drive = {
        .id = p->id, .name = p->name, .type = p->type, .web_url = p->web_url, .quota = p->quota};
    uint32_t number;
    return spfs_catalog_put_drive(txn, parent, &drive, name, &number, ret_ino);
}

int tree_discover_tenant(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                         struct spfs_reason *reason)
{
    struct places sites = {0}, mine = {0};
    uint64_t stamp = spfs_catalog_stamp(t->catalog);
    int err = fetch_sites(t, op, &sites, reason);
    if (!err)
        err = fetch_named(t, op, &sites);
    bool have_mine = false;
    if (!err && t->delegated) {
        int one = t->remote->ops->my_drive(t->remote, op, collect_drive, &mine, NULL);
        have_mine = one == 0 && mine.n == 1;
        if (one && one != -ENOENT && one != -EACCES)
            err = one;
    }
    skip_subsites(&sites);
    size_t n = 0;
    SPFS_FREE uint64_t *seen = calloc(sites.n + 1, sizeof(*seen));
    struct spfs_catalog_txn *txn = NULL;
    if (!err)
        err = seen ? spfs_catalog_begin(t->catalog, &txn) : -ENOMEM;
    if (!err)
        err = put_sites(t, txn, SPFS_INO_TENANT, &sites, seen, &n);
    if (!err && have_mine && !(err = put_drive(txn, SPFS_INO_TENANT, &mine.v[0], "My Files", &seen[n])))
        n++;
    if (txn && err)
        spfs_catalog_abort(TAKE(txn));
    if (txn)
        err = spfs_catalog_commit(TAKE(txn));
    if (!err)
        err = keep_unlisted(t, op, &seen, &n);
    if (!err)
        err = spfs_catalog_begin(t->catalog, &txn);
    if (!err) {
        err = spfs_catalog_end_listing(txn, dir->ino, seen, n, stamp, spfs_now_real_ns() / 1000000);
        if (err)
            spfs_catalog_abort(txn);
        else
            err = spfs_catalog_commit(txn);
    }
    places_done(&sites);
    places_done(&mine);
    tree_note_contact(t, err, reason ? reason->text : NULL);
    return err;
}

/* The known sites below dir. */
static int known_subsites(struct spfs_tree *t, uint64_t dir, struct known *ret)
{
    struct spfs_node *node = malloc(sizeof(*node));
    int err = node ? spfs_catalog_children(t->catalog, dir, collect_child, ret) : -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; !err && i < ret->n; i++)
        if (spfs_catalog_get(t->catalog, ret->v[i], node) == 0 && node->kind == SPFS_KIND_SITE)
            ret->v[n++] = ret->v[i];
    ret->n = n;
    free(node);
    return err;
}

int tree_discover_site(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                       struct spfs_reason *reason)
{
    struct places drives = {0}, subs = {0};
    struct known kept = {0};
    uint64_t stamp = spfs_catalog_stamp(t->catalog);
    int err = t->remote->ops->libraries(t->remote, op, dir->id, collect_drive, &drives, reason);
    if (!err) {
        int one = t->remote->ops->subsites(t->remote, op, dir->id, collect_site, &subs, reason);
        /* An account may see a site without seeing its subsites; a refusal says nothing about those that are
         * known. */
        err = one == -EACCES || one == -ENOENT ? known_subsites(t, dir->ino, &kept) : one;
    }
    SPFS_FREE uint64_t *seen = calloc(drives.n + subs.n + kept.n + 1, sizeof(*seen));
    size_t n = 0;
    struct spfs_catalog_txn *txn = NULL;
    if (!err)
        err = seen ? spfs_catalog_begin(t->catalog, &txn) : -ENOMEM;
    for (size_t i = 0; !err && i < drives.n; i++) {
        char name[SPFS_NAME_SIZE];
        if (local_name(&drives, i, name))
            continue;
        err = put_drive(txn, dir->ino, &drives.v[i], name, &seen[n]);
        n += !err;
    }
    if (!err)
        err = put_sites(t, txn, dir->ino, &subs, seen, &n);
    for (size_t i = 0; !err && i < kept.n; i++)
        seen[n++] = kept.v[i];
    if (!err)
        err = spfs_catalog_end_listing(txn, dir->ino, seen, n, stamp, spfs_now_real_ns() / 1000000);
    if (txn && err)
        spfs_catalog_abort(txn);
    else if (txn)
        err = spfs_catalog_commit(txn);
    free(kept.v);
    places_done(&drives);
    places_done(&subs);
    tree_note_contact(t, err, reason ? reason->text : NULL);
    return err;
}

int tree_add_site(struct spfs_tree *t, struct spfs_op *op, const char *host, const char *path,
                  uint64_t *ret_ino, struct spfs_reason *reason)
{
    struct places one = {0};
    int err = t->remote->ops->site_at(t->remote, op, host, path, collect_site, &one, reason);
    struct spfs_catalog_txn *txn = NULL;
    if (!err && one.n == 0)
        err = -ENOENT;
    struct spfs_node *node = malloc(sizeof(*node));
    if (!node)
        err = -ENOMEM;
    if (!err && spfs_catalog_by_id(t->catalog, 0, one.v[0].id, node) == 0) {
        *ret_ino = node->ino; /* known, perhaps as somebody's subsite: stays where it is */
    } else if (!err) {
        /* Named by its address, so shown by the address's last part: that cannot clash with a title that the
         * list shows. */
        char name[SPFS_NAME_SIZE];
        err = spfs_name_to_local(one.v[0].segment[0] ? one.v[0].segment : one.v[0].name, name, sizeof(name));
        if (!err)
            err = spfs_catalog_begin(t->catalog, &txn);
        if (!err)
            err = spfs_catalog_put_site(txn, SPFS_INO_TENANT, one.v[0].id, name, ret_ino);
        if (txn && err)
            spfs_catalog_abort(txn);
        else if (txn)
            err = spfs_catalog_commit(txn);
    }
    free(node);
    places_done(&one);
    return err;
}
