/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The architecture on one screen: each layer stands on those above it in spfs_stack_open.
 *
 *   server ← http ← governor ← graph (remote) ← tree, fetch → catalog, blocks ← vfs ← fuse → kernel
 *   news:    catalog → vfs → fuse's notifier → kernel
 *
 * Start: constructors start nothing; threads start from the server's side to the kernel's, after the first
 * contact. Stop: control, then what waiting requests wait for (tree, fetch, http: they end with -ESHUTDOWN),
 * then the mount, then memory in reverse. */
#include "compose_i.h"
#include "control_i.h"

#include <spfs/base/clock.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CONTACT_MS = 45000 };

/* News of the catalog. While the first contact runs there is no vfs yet, and nobody who could have seen
 * anything. */
static void pass_news(void *ctx, const struct spfs_news *news, size_t n)
{
    struct spfs_stack *s = ctx;
    if (s->vfs)
        spfs_vfs_changed(s->vfs, news, n);
}

/* A download has shown that the catalog is wrong about a file. */
static void on_stale(void *ctx, uint64_t ino, uint32_t content, uint64_t served_size)
{
    struct spfs_stack *s = ctx;
    struct spfs_catalog_txn *t;
    if (served_size == SPFS_SIZE_UNKNOWN) {
        spfs_tree_queue_refresh(s->tree, ino);
        return;
    }
    int err = spfs_catalog_begin(s->catalog, &t);
    if (err)
        return;
    if (spfs_catalog_set_served(t, ino, content, served_size))
        spfs_catalog_abort(t);
    else if ((err = spfs_catalog_commit(t)))
        spfs_warn("item %llu: its real size could not be kept: %s", (unsigned long long)ino, strerror(-err));
}

static int open_blocks(struct spfs_stack *s, struct spfs_reason *reason)
{
    const struct spfs_blocks_config config = {
        .dir = s->config->paths->cache,
        .catalog_uuid = spfs_catalog_uuid(s->catalog),
        .cap = s->config->options->cache_size,
    };
    return spfs_blocks_open(&config, &s->blocks, reason);
}

static int new_tree(struct spfs_stack *s)
{
    const char *text =
        s->config->options->sites ? s->config->options->sites : s->config->connection->value[SPFS_KEY_SITES];
    SPFS_FREE char **names = spfs_options_split(text ? text : "followed", ",|");
    if (!names)
        return -ENOMEM;
    bool one = names[0] && !names[1];
    const struct spfs_tree_config config = {
        .remote = s->link.remote,
        .catalog = s->catalog,
        .delegated = s->link.token->ops->is_delegated(s->link.token),
        .sites = one && strcasecmp(names[0], "followed") == 0 ? SPFS_SHOW_FOLLOWED
                 : one && strcasecmp(names[0], "all") == 0    ? SPFS_SHOW_ALL
                                                              : SPFS_SHOW_LISTED,
        .site_names = (const char *const *)names,
        .poll_ms = s->config->options->poll_ms,
    };
    return spfs_tree_new(&config, &s->tree);
}

static int new_fetch(struct spfs_stack *s)
{
    const struct spfs_fetch_config config = {
        .remote = s->link.remote,
        .blocks = s->blocks,
        .window_max = s->config->options->max_readahead,
        .stale = on_stale,
        .ctx = s,
    };
    return spfs_fetch_new(&config, &s->fetch);
}

static int new_vfs(struct spfs_stack *s)
{
    const struct spfs_options *o = s->config->options;
    SPFS_FREE char **nofetch = spfs_options_split(o->nofetch ? o->nofetch : "", ",|");
    const struct spfs_vfs_config config = {
        .catalog = s->catalog,
        .blocks = s->blocks,
        .tree = s->tree,
        .fetch = s->fetch,
        .root = s->root,
        .uid = o->uid == UINT64_MAX ? getuid() : (uid_t)o->uid,
        .gid = o->gid == UINT64_MAX ? getgid() : (gid_t)o->gid,
        .file_mode = (mode_t)(0666 & ~o->umask),
        .dir_mode = (mode_t)(0777 & ~o->umask),
        .read_only = true,
        .nofetch = (const char *const *)nofetch,
        .op_ms = o->op_timeout_ms,
    };
    return nofetch ? spfs_vfs_new(&config, &s->vfs) : -ENOMEM;
}

static int new_fuse(struct spfs_stack *s, struct spfs_reason *reason)
{
    const struct spfs_options *o = s->config->options;
    char flags[300];
    spfs_format(flags, sizeof(flags), "ro%s%s", *o->flags ? "," : "", o->flags);
    const struct spfs_fuse_config config = {
        .vfs = s->vfs,
        .mountpoint = s->config->mountpoint,
        .source = s->config->source_text,
        .flags = flags,
        .allow_other = o->allow_other,
        .threads = (unsigned)o->threads,
        .readahead_kb = (unsigned)(o->kernel_readahead >> 10),
        .op_ms = o->op_timeout_ms,
    };
    return spfs_fuse_new(&config, &s->fuse, reason);
}

/* Finds what is to be mounted, and has its listing: from the server, or from the catalog when it is out of
 * reach. */
static int first_contact(struct spfs_stack *s, struct spfs_reason *reason)
{
    struct spfs_op op;
    struct spfs_node node;
    spfs_op_init(&op, SPFS_URGENT, FIRST_CONTACT_MS);
    int err = spfs_tree_resolve(s->tree, &op, s->config->source->path, &s->root, reason);
    if (!err)
        err = spfs_catalog_get(s->catalog, s->root, &node);
    if (!err)
        err = spfs_tree_ensure(s->tree, &op, &node, reason);
    spfs_op_done(&op);
    return err;
}

int spfs_stack_open(struct spfs_stack *s, const struct spfs_stack_config *config, struct spfs_reason *reason)
{
    const struct spfs_observer news = {.changed = pass_news, .ctx = s};
    struct spfs_reason why = {""};
    *s = (struct spfs_stack){.config = config, .started_ms = spfs_now_ms()};
    int err = spfs_link_open(&s->link, config->connection, config->paths,
                             &why); /* server, http, governor, token, remote */
    if (!err)
        err = spfs_catalog_open(config->paths->state, &news, &s->catalog, &why);
    if (!err)
        err = open_blocks(s, &why);
    if (!err)
        err = new_tree(s);
    if (!err)
        err = new_fetch(s);
    if (!err)
        err = first_contact(s, &why);
    if (!err)
        err = new_vfs(s);
    if (!err)
        err = new_fuse(s, &why);
    if (!err)
        err = spfs_fetch_start(s->fetch);
    if (!err)
        err = spfs_tree_start(s->tree);
    if (!err)
        err = spfs_fuse_mount(s->fuse, &why);
    if (!err)
        err = spfs_control_start(s, &s->control, &why);
    if (err) {
        spfs_stack_close(s);
        spfs_fail(reason, err, "%s", *why.text ? why.text : strerror(-err));
    }
    return err;
}

void spfs_stack_close(struct spfs_stack *s)
{
    if (s->control)
        spfs_control_stop(s->control);
    spfs_link_stop(&s->link); /* first of the stack: whoever waits for the server is let go, so that the
                                 others can be joined */
    if (s->tree)
        spfs_tree_stop(s->tree);
    if (s->fetch)
        spfs_fetch_stop(s->fetch);
    if (s->fuse)
        spfs_fuse_stop(s->fuse);
    spfs_control_free(s->control);
    spfs_fuse_free(s->fuse);
    if (s->vfs)
        spfs_vfs_free(s->vfs);
    if (s->fetch)
        spfs_fetch_free(s->fetch);
    if (s->tree)
        spfs_tree_free(s->tree);
    if (s->blocks)
        spfs_blocks_close(s->blocks);
    if (s->catalog)
        spfs_catalog_close(s->catalog);
    spfs_link_close(&s->link);
    *s = (struct spfs_stack){.config = s->config};
}
