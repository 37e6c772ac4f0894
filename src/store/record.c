// SPDX-License-Identifier: GPL-3.0-or-later
/* Encoding and decoding of node and drive records. See record_i.h.
 *
 * Node: version, kind, flags (bytes); form (byte, see FORM_*); parent, drive, content, pass, stamp (varints);
 * what form announces; name, id. Tags and the hash are packed, see pack.c. */
#include "record_i.h"

#include <errno.h>

enum { NODE_VERSION = 1, DRIVE_VERSION = 1 };
enum {
    FORM_SIZE = 1,  /* size is known and follows */
    FORM_MTIME = 2, /* times follow */
    FORM_BTIME = 4,
    FORM_LISTED = 8,
    FORM_TAGS = 16,
    FORM_HASH = 32,
    FORM_TARGET = 64,
};

struct out {
    unsigned char *at;
};

struct in {
    const unsigned char *at, *end;
    bool bad;
};

static void put_byte(struct out *o, unsigned v)
{
    *o->at++ = (unsigned char)v;
}

static void put_num(struct out *o, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put_byte(o, (unsigned)(v & 0x7f) | 0x80);
    put_byte(o, (unsigned)v);
}

static void put_bytes(struct out *o, const void *p, size_t n)
{
    if (n)
        memcpy(o->at, p, n);
    o->at += n;
}

static void put_str(struct out *o, struct str s)
{
    put_num(o, s.n);
    put_bytes(o, s.p, s.n);
}

static unsigned get_byte(struct in *i)
{
    if (i->at == i->end) {
        i->bad = true;
        return 0;
    }
    return *i->at++;
}

static uint64_t get_num(struct in *i)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned b = get_byte(i);
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    i->bad = true;
    return 0;
}

static const unsigned char *get_bytes(struct in *i, size_t n)
{
    if ((size_t)(i->end - i->at) < n) {
        i->bad = true;
        return NULL;
    }
    const unsigned char *p = i->at;
    i->at += n;
    return p;
}

static struct str get_str(struct in *i, size_t max)
{
    uint64_t n = get_num(i);
    if (n > max)
        i->bad = true;
    const unsigned char *p = i->bad ? NULL : get_bytes(i, (size_t)n);
    return p ? (struct str){.p = (const char *)p, .n = (size_t)n} : (struct str){.p = "", .n = 0};
}

/* n bytes were unpacked; none: they make no sense. */
static void skip(struct in *i, size_t n)
{
    i->at += n;
    i->bad = i->bad || n == 0;
}

static uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Times are mostly whole seconds: seconds × 2, or the nanoseconds beside them with the low bit set. */
static void put_time(struct out *o, int64_t ns)
{
    int64_t rest = ns % 1000000000;
    put_num(o, zigzag(ns / 1000000000) << 1 | (rest != 0));
    if (rest)
        put_num(o, zigzag(rest));
}

static int64_t get_time(struct in *i)
{
    uint64_t v = get_num(i);
    int64_t s = unzigzag(v >> 1), rest = v & 1 ? unzigzag(get_num(i)) : 0, ns;
    if (__builtin_mul_overflow(s, (int64_t)1000000000, &ns) || __builtin_add_overflow(ns, rest, &ns)) {
        i->bad = true;
        return SPFS_TIME_UNKNOWN;
    }
    return ns;
}

size_t rec_encode(const struct rec *r, unsigned char out[REC_MAX])
{
    struct out o = {.at = out};
    bool tags = r->etag.n || r->ctag.n, target = r->kind == SPFS_KIND_REMOTE;
    put_byte(&o, NODE_VERSION);
    put_byte(&o, (unsigned)r->kind);
    put_byte(&o, r->flags & 0xff);
    put_byte(&o, (r->size_known ? FORM_SIZE : 0u) | (r->mtime_ns != SPFS_TIME_UNKNOWN ? FORM_MTIME : 0u) |
                     (r->btime_ns != SPFS_TIME_UNKNOWN ? FORM_BTIME : 0u) |
                     (r->listed_ms ? FORM_LISTED : 0u) | (tags ? FORM_TAGS : 0u) |
                     (r->quickxor.n ? FORM_HASH : 0u) | (target ? FORM_TARGET : 0u));
    put_num(&o, r->parent);
    put_num(&o, r->drive);
    put_num(&o, r->content);
    put_num(&o, r->pass);
    put_num(&o, r->stamp);
    if (r->size_known)
        put_num(&o, r->size);
    if (r->mtime_ns != SPFS_TIME_UNKNOWN)
        put_time(&o, r->mtime_ns);
    if (r->btime_ns != SPFS_TIME_UNKNOWN)
        put_time(&o, r->btime_ns);
    if (r->listed_ms)
        put_num(&o, (uint64_t)r->listed_ms);
    if (tags) {
        o.at += pack_tag(r->etag, o.at);
        o.at += pack_tag(r->ctag, o.at);
    }
    if (r->quickxor.n)
        o.at += pack_hash(r->quickxor, o.at);
    if (target) {
        put_num(&o, r->target);
        put_num(&o, r->view);
        put_str(&o, r->target_drive);
        put_str(&o, r->target_id);
    }
    put_str(&o, r->name);
    put_str(&o, r->id);
    return (size_t)(o.at - out);
}

int rec_decode(const void *p, size_t size, struct rec *ret)
{
    struct in i = {.at = p, .end = (const unsigned char *)p + size};
    static const struct str none = {.p = "", .n = 0};
    if (get_byte(&i) != NODE_VERSION)
        return -EIO;
    ret->kind = (enum spfs_kind)get_byte(&i);
    ret->flags = get_byte(&i);
    unsigned form = get_byte(&i);
    ret->parent = get_num(&i);
    ret->drive = (uint32_t)get_num(&i);
    ret->content = (uint32_t)get_num(&i);
    ret->pass = (uint32_t)get_num(&i);
    ret->stamp = get_num(&i);
    ret->size_known = form & FORM_SIZE;
    ret->size = form & FORM_SIZE ? get_num(&i) : 0;
    ret->mtime_ns = form & FORM_MTIME ? get_time(&i) : SPFS_TIME_UNKNOWN;
    ret->btime_ns = form & FORM_BTIME ? get_time(&i) : SPFS_TIME_UNKNOWN;
    ret->listed_ms = form & FORM_LISTED ? (int64_t)get_num(&i) : 0;
    ret->etag = ret->ctag = ret->quickxor = none;
    if (form & FORM_TAGS) {
        skip(&i, unpack_tag(i.at, (size_t)(i.end - i.at), ret->room.etag, &ret->etag));
        skip(&i, unpack_tag(i.at, (size_t)(i.end - i.at), ret->room.ctag, &ret->ctag));
    }
    if (form & FORM_HASH)
        skip(&i, unpack_hash(i.at, (size_t)(i.end - i.at), ret->room.quickxor, &ret->quickxor));
    ret->target = form & FORM_TARGET ? get_num(&i) : 0;
    ret->view = form & FORM_TARGET ? (uint32_t)get_num(&i) : 0;
    ret->target_drive = form & FORM_TARGET ? get_str(&i, SPFS_ID_SIZE - 1) : none;
    ret->target_id = form & FORM_TARGET ? get_str(&i, SPFS_ID_SIZE - 1) : none;
    ret->name = get_str(&i, SPFS_NAME_SIZE - 1);
    ret->id = get_str(&i, SPFS_ID_SIZE - 1);
    return i.bad || ret->kind > SPFS_KIND_LIBRARY ? -EIO : 0;
}

static void copy_out(char *dst, struct str s)
{
    memcpy(dst, s.p, s.n);
    dst[s.n] = '\0';
}

void rec_to_node(const struct rec *r, uint64_t ino, struct spfs_node *ret)
{
    ret->ino = ino;
    ret->parent = r->parent;
    ret->drive = r->drive;
    ret->kind = r->kind;
    ret->flags = r->flags;
    ret->content = r->content;
    ret->size = r->size;
    ret->size_known = r->size_known;
    ret->mtime_ns = r->mtime_ns;
    ret->btime_ns = r->btime_ns;
    ret->target = r->target;
    ret->view = r->view;
    ret->listed_ms = r->listed_ms;
    copy_out(ret->name, r->name);
    copy_out(ret->id, r->id);
    copy_out(ret->etag, r->etag);
    copy_out(ret->ctag, r->ctag);
    copy_out(ret->quickxor, r->quickxor);
    copy_out(ret->target_drive, r->target_drive);
    copy_out(ret->target_id, r->target_id);
}

size_t drive_encode(const struct spfs_drive_rec *d, unsigned char out[DRIVE_MAX])
{
    struct out o = {.at = out};
    put_byte(&o, DRIVE_VERSION);
    put_byte(&o, (d->settled ? 1u : 0u) | (d->listed_only ? 2u : 0u) | (d->lost ? 4u : 0u) |
                     (d->link_is_next ? 8u : 0u) | (d->quota.known ? 16u : 0u));
    put_num(&o, d->number);
    put_num(&o, d->ino);
    put_num(&o, d->pass);
    put_num(&o, (uint64_t)d->synced_ms);
    put_num(&o, (uint64_t)d->full_ms);
    put_num(&o, d->quota.total);
    put_num(&o, d->quota.used);
    put_num(&o, d->quota.remaining);
    put_str(&o, str_of(d->id));
    put_str(&o, str_of(d->name));
    put_str(&o, str_of(d->web_url));
    put_str(&o, str_of(d->type));
    put_str(&o, str_of(d->link));
    return (size_t)(o.at - out);
}

int drive_decode(const void *p, size_t size, struct spfs_drive_rec *ret)
{
    struct in i = {.at = p, .end = (const unsigned char *)p + size};
    if (get_byte(&i) != DRIVE_VERSION)
        return -EIO;
    unsigned bits = get_byte(&i);
    ret->settled = bits & 1;
    ret->listed_only = bits & 2;
    ret->lost = bits & 4;
    ret->link_is_next = bits & 8;
    ret->quota.known = bits & 16;
    ret->number = (uint32_t)get_num(&i);
    ret->ino = get_num(&i);
    ret->pass = (uint32_t)get_num(&i);
    ret->synced_ms = (int64_t)get_num(&i);
    ret->full_ms = (int64_t)get_num(&i);
    ret->quota.total = get_num(&i);
    ret->quota.used = get_num(&i);
    ret->quota.remaining = get_num(&i);
    copy_out(ret->id, get_str(&i, sizeof(ret->id) - 1));
    copy_out(ret->name, get_str(&i, sizeof(ret->name) - 1));
    copy_out(ret->web_url, get_str(&i, sizeof(ret->web_url) - 1));
    copy_out(ret->type, get_str(&i, sizeof(ret->type) - 1));
    copy_out(ret->link, get_str(&i, sizeof(ret->link) - 1));
    return i.bad ? -EIO : 0;
}
