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
    void (*free)(struct spfs_remote *r);
};

struct spfs_remote {
    const struct spfs_remote_ops *ops;
};

#endif
