/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tenant in memory: sites, drives, items, and the change order of each drive.
 * An item is named by its serial (an index, never reused); its Graph id, GUID and tags are computed from the
 * serial, so that a million items fit in little memory. A deleted item stays as a tombstone, which delta
 * needs. Locking: every function expects the caller to hold `lock`, for writing where the name says so (add,
 * change verbs). */
#ifndef SIM_TREE_I_H
#define SIM_TREE_I_H

#include "names_i.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_NONE     0u /* serial 0 is no item */
#define TREE_ID_LEN   NAMES_ID_LEN
#define TREE_GUID_LEN NAMES_GUID_LEN

enum tree_kind { TREE_FILE, TREE_FOLDER, TREE_PACKAGE, TREE_REMOTE };

enum tree_flag {
    TREE_DELETED = 1,
    TREE_ROOT = 2,
    TREE_NO_HASH = 4,      /* the service has not computed one */
    TREE_MALWARE = 8,      /* downloads are refused */
    TREE_BELOW = 32,       /* deleted along with a folder above */
    TREE_NO_DOWNLOAD = 16, /* metadata is allowed, content is not */
};

/* Bytes of a file version: generated from the seed, or a blob. */
struct tree_blob; /* blob_i.h; counted */
struct tree_body {
    uint64_t size;
    uint64_t seed;
    struct tree_blob *blob; /* NULL: generated */
};

struct tree_version {
    struct tree_version *older;
    struct tree_body body;
    int64_t mtime;
    uint32_t number; /* "number.0" */
};

/* What few items have. */
struct tree_extra {
    struct tree_version *versions; /* older ones, newest first */
    uint32_t version;              /* number of the current one */
    uint32_t target;               /* TREE_REMOTE: serial of the item it points to */
    uint64_t rewrite_us;           /* when SharePoint writes properties into the file; 0: never */
    bool checked_out;              /* by the user who calls */
    bool monitored;                /* a copy whose monitor has been asked */
    bool locked;                   /* open in Office or checked out by somebody else: 423 */
    bool by_app;                   /* last modified through the API rather than by the other user */
};

struct tree_item {
    uint64_t seq;  /* change number in its drive; rises with every change */
    uint64_t size; /* file: bytes; folder: sum of its contents */
    uint64_t seed; /* of generated content */
    int64_t mtime; /* fileSystemInfo.lastModifiedDateTime */
    int64_t ctime; /* fileSystemInfo.createdDateTime */
    const char *name;
    struct tree_blob *blob; /* content that is not generated */
    struct tree_extra *extra;
    uint32_t parent, first, last, next, prev; /* tree */
    uint32_t newer, older;                    /* change order of the drive */
    uint32_t chain, hash;                     /* look-up by (parent, folded name) */
    uint32_t children;
    uint32_t etag, ctag;
    uint16_t drive;
    uint8_t kind;
    uint8_t flags;
};

struct tree_site {
    char *name;                      /* last part of the URL */
    char *title;                     /* displayName */
    char *path;                      /* server-relative: "sites/marketing"; "" for the root site */
    char guid[2][TREE_GUID_LEN + 1]; /* site collection, web */
    int parent;                      /* index, or -1 */
    bool followed;
    bool hidden; /* not in searches; resolves by path */
};

struct tree_drive {
    char *name;
    char *segment; /* of the library in the URL */
    char *id;
    int site; /* index, or -1: the OneDrive of the user */
    uint32_t root;
    uint64_t seq;            /* newest change number */
    uint32_t newest, oldest; /* change order */
    uint64_t quota, deleted_bytes;
    uint64_t epoch; /* raised: older delta tokens answer 410 */
    bool read_only;
    bool system;               /* hidden unless `system` is selected */
    bool rewrites_office;      /* SharePoint writes properties into Office files after an upload */
    unsigned rewrite_delay_ms; /* 0: before the upload is answered */
};

struct tree {
    pthread_rwlock_t lock;
    struct tree_site sites[64];
    struct tree_drive drives[256];
    unsigned site_count, drive_count;
    uint32_t item_count; /* serials 1..item_count are in use */
    struct tree_item **slabs;
    uint32_t *buckets;
    uint32_t bucket_mask;
    struct names_arena names;
};

void tree_init(struct tree *t);
void tree_done(struct tree *t);

int tree_add_site(struct tree *t, int parent, const char *name, const char *title, const char *path);
/* A library of a site, or with site -1 the user's OneDrive. Makes the root item. Index of the drive. */
int tree_add_drive(struct tree *t, int site, const char *name, const char *segment);

struct tree_item *tree_item(const struct tree *t, uint32_t serial);

/* New item below parent, recorded as a change. Content is generated from a seed of its own. */
uint32_t tree_add(struct tree *t, uint32_t parent, enum tree_kind kind, const char *name, uint64_t size,
                  int64_t mtime);
struct tree_extra *tree_extra(struct tree_item *it); /* made when missing */

/* Child by name without regard to case, or TREE_NONE. */
uint32_t tree_child(const struct tree *t, uint32_t parent, const char *name);
/* Item by decoded relative path "a/b" below from ("" is from itself), or TREE_NONE. */
uint32_t tree_walk(const struct tree *t, uint32_t from, const char *path);
bool tree_is_below(const struct tree *t, uint32_t item, uint32_t ancestor); /* or the same */

/* Changes. Each raises the eTag and the change number. */
void tree_touch(struct tree *t, uint32_t item);
void tree_rename(struct tree *t, uint32_t item, uint32_t new_parent, const char *new_name);
/* Takes body->blob; the former content becomes an older version when keep is set. */
void tree_write(struct tree *t, uint32_t item, const struct tree_body *body, int64_t mtime, bool keep);
/* The present content becomes an older version as well, as a change of metadata makes it. The caller touches.
 */
void tree_add_version(struct tree *t, uint32_t item);
void tree_delete(struct tree *t, uint32_t item); /* with everything below */

struct tree_body tree_body(const struct tree_item *it); /* takes a reference */
void tree_body_done(struct tree_body *body);
uint32_t tree_version_number(const struct tree_item *it);

/* Names computed from serials. */
void tree_item_id(const struct tree *t, uint32_t serial, char ret[TREE_ID_LEN + 1]);
void tree_item_guid(const struct tree *t, uint32_t serial, char ret[TREE_GUID_LEN + 1]);
uint32_t tree_by_id(const struct tree *t, const char *id);  /* tombstones too; TREE_NONE when unknown */
int tree_drive_by_id(const struct tree *t, const char *id); /* or -1 */
int tree_drive_of_user(const struct tree *t);               /* or -1 */

/* Items with a change number above seq in rising order: the first one, then it->newer. */
uint32_t tree_changes_after(const struct tree *t, unsigned drive, uint64_t seq, uint32_t hint);

#endif
