/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Building the way to the server. */
#include "link_i.h"

#include <spfs/auth/auth.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int new_http(struct spfs_link *l, const struct spfs_connection *c, struct spfs_reason *reason)
{
    const struct spfs_http_config config = {
        .ca_file = c->value[SPFS_KEY_CA_FILE],
        .proxy = c->value[SPFS_KEY_PROXY],
        .user_agent = "NONISV|spfs|spfs/" SPFS_VERSION, /* the decoration that Microsoft asks for, to be
                                                           throttled last */
    };
    return spfs_http_new(&config, &l->http, reason);
}

static void add_hash(uint64_t *hash, const char *text)
{
    for (const char *p = text; *p; p++)
        *hash = (*hash ^ (unsigned char)*p) * 1099511628211ULL;
    *hash = (*hash ^ '|') * 1099511628211ULL;
}

/* One file for all mounts and processes that the service sees as one: same app, same tenant, same host. */
static int new_governor(struct spfs_link *l, const struct spfs_connection *c, const struct spfs_paths *paths,
                        struct spfs_reason *reason)
{
    char file[PATH_MAX + 32];
    uint64_t hash = 14695981039346656037ULL;
    add_hash(&hash, spfs_connection_graph_url(c));
    add_hash(&hash, c->value[SPFS_KEY_TENANT]);
    add_hash(&hash, c->value[SPFS_KEY_CLIENT_ID]);
    spfs_format(file, sizeof(file), "%s/%016" PRIx64 ".throttle", paths->runtime, hash);
    const struct spfs_governor_config config = {.shared_file = file};
    return spfs_governor_new(&config, &l->governor, reason);
}

static int new_token(struct spfs_link *l, const struct spfs_connection *c, const struct spfs_paths *paths,
                     struct spfs_reason *reason)
{
    const struct spfs_auth_config config = {
        .kind = strcasecmp(c->value[SPFS_KEY_AUTH], "refresh") == 0 ? SPFS_AUTH_REFRESH : SPFS_AUTH_SECRET,
        .login_url = spfs_connection_login_url(c),
        .graph_url = spfs_connection_graph_url(c),
        .tenant = c->value[SPFS_KEY_TENANT],
        .client_id = c->value[SPFS_KEY_CLIENT_ID],
        .account = c->name,
        .secret_file = c->value[SPFS_KEY_CLIENT_SECRET_FILE],
        .refresh_file = c->value[SPFS_KEY_REFRESH_TOKEN_FILE],
        .vault_dir = paths->connection,
    };
    return spfs_auth_new(&config, l->http, &l->token, reason);
}

static int new_remote(struct spfs_link *l, const struct spfs_connection *c, struct spfs_reason *reason)
{
    const struct spfs_graph_config config = {
        .graph_url = spfs_connection_graph_url(c),
        .http = l->http,
        .governor = l->governor,
        .token = l->token,
    };
    return spfs_graph_new(&config, &l->remote, reason);
}

int spfs_link_open(struct spfs_link *l, const struct spfs_connection *c, const struct spfs_paths *paths,
                   struct spfs_reason *reason)
{
    int err = new_http(l, c, reason);
    if (!err)
        err = new_governor(l, c, paths, reason);
    if (!err)
        err = new_token(l, c, paths, reason);
    if (!err)
        err = new_remote(l, c, reason);
    if (!err)
        err = spfs_http_start(l->http);
    if (err)
        spfs_link_close(l);
    return err;
}

void spfs_link_stop(struct spfs_link *l)
{
    if (l->http)
        spfs_http_stop(l->http);
}

void spfs_link_close(struct spfs_link *l)
{
    if (l->remote)
        l->remote->ops->free(l->remote);
    if (l->token)
        l->token->ops->free(l->token);
    if (l->governor)
        spfs_governor_free(l->governor);
    if (l->http)
        spfs_http_free(l->http);
    *l = (struct spfs_link){0};
}

int spfs_link_for_command(struct spfs_link *l, const char *name, struct spfs_reason *reason)
{
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *config = NULL;
    struct spfs_options options;
    struct spfs_connection *c;
    struct spfs_paths paths;
    const struct spfs_source all = {.path = ""};
    spfs_options_init(&options);
    int err = spfs_config_load(&config, reason);
    if (!err)
        err = spfs_config_apply(config, &options, reason);
    if (!err)
        err = spfs_config_connection(config, name, &c, reason);
    if (!err)
        err = spfs_paths_find(&options, c->name, &all, &paths, reason);
    if (!err)
        err = spfs_paths_make_connection(&paths, reason);
    if (!err)
        err = spfs_link_open(l, c, &paths, reason);
    spfs_options_done(&options);
    return err;
}
