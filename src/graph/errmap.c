// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: the one table that turns what the service answers into an errno and a sentence for a person.
 * Threads: any, no state. */
#include "errmap_i.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

struct row {
    int status; /* 0: any */
    int err;
    const char *code; /* NULL: any */
    const char *says;
};

/* Codes that tell more than their status. */
static const struct row codes[] = {
    {0, EPERM, "malwareDetected", "the service has found malware in it and hands it out to nobody"},
    {0, EPERM, "virusSuspicious", "the service suspects malware in it and hands it out to nobody"},
    {0, ENOSPC, "quotaLimitReached", "the storage quota is used up; free space or ask the administrator"},
    {0, EFBIG, "maxFileSizeExceeded", "it is larger than the service allows"},
    {0, EBUSY, "resourceLocked", "somebody holds a lock on it; try again later"},
    {0, EBUSY, "lockMismatch", "somebody holds a lock on it; try again later"},
    {400, ENAMETOOLONG, "pathIsTooLong", "its path is longer than SharePoint allows"},
    {400, ENAMETOOLONG, "pathTooDeep", "its path is deeper than SharePoint allows"},
    {400, ENOENT, "itemNotFound", "it does not exist, or you may not see it"},
    {400, EACCES, "provisioningNotAllowed",
     "this account has no OneDrive; ask the administrator for a licence"},
    {403, EACCES, "insufficient_claims", "a sign-in policy wants more proof; connect again"},
    {403, EACCES, "accessRestricted", "access is restricted to the owner"},
    {403, EROFS, "serviceReadOnly", "the site is read-only at present"},
    {409, ENOENT, "itemNotFound", "its folder does not exist any more"},
    {409, EEXIST, "nameAlreadyExists", "the name is taken"},
    {409, ECANCELED, "resourceModified", "somebody has changed it meanwhile"},
    {409, ECANCELED, "entityTagDoesNotMatch", "somebody has changed it meanwhile"},
    {409, EBUSY, "generalException", "the service is busy with it; try again later"},
};

static const struct row statuses[] = {
    {400, EINVAL, NULL, "the service did not understand the request"},
    {401, EACCES, NULL, "the service does not accept this sign-in; connect again"},
    {402, EACCES, NULL, "the service wants to be paid for this call"},
    {403, EACCES, NULL, "access is denied; ask the owner or the administrator"},
    {404, ENOENT, NULL, "it does not exist, or you may not see it"},
    {405, EINVAL, NULL, "the service does not offer this"},
    {406, EINVAL, NULL, "the service does not offer this"},
    {408, EIO, NULL, "the service gave up waiting; try again"},
    {409, EEXIST, NULL, "the name is taken"},
    {410, ESTALE, NULL, "the change list has to be read afresh"},
    {411, EINVAL, NULL, "the service did not understand the request"},
    {412, ECANCELED, NULL, "somebody has changed it meanwhile"},
    {413, EFBIG, NULL, "it is larger than the service allows"},
    {415, EINVAL, NULL, "the service does not offer this"},
    {416, EIO, NULL, "the service has no such part of it"},
    {422, EINVAL, NULL, "the service did not understand the request"},
    {423, EBUSY, NULL, "somebody holds a lock on it; try again later"},
    {424, EIO, NULL, "a step before it failed"},
    {429, EIO, NULL, "the service is throttling this account; try again later"},
    {501, ENOTSUP, NULL, "the service does not offer this"},
    {507, ENOSPC, NULL, "the storage quota is used up; free space or ask the administrator"},
};

static const struct row other = {0, EIO, NULL, "the service is in trouble; try again later"};

static const struct row *by_code(int status, const char *code)
{
    if (!code)
        return NULL;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(codes); i++)
        if ((codes[i].status == 0 || codes[i].status == status) && strcasecmp(codes[i].code, code) == 0)
            return &codes[i];
    return NULL;
}

static const struct row *by_status(int status)
{
    for (size_t i = 0; i < SPFS_ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return &statuses[i];
    return &other;
}

static const struct spfs_json *inner(const struct spfs_json *e)
{
    const struct spfs_json *in = spfs_json_get(e, "innerError");
    return in ? in : spfs_json_get(e, "innererror");
}

/* The row that decides; *ret_code is the outermost code that was said, for the log. */
static const struct row *decide(int status, const struct spfs_json *body, const char **ret_code)
{
    const struct spfs_json *e = spfs_json_get(body, "error");
    const struct row *best = NULL;
    *ret_code = spfs_json_str(e, "code");
    for (; spfs_json_is_object(e); e = inner(e)) {
        const struct row *row = by_code(status, spfs_json_str(e, "code"));
        if (row)
            best = row;
    }
    return best ? best : by_status(status);
}

/* Codes come from outside: only what looks like one is repeated to a person. */
static const char *shown(const char *code)
{
    size_t n = code ? strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") : 0;
    return n > 0 && n <= 64 && code[n] == '\0' ? code : NULL;
}

int errmap_status(int status, const struct spfs_json *body)
{
    const char *code;
    return -decide(status, body, &code)->err;
}

int errmap_reply(const struct spfs_http_head *head, const struct spfs_json *body, const char *what,
                 struct spfs_reason *reason)
{
    const char *code = NULL;
    const struct row *row = head->infected ? &codes[0] : decide(head->status, body, &code);
    const char *id = shown(head->request_id);
    code = head->infected ? "infected" : shown(code);
    if (head->status >= 300 && head->status < 400)
        return spfs_fail(reason, -EIO,
                         "Cannot %s: the service answered with a redirect (HTTP %d), which is not followed.",
                         what, head->status);
    return spfs_fail(reason, -row->err, "Cannot %s: %s (HTTP %d%s%s%s%s).", what, row->says, head->status,
                     code ? " " : "", code ? code : "", id ? ", request " : "", id ? id : "");
}

/* The status that a code stands for, where there is only the code. */
static int status_of(const char *code)
{
    static const struct {
        const char *begin;
        int status;
    } known[] = {
        {"nameAlreadyExists", 409}, {"accessDenied", 403},      {"itemNotFound", 404},
        {"resourceModified", 412},  {"invalidRequest", 400},    {"notAllowed", 403},
        {"pathIsTooLong", 400},     {"notSupported", 501},      {"resourceLocked", 423},
        {"lockMismatch", 423},      {"quotaLimitReached", 507}, {"maxFileSizeExceeded", 413},
    };
    for (size_t i = 0; code && i < SPFS_ARRAY_LEN(known); i++)
        if (strncasecmp(code, known[i].begin, strlen(known[i].begin)) == 0)
            return known[i].status;
    return 0;
}

int errmap_failure(const struct spfs_json *body, const char *what, struct spfs_reason *reason)
{
    const struct spfs_json *e = spfs_json_get(body, "error");
    const char *code = spfs_json_str(e, "code");
    if (!status_of(code))
        code = spfs_json_str(spfs_json_first(spfs_json_get(e, "details")), "code");
    if (!status_of(code))
        code = spfs_json_str(body, "errorCode");
    const char *outer;
    const struct row *row = decide(status_of(code), body, &outer);
    code = shown(code ? code : outer);
    return spfs_fail(reason, -row->err, "Cannot %s: %s%s%s%s.", what, row->says, code ? " (" : "",
                     code ? code : "", code ? ")" : "");
}

int errmap_transport(int err)
{
    switch (err) {
    case -ECONNRESET:
    case -EPROTO:
    case -EPERM: /* an address that must not be sent to; -EPERM upward means malware */
    case -EBADMSG:
        return -EIO;
    case -EAGAIN: /* the account is paused beyond the deadline */
        return -ETIMEDOUT;
    default:
        return err;
    }
}
