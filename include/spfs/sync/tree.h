/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps the catalog true to the server: discovery of sites and libraries, direct listing of folders in use,
 * delta rounds, shortcuts.
 *
 * A drive's life: UNSETTLED (first pass under way in the background; folders in use are listed directly) →
 * SETTLED (delta rounds; every look-up is answered from the catalog) → LISTED_ONLY when delta is refused
 * (403, 404, 501): folders are listed directly whenever they are older than `poll`. One round: pages of delta
 * are applied as they come, each in one transaction with the link to go on from; deletes are noted and
 * carried out when the delta link has arrived; 410 starts a new enumeration, whose end sweeps what it has not
 * seen. A link that repeats within a round, or more pages than MAX_PAGES, ends the round as failed. Interval:
 * `poll` (30 s) while the drive is in use, doubling to 10 min when nobody asked for it; a true-up (fresh
 * enumeration) once a day; at once on spfs_tree_sync. Threads: spfs_tree_* calls from any thread; one
 * scheduler thread ("refresh") and a small crew ("delta") running rounds. Locks: SPFS_RANK_REFRESH,
 * SPFS_RANK_LISTING; neither is held across a remote call or a transaction. */
#ifndef SPFS_SYNC_TREE_H
#define SPFS_SYNC_TREE_H

#include <spfs/base/op.h>
#include <spfs/model/remote.h>
#include <spfs/store/catalog.h>

struct spfs_tree;

enum spfs_sites_mode { SPFS_SHOW_FOLLOWED, SPFS_SHOW_ALL, SPFS_SHOW_LISTED };

struct spfs_tree_config {
    struct spfs_remote *remote;   /* shares */
    struct spfs_catalog *catalog; /* shares */
    bool delegated;               /* somebody is signed in: /me works */
    enum spfs_sites_mode sites;
    const char *const *site_names; /* SHOW_LISTED: display names or paths, NULL-terminated; copied */
    uint64_t poll_ms;              /* 0: 30 s */
};

int spfs_tree_new(const struct spfs_tree_config *config, struct spfs_tree **ret);
int spfs_tree_start(struct spfs_tree *t);
void spfs_tree_stop(struct spfs_tree *t);
void spfs_tree_free(struct spfs_tree *t);

/* Resolves SOURCE's path ("" the tenant, "Site", "Site/Library", "Site/Library/a/b", "My Files/…", or a web
 * address of this tenant) to a directory's ino, asking the server for what is not in the catalog. Offline the
 * catalog alone answers. -ENOENT with a reason that names the part that is missing; -ENOTDIR for a file. */
int spfs_tree_resolve(struct spfs_tree *t, struct spfs_op *op, const char *path, uint64_t *ret_ino,
                      struct spfs_reason *reason);

/* Sees to it that the children of directory ino in the catalog are complete: returns at once when its drive
 * is settled or it was listed within `poll`; else lists it (single flight) or waits for whoever is at it.
 * Offline (-ENETUNREACH) with something known: 0. Marks the drive as in use. For KIND_TENANT and KIND_SITE:
 * discovery. */
int spfs_tree_ensure(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                     struct spfs_reason *reason);
/* Is absence of a name in dir certain (so that -ENOENT may be cached for long)? */
bool spfs_tree_is_complete(struct spfs_tree *t, const struct spfs_node *dir);
/* A name that was not found in a complete tenant or site: unlisted sites by path name, subsites. 0 when it is
 * there now, -ENOENT. Negative answers are remembered for a minute. */
int spfs_tree_probe(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir, const char *name);
/* Follows a shortcut: sets up the target's drive and node; ret is the target. */
int spfs_tree_follow(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *shortcut,
                     struct spfs_node *ret, struct spfs_reason *reason);
/* Asks the server for this one item again (its content turned out to be another). */
int spfs_tree_refresh_item(struct spfs_tree *t, struct spfs_op *op, uint64_t ino, struct spfs_reason *reason);
/* The drive is in use: keeps its polling quick. Cheap, lock-free most of the time. */
void spfs_tree_touch(struct spfs_tree *t, uint32_t drive);
/* One complete round of the drive that ino lies in (of all drives and discovery for the tenant), now; returns
 * when it is applied. */
int spfs_tree_sync(struct spfs_tree *t, struct spfs_op *op, uint64_t ino, struct spfs_reason *reason);
/* From another thread (fetch): as spfs_tree_refresh_item, queued. */
void spfs_tree_queue_refresh(struct spfs_tree *t, uint64_t ino);

struct spfs_tree_stats {
    unsigned drives, settled, lost;
    bool busy; /* a first pass is under way */
    uint64_t items_applied, rounds, failed_rounds;
    int64_t last_ok_ms;   /* wall clock of the last successful contact, 0 never */
    char last_error[256]; /* of the last failed round, "" after a good one */
};
void spfs_tree_stats(struct spfs_tree *t, struct spfs_tree_stats *ret);

#endif
