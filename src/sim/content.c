/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: downloads. Graph redirects to a pre-authenticated URL on another path; that one serves ranges,
 * wants no bearer token and expires. Its tempauth value is compared as it was sent, so re-encoding it breaks
 * it, as on the real service. Threads: the call's; the reply holds a reference to the bytes, so that they are
 * sent without tree.lock. */
#include "item_i.h"
#include "pattern_i.h"
#include "route_i.h"
#include "scan_i.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void tempauth(const struct sim_call *c, const char *id, unsigned version, unsigned who,
                     uint64_t expires, char ret[128])
{
    uint64_t sum = c->sim->secret ^ version ^ (uint64_t)who << 32;
    for (const char *p = id; *p; p++)
        sum = pattern_mix(sum ^ (unsigned char)*p);
    sum = pattern_mix(sum ^ expires);
    snprintf(ret, 128, "v1.%u.%" PRIx64 ".%016" PRIx64 "%%2b%%3d~", who, expires, sum);
}

void content_base(const struct sim_call *c, char *ret, size_t size)
{
    if (c->sim->opt.content_host)
        spfs_format(ret, size, "%s://%.300s", c->sim->opt.tls_cert ? "https" : "http",
                    c->sim->opt.content_host);
    else
        spfs_copy(ret, size, c->base);
}

void content_url(struct sim_call *c, uint32_t item, uint32_t version, char *ret, size_t size)
{
    char id[TREE_ID_LEN + 1], auth[128];
    tree_item_id(&c->sim->tree, item, id);
    uint64_t now = (uint64_t)time(NULL);
    uint64_t expires = c->plan.expire_url ? now - 1 : now + c->sim->opt.url_life_s;
    tempauth(c, id, version, c->principal, expires, auth);
    char base[320];
    content_base(c, base, sizeof base);
    spfs_format(ret, size,
                "%s/_content/download.aspx?UniqueId=%s&v=%u&Translate=false&tempauth=%s&ApiVersion=2.0", base,
                id, version, auth);
}

static bool refused(struct sim_call *c, const struct tree_item *it)
{
    if (it->flags & TREE_MALWARE)
        call_error(c, 403, "malwareDetected", "Malware detected.", "virusSuspicious");
    else if (it->flags & TREE_NO_DOWNLOAD)
        call_error(c, 403, "accessDenied", "Access denied.", "accessRestricted");
    else
        return false;
    return true;
}

void content_redirect(struct sim_call *c, uint32_t item, uint32_t version)
{
    const struct tree_item *it = tree_item(&c->sim->tree, item);
    if (c->header[SIM_H_RANGE])
        call_violation(c, SIM_V_RANGE_ON_GRAPH);
    if (it->kind != TREE_FILE)
        return call_error(c, 400, "invalidRequest", "You cannot get content for a folder.", NULL);
    if (refused(c, it))
        return;
    char tag[64], ctag[64], url[900];
    item_etag(&c->sim->tree, item, tag);
    item_ctag(&c->sim->tree, item, ctag);
    const char *known = c->header[SIM_H_IF_NONE_MATCH];
    if (known && (strcmp(known, tag) == 0 || strcmp(known, ctag) == 0)) {
        c->reply.status = 304;
        return;
    }
    content_url(c, item, version, url, sizeof url);
    c->reply.status = 302;
    call_header(c, "Location", "%s", url);
}

/* Value of a raw query option; false when missing or too long. */
static bool raw_option(const struct sim_call *c, const char *name, char *ret, size_t size)
{
    size_t k = strlen(name);
    for (const char *p = c->query; *p; p += strcspn(p, "&"), p += *p == '&') {
        size_t n = strcspn(p, "&");
        if (n <= k || strncmp(p, name, k) != 0 || p[k] != '=' || n - k - 1 >= size)
            continue;
        memcpy(ret, p + k + 1, n - k - 1);
        ret[n - k - 1] = '\0';
        return true;
    }
    return false;
}

enum sim_principal content_whose(const struct sim_call *c)
{
    char auth[128];
    uint64_t who = 0;
    bool found = raw_option(c, "tempauth", auth, sizeof auth) && scan(auth, "v1.%d.", &who);
    return found && who < SIM_PRINCIPALS ? (enum sim_principal)who : SIM_NOBODY;
}

static void unauthenticated(struct sim_call *c, const char *message)
{
    call_error(c, 401, "unauthenticated", message, "expiredToken");
}

/* Serial of the item that the URL opens, or TREE_NONE with the reply filled. */
static uint32_t admit(struct sim_call *c, uint32_t *version)
{
    char id[64], v[16] = "0", auth[128], exact[128];
    uint64_t who = 0, expires = 0, number = 0;
    if (c->header[SIM_H_AUTHORIZATION]) {
        call_violation(c, SIM_V_AUTH_ON_CONTENT);
        if (!c->sim->opt.tolerate_auth) {
            unauthenticated(
                c, "The request carries an Authorization header that this endpoint does not accept.");
            return TREE_NONE;
        }
    }
    if (!raw_option(c, "UniqueId", id, sizeof id) || !raw_option(c, "v", v, sizeof v) ||
        !raw_option(c, "tempauth", auth, sizeof auth) || !scan(auth, "v1.%d.%x.", &who, &expires) ||
        !scan(v, "%d", &number)) {
        unauthenticated(c, "The caller is not authenticated.");
        return TREE_NONE;
    }
    *version = (uint32_t)number;
    tempauth(c, id, *version, (unsigned)who, expires, exact);
    if (strcmp(exact, auth) != 0 || expires <= (uint64_t)time(NULL) || c->plan.expire_url) {
        unauthenticated(c, "The tempauth token is invalid or has expired.");
        return TREE_NONE;
    }
    uint32_t item = tree_by_id(&c->sim->tree, id);
    if (!item || tree_item(&c->sim->tree, item)->flags & TREE_DELETED) {
        call_error(c, 404, "itemNotFound", "The resource could not be found.", NULL);
        return TREE_NONE;
    }
    return refused(c, tree_item(&c->sim->tree, item)) ? TREE_NONE : item;
}

/* One range of `bytes=`; false: serve everything (other units, several ranges, nonsense). */
static bool parse_range(const char *h, uint64_t total, uint64_t *first, uint64_t *last)
{
    uint64_t a = 0, b = 0, end = total ? total - 1 : 0;
    const char *rest;
    if ((rest = scan(h, "bytes=-%d", &b)) && !*rest) {
        *first = b && b < total ? total - b : b ? 0 : total;
        *last = end;
        return true;
    }
    if ((rest = scan(h, "bytes=%d-%d", &a, &b)) && !*rest && b >= a) {
        *first = a;
        *last = b < end ? b : end;
        return true;
    }
    if ((rest = scan(h, "bytes=%d-", &a)) && !*rest) {
        *first = a;
        *last = end;
        return true;
    }
    return false;
}

static bool find_body(struct sim_call *c, uint32_t item, uint32_t version, struct tree_body *ret)
{
    const struct tree_item *it = tree_item(&c->sim->tree, item);
    if (version == 0 || version == tree_version_number(it)) {
        *ret = tree_body(it);
        return true;
    }
    for (const struct tree_version *v = it->extra ? it->extra->versions : NULL; v; v = v->older) {
        if (v->number == version) {
            *ret = v->body;
            blob_ref(ret->blob);
            return true;
        }
    }
    call_error(c, 404, "itemNotFound", "The version could not be found.", NULL);
    return false;
}

static void serve(struct sim_call *c, uint32_t item, uint32_t version)
{
    struct sim_reply *r = &c->reply;
    if (!find_body(c, item, version, &r->content))
        return;
    const struct tree_item *it = tree_item(&c->sim->tree, item);
    uint64_t total = r->content.size, first = 0, last = 0;
    bool ranged = parse_range(c->header[SIM_H_RANGE], total, &first, &last) && !c->plan.ignore_range;
    if (ranged && first >= total) {
        call_error(c, 416, "invalidRange", "The requested range is not satisfiable.", NULL);
        call_header(c, "Content-Range", "bytes */%" PRIu64, total);
        return;
    }
    r->is_content = true;
    r->type = item_mime(it->name);
    r->status = ranged ? 206 : 200;
    r->first = ranged ? first : 0;
    r->count = ranged ? last - first + 1 : total;
    if (ranged) {
        uint64_t lie = c->plan.wrong_content_range ? 1 : 0;
        call_header(c, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first + lie, last + lie,
                    total + lie);
    }
    call_header(c, "Accept-Ranges", "bytes");
    call_header(c, "Content-Disposition", "attachment");
    if (!c->plan.drop_etag && !c->sim->opt.no_content_etag && version == 0) {
        char tag[64];
        item_etag(&c->sim->tree, item, tag);
        call_header(c, "ETag", "%s", tag);
    }
}

void content_call(struct sim_call *c)
{
    uint32_t version = 0;
    pthread_rwlock_rdlock(&c->sim->tree.lock);
    uint32_t item = admit(c, &version);
    if (item)
        serve(c, item, version);
    pthread_rwlock_unlock(&c->sim->tree.lock);
}
