// SPDX-License-Identifier: GPL-3.0-or-later
/* The upper part of the tree: sites, libraries and the drives behind them; and the few fields that are set
 * one by one. */
#include "catalog_i.h"

#include <errno.h>

static struct rec blank(enum spfs_kind kind, uint32_t drive)
{
    return (struct rec){.kind = kind,
                        .drive = drive,
                        .content = 1,
                        .mtime_ns = SPFS_TIME_UNKNOWN,
                        .btime_ns = SPFS_TIME_UNKNOWN};
}

/* Hangs a known node (held) where it belongs now. Moves only when something differs. */
static int place(struct spfs_catalog_txn *t, uint64_t ino, struct held *node, uint64_t parent,
                 struct str name)
{
    struct rec old = node->r;
    if (parent)
        node->r.parent = parent;
    node->r.name = name;
    node->r.stamp = t->stamp;
    bool moved = node->r.parent != old.parent || !str_same(old.name, name);
    if (!moved)
        return cat_store(t, ino, &node->r);
    if (parent && parent != old.parent) {
        int cycle = cat_is_above(t, ino, parent);
        if (cycle)
            return cycle < 0 ? cycle : -EINVAL;
    }
    int err = old.parent ? cat_news(t, SPFS_NEWS_REMOVED, ino, &old) : 0;
    if (!err)
        err = cat_unlink(t, ino, &old);
    if (!err)
        err = cat_store(t, ino, &node->r);
    if (!err)
        err = cat_link(t, ino, &node->r);
    return !err && node->r.parent ? cat_news(t, SPFS_NEWS_ADDED, ino, &node->r) : err;
}

static int place_new(struct spfs_catalog_txn *t, uint64_t *ret_ino, struct rec *r)
{
    r->stamp = t->stamp;
    *ret_ino = cat_new_ino(t);
    int err = cat_store(t, *ret_ino, r);
    if (!err)
        err = cat_link(t, *ret_ino, r);
    return !err && r->parent ? cat_news(t, SPFS_NEWS_ADDED, *ret_ino, r) : err;
}

static int check_place(struct spfs_catalog_txn *t, uint64_t parent, struct str name)
{
    struct rec r;
    if (!name.n || name.n >= SPFS_NAME_SIZE)
        return -EINVAL;
    int err = parent ? cat_rec(t->c, t->txn, parent, &r) : 0;
    return !err && parent && !spfs_kind_is_dir(r.kind) ? -ENOTDIR : err;
}

int spfs_catalog_put_site(struct spfs_catalog_txn *t, uint64_t parent, const char *site_id,
                          const char *local_name, uint64_t *ret_ino)
{
    struct held node;
    struct str id = str_of(site_id), name = str_of(local_name);
    uint64_t ino;
    if (!id.n || id.n >= SPFS_ID_SIZE)
        return -EINVAL;
    int err = check_place(t, parent, name);
    if (err || !parent)
        return err ? err : -EINVAL;
    err = cat_ino_of(t->c, t->txn, 0, id, &ino);
    if (err == -ENOENT) {
        struct rec r = blank(SPFS_KIND_SITE, 0);
        r.parent = parent;
        r.name = name;
        r.id = id;
        err = place_new(t, &ino, &r);
        if (!err)
            err = cat_set_id(t, 0, id, ino);
    } else if (!err) {
        err = cat_held(t->c, t->txn, ino, &node);
        if (!err)
            err = place(t, ino, &node, parent, name);
    }
    if (!err && ret_ino)
        *ret_ino = ino;
    return err;
}

static void describe_drive(struct spfs_drive_rec *rec, const struct spfs_drive *drive)
{
    /* Too long is as good as not said. */
    if (drive->name)
        spfs_copy(rec->name, sizeof(rec->name), drive->name);
    if (drive->web_url)
        spfs_copy(rec->web_url, sizeof(rec->web_url), drive->web_url);
    if (drive->type)
        spfs_copy(rec->type, sizeof(rec->type), drive->type);
    if (drive->quota.known)
        rec->quota = drive->quota;
}

static int new_drive(struct spfs_catalog_txn *t, uint64_t parent, struct str name, struct spfs_drive_rec *rec)
{
    rec->number = t->next_drive++;
    t->numbers_changed = true;
    struct rec r = blank(SPFS_KIND_LIBRARY, rec->number);
    r.parent = parent;
    r.name = name;
    int err = place_new(t, &rec->ino, &r);
    return err ? err : cat_set_id(t, DRIVE_IDS, str_of(rec->id), rec->number);
}

int spfs_catalog_put_drive(struct spfs_catalog_txn *t, uint64_t parent, const struct spfs_drive *drive,
                           const char *local_name, uint32_t *ret_number, uint64_t *ret_ino)
{
    SPFS_FREE struct spfs_drive_rec *rec = calloc(1, sizeof(*rec));
    struct held node;
    uint32_t number;
    struct str name = str_of(local_name);
    if (!rec)
        return -ENOMEM;
    int err = check_place(t, parent, name);
    if (!err)
        err = drive->id && *drive->id && strlen(drive->id) < SPFS_ID_SIZE ? 0 : -EINVAL;
    if (err)
        return err;
    err = cat_drive_number(t->c, t->txn, drive->id, &number);
    if (!err)
        err = cat_drive(t->c, t->txn, number, rec);
    if (!err)
        err = cat_held(t->c, t->txn, rec->ino, &node);
    if (!err &&
        (parent ||
         !node.r.parent)) /* known only through a shortcut now, but it has a place of its own: it keeps it */
        err = place(t, rec->ino, &node, parent, name);
    if (err == -ENOENT) {
        spfs_copy(rec->id, sizeof(rec->id), drive->id);
        err = new_drive(t, parent, name, rec);
    }
    describe_drive(rec, drive);
    if (!err)
        err = cat_save_drive(t, rec);
    if (!err && ret_number)
        *ret_number = rec->number;
    if (!err && ret_ino)
        *ret_ino = rec->ino;
    return err;
}

int spfs_catalog_set_drive(struct spfs_catalog_txn *t, const struct spfs_drive_rec *rec)
{
    SPFS_FREE struct spfs_drive_rec *old = malloc(sizeof(*old));
    if (!old)
        return -ENOMEM;
    int err = cat_drive(t->c, t->txn, rec->number, old);
    if (err)
        return err;
    if (old->ino != rec->ino || strcmp(old->id, rec->id) != 0)
        return -EINVAL;
    t->settles = t->settles || rec->settled;
    return cat_save_drive(t, rec);
}

int spfs_catalog_set_flags(struct spfs_catalog_txn *t, uint64_t ino, uint32_t set, uint32_t clear)
{
    struct held node;
    int err = cat_held(t->c, t->txn, ino, &node);
    if (err)
        return err;
    uint32_t flags = (node.r.flags & ~clear) | set;
    if (flags == node.r.flags)
        return 0;
    node.r.flags = flags;
    return cat_store(t, ino, &node.r);
}

int spfs_catalog_set_served(struct spfs_catalog_txn *t, uint64_t ino, uint32_t content, uint64_t size)
{
    struct held node;
    int err = cat_held(t->c, t->txn, ino, &node);
    if (err)
        return err;
    if (node.r.content != content || node.r.kind != SPFS_KIND_FILE)
        return -ESTALE;
    node.r.size = size;
    node.r.size_known = true;
    node.r.flags |= SPFS_NODE_SERVED;
    err = cat_store(t, ino, &node.r);
    return err ? err : cat_news(t, SPFS_NEWS_ATTR, ino, &node.r);
}

int spfs_catalog_set_target(struct spfs_catalog_txn *t, uint64_t shortcut, uint64_t target)
{
    struct held node;
    int err = cat_held(t->c, t->txn, shortcut, &node);
    if (err)
        return err;
    if (node.r.kind != SPFS_KIND_REMOTE)
        return -EINVAL;
    node.r.target = target;
    return cat_store(t, shortcut, &node.r);
}
