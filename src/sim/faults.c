/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: fault rules (see faults_i.h). A rule is one JSON object.
 * Matcher, all given ones must hold: "method", "path_contains", "path_regex" (POSIX extended, on path and
 * query as sent), "after" (skip the first n matches), "times" (fire so often, -1: always; default 1),
 * "probability" with "seed". Actions: "status" with "code", "message", "body", "retry_after", "location";
 * "aadsts" (token endpoint); "html", "garbage", "huge_json" (MB); "reset_after", "truncate" (bytes of the
 * body; reset_after 0: before any header); "stall_ms" with "stall_after"; "wrong_content_range",
 * "ignore_range", "drop_etag", "expire_url", "endless_nextlink"; for one entry ("entry": n) of a listing
 * "name", "name_json", "size", "size_json", "cycle" ("self" or "pair"). Threads: any; lock guards the list,
 * plans are copies. */
#include "sim_i.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct fault_rule {
    struct fault_rule *next;
    unsigned id;
    char *method, *contains, *pattern;
    regex_t regex;
    int64_t times; /* < 0: for ever */
    uint64_t after, seen, fired;
    double probability;
    uint64_t dice;
    struct fault_plan plan; /* template */
};

static char *copy(const char *s)
{
    return s ? sim_strdup(s) : NULL;
}

static void rule_free(struct fault_rule *r)
{
    if (r->pattern)
        regfree(&r->regex);
    free(r->method);
    free(r->contains);
    free(r->pattern);
    fault_plan_done(&r->plan);
    free(r);
}

void fault_plan_done(struct fault_plan *p)
{
    free(p->body);
    free(p->location);
    free(p->name_json);
    free(p->size_json);
    free(p->cycle);
}

void faults_init(struct faults *f)
{
    memset(f, 0, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
}

void faults_clear(struct faults *f)
{
    pthread_mutex_lock(&f->lock);
    for (struct fault_rule *r = f->rules, *next; r; r = next) {
        next = r->next;
        rule_free(r);
    }
    f->rules = NULL;
    pthread_mutex_unlock(&f->lock);
}

void faults_done(struct faults *f)
{
    faults_clear(f);
    pthread_mutex_destroy(&f->lock);
}

/* ---- reading a rule ---- */

static double number(const cJSON *o, const char *key, double otherwise)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(v) ? v->valuedouble : otherwise;
}

static bool flag(const cJSON *o, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static char *text(const cJSON *o, const char *key)
{
    return copy(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key)));
}

/* "key" as any JSON value, or "key_json" as text that is put into the reply as it is. */
static char *json_text(const cJSON *o, const char *key)
{
    char raw_key[32];
    spfs_format(raw_key, sizeof raw_key, "%s_json", key);
    char *raw = text(o, raw_key);
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    if (raw || !v)
        return raw;
    SPFS_FREE char *printed = cJSON_PrintUnformatted(v);
    return copy(printed);
}

static void read_plan(const cJSON *o, struct fault_plan *p)
{
    p->active = true;
    p->status = (unsigned)number(o, "status", 0);
    p->retry_after = number(o, "retry_after", -1);
    SPFS_FREE char *code = text(o, "code");
    spfs_copy(p->code, sizeof p->code, code);
    p->aadsts = (unsigned)number(o, "aadsts", 0);
    p->body = text(o, "body");
    p->location = text(o, "location");
    p->html = flag(o, "html");
    p->garbage = flag(o, "garbage");
    p->huge_json = (uint64_t)(number(o, "huge_json", 0) * (1 << 20));
    double reset = number(o, "reset_after", -1), cut = number(o, "truncate", -1);
    p->reset_after = reset < 0 ? FAULT_NONE : (uint64_t)reset;
    p->truncate = cut < 0 ? FAULT_NONE : (uint64_t)cut;
    p->stall_after = (uint64_t)number(o, "stall_after", 0);
    p->stall_ms = (uint64_t)number(o, "stall_ms", 0);
    p->wrong_content_range = flag(o, "wrong_content_range");
    p->ignore_range = flag(o, "ignore_range");
    p->drop_etag = flag(o, "drop_etag");
    p->expire_url = flag(o, "expire_url");
    p->endless_nextlink = flag(o, "endless_nextlink");
    p->name_json = json_text(o, "name");
    p->size_json = json_text(o, "size");
    p->cycle = text(o, "cycle");
    p->entry = (unsigned)number(o, "entry", 0);
}

static struct fault_rule *rule_read(const cJSON *o, struct spfs_reason *reason)
{
    struct fault_rule *r = sim_alloc(sizeof *r);
    r->method = text(o, "method");
    r->contains = text(o, "path_contains");
    r->times = (int64_t)number(o, "times", 1);
    r->after = (uint64_t)number(o, "after", 0);
    r->probability = number(o, "probability", 1);
    r->dice = (uint64_t)number(o, "seed", 1) * 2 + 1;
    read_plan(o, &r->plan);
    SPFS_FREE char *pattern = text(o, "path_regex");
    if (!cJSON_IsObject(o) || (pattern && regcomp(&r->regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)) {
        spfs_fail(reason, -EINVAL,
                  "a fault rule is not an object, or its path_regex is not a regular expression");
        rule_free(r);
        return NULL;
    }
    r->pattern = TAKE(pattern);
    return r;
}

int faults_add(struct faults *f, const cJSON *json, struct spfs_reason *reason)
{
    struct fault_rule *first = NULL, **tail = &first;
    const cJSON *o = cJSON_IsArray(json) ? json->child : json;
    for (; o; o = cJSON_IsArray(json) ? o->next : NULL) {
        *tail = rule_read(o, reason);
        if (!*tail) {
            for (struct fault_rule *next; first; first = next) {
                next = first->next;
                rule_free(first);
            }
            return -EINVAL;
        }
        tail = &(*tail)->next;
    }
    pthread_mutex_lock(&f->lock);
    for (struct fault_rule *r = first; r; r = r->next)
        r->id = ++f->last_id;
    struct fault_rule **end = &f->rules;
    while (*end)
        end = &(*end)->next;
    *end = first;
    pthread_mutex_unlock(&f->lock);
    return 0;
}

int faults_add_file(struct faults *f, const char *file, struct spfs_reason *reason)
{
    FILE *in = fopen(file, "re");
    if (!in)
        return spfs_fail(reason, -errno, "faults %s cannot be read: %s", file, strerror(errno));
    struct spfs_buf b;
    spfs_buf_init(&b, 1u << 24);
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, in)) > 0;)
        spfs_buf_add(&b, piece, n);
    fclose(in);
    cJSON *json = b.data ? cJSON_Parse(b.data) : NULL;
    int err = json ? faults_add(f, json, reason) : spfs_fail(reason, -EINVAL, "faults %s is not JSON", file);
    cJSON_Delete(json);
    spfs_buf_done(&b);
    return err;
}

void faults_json(struct faults *f, struct spfs_buf *b)
{
    pthread_mutex_lock(&f->lock);
    jw_open(b, NULL, '[');
    for (struct fault_rule *r = f->rules; r; r = r->next) {
        jw_open(b, NULL, '{');
        jw_u64(b, "id", r->id);
        jw_str(b, "method", r->method ? r->method : "");
        jw_str(b, "path_contains", r->contains ? r->contains : "");
        jw_str(b, "path_regex", r->pattern ? r->pattern : "");
        jw_i64(b, "times", r->times);
        jw_u64(b, "matched", r->seen);
        jw_u64(b, "fired", r->fired);
        jw_close(b, '}');
    }
    jw_close(b, ']');
    pthread_mutex_unlock(&f->lock);
}

/* ---- matching ---- */

static bool matches(struct fault_rule *r, const char *method, const char *target)
{
    if ((r->method && strcmp(r->method, method) != 0) || (r->contains && !strstr(target, r->contains)))
        return false;
    return !r->pattern || regexec(&r->regex, target, 0, NULL, 0) == 0;
}

static bool fires(struct fault_rule *r)
{
    if (r->times >= 0 && (int64_t)r->fired >= r->times)
        return false;
    if (r->seen++ < r->after)
        return false;
    r->dice = r->dice * 6364136223846793005ull + 1442695040888963407ull;
    if ((double)(r->dice >> 11) / (double)(1ull << 53) >= r->probability)
        return false;
    r->fired++;
    return true;
}

void faults_match(struct faults *f, const char *method, const char *target, struct fault_plan *plan)
{
    pthread_mutex_lock(&f->lock);
    for (struct fault_rule *r = f->rules; r; r = r->next) {
        if (!matches(r, method, target) || !fires(r))
            continue;
        *plan = r->plan;
        plan->body = copy(r->plan.body);
        plan->location = copy(r->plan.location);
        plan->name_json = copy(r->plan.name_json);
        plan->size_json = copy(r->plan.size_json);
        plan->cycle = copy(r->plan.cycle);
        break;
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- answering ---- */

static void huge(struct sim_call *c, uint64_t size)
{
    static const char entry[] =
        "{\"id\":\"01HUGE\",\"name\":\"padding padding padding padding padding padding\"}";
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_open(b, "value", '[');
    while (b->len < size)
        jw_raw(b, NULL, entry);
    jw_close(b, ']');
    jw_close(b, '}');
}

static void plain(struct sim_call *c, unsigned status, const char *type, const char *body)
{
    struct spfs_buf *b = call_json(c, status);
    c->reply.type = type;
    spfs_buf_adds(b, body);
}

static const char *code_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *code;
    } codes[] = {{400, "invalidRequest"},      {401, "InvalidAuthenticationToken"},
                 {403, "accessDenied"},        {404, "itemNotFound"},
                 {409, "nameAlreadyExists"},   {410, "resyncRequired"},
                 {412, "resourceModified"},    {416, "invalidRange"},
                 {423, "resourceLocked"},      {429, "activityLimitReached"},
                 {500, "generalException"},    {501, "NotImplemented"},
                 {503, "serviceNotAvailable"}, {507, "quotaLimitReached"}};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(codes); i++)
        if (codes[i].status == status)
            return codes[i].code;
    return "UnknownError";
}

static void status_reply(struct sim_call *c)
{
    struct fault_plan *p = &c->plan;
    if (p->body)
        plain(c, p->status, "application/json", p->body);
    else if (c->class == SIM_TOKEN)
        token_error(c, p->status, *p->code ? p->code : "invalid_grant", p->aadsts ? p->aadsts : 90033,
                    "A fault was injected.");
    else
        call_error(c, p->status, *p->code ? p->code : code_of(p->status), "A fault was injected.", NULL);
    if (p->location)
        call_header(c, "Location", "%s%s", *p->location == '/' ? c->base : "", p->location);
    if (p->retry_after >= 0) {
        call_header(c, "Retry-After", "%g", p->retry_after);
        if (p->status == 429 || p->status == 503)
            pace_pause(c->sim, c->principal, p->retry_after);
    }
}

bool faults_answer(struct sim_call *c)
{
    struct fault_plan *p = &c->plan;
    if (p->aadsts && !p->status)
        p->status = 400;
    if (p->html)
        plain(c, p->status ? p->status : 200, "text/html",
              "<!DOCTYPE html><html><head><title>Sign in to the "
              "network</title></head><body>proxy</body></html>");
    else if (p->garbage)
        plain(c, p->status ? p->status : 200, "application/json", "{\"value\":[{\"id\":\"01\xff\xfe,,}}]");
    else if (p->huge_json)
        huge(c, p->huge_json);
    else if (p->status)
        status_reply(c);
    else
        return false;
    return true;
}
