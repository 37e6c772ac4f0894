/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which addresses may be sent to, and whether two have one origin. No state; any thread. */
#include "url_i.h"

#include <spfs/base/str.h>
#include <spfs/http/http.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

SPFS_DEFINE_CLEANUP(CURLU *, curl_url_cleanup, curlu_p)

static void curl_text_p(char **p)
{
    curl_free(*p);
}
#define CURL_TEXT SPFS_CLEANUP(curl_text_p)

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

bool url_parse(const char *url, struct url_origin *ret)
{
    SPFS_CLEANUP(curlu_p) CURLU *u = curl_url();
    CURL_TEXT char *scheme = NULL;
    CURL_TEXT char *host = NULL;
    CURL_TEXT char *port = NULL;
    CURL_TEXT char *user = NULL;
    CURL_TEXT char *password = NULL;
    if (!u || !url || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
        return false;
    if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK ||
        curl_url_get(u, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
        return false;
    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return false;
    struct url_origin o = {.tls = strcasecmp(scheme, "https") == 0};
    uint64_t number;
    if ((!o.tls && strcasecmp(scheme, "http") != 0) || host[0] == '\0' ||
        !spfs_copy(o.host, sizeof(o.host), host) || !spfs_parse_u64(port, 65535, &number))
        return false;
    for (char *p = o.host; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    o.port = (unsigned)number;
    o.loopback = is_loopback(o.host);
    *ret = o;
    return true;
}

bool spfs_http_url_allowed(const char *url)
{
    struct url_origin o;
    return url_parse(url, &o) && (o.tls || o.loopback);
}

bool spfs_http_same_origin(const char *a, const char *b)
{
    struct url_origin x, y;
    return url_parse(a, &x) && url_parse(b, &y) && x.tls == y.tls && x.port == y.port &&
           strcmp(x.host, y.host) == 0;
}
