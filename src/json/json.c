// SPDX-License-Identifier: GPL-3.0-or-later
/* Purpose: typed, bounded reading of JSON; see json.h. A value is a cJSON node, a document the root node.
 * Threads: any; a document is read by many or freed by one. */
#include <spfs/json/json.h>
#include "scan_i.h"
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: the integers that a double holds exactly */

static const cJSON *node(const struct spfs_json *v)
{
    return (const cJSON *)(const void *)v;
}

static const struct spfs_json *value(const cJSON *n)
{
    return n && !cJSON_IsNull(n) ? (const struct spfs_json *)(const void *)n : NULL;
}

static bool only_space(const char *p, const char *end)
{
    while (p < end && strchr(" \t\r\n", *p))
        p++;
    return p == end;
}

int spfs_json_parse(const char *data, size_t len, size_t max, struct spfs_json_doc **ret)
{
    const char *end = NULL;
    if (len > max)
        return -EFBIG;
    SPFS_FREE char *text = malloc(len + 1);
    if (!text)
        return -ENOMEM;
    memcpy(text, data, len);
    text[len] = '\0';
    int rc = scan_document(text, len);
    if (rc)
        return rc;
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, 0);
    if (!root)
        return -EBADMSG;
    if (!only_space(end, text + len)) {
        cJSON_Delete(root);
        return -EBADMSG;
    }
    *ret = (struct spfs_json_doc *)(void *)root;
    return 0;
}

void spfs_json_free(struct spfs_json_doc *d)
{
    cJSON_Delete((cJSON *)(void *)d);
}

const struct spfs_json *spfs_json_root(const struct spfs_json_doc *d)
{
    return value((const cJSON *)(const void *)d);
}

static const cJSON *find(const cJSON *v, const char *name, size_t len)
{
    if (!cJSON_IsObject(v))
        return NULL;
    for (const cJSON *c = v->child; c; c = c->next)
        if (c->string && c->string[0] == name[0] && strncmp(c->string, name, len) == 0 &&
            c->string[len] == '\0')
            return c;
    return NULL;
}

static const cJSON *walk(const struct spfs_json *v, const char *path)
{
    const cJSON *n = node(v);
    for (;;) {
        size_t len = strcspn(path, ".");
        n = find(n, path, len);
        if (!n || path[len] == '\0')
            return n;
        path += len + 1;
    }
}

/* The string of n when it is good text. */
static const char *text_of(const cJSON *n)
{
    return cJSON_IsString(n) && n->valuestring && scan_is_utf8(n->valuestring) ? n->valuestring : NULL;
}

const struct spfs_json *spfs_json_get(const struct spfs_json *v, const char *path)
{
    return value(walk(v, path));
}

const struct spfs_json *spfs_json_member(const struct spfs_json *v, const char *name)
{
    return value(find(node(v), name, strlen(name)));
}

bool spfs_json_has(const struct spfs_json *v, const char *path)
{
    return spfs_json_get(v, path) != NULL;
}

const char *spfs_json_str(const struct spfs_json *v, const char *path)
{
    return text_of(walk(v, path));
}

const char *spfs_json_member_str(const struct spfs_json *v, const char *name)
{
    return text_of(find(node(v), name, strlen(name)));
}

/* A whole number of at most 2^53 either way, from a number or a decimal string. */
static bool integer_of(const cJSON *n, int64_t *ret)
{
    uint64_t u;
    if (cJSON_IsNumber(n)) {
        double d = n->valuedouble;
        if (!(d >= -EXACT_MAX && d <= EXACT_MAX) || d != (double)(int64_t)d)
            return false;
        *ret = (int64_t)d;
        return true;
    }
    const char *s = text_of(n);
    bool minus = s && *s == '-';
    if (!s || !spfs_parse_u64(s + minus, (uint64_t)EXACT_MAX, &u))
        return false;
    *ret = minus ? -(int64_t)u : (int64_t)u;
    return true;
}

uint64_t spfs_json_u64(const struct spfs_json *v, const char *path, uint64_t otherwise)
{
    int64_t i;
    return integer_of(walk(v, path), &i) && i >= 0 ? (uint64_t)i : otherwise;
}

int64_t spfs_json_i64(const struct spfs_json *v, const char *path, int64_t otherwise)
{
    int64_t i;
    return integer_of(walk(v, path), &i) ? i : otherwise;
}

bool spfs_json_bool(const struct spfs_json *v, const char *path, bool otherwise)
{
    const cJSON *n = walk(v, path);
    return cJSON_IsBool(n) ? cJSON_IsTrue(n) : otherwise;
}

bool spfs_json_is_object(const struct spfs_json *v)
{
    return cJSON_IsObject(node(v));
}

bool spfs_json_is_array(const struct spfs_json *v)
{
    return cJSON_IsArray(node(v));
}

/* Elements that are null are values too: they are handed out, and every getter finds nothing in them. */
static const struct spfs_json *element(const cJSON *n)
{
    return (const struct spfs_json *)(const void *)n;
}

const struct spfs_json *spfs_json_first(const struct spfs_json *array)
{
    const cJSON *n = node(array);
    return cJSON_IsArray(n) || cJSON_IsObject(n) ? element(n->child) : NULL;
}

const struct spfs_json *spfs_json_next(const struct spfs_json *v)
{
    return v ? element(node(v)->next) : NULL;
}

const char *spfs_json_text(const struct spfs_json *v)
{
    return text_of(node(v));
}

int spfs_json_add_string(struct spfs_buf *b, const char *text)
{
    int rc = spfs_buf_adds(b, "\"");
    for (const char *p = text; rc == 0 && *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            rc = spfs_buf_add(b, (char[]){'\\', *p}, 2);
        else if (c < 0x20)
            rc = spfs_buf_addf(b, "\\u%04x", c);
        else
            rc = spfs_buf_add(b, p, 1);
    }
    return rc ? rc : spfs_buf_adds(b, "\"");
}
