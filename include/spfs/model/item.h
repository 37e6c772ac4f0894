/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the server says about sites, drives and items, as plain values. All strings are borrowed from whoever
 * parsed them and are valid until the callback that hands them over returns; NULL means "not said". Text is
 * valid UTF-8 without NUL. Facts: contract sheet §4.2, §4.3, §5. */
#ifndef SPFS_MODEL_ITEM_H
#define SPFS_MODEL_ITEM_H

#include <stdbool.h>
#include <stdint.h>

enum spfs_kind {
    SPFS_KIND_UNKNOWN = 0, /* no facet that we know: kept in the index, not shown */
    SPFS_KIND_ROOT = 1,    /* the root folder of a drive */
    SPFS_KIND_FOLDER = 2,
    SPFS_KIND_FILE = 3,
    SPFS_KIND_PACKAGE = 4, /* OneNote notebook: a read-only folder */
    SPFS_KIND_REMOTE = 5,  /* pointer to an item of another drive */
    SPFS_KIND_TENANT = 6,  /* catalog only: the top of a connection */
    SPFS_KIND_SITE = 7,    /* catalog only */
    SPFS_KIND_LIBRARY = 8, /* catalog only; stands for the drive's root item too */
};

static inline bool spfs_kind_is_dir(enum spfs_kind k)
{
    return k != SPFS_KIND_FILE && k != SPFS_KIND_UNKNOWN;
}

/* No time known (also for the server's year-1 times). */
#define SPFS_TIME_UNKNOWN INT64_MIN
/* No size known (absent, negative). */
#define SPFS_SIZE_UNKNOWN UINT64_MAX
/* The largest size that is believed: 250 GB is the service's limit; beyond this a size is hostile and taken
 * as unknown. */
#define SPFS_SIZE_MAX ((uint64_t)1 << 50)

/* Address of an item. */
struct spfs_ref {
    const char *drive_id;
    const char *item_id;
};

struct spfs_item {
    enum spfs_kind kind;
    bool deleted;          /* deleted facet: then only id is sure to be there */
    const char *id;        /* never NULL nor empty */
    const char *drive_id;  /* parentReference.driveId */
    const char *parent_id; /* parentReference.id; NULL on the root */
    const char *name;      /* as stored; passed spfs_name_acceptable unless kind is ROOT; NULL if not said, or
                              refused (then UNKNOWN) */
    uint64_t size;         /* bytes or SPFS_SIZE_UNKNOWN */
    const char *etag;      /* verbatim with its quotes */
    const char *ctag;      /* content only; often absent */
    const char *quickxor;  /* base64, 28 characters */
    int64_t mtime_ns;      /* fileSystemInfo.lastModifiedDateTime, else lastModifiedDateTime */
    int64_t btime_ns;      /* created */
    bool malware;          /* download is refused */
    struct spfs_ref target; /* KIND_REMOTE: both set or item is UNKNOWN */
    bool target_is_dir;
    const char *download_url; /* pre-authenticated: a secret; never stored on disk, never logged */
};

struct spfs_site {
    const char *id;   /* composite */
    const char *name; /* URL segment */
    const char *display_name;
    const char *web_url;
    bool personal; /* a OneDrive's site */
};

struct spfs_quota {
    bool known;
    uint64_t total, used, remaining; /* bytes */
};

struct spfs_drive {
    const char *id;
    const char *name; /* title of the library */
    const char *type; /* personal, business, documentLibrary, or anything new */
    const char *web_url;
    bool system; /* hidden system library: not offered */
    struct spfs_quota quota;
};

/* What tells one content of a file from another. */
struct spfs_version {
    const char *etag, *ctag, *quickxor;
    uint64_t size;
    int64_t mtime_ns;
};

enum spfs_same { SPFS_SAME_NO, SPFS_SAME_YES, SPFS_SAME_UNKNOWN };

/* Is it the same content? Decided by, in this order: equal eTags (yes); both cTags (equal or not); both
 * hashes (with size); differing known sizes (no); otherwise UNKNOWN (only the eTag has moved and nothing else
 * can tell). */
enum spfs_same spfs_version_same(const struct spfs_version *a, const struct spfs_version *b);

struct spfs_version spfs_item_version(const struct spfs_item *item);

#endif
