/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: display paths (see places_i.h). Threads: under tree.lock. */
#include "places_i.h"

#include <string.h>

#define OWN_FILES "My Files"

/* Cuts the next part; false at the end. */
static bool cut(const char **p, char *ret, size_t size)
{
    *p += strspn(*p, "/");
    size_t n = strcspn(*p, "/");
    if (n == 0 || n >= size)
        return false;
    memcpy(ret, *p, n);
    ret[n] = '\0';
    *p += n;
    return true;
}

static bool title_is_shared(const struct tree *t, unsigned site)
{
    for (unsigned i = 0; i < t->site_count; i++)
        if (i != site && t->sites[i].parent == t->sites[site].parent &&
            strcasecmp(t->sites[i].title, t->sites[site].title) == 0)
            return true;
    return false;
}

static void shown_title(const struct tree *t, unsigned site, char *ret, size_t size)
{
    const struct tree_site *s = &t->sites[site];
    if (title_is_shared(t, site))
        spfs_format(ret, size, "%s (%s)", s->title, s->name);
    else
        spfs_copy(ret, size, s->title);
}

static int find_site(const struct tree *t, int parent, const char *name)
{
    char shown[600];
    for (unsigned i = 0; i < t->site_count; i++) {
        shown_title(t, i, shown, sizeof shown);
        if (t->sites[i].parent == parent &&
            (strcasecmp(shown, name) == 0 || strcasecmp(t->sites[i].name, name) == 0))
            return (int)i;
    }
    return -1;
}

static int find_library(const struct tree *t, int site, const char *name)
{
    for (unsigned i = 0; i < t->drive_count; i++)
        if (t->drives[i].site == site && strcasecmp(t->drives[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* The library that the path begins with; *p moves behind it. */
static int find_drive(const struct tree *t, const char **p)
{
    char name[600];
    int site = -1;
    while (cut(p, name, sizeof name)) {
        if (site < 0 && strcasecmp(name, OWN_FILES) == 0)
            return tree_drive_of_user(t);
        int drive = site >= 0 ? find_library(t, site, name) : -1;
        if (drive >= 0)
            return drive;
        site = find_site(t, site, name);
        if (site < 0)
            return -1;
    }
    return -1;
}

struct place place_find(const struct tree *t, const char *path)
{
    struct place ret = {.drive = find_drive(t, &path)};
    if (ret.drive < 0)
        return ret;
    uint32_t at = t->drives[ret.drive].root;
    ret.item = at;
    for (char name[1024]; cut(&path, name, sizeof name);) {
        ret.parent = at;
        spfs_copy(ret.name, sizeof ret.name, name);
        ret.item = at = at ? tree_child(t, at, name) : TREE_NONE;
    }
    return ret;
}

void place_of_drive(const struct tree *t, unsigned drive, struct spfs_buf *b)
{
    const struct tree_drive *d = &t->drives[drive];
    if (d->site < 0) {
        spfs_buf_adds(b, "/" OWN_FILES);
        return;
    }
    int chain[8], depth = 0;
    for (int s = d->site; s >= 0 && depth < 8; s = t->sites[s].parent)
        chain[depth++] = s;
    while (depth > 0) {
        char shown[600];
        shown_title(t, (unsigned)chain[--depth], shown, sizeof shown);
        spfs_buf_addf(b, "/%s", shown);
    }
    spfs_buf_addf(b, "/%s", d->name);
}
