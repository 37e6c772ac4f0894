/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs libraries: the document libraries of a site, and the SOURCE that mounts each. */
#include "cmd_i.h"
#include "link_i.h"

#include <spfs/model/names.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run(const struct spfs_args *args);

const struct spfs_command spfs_cmd_libraries = {
    .name = "libraries",
    .synopsis = "NAME SITE",
    .summary = "list the document libraries of a site",
    .details = "SITE is a site's name or path name, without regard to case.",
    .complete = "s",
    .min_words = 2,
    .max_words = 2,
    .run = run,
};

struct search {
    const char *wanted;
    char *id, *name;
};

static bool is(const char *a, const char *b)
{
    return a && spfs_name_equal(a, b);
}

static int keep(struct search *s, const struct spfs_site *site)
{
    const char *name = site->display_name ? site->display_name : site->name ? site->name : s->wanted;
    s->id = strdup(site->id);
    s->name = strdup(name);
    return s->id && s->name ? 1 : -ENOMEM;
}

static int compare(void *ctx, const struct spfs_site *site)
{
    struct search *s = ctx;
    return is(site->display_name, s->wanted) || is(site->name, s->wanted) ? keep(s, site) : 0;
}

static int take(void *ctx, const struct spfs_site *site)
{
    struct search *s = ctx;
    return s->id ? 0 : keep(s, site);
}

/* Among the sites that are listed, else by its path, which finds unlisted ones too. */
static int find(struct spfs_remote *r, struct spfs_op *op, struct search *s, struct spfs_reason *reason)
{
    char path[1024];
    int err = r->ops->sites(r, op, SPFS_SITES_ALL, compare, s, reason);
    if (err < 0 || s->id)
        return err < 0 ? err : 0;
    spfs_format(path, sizeof(path), "sites/%s", s->wanted);
    err = r->ops->site_at(r, op, NULL, path, take, s, reason);
    if (err == -ENOENT || (err >= 0 && !s->id))
        return spfs_fail(reason, -ENOENT, "no site \"%s\"; spfs sites NAME lists them", s->wanted);
    return err < 0 ? err : 0;
}

static int show(void *ctx, const struct spfs_drive *drive)
{
    (void)ctx;
    char used[32], total[32];
    if (drive->system)
        return 0;
    printf("%-30s %s", drive->name ? drive->name : drive->id, drive->web_url ? drive->web_url : "");
    if (drive->quota.known)
        printf("  (%s of %s used)", spfs_human_size(drive->quota.used, used),
               spfs_human_size(drive->quota.total, total));
    printf("\n");
    return 0;
}

static int run(const struct spfs_args *args)
{
    struct spfs_link link = {0};
    struct spfs_reason reason = {""};
    struct spfs_op op;
    struct search s = {.wanted = args->word[1]};
    while (*s.wanted == '/')
        s.wanted++;
    if (spfs_link_for_command(&link, args->word[0], &reason))
        return spfs_say(&reason);
    spfs_op_init(&op, SPFS_URGENT, 60000);
    int err = find(link.remote, &op, &s, &reason);
    if (!err)
        err = link.remote->ops->libraries(link.remote, &op, s.id, show, NULL, &reason);
    spfs_op_done(&op);
    spfs_link_close(&link);
    free(s.id);
    free(s.name);
    if (!err)
        return SPFS_DONE;
    if (!*reason.text)
        spfs_fail(&reason, err, "the libraries cannot be listed: %s", strerror(-err));
    return spfs_say(&reason);
}
