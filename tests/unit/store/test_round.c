// SPDX-License-Identifier: GPL-3.0-or-later
/* Order, absence and ends: parents that come later, cycles, deletes of a round, sweeps, direct listings. */
#include "cat_test.h"

static void test_parents_come_later(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    uint64_t x = file(f, "x", "b", "x");
    folder(f, "b", "a", "b");
    commit(f);
    assert_int_equal(spfs_catalog_get(f->c, x, &n), 0);
    assert_string_equal(path(f, "a"), "");
    assert_int_equal(children(f, f->lib), 0);
    begin(f);
    uint64_t a = folder(f, "a", "root", "a");
    commit(f);
    assert_true(told(f, SPFS_NEWS_ADDED, a));
    assert_string_equal(path(f, "x"), "Site/Documents/a/b/x");
}

/* Children of the root before the root itself is known by its id. */
static void test_root_comes_last(void **state)
{
    struct cat_test *f = *state;
    uint64_t lib;
    uint32_t first = f->drive;
    begin(f);
    const struct spfs_drive d = {.id = "b!two", .name = "Two"};
    assert_int_equal(spfs_catalog_put_drive(f->t, f->site, &d, "Two", &f->drive, &lib), 0);
    file(f, "x", "r2", "x");
    folder(f, "y", "r2", "y");
    commit(f);
    begin(f);
    assert_int_equal(put(f, ITEM(SPFS_KIND_ROOT, "r2", NULL, "root")), lib);
    commit(f);
    assert_true(told_name(f, SPFS_NEWS_ADDED, "x"));
    assert_string_equal(path(f, "x"), "Site/Two/x");
    assert_int_equal(children(f, lib), 2);
    begin(f); /* the root under a new id, then a folder that claims to be it */
    assert_int_equal(put(f, ITEM(SPFS_KIND_ROOT, "r3", NULL, "root")), lib);
    put(f, ITEM(SPFS_KIND_ROOT, "y", NULL, "root"));
    file(f, "z", "r3", "z");
    commit(f);
    assert_string_equal(path(f, "z"), "Site/Two/z");
    assert_string_equal(path(f, "y"), "Site/Two/y");
    f->drive = first;
    assert_string_equal(path(f, "x"), "");
}

static void test_cycles_are_refused(void **state)
{
    struct cat_test *f = *state;
    begin(f);
    folder(f, "a", "root", "a");
    folder(f, "b", "a", "b");
    folder(f, "c", "b", "c");
    folder(f, "a", "c", "a"); /* below its own grandchild */
    folder(f, "p", "q", "p"); /* q: a placeholder */
    folder(f, "q", "p", "q"); /* … that turns out to be below its child */
    assert_int_equal(spfs_catalog_apply_gone(f->t, f->drive), 0);
    commit(f);
    assert_string_equal(path(f, "c"), "Site/Documents/a/b/c");
    assert_string_equal(path(f, "p"), "q/p"); /* hangs below the placeholder, nowhere in the tree */
    begin(f);
    folder(f, "q", "root", "q");
    commit(f);
    assert_string_equal(path(f, "p"), "Site/Documents/q/p");
}

/* a/b becomes b/a, and the page names a first. */
static void test_inversion_in_one_round(void **state)
{
    struct cat_test *f = *state;
    begin(f);
    folder(f, "a", "root", "a");
    folder(f, "b", "a", "b");
    folder(f, "c", "b", "c");
    commit(f);
    begin(f);
    folder(f, "a", "c", "a");
    folder(f, "c", "b", "c2");
    folder(f, "b", "root", "b");
    commit(f); /* pages may end between */
    begin(f);
    assert_int_equal(spfs_catalog_apply_gone(f->t, f->drive), 0);
    commit(f);
    assert_string_equal(path(f, "a"), "Site/Documents/b/c2/a");
    assert_true(told_name(f, SPFS_NEWS_REMOVED, "a"));
}

static void test_deletes_wait_for_the_end(void **state)
{
    struct cat_test *f = *state;
    begin(f);
    uint64_t d = folder(f, "d", "root", "d");
    folder(f, "e", "root", "e");
    uint64_t x = file(f, "x", "d", "x"), y = file(f, "y", "d", "y");
    uint64_t z = file(f, "z", "e", "z");
    commit(f);
    begin(f);
    assert_int_equal(spfs_catalog_note_gone(f->t, f->drive, "d"), 0);
    assert_int_equal(spfs_catalog_note_gone(f->t, f->drive, "z"), 0);
    assert_int_equal(spfs_catalog_note_gone(f->t, f->drive, "never seen"), 0);
    assert_int_equal(spfs_catalog_note_gone(f->t, f->drive, "root"), 0);
    commit(f);
    assert_string_equal(path(f, "y"), "Site/Documents/d/y");
    cat_reopen(f); /* the round goes on after a restart */
    begin(f);
    assert_int_equal(file(f, "x", "e", "x"), x); /* moved out after its folder was deleted */
    assert_int_equal(file(f, "z", "e", "z"), z); /* and this one is back */
    assert_int_equal(spfs_catalog_apply_gone(f->t, f->drive), 0);
    commit(f);
    assert_string_equal(path(f, "x"), "Site/Documents/e/x");
    assert_string_equal(path(f, "z"), "Site/Documents/e/z");
    assert_string_equal(path(f, "d"), "");
    assert_string_equal(path(f, "y"), "");
    assert_true(told(f, SPFS_NEWS_REMOVED | SPFS_NEWS_DELETED, d));
    assert_true(told(f, SPFS_NEWS_DELETED, y));
    assert_false(told(f, SPFS_NEWS_DELETED, x));
}

static void test_id_is_reused(void **state)
{
    struct cat_test *f = *state;
    begin(f);
    uint64_t first = file(f, "x", "root", "x");
    assert_int_equal(spfs_catalog_note_gone(f->t, f->drive, "x"), 0);
    assert_int_equal(spfs_catalog_apply_gone(f->t, f->drive), 0);
    uint64_t second = file(f, "x", "root", "x");
    commit(f);
    assert_true(second > first);
    assert_int_equal(children(f, f->lib), 1);
}

static void sweep(struct cat_test *f, size_t max)
{
    uint64_t cursor = 0;
    bool more = true;
    while (more) {
        begin(f);
        assert_int_equal(spfs_catalog_sweep(f->t, f->drive, f->pass, max, &cursor, &more), 0);
        commit(f);
    }
}

static void test_sweep_after_a_restarted_enumeration(void **state)
{
    struct cat_test *f = *state;
    char id[32];
    begin(f);
    folder(f, "old", "root", "old");
    folder(f, "kept", "root", "kept");
    for (unsigned i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "o%u", i);
        file(f, id, i < 30 ? "old" : "kept", id);
    }
    commit(f);
    begin(f); /* 410: enumerated again from scratch, under a new number */
    f->pass = 2;
    put(f, ITEM(SPFS_KIND_ROOT, "root", NULL, "root"));
    folder(f, "kept", "root", "kept");
    for (unsigned i = 35; i < 40; i++) {
        snprintf(id, sizeof(id), "o%u", i);
        file(f, id, "kept", id);
    }
    file(f, "lost", "unreachable", "lost"); /* its parent never came */
    commit(f);
    sweep(f, 7);
    assert_string_equal(path(f, "old"), "");
    assert_string_equal(path(f, "o3"), "");
    assert_string_equal(path(f, "o30"), "");
    assert_string_equal(path(f, "o37"), "Site/Documents/kept/o37");
    assert_string_equal(path(f, "lost"), "/lost"); /* below a placeholder: kept, not reachable */
    assert_int_equal(children(f, f->lib), 1);
    f->pass = 3;
    sweep(f, 1);
    struct spfs_catalog_stats s;
    assert_int_equal(spfs_catalog_stats(f->c, &s), 0);
    assert_int_equal(
        s.nodes,
        4); /* tenant, site, library and the empty-handed placeholder, which goes with the next one */
}

static void test_listing_against_an_enumeration(void **state)
{
    struct cat_test *f = *state;
    struct spfs_node n;
    begin(f);
    uint64_t d = folder(f, "d", "root", "d");
    uint64_t a = file(f, "a", "d", "a");
    file(f, "b", "d", "b");
    commit(f);
    uint64_t stamp = spfs_catalog_stamp(f->c);
    begin(f); /* while the listing is on its way, delta brings a file that it does not know */
    file(f, "new", "d", "new");
    commit(f);
    begin(f);
    uint64_t c = file(f, "c", "d", "c");
    uint64_t seen[] = {c, a};
    assert_int_equal(spfs_catalog_end_listing(f->t, d, seen, 2, stamp, 5000), 0);
    commit(f);
    assert_string_equal(path(f, "b"), "");
    assert_string_equal(path(f, "new"), "Site/Documents/d/new");
    assert_int_equal(children(f, d), 3);
    assert_int_equal(spfs_catalog_get(f->c, d, &n), 0);
    assert_true(n.flags & SPFS_NODE_LISTED);
    assert_int_equal(n.listed_ms, 5000);
    stamp = spfs_catalog_stamp(f->c);
    begin(f);
    assert_int_equal(spfs_catalog_end_listing(f->t, d, NULL, 0, stamp, 6000), 0);
    assert_int_equal(spfs_catalog_end_listing(f->t, 424242, NULL, 0, stamp, 6000), -ENOENT);
    commit(f);
    assert_int_equal(children(f, d), 0);
}

/* A listing of a folder in the middle of a first pass keeps its children through the sweep only if the pass
 * saw them or the listing was of this pass. */
static void test_sweep_against_a_listing(void **state)
{
    struct cat_test *f = *state;
    begin(f);
    folder(f, "d", "root", "d");
    file(f, "gone", "d", "gone");
    commit(f);
    f->pass = 2;
    uint64_t stamp = spfs_catalog_stamp(f->c);
    begin(f);
    uint64_t d = folder(f, "d", "root", "d"), fresh = file(f, "fresh", "d", "fresh");
    assert_int_equal(spfs_catalog_end_listing(f->t, d, &fresh, 1, stamp, 1), 0);
    commit(f);
    sweep(f, 100);
    assert_string_equal(path(f, "fresh"), "Site/Documents/d/fresh");
    assert_string_equal(path(f, "gone"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAT_TEST(test_parents_come_later),
        CAT_TEST(test_root_comes_last),
        CAT_TEST(test_cycles_are_refused),
        CAT_TEST(test_inversion_in_one_round),
        CAT_TEST(test_deletes_wait_for_the_end),
        CAT_TEST(test_id_is_reused),
        CAT_TEST(test_sweep_after_a_restarted_enumeration),
        CAT_TEST(test_listing_against_an_enumeration),
        CAT_TEST(test_sweep_against_a_listing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
