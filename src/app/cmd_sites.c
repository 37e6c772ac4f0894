/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spfs sites: which sites the account of a connection sees. */
#include "cmd_i.h"
#include "link_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int run(const struct spfs_args *args);

const struct spfs_command spfs_cmd_sites = {
    .name = "sites",
    .synopsis = "NAME [QUERY]",
    .summary = "list the sites that a connection sees",
    .details = "QUERY shows only those whose name or address holds it.",
    .complete = "s",
    .min_words = 1,
    .max_words = 2,
    .run = run,
};

struct listing {
    const char *query; /* NULL: all */
    unsigned shown;
};

static int show(void *ctx, const struct spfs_site *site)
{
    struct listing *l = ctx;
    const char *name = site->display_name ? site->display_name : site->name ? site->name : site->id;
    const char *url = site->web_url ? site->web_url : "";
    if (l->query && !strcasestr(name, l->query) && !strcasestr(url, l->query))
        return 0;
    printf("%-30s %s\n", name, url);
    l->shown++;
    return 0;
}

static int run(const struct spfs_args *args)
{
    struct spfs_link link = {0};
    struct spfs_reason reason = {""};
    struct spfs_op op;
    struct listing l = {.query = args->words > 1 ? args->word[1] : NULL};
    if (spfs_link_for_command(&link, args->word[0], &reason))
        return spfs_say(&reason);
    spfs_op_init(&op, SPFS_URGENT, 60000);
    int err = link.remote->ops->sites(link.remote, &op, SPFS_SITES_ALL, show, &l, &reason);
    spfs_op_done(&op);
    spfs_link_close(&link);
    if (err) {
        if (!*reason.text)
            spfs_fail(&reason, err, "the sites cannot be listed: %s", strerror(-err));
        return spfs_say(&reason);
    }
    if (!l.shown)
        fprintf(stderr, "spfs: no site found%s%s; the app may need the permission Sites.Read.All\n",
                l.query ? " for " : "", l.query ? l.query : "");
    return l.shown ? SPFS_DONE : SPFS_FAILED;
}
