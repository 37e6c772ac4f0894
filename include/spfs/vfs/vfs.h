/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The filesystem as a program sees it, without FUSE types, HTTP or JSON: inodes, handles, listings,
 * attributes, reads.
 *
 * Nodes are addressed by a node id: view << 48 | ino. The view is 0, or the number of the shortcut through
 * which an entry was reached, so that a directory that is reachable twice is two directories to the kernel.
 * SPFS_NODE_ROOT stands for the mount's root. Node ids are stable across restarts; no look-up counts are kept
 * (forget costs nothing). Versions: an open file keeps the content version it was opened with. When the
 * item's content changes, its handles answer -ESTALE (reads and getattr), and its attributes are given with
 * no timeout while such handles are open, so that the kernel never cuts an old reader short by the new size:
 * never a mix (promise 11). keep_cache: true when the version is the one the kernel's pages of that node
 * belong to (a bounded table remembers).
 *
 * Threads: all calls from any thread. Locks: SPFS_RANK_VFS (tables), never held across sync or store calls.
 */
#ifndef SPFS_VFS_VFS_H
#define SPFS_VFS_VFS_H

#include <spfs/base/op.h>
#include <spfs/base/str.h>
#include <spfs/model/observer.h>
#include <spfs/store/blocks.h>
#include <spfs/store/catalog.h>
#include <spfs/sync/fetch.h>
#include <spfs/sync/tree.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SPFS_NODE_ROOT ((uint64_t)1)

struct spfs_vfs;
struct spfs_vfs_file; /* an open file */
struct spfs_vfs_dir;  /* an open directory */

struct spfs_vfs_config {
    struct spfs_catalog *catalog; /* shares, as all of these */
    struct spfs_blocks *blocks;
    struct spfs_tree *tree;
    struct spfs_fetch *fetch;
    uint64_t root; /* ino that the mount shows as its root */
    uid_t uid;
    gid_t gid;
    mode_t file_mode, dir_mode; /* permission bits after umask */
    bool read_only;
    const char *const *nofetch; /* names of programs (comm) that get only what is cached; NULL-terminated; may
                                   be NULL; copied */
    uint64_t op_ms;             /* deadline of one call; 0: 30 s */
};

int spfs_vfs_new(const struct spfs_vfs_config *config, struct spfs_vfs **ret);
void spfs_vfs_free(struct spfs_vfs *v);

struct spfs_vfs_attr {
    uint64_t node;
    struct stat st; /* st_ino: unique in the mount, stable */
    uint64_t generation;
    double entry_timeout, attr_timeout; /* seconds the kernel may believe it */
};

/* 0; -ENOENT with ret->node = 0 and entry_timeout = how long the absence may be believed. */
int spfs_vfs_lookup(struct spfs_vfs *v, struct spfs_op *op, uint64_t parent, const char *name,
                    struct spfs_vfs_attr *ret);
/* file: the handle it is asked through, or NULL. */
int spfs_vfs_getattr(struct spfs_vfs *v, struct spfs_op *op, uint64_t node, struct spfs_vfs_file *file,
                     struct spfs_vfs_attr *ret);
int spfs_vfs_statfs(struct spfs_vfs *v, uint64_t node, struct statvfs *ret);

/* flags as open(2); pid of the program (0 unknown). Writing: -EROFS on a read-only mount. */
int spfs_vfs_open(struct spfs_vfs *v, struct spfs_op *op, uint64_t node, int flags, pid_t pid,
                  struct spfs_vfs_file **ret, bool *ret_keep_cache);
/* As spfs_fetch_read, but clipped to the file's end (reply with n = 0 at or past it) and any len. */
int spfs_vfs_read(struct spfs_vfs *v, struct spfs_op *op, struct spfs_vfs_file *file, uint64_t off,
                  size_t len, int (*reply)(void *ctx, const struct iovec *iov, int n), void *ctx);
void spfs_vfs_release(struct spfs_vfs *v, struct spfs_vfs_file *file); /* takes */

/* A listing is a snapshot taken at the first read (and anew at a read from position 0). ret_cache: the kernel
 * may keep the listing; every change of it is announced (ADDED, REMOVED), and whoever passes that on drops
 * what the kernel kept of the parent. */
int spfs_vfs_opendir(struct spfs_vfs *v, struct spfs_op *op, uint64_t node, struct spfs_vfs_dir **ret,
                     bool *ret_cache);
/* Entries from position off on ("." and ".." included): add returns false when full (that entry is not
 * consumed). attr: for readdirplus; its node is 0 for "." and "..", only st_ino and type then count. next:
 * the position after it. plain: no attributes are needed (cheaper; st_ino and type only). */
typedef bool spfs_vfs_add(void *ctx, const char *name, const struct spfs_vfs_attr *attr, uint64_t next);
int spfs_vfs_readdir(struct spfs_vfs *v, struct spfs_op *op, struct spfs_vfs_dir *dir, uint64_t off,
                     bool plain, spfs_vfs_add *add, void *ctx);
void spfs_vfs_releasedir(struct spfs_vfs *v, struct spfs_vfs_dir *dir); /* takes */

/* user.spfs.*; others -ENODATA (getxattr), -EOPNOTSUPP (setxattr). Writes the value to out (size 0: asks for
 * the length); returns the length, -ERANGE. Never asks the server. */
ssize_t spfs_vfs_getxattr(struct spfs_vfs *v, uint64_t node, const char *name, char *out, size_t size);
int spfs_vfs_setxattr(struct spfs_vfs *v, uint64_t node, const char *name, const char *value, size_t size);

/* News of the catalog arrive here (compose wires catalog → vfs → fuse): updates tables, then hands on what
 * the kernel must drop. */
struct spfs_vfs_drop {
    unsigned what;   /* SPFS_NEWS_* */
    uint64_t node;   /* the item, in this view */
    uint64_t parent; /* ADDED/REMOVED: the folder in this view */
    const char *name;
};
struct spfs_vfs_listener {
    void (*drop)(void *ctx,
                 const struct spfs_vfs_drop *drop); /* must not block: queues for the notifier thread */
    void *ctx;
    void (*forget)(void *ctx, uint64_t node); /* the kernel forgets the node's attributes (not its pages)
                                                 before this returns; may be NULL */
};
void spfs_vfs_listen(struct spfs_vfs *v,
                     const struct spfs_vfs_listener *listener);           /* before serving; NULL ends */
void spfs_vfs_changed(void *vfs, const struct spfs_news *news, size_t n); /* an observer's `changed` */

/* Node id of a path below the mount's root, for the control socket; "" is the root. */
int spfs_vfs_walk(struct spfs_vfs *v, struct spfs_op *op, const char *path, uint64_t *ret_node);
int spfs_vfs_node(struct spfs_vfs *v, uint64_t node,
                  struct spfs_node *ret); /* the catalog's record; a shortcut's is its target's */

#endif
