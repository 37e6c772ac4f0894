/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open files.
 * A handle belongs to one content version. It is stale once the catalog has another; then reads answer
 * -ESTALE. One exception spares people a needless error: a handle that has delivered nothing, is the only
 * one, and was opened onto an empty kernel cache moves on to the new version (the server had changed before
 * we knew). Not to a shorter one: in the read under way the kernel still has the old size, and would fill up
 * with zeros what is missing. */
#include "vfs_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vfs_open *open_get(struct spfs_vfs *v, uint64_t ino, uint32_t content)
{
    SPFS_LOCKED(&v->lock);
    struct vfs_open **bucket = &v->open[ino % VFS_OPEN_BUCKETS];
    struct vfs_open *o = *bucket;
    while (o && o->ino != ino)
        o = o->next;
    if (!o) {
        o = calloc(1, sizeof(*o));
        if (!o)
            return NULL;
        o->ino = ino;
        atomic_store(&o->content, content);
        o->next = *bucket;
        *bucket = o;
    }
    o->handles++;
    return o;
}

static void open_put(struct spfs_vfs *v, struct vfs_open *o)
{
    SPFS_LOCKED(&v->lock);
    if (--o->handles)
        return;
    struct vfs_open **p = &v->open[o->ino % VFS_OPEN_BUCKETS];
    while (*p != o)
        p = &(*p)->next;
    *p = o->next;
    free(o);
}

static bool is_nofetch(const struct spfs_vfs *v, pid_t pid)
{
    if (!v->nofetch[0] || pid <= 0)
        return false;
    char path[64], comm[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    if (!fgets(comm, sizeof(comm), f))
        comm[0] = '\0';
    fclose(f);
    comm[strcspn(comm, "\n")] = '\0';
    for (size_t i = 0; v->nofetch[i]; i++)
        if (strncmp(comm, v->nofetch[i], 15) == 0) /* the kernel keeps 15 bytes of a name */
            return true;
    return false;
}

/* Do the kernel's pages of this node belong to this version? Notes that from now on they do. */
static bool pages_match(struct spfs_vfs *v, uint64_t node, uint32_t content)
{
    SPFS_LOCKED(&v->lock);
    struct vfs_pages *p = &v->pages[vfs_slot(node) % VFS_PAGES_SLOTS];
    bool match = p->node == node && p->content == content;
    *p = (struct vfs_pages){node, content};
    return match;
}

/* Between a change and the moment the notifier tells it, the kernel has attributes of the version before, and
 * would end the new one at the old size. It is made to ask for them. */
static void forget_older(struct spfs_vfs *v, uint64_t node, const struct spfs_node *n)
{
    struct spfs_vfs_listener to;
    {
        SPFS_LOCKED(&v->lock);
        const struct vfs_given *given = &v->given[vfs_slot(node) % VFS_GIVEN_SLOTS];
        if (given->node != node || (given->content >= n->content && given->size == n->size))
            return;
        to = v->listener;
    }
    if (to.forget)
        to.forget(to.ctx, node);
}

static int attach(struct spfs_vfs *v, struct spfs_vfs_file *file, const struct spfs_node *n)
{
    SPFS_FREE struct spfs_drive_rec *rec = malloc(sizeof(*rec));
    if (!rec)
        return -ENOMEM;
    if (!n->size_known) /* the server does not say it, or what cannot be: that is not an empty file */
        return -EIO;
    int err = spfs_catalog_drive(v->config.catalog, n->drive, rec);
    if (err)
        return err;
    struct spfs_fetch_file *fetch;
    err = spfs_fetch_open(v->config.fetch, n, rec->id, &fetch);
    if (err)
        return err;
    file->before = file->fetch; /* other reads of this handle may still be in it */
    file->fetch = fetch;
    file->content = n->content;
    file->size = n->size;
    return 0;
}

static int openable(struct spfs_vfs *v, struct spfs_op *op, uint64_t node, int flags, struct spfs_node *n)
{
    int err = vfs_get(v, node, n);
    if (err)
        return err;
    if (spfs_kind_is_dir(n->kind))
        return -EISDIR;
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
        return -EROFS;
    if (n->flags & SPFS_NODE_MALWARE)
        return -EPERM;
    if (n->size_known)
        return 0;
    err = spfs_tree_refresh_item(v->config.tree, op, n->ino, NULL);
    return err ? err : vfs_get(v, node, n);
}

int spfs_vfs_open(struct spfs_vfs *v, struct spfs_op *op, uint64_t node, int flags, pid_t pid,
                  struct spfs_vfs_file **ret, bool *ret_keep_cache)
{
    SPFS_FREE struct spfs_node *n = malloc(sizeof(*n));
    SPFS_FREE struct spfs_vfs_file *file = calloc(1, sizeof(*file));
    if (!n || !file)
        return -ENOMEM;
    int err = openable(v, op, node, flags, n);
    if (err)
        return err;
    file->open = open_get(v, n->ino, n->content);
    if (!file->open)
        return -ENOMEM;
    /* Registered now: later news reach file->open. What changed before that is read here. */
    err = vfs_get(v, node, n);
    if (!err)
        err = attach(v, file, n);
    if (err) {
        open_put(v, file->open);
        return err;
    }
    atomic_store(&file->refs, 1);
    file->node = node;
    file->parent = n->parent;
    file->fetch_flags = is_nofetch(v, pid) ? SPFS_FETCH_CACHED_ONLY : 0;
    vfs_saw_content(v, n->ino, n->content);
    forget_older(v, node, n);
    file->kept_cache = pages_match(v, node, n->content);
    spfs_lock_init(&file->lock, SPFS_RANK_VFS_FILE);
    spfs_tree_touch(v->config.tree, n->drive);
    *ret_keep_cache = file->kept_cache;
    *ret = TAKE(file);
    return 0;
}

static void file_put(struct spfs_vfs *v, struct spfs_vfs_file *file)
{
    if (atomic_fetch_sub(&file->refs, 1) > 1)
        return;
    spfs_fetch_close(file->fetch);
    if (file->before)
        spfs_fetch_close(file->before);
    open_put(v, file->open);
    spfs_lock_done(&file->lock);
    free(file);
}

void spfs_vfs_release(struct spfs_vfs *v, struct spfs_vfs_file *file)
{
    file_put(v, file);
}

/* May this handle take up the new version: nobody has seen a byte of the old one through it or through the
 * kernel's pages. */
static bool is_virgin(struct spfs_vfs *v, struct spfs_vfs_file *file)
{
    if (file->kept_cache || atomic_load(&file->delivered))
        return false;
    SPFS_LOCKED(&v->lock);
    return file->open->handles == 1;
}

static bool has_moved(struct spfs_vfs_file *file, uint32_t tried)
{
    SPFS_LOCKED(&file->lock);
    return file->content != tried;
}

/* Takes a handle from version `tried` to the current one, once in its life. 0: read again. */
static int move_on(struct spfs_vfs *v, struct spfs_op *op, struct spfs_vfs_file *file, uint32_t tried)
{
    SPFS_FREE struct spfs_node *n = malloc(sizeof(*n));
    if (!n)
        return -ENOMEM;
    int err = vfs_get(v, file->node, n);
    if (!err && n->content == tried) { /* the server knows more than the catalog */
        err = spfs_tree_refresh_item(v->config.tree, op, n->ino, NULL);
        if (!err)
            err = vfs_get(v, file->node, n);
    }
    if (err)
        return err == -ENOENT ? -ESTALE : err;
    bool virgin = is_virgin(v, file); /* still: asking has taken its time */
    {
        SPFS_LOCKED(&file->lock);
        if (file->content == tried) {
            if (n->content == tried || file->before || !virgin || atomic_load(&file->delivered) ||
                n->size < file->size)
                return -ESTALE;
            err = attach(v, file, n);
        }
    }
    if (err)
        return err;
    forget_older(v, file->node, n);
    pages_match(v, file->node, n->content);
    return 0;
}

struct delivery {
    struct spfs_vfs_file *file;
    int (*reply)(void *ctx, const struct iovec *iov, int n);
    void *ctx;
    uint32_t content;
};

/* The last moment at which a version can be found to be old. From the first delivery on the handle moves on
 * no more. */
static int deliver(void *ctx, const struct iovec *iov, int n)
{
    struct delivery *d = ctx;
    {
        SPFS_LOCKED(&d->file->lock);
        if (d->file->content != d->content || atomic_load(&d->file->open->content) > d->content)
            return -ESTALE;
        atomic_store(&d->file->delivered, true);
    }
    return d->reply(d->ctx, iov, n);
}

static int read_once(struct spfs_vfs_file *file, struct spfs_op *op, uint64_t off, size_t len,
                     struct delivery *d)
{
    struct spfs_fetch_file *fetch;
    uint64_t size;
    {
        SPFS_LOCKED(&file->lock);
        fetch = file->fetch;
        size = file->size;
        d->content = file->content;
    }
    if (atomic_load(&file->open->content) > d->content)
        return -ESTALE;
    if (off >= size)
        return deliver(d, NULL, 0);
    if (len > size - off)
        len = (size_t)(size - off);
    if (off + len == size)
        atomic_store(&file->whole, true);
    return spfs_fetch_read(fetch, &file->stream, op, off, len, file->fetch_flags, deliver, d, NULL);
}

static bool is_whole(struct spfs_vfs_file *file, uint64_t off, size_t len)
{
    SPFS_LOCKED(&file->lock);
    return off == 0 && file->size > 0 && len >= file->size;
}

int spfs_vfs_read(struct spfs_vfs *v, struct spfs_op *op, struct spfs_vfs_file *file, uint64_t off,
                  size_t len, int (*reply)(void *ctx, const struct iovec *iov, int n), void *ctx)
{
    struct delivery d = {.file = file, .reply = reply, .ctx = ctx};
    atomic_fetch_add(&file->refs, 1);
    bool noted = is_whole(file, off, len);
    if (noted)
        vfs_note_whole(v, file); /* its siblings come while it is fetched itself */
    int err = read_once(file, op, off, len, &d);
    if (err == -ESTALE && (has_moved(file, d.content) || is_virgin(v, file))) {
        err = move_on(v, op, file, d.content);
        if (!err)
            err = read_once(file, op, off, len, &d);
    }
    if (!err && atomic_exchange(&file->whole, false) && !noted)
        vfs_note_whole(v, file);
    file_put(v, file);
    return err == -ENOENT ? -ESTALE : err; /* the item is gone, not the open file */
}
