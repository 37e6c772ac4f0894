/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs sync: asks the server for changes now, and returns when they are applied. */
#include "cmd_i.h"
#include "control_i.h"

#include <stdio.h>

static const struct spfs_flag flags[] = {{'t', "timeout", "TIME", "give up after this long (10m)", false},
                                         {0}};

static int run(const struct spfs_args *args);

const struct spfs_command spfs_cmd_sync = {
    .name = "sync",
    .synopsis = "[PATH] [--timeout TIME]",
    .summary = "ask the server for changes now",
    .details = "PATH is anything on a mount: its whole library is brought up to date, or everything when it "
               "is the top of a mount that shows several.",
    .flags = flags,
    .complete = "p",
    .max_words = 1,
    .run = run,
};

static int run(const struct spfs_args *args)
{
    SPFS_CLEANUP(spfs_json_doc_p) struct spfs_json_doc *doc = NULL;
    const char *time = spfs_args_get(&spfs_cmd_sync, args, "timeout");
    struct spfs_mount m;
    char rest[PATH_MAX];
    struct spfs_reason reason;
    uint64_t wait_ms = 600000;
    if (time && !spfs_options_time(time, &wait_ms))
        return spfs_say_usage(&spfs_cmd_sync, "--timeout is not a time such as 30s or 5m");
    if (spfs_control_find(args->words ? args->word[0] : ".", &m, rest, &reason) ||
        spfs_control_call(&m, "sync", rest, wait_ms, &doc, NULL, &reason))
        return spfs_say(&reason);
    return SPFS_DONE;
}
