/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the catalog share: a catalog with one site and one library, short ways to put and look.
 */
#ifndef CAT_TEST_H
#define CAT_TEST_H

#include "test_dir.h"

#include <spfs/base/clock.h>
#include <spfs/store/catalog.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEWS_MAX = 4096 };

struct cat_test {
    char dir[64];
    struct spfs_catalog *c;
    struct spfs_catalog_txn *t;
    uint32_t drive, pass;
    uint64_t site, lib;
    struct spfs_observer observer;
    size_t news_count;
    struct {
        unsigned what;
        uint64_t ino, parent;
        char name[64];
    } news[NEWS_MAX];
};

static inline void cat_changed(void *ctx, const struct spfs_news *news, size_t n)
{
    struct cat_test *f = ctx;
    for (size_t i = 0; i < n && f->news_count < NEWS_MAX; i++, f->news_count++) {
        f->news[f->news_count].what = news[i].what;
        f->news[f->news_count].ino = news[i].ino;
        f->news[f->news_count].parent = news[i].parent;
        snprintf(f->news[f->news_count].name, 64, "%s", news[i].name ? news[i].name : "");
    }
}

static inline bool told(const struct cat_test *f, unsigned what, uint64_t ino)
{
    for (size_t i = 0; i < f->news_count; i++)
        if ((f->news[i].what & what) == what && f->news[i].ino == ino)
            return true;
    return false;
}

static inline bool told_name(const struct cat_test *f, unsigned what, const char *name)
{
    for (size_t i = 0; i < f->news_count; i++)
        if ((f->news[i].what & what) == what && strcmp(f->news[i].name, name) == 0)
            return true;
    return false;
}

static inline void begin(struct cat_test *f)
{
    f->news_count = 0;
    assert_int_equal(spfs_catalog_begin(f->c, &f->t), 0);
}

static inline void commit(struct cat_test *f)
{
    struct spfs_reason reason = {""};
    assert_int_equal(spfs_catalog_commit(f->t), 0);
    f->t = NULL;
    if (spfs_catalog_check(f->c, &reason))
        fail_msg("%s", reason.text);
}

/* What a case does not say: no size, a time of its own. */
static inline uint64_t put(struct cat_test *f, const struct spfs_item *said)
{
    uint64_t ino = 0;
    struct spfs_item item = *said;
    item.size = item.size ? item.size : SPFS_SIZE_UNKNOWN;
    item.mtime_ns = item.mtime_ns ? item.mtime_ns : 1700000000000000000;
    item.btime_ns = item.btime_ns ? item.btime_ns : SPFS_TIME_UNKNOWN;
    assert_int_equal(spfs_catalog_put_item(f->t, f->drive, f->pass, &item, &ino), 0);
    return ino;
}

#define ITEM(k, i, p, n, ...)                                                                                \
    (&(struct spfs_item){.kind = (k), .id = (i), .parent_id = (p), .name = (n), ##__VA_ARGS__})

static inline uint64_t folder(struct cat_test *f, const char *id, const char *parent, const char *name)
{
    return put(f, ITEM(SPFS_KIND_FOLDER, id, parent, name));
}

static inline uint64_t file(struct cat_test *f, const char *id, const char *parent, const char *name)
{
    return put(f, ITEM(SPFS_KIND_FILE, id, parent, name, .etag = id));
}

/* The path of an item, or "" when it is not known or hangs nowhere. */
static inline const char *path(struct cat_test *f, const char *id)
{
    static char text[4096];
    struct spfs_node n;
    struct spfs_buf b;
    text[0] = '\0';
    if (spfs_catalog_by_id(f->c, f->drive, id, &n))
        return text;
    spfs_buf_init(&b, sizeof(text) - 1);
    assert_int_equal(spfs_catalog_path(f->c, n.ino, &b), 0);
    if (n.parent && b.data)
        memcpy(text, b.data, b.len + 1);
    spfs_buf_done(&b);
    return text;
}

static inline int count_child(void *ctx, const struct spfs_child *child)
{
    (void)child;
    ++*(unsigned *)ctx;
    return 0;
}

static inline unsigned children(struct cat_test *f, uint64_t parent)
{
    unsigned n = 0;
    assert_int_equal(spfs_catalog_children(f->c, parent, count_child, &n), 0);
    return n;
}

static inline void cat_open(struct cat_test *f)
{
    struct spfs_reason reason = {""};
    if (spfs_catalog_open(f->dir, &f->observer, &f->c, &reason))
        fail_msg("%s", reason.text);
}

static inline void cat_reopen(struct cat_test *f)
{
    spfs_catalog_close(f->c);
    cat_open(f);
}

static inline int cat_setup(void **state)
{
    struct cat_test *f = calloc(1, sizeof(*f));
    f->observer = (struct spfs_observer){.changed = cat_changed, .ctx = f};
    f->pass = 1;
    test_dir_make(f->dir);
    cat_open(f);
    begin(f);
    assert_int_equal(spfs_catalog_put_site(f->t, SPFS_INO_TENANT, "host,a,b", "Site", &f->site), 0);
    const struct spfs_drive d = {.id = "b!drive", .name = "Documents", .web_url = "https://x/y"};
    assert_int_equal(spfs_catalog_put_drive(f->t, f->site, &d, "Documents", &f->drive, &f->lib), 0);
    put(f, ITEM(SPFS_KIND_ROOT, "root", NULL, "root"));
    commit(f);
    *state = f;
    return 0;
}

static inline int cat_teardown(void **state)
{
    struct cat_test *f = *state;
    if (f->t)
        spfs_catalog_abort(f->t);
    spfs_catalog_close(f->c);
    test_dir_remove(f->dir);
    free(f);
    return 0;
}

#define CAT_TEST(fn) cmocka_unit_test_setup_teardown(fn, cat_setup, cat_teardown)

#endif
