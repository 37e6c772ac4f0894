/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server as the rest of the program sees it. graph/ fills this table; fakes and fault wrappers (error,
 * delay, short, throttle) stack on it like filters. Every call blocks the calling thread until its reply, the
 * op's deadline or cancellation; any thread may call.
 *
 * Errors, everywhere: -ENOENT (404), -EACCES (401 after renewal, 403), -EPERM (malware), -ENETUNREACH (no
 * connection: offline), -ETIMEDOUT (op's deadline), -EINTR (cancelled), -EIO (bad or refused reply after
 * retries), -ENOMEM, -EFBIG (reply past its cap), -EKEYEXPIRED (sign-in has ended: reconnect needed),
 * -ESHUTDOWN (stopping). reason, where not NULL, says it to a person. */
#ifndef SPFS_MODEL_REMOTE_H
#define SPFS_MODEL_REMOTE_H

#include <spfs/base/op.h>
#include <spfs/base/str.h>
#include <spfs/model/item.h>
#include <stddef.h>
#include <sys/types.h>

struct spfs_remote;

/* Callbacks: non-zero stops the enumeration and becomes its result. */
typedef int spfs_site_cb(void *ctx, const struct spfs_site *site);
typedef int spfs_drive_cb(void *ctx, const struct spfs_drive *drive);
typedef int spfs_item_cb(void *ctx, const struct spfs_item *item);

enum spfs_sites_scope { SPFS_SITES_FOLLOWED, SPFS_SITES_ALL };

/* One page of an enumeration. Exactly one of next and delta is set after a page of a delta; after a page of
 * children next or nothing. Links are opaque and belong to the configured host (others are refused with
 * -EIO). Free both with spfs_page_done. */
struct spfs_page {
    char *next;
    char *delta;
};
static inline void spfs_page_done(struct spfs_page *p)
{
    free(p->next);
    free(p->delta);
    p->next = p->delta = NULL;
}

/* A ranged read. Only bytes of version `want` reach the sink's reader: see proved. */
struct spfs_read {
    struct spfs_ref ref;
    struct spfs_version want; /* want.size known; off + len ≤ want.size; len > 0 */
    uint64_t off, len;
    /* Runs on the http engine's thread, in order, without gaps: p is borrowed until return. Non-zero stops
     * the transfer. */
    int (*data)(void *ctx, const void *p, size_t n);
    /* Same thread or the caller's: from now on all bytes given so far and later in this call are known to be
     * of `want`. Called at most once; before the first data when the transfer's own ETag proves it, else
     * after the last, once the item was asked again. A call that returns an error without proved having been
     * called has delivered nothing that may be used. After proved and a later error, the bytes given stay
     * valid. */
    void (*proved)(void *ctx);
    void *ctx;
    uint64_t served_size; /* out, with -EMSGSIZE: the length that the server really serves for this version */
};

/* Content on its way to the server, as a new item (parent, name) or as a new version of item_id. Always
 * conditional (promise 3). */
struct spfs_upload {
    const char *drive_id;
    const char *item_id; /* replace this item's content, if its eTag is still if_match; NULL: a new item, only
                            if the name is free */
    const char *if_match; /* eTag, with item_id; never NULL then */
    const char
        *parent_id;   /* where it lies or shall lie; for a replacement too: name and place are not changed */
    const char *name; /* server spelling */
    uint64_t size;    /* bytes; a snapshot that does not change during the call */
    int64_t mtime_ns, btime_ns; /* UNKNOWN: not set. Sent with the content: no extra version (promise 9) */
    /* The bytes: seekable. Fills p from off, returns bytes > 0 or -errno. Runs on the http engine's thread,
     * or on the caller's while nothing is being sent. */
    ssize_t (*fill)(void *ctx, uint64_t off, void *p, size_t n);
    /* Resuming: the upload address of an earlier call for the same bytes, or NULL. It is a secret. */
    const char *session;
    /* A new session was made: store it (durably) before bytes go there. expires_ms: wall clock. May be NULL.
     */
    int (*made)(void *ctx, const char *session, int64_t expires_ms);
    void (*progress)(void *ctx, uint64_t sent); /* bytes the server has acknowledged; may be NULL */
    void *ctx;
};

/* What an update changes; NULL and UNKNOWN fields stay as they are. */
struct spfs_change {
    const char *name;      /* server spelling */
    const char *parent_id; /* real id, never "root"; same drive */
    int64_t mtime_ns;
};

struct spfs_version_info {
    const char *id; /* "3.0" */
    uint64_t size;
    int64_t mtime_ns;
    const char *by; /* display name or NULL */
};
typedef int spfs_version_cb(void *ctx, const struct spfs_version_info *version);

/* Mutations add these errors: -EEXIST (the name is taken), -ECANCELED (412: the item's tag is another by now;
 * nothing was changed), -EBUSY (423: locked), -ENOSPC (507), -EFBIG (413), -EINVAL (name or request refused),
 * -ENAMETOOLONG (path), -EROFS (the whole site is read-only). */
struct spfs_remote_ops {
    int (*sites)(struct spfs_remote *r, struct spfs_op *op, enum spfs_sites_scope scope, spfs_site_cb *cb,
                 void *ctx, struct spfs_reason *reason);
    /* path: server-relative without leading slash ("sites/marketing"), "" for the root site; host NULL: the
     * tenant's. Exactly one callback. */
    int (*site_at)(struct spfs_remote *r, struct spfs_op *op, const char *host, const char *path,
                   spfs_site_cb *cb, void *ctx, struct spfs_reason *reason);
    int (*subsites)(struct spfs_remote *r, struct spfs_op *op, const char *site_id, spfs_site_cb *cb,
                    void *ctx, struct spfs_reason *reason);
    int (*libraries)(struct spfs_remote *r, struct spfs_op *op, const char *site_id, spfs_drive_cb *cb,
                     void *ctx, struct spfs_reason *reason);
    int (*my_drive)(struct spfs_remote *r, struct spfs_op *op, spfs_drive_cb *cb, void *ctx,
                    struct spfs_reason *reason);
    int (*drive)(struct spfs_remote *r, struct spfs_op *op, const char *drive_id, spfs_drive_cb *cb,
                 void *ctx, struct spfs_reason *reason);
    /* item_id "root" is the drive's root. */
    int (*item)(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, spfs_item_cb *cb, void *ctx,
                struct spfs_reason *reason);
    /* One page (up to 1000 items). link NULL: the first. */
    int (*children)(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref folder, const char *link,
                    spfs_item_cb *cb, void *ctx, struct spfs_page *ret, struct spfs_reason *reason);
    /* One page. link NULL: from scratch. -ESTALE: resync (410, or 400 for the token): ret->next may then hold
     * the fresh link to go on with. */
    int (*delta)(struct spfs_remote *r, struct spfs_op *op, const char *drive_id, const char *link,
                 spfs_item_cb *cb, void *ctx, struct spfs_page *ret, struct spfs_reason *reason);
    /* 0: all len bytes were delivered. -ESTALE: the item's content is another by now. -EMSGSIZE: see
     * served_size. */
    int (*read)(struct spfs_remote *r, struct spfs_op *op, struct spfs_read *read,
                struct spfs_reason *reason);
    /* Learns the download addresses of up to 20 items in one request, so that reads of them cost one each.
     * Best effort. */
    int (*prepare)(struct spfs_remote *r, struct spfs_op *op, const struct spfs_ref *refs, size_t n);
    /* Each gives the resulting item to cb (not NULL), once, on success. */
    int (*upload)(struct spfs_remote *r, struct spfs_op *op, const struct spfs_upload *upload,
                  spfs_item_cb *cb, void *ctx, struct spfs_reason *reason);
    /* Sessions for up to 20 small files in one request: fills urls[i] (heap; NULL where it failed: the single
     * way then tells why). Best effort; the caller passes them as upload->session. */
    int (*sessions)(struct spfs_remote *r, struct spfs_op *op, const struct spfs_upload *v, size_t n,
                    char **urls);
    int (*mkdir)(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref parent, const char *name,
                 spfs_item_cb *cb, void *ctx, struct spfs_reason *reason);
    int (*update)(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, const char *if_match,
                  const struct spfs_change *change, spfs_item_cb *cb, void *ctx, struct spfs_reason *reason);
    /* To the recycle bin. 404 is success. if_match NULL only for an item that was made by ourselves and never
     * seen by anybody. */
    int (*remove)(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, const char *if_match,
                  struct spfs_reason *reason);
    /* Server-side copy, waited for (monitor). parent may lie in another drive. */
    int (*copy)(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, struct spfs_ref parent,
                const char *name, spfs_item_cb *cb, void *ctx, struct spfs_reason *reason);
    int (*versions)(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, spfs_version_cb *cb,
                    void *ctx, struct spfs_reason *reason);
    int (*restore)(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, const char *version_id,
                   struct spfs_reason *reason);
    void (*free)(struct spfs_remote *r);
};

struct spfs_remote {
    const struct spfs_remote_ops *ops;
};

#endif
