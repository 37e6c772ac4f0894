/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the daemon says about itself and its items. */
#include "control_i.h"

#include <spfs/base/clock.h>
#include <spfs/http/governor.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static int add_text(struct spfs_buf *b, const char *key, const char *value)
{
    int err = spfs_buf_addf(b, ",\"%s\":", key);
    return err ? err : spfs_json_add_string(b, value);
}

static int add_number(struct spfs_buf *b, const char *key, uint64_t value)
{
    return spfs_buf_addf(b, ",\"%s\":%" PRIu64, key, value);
}

static const char *state_of(const struct spfs_governor_stats *g, const struct spfs_tree_stats *t)
{
    if (g->offline)
        return "offline";
    if (g->paused_ms)
        return "throttled";
    return *t->last_error ? "error" : t->busy ? "reading" : "online";
}

static int add_stats(struct spfs_stack *s, struct spfs_buf *b, const struct spfs_governor_stats *g,
                     const struct spfs_tree_stats *t)
{
    struct spfs_fetch_stats fetch = {0};
    struct spfs_blocks_stats blocks = {0};
    struct spfs_catalog_stats catalog = {0};
    spfs_fetch_stats(s->fetch, &fetch);
    if (s->blocks)
        spfs_blocks_stats(s->blocks, &blocks);
    spfs_catalog_stats(s->catalog, &catalog);
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"entries", catalog.nodes},
        {"catalog_bytes", catalog.bytes},
        {"libraries", t->drives},
        {"libraries_complete", t->settled},
        {"libraries_lost", t->lost},
        {"changes_applied", t->items_applied},
        {"rounds", t->rounds},
        {"failed_rounds", t->failed_rounds},
        {"last_contact_ms", t->last_ok_ms > 0 ? (uint64_t)t->last_ok_ms : 0},
        {"cache_bytes", blocks.bytes},
        {"cache_cap", blocks.cap},
        {"cache_blocks", blocks.blocks},
        {"cache_evicted", blocks.evicted},
        {"cache_corrupt", blocks.corrupt},
        {"cache_full", blocks.full},
        {"fetched_bytes", fetch.fetched_bytes},
        {"fetched_ranges", fetch.ranges},
        {"fetching", fetch.in_flight},
        {"buffer_bytes", fetch.buffers},
        {"requests", g->requests},
        {"retries", g->retries},
        {"throttled", g->throttled},
        {"paused_ms", g->paused_ms},
    };
    int err = 0;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(numbers) && !err; i++)
        err = add_number(b, numbers[i].key, numbers[i].value);
    return err;
}

int spfs_answer_status(struct spfs_stack *s, struct spfs_buf *b)
{
    struct spfs_governor_stats governor = {0};
    struct spfs_tree_stats tree = {0};
    spfs_governor_stats(s->link.governor, &governor);
    spfs_tree_stats(s->tree, &tree);
    const struct {
        const char *key, *value;
    } texts[] = {
        {"version", SPFS_VERSION},
        {"source", s->config->source_text},
        {"mountpoint", s->config->mountpoint},
        {"connection", s->config->connection->name},
        {"state", state_of(&governor, &tree)},
        {"last_error", tree.last_error},
        {"state_dir", s->config->paths->state},
        {"cache_dir", s->config->paths->cache},
    };
    int err = add_number(b, "pid", (uint64_t)getpid());
    for (size_t i = 0; i < SPFS_ARRAY_LEN(texts) && !err; i++)
        err = add_text(b, texts[i].key, texts[i].value);
    if (!err)
        err = add_number(b, "uptime_ms", spfs_now_ms() - s->started_ms);
    return err ? err : add_stats(s, b, &governor, &tree);
}

static int walk(struct spfs_stack *s, struct spfs_op *op, const char *path, struct spfs_node *ret,
                uint64_t *ret_node, struct spfs_reason *reason)
{
    int err = spfs_vfs_walk(s->vfs, op, path, ret_node);
    if (!err)
        err = spfs_vfs_node(s->vfs, *ret_node, ret);
    return err ? spfs_fail(reason, err, "%s/%s: %s", s->config->mountpoint, path, strerror(-err)) : 0;
}

static const char *kind_name(enum spfs_kind kind)
{
    static const char *const names[] = {"unknown",  "library", "folder", "file",   "notebook",
                                        "shortcut", "tenant",  "site",   "library"};
    return (size_t)kind < SPFS_ARRAY_LEN(names) ? names[kind] : "unknown";
}

int spfs_answer_info(struct spfs_stack *s, struct spfs_op *op, const char *path, struct spfs_buf *b,
                     struct spfs_reason *reason)
{
    static const char *const attributes[] = {"id",    "drive",  "etag", "ctag",
                                             "state", "weburl", "hash", "error"};
    struct spfs_node node = {0};
    uint64_t id = 0;
    int err = walk(s, op, path, &node, &id, reason);
    if (err)
        return err;
    struct spfs_buf place;
    spfs_buf_init(&place, (size_t)64 * 1024);
    err = spfs_catalog_path(s->catalog, node.ino, &place);
    if (!err)
        err = add_text(b, "path", place.len ? place.data : "/");
    spfs_buf_done(&place);
    if (!err && *node.name)
        err = add_text(b, "name", node.name);
    if (!err)
        err = add_text(b, "kind", kind_name(node.kind));
    for (size_t i = 0; i < SPFS_ARRAY_LEN(attributes) && !err; i++) {
        char name[64], value[4096];
        spfs_format(name, sizeof(name), "user.spfs.%s", attributes[i]);
        ssize_t n = spfs_vfs_getxattr(s->vfs, id, name, value, sizeof(value) - 1);
        if (n <= 0)
            continue;
        value[n] = '\0';
        err = add_text(b, attributes[i], value);
    }
    if (!err && node.kind == SPFS_KIND_FILE) {
        err = add_number(b, "size", node.size);
        if (!err && s->blocks)
            err = add_number(b, "cached", spfs_blocks_cached(s->blocks, node.ino, node.content));
    }
    if (!err && node.mtime_ns != SPFS_TIME_UNKNOWN)
        err = spfs_buf_addf(b, ",\"mtime\":%" PRId64, node.mtime_ns / 1000000000);
    return err ? err : add_number(b, "inode", node.ino);
}

enum { SETTLE_MS = 2000 };

int spfs_answer_sync(struct spfs_stack *s, struct spfs_op *op, const char *path, struct spfs_reason *reason)
{
    struct spfs_node node = {0};
    uint64_t id = 0;
    int err = walk(s, op, path, &node, &id, reason);
    if (!err)
        err = spfs_tree_sync(s->tree, op, node.ino, reason);
    if (!err) /* a directory that some look-up holds for long does not hold this up: it is told when that is
                 over */
        spfs_fuse_settle(s->fuse, SETTLE_MS);
    return err;
}
