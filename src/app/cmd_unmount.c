/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs unmount: unmounts, and returns when the daemon has finished its work and ended. */
#include "cmd_i.h"
#include "control_i.h"
#include "lockfile_i.h"

#include <errno.h>
#include <string.h>

static const struct spfs_flag flags[] = {
    {'t', "timeout", "TIME", "how long to wait for the daemon (60s)", false},
    {'f', "force", NULL, "unmount although files are open; programs that use them get errors", false},
    {0},
};

static int run(const struct spfs_args *args);

const struct spfs_command spfs_cmd_unmount = {
    .name = "unmount",
    .alias = "umount",
    .synopsis = "DIR [--timeout TIME] [--force]",
    .summary = "unmount and wait until the daemon has ended",
    .flags = flags,
    .complete = "d",
    .min_words = 1,
    .max_words = 1,
    .run = run,
};

static pid_t daemon_of(const struct spfs_mount *m)
{
    SPFS_CLEANUP(spfs_json_doc_p) struct spfs_json_doc *doc = NULL;
    struct spfs_reason ignored;
    if (spfs_control_call(m, "status", "", 2000, &doc, NULL, &ignored))
        return 0;
    return (pid_t)spfs_json_u64(spfs_json_root(doc), "pid", 0);
}

static int unmount(const char *dir, bool force, uint64_t wait_ms, struct spfs_reason *reason)
{
    char resolved[PATH_MAX];
    struct spfs_mount m;
    int err = spfs_mounts_resolve(dir, resolved);
    if (err)
        return spfs_fail(reason, err, "%s: %s", dir, strerror(-err));
    if (spfs_mounts_at(resolved, &m) || strcmp(m.type, SPFS_MOUNT_TYPE) != 0)
        return spfs_fail(reason, -EINVAL, "%s is not mounted by spfs", dir);
    bool dead = spfs_mounts_is_dead(resolved);
    pid_t pid = dead ? 0 : daemon_of(&m);
    err = spfs_mounts_detach(resolved, force || dead, reason);
    if (!err && pid > 0 && !spfs_process_wait(pid, wait_ms))
        return spfs_fail(reason, -ETIMEDOUT, "%s is unmounted, but its daemon (process %d) is still at work",
                         dir, (int)pid);
    return err;
}

static int run(const struct spfs_args *args)
{
    const char *time = spfs_args_get(&spfs_cmd_unmount, args, "timeout");
    struct spfs_reason reason;
    uint64_t wait_ms = 60000;
    if (time && !spfs_options_time(time, &wait_ms))
        return spfs_say_usage(&spfs_cmd_unmount, "--timeout is not a time such as 30s or 5m");
    bool force = spfs_args_get(&spfs_cmd_unmount, args, "force") != NULL;
    return unmount(args->word[0], force, wait_ms, &reason) ? spfs_say(&reason) : SPFS_DONE;
}
