/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs status: what a mount, or every mount, is doing. */
#include "cmd_i.h"
#include "control_i.h"

#include <spfs/base/clock.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct spfs_flag flags[] = {
    {0, "json", NULL, "as JSON: one object, or an array of them without DIR", false}, {0}};

static int run(const struct spfs_args *args);

const struct spfs_command spfs_cmd_status = {
    .name = "status",
    .synopsis = "[DIR] [--json]",
    .summary = "show what a mount, or every mount, is doing",
    .flags = flags,
    .complete = "d",
    .max_words = 1,
    .run = run,
};

static void print_contact(const struct spfs_json *v)
{
    int64_t at = spfs_json_i64(v, "last_contact_ms", 0), now = spfs_now_real_ns() / 1000000;
    if (at > 0)
        printf("  server    answered %" PRId64 " s ago, %" PRIu64 " requests\n",
               now > at ? (now - at) / 1000 : 0, spfs_json_u64(v, "requests", 0));
    uint64_t paused = spfs_json_u64(v, "paused_ms", 0);
    if (paused)
        printf("            asks us to wait for another %" PRIu64 " s\n", (paused + 999) / 1000);
    const char *error = spfs_json_str(v, "last_error");
    if (error && *error)
        printf("  problem   %s\n", error);
}

static void print_one(const struct spfs_json *v)
{
    char a[32], b[32];
    const char *source = spfs_json_str(v, "source"), *dir = spfs_json_str(v, "mountpoint"),
               *state = spfs_json_str(v, "state");
    printf("%s on %s\n", source ? source : "?", dir ? dir : "?");
    printf("  state     %s; process %" PRIu64 ", up %" PRIu64 " s\n", state ? state : "?",
           spfs_json_u64(v, "pid", 0), spfs_json_u64(v, "uptime_ms", 0) / 1000);
    printf("  catalog   %" PRIu64 " entries, %" PRIu64 " of %" PRIu64 " libraries complete\n",
           spfs_json_u64(v, "entries", 0), spfs_json_u64(v, "libraries_complete", 0),
           spfs_json_u64(v, "libraries", 0));
    printf("  cache     %s of %s%s\n", spfs_human_size(spfs_json_u64(v, "cache_bytes", 0), a),
           spfs_human_size(spfs_json_u64(v, "cache_cap", 0), b),
           spfs_json_u64(v, "cache_full", 0) ? ", full: reads go on uncached" : "");
    print_contact(v);
}

struct walk {
    bool json;
    unsigned shown;
    int code;
};

static int show(const struct spfs_mount *m, struct walk *w)
{
    SPFS_CLEANUP(spfs_json_doc_p) struct spfs_json_doc *doc = NULL;
    struct spfs_buf raw;
    struct spfs_reason reason;
    spfs_buf_init(&raw, SPFS_CONTROL_REPLY);
    int err = spfs_control_call(m, "status", "", 10000, &doc, &raw, &reason);
    if (err) {
        w->code = spfs_say(&reason);
    } else if (w->json) {
        printf("%s%s", w->shown ? ",\n" : "", raw.data);
        w->shown++;
    } else {
        print_one(spfs_json_root(doc));
        w->shown++;
    }
    spfs_buf_done(&raw);
    return 0;
}

static int show_each(void *ctx, const struct spfs_mount *m)
{
    return strcmp(m->type, SPFS_MOUNT_TYPE) == 0 && strcmp(m->root, "/") == 0 ? show(m, ctx) : 0;
}

static int run(const struct spfs_args *args)
{
    struct walk w = {.json = spfs_args_get(&spfs_cmd_status, args, "json") != NULL};
    if (args->words) {
        struct spfs_mount m;
        char rest[PATH_MAX];
        struct spfs_reason reason;
        if (spfs_control_find(args->word[0], &m, rest, &reason))
            return spfs_say(&reason);
        show(&m, &w);
        if (w.json && w.shown)
            printf("\n");
        return w.code;
    }
    if (w.json)
        printf("[");
    spfs_mounts_each(show_each, &w);
    if (w.json)
        printf("]\n");
    else if (!w.shown && !w.code)
        printf("nothing is mounted\n");
    return w.code;
}
