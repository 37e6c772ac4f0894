/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parsing SOURCE. */
#include "source_i.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_url(const char *text)
{
    return strncasecmp(text, "https://", 8) == 0 || strncasecmp(text, "http://", 7) == 0;
}

bool spfs_source_is(const char *text)
{
    return strchr(text, ':') != NULL;
}

/* Repeated and outer slashes go; "." and ".." would leave the tree that was asked for. */
static int normalize(const char *path, char *out, size_t size)
{
    size_t used = 0;
    while (*path) {
        path += strspn(path, "/");
        size_t len = strcspn(path, "/");
        if (len == 0)
            break;
        if ((len == 1 && path[0] == '.') || (len == 2 && path[0] == '.' && path[1] == '.'))
            return -EINVAL;
        if (used + len + 2 > size)
            return -ENAMETOOLONG;
        if (used)
            out[used++] = '/';
        memcpy(out + used, path, len);
        used += len;
        path += len;
    }
    out[used] = '\0';
    return 0;
}

int spfs_source_parse(const char *text, struct spfs_source *ret, struct spfs_reason *reason)
{
    *ret = (struct spfs_source){.is_url = is_url(text)};
    if (ret->is_url) {
        if (!spfs_copy(ret->path, sizeof(ret->path), text))
            return spfs_fail(reason, -EINVAL, "the web address is too long");
        return 0;
    }
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (len == 0 || memchr(text, '/', len))
        return spfs_fail(
            reason, -EINVAL,
            "\"%s\" is not a SOURCE; write NAME: or NAME:/Site/Library, where NAME is a connection", text);
    if (len >= sizeof(ret->connection))
        return spfs_fail(reason, -EINVAL, "the name of the connection in \"%s\" is too long", text);
    memcpy(ret->connection, text, len);
    if (normalize(colon + 1, ret->path, sizeof(ret->path)))
        return spfs_fail(reason, -EINVAL, "the path in \"%s\" is too long, or holds . or ..", text);
    return 0;
}

static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

void spfs_source_escape(const struct spfs_source *source, char ret[NAME_MAX + 1])
{
    static const size_t cut = 200; /* where a long one ends in a hash of the whole */
    uint64_t hash = 14695981039346656037ULL;
    size_t used = 0;
    bool whole = true;
    if (!*source->path) {
        spfs_copy(ret, NAME_MAX + 1, "=all");
        return;
    }
    for (const char *p = source->path; *p; p++) {
        hash = (hash ^ (unsigned char)*p) * 1099511628211ULL;
        whole = whole && used + 3 < cut;
        if (whole && is_plain(*p) && !(used == 0 && *p == '.'))
            ret[used++] = *p;
        else if (whole)
            used += (size_t)snprintf(ret + used, 4, "%%%02X", (unsigned)(unsigned char)*p);
    }
    ret[used] = '\0';
    if (!whole)
        snprintf(ret + used, NAME_MAX + 1 - used, "=%016" PRIx64, hash);
}
