/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: $batch. Parts run one after the other and are answered in reverse order, since clients must not
 * count on any; each is counted, logged, throttled and refused on its own. Threads: the call's. */
#include "sim_i.h"

#include <cjson/cJSON.h>
#include <spfs/base/clock.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 20

struct part {
    const cJSON *json;
    const char *id;
    struct sim_call *call; /* owned */
};

static const char *string(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static const char *header_of(const cJSON *part, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItemCaseSensitive(part, "headers"), name));
}

static void copy_header(struct sim_call *to, enum sim_header h, const char *value)
{
    if (value) {
        free(to->header[h]);
        to->header[h] = sim_strdup(value);
    }
}

static struct sim_call *part_call(struct sim_call *c, const cJSON *json)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    struct sim_call *p = sim_alloc(sizeof *p);
    const char *url = string(json, "url"), *method = string(json, "method");
    SPFS_FREE char *target = spfs_asprintf("/v1.0/%s", url ? url + strspn(url, "/") : "");
    p->sim = c->sim;
    p->is_batch_part = true;
    p->start_us = spfs_now_us();
    p->plan.reset_after = p->plan.truncate = FAULT_NONE;
    p->method = "OTHER";
    for (size_t i = 0; method && i < SPFS_ARRAY_LEN(methods); i++)
        if (strcmp(methods[i], method) == 0)
            p->method = methods[i];
    call_set_target(p, target);
    spfs_copy(p->base, sizeof p->base, c->base);
    copy_header(p, SIM_H_AUTHORIZATION, c->header[SIM_H_AUTHORIZATION]);
    copy_header(p, SIM_H_USER_AGENT, c->header[SIM_H_USER_AGENT]);
    copy_header(p, SIM_H_CLIENT_REQUEST_ID, c->header[SIM_H_CLIENT_REQUEST_ID]);
    copy_header(p, SIM_H_PREFER, header_of(json, "Prefer"));
    copy_header(p, SIM_H_IF_MATCH, header_of(json, "If-Match"));
    copy_header(p, SIM_H_IF_NONE_MATCH, header_of(json, "If-None-Match"));
    copy_header(p, SIM_H_CONTENT_TYPE, header_of(json, "Content-Type"));
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(json, "body");
    SPFS_FREE char *text = body ? cJSON_PrintUnformatted(body) : NULL;
    if (text)
        spfs_buf_adds(&p->body, text);
    return p;
}

static void headers_write(struct spfs_buf *b, const struct sim_call *p)
{
    jw_open(b, "headers", '{');
    for (const char *line = p->reply.headers.data; line && *line; line = strchr(line, '\n') + 1) {
        const char *colon = strstr(line, ": "), *end = strchr(line, '\n');
        SPFS_FREE char *name = strndup(line, (size_t)(colon - line));
        SPFS_FREE char *value = strndup(colon + 2, (size_t)(end - colon - 2));
        if (name && strcasecmp(name, "location") == 0)
            *name = 'l'; /* as published replies spell it */
        jw_str(b, name, value);
    }
    if (p->reply.body.len)
        jw_str(b, "Content-Type", "application/json");
    jw_close(b, '}');
}

static void part_write(struct spfs_buf *b, const struct part *part)
{
    struct sim_call *p = part->call;
    jw_open(b, NULL, '{');
    jw_str(b, "id", part->id);
    jw_u64(b, "status", p->reply.status);
    headers_write(b, p);
    if (p->reply.body.len && p->reply.type && spfs_starts(p->reply.type, "application/json"))
        jw_raw(b, "body", p->reply.body.data);
    else if (p->reply.body.len)
        jw_str(b, "body", p->reply.body.data);
    else
        jw_null(b, "body");
    jw_close(b, '}');
}

/* Status of the part that this one depends on, 0 without. */
static unsigned predecessor(const struct part *parts, unsigned i)
{
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(parts[i].json, "dependsOn");
    const char *id = cJSON_GetStringValue(cJSON_GetArrayItem(ids, 0));
    for (unsigned k = 0; id && k < i; k++)
        if (strcasecmp(parts[k].id, id) == 0)
            return parts[k].call->reply.status;
    return 0;
}

static bool collect(struct sim_call *c, const cJSON *list, struct part *parts, unsigned *count)
{
    const cJSON *json;
    *count = 0;
    cJSON_ArrayForEach(json, list)
    {
        const char *id = string(json, "id");
        bool taken = false;
        for (unsigned k = 0; id && k < *count; k++)
            taken = taken || strcasecmp(parts[k].id, id) == 0;
        if (!id || taken || *count == PARTS_MAX) {
            call_error(c, 400, "BadRequest",
                       *count == PARTS_MAX ? "The batch request exceeds the maximum number of 20 requests."
                                           : "Request ids must be given and unique.",
                       NULL);
            return false;
        }
        parts[(*count)++] = (struct part){.json = json, .id = id};
    }
    return true;
}

static void run_parts(struct sim_call *c, struct part *parts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct sim_call *p = parts[i].call = part_call(c, parts[i].json);
        unsigned before = predecessor(parts, i);
        if (before >= 400) {
            p->class = SIM_META;
            call_error(p, 424, "failedDependency", "The request depends on one that failed.", NULL);
        } else {
            route_run(p);
        }
        logfile_write(p);
    }
}

void batch_call(struct sim_call *c)
{
    struct part parts[PARTS_MAX];
    unsigned count = 0;
    cJSON *json = c->body.data ? cJSON_Parse(c->body.data) : NULL;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "requests");
    if (strcmp(c->method, "POST") != 0 || !cJSON_IsArray(list)) {
        call_error(c, 400, "BadRequest", "Invalid batch payload format.", NULL);
    } else if (collect(c, list, parts, &count)) {
        run_parts(c, parts, count);
        struct spfs_buf *b = call_json(c, 200);
        jw_open(b, NULL, '{');
        jw_open(b, "responses", '[');
        for (unsigned i = count; i > 0; i--)
            part_write(b, &parts[i - 1]);
        jw_close(b, ']');
        jw_close(b, '}');
        for (unsigned i = 0; i < count; i++) {
            call_done(parts[i].call);
            free(parts[i].call);
        }
    }
    cJSON_Delete(json);
}
