// SPDX-License-Identifier: GPL-3.0-or-later
/* Configuration of a sign-in: see account_i.h. */
#include "account_i.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>

enum { SECRET_MAX = 16384 };

void account_digest(const void *p, size_t n, char out[DIGEST_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char md[EVP_MAX_MD_SIZE] = {0};
    if (!EVP_Digest(p, n, md, NULL, EVP_sha256(), NULL))
        abort(); /* libcrypto without SHA-256: one key for all would mix accounts up */
    for (size_t i = 0; i < (DIGEST_TEXT - 1) / 2; i++) {
        out[2 * i] = hex[md[i] >> 4];
        out[2 * i + 1] = hex[md[i] & 15];
    }
    out[DIGEST_TEXT - 1] = '\0';
}

/* Ids and domain names: nothing that would change the path of a URL. */
static bool is_plain(const char *s)
{
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
            return false;
    return *s && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static bool is_shared_tenant(const char *tenant)
{
    return strcasecmp(tenant, "common") == 0 || strcasecmp(tenant, "organizations") == 0 ||
           strcasecmp(tenant, "consumers") == 0;
}

static bool is_set(const char *s)
{
    return s && *s;
}

static int check(const struct spfs_auth_config *c, struct spfs_reason *reason)
{
    if (!is_set(c->tenant) || !is_plain(c->tenant))
        return spfs_fail(reason, -EINVAL,
                         "tenant is missing or malformed; set it to the tenant's id or domain name.");
    if (!is_set(c->client_id) || !is_plain(c->client_id))
        return spfs_fail(
            reason, -EINVAL,
            "client_id is missing or malformed; set it to the application (client) id of the app.");
    if (c->kind == SPFS_AUTH_SECRET && is_shared_tenant(c->tenant))
        return spfs_fail(reason, -EINVAL,
                         "An app that signs in by a secret needs its own tenant; set tenant to its id or "
                         "domain instead of %s.",
                         c->tenant);
    if (c->kind == SPFS_AUTH_SECRET && !is_set(c->secret_file))
        return spfs_fail(reason, -EINVAL,
                         "client_secret_file is missing; name the file that holds the client secret.");
    if (!is_set(c->login_url) || !is_set(c->graph_url))
        return spfs_fail(reason, -EINVAL, "login_url or graph_url is missing; set cloud, or both of them.");
    if (!spfs_http_url_allowed(c->login_url))
        return spfs_fail(reason, -EPERM,
                         "login_url %s is refused: only https is allowed, or http on this machine.",
                         c->login_url);
    return 0;
}

/* Copies s without slashes at its end; NULL stays NULL. */
static bool copy(char **ret, const char *s)
{
    if (!is_set(s)) {
        *ret = NULL;
        return true;
    }
    size_t n = strlen(s);
    while (n > 1 && s[n - 1] == '/')
        n--;
    return (*ret = strndup(s, n)) != NULL;
}

static void lower(char *s)
{
    for (; *s; s++)
        *s = (char)tolower((unsigned char)*s);
}

static int make_key(struct account *a, const char *account)
{
    SPFS_FREE char *text = spfs_asprintf("%d\n%s\n%s\n%s\n%s\n%s", (int)a->kind, a->login_url, a->tenant,
                                         a->client_id, account ? account : "", a->scope);
    if (!text)
        return -ENOMEM;
    lower(text);
    account_digest(text, strlen(text), a->key);
    return 0;
}

int account_init(struct account *a, const struct spfs_auth_config *c, struct spfs_reason *reason)
{
    *a = (struct account){.kind = c->kind};
    int err = check(c, reason);
    if (err)
        return err;
    SPFS_FREE char *graph = NULL;
    bool good = copy(&graph, c->graph_url) && copy(&a->login_url, c->login_url) &&
                copy(&a->tenant, c->tenant) && copy(&a->client_id, c->client_id) &&
                copy(&a->secret_file, c->secret_file) && copy(&a->refresh_file, c->refresh_file) &&
                copy(&a->vault_dir, c->vault_dir);
    if (good)
        a->scope = is_set(c->scope)
                       ? strdup(c->scope)
                       : spfs_asprintf("%s%s/.default", c->kind == SPFS_AUTH_REFRESH ? "offline_access " : "",
                                       graph);
    err = good && a->scope ? make_key(a, c->account) : -ENOMEM;
    if (err)
        account_done(a);
    return err;
}

void account_done(struct account *a)
{
    char *all[] = {a->login_url,   a->tenant,       a->client_id, a->scope,
                   a->secret_file, a->refresh_file, a->vault_dir};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(all); i++)
        free(all[i]);
    *a = (struct account){0};
}

/* Reads at most size bytes. */
static ssize_t read_all(int fd, char *p, size_t size)
{
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, p + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

int account_read_secret(const char *path, const char *key, struct spfs_secret *ret,
                        struct spfs_reason *reason)
{
    char text[SECRET_MAX] = "";
    SPFS_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd < 0 ? -errno : read_all(fd, text, sizeof(text));
    if (n < 0)
        return spfs_fail(reason, (int)n, "%s %s cannot be read: %s; check the path and its permissions.", key,
                         path, strerror((int)-n));
    const char *from = text, *to = text + n;
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    bool good = from < to && n < (ssize_t)sizeof(text);
    for (const char *p = from; p < to; p++)
        good = good && (unsigned char)*p >= ' ';
    int err = good ? spfs_secret_set(ret, from, (size_t)(to - from))
                   : spfs_fail(reason, -EINVAL, "%s %s must hold the secret in one line, and nothing else.",
                               key, path);
    spfs_wipe(text, sizeof(text));
    return err;
}
