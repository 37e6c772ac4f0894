/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the catalog: its tables and keys, the write transaction, the primitives that keep the tables in
 * step.
 *
 * Keys hold numbers and hashes only, so that the longest id and name fit LMDB's 511 bytes:
 *   nodes     ino (native u64)                                        → node record
 *   children  parent, XXH3-64 of the folded name, ino (big-endian)    → kind, name
 *   ids       drive (big-endian), XXH3-128 of the id                  → ino; under DRIVE_IDS: drive number
 *   drives    number (native u64)                                     → drive record
 *   views     number (native u64)                                     → ino
 *   round     drive, ino (big-endian)                                 → what the end of the round does:
 * nothing (delete it), or the parent to move it below Threads: struct spfs_catalog_txn belongs to the holder
 * of the writer's lock. */
#ifndef SPFS_STORE_CATALOG_I_H
#define SPFS_STORE_CATALOG_I_H

#include "env_i.h"
#include "record_i.h"

enum cat_table { CAT_NODES, CAT_CHILDREN, CAT_IDS, CAT_DRIVES, CAT_VIEWS, CAT_ROUND, CAT_TABLES };

/* Not the number of any drive: ids of drives live there. */
#define DRIVE_IDS UINT32_MAX

struct child_key {
    unsigned char b[24];
};
struct id_key {
    unsigned char b[20];
};
struct round_key {
    unsigned char b[12];
};

/* A node's bytes held apart from LMDB's pages, which the next write may move. */
struct held {
    struct rec r;
    unsigned char bytes[REC_MAX];
};

struct news_list {
    struct spfs_news *v; /* name: offset into names until the commit */
    size_t n, cap;
    struct spfs_buf names;
};

struct spfs_catalog_txn {
    struct spfs_catalog *c;
    MDB_txn *txn;
    uint64_t stamp;
    uint64_t top_ino; /* highest number stored: above it records are appended */
    uint64_t next_ino;
    uint32_t next_drive, next_view;
    bool numbers_changed;
    bool settles;     /* a drive is settled now: end of bulk */
    unsigned refused; /* items refused in this transaction: the log names the first few */
    struct news_list news;
    /* The parent met last: pages name the same one many times. */
    uint32_t memo_drive;
    uint64_t memo_ino;
    char memo_id[SPFS_ID_SIZE];
};

struct spfs_catalog {
    struct env env;
    struct spfs_observer observer; /* changed NULL: none */
    char uuid[37];
    bool bulk;                      /* see catalog.c; guarded by: env.writer */
    uint64_t next_ino;              /* guarded by: env.writer */
    uint32_t next_drive, next_view; /* guarded by: env.writer */
    struct spfs_catalog_txn writer; /* guarded by: env.writer */
};

struct numbers {
    uint64_t ino;
    uint32_t drive, view;
};

static inline void be64(unsigned char *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}
static inline void be32(unsigned char *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}
static inline uint64_t from_be64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

static inline MDB_dbi cat_dbi(const struct spfs_catalog *c, enum cat_table t)
{
    return c->env.tables[t];
}

void cat_round_key(struct round_key *k, uint32_t drive, uint64_t ino);
/* Keys. */
void cat_child_key(struct child_key *k, uint64_t parent, uint64_t hash, uint64_t ino);
uint64_t cat_name_hash(struct str name);
void cat_id_key(struct id_key *k, uint32_t drive, struct str id);

/* Reads of one transaction, either kind. Strings are borrowed from it. 0, -ENOENT, -EIO. */
int cat_rec(struct spfs_catalog *c, MDB_txn *txn, uint64_t ino, struct rec *ret);
int cat_held(struct spfs_catalog *c, MDB_txn *txn, uint64_t ino, struct held *ret); /* copied */
int cat_ino_of(struct spfs_catalog *c, MDB_txn *txn, uint32_t drive, struct str id, uint64_t *ret);
int cat_drive(struct spfs_catalog *c, MDB_txn *txn, uint32_t number, struct spfs_drive_rec *ret);
int cat_drive_number(struct spfs_catalog *c, MDB_txn *txn, const char *id, uint32_t *ret);
/* A cursor over the children of parent, UNKNOWN ones included: 1 and the child, 0 at the end, -EIO. first:
 * start. */
int cat_next_child(MDB_cursor *cur, uint64_t parent, bool first, struct spfs_child *ret,
                   size_t *ret_name_len);
/* The number of some child: 1, 0 none, -EIO. */
int cat_any_child(struct spfs_catalog *c, MDB_txn *txn, uint64_t parent, uint64_t *ret);
void cat_close_cursor_p(MDB_cursor **cur);
#define CAT_CURSOR SPFS_CLEANUP(cat_close_cursor_p)

/* Writes. */
uint64_t cat_new_ino(struct spfs_catalog_txn *t);
int cat_store(struct spfs_catalog_txn *t, uint64_t ino, const struct rec *r);
int cat_link(struct spfs_catalog_txn *t, uint64_t ino, const struct rec *r);
int cat_unlink(struct spfs_catalog_txn *t, uint64_t ino, const struct rec *r);
int cat_set_id(struct spfs_catalog_txn *t, uint32_t drive, struct str id, uint64_t ino);
int cat_forget_id(struct spfs_catalog_txn *t, uint32_t drive, struct str id);
int cat_set_view(struct spfs_catalog_txn *t, uint32_t view, uint64_t ino);
int cat_forget_view(struct spfs_catalog_txn *t, uint32_t view);
/* Would ino below parent be a cycle? 1, 0, -EIO. */
int cat_is_above(struct spfs_catalog_txn *t, uint64_t ino, uint64_t parent);
/* Moves everything below from to below to. */
int cat_adopt(struct spfs_catalog_txn *t, uint64_t from, uint64_t to);
/* Deletes up to *budget nodes of the subtree, children first; 1 when all is gone, 0 when the budget is spent.
 */
int cat_remove_some(struct spfs_catalog_txn *t, uint64_t ino, size_t *budget);
int cat_round_note(struct spfs_catalog_txn *t, uint32_t drive, uint64_t ino, uint64_t parent /* 0: delete */);
int cat_round_void(struct spfs_catalog_txn *t, uint32_t drive, uint64_t ino);
/* What is noted: 1 and the parent (0: delete), 0 nothing. */
int cat_round_noted(struct spfs_catalog_txn *t, uint32_t drive, uint64_t ino, uint64_t *ret_parent);
void cat_refuse(struct spfs_catalog_txn *t, const char *id, const char *why);
int cat_save_drive(struct spfs_catalog_txn *t, const struct spfs_drive_rec *d);

int cat_news(struct spfs_catalog_txn *t, unsigned what, uint64_t ino, const struct rec *r);

#endif
