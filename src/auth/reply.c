// SPDX-License-Identifier: GPL-3.0-or-later
/* Replies of the token endpoint: see reply_i.h. Branches on status and error names only; the AADSTS number
 * serves the sentence. */
#include "reply_i.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <spfs/auth/aadsts.h>
#include <spfs/base/clock.h>
#include <spfs/json/json.h>

#define MINUTE_NS INT64_C(60000000000)

enum { BODY_MAX = 256 * 1024, LIFE_S = 3600, LIFE_MAX_S = 7 * 86400, SKEW_MINUTES = 5 };

void reply_done(struct reply *r)
{
    spfs_secret_done(&r->access);
    spfs_secret_done(&r->refresh);
}

/* Goes into an HTTP header, so it must be one word of plain ASCII. */
static bool is_token(const char *s)
{
    if (!s || !*s)
        return false;
    for (; *s; s++)
        if (*s <= ' ' || *s > '~')
            return false;
    return true;
}

static int parse_token(const struct account *a, const struct spfs_json *v, struct reply *ret,
                       struct spfs_reason *reason)
{
    const char *type = spfs_json_str(v, "token_type"), *access = spfs_json_str(v, "access_token");
    const char *refresh = spfs_json_str(v, "refresh_token");
    if (!is_token(access) || (type && strcasecmp(type, "Bearer") != 0))
        return spfs_fail(
            reason, -EIO,
            "The sign-in service %s answered without a token; check login_url, and the proxy in between.",
            a->login_url);
    uint64_t life_s = spfs_json_u64(v, "expires_in", LIFE_S);
    ret->life_ms = 1000 * (life_s == 0 || life_s > LIFE_MAX_S ? LIFE_S : life_s);
    int err = spfs_secret_set(&ret->access, access, strlen(access));
    if (!err && refresh && *refresh)
        err = spfs_secret_set(&ret->refresh, refresh, strlen(refresh));
    return err;
}

/* The server's own text: its first line, printable. */
static void first_line(const char *from, char *out, size_t size)
{
    size_t n = 0;
    for (; from && *from && *from != '\r' && *from != '\n' && n + 1 < size; from++)
        out[n++] = (char)((unsigned char)*from < ' ' || *from == 0x7f ? ' ' : *from);
    while (n > 0 && ((unsigned char)out[n - 1] >= 0x80 || out[n - 1] == '.' || out[n - 1] == ' '))
        n--; /* no half characters at a cut */
    out[n] = '\0';
}

/* The number that the description begins with; 0 without one. */
static unsigned code_of(const char *description)
{
    static const char prefix[] = "AADSTS";
    if (!description || !spfs_starts(description, prefix))
        return 0;
    unsigned long code = strtoul(description + sizeof(prefix) - 1, NULL, 10);
    return code <= UINT_MAX ? (unsigned)code : 0;
}

static bool is_one_of(const char *error, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (error && strcmp(error, names[i]) == 0)
            return true;
    return false;
}

static int errno_of(const struct account *a, int status, const char *error)
{
    static const char *const ended[] = {"invalid_grant", "interaction_required", "consent_required",
                                        "login_required"};
    if (status == 429 || status == 408 || status >= 500 ||
        (error && strcmp(error, "temporarily_unavailable") == 0))
        return -ENETUNREACH;
    if (a->kind == SPFS_AUTH_REFRESH && is_one_of(error, ended, SPFS_ARRAY_LEN(ended)))
        return -EKEYEXPIRED;
    return -EACCES;
}

/* Tokens and assertions have times in them: a clock that is wrong explains many a refusal. */
static void skew_text(const struct spfs_http_head *head, char *out, size_t size)
{
    out[0] = '\0';
    if (head->date_ns == INT64_MIN)
        return;
    int64_t minutes = (head->date_ns - spfs_now_real_ns()) / MINUTE_NS;
    if (minutes >= SKEW_MINUTES || minutes <= -SKEW_MINUTES)
        spfs_format(out, size, " The clock of this machine is %lld minutes %s; set it.",
                    (long long)(minutes < 0 ? -minutes : minutes), minutes < 0 ? "fast" : "slow");
}

static int parse_error(const struct account *a, const struct spfs_http_head *head, const struct spfs_json *v,
                       struct spfs_reason *reason)
{
    char text[240], skew[100], id[64];
    const char *error = spfs_json_str(v, "error"), *said = spfs_json_str(v, "error_description");
    int err = errno_of(a, head->status, error);
    if (err == -ENETUNREACH)
        return spfs_fail(reason, err, "The sign-in service %s is busy (status %d); it is tried again.",
                         a->login_url, head->status);
    const struct spfs_aadsts *known = spfs_aadsts_find(code_of(said));
    skew_text(head, skew, sizeof(skew));
    if (known)
        return spfs_fail(reason, err, "Sign-in to %s failed: %s (AADSTS%u); %s.%s", a->tenant, known->cause,
                         known->code, known->next, skew);
    first_line(said ? said : error, text, sizeof(text));
    first_line(spfs_json_str(v, "correlation_id"), id, sizeof(id));
    if (!error && !said)
        return spfs_fail(
            reason, -EIO,
            "The sign-in service %s answered with status %d; check login_url, and the proxy in between.",
            a->login_url, head->status);
    return spfs_fail(reason, err,
                     "Sign-in to %s failed: %s; show this to the administrator (correlation id %s).%s",
                     a->tenant, text, *id ? id : "unknown", skew);
}

int reply_parse(const struct account *a, const struct spfs_http_head *head, const char *body, size_t len,
                struct reply *ret, struct spfs_reason *reason)
{
    SPFS_CLEANUP(spfs_json_doc_p) struct spfs_json_doc *doc = NULL;
    ret->answered = true;
    ret->retry_after_ms = head->retry_after_ms;
    int err = spfs_json_parse(body, len, BODY_MAX, &doc);
    if (err == -ENOMEM)
        return err;
    const struct spfs_json *v = err ? NULL : spfs_json_root(doc);
    if (head->status == 200 && v)
        return parse_token(a, v, ret, reason);
    if (v || head->status == 429 || head->status >= 500)
        return parse_error(a, head, v, reason);
    return spfs_fail(reason, -EIO,
                     "The sign-in service %s answered with something else than JSON (status %d); check "
                     "login_url, and the proxy in between.",
                     a->login_url, head->status);
}
