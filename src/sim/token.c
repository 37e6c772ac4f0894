/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: the token endpoint, and bearer tokens. Access tokens carry principal and expiry under a keyed
 * checksum, so that none need be remembered; refresh tokens are "sim-refresh-N", any N up to the newest is
 * good, since use does not revoke one. Threads: the call's. */
#include "sim_i.h"
#include "pattern_i.h"
#include "scan_i.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PREFIX "eyJ0eXAiOiJKV1QiLCJub25jZSI6InNpbSJ9"

static char *form(const struct sim_call *c, const char *name)
{
    size_t k = strlen(name);
    const char *p = c->body.data ? c->body.data : "";
    for (; *p; p += strcspn(p, "&"), p += *p == '&') {
        if (strncmp(p, name, k) != 0 || p[k] != '=')
            continue;
        char *raw = sim_alloc(strcspn(p + k + 1, "&") + 1);
        size_t n = strcspn(p + k + 1, "&");
        for (size_t i = 0; i < n; i++)
            raw[i] = (char)(p[k + 1 + i] == '+' ? ' ' : p[k + 1 + i]);
        char *value = call_decode(raw, n);
        free(raw);
        return value;
    }
    return NULL;
}

void token_error(struct sim_call *c, unsigned status, const char *error, unsigned number, const char *text)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%SZ", &tm);
    struct spfs_buf *b = call_json(c, status);
    c->reply.type = "application/json; charset=utf-8";
    jw_open(b, NULL, '{');
    jw_str(b, "error", error);
    jw_strf(b, "error_description", "AADSTS%u: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s",
            number, text, c->request_id, c->request_id, stamp);
    jw_open(b, "error_codes", '[');
    jw_u64(b, NULL, number);
    jw_close(b, ']');
    jw_str(b, "timestamp", stamp);
    jw_str(b, "trace_id", c->request_id);
    jw_str(b, "correlation_id", c->request_id);
    jw_close(b, '}');
}

static uint64_t checksum(const struct spfs_sim *sim, unsigned who, uint64_t expires)
{
    return pattern_mix(sim->secret ^ pattern_mix(expires ^ pattern_mix(who)));
}

static void give(struct sim_call *c, enum sim_principal who, const char *scope)
{
    struct spfs_sim *sim = c->sim;
    uint64_t expires = (uint64_t)time(NULL) + sim->opt.token_life_s;
    struct spfs_buf *b = call_json(c, 200);
    c->reply.type = "application/json; charset=utf-8";
    call_header(c, "Cache-Control", "no-store, no-cache");
    jw_open(b, NULL, '{');
    jw_str(b, "token_type", "Bearer");
    if (scope)
        jw_str(b, "scope", scope);
    jw_u64(b, "expires_in", sim->opt.token_life_s);
    jw_u64(b, "ext_expires_in", sim->opt.token_life_s);
    jw_strf(b, "access_token", PREFIX ".%c%" PRIx64 ".%016" PRIx64, who == SIM_USER ? 'u' : 'a', expires,
            checksum(sim, who, expires));
    if (who == SIM_USER)
        jw_strf(b, "refresh_token", "sim-refresh-%u", atomic_fetch_add(&sim->refresh_number, 1) + 1);
    jw_close(b, '}');
}

/* The tenant of the path must be ours; `organizations` and `common` are good where a user signs in. */
static bool tenant_is_known(struct sim_call *c, bool user)
{
    const char *p = c->path + 1;
    SPFS_FREE char *tenant = call_decode(p, strcspn(p, "/"));
    if (strcasecmp(tenant, c->sim->opt.tenant) == 0)
        return true;
    if (user && (strcmp(tenant, "organizations") == 0 || strcmp(tenant, "common") == 0))
        return true;
    char text[300];
    spfs_format(text, sizeof text,
                "Tenant '%.200s' not found. Check to make sure you have the correct tenant ID.", tenant);
    token_error(c, 400, "invalid_request", 90002, text);
    return false;
}

static int base64_value(char ch)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = ch ? strchr(alphabet, ch) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* client_id and client_secret by HTTP Basic, when the form has none. */
static void basic_credentials(const struct sim_call *c, char **id, char **secret)
{
    const char *h = c->header[SIM_H_AUTHORIZATION];
    if (*secret || !h || strncasecmp(h, "Basic ", 6) != 0)
        return;
    char text[1024] = "";
    unsigned acc = 0, bits = 0;
    size_t n = 0;
    for (h += 6; base64_value(*h) >= 0 && n + 1 < sizeof text; h++) {
        acc = acc << 6 | (unsigned)base64_value(*h);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            text[n++] = (char)(acc >> bits & 255);
        }
    }
    char *colon = strchr(text, ':');
    if (!colon)
        return;
    *colon = '\0';
    free(*id);
    *id = call_decode(text, strlen(text));
    *secret = call_decode(colon + 1, strlen(colon + 1));
}

static void client_credentials(struct sim_call *c, const char *secret)
{
    SPFS_FREE char *scope = form(c, "scope");
    if (!secret)
        token_error(
            c, 401, "invalid_client", 7000218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.");
    else if (!scope || !spfs_ends(scope, "/.default") || strchr(scope, ' '))
        token_error(c, 400, "invalid_scope", 70011,
                    "The provided value for the input parameter 'scope' is not valid.");
    else
        give(c, SIM_APP, NULL);
}

static void refresh(struct sim_call *c)
{
    SPFS_FREE char *text = form(c, "refresh_token");
    SPFS_FREE char *scope = form(c, "scope");
    if (!text)
        return token_error(c, 400, "invalid_request", 900144,
                           "The request body must contain the following parameter: 'refresh_token'.");
    uint64_t number = 0;
    const char *rest = scan(text, "sim-refresh-%d", &number);
    if (!rest || *rest || number == 0 || number > atomic_load(&c->sim->refresh_number))
        return token_error(c, 400, "invalid_grant", 700082,
                           "The refresh token has expired due to inactivity.");
    give(c, SIM_USER, scope && *scope ? scope : "Files.ReadWrite.All Sites.Read.All User.Read");
}

void token_call(struct sim_call *c)
{
    SPFS_FREE char *grant = form(c, "grant_type");
    SPFS_FREE char *id = form(c, "client_id");
    SPFS_FREE char *secret = form(c, "client_secret");
    basic_credentials(c, &id, &secret);
    if (strcmp(c->method, "POST") != 0 || !spfs_ends(c->path, "/token") || !grant)
        return token_error(c, 400, "invalid_request", 900144,
                           "The request body must contain the following parameter: 'grant_type'.");
    bool user = strcmp(grant, "refresh_token") == 0;
    if (!tenant_is_known(c, user))
        return;
    if (!id || strcasecmp(id, c->sim->opt.client_id) != 0)
        return token_error(c, 400, "unauthorized_client", 700016,
                           "Application with the given identifier was not found in the directory.");
    if (secret && strcmp(secret, c->sim->opt.client_secret) != 0)
        return token_error(
            c, 401, "invalid_client", 7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client "
            "secret value, not the client secret ID.");
    if (user)
        refresh(c);
    else if (strcmp(grant, "client_credentials") == 0)
        client_credentials(c, secret);
    else
        token_error(c, 400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.");
}

/* Whose token it is; SIM_NOBODY with the reason when it is not good. */
static enum sim_principal parse(const struct sim_call *c, const char **reason)
{
    const char *h = c->header[SIM_H_AUTHORIZATION];
    *reason = "Access token is empty.";
    if (!h || strncasecmp(h, "Bearer ", 7) != 0 || !h[7])
        return SIM_NOBODY;
    uint64_t expires = 0, sum = 0;
    *reason = "CompactToken parsing failed with error code: 80049217";
    const char *user = scan(h + 7, PREFIX ".u%x.%x", &expires, &sum);
    const char *rest = user ? user : scan(h + 7, PREFIX ".a%x.%x", &expires, &sum);
    if (!rest || *rest)
        return SIM_NOBODY;
    enum sim_principal who = user ? SIM_USER : SIM_APP;
    *reason = "Access token validation failure. Invalid signature.";
    if (sum != checksum(c->sim, who, expires))
        return SIM_NOBODY;
    *reason = "Lifetime validation failed, the token is expired.";
    return expires > (uint64_t)time(NULL) ? who : SIM_NOBODY;
}

enum sim_principal token_whose(const struct sim_call *c)
{
    const char *reason;
    return parse(c, &reason);
}

enum sim_principal token_check(struct sim_call *c)
{
    const char *reason;
    c->principal = parse(c, &reason);
    if (c->principal == SIM_NOBODY) {
        call_error(c, 401, "InvalidAuthenticationToken", reason, NULL);
        call_header(c, "WWW-Authenticate",
                    "Bearer realm=\"\", authorization_uri=\"%s/common/oauth2/authorize\"", c->base);
    }
    return c->principal;
}
