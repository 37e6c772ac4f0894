/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to the tree: its parts and what they share. */
#ifndef SPFS_SYNC_TREE_I_H
#define SPFS_SYNC_TREE_I_H

#include <spfs/base/workq.h>
#include <spfs/sync/tree.h>
#include <stdatomic.h>

enum {
    TREE_STALE_WAIT_MS =
        3000, /* a look-up in a settled drive that was long not polled waits so long for its round */
    TREE_STALE_AFTER_MS = 120000, /* "long" */
    TREE_DISCOVERY_MS = 600000,   /* sites and libraries are asked for again after that */
    TREE_INTERVAL_MAX_MS = 600000,
    TREE_IN_USE_MS = 60000, /* touched within: in use */
    TREE_OFFLINE_MS = 5000,
    TREE_PROBE_MEMORY_MS = 60000,
    TREE_MAX_PAGES = 200000,    /* of one enumeration: 40 million items at 200 a page */
    TREE_MAX_EMPTY_PAGES = 200, /* in a row */
    TREE_MAX_SITES = 20000,
    TREE_SWEEP_BATCH = 2000,
};
#define TREE_TRUE_UP_MS ((int64_t)86400000)

/* What memory knows of a drive; all fields guarded by the tree's lock. Lives as long as the tree. */
struct tree_drive {
    struct tree_drive *next;
    uint32_t number;
    bool settled, listed_only;
    bool in_use;      /* touched since the tree started: only such drives are polled */
    bool running;     /* a round is queued or under way */
    bool again;       /* asked for while running: another one follows */
    uint64_t used_ms; /* last touch */
    uint64_t due_ms;  /* next round */
    uint64_t interval_ms;
    uint64_t ok_ms;          /* end of the last good round of this process, 0 never */
    uint64_t started, ended; /* rounds, counted */
    int last_err;
};

struct tree_listing; /* listing.c */

struct tree_probe_memory {
    uint64_t key, until_ms;
};

struct spfs_tree {
    struct spfs_remote *remote;
    struct spfs_catalog *catalog;
    bool delegated;
    enum spfs_sites_mode sites;
    char **site_names;
    uint64_t poll_ms;

    struct spfs_lock lock;    /* SPFS_RANK_REFRESH */
    struct spfs_cond changed; /* a round ended, a drive came into use, stop */
    struct tree_drive *drives;
    bool stopping;
    atomic_bool started;
    uint64_t
        offline_until_ms; /* no connection a moment ago: known folders are shown without asking until then */
    struct spfs_tree_stats stats;

    struct spfs_lock list_lock; /* SPFS_RANK_LISTING */
    struct spfs_cond listed;
    struct tree_listing *listings;
    struct tree_probe_memory probes[64];

    pthread_t scheduler;
    struct spfs_workq *crew;    /* rounds and single items */
    struct spfs_workq *listers; /* folders, sites, the tenant */
};

/* Detects a cycle of links with one remembered hash (Brent): fed each link in turn, true when one has come
 * back. */
struct tree_links {
    uint64_t saved;
    unsigned long steps, power, pages, empty;
};
bool tree_links_bad(struct tree_links *l, const char *link, size_t items_on_page);
uint64_t tree_hash(const char *text);

/* A write transaction begun by the first item of a page: none is open while the network is waited for. */
struct tree_batch {
    struct spfs_tree *tree;
    struct spfs_catalog_txn *txn;
    uint32_t drive;
    uint32_t pass; /* a round's own; others find it when the transaction begins */
    size_t items;
    uint64_t *seen; /* NULL: not collected */
    size_t seen_n, seen_cap;
    bool collect;
    bool round; /* deletes are noted for the end of a round */
};
int tree_batch_item(void *batch, const struct spfs_item *item); /* spfs_item_cb */
int tree_batch_open(struct tree_batch *b);
int tree_batch_commit(struct tree_batch *b);
void tree_batch_abort(struct tree_batch *b);

/* round.c: one round of a drive, to its end. */
int tree_round(struct spfs_tree *t, uint32_t number);
/* listing.c */
int tree_list_folder(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                     struct spfs_reason *reason);
/* Has `work` done for dir by a lister, once for all who ask meanwhile; the caller waits as long as its own op
 * allows. */
typedef int tree_work(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                      struct spfs_reason *reason);
int tree_single_flight(struct spfs_tree *t, struct spfs_op *op, tree_work *work, const struct spfs_node *dir,
                       struct spfs_reason *reason);
/* The drive has settled: nobody needs to wait for its listings any more. Without locks. */
void tree_release_listings(struct spfs_tree *t, uint32_t drive);
/* discovery.c */
int tree_discover_tenant(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                         struct spfs_reason *reason);
int tree_discover_site(struct spfs_tree *t, struct spfs_op *op, const struct spfs_node *dir,
                       struct spfs_reason *reason);
int tree_add_site(struct spfs_tree *t, struct spfs_op *op, const char *host, const char *path,
                  uint64_t *ret_ino, struct spfs_reason *reason);
/* tree.c */
struct tree_drive *tree_drive_locked(struct spfs_tree *t,
                                     uint32_t number); /* finds or makes; NULL: out of memory */
void tree_note_contact(struct spfs_tree *t, int err, const char *what);

#endif
