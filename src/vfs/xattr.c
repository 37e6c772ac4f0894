/* SPDX-License-Identifier: GPL-3.0-or-later */
/* user.spfs.*: facts about an entry, from memory. Never listed, or rsync -X and cp -a would copy them. */
#include "vfs_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "user.spfs.";

static const char *state_of(struct spfs_vfs *v, const struct spfs_node *n)
{
    if (n->flags & SPFS_NODE_MALWARE)
        return "error";
    if (spfs_kind_is_dir(n->kind))
        return n->flags & SPFS_NODE_PINNED ? "pinned" : "online";
    uint64_t here = v->config.blocks ? spfs_blocks_cached(v->config.blocks, n->ino, n->content) : 0;
    if (here < n->size)
        return here ? "partial" : "online";
    return n->flags & SPFS_NODE_PINNED ? "pinned" : "local";
}

/* The library's address and the path below it. Office files have a viewer's address on the server; this one
 * opens them as well. */
static int add_web_url(struct spfs_vfs *v, const struct spfs_node *n, struct spfs_buf *b)
{
    SPFS_FREE struct spfs_drive_rec *rec = malloc(sizeof(*rec));
    SPFS_FREE struct spfs_node *at = malloc(sizeof(*at));
    if (!rec || !at)
        return -ENOMEM;
    if (!n->drive || spfs_catalog_drive(v->config.catalog, n->drive, rec) || !rec->web_url[0])
        return -ENODATA;
    char *names[64];
    size_t depth = 0;
    int err = 0;
    for (*at = *n; !err && at->ino != rec->ino && at->parent;) {
        char server[SPFS_NAME_SIZE];
        if (depth == SPFS_ARRAY_LEN(names) || spfs_name_to_server(at->name, server, sizeof(server)) ||
            !(names[depth] = strdup(server)))
            err = -ENODATA;
        else
            depth++;
        if (!err)
            err = spfs_catalog_get(v->config.catalog, at->parent, at);
    }
    if (!err && at->ino != rec->ino)
        err = -ENODATA;
    if (!err)
        err = spfs_buf_adds(b, rec->web_url);
    while (depth > 0) {
        depth--;
        if (!err)
            err = spfs_buf_adds(b, "/");
        if (!err)
            err = spfs_buf_add_urlenc(b, names[depth]);
        free(names[depth]);
    }
    return err;
}

static int value_of(struct spfs_vfs *v, const struct spfs_node *n, const char *what, struct spfs_buf *b)
{
    const char *text = NULL;
    SPFS_FREE struct spfs_drive_rec *rec = NULL;
    if (strcmp(what, "id") == 0) {
        text = n->id;
    } else if (strcmp(what, "etag") == 0) {
        text = n->etag;
    } else if (strcmp(what, "ctag") == 0) {
        text = n->ctag;
    } else if (strcmp(what, "hash") == 0) {
        text = n->quickxor;
    } else if (strcmp(what, "state") == 0) {
        text = state_of(v, n);
    } else if (strcmp(what, "error") == 0) {
        text = n->flags & SPFS_NODE_MALWARE ? "The server reports malware in this file and does not serve it."
                                            : "";
    } else if (strcmp(what, "pin") == 0) {
        text = n->flags & SPFS_NODE_PINNED ? "1" : "0";
    } else if (strcmp(what, "weburl") == 0) {
        return add_web_url(v, n, b);
    } else if (strcmp(what, "drive") == 0) {
        rec = malloc(sizeof(*rec));
        if (!rec)
            return -ENOMEM;
        if (n->drive && spfs_catalog_drive(v->config.catalog, n->drive, rec) == 0)
            text = rec->id;
    }
    return text && text[0] ? spfs_buf_adds(b, text) : -ENODATA;
}

ssize_t spfs_vfs_getxattr(struct spfs_vfs *v, uint64_t node, const char *name, char *out, size_t size)
{
    if (!spfs_starts(name, prefix))
        return -ENODATA;
    SPFS_FREE struct spfs_node *n = malloc(sizeof(*n));
    if (!n)
        return -ENOMEM;
    int err = vfs_get(v, node, n);
    if (err)
        return err;
    struct spfs_buf b;
    spfs_buf_init(&b, 65536);
    err = value_of(v, n, name + strlen(prefix), &b);
    if (!err && size && b.len > size)
        err = -ERANGE;
    if (!err && size)
        memcpy(out, b.data, b.len);
    ssize_t len = (ssize_t)b.len;
    spfs_buf_done(&b);
    return err ? err : len;
}

int spfs_vfs_setxattr(struct spfs_vfs *v, uint64_t node, const char *name, const char *value, size_t size)
{
    if (strcmp(name, "user.spfs.pin") != 0)
        return -EOPNOTSUPP;
    if (size != 1 || (value[0] != '0' && value[0] != '1'))
        return -EINVAL;
    bool pin = value[0] == '1';
    uint64_t ino = vfs_ino(v, node);
    struct spfs_catalog_txn *txn;
    int err = spfs_catalog_begin(v->config.catalog, &txn);
    if (err)
        return err;
    err = spfs_catalog_set_flags(txn, ino, pin ? SPFS_NODE_PINNED : 0, pin ? 0 : SPFS_NODE_PINNED);
    if (err) {
        spfs_catalog_abort(txn);
        return err;
    }
    err = spfs_catalog_commit(txn);
    return !err && v->config.blocks ? spfs_blocks_pin(v->config.blocks, ino, pin) : err;
}
