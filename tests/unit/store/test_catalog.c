// SPDX-License-Identifier: GPL-3.0-or-later
/* Items, names, content versions, sites, drives, views, news. */
#include "cat_test.h"

static uint32_t content(struct cat_test *f, const char *id)
{
    struct spfs_node n;
    assert_int_equal(spfs_catalog_by_id(f->c, f->drive, id, &n), 0);
    return n.content;
}

static void test_item_comes_back_whole(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n, m;
    begin(f);
    uint64_t d = folder(f, "d", "root", "A folder");
    uint64_t ino = put(f, ITEM(SPFS_KIND_FILE, "x", "d", "a: b?.txt", .size = 5,
                               .etag = "\"{0A1B2C3D-0000-1111-2222-333344445555},3\"",
                               .ctag = "\"c:{0A1B2C3D-0000-1111-2222-333344445555},1\"",
                               .quickxor = "AAECAwQFBgcICQoLDA0ODxAREhM=", .mtime_ns = -1500000000,
                               .btime_ns = 1700000000123456789));
    commit(f);
    cat_reopen(f);
    assert_int_equal(spfs_catalog_get(f->c, ino, &n), 0);
    assert_int_equal(n.parent, d);
    assert_int_equal(n.kind, SPFS_KIND_FILE);
    assert_int_equal(n.content, 1);
    assert_true(n.size_known);
    assert_int_equal(n.size, 5);
    assert_int_equal(n.mtime_ns, -1500000000);
    assert_int_equal(n.btime_ns, 1700000000123456789);
    assert_string_equal(n.id, "x");
    assert_string_equal(n.etag, "\"{0A1B2C3D-0000-1111-2222-333344445555},3\"");
    assert_string_equal(n.ctag, "\"c:{0A1B2C3D-0000-1111-2222-333344445555},1\"");
    assert_string_equal(n.quickxor, "AAECAwQFBgcICQoLDA0ODxAREhM=");
    assert_string_not_equal(n.name, "a: b?.txt"); /* the local spelling */
    bool exact = false;
    assert_int_equal(spfs_catalog_lookup(f->c, d, n.name, &m, &exact), 0);
    assert_true(exact);
    assert_int_equal(m.ino, ino);
    assert_int_equal(spfs_catalog_get(f->c, 99999, &n), -ENOENT);
    assert_int_equal(spfs_catalog_by_id(f->c, f->drive, "nothing", &n), -ENOENT);
    assert_int_equal(spfs_catalog_lookup(f->c, d, "nothing", &n, NULL), -ENOENT);
}

/* Tags and hashes of any shape come back to the letter. */
static void test_odd_tags_and_hashes(void **state)
{
    struct cat_test *f = *state;
    static const char *const tags[] = {
        "\"{0a1b2c3d-0000-1111-2222-333344445555},3\"", "aMTIz",   "\"{0A1B2C3D-0000-1111-2222-333344445555}",
        "\"{0A1B2C3D-0000-1111-2222_333344445555},3\"", "W/\"x\"", "\"{"};
    static const char *const hashes[] = {"AAECAwQFBgcICQoLDA0ODxAREhN=", "short",
                                         "????????????????????????????", "AAAA=AAAAAAAAAAAAAAAAAAAAAA="};
    struct spfs_node n;
    char id[16];
    begin(f);
    for (unsigned i = 0; i < SPFS_ARRAY_LEN(tags); i++) {
        snprintf(id, sizeof(id), "t%u", i);
        put(f, ITEM(SPFS_KIND_FILE, id, "root", id, .etag = tags[i],
                    .quickxor = hashes[i % SPFS_ARRAY_LEN(hashes)]));
    }
    commit(f);
    for (unsigned i = 0; i < SPFS_ARRAY_LEN(tags); i++) {
        snprintf(id, sizeof(id), "t%u", i);
        assert_int_equal(spfs_catalog_by_id(f->c, f->drive, id, &n), 0);
        assert_string_equal(n.etag, tags[i]);
        assert_string_equal(n.quickxor, hashes[i % SPFS_ARRAY_LEN(hashes)]);
    }
}

static void test_longest_strings(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    char id[SPFS_ID_SIZE + 1], tag[SPFS_TAG_SIZE + 1], name[768];
    memset(id, 'i', sizeof(id));
    memset(tag, 't', sizeof(tag));
    for (unsigned i = 0; i < 255; i++)
        memcpy(name + 3 * i, "\xe4\xb8\xad", 3);
    name[765] = '\0';
    id[SPFS_ID_SIZE - 1] = '\0';
    tag[SPFS_TAG_SIZE - 1] = '\0';
    begin(f);
    uint64_t ino = put(f, ITEM(SPFS_KIND_REMOTE, id, "root", name, .etag = tag, .ctag = tag,
                               .target = {id, id}, .target_is_dir = true));
    assert_int_not_equal(ino, 0);
    id[SPFS_ID_SIZE - 1] = 'i';
    id[SPFS_ID_SIZE] = '\0';
    tag[SPFS_TAG_SIZE - 1] = 't';
    tag[SPFS_TAG_SIZE] = '\0';
    assert_int_equal(put(f, ITEM(SPFS_KIND_FILE, id, "root", "too long an id")), 0);
    put(f, ITEM(SPFS_KIND_FILE, "y", "root", "y", .etag = tag));
    commit(f);
    assert_int_equal(spfs_catalog_lookup(f->c, f->lib, name, &n, NULL), 0);
    assert_int_equal(n.ino, ino);
    assert_int_equal(strlen(n.target_id), SPFS_ID_SIZE - 1);
    assert_int_equal(spfs_catalog_by_id(f->c, f->drive, "y", &n), 0);
    assert_string_equal(n.etag, "");
}

static void test_content_version(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    uint64_t ino = put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x", .size = 5, .etag = "e1", .quickxor = "h1"));
    commit(f);
    assert_true(told(f, SPFS_NEWS_ADDED, ino));
    /* A delta does not say the cTag, a GET does: the same content, now with its cTag. */
    begin(f);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x", .size = 5, .etag = "e1", .ctag = "c1", .quickxor = "h1"));
    commit(f);
    assert_int_equal(content(f, "x"), 1);
    assert_int_equal(f->news_count, 0);
    /* Only the eTag moves. */
    begin(f);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x", .size = 5, .etag = "e2", .ctag = "c1"));
    commit(f);
    assert_int_equal(content(f, "x"), 1);
    begin(f);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x", .size = 5, .etag = "e3", .quickxor = "h1"));
    commit(f);
    assert_int_equal(content(f, "x"), 1);
    assert_int_equal(spfs_catalog_get(f->c, ino, &n), 0);
    assert_string_equal(n.etag, "e3");
    assert_string_equal(n.ctag, "c1");
    assert_string_equal(n.quickxor, "h1");
    /* Another hash, without a cTag: another content, and the old cTag is not its. */
    begin(f);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x", .size = 6, .etag = "e4", .quickxor = "h2"));
    commit(f);
    assert_int_equal(content(f, "x"), 2);
    assert_true(told(f, SPFS_NEWS_CONTENT | SPFS_NEWS_ATTR, ino));
    assert_int_equal(spfs_catalog_get(f->c, ino, &n), 0);
    assert_string_equal(n.ctag, "");
    /* Nothing can tell: taken as another. */
    begin(f);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x", .size = 6, .etag = "e5"));
    commit(f);
    assert_int_equal(content(f, "x"), 3);
    /* Times alone are attributes. */
    begin(f);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x", .size = 6, .etag = "e5", .mtime_ns = 7));
    commit(f);
    assert_int_equal(content(f, "x"), 3);
    assert_true(told(f, SPFS_NEWS_ATTR, ino));
    assert_false(told(f, SPFS_NEWS_CONTENT, ino));
    struct spfs_version v = spfs_node_version(&n);
    assert_null(v.ctag);
    assert_string_equal(v.quickxor, "h2");
    assert_int_equal(v.size, 6);
}

static void test_served_size_lasts_as_long_as_the_content(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    uint64_t ino =
        put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x.docx", .size = 100, .etag = "e1", .ctag = "c1"));
    assert_int_equal(spfs_catalog_set_served(f->t, ino, 2, 111), -ESTALE);
    assert_int_equal(spfs_catalog_set_served(f->t, ino, 1, 111), 0);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x.docx", .size = 100, .etag = "e2", .ctag = "c1"));
    assert_int_equal(spfs_catalog_txn_get(f->t, ino, &n), 0);
    assert_int_equal(n.size, 111);
    assert_int_equal(n.content, 1);
    assert_true(n.flags & SPFS_NODE_SERVED);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x.docx", .size = 101, .etag = "e3", .ctag = "c2"));
    commit(f);
    assert_int_equal(spfs_catalog_get(f->c, ino, &n), 0);
    assert_int_equal(n.size, 101);
    assert_false(n.flags & SPFS_NODE_SERVED);
    assert_int_equal(n.content, 2);
}

static void test_hostile_sizes_are_unknown(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x", .size = (uint64_t)1 << 63, .etag = "e"));
    commit(f);
    assert_int_equal(spfs_catalog_by_id(f->c, f->drive, "x", &n), 0);
    assert_false(n.size_known);
    assert_int_equal(n.size, 0);
    assert_true(spfs_node_version(&n).size == SPFS_SIZE_UNKNOWN);
}

static void test_folded_lookup(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    bool exact = true;
    begin(f);
    uint64_t upper = file(f, "1", "root", "README"), lower = file(f, "2", "root", "readme");
    uint64_t umlaut = file(f, "3", "root",
                           "Stra\xc3\x9f"
                           "e.txt");
    commit(f);
    assert_int_equal(spfs_catalog_lookup(f->c, f->lib, "readme", &n, &exact), 0);
    assert_true(exact);
    assert_int_equal(n.ino, lower);
    assert_int_equal(spfs_catalog_lookup(f->c, f->lib, "README", &n, &exact), 0);
    assert_int_equal(n.ino, upper);
    assert_int_equal(spfs_catalog_lookup(f->c, f->lib, "ReadMe", &n, &exact), 0);
    assert_false(exact);
    assert_int_equal(n.ino, upper < lower ? upper : lower);
    assert_int_equal(spfs_catalog_lookup(f->c, f->lib, "STRASSE.TXT", &n, &exact), 0);
    assert_int_equal(n.ino, umlaut);
    assert_int_equal(spfs_catalog_lookup(f->c, SPFS_INO_TENANT, "sITE", &n, &exact), 0);
    assert_int_equal(n.ino, f->site);
}

static void test_two_equal_names(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    uint64_t a = file(f, "1", "root", "same"), b = file(f, "2", "root", "same");
    commit(f);
    assert_int_equal(children(f, f->lib), 2);
    assert_int_equal(spfs_catalog_lookup(f->c, f->lib, "same", &n, NULL), 0);
    assert_int_equal(n.ino, a);
    begin(f);
    assert_int_equal(spfs_catalog_remove(f->t, a), 0);
    commit(f);
    assert_true(told(f, SPFS_NEWS_REMOVED | SPFS_NEWS_DELETED, a));
    assert_int_equal(spfs_catalog_lookup(f->c, f->lib, "same", &n, NULL), 0);
    assert_int_equal(n.ino, b);
}

static void test_unknown_kinds_are_kept_and_not_shown(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    uint64_t ino = put(f, ITEM(SPFS_KIND_UNKNOWN, "u", "root", "thing"));
    commit(f);
    assert_int_equal(f->news_count, 0);
    assert_int_equal(children(f, f->lib), 0);
    assert_int_equal(spfs_catalog_lookup(f->c, f->lib, "thing", &n, NULL), -ENOENT);
    begin(f);
    assert_int_equal(file(f, "u", "root", "thing"), ino);
    commit(f);
    assert_true(told(f, SPFS_NEWS_ADDED, ino));
    assert_int_equal(spfs_catalog_lookup(f->c, f->lib, "thing", &n, NULL), 0);
}

static void test_kind_change_is_refused(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    uint64_t d = folder(f, "d", "root", "d");
    file(f, "x", "d", "x");
    file(f, "d", "root", "now a file");
    folder(f, "x", "root", "now a folder");
    file(f, "below", "x", "below a file");
    commit(f);
    assert_string_equal(path(f, "x"), "Site/Documents/d/x");
    assert_string_equal(path(f, "below"), "");
    assert_int_equal(spfs_catalog_get(f->c, d, &n), 0);
    assert_int_equal(n.kind, SPFS_KIND_FOLDER);
    /* Deleted in this round: then the id may come back as anything. */
    begin(f);
    assert_int_equal(spfs_catalog_note_gone(f->t, f->drive, "d"), 0);
    uint64_t again = file(f, "d", "root", "reborn");
    assert_int_equal(spfs_catalog_apply_gone(f->t, f->drive), 0);
    commit(f);
    assert_int_not_equal(again, d);
    assert_string_equal(path(f, "d"), "Site/Documents/reborn");
    assert_string_equal(path(f, "x"), "");
}

static void test_names_missing_and_bad(void **state)
{
    struct cat_test *f = *state;
    begin(f);
    assert_int_equal(put(f, ITEM(SPFS_KIND_FILE, "x", "root", NULL)), 0);
    assert_int_equal(put(f, ITEM(SPFS_KIND_FILE, "y", NULL, "no parent")), 0);
    assert_int_equal(put(f, ITEM(SPFS_KIND_FILE, "z", "z", "own parent")), 0);
    uint64_t ino = file(f, "k", "root", "kept");
    assert_int_equal(put(f, ITEM(SPFS_KIND_FILE, "k", NULL, NULL)), ino);
    commit(f);
    assert_string_equal(path(f, "k"), "Site/Documents/kept");
    assert_int_equal(children(f, f->lib), 1);
}

static void test_rename_and_move_keep_the_number(void **state)
{
    struct cat_test *f = *state;
    begin(f);
    uint64_t a = folder(f, "a", "root", "a"), b = folder(f, "b", "root", "b");
    uint64_t x = file(f, "x", "a", "x");
    commit(f);
    begin(f);
    assert_int_equal(file(f, "x", "b", "y"), x);
    commit(f);
    assert_string_equal(path(f, "x"), "Site/Documents/b/y");
    assert_int_equal(f->news_count, 2);
    assert_int_equal(f->news[0].what, SPFS_NEWS_REMOVED);
    assert_int_equal(f->news[0].parent, a);
    assert_string_equal(f->news[0].name, "x");
    assert_int_equal(f->news[1].what, SPFS_NEWS_ADDED);
    assert_int_equal(f->news[1].parent, b);
    assert_string_equal(f->news[1].name, "y");
    begin(f); /* swap a and b */
    folder(f, "a", "root", "b");
    folder(f, "b", "root", "a");
    commit(f);
    assert_string_equal(path(f, "x"), "Site/Documents/a/y");
    assert_string_equal(path(f, "a"), "Site/Documents/b");
    assert_int_equal(children(f, f->lib), 2);
}

static void test_an_abort_leaves_nothing(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    struct spfs_catalog_stats before, after;
    assert_int_equal(spfs_catalog_stats(f->c, &before), 0);
    begin(f);
    uint64_t ino = file(f, "x", "root", "x");
    spfs_catalog_abort(f->t);
    f->t = NULL;
    assert_int_equal(f->news_count, 0);
    assert_int_equal(spfs_catalog_get(f->c, ino, &n), -ENOENT);
    assert_int_equal(spfs_catalog_stats(f->c, &after), 0);
    assert_int_equal(before.nodes, after.nodes);
}

static void test_numbers_are_never_reused(void **state)
{
    struct cat_test *f = *state;
    begin(f);
    uint64_t a = file(f, "x", "root", "x");
    assert_int_equal(spfs_catalog_remove(f->t, a), 0);
    commit(f);
    cat_reopen(f);
    begin(f);
    assert_true(file(f, "x", "root", "x") > a);
    assert_int_equal(spfs_catalog_remove(f->t, 424242), -ENOENT);
    assert_int_equal(spfs_catalog_remove(f->t, SPFS_INO_TENANT), -EINVAL);
    commit(f);
}

static int count_drive(void *ctx, const struct spfs_drive_rec *d)
{
    *(uint32_t *)ctx += d->number;
    return 0;
}

static void test_sites_and_drives(void **state)
{
    struct cat_test *f = *state;
    struct spfs_drive_rec *d = calloc(1, sizeof(*d));
    uint64_t site, sub, lib;
    uint32_t number;
    struct spfs_node n;
    begin(f);
    assert_int_equal(spfs_catalog_put_site(f->t, SPFS_INO_TENANT, "host,a,b", "Site (renamed)", &site), 0);
    assert_int_equal(site, f->site);
    assert_int_equal(spfs_catalog_put_site(f->t, site, "host,c,d", "Sub", &sub), 0);
    assert_int_equal(spfs_catalog_put_site(f->t, sub, "host,a,b", "cycle", &site), -EINVAL);
    const struct spfs_drive only = {.id = "b!shared",
                                    .name = "Elsewhere",
                                    .quota = {.known = true, .total = 10, .used = 3, .remaining = 7}};
    assert_int_equal(spfs_catalog_put_drive(f->t, 0, &only, "Elsewhere", &number, &lib), 0);
    assert_int_equal(number, f->drive + 1);
    commit(f);
    assert_true(told_name(f, SPFS_NEWS_REMOVED, "Site"));
    assert_true(told_name(f, SPFS_NEWS_ADDED, "Site (renamed)"));
    assert_int_equal(spfs_catalog_get(f->c, lib, &n), 0);
    assert_int_equal(n.parent, 0);
    begin(f); /* it turns out to have a place */
    assert_int_equal(spfs_catalog_put_drive(f->t, sub, &only, "Elsewhere", &number, &lib), 0);
    assert_int_equal(spfs_catalog_put_drive(f->t, 0, &only, "Elsewhere", &number, &lib), 0);
    assert_int_equal(spfs_catalog_txn_drive(f->t, number, d), 0);
    d->settled = true;
    d->pass = 7;
    d->synced_ms = 1234;
    d->link_is_next = true;
    memset(d->link, 'l', sizeof(d->link) - 1);
    assert_int_equal(spfs_catalog_set_drive(f->t, d), 0);
    commit(f);
    cat_reopen(f);
    memset(d, 0, sizeof(*d));
    assert_int_equal(spfs_catalog_drive_by_id(f->c, "b!shared", d), 0);
    assert_true(d->settled && d->link_is_next && !d->lost && !d->listed_only);
    assert_int_equal(strlen(d->link), sizeof(d->link) - 1);
    assert_int_equal(d->pass, 7);
    assert_int_equal(d->synced_ms, 1234);
    assert_int_equal(d->quota.remaining, 7);
    assert_int_equal(d->ino, lib);
    assert_int_equal(spfs_catalog_drive_by_id(f->c, "b!none", d), -ENOENT);
    assert_int_equal(spfs_catalog_drive(f->c, 77, d), -ENOENT);
    uint32_t sum = 0;
    assert_int_equal(spfs_catalog_drives(f->c, count_drive, &sum), 0);
    assert_int_equal(sum, 2 * f->drive + 1);
    begin(f); /* a site takes its libraries and their drives along */
    assert_int_equal(spfs_catalog_remove(f->t, sub), 0);
    commit(f);
    assert_int_equal(spfs_catalog_drive_by_id(f->c, "b!shared", d), -ENOENT);
    free(d);
}

static void test_shortcuts_have_views(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    uint64_t s =
        put(f, ITEM(SPFS_KIND_REMOTE, "s", "root", "short", .target = {"b!o", "1"}, .target_is_dir = true));
    uint64_t r = put(f, ITEM(SPFS_KIND_REMOTE, "r", "root", "file", .target = {"b!o", "2"}));
    assert_int_equal(spfs_catalog_set_target(f->t, s, f->lib), 0);
    assert_int_equal(spfs_catalog_set_target(f->t, f->lib, s), -EINVAL);
    put(f, ITEM(SPFS_KIND_REMOTE, "s", "root", "renamed", .target = {"b!o", "1"}, .target_is_dir = true));
    commit(f);
    assert_int_equal(spfs_catalog_get(f->c, s, &n), 0);
    assert_int_equal(n.target, f->lib);
    assert_int_equal(n.view, 1);
    assert_false(n.flags & SPFS_NODE_TO_FILE);
    assert_string_equal(n.target_drive, "b!o");
    assert_int_equal(spfs_catalog_view(f->c, 2, &n), 0);
    assert_int_equal(n.ino, r);
    assert_true(n.flags & SPFS_NODE_TO_FILE);
    begin(f); /* it points elsewhere now */
    put(f, ITEM(SPFS_KIND_REMOTE, "s", "root", "renamed", .target = {"b!o", "3"}, .target_is_dir = true));
    assert_int_equal(spfs_catalog_remove(f->t, r), 0);
    commit(f);
    assert_int_equal(spfs_catalog_view(f->c, 1, &n), 0);
    assert_int_equal(n.target, 0);
    assert_int_equal(spfs_catalog_view(f->c, 2, &n), -ENOENT);
}

static int sum_nodes(void *ctx, const struct spfs_node *n)
{
    *(uint64_t *)ctx += n->ino;
    return 0;
}

static void test_flags_and_many(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    uint64_t x = file(f, "x", "root", "x"), y = file(f, "y", "root", "y");
    assert_int_equal(spfs_catalog_set_flags(f->t, x, SPFS_NODE_PINNED, 0), 0);
    put(f, ITEM(SPFS_KIND_FILE, "x", "root", "x", .malware = true));
    commit(f);
    assert_int_equal(spfs_catalog_get(f->c, x, &n), 0);
    assert_int_equal(n.flags, SPFS_NODE_PINNED | SPFS_NODE_MALWARE);
    uint64_t inos[] = {x, 424242, y}, sum = 0;
    assert_int_equal(spfs_catalog_get_many(f->c, inos, 3, sum_nodes, &sum), 0);
    assert_int_equal(sum, x + y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAT_TEST(test_item_comes_back_whole),
        CAT_TEST(test_odd_tags_and_hashes),
        CAT_TEST(test_longest_strings),
        CAT_TEST(test_content_version),
        CAT_TEST(test_served_size_lasts_as_long_as_the_content),
        CAT_TEST(test_hostile_sizes_are_unknown),
        CAT_TEST(test_folded_lookup),
        CAT_TEST(test_two_equal_names),
        CAT_TEST(test_unknown_kinds_are_kept_and_not_shown),
        CAT_TEST(test_kind_change_is_refused),
        CAT_TEST(test_names_missing_and_bad),
        CAT_TEST(test_rename_and_move_keep_the_number),
        CAT_TEST(test_an_abort_leaves_nothing),
        CAT_TEST(test_numbers_are_never_reused),
        CAT_TEST(test_sites_and_drives),
        CAT_TEST(test_shortcuts_have_views),
        CAT_TEST(test_flags_and_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
