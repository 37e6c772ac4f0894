/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs doctor: looks for what keeps spfs from working, and says what to do about each finding. */
#include "cmd_i.h"
#include "control_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int run(const struct spfs_args *args);

const struct spfs_command spfs_cmd_doctor = {
    .name = "doctor",
    .synopsis = "[NAME]",
    .summary = "look for what keeps spfs from working",
    .details = "Checks this machine, the configuration, the sign-in of each connection (or of NAME alone), "
               "and every mount.",
    .complete = "s",
    .max_words = 1,
    .run = run,
};

struct exam {
    unsigned bad;
};

static void say(const char *verdict, const char *text)
{
    printf("%-5s %s\n", verdict, text);
}

#define good(...)                                                                                            \
    do {                                                                                                     \
        char text_[1024];                                                                                    \
        spfs_format(text_, sizeof(text_), __VA_ARGS__);                                                      \
        say("ok", text_);                                                                                    \
    } while (0)

#define bad(exam, ...)                                                                                       \
    do {                                                                                                     \
        char text_[1024];                                                                                    \
        spfs_format(text_, sizeof(text_), __VA_ARGS__);                                                      \
        say("BAD", text_);                                                                                   \
        (exam)->bad++;                                                                                       \
    } while (0)

static bool find_program(const char *name, char ret[PATH_MAX])
{
    const char *path = getenv("PATH");
    SPFS_FREE char **dirs = spfs_options_split(path ? path : "/usr/bin:/bin", ":");
    for (size_t i = 0; dirs && dirs[i]; i++)
        if (spfs_format(ret, PATH_MAX, "%s/%s", dirs[i], name) && access(ret, X_OK) == 0)
            return true;
    return false;
}

static void check_machine(struct exam *e)
{
    char path[PATH_MAX];
    struct stat st;
    if (stat("/dev/fuse", &st) < 0)
        bad(e, "/dev/fuse is missing; load the module: modprobe fuse");
    else
        good("/dev/fuse is there");
    if (geteuid() == 0)
        return; /* root mounts by itself */
    if (!find_program("fusermount3", path))
        bad(e, "fusermount3 is missing; install the package fuse3");
    else if (stat(path, &st) < 0 || !(st.st_mode & S_ISUID))
        bad(e, "%s is not setuid root, so ordinary users cannot mount; reinstall the package fuse3", path);
    else
        good("%s can mount for users", path);
}

static void check_folder(struct exam *e, const char *what, const char *dir)
{
    struct statvfs st;
    char free_space[32];
    if (access(dir, W_OK | X_OK) < 0 || statvfs(dir, &st) < 0) {
        bad(e, "%s %s: %s", what, dir, strerror(errno));
        return;
    }
    uint64_t left = (uint64_t)st.f_bavail * st.f_frsize;
    if (left < (uint64_t)256 << 20)
        bad(e, "%s %s: only %s are free; blocks are not kept then", what, dir,
            spfs_human_size(left, free_space));
    else
        good("%s %s, %s free", what, dir, spfs_human_size(left, free_space));
}

static int ignore_site(void *ctx, const struct spfs_site *site)
{
    unsigned *n = ctx;
    (void)site;
    ++*n;
    return 0;
}

static void check_server(struct exam *e, struct spfs_link *l, const struct spfs_connection *c)
{
    struct spfs_reason reason = {""};
    struct spfs_secret token = {0};
    struct spfs_op op;
    unsigned sites = 0;
    spfs_op_init(&op, SPFS_URGENT, 30000);
    int err = l->token->ops->get(l->token, &op, NULL, &token, &reason);
    spfs_secret_done(&token);
    if (err) {
        bad(e, "connection %s, sign-in: %s", c->name, *reason.text ? reason.text : strerror(-err));
    } else {
        good("connection %s signs in", c->name);
        err = l->remote->ops->sites(l->remote, &op, SPFS_SITES_ALL, ignore_site, &sites, &reason);
        if (err)
            bad(e, "connection %s, Graph: %s", c->name, *reason.text ? reason.text : strerror(-err));
        else if (!sites)
            bad(e, "connection %s sees no site; grant the app Sites.Read.All, or sites by Sites.Selected",
                c->name);
        else
            good("connection %s sees %u sites", c->name, sites);
    }
    spfs_op_done(&op);
}

static void check_connection(struct exam *e, struct spfs_config *config, const char *name)
{
    struct spfs_reason reason = {""};
    struct spfs_options options;
    struct spfs_connection *c;
    struct spfs_paths paths;
    struct spfs_link link = {0};
    const struct spfs_source all = {.path = ""};
    spfs_options_init(&options);
    if (spfs_config_connection(config, name, &c, &reason) || spfs_config_apply(config, &options, &reason) ||
        spfs_paths_find(&options, c->name, &all, &paths, &reason) ||
        spfs_paths_make_connection(&paths, &reason) || spfs_link_open(&link, c, &paths, &reason)) {
        bad(e, "%s", reason.text);
    } else {
        check_folder(e, "state folder", paths.connection);
        check_server(e, &link, c);
        spfs_link_close(&link);
    }
    spfs_options_done(&options);
}

static int check_mount(void *ctx, const struct spfs_mount *m)
{
    SPFS_CLEANUP(spfs_json_doc_p) struct spfs_json_doc *doc = NULL;
    struct exam *e = ctx;
    struct spfs_reason reason;
    if (strcmp(m->type, SPFS_MOUNT_TYPE) != 0 || strcmp(m->root, "/") != 0)
        return 0;
    if (spfs_mounts_is_dead(m->dir))
        bad(e, "the daemon of %s has died; mount it again, or clear it: spfs unmount %s", m->dir, m->dir);
    else if (spfs_control_call(m, "status", "", 5000, &doc, NULL, &reason))
        bad(e, "%s", reason.text);
    else
        good("%s on %s answers", m->source, m->dir);
    return 0;
}

static int run(const struct spfs_args *args)
{
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *config = NULL;
    struct exam e = {0};
    struct spfs_reason reason;
    check_machine(&e);
    if (spfs_config_load(&config, &reason)) {
        bad(&e, "%s", reason.text);
    } else if (!config->found) {
        bad(&e, "there is no configuration; write a connection into %s", config->looked_in);
    } else {
        good("configuration: %s", config->looked_in);
        if (config->notes.len)
            bad(&e, "%.*s", (int)config->notes.len - 1, config->notes.data);
        if (args->words)
            check_connection(&e, config, args->word[0]);
        for (struct spfs_connection *c = config->connections; c && !args->words; c = c->next)
            check_connection(&e, config, c->name);
    }
    spfs_mounts_each(check_mount, &e);
    return e.bad ? SPFS_FAILED : SPFS_DONE;
}
