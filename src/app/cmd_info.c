/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs info: what is known of an entry of a mount. */
#include "cmd_i.h"
#include "control_i.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const struct spfs_flag flags[] = {{0, "json", NULL, "as JSON", false}, {0}};

static int run(const struct spfs_args *args);

const struct spfs_command spfs_cmd_info = {
    .name = "info",
    .synopsis = "PATH [--json]",
    .summary = "show what is known of a file or folder on a mount",
    .flags = flags,
    .complete = "p",
    .min_words = 1,
    .max_words = 1,
    .run = run,
};

static void print(const struct spfs_json *v)
{
    static const char *const texts[] = {"path", "name",  "kind", "state", "error", "weburl",
                                        "id",   "drive", "etag", "ctag",  "hash"};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(texts); i++) {
        const char *value = spfs_json_str(v, texts[i]);
        if (value)
            printf("%-8s %s\n", texts[i], value);
    }
    char a[32], b[32];
    if (spfs_json_has(v, "size"))
        printf("%-8s %" PRIu64 " (%s), %s of it here\n", "size", spfs_json_u64(v, "size", 0),
               spfs_human_size(spfs_json_u64(v, "size", 0), a),
               spfs_human_size(spfs_json_u64(v, "cached", 0), b));
    time_t at = (time_t)spfs_json_i64(v, "mtime", 0);
    struct tm tm;
    if (spfs_json_has(v, "mtime") && localtime_r(&at, &tm)) {
        char text[64];
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
        printf("%-8s %s\n", "changed", text);
    }
}

static int run(const struct spfs_args *args)
{
    SPFS_CLEANUP(spfs_json_doc_p) struct spfs_json_doc *doc = NULL;
    struct spfs_buf raw;
    struct spfs_mount m;
    char rest[PATH_MAX];
    struct spfs_reason reason;
    spfs_buf_init(&raw, SPFS_CONTROL_REPLY);
    int code = SPFS_DONE;
    if (spfs_control_find(args->word[0], &m, rest, &reason) ||
        spfs_control_call(&m, "info", rest, 60000, &doc, &raw, &reason))
        code = spfs_say(&reason);
    else if (spfs_args_get(&spfs_cmd_info, args, "json"))
        printf("%s\n", raw.data);
    else
        print(spfs_json_root(doc));
    spfs_buf_done(&raw);
    return code;
}
