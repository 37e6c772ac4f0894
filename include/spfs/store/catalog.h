/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The catalog: what is known of sites, libraries, folders and files, in LMDB under state_dir. Every entry has
 * a persistent inode number that is never reused. Items are keyed by (drive, item id), never by path.
 *
 * Tables: nodes (ino → record), children (parent, hash of folded name, ino → name and kind), ids (drive, item
 * id → ino), drives (number → record), gone (deletes of the round under way), meta (format, next numbers,
 * uuid). Written without a flush a commit (MDB_NOMETASYNC): power loss may cost the last transactions, never
 * the store; the delta link goes with the items it stands for, so the next round brings them again. Until the
 * first drive has settled nothing is flushed, and power loss costs the file (it is rebuilt).
 *
 * The tree: ino 1 is the tenant; sites below it (drive 0, id = site id); libraries below their site
 * (KIND_LIBRARY, drive = the drive's own number, id = id of the drive's root item once known), subsites below
 * their site; a OneDrive is a library below the tenant. Folders and files below. A child whose parent is not
 * known yet hangs below a placeholder (KIND_UNKNOWN, parent 0) and is not reachable until the parent arrives.
 *
 * Invariants (checked by spfs_catalog_check in debug builds and tests): every node but the tenant and
 * placeholders has exactly one children record under its parent; ids ↔ nodes is one to one; no cycles; a
 * node's drive is its parent's (or the parent is a site or the tenant).
 *
 * Threads: reads from any thread, without locks (LMDB snapshots). One writer at a time: spfs_catalog_begin
 * takes the writer's lock (SPFS_RANK_STORE) and holds it until commit or abort; no network, no waiting
 * inside. News go to the observer after commit, outside the lock. */
#ifndef SPFS_STORE_CATALOG_H
#define SPFS_STORE_CATALOG_H

#include <spfs/base/str.h>
#include <spfs/model/item.h>
#include <spfs/model/names.h>
#include <spfs/model/observer.h>

#define SPFS_INO_TENANT 1u
#define SPFS_ID_SIZE    512 /* of item, site and drive ids with NUL; longer ones are refused */
#define SPFS_TAG_SIZE   160 /* of tags; longer ones are taken as absent */
#define SPFS_URL_SIZE   1024

enum {
    SPFS_NODE_LISTED = 1, /* folder: its children were listed once, or its drive's first pass is over */
    SPFS_NODE_PINNED = 2,
    SPFS_NODE_MALWARE = 4,
    SPFS_NODE_SERVED =
        8, /* size is the length that the server serves, not the one it reports (for this content) */
    SPFS_NODE_TO_FILE = 16, /* KIND_REMOTE: the target is a file */
};

/* One entry, by value: large (about 3 KiB), so pass by pointer and keep on the stack. */
struct spfs_node {
    uint64_t ino;
    uint64_t parent; /* 0: placeholder or tenant */
    uint32_t drive;  /* number; 0 for tenant and sites */
    enum spfs_kind kind;
    uint32_t flags;
    uint32_t content; /* content version, from 1, +1 whenever the content changed; key of the block cache
                         together with ino */
    uint64_t
        size; /* files; 0 for folders; never UNKNOWN (0 then, with the file's real size learned at open) */
    bool size_known;
    int64_t mtime_ns, btime_ns; /* SPFS_TIME_UNKNOWN possible */
    uint64_t target;   /* KIND_REMOTE: ino of the target node (in its own drive's tree), 0 until followed */
    uint32_t view;     /* KIND_REMOTE: persistent number from 1 of this shortcut; 0 otherwise */
    int64_t listed_ms; /* wall clock of the last direct listing, 0 never */
    char name[SPFS_NAME_SIZE]; /* local spelling */
    char id[SPFS_ID_SIZE];     /* item id, site id */
    char etag[SPFS_TAG_SIZE], ctag[SPFS_TAG_SIZE];
    char quickxor[32];
    char target_drive[SPFS_ID_SIZE], target_id[SPFS_ID_SIZE]; /* KIND_REMOTE */
};
struct spfs_version spfs_node_version(const struct spfs_node *n); /* borrows n's strings */

struct spfs_drive_rec {
    uint32_t number;
    uint64_t ino; /* the library's node; for a drive known only through shortcuts a node that hangs nowhere
                     (parent 0) */
    bool settled; /* its first delta pass is over: absence is known */
    bool listed_only;  /* delta refused (403, 404): folders are listed directly for ever */
    bool lost;         /* vanished or access lost at the last try: shown from the catalog, errors on reads */
    uint32_t pass;     /* number of the enumeration under way or the last one */
    int64_t synced_ms; /* wall clock of the end of the last complete round */
    int64_t full_ms;   /* … of the last complete enumeration */
    struct spfs_quota quota;
    char id[SPFS_ID_SIZE];
    char name[SPFS_NAME_SIZE];
    char web_url[SPFS_URL_SIZE];
    char type[32];
    char link[8192]; /* where the delta goes on: a next link within a round, else the delta link; "" from
                        scratch */
    bool link_is_next;
};

struct spfs_catalog;
struct spfs_catalog_txn; /* a write transaction */

/* Opens (makes) dir/catalog.lmdb, 0600. A file of another format, cut short or damaged is moved aside
 * (NAME.bad-1) and made anew with a note in the log: it is rebuilt from the server. -EBUSY when another
 * process has it open. observer may be NULL; copied. */
int spfs_catalog_open(const char *dir, const struct spfs_observer *observer, struct spfs_catalog **ret,
                      struct spfs_reason *reason);
void spfs_catalog_close(struct spfs_catalog *c);
const char *
spfs_catalog_uuid(const struct spfs_catalog *c); /* made at creation; ties the block cache to it */

/* Reads. 0, -ENOENT, -EIO. */
int spfs_catalog_get(struct spfs_catalog *c, uint64_t ino, struct spfs_node *ret);
int spfs_catalog_by_id(struct spfs_catalog *c, uint32_t drive, const char *id, struct spfs_node *ret);
/* Exact name first, else folded (then *ret_exact false; may be NULL). Local spelling. */
int spfs_catalog_lookup(struct spfs_catalog *c, uint64_t parent, const char *name, struct spfs_node *ret,
                        bool *ret_exact);
/* Every child that is shown (UNKNOWN ones are not), in no order, within one snapshot; non-zero from cb stops.
 * The cheap form: record header only. */
struct spfs_child {
    uint64_t ino;
    enum spfs_kind kind;
    const char *name; /* borrowed until cb returns */
};
int spfs_catalog_children(struct spfs_catalog *c, uint64_t parent,
                          int (*cb)(void *ctx, const struct spfs_child *child), void *ctx);
/* The same with whole nodes (readdirplus, batches): starts at the nodes of inos[0..n), one snapshot; missing
 * ones are skipped. */
int spfs_catalog_get_many(struct spfs_catalog *c, const uint64_t *inos, size_t n,
                          int (*cb)(void *ctx, const struct spfs_node *node), void *ctx);
int spfs_catalog_drive(struct spfs_catalog *c, uint32_t number, struct spfs_drive_rec *ret);
int spfs_catalog_drive_by_id(struct spfs_catalog *c, const char *drive_id, struct spfs_drive_rec *ret);
int spfs_catalog_drives(struct spfs_catalog *c, int (*cb)(void *ctx, const struct spfs_drive_rec *drive),
                        void *ctx);
/* Views: number → the shortcut's node. */
int spfs_catalog_view(struct spfs_catalog *c, uint32_t view, struct spfs_node *ret);
/* Path from the tenant ("Site/Library/a/b"), for messages and `info`. */
int spfs_catalog_path(struct spfs_catalog *c, uint64_t ino, struct spfs_buf *ret);

/* Writes. */
int spfs_catalog_begin(struct spfs_catalog *c, struct spfs_catalog_txn **ret);
int spfs_catalog_commit(
    struct spfs_catalog_txn *t); /* takes; news go out afterwards. 0, -ENOSPC, -EIO (nothing was changed) */
void spfs_catalog_abort(struct spfs_catalog_txn *t); /* takes */

/* Inserts or updates an item of a drive by its id; keeps ino; moves and renames; decides about the content
 * version (spfs_version_same: NO or UNKNOWN → +1, tags are completed on YES; SPFS_NODE_SERVED size stays
 * while the content is the same). Unknown parent → placeholder. Name missing on a known item: name kept. A
 * move that would make a cycle, and a kind change file ↔ folder under one id, are refused with a log line (0
 * is returned: one bad item does not stop a page). An item without parent (KIND_ROOT) is the library's node.
 * pass: number of the enumeration that saw it (drive->pass). ret_ino may be NULL. */
int spfs_catalog_put_item(struct spfs_catalog_txn *t, uint32_t drive, uint32_t pass,
                          const struct spfs_item *item, uint64_t *ret_ino);
/* Deletes the node and what is below it (its own records; numbers are not reused). -ENOENT when unknown. */
int spfs_catalog_remove(struct spfs_catalog_txn *t, uint64_t ino);
/* Deletes of a delta round: noted when seen, voided when the item is put later in the same round, carried out
 * at its end. */
int spfs_catalog_note_gone(struct spfs_catalog_txn *t, uint32_t drive, const char *id);
int spfs_catalog_apply_gone(struct spfs_catalog_txn *t, uint32_t drive);
/* End of a full enumeration: removes up to max nodes of the drive that pass did not see. ret_more: call again
 * in a new transaction. cursor: ino to go on from, 0 first. */
int spfs_catalog_sweep(struct spfs_catalog_txn *t, uint32_t drive, uint32_t pass, size_t max,
                       uint64_t *cursor, bool *ret_more);
/* A complete direct listing of a folder: children of the catalog that were not in `seen` (inos, sorted by
 * this call) are removed, the folder is marked LISTED. Children put since `begun_pass`… are kept if another
 * enumeration of the drive has put them meanwhile (record's stamp > stamp_at_start from spfs_catalog_stamp).
 */
uint64_t spfs_catalog_stamp(struct spfs_catalog *c);
int spfs_catalog_end_listing(struct spfs_catalog_txn *t, uint64_t folder, uint64_t *seen, size_t n,
                             uint64_t stamp_at_start, int64_t now_ms);

/* Tenant level. Names are made unique by the caller. Returns the ino of the (new or known) node. */
int spfs_catalog_put_site(struct spfs_catalog_txn *t, uint64_t parent, const char *site_id,
                          const char *local_name, uint64_t *ret_ino);
int spfs_catalog_put_drive(struct spfs_catalog_txn *t, uint64_t parent /* site, tenant, or 0 */,
                           const struct spfs_drive *drive, const char *local_name, uint32_t *ret_number,
                           uint64_t *ret_ino);
/* Whole record: link, settled … (key: rec->number). */
int spfs_catalog_set_drive(struct spfs_catalog_txn *t, const struct spfs_drive_rec *rec);
int spfs_catalog_set_flags(struct spfs_catalog_txn *t, uint64_t ino, uint32_t set, uint32_t clear);
int spfs_catalog_set_served(struct spfs_catalog_txn *t, uint64_t ino, uint32_t content, uint64_t size);
int spfs_catalog_set_target(struct spfs_catalog_txn *t, uint64_t shortcut, uint64_t target);

/* Reads inside a write transaction (they see its changes). */
int spfs_catalog_txn_get(struct spfs_catalog_txn *t, uint64_t ino, struct spfs_node *ret);
int spfs_catalog_txn_drive(struct spfs_catalog_txn *t, uint32_t number, struct spfs_drive_rec *ret);

struct spfs_catalog_stats {
    uint64_t nodes, bytes;
};
int spfs_catalog_stats(struct spfs_catalog *c, struct spfs_catalog_stats *ret);
/* Checks the invariants; 0 or -EBADMSG with the first violation in reason. Slow: tests and doctor. */
int spfs_catalog_check(struct spfs_catalog *c, struct spfs_reason *reason);

#endif
