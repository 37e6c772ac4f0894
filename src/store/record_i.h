/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of the catalog as bytes: versioned, little-endian, numbers as varints, strings with their length.
 * What is read back is bounded by the record's size in every step: a damaged record is -EIO, never a wild
 * pointer. */
#ifndef SPFS_STORE_RECORD_I_H
#define SPFS_STORE_RECORD_I_H

#include <spfs/store/catalog.h>
#include <string.h>

enum { REC_MAX = 4608, DRIVE_MAX = 12288 };

struct str {
    const char *p; /* not terminated */
    size_t n;
};

/* A node without its number. Strings are borrowed from where it was decoded, tags and hash perhaps from
 * `room`: never copy one by value and keep the copy longer than the original. */
struct rec {
    uint64_t parent;
    uint32_t drive;
    enum spfs_kind kind;
    uint32_t flags;
    uint32_t content;
    uint32_t pass;  /* enumeration that saw it last */
    uint64_t stamp; /* transaction that put it last */
    uint64_t size;
    bool size_known;
    int64_t mtime_ns, btime_ns, listed_ms;
    uint64_t target;
    uint32_t view;
    struct str name, id, etag, ctag, quickxor;
    struct str target_drive, target_id;
    struct {
        char etag[SPFS_TAG_SIZE], ctag[SPFS_TAG_SIZE], quickxor[32];
    } room;
};

/* Length, at most REC_MAX: strings were bounded when they came in. */
size_t rec_encode(const struct rec *r, unsigned char out[REC_MAX]);
int rec_decode(const void *p, size_t size, struct rec *ret); /* 0, -EIO */
void rec_to_node(const struct rec *r, uint64_t ino, struct spfs_node *ret);

size_t drive_encode(const struct spfs_drive_rec *d, unsigned char out[DRIVE_MAX]);
int drive_decode(const void *p, size_t size, struct spfs_drive_rec *ret);

/* pack.c. Bytes written, at most one more than s has; bytes read, 0 when they make no sense. */
size_t pack_tag(struct str s, unsigned char *out);
size_t pack_hash(struct str s, unsigned char *out);
size_t unpack_tag(const unsigned char *in, size_t size, char room[SPFS_TAG_SIZE], struct str *ret);
size_t unpack_hash(const unsigned char *in, size_t size, char room[32], struct str *ret);

static inline struct str str_of(const char *s)
{
    return (struct str){.p = s ? s : "", .n = s ? strlen(s) : 0};
}

static inline bool str_same(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

#endif
