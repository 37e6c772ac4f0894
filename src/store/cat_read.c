// SPDX-License-Identifier: GPL-3.0-or-later
/* Reads of the catalog: by number, by id, by name, whole folders, paths. Each takes a snapshot of its own
 * from the pool of readers and gives it back before it returns; nothing here takes a lock. */
#include "catalog_i.h"

#include <errno.h>
#include <xxhash.h>

enum { PATH_DEPTH_MAX = 4096 };

void cat_child_key(struct child_key *k, uint64_t parent, uint64_t hash, uint64_t ino)
{
    be64(k->b, parent);
    be64(k->b + 8, hash);
    be64(k->b + 16, ino);
}

uint64_t cat_name_hash(struct str name)
{
    char plain[SPFS_NAME_SIZE], folded[SPFS_FOLD_SIZE];
    memcpy(plain, name.p, name.n);
    plain[name.n] = '\0';
    if (spfs_name_fold(plain, folded) < 0)
        return XXH3_64bits(name.p, name.n);
    return XXH3_64bits(folded, strlen(folded));
}

void cat_id_key(struct id_key *k, uint32_t drive, struct str id)
{
    be32(k->b, drive);
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(id.p, id.n));
    memcpy(k->b + 4, hash.digest, 16);
}

int cat_rec(struct spfs_catalog *c, MDB_txn *txn, uint64_t ino, struct rec *ret)
{
    MDB_val k = val_of(&ino, sizeof(ino)), v;
    int rc = mdb_get(txn, cat_dbi(c, CAT_NODES), &k, &v);
    return rc ? env_errno(rc) : rec_decode(v.mv_data, v.mv_size, ret);
}

int cat_held(struct spfs_catalog *c, MDB_txn *txn, uint64_t ino, struct held *ret)
{
    MDB_val k = val_of(&ino, sizeof(ino)), v;
    int rc = mdb_get(txn, cat_dbi(c, CAT_NODES), &k, &v);
    if (rc)
        return env_errno(rc);
    if (v.mv_size > sizeof(ret->bytes))
        return -EIO;
    memcpy(ret->bytes, v.mv_data, v.mv_size);
    return rec_decode(ret->bytes, v.mv_size, &ret->r);
}

int cat_ino_of(struct spfs_catalog *c, MDB_txn *txn, uint32_t drive, struct str id, uint64_t *ret)
{
    struct id_key key;
    cat_id_key(&key, drive, id);
    MDB_val k = val_of(&key, sizeof(key)), v;
    int rc = mdb_get(txn, cat_dbi(c, CAT_IDS), &k, &v);
    if (rc)
        return env_errno(rc);
    if (v.mv_size != sizeof(*ret))
        return -EIO;
    memcpy(ret, v.mv_data, sizeof(*ret));
    return 0;
}

int cat_drive(struct spfs_catalog *c, MDB_txn *txn, uint32_t number, struct spfs_drive_rec *ret)
{
    uint64_t key = number;
    MDB_val k = val_of(&key, sizeof(key)), v;
    int rc = mdb_get(txn, cat_dbi(c, CAT_DRIVES), &k, &v);
    return rc ? env_errno(rc) : drive_decode(v.mv_data, v.mv_size, ret);
}

int cat_drive_number(struct spfs_catalog *c, MDB_txn *txn, const char *id, uint32_t *ret)
{
    uint64_t number = 0;
    int err = cat_ino_of(c, txn, DRIVE_IDS, str_of(id), &number);
    if (!err)
        *ret = (uint32_t)number;
    return err;
}

int cat_next_child(MDB_cursor *cur, uint64_t parent, bool first, struct spfs_child *ret, size_t *ret_name_len)
{
    struct child_key key;
    cat_child_key(&key, parent, 0, 0);
    MDB_val k = val_of(&key, sizeof(key)), v;
    int rc = mdb_cursor_get(cur, &k, &v, first ? MDB_SET_RANGE : MDB_NEXT);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc || k.mv_size != sizeof(key) || v.mv_size < 1 || v.mv_size > SPFS_NAME_SIZE)
        return rc ? env_errno(rc) : -EIO;
    const unsigned char *b = k.mv_data;
    if (from_be64(b) != parent)
        return 0;
    ret->ino = from_be64(b + 16);
    ret->kind = (enum spfs_kind)(*(const unsigned char *)v.mv_data);
    ret->name = (const char *)v.mv_data + 1;
    *ret_name_len = v.mv_size - 1;
    return 1;
}

void cat_close_cursor_p(MDB_cursor **cur)
{
    if (*cur)
        mdb_cursor_close(*cur);
}

int cat_any_child(struct spfs_catalog *c, MDB_txn *txn, uint64_t parent, uint64_t *ret)
{
    CAT_CURSOR MDB_cursor *cur = NULL;
    struct spfs_child child;
    size_t len;
    int got = env_errno(mdb_cursor_open(txn, cat_dbi(c, CAT_CHILDREN), &cur));
    if (!got)
        got = cat_next_child(cur, parent, true, &child, &len);
    if (got > 0)
        *ret = child.ino;
    return got;
}

static int get_node(struct spfs_catalog *c, MDB_txn *txn, uint64_t ino, struct spfs_node *ret)
{
    struct rec r;
    int err = cat_rec(c, txn, ino, &r);
    if (!err)
        rec_to_node(&r, ino, ret);
    return err;
}

int spfs_catalog_get(struct spfs_catalog *c, uint64_t ino, struct spfs_node *ret)
{
    ENV_READER struct reader *r = NULL;
    int err = env_read(&c->env, &r);
    return err ? err : get_node(c, r->txn, ino, ret);
}

int spfs_catalog_txn_get(struct spfs_catalog_txn *t, uint64_t ino, struct spfs_node *ret)
{
    return get_node(t->c, t->txn, ino, ret);
}

int spfs_catalog_by_id(struct spfs_catalog *c, uint32_t drive, const char *id, struct spfs_node *ret)
{
    ENV_READER struct reader *r = NULL;
    uint64_t ino = 0;
    int err = env_read(&c->env, &r);
    if (!err)
        err = cat_ino_of(c, r->txn, drive, str_of(id), &ino);
    if (!err)
        err = get_node(c, r->txn, ino, ret);
    return !err && strcmp(ret->id, id) != 0 ? -ENOENT : err;
}

static bool name_equal(struct str stored, const char *folded)
{
    char plain[SPFS_NAME_SIZE], fold[SPFS_FOLD_SIZE];
    memcpy(plain, stored.p, stored.n);
    plain[stored.n] = '\0';
    return spfs_name_fold(plain, fold) == 0 && strcmp(fold, folded) == 0;
}

/* The ino of name below parent: the exact spelling wins, else the folded one with the lowest number. */
static int find_child(MDB_cursor *cur, uint64_t parent, const char *name, uint64_t *ret, bool *ret_exact)
{
    char folded[SPFS_FOLD_SIZE];
    size_t len = strlen(name);
    if (len >= SPFS_NAME_SIZE || spfs_name_fold(name, folded) < 0)
        return -ENOENT;
    struct child_key key;
    uint64_t near = 0;
    cat_child_key(&key, parent, XXH3_64bits(folded, strlen(folded)), 0);
    MDB_val k = val_of(&key, sizeof(key)), v;
    int rc = mdb_cursor_get(cur, &k, &v, MDB_SET_RANGE);
    for (; !rc && k.mv_size == sizeof(key) && memcmp(k.mv_data, key.b, 16) == 0;
         rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) {
        const unsigned char *b = v.mv_data;
        if (v.mv_size < 1 || v.mv_size > SPFS_NAME_SIZE)
            return -EIO;
        struct str stored = {.p = (const char *)b + 1, .n = v.mv_size - 1};
        if (b[0] == SPFS_KIND_UNKNOWN)
            continue;
        if (stored.n == len && memcmp(stored.p, name, len) == 0) {
            *ret = from_be64((const unsigned char *)k.mv_data + 16);
            *ret_exact = true;
            return 0;
        }
        if (!near && name_equal(stored, folded))
            near = from_be64((const unsigned char *)k.mv_data + 16);
    }
    if (rc && rc != MDB_NOTFOUND)
        return env_errno(rc);
    *ret = near;
    *ret_exact = false;
    return near ? 0 : -ENOENT;
}

int spfs_catalog_lookup(struct spfs_catalog *c, uint64_t parent, const char *name, struct spfs_node *ret,
                        bool *ret_exact)
{
    ENV_READER struct reader *r = NULL;
    CAT_CURSOR MDB_cursor *cur = NULL;
    uint64_t ino = 0;
    bool exact = false;
    int err = env_read(&c->env, &r);
    if (!err)
        err = env_errno(mdb_cursor_open(r->txn, cat_dbi(c, CAT_CHILDREN), &cur));
    if (!err)
        err = find_child(cur, parent, name, &ino, &exact);
    if (!err)
        err = get_node(c, r->txn, ino, ret);
    if (!err && ret_exact)
        *ret_exact = exact;
    return err;
}

int spfs_catalog_children(struct spfs_catalog *c, uint64_t parent,
                          int (*cb)(void *ctx, const struct spfs_child *child), void *ctx)
{
    ENV_READER struct reader *r = NULL;
    CAT_CURSOR MDB_cursor *cur = NULL;
    struct spfs_child child;
    char name[SPFS_NAME_SIZE];
    size_t len;
    int err = env_read(&c->env, &r);
    if (!err)
        err = env_errno(mdb_cursor_open(r->txn, cat_dbi(c, CAT_CHILDREN), &cur));
    if (err)
        return err;
    int got = cat_next_child(cur, parent, true, &child, &len);
    for (; got > 0; got = cat_next_child(cur, parent, false, &child, &len)) {
        if (child.kind == SPFS_KIND_UNKNOWN)
            continue;
        memcpy(name, child.name, len);
        name[len] = '\0';
        child.name = name;
        err = cb(ctx, &child);
        if (err)
            return err;
    }
    return got;
}

int spfs_catalog_get_many(struct spfs_catalog *c, const uint64_t *inos, size_t n,
                          int (*cb)(void *ctx, const struct spfs_node *node), void *ctx)
{
    ENV_READER struct reader *r = NULL;
    struct spfs_node node;
    int err = env_read(&c->env, &r);
    for (size_t i = 0; !err && i < n; i++) {
        err = get_node(c, r->txn, inos[i], &node);
        if (!err)
            err = cb(ctx, &node);
        else if (err == -ENOENT)
            err = 0;
    }
    return err;
}

int spfs_catalog_drive(struct spfs_catalog *c, uint32_t number, struct spfs_drive_rec *ret)
{
    ENV_READER struct reader *r = NULL;
    int err = env_read(&c->env, &r);
    return err ? err : cat_drive(c, r->txn, number, ret);
}

int spfs_catalog_txn_drive(struct spfs_catalog_txn *t, uint32_t number, struct spfs_drive_rec *ret)
{
    return cat_drive(t->c, t->txn, number, ret);
}

int spfs_catalog_drive_by_id(struct spfs_catalog *c, const char *drive_id, struct spfs_drive_rec *ret)
{
    ENV_READER struct reader *r = NULL;
    uint32_t number = 0;
    int err = env_read(&c->env, &r);
    if (!err)
        err = cat_drive_number(c, r->txn, drive_id, &number);
    if (!err)
        err = cat_drive(c, r->txn, number, ret);
    return !err && strcmp(ret->id, drive_id) != 0 ? -ENOENT : err;
}

int spfs_catalog_drives(struct spfs_catalog *c, int (*cb)(void *ctx, const struct spfs_drive_rec *drive),
                        void *ctx)
{
    ENV_READER struct reader *r = NULL;
    CAT_CURSOR MDB_cursor *cur = NULL;
    SPFS_FREE struct spfs_drive_rec *d = malloc(sizeof(*d));
    MDB_val k, v;
    if (!d)
        return -ENOMEM;
    int err = env_read(&c->env, &r);
    if (!err)
        err = env_errno(mdb_cursor_open(r->txn, cat_dbi(c, CAT_DRIVES), &cur));
    int rc = err ? 0 : mdb_cursor_get(cur, &k, &v, MDB_FIRST);
    for (; !err && !rc; rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) {
        err = drive_decode(v.mv_data, v.mv_size, d);
        if (!err)
            err = cb(ctx, d);
    }
    return err || rc == MDB_NOTFOUND ? err : env_errno(rc);
}

int spfs_catalog_view(struct spfs_catalog *c, uint32_t view, struct spfs_node *ret)
{
    ENV_READER struct reader *r = NULL;
    uint64_t key = view, ino;
    MDB_val k = val_of(&key, sizeof(key)), v;
    int err = env_read(&c->env, &r);
    if (!err)
        err = env_errno(mdb_get(r->txn, cat_dbi(c, CAT_VIEWS), &k, &v));
    if (err)
        return err;
    if (v.mv_size != sizeof(ino))
        return -EIO;
    memcpy(&ino, v.mv_data, sizeof(ino));
    return get_node(c, r->txn, ino, ret);
}

int spfs_catalog_path(struct spfs_catalog *c, uint64_t ino, struct spfs_buf *ret)
{
    ENV_READER struct reader *r = NULL;
    struct rec rec;
    SPFS_FREE struct str *names = calloc(PATH_DEPTH_MAX, sizeof(*names));
    size_t n = 0;
    if (!names)
        return -ENOMEM;
    int err = env_read(&c->env, &r);
    while (!err && ino && ino != SPFS_INO_TENANT && n < PATH_DEPTH_MAX) {
        err = cat_rec(c, r->txn, ino, &rec);
        if (err)
            break;
        names[n++] = rec.name; /* points into the map: lives as long as the snapshot */
        ino = rec.parent;
    }
    while (!err && n > 0) {
        n--;
        err = spfs_buf_add(ret, names[n].p, names[n].n);
        if (!err && n > 0)
            err = spfs_buf_add(ret, "/", 1);
    }
    return err;
}

struct spfs_version spfs_node_version(const struct spfs_node *n)
{
    return (struct spfs_version){
        .etag = n->etag[0] ? n->etag : NULL,
        .ctag = n->ctag[0] ? n->ctag : NULL,
        .quickxor = n->quickxor[0] ? n->quickxor : NULL,
        .size = n->size_known ? n->size : SPFS_SIZE_UNKNOWN,
        .mtime_ns = n->mtime_ns,
    };
}
