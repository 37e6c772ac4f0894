/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to the vfs: its tables and what its parts share. */
#ifndef SPFS_VFS_VFS_I_H
#define SPFS_VFS_VFS_I_H

#include <spfs/vfs/vfs.h>
#include <stdatomic.h>

enum {
    VFS_VIEW_SHIFT = 48,
    VFS_OPEN_BUCKETS = 256,
    VFS_PAGES_SLOTS = 8192,  /* nodes whose pages in the kernel are known to be of one version */
    VFS_GIVEN_SLOTS = 8192,  /* nodes whose attributes the kernel was given lately */
    VFS_ABSENT_SLOTS = 8192, /* names that the kernel believes to be absent */
    VFS_VIEWS_MAX = 4096,
    VFS_SIBLING_DIRS = 8,
    VFS_SMALL_FILE = 1024 * 1024,
};
#define VFS_INO_MASK  (((uint64_t)1 << VFS_VIEW_SHIFT) - 1)
#define VFS_LONG      86400.0 /* seconds: every change is announced, so the kernel may believe it for long */
#define VFS_UNSETTLED 2.0     /* the drive's first pass is under way */

/* A file that is open at least once. Found by ino; guarded by the vfs lock but for `content`. */
struct vfs_open {
    struct vfs_open *next;
    uint64_t ino;
    unsigned handles;
    _Atomic uint32_t content; /* the catalog's version by now; handles of another are stale */
    bool mixed;               /* it changed while handles were open: attributes get no timeout */
};

struct spfs_vfs_file {
    _Atomic unsigned refs; /* the open file, and each read under way: once its reply is out, the kernel may
                              release the file before the read has returned */
    uint64_t node, parent;
    struct vfs_open *open;
    uint32_t content;
    uint64_t size;
    struct spfs_fetch_file *fetch;
    struct spfs_fetch_file
        *before; /* that of the version the handle has moved on from, or NULL; closed with the handle */
    struct spfs_stream stream;
    unsigned fetch_flags;
    bool kept_cache;       /* the kernel kept pages from before: what they hold has been read by somebody */
    atomic_bool delivered; /* bytes went out through this handle */
    atomic_bool whole;     /* its end was read */
    struct spfs_lock lock; /* SPFS_RANK_VFS_FILE; guards the switch of fetch, content and size (file.c) */
};

struct vfs_pages {
    uint64_t node;
    uint32_t content;
};

struct vfs_given {
    uint64_t node, size;
    uint32_t content;
};

/* A name that was not there. See absent.c. */
struct vfs_absent {
    uint64_t parent; /* node */
    char *name;      /* owned; NULL: free */
};

struct vfs_view {
    uint32_t number, drive;
};

/* A folder whose small files are being read one after the other. */
struct vfs_siblings {
    uint64_t parent;
    unsigned streak;
    bool walk;      /* entered by somebody who has just read another folder that way */
    uint64_t *inos; /* files by name */
    size_t n, next; /* next: first one not yet asked for */
    size_t last;    /* the one read before, SIZE_MAX none */
    size_t trigger; /* reading at or past it asks for more */
    uint64_t used_ms;
};

struct spfs_vfs {
    struct spfs_vfs_config config;
    char **nofetch;
    struct spfs_vfs_listener listener;
    struct spfs_lock lock;                   /* SPFS_RANK_VFS */
    struct vfs_open *open[VFS_OPEN_BUCKETS]; /* guarded by: lock */
    struct vfs_pages pages[VFS_PAGES_SLOTS]; /* guarded by: lock */
    struct vfs_given given[VFS_GIVEN_SLOTS]; /* guarded by: lock; the version and size that the kernel has */
    struct vfs_absent absent[VFS_ABSENT_SLOTS]; /* guarded by: lock */
    struct vfs_view views[VFS_VIEWS_MAX];       /* guarded by: lock */
    size_t views_n;
    struct vfs_siblings siblings[VFS_SIBLING_DIRS]; /* guarded by: lock */
    uint64_t walk_until_ms;                         /* guarded by: lock */
};

static inline uint64_t vfs_ino(const struct spfs_vfs *v, uint64_t node)
{
    return node == SPFS_NODE_ROOT ? v->config.root : node & VFS_INO_MASK;
}

/* Where a node stands in a table that remembers some nodes. */
static inline size_t vfs_slot(uint64_t node)
{
    return (size_t)(node * 0x9E3779B97F4A7C15u >> 32);
}

static inline uint32_t vfs_view(uint64_t node)
{
    return (uint32_t)(node >> VFS_VIEW_SHIFT);
}

static inline uint64_t vfs_node_id(const struct spfs_vfs *v, uint32_t view, uint64_t ino)
{
    return view == 0 && ino == v->config.root ? SPFS_NODE_ROOT : (uint64_t)view << VFS_VIEW_SHIFT | ino;
}

/* The catalog's record of a node id. */
int vfs_get(struct spfs_vfs *v, uint64_t node, struct spfs_node *ret);
/* A child as it is shown: a shortcut becomes its target (following it if allowed by op), with the view it
 * opens. *view: in, the folder's; out, the child's. */
int vfs_show(struct spfs_vfs *v, struct spfs_op *op, struct spfs_node *child, uint32_t *view);
void vfs_fill_attr(struct spfs_vfs *v, const struct spfs_node *n, uint32_t view, struct spfs_vfs_attr *ret);
void vfs_remember_view(struct spfs_vfs *v, uint32_t view, uint32_t drive);
/* A version was seen in the catalog, and is about to be shown: handles of older ones are stale from now on.
 * Are there such handles? */
bool vfs_saw_content(struct spfs_vfs *v, uint64_t ino, uint32_t content);
/* The kernel is about to believe for long that the name is not in the folder. False: it must not (no memory).
 */
bool vfs_note_absent(struct spfs_vfs *v, uint64_t parent, const char *name);
/* The name is there now: other spellings of it are no longer absent either. */
void vfs_end_absence(struct spfs_vfs *v, uint64_t parent, const char *name);
void vfs_free_absent(struct spfs_vfs *v);
/* A small file was read to its end: fetches its siblings ahead when that is the pattern. */
void vfs_note_whole(struct spfs_vfs *v, const struct spfs_vfs_file *file);

#endif
