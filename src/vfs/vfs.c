/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vfs's life and what is asked of it as a whole. */
#include "vfs_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int spfs_vfs_new(const struct spfs_vfs_config *config, struct spfs_vfs **ret)
{
    struct spfs_vfs *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->config = *config;
    v->config.nofetch = NULL;
    if (!v->config.op_ms)
        v->config.op_ms = 30000;
    spfs_lock_init(&v->lock, SPFS_RANK_VFS);
    size_t n = 0;
    while (config->nofetch && config->nofetch[n])
        n++;
    v->nofetch = calloc(n + 1, sizeof(char *));
    bool ok = v->nofetch != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = (v->nofetch[i] = strdup(config->nofetch[i])) != NULL;
    if (!ok) {
        spfs_vfs_free(v);
        return -ENOMEM;
    }
    *ret = v;
    return 0;
}

void spfs_vfs_free(struct spfs_vfs *v)
{
    if (!v)
        return;
    for (size_t i = 0; v->nofetch && v->nofetch[i]; i++)
        free(v->nofetch[i]);
    free(v->nofetch);
    vfs_free_absent(v);
    for (size_t i = 0; i < VFS_SIBLING_DIRS; i++)
        free(v->siblings[i].inos);
    spfs_lock_done(&v->lock);
    free(v);
}

int vfs_get(struct spfs_vfs *v, uint64_t node, struct spfs_node *ret)
{
    int err = spfs_catalog_get(v->config.catalog, vfs_ino(v, node), ret);
    return err == -ENOENT ? -ESTALE : err;
}

int spfs_vfs_node(struct spfs_vfs *v, uint64_t node, struct spfs_node *ret)
{
    return vfs_get(v, node, ret);
}

int spfs_vfs_statfs(struct spfs_vfs *v, uint64_t node, struct statvfs *ret)
{
    SPFS_FREE struct spfs_node *n = malloc(sizeof(*n));
    SPFS_FREE struct spfs_drive_rec *rec = malloc(sizeof(*rec));
    if (!n || !rec)
        return -ENOMEM;
    int err = vfs_get(v, node, n);
    if (err)
        return err;
    struct spfs_quota quota = {0};
    if (n->drive && spfs_catalog_drive(v->config.catalog, n->drive, rec) == 0)
        quota = rec->quota;
    if (!quota.known) { /* unknown is shown as large, never as full (contract sheet §4.2) */
        quota.total = (uint64_t)1 << 50;
        quota.remaining = quota.total;
    }
    *ret = (struct statvfs){
        .f_bsize = 128 * 1024,
        .f_frsize = 4096,
        .f_blocks = quota.total / 4096,
        .f_bfree = quota.remaining / 4096,
        .f_bavail = quota.remaining / 4096,
        .f_namemax = 255,
    };
    return 0;
}

int spfs_vfs_walk(struct spfs_vfs *v, struct spfs_op *op, const char *path, uint64_t *ret_node)
{
    SPFS_FREE char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    uint64_t node = SPFS_NODE_ROOT;
    char *save = NULL;
    for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
        struct spfs_vfs_attr attr;
        int err = spfs_vfs_lookup(v, op, node, part, &attr);
        if (err)
            return err;
        node = attr.node;
    }
    *ret_node = node;
    return 0;
}
