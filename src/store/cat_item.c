// SPDX-License-Identifier: GPL-3.0-or-later
/* Putting one item of a drive into the catalog: insert, update, move, rename, and whether its content is
 * another.
 *
 * What arrives may come in any order and be anything a server can send: parents later than children, cycles,
 * a kind that does not fit. One item that makes no sense is refused with a log line and never stops a page. A
 * move below one's own child is held back for the end of the round (the child may be moved away later in it)
 * and dropped if it is still a cycle then. All strings of the old record are borrowed from a copy (struct
 * held), since the first write may move LMDB's pages. */
#include "catalog_i.h"

#include <errno.h>

struct put {
    const struct spfs_item *item;
    uint32_t drive;
    bool known; /* ino has a record: old */
    uint64_t ino;
    uint64_t held_parent; /* where it shall go at the end of the round; 0: nothing is held back */
    bool content_changed;
    struct held old;
    struct rec new;
    char name[SPFS_NAME_SIZE];
};

enum { REFUSED = 1 };

static int refuse(struct spfs_catalog_txn *t, const struct put *p, const char *why)
{
    cat_refuse(t, p->item->id, why);
    return REFUSED;
}

static int find_old(struct spfs_catalog_txn *t, struct put *p)
{
    struct str id = str_of(p->item->id);
    if (id.n == 0 || id.n >= SPFS_ID_SIZE)
        return refuse(t, p, "its id is too long");
    int err = cat_ino_of(t->c, t->txn, p->drive, id, &p->ino);
    if (err == -ENOENT) {
        p->ino = 0;
        return 0;
    }
    if (!err)
        err = cat_held(t->c, t->txn, p->ino, &p->old);
    if (err)
        return err == -ENOENT ? -EIO : err;
    if (!str_same(p->old.r.id, id))
        return refuse(t, p, "its id collides with another one");
    p->known = true;
    return 0;
}

/* The kind it gets. A folder does not become a file under the same id, unless it was deleted in this round.
 */
static int choose_kind(struct spfs_catalog_txn *t, struct put *p)
{
    enum spfs_kind kind = p->item->kind;
    const struct rec *old = &p->old.r;
    p->new.kind = kind;
    if (!p->known)
        return 0;
    if (old->kind >= SPFS_KIND_TENANT)
        return refuse(t, p, "it is the root of a drive");
    if (kind == SPFS_KIND_UNKNOWN || old->kind == SPFS_KIND_UNKNOWN) {
        p->new.kind = kind == SPFS_KIND_UNKNOWN ? old->kind : kind;
        uint64_t child;
        int got = p->new.kind == SPFS_KIND_FILE && old->kind == SPFS_KIND_UNKNOWN
                      ? cat_any_child(t->c, t->txn, p->ino, &child)
                      : 0;
        return got > 0 ? refuse(t, p, "a file that has children") : got;
    }
    if (spfs_kind_is_dir(kind) == spfs_kind_is_dir(old->kind))
        return 0;
    uint64_t parent;
    int noted = cat_round_noted(t, p->drive, p->ino, &parent);
    if (noted < 0)
        return noted;
    if (!noted || parent)
        return refuse(t, p, "a file and a folder under one id");
    p->known = false;
    int err = spfs_catalog_remove(t, p->ino);
    p->ino = 0;
    return err;
}

/* The node of a parent's id, a placeholder when it is not known yet. */
static int find_parent(struct spfs_catalog_txn *t, struct put *p, uint64_t *ret)
{
    const char *id = p->item->parent_id;
    struct rec r;
    if (t->memo_ino && t->memo_drive == p->drive && strcmp(t->memo_id, id) == 0) {
        *ret = t->memo_ino;
        return 0;
    }
    if (!*id || strlen(id) >= SPFS_ID_SIZE)
        return refuse(t, p, "its parent's id is not usable");
    int err = cat_ino_of(t->c, t->txn, p->drive, str_of(id), ret);
    if (!err)
        err = cat_rec(t->c, t->txn, *ret, &r);
    if (!err && (r.kind == SPFS_KIND_FILE || !str_same(r.id, str_of(id))))
        return refuse(t, p, "its parent is no folder");
    if (err == -ENOENT) {
        r = (struct rec){.drive = p->drive,
                         .content = 1,
                         .mtime_ns = SPFS_TIME_UNKNOWN,
                         .btime_ns = SPFS_TIME_UNKNOWN,
                         .id = str_of(id)};
        *ret = cat_new_ino(t);
        err = cat_store(t, *ret, &r);
        if (!err)
            err = cat_set_id(t, p->drive, r.id, *ret);
    }
    if (err)
        return err;
    t->memo_drive = p->drive;
    t->memo_ino = *ret;
    spfs_copy(t->memo_id, sizeof(t->memo_id), id);
    return 0;
}

static int choose_parent(struct spfs_catalog_txn *t, struct put *p)
{
    uint64_t parent;
    if (!p->item->parent_id) {
        if (!p->known)
            return refuse(t, p, "it has no parent");
        p->new.parent = p->old.r.parent;
        return 0;
    }
    if (strcmp(p->item->parent_id, p->item->id) == 0)
        return refuse(t, p, "it is its own parent");
    int err = find_parent(t, p, &parent);
    if (err)
        return err;
    p->new.parent = parent;
    if (!p->known || parent == p->old.r.parent || !(spfs_kind_is_dir(p->old.r.kind) || !p->old.r.kind))
        return 0;
    int cycle = cat_is_above(t, p->ino, parent);
    if (cycle > 0) {
        p->held_parent = parent;
        p->new.parent = p->old.r.parent;
    }
    return cycle < 0 ? cycle : 0;
}

static int choose_name(struct spfs_catalog_txn *t, struct put *p)
{
    const char *name = p->item->name;
    if (name && *name && spfs_name_to_local(name, p->name, sizeof(p->name)) == 0) {
        p->new.name = str_of(p->name);
        return 0;
    }
    if (!p->known || !p->old.r.name.n)
        return refuse(t, p, "its name is missing or cannot be shown");
    p->new.name = p->old.r.name;
    return 0;
}

/* Over-long and empty is as good as not said. */
static const char *usable(const char *s, size_t size)
{
    return s && *s && strlen(s) < size ? s : NULL;
}

static struct spfs_version version_of(const struct spfs_item *item)
{
    struct spfs_version v = spfs_item_version(item);
    v.etag = usable(v.etag, SPFS_TAG_SIZE);
    v.ctag = usable(v.ctag, SPFS_TAG_SIZE);
    v.quickxor = usable(v.quickxor, 32);
    if (v.size > SPFS_SIZE_MAX)
        v.size = SPFS_SIZE_UNKNOWN;
    return v;
}

static bool old_content_same(const struct put *p, const struct spfs_version *new)
{
    const struct rec *r = &p->old.r;
    struct {
        char etag[SPFS_TAG_SIZE], ctag[SPFS_TAG_SIZE], quickxor[32];
    } s = {0};
    memcpy(s.etag, r->etag.p, r->etag.n);
    memcpy(s.ctag, r->ctag.p, r->ctag.n);
    memcpy(s.quickxor, r->quickxor.p, r->quickxor.n);
    struct spfs_version old = {
        .etag = r->etag.n ? s.etag : NULL,
        .ctag = r->ctag.n ? s.ctag : NULL,
        .quickxor = r->quickxor.n ? s.quickxor : NULL,
        /* A size that the server only serves, not reports, compares with nothing. */
        .size = r->size_known && !(r->flags & SPFS_NODE_SERVED) ? r->size : SPFS_SIZE_UNKNOWN,
        .mtime_ns = r->mtime_ns,
    };
    return spfs_version_same(&old, new) == SPFS_SAME_YES;
}

/* Tags, size and content version. On the same content, what is known stays known; on another one, only what
 * is said now counts. */
static void choose_content(struct put *p)
{
    const struct rec *old = &p->old.r;
    static const struct str none = {.p = "", .n = 0};
    struct rec *new = &p->new;
    struct spfs_version v = version_of(p->item);
    bool was_file = p->known && old->kind == SPFS_KIND_FILE;
    bool same = p->known && (!was_file || old_content_same(p, &v));
    bool size_said = new->kind == SPFS_KIND_FILE &&v.size != SPFS_SIZE_UNKNOWN;
    new->etag = v.etag ? str_of(v.etag) : same ? old->etag : none;
    new->ctag = v.ctag ? str_of(v.ctag) : same ? old->ctag : none;
    new->quickxor = v.quickxor ? str_of(v.quickxor) : same ? old->quickxor : none;
    new->size = size_said ? v.size : 0;
    new->size_known = size_said;
    new->content = p->known ? old->content + (was_file && !same) : 1;
    p->content_changed = was_file && !same;
    if (!same || !was_file)
        return;
    if ((old->flags & SPFS_NODE_SERVED) || !size_said) {
        new->size = old->size;
        new->size_known = old->size_known;
        new->flags |= old->flags &SPFS_NODE_SERVED;
    }
}

static void choose_rest(struct put *p)
{
    const struct spfs_item *item = p->item;
    struct rec *new = &p->new;
    const struct rec *old = &p->old.r;
    new->mtime_ns = item->mtime_ns;
    new->btime_ns = item->btime_ns;
    if (item->malware)
        new->flags |= SPFS_NODE_MALWARE;
    if (p->known) {
        new->flags |= old->flags &(SPFS_NODE_LISTED | SPFS_NODE_PINNED);
        new->listed_ms = old->listed_ms;
        if (item->mtime_ns == SPFS_TIME_UNKNOWN)
            new->mtime_ns = old->mtime_ns;
        if (item->btime_ns == SPFS_TIME_UNKNOWN)
            new->btime_ns = old->btime_ns;
    }
}

/* A shortcut has a view of its own and remembers the node it was followed to. */
static int choose_target(struct spfs_catalog_txn *t, struct put *p)
{
    struct rec *new = &p->new;
    const struct rec *old = &p->old.r;
    bool was = p->known && old->kind == SPFS_KIND_REMOTE;
    if (new->kind != SPFS_KIND_REMOTE)
        return was ? cat_forget_view(t, old->view) : 0;
    bool said = p->item->target.drive_id && p->item->target.item_id;
    if (said) {
        new->target_drive = str_of(p->item->target.drive_id);
        new->target_id = str_of(p->item->target.item_id);
        new->flags |= p->item->target_is_dir ? 0u : SPFS_NODE_TO_FILE;
    } else if (was) {
        new->target_drive = old->target_drive;
        new->target_id = old->target_id;
        new->flags |= old->flags &SPFS_NODE_TO_FILE;
    }
    if (!new->target_drive.n || new->target_drive.n >= SPFS_ID_SIZE || !new->target_id.n ||
        new->target_id.n >= SPFS_ID_SIZE)
        return refuse(t, p, "it points nowhere");
    if (was && str_same(new->target_drive, old->target_drive) && str_same(new->target_id, old->target_id))
        new->target = old->target;
    if (was) {
        new->view = old->view;
        return 0;
    }
    new->view = t->next_view++;
    t->numbers_changed = true;
    return 0;
}

static bool attr_changed(const struct rec *a, const struct rec *b)
{
    return a->size != b->size || a->mtime_ns != b->mtime_ns || a->btime_ns != b->btime_ns ||
           a->kind != b->kind || ((a->flags ^ b->flags) & SPFS_NODE_MALWARE);
}

/* Writes the record and moves the name with it. */
static int apply(struct spfs_catalog_txn *t, struct put *p)
{
    const struct rec *old = &p->old.r;
    struct rec *new = &p->new;
    bool fresh = !p->known;
    bool moved = fresh || new->parent != old->parent || !str_same(new->name, old->name);
    bool shown = p->known && old->parent && old->kind != SPFS_KIND_UNKNOWN;
    int err = 0;
    if (fresh)
        p->ino = cat_new_ino(t);
    if (!err && moved && shown)
        err = cat_news(t, SPFS_NEWS_REMOVED, p->ino, old);
    if (!err && moved && !fresh)
        err = cat_unlink(t, p->ino, old);
    if (!err)
        err = cat_store(t, p->ino, new);
    if (!err && (moved || new->kind != old->kind))
        err = cat_link(t, p->ino, new);
    if (!err && fresh)
        err = cat_set_id(t, p->drive, new->id, p->ino);
    if (!err && new->view && (fresh || new->view != old->view))
        err = cat_set_view(t, new->view, p->ino);
    if (!err && new->parent && (moved || !shown))
        err = cat_news(t, SPFS_NEWS_ADDED, p->ino, new);
    unsigned what = shown && p->content_changed ? SPFS_NEWS_CONTENT | SPFS_NEWS_ATTR : 0u;
    if (shown && attr_changed(old, new))
        what |= SPFS_NEWS_ATTR;
    if (!err && what)
        err = cat_news(t, what, p->ino, new);
    return err;
}

/* The drive's root: its facts belong to the library's node, and whatever hung below a placeholder of its id
 * moves there. */
static int put_root(struct spfs_catalog_txn *t, struct put *p, uint32_t pass)
{
    SPFS_FREE struct spfs_drive_rec *d = malloc(sizeof(*d));
    struct held lib;
    struct str id = str_of(p->item->id);
    if (!d)
        return -ENOMEM;
    int err = cat_drive(t->c, t->txn, p->drive, d);
    if (!err)
        err = cat_held(t->c, t->txn, d->ino, &lib);
    if (err)
        return err;
    if (p->known && p->ino != d->ino) {
        if (p->old.r.parent)
            return refuse(t, p, "a folder claims to be the root of its drive");
        err = cat_adopt(t, p->ino, d->ino);
        if (!err)
            err = spfs_catalog_remove(t, p->ino);
    }
    if (!err && lib.r.id.n && !str_same(lib.r.id, id))
        err = cat_forget_id(t, p->drive, lib.r.id);
    if (!err)
        err = cat_set_id(t, p->drive, id, d->ino);
    bool changed = p->item->mtime_ns != SPFS_TIME_UNKNOWN && p->item->mtime_ns != lib.r.mtime_ns;
    lib.r.id = id;
    lib.r.pass = pass;
    lib.r.stamp = t->stamp;
    if (changed)
        lib.r.mtime_ns = p->item->mtime_ns;
    if (p->item->btime_ns != SPFS_TIME_UNKNOWN)
        lib.r.btime_ns = p->item->btime_ns;
    if (usable(p->item->etag, SPFS_TAG_SIZE))
        lib.r.etag = str_of(p->item->etag);
    p->ino = d->ino;
    if (!err)
        err = cat_store(t, d->ino, &lib.r);
    return !err && changed ? cat_news(t, SPFS_NEWS_ATTR, d->ino, &lib.r) : err;
}

static int put_item(struct spfs_catalog_txn *t, struct put *p, uint32_t pass)
{
    int err = find_old(t, p);
    if (err || p->item->kind == SPFS_KIND_ROOT)
        return err ? err : put_root(t, p, pass);
    p->new = (struct rec){.drive = p->drive, .pass = pass, .stamp = t->stamp, .id = str_of(p->item->id)};
    err = choose_kind(t, p);
    if (!err)
        err = choose_name(t, p);
    if (!err)
        err = choose_parent(t, p);
    if (err)
        return err;
    choose_content(p);
    choose_rest(p);
    err = choose_target(t, p);
    if (!err && p->known)
        err = cat_round_void(t, p->drive, p->ino);
    if (!err)
        err = apply(t, p);
    if (!err && p->held_parent)
        err = cat_round_note(t, p->drive, p->ino, p->held_parent);
    return err;
}

int spfs_catalog_put_item(struct spfs_catalog_txn *t, uint32_t drive, uint32_t pass,
                          const struct spfs_item *item, uint64_t *ret_ino)
{
    struct put p; /* large: set field by field */
    p.item = item;
    p.drive = drive;
    p.known = false;
    p.ino = p.held_parent = 0;
    p.content_changed = false;
    int err = put_item(t, &p, pass);
    if (err < 0)
        return err;
    if (ret_ino)
        *ret_ino = p.ino;
    return 0;
}
