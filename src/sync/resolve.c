/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what a person types to a directory: names, web addresses, sites that no list shows, shortcuts. */
#include "tree_i.h"

#include <spfs/base/clock.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- sites that are not listed --- */

static bool may_be_segment(const char *name)
{
    if (name[0] == '.' || strlen(name) > 128)
        return false; /* what desktops probe for: .hidden, .Trash-1000, .git … */
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_')
            return false;
    return true;
}

static bool probed_lately(struct spfs_tree *t, uint64_t key)
{
    SPFS_LOCKED(&t->list_lock);
    struct tree_probe_memory *m = &t->probes[key % SPFS_ARRAY_LEN(t->probes)];
    return m->key == key && m->until_ms > spfs_now_ms();
}

static void remember_probe(struct spfs_tree *t, uint64_t key)
{
    SPFS_LOCKED(&t->list_lock);
    t->probes[key % SPFS_ARRAY_LEN(t->probes)] =
        (struct tree_probe_memory){key, spfs_now_ms() + TREE_PROBE_MEMORY_MS};
}

int spfs_tree_probe(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir, const char *name)
{
    if (dir->kind != SPFS_KIND_TENANT || !may_be_segment(name))
        return -ENOENT;
    uint64_t key = tree_hash(name);
    if (probed_lately(t, key))
        return -ENOENT;
    static const char *const managed[] = {"sites", "teams"};
    int err = -ENOENT;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(managed) && (err == -ENOENT || err == -EACCES); i++) {
        char path[160];
        uint64_t ino;
        spfs_format(path, sizeof(path), "%s/%s", managed[i], name);
        err = tree_add_site(t, op, NULL, path, &ino, NULL);
    }
    if (err == -ENOENT || err == -EACCES)
        remember_probe(t, key);
    return err == -EACCES ? -ENOENT : err;
}

/* --- shortcuts --- */

static int keep_drive(void *ctx, const struct spfs_drive *drive)
{
    struct spfs_tree *t = ctx;
    struct spfs_catalog_txn *txn;
    int err = spfs_catalog_begin(t->catalog, &txn);
    if (err)
        return err;
    uint32_t number;
    uint64_t ino;
    err = spfs_catalog_put_drive(txn, 0, drive, drive->name ? drive->name : "shared", &number, &ino);
    if (err) {
        spfs_catalog_abort(txn);
        return err;
    }
    return spfs_catalog_commit(txn);
}

static int target_node(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *shortcut,
                       struct spfs_node *ret, struct spfs_reason *reason)
{
    SPFS_FREE struct spfs_drive_rec *rec = malloc(sizeof(*rec));
    if (!rec)
        return -ENOMEM;
    int err = spfs_catalog_drive_by_id(t->catalog, shortcut->target_drive, rec);
    if (err == -ENOENT) {
        err = t->remote->ops->drive(t->remote, op, shortcut->target_drive, keep_drive, t, reason);
        if (!err)
            err = spfs_catalog_drive_by_id(t->catalog, shortcut->target_drive, rec);
    }
    if (err)
        return err;
    err = spfs_catalog_by_id(t->catalog, rec->number, shortcut->target_id, ret);
    if (!err && ret->kind != SPFS_KIND_UNKNOWN)
        return 0;
    struct tree_batch batch = {.tree = t, .drive = rec->number};
    err = t->remote->ops->item(t->remote, op, (struct spfs_ref){rec->id, shortcut->target_id},
                               tree_batch_item, &batch, reason);
    if (!err)
        err = tree_batch_commit(&batch);
    else
        tree_batch_abort(&batch);
    return err ? err : spfs_catalog_by_id(t->catalog, rec->number, shortcut->target_id, ret);
}

int spfs_tree_follow(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *shortcut,
                     struct spfs_node *ret, struct spfs_reason *reason)
{
    if (shortcut->target && spfs_catalog_get(t->catalog, shortcut->target, ret) == 0)
        return 0;
    int err = target_node(t, op, shortcut, ret, reason);
    if (err)
        return err;
    if (ret->kind == SPFS_KIND_REMOTE || ret->kind == SPFS_KIND_UNKNOWN)
        return spfs_fail(reason, -ELOOP, "“%s” points to another shortcut; open that one instead.",
                         shortcut->name);
    struct spfs_catalog_txn *txn;
    err = spfs_catalog_begin(t->catalog, &txn);
    if (err)
        return err;
    err = spfs_catalog_set_target(txn, shortcut->ino, ret->ino);
    if (err) {
        spfs_catalog_abort(txn);
        return err;
    }
    return spfs_catalog_commit(txn);
}

/* --- paths --- */

static const char *const step_names[] = {[SPFS_KIND_TENANT] = "site", [SPFS_KIND_SITE] = "library"};

static int missing(const struct spfs_node *dir, const char *name, struct spfs_reason *reason)
{
    const char *what =
        dir->kind < SPFS_ARRAY_LEN(step_names) && step_names[dir->kind] ? step_names[dir->kind] : "folder";
    const char *next = dir->kind == SPFS_KIND_TENANT ? "`spfs sites` lists what this account can see"
                       : dir->kind == SPFS_KIND_SITE ? "`spfs libraries` lists the site's libraries"
                                                     : "check the spelling of the path";
    return spfs_fail(reason, -ENOENT, "There is no %s “%s”%s%s; %s.", what, name,
                     dir->kind == SPFS_KIND_TENANT ? "" : " in ",
                     dir->kind == SPFS_KIND_TENANT ? "" : dir->name, next);
}

static int step(struct spfs_tree *t, struct spfs_op *op, struct spfs_node *cur, const char *name,
                struct spfs_reason *reason)
{
    SPFS_FREE struct spfs_node *next = malloc(sizeof(*next));
    if (!next)
        return -ENOMEM;
    if (!spfs_kind_is_dir(cur->kind))
        return spfs_fail(reason, -ENOTDIR, "“%s” is a file; only a site, library or folder can be mounted.",
                         cur->name);
    int err = spfs_catalog_lookup(t->catalog, cur->ino, name, next, NULL);
    if (err == -ENOENT) {
        err = spfs_tree_ensure(t, op, cur, reason);
        if (!err)
            err = spfs_catalog_lookup(t->catalog, cur->ino, name, next, NULL);
        if (err == -ENOENT) {
            int probed = spfs_tree_probe(t, op, cur, name);
            err = probed ? probed : spfs_catalog_lookup(t->catalog, cur->ino, name, next, NULL);
            if (err == -ENOENT)
                return missing(cur, name, reason);
        }
    }
    if (!err && next->kind == SPFS_KIND_REMOTE) {
        SPFS_FREE struct spfs_node *shortcut = TAKE(next);
        next = malloc(sizeof(*next));
        err = next ? spfs_tree_follow(t, op, shortcut, next, reason) : -ENOMEM;
    }
    if (!err)
        *cur = *next;
    return err;
}

static int walk(struct spfs_tree *t, struct spfs_op *op, struct spfs_node *cur, char *path,
                struct spfs_reason *reason)
{
    char *save = NULL;
    for (char *part = strtok_r(path, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
        int err = step(t, op, cur, part, reason);
        if (err)
            return err;
    }
    return spfs_kind_is_dir(cur->kind)
               ? 0
               : spfs_fail(reason, -ENOTDIR, "“%s” is a file; only a site, library or folder can be mounted.",
                           cur->name);
}

/* --- web addresses --- */

static void url_decode(char *s)
{
    char *out = s;
    for (; *s; s++) {
        unsigned v;
        if (*s == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]) &&
            sscanf(s + 1, "%2x", &v) == 1 && v >= ' ') {
            *out++ = (char)v;
            s += 2;
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
}

/* Cuts what a browser's address bar adds: query, fragment, /Forms/AllItems.aspx, and the /:f:/r of sharing
 * links. */
static char *clean_path(char *path)
{
    path[strcspn(path, "?#")] = '\0';
    url_decode(path);
    char *forms = strcasestr(path, "/Forms/");
    if (forms && spfs_ends(path, ".aspx"))
        *forms = '\0';
    while (*path == '/')
        path++;
    if (path[0] == ':' && path[1] && path[2] == ':' && path[3] == '/') {
        path += 4;
        if (path[0] && path[1] == '/')
            path += 2;
    }
    return path;
}

struct by_url {
    const char *rest; /* decoded path on the host */
    uint32_t number;
    size_t length;
};

static int match_drive(void *ctx, const struct spfs_drive_rec *rec)
{
    struct by_url *m = ctx;
    const char *at = strstr(rec->web_url, "://");
    at = at ? strchr(at + 3, '/') : NULL;
    SPFS_FREE char *path = at ? strdup(at + 1) : NULL;
    if (!path)
        return 0;
    url_decode(path);
    size_t n = strlen(path);
    if (n > m->length && strncasecmp(path, m->rest, n) == 0 && (m->rest[n] == '/' || m->rest[n] == '\0')) {
        m->length = n;
        m->number = rec->number;
    }
    return 0;
}

/* The site of an address: its longest leading part that is one. */
static int site_of(struct spfs_tree *t, struct spfs_op *op, const char *host, const char *path,
                   uint64_t *ret_ino, size_t *ret_length, struct spfs_reason *reason)
{
    size_t cuts[5] = {0}, n = 0;
    for (const char *p = path; n < 4 && *p;) {
        p += strcspn(p, "/");
        cuts[n++] = (size_t)(p - path);
        p += *p == '/';
    }
    int err = -ENOENT;
    for (size_t i = n + 1; i-- > 0 && (err == -ENOENT || err == -EINVAL);) {
        size_t len = i ? cuts[i - 1] : 0;
        if (i == 1 && n > 1)
            continue; /* "sites" alone is no site */
        SPFS_FREE char *head = strndup(path, len);
        err = head ? tree_add_site(t, op, host, head, ret_ino, reason) : -ENOMEM;
        *ret_length = len;
    }
    return err;
}

static int resolve_url(struct spfs_tree *t, struct spfs_op *op, const char *url, struct spfs_node *cur,
                       struct spfs_reason *reason)
{
    SPFS_FREE char *copy = strdup(strstr(url, "://") + 3);
    if (!copy)
        return -ENOMEM;
    size_t host_len = strcspn(copy, "/");
    SPFS_FREE char *host = strndup(copy, host_len);
    if (!host)
        return -ENOMEM;
    char *path = clean_path(copy + host_len);
    uint64_t ino;
    size_t length;
    int err = site_of(t, op, host, path, &ino, &length, reason);
    if (err == -ENOENT)
        return spfs_fail(
            reason, err,
            "No site was found at %s; open the address in a browser and check that this account may see it.",
            url);
    if (!err)
        err = spfs_catalog_get(t->catalog, ino, cur);
    if (err || path[length] == '\0')
        return err;
    err = spfs_tree_ensure(t, op, cur, reason);
    struct by_url match = {.rest = path};
    if (!err)
        err = spfs_catalog_drives(t->catalog, match_drive, &match);
    if (!err && !match.length)
        return spfs_fail(reason, -ENOENT,
                         "No library was found at %s; `spfs libraries` lists the site's libraries.", url);
    SPFS_FREE struct spfs_drive_rec *rec = malloc(sizeof(*rec));
    if (!rec)
        return -ENOMEM;
    if (!err)
        err = spfs_catalog_drive(t->catalog, match.number, rec);
    if (!err)
        err = spfs_catalog_get(t->catalog, rec->ino, cur);
    return err ? err : walk(t, op, cur, path + match.length, reason);
}

int spfs_tree_resolve(struct spfs_tree *t, struct spfs_op *op, const char *path, uint64_t *ret_ino,
                      struct spfs_reason *reason)
{
    SPFS_FREE struct spfs_node *cur = malloc(sizeof(*cur));
    SPFS_FREE char *copy = strdup(path);
    if (!cur || !copy)
        return -ENOMEM;
    int err = spfs_catalog_get(t->catalog, SPFS_INO_TENANT, cur);
    if (!err && (spfs_starts(path, "https://") || spfs_starts(path, "http://")))
        err = resolve_url(t, op, path, cur, reason);
    else if (!err)
        err = walk(t, op, cur, copy, reason);
    if (!err)
        *ret_ino = cur->ino;
    return err;
}
