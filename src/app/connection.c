/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Choosing a connection of the configuration and checking that it can work, before anything is asked of a
 * server. */
#include "config_i.h"

#include <spfs/http/http.h>

#include <errno.h>
#include <string.h>

static const struct {
    const char *name, *login, *graph;
} clouds[] = {
    {"global", "https://login.microsoftonline.com", "https://graph.microsoft.com"},
    {"usgov", "https://login.microsoftonline.us", "https://graph.microsoft.us"},
    {"dod", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"},
    {"china", "https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"},
};

static const char *address(const struct spfs_connection *c, bool login)
{
    const char *given = c->value[login ? SPFS_KEY_LOGIN_URL : SPFS_KEY_GRAPH_URL];
    const char *cloud = c->value[SPFS_KEY_CLOUD] ? c->value[SPFS_KEY_CLOUD] : "global";
    if (given)
        return given;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(clouds); i++)
        if (strcasecmp(cloud, clouds[i].name) == 0)
            return login ? clouds[i].login : clouds[i].graph;
    return NULL;
}

const char *spfs_connection_login_url(const struct spfs_connection *c)
{
    return address(c, true);
}

const char *spfs_connection_graph_url(const struct spfs_connection *c)
{
    return address(c, false);
}

static int check_url(const struct spfs_connection *c, const char *key, const char *url,
                     struct spfs_reason *reason)
{
    if (!url)
        return spfs_fail(reason, -EINVAL,
                         "connection %s: unknown cloud \"%s\"; it is global, usgov, dod or china", c->name,
                         c->value[SPFS_KEY_CLOUD]);
    const char *host = strstr(url, "://");
    if (!host)
        return spfs_fail(reason, -EINVAL, "connection %s: %s = %s is not an address; write https://HOST",
                         c->name, key, url);
    if (!spfs_http_url_allowed(url))
        return spfs_fail(
            reason, -EPERM,
            "connection %s: %s = %s is refused: only https is spoken, or http to this machine itself",
            c->name, key, url);
    if (strchr(host + 3, '/') && strchr(host + 3, '/')[1])
        return spfs_fail(reason, -EINVAL, "connection %s: %s = %s must be an address without a path", c->name,
                         key, url);
    return 0;
}

static int check_auth(const struct spfs_connection *c, struct spfs_reason *reason)
{
    static const struct {
        const char *method;
        enum spfs_key needs;
    } methods[] = {{"secret", SPFS_KEY_CLIENT_SECRET_FILE}, {"refresh", SPFS_KEY_REFRESH_TOKEN_FILE}};
    const char *auth = c->value[SPFS_KEY_AUTH];
    if (!auth)
        return spfs_fail(reason, -EINVAL, "connection %s has no auth; add auth = secret to its section",
                         c->name);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(methods); i++) {
        if (strcasecmp(auth, methods[i].method) != 0)
            continue;
        if (c->value[methods[i].needs])
            return 0;
        return spfs_fail(reason, -EINVAL, "connection %s: auth = %s needs %s", c->name, auth,
                         spfs_key_names[methods[i].needs]);
    }
    return spfs_fail(reason, -EINVAL, "connection %s: this version cannot sign in by auth = %s; use secret",
                     c->name, auth);
}

/* They are read again and again, by a daemon whose working directory is /. */
static int check_files(const struct spfs_connection *c, struct spfs_reason *reason)
{
    static const enum spfs_key files[] = {SPFS_KEY_CLIENT_SECRET_FILE, SPFS_KEY_CERTIFICATE_FILE,
                                          SPFS_KEY_PRIVATE_KEY_FILE, SPFS_KEY_REFRESH_TOKEN_FILE,
                                          SPFS_KEY_CA_FILE};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(files); i++) {
        const char *file = c->value[files[i]];
        if (file && file[0] != '/')
            return spfs_fail(reason, -EINVAL, "connection %s: %s = %s is not a full path; write it from / on",
                             c->name, spfs_key_names[files[i]], file);
    }
    return 0;
}

static int check_policy(const struct spfs_config *c, const struct spfs_connection *n,
                        struct spfs_reason *reason)
{
    if (!c->allowed_tenants)
        return 0;
    SPFS_FREE char **v = spfs_options_split(c->allowed_tenants, ",| ");
    for (size_t i = 0; v && v[i]; i++)
        if (strcasecmp(v[i], n->value[SPFS_KEY_TENANT]) == 0)
            return 0;
    return spfs_fail(reason, -EPERM,
                     "connection %s: the tenant %s is not allowed on this machine; ask its administrator",
                     n->name, n->value[SPFS_KEY_TENANT]);
}

static int check(const struct spfs_config *c, const struct spfs_connection *n, struct spfs_reason *reason)
{
    static const enum spfs_key needed[] = {SPFS_KEY_TENANT, SPFS_KEY_CLIENT_ID};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(needed); i++)
        if (!n->value[needed[i]])
            return spfs_fail(reason, -EINVAL,
                             "connection %s has no %s; add it to its section of the configuration", n->name,
                             spfs_key_names[needed[i]]);
    int err = check_auth(n, reason);
    if (!err)
        err = check_files(n, reason);
    if (!err)
        err = check_url(n, "login_url", spfs_connection_login_url(n), reason);
    if (!err)
        err = check_url(n, "graph_url", spfs_connection_graph_url(n), reason);
    return err ? err : check_policy(c, n, reason);
}

static void list_names(const struct spfs_config *c, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const struct spfs_connection *n = c->connections; n && used < size; n = n->next) {
        spfs_format(out + used, size - used, "%s%s", used ? ", " : "", n->name);
        used += strlen(out + used);
    }
}

int spfs_config_connection(struct spfs_config *c, const char *name, struct spfs_connection **ret,
                           struct spfs_reason *reason)
{
    for (struct spfs_connection *n = c->connections; n; n = n->next) {
        if (strcasecmp(n->name, name) != 0)
            continue;
        *ret = n;
        return check(c, n, reason);
    }
    char names[200];
    list_names(c, names, sizeof(names));
    if (!c->found)
        return spfs_fail(reason, -ENOENT,
                         "no connection \"%s\": there is no configuration; write one into %s (see man spfs)",
                         name, c->looked_in);
    return spfs_fail(reason, -ENOENT, "unknown connection \"%s\"; %s has %s%s", name, c->looked_in,
                     c->connections ? "only " : "no [connection ...] section", names);
}

/* contoso.sharepoint.com and contoso-my.sharepoint.com belong to contoso.onmicrosoft.com. */
static bool is_host_of(const struct spfs_connection *n, const char *url)
{
    const char *host = strstr(url, "://"), *tenant = n->value[SPFS_KEY_TENANT];
    if (!host || !tenant)
        return false;
    size_t len = strcspn(tenant, ".");
    host += 3;
    return strncasecmp(host, tenant, len) == 0 &&
           (host[len] == '.' || strncasecmp(host + len, "-my.", 4) == 0);
}

int spfs_config_for_url(struct spfs_config *c, const char *url, const char *name,
                        struct spfs_connection **ret, struct spfs_reason *reason)
{
    struct spfs_connection *found = NULL;
    if (name)
        return spfs_config_connection(c, name, ret, reason);
    if (c->connections && !c->connections->next)
        found = c->connections;
    for (struct spfs_connection *n = c->connections; n && !found; n = n->next)
        if (is_host_of(n, url))
            found = n;
    if (!found)
        return spfs_fail(reason, -ENOENT,
                         "no connection of %s belongs to %s; name one with -o connection=NAME", c->looked_in,
                         url);
    *ret = found;
    return check(c, found, reason);
}
