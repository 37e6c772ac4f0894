/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client of the wire tests, on one libcurl easy handle. */
#include "client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>

static size_t keep(char *p, size_t size, size_t n, void *to)
{
    return spfs_buf_add(to, p, size * n) == 0 ? size * n : 0;
}

void client_start(struct client *k, const struct spfs_sim_options *o)
{
    struct spfs_sim_options defaults = {.preset = "docs"};
    struct spfs_reason reason = {""};
    memset(k, 0, sizeof *k);
    if (spfs_sim_start(o ? o : &defaults, &k->sim, &reason) < 0)
        fail_msg("%s", reason.text);
    k->curl = curl_easy_init();
    spfs_buf_init(&k->text, 1u << 30);
    spfs_buf_init(&k->headers, 1u << 20);
    client_sign_in(k, false);
}

void client_stop(struct client *k)
{
    curl_easy_cleanup(k->curl);
    spfs_sim_stop(k->sim);
    spfs_buf_done(&k->text);
    spfs_buf_done(&k->headers);
}

static bool is_plain(const char *url, const char *target)
{
    return strstr(target, "/_content/") || strstr(target, "/_upload/") || strstr(url, "/_sim/") ||
           strstr(url, "/oauth2/");
}

static struct curl_slist *headers_for(struct client *k, const char *url, const char *target)
{
    struct curl_slist *list = NULL;
    char auth[320];
    spfs_format(auth, sizeof auth, "Authorization: Bearer %s", k->token);
    if (*k->token && !is_plain(url, target))
        list = curl_slist_append(list, auth);
    if (k->header)
        list = curl_slist_append(list, k->header);
    return curl_slist_append(list, "Expect:");
}

void client_send(struct client *k, const char *method, const char *target)
{
    char url[4096];
    spfs_format(url, sizeof url, "%s%s", *target == '/' ? spfs_sim_url(k->sim) : "", target);
    spfs_buf_reset(&k->text);
    spfs_buf_reset(&k->headers);
    curl_easy_reset(k->curl);
    struct curl_slist *list = headers_for(k, url, target);
    curl_easy_setopt(k->curl, CURLOPT_URL, url);
    curl_easy_setopt(k->curl, CURLOPT_PATH_AS_IS, 1L);
    if (k->head)
        curl_easy_setopt(k->curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(k->curl, CURLOPT_CUSTOMREQUEST, method);
    if (k->body) {
        curl_easy_setopt(k->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(k->body));
        curl_easy_setopt(k->curl, CURLOPT_POSTFIELDS, k->body);
    } else if (strcmp(method, "POST") == 0) {
        curl_easy_setopt(k->curl, CURLOPT_POSTFIELDS, "");
    }
    curl_easy_setopt(k->curl, CURLOPT_USERAGENT, k->no_agent ? NULL : "NONISV|spfs|test/1.0");
    curl_easy_setopt(k->curl, CURLOPT_RANGE, k->range);
    curl_easy_setopt(k->curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(k->curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(k->curl, CURLOPT_WRITEDATA, &k->text);
    curl_easy_setopt(k->curl, CURLOPT_HEADERDATA, &k->headers);
    curl_easy_setopt(k->curl, CURLOPT_HEADERFUNCTION, keep);
    curl_easy_setopt(k->curl, CURLOPT_TIMEOUT_MS, k->timeout_ms ? k->timeout_ms : 30000L);
    k->broken = (int)curl_easy_perform(k->curl);
    curl_easy_getinfo(k->curl, CURLINFO_RESPONSE_CODE, &k->status);
    curl_easy_getinfo(k->curl, CURLINFO_TOTAL_TIME, &k->seconds);
    curl_slist_free_all(list);
    if (k->broken && !k->expect_broken)
        fail_msg("%s %s: %s", method, url, curl_easy_strerror((CURLcode)k->broken));
    k->range = k->header = k->body = NULL;
    k->no_agent = k->expect_broken = k->head = false;
    k->timeout_ms = 0;
}

void client_sign_in(struct client *k, bool as_app)
{
    k->body = as_app ? "grant_type=client_credentials&client_id=11111111-1111-1111-1111-111111111111&client_"
                       "secret=sim-secret"
                       "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
                     : "grant_type=refresh_token&client_id=11111111-1111-1111-1111-111111111111&refresh_"
                       "token=sim-refresh-1";
    client_send(k, "POST", "/contoso.example/oauth2/v2.0/token");
    assert_int_equal(k->status, 200);
    cJSON *o = cJSON_Parse(k->text.data);
    assert_true(spfs_copy(k->token, sizeof k->token, json_text(o, "access_token")));
    cJSON_Delete(o);
}

cJSON *client_get(struct client *k, const char *target, long expected_status)
{
    client_send(k, "GET", target);
    if (k->status != expected_status)
        fail_msg("%s: %ld instead of %ld: %s", target, k->status, expected_status, k->text.data);
    cJSON *o = cJSON_Parse(k->text.data ? k->text.data : "");
    assert_non_null(o);
    return o;
}

const char *client_header(struct client *k, const char *name)
{
    static char value[2048];
    const char *line = k->headers.data;
    size_t n = strlen(name);
    while (line && *line) {
        const char *end = strstr(line, "\r\n");
        if (!end)
            break;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            snprintf(value, sizeof value, "%.*s", (int)(end - line - (long)n - 2), line + n + 2);
            return value;
        }
        line = end + 2;
    }
    return NULL;
}

void client_control(struct client *k, const char *method, const char *what, const char *body,
                    long expected_status)
{
    char path[1024];
    spfs_format(path, sizeof path, "/_sim/%s", what);
    k->body = body;
    client_send(k, method, path);
    if (k->status != expected_status)
        fail_msg("%s: %ld: %s", path, k->status, k->text.data);
}

uint64_t client_counter(struct client *k, const char *group, const char *name)
{
    cJSON *o = client_get(k, "/_sim/counters", 200);
    const cJSON *from = group ? cJSON_GetObjectItem(o, group) : o;
    const cJSON *n = cJSON_GetObjectItem(from, name);
    assert_non_null(n);
    uint64_t value = (uint64_t)n->valuedouble;
    cJSON_Delete(o);
    return value;
}

const char *json_text(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

const cJSON *json_find(const cJSON *array, const char *key, const char *value)
{
    const cJSON *o;
    cJSON_ArrayForEach(o, array)
    {
        const char *text = json_text(o, key);
        if (text && strcmp(text, value) == 0)
            return o;
    }
    return NULL;
}

const char *client_drive(struct client *k, const char *path)
{
    static char drive[200];
    struct spfs_buf b;
    spfs_buf_init(&b, 4096);
    spfs_buf_adds(&b, "/_sim/tree?path=");
    spfs_buf_add_urlenc(&b, path);
    cJSON *o = client_get(k, b.data, 200);
    spfs_format(drive, sizeof drive, "/v1.0/drives/%s", json_text(o->child, "drive"));
    cJSON_Delete(o);
    spfs_buf_done(&b);
    return drive;
}
