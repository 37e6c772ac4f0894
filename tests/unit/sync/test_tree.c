/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree against a server in memory: discovery, direct listing, rounds, and what happens when the server
 * answers badly. */
#include "fake_server.h"

#include <spfs/base/clock.h>
#include <spfs/sync/tree.h>

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

struct world {
    struct fake_server f;
    char dir[64];
    struct spfs_catalog *catalog;
    struct spfs_tree *tree;
    struct spfs_op op;
    struct spfs_reason reason;
};

static void start(struct world *w, struct spfs_tree_config config)
{
    config.remote = &w->f.remote;
    config.catalog = w->catalog;
    assert_int_equal(spfs_tree_new(&config, &w->tree), 0);
    assert_int_equal(spfs_tree_start(w->tree), 0);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    fake_init(&w->f);
    snprintf(w->dir, sizeof(w->dir), "/tmp/spfs-tree-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(spfs_catalog_open(w->dir, NULL, &w->catalog, &w->reason), 0);
    spfs_op_init(&w->op, SPFS_URGENT, 20000);
    fake_add_site(&w->f, "h,A,1", "marketing", "Marketing", "https://h/sites/marketing", true, true, NULL);
    fake_add_site(&w->f, "h,B,2", "team", "Team", "https://h/sites/team", false, true, NULL);
    fake_add_site(&w->f, "h,C,3", "team2", "Team", "https://h/sites/team2", false, true, NULL);
    fake_add_site(&w->f, "h,A,4", "sub", "Sub", "https://h/sites/marketing/sub", false, true, "h,A,1");
    fake_add_site(&w->f, "h,D,5", "quiet", "Quiet Place", "https://h/sites/quiet", false, false, NULL);
    fake_add_drive(&w->f, "D1", "h,A,1", "Documents", "https://h/sites/marketing/Shared%20Documents");
    fake_add_drive(&w->f, "D2", "h,A,1", "Archive", "https://h/sites/marketing/Archive");
    fake_put(&w->f, "D1", "a", "D1-root", "Alpha", SPFS_KIND_FOLDER, 0, NULL);
    fake_put(&w->f, "D1", "b", "a", "Beta.txt", SPFS_KIND_FILE, 11, "c1");
    fake_put(&w->f, "D1", "c", "a", "Gamma", SPFS_KIND_FOLDER, 0, NULL);
    fake_put(&w->f, "D1", "d", "c", "Delta.bin", SPFS_KIND_FILE, 500, "c2");
    fake_put(&w->f, "D2", "x", "D2-root", "Old", SPFS_KIND_FOLDER, 0, NULL);
    fake_put(&w->f, "D2", "y", "x", "old.txt", SPFS_KIND_FILE, 5, "c3");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    spfs_tree_free(w->tree);
    struct spfs_reason why = {""};
    if (spfs_catalog_check(w->catalog, &why))
        fail_msg("catalog: %s", why.text);
    spfs_catalog_close(w->catalog);
    spfs_op_done(&w->op);
    char cmd[128];
    snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
    assert_int_equal(system(cmd), 0);
    free(w);
    return 0;
}

static uint64_t resolve(struct world *w, const char *path)
{
    uint64_t ino = 0;
    int err = spfs_tree_resolve(w->tree, &w->op, path, &ino, &w->reason);
    if (err)
        fail_msg("%s: %d %s", path, err, w->reason.text);
    return ino;
}

static int resolve_err(struct world *w, const char *path)
{
    uint64_t ino;
    w->reason.text[0] = '\0';
    return spfs_tree_resolve(w->tree, &w->op, path, &ino, &w->reason);
}

static bool has(struct world *w, const char *dir, const char *name)
{
    struct spfs_node n, d;
    assert_int_equal(spfs_catalog_get(w->catalog, resolve(w, dir), &d), 0);
    assert_int_equal(spfs_tree_ensure(w->tree, &w->op, &d, &w->reason), 0);
    return spfs_catalog_lookup(w->catalog, d.ino, name, &n, NULL) == 0;
}

static void sync_now(struct world *w, const char *path)
{
    int err = spfs_tree_sync(w->tree, &w->op, resolve(w, path), &w->reason);
    if (err)
        fail_msg("sync: %d %s", err, w->reason.text);
}

static void test_discovery_all(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    assert_true(has(w, "", "Marketing"));
    assert_true(has(w, "", "Team (team)"));
    assert_true(has(w, "", "Team (team2)"));
    assert_false(has(w, "", "Sub")); /* stands below its site */
    assert_true(has(w, "Marketing", "Sub"));
    assert_true(has(w, "Marketing", "Documents"));
    assert_false(has(w, "", "Quiet Place"));
    assert_false(has(w, "quiet", "nothing")); /* unlisted, by its path name */
    assert_int_equal(resolve_err(w, "Nowhere"), -ENOENT);
    assert_non_null(strstr(w->reason.text, "Nowhere"));
    assert_int_equal(resolve_err(w, "Marketing/Nothing"), -ENOENT);
    assert_non_null(strstr(w->reason.text, "Nothing"));
    assert_int_equal(resolve_err(w, "Marketing/Documents/Alpha/Beta.txt"), -ENOTDIR);
}

static void test_refused_subsites_stay(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    assert_true(has(w, "Marketing", "Sub"));
    w->f.subsites_error = -EACCES;
    sync_now(w, "Marketing");
    assert_true(has(w, "Marketing", "Sub"));
    assert_true(has(w, "Marketing", "Documents"));
    w->f.subsites_error = 0;
    sync_now(w, "Marketing");
    assert_true(has(w, "Marketing", "Sub"));
}

static void test_followed_only(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_FOLLOWED, .delegated = true});
    assert_true(has(w, "", "Marketing"));
    assert_false(has(w, "", "Team"));
}

static void test_listed(void **state)
{
    struct world *w = *state;
    const char *const names[] = {"sites/team2", "quiet", NULL};
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_LISTED, .site_names = names});
    assert_true(has(w, "", "Team (team2)"));
    assert_true(has(w, "", "Quiet Place"));
    assert_false(has(w, "", "Marketing"));
}

static void test_web_address(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    uint64_t alpha = resolve(w, "Marketing/Documents/Alpha");
    assert_int_equal(resolve(w, "https://h/sites/marketing/Shared%20Documents/Alpha"), alpha);
    assert_int_equal(resolve(w, "https://h/:f:/r/sites/marketing/Shared%20Documents/Alpha?web=1"), alpha);
    assert_int_equal(resolve(w, "https://h/sites/marketing/Shared%20Documents/Forms/AllItems.aspx"),
                     resolve(w, "Marketing/Documents"));
    assert_int_equal(resolve_err(w, "https://h/sites/nowhere/Docs"), -ENOENT);
}

static void test_round(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    assert_true(has(w, "Marketing/Documents/Alpha", "Beta.txt"));
    sync_now(w, "Marketing/Documents");
    struct spfs_tree_stats s;
    spfs_tree_stats(w->tree, &s);
    assert_true(s.settled >= 1);
    unsigned listings = w->f.children_calls;
    assert_true(has(w, "Marketing/Documents/Alpha/Gamma", "Delta.bin"));
    assert_int_equal(w->f.children_calls, listings); /* settled: no request */
    fake_put(&w->f, "D1", "b", "c", "Moved.txt", SPFS_KIND_FILE, 11, "c1");
    fake_put(&w->f, "D1", "n", "D1-root", "New", SPFS_KIND_FOLDER, 0, NULL);
    fake_delete(&w->f, "D1", "d");
    sync_now(w, "Marketing/Documents");
    assert_false(has(w, "Marketing/Documents/Alpha", "Beta.txt"));
    assert_true(has(w, "Marketing/Documents/Alpha/Gamma", "Moved.txt"));
    assert_false(has(w, "Marketing/Documents/Alpha/Gamma", "Delta.bin"));
    assert_true(has(w, "Marketing/Documents", "New"));
}

static void test_resync_sweeps(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    assert_true(has(w, "Marketing/Documents", "Alpha"));
    sync_now(w, "Marketing/Documents");
    uint64_t beta = resolve(w, "Marketing/Documents/Alpha");
    fake_delete(&w->f, "D1", "b"); /* the delete is lost with the old link */
    w->f.gone_once = 1;
    sync_now(w, "Marketing/Documents");
    assert_false(has(w, "Marketing/Documents/Alpha", "Beta.txt"));
    assert_int_equal(resolve(w, "Marketing/Documents/Alpha"), beta);
}

static _Atomic unsigned pages_left; /* then the connection is lost */

static void lose_connection(struct fake_server *f)
{
    if (pages_left > 0 && --pages_left == 0)
        f->offline = -ENETUNREACH;
}

static void test_cut_resync_sweeps(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    assert_true(has(w, "Marketing/Documents", "Alpha"));
    sync_now(w, "Marketing/Documents");
    uint64_t docs = resolve(w, "Marketing/Documents");
    fake_delete(&w->f, "D1", "b");
    w->f.gone_once = 1;
    pages_left = 3; /* the refusal, one page, the end */
    w->f.before_delta = lose_connection;
    assert_int_equal(spfs_tree_sync(w->tree, &w->op, docs, &w->reason), -ENETUNREACH);
    assert_true(has(w, "Marketing/Documents/Alpha", "Beta.txt"));
    w->f.offline = 0;
    sync_now(w, "Marketing/Documents");
    assert_false(has(w, "Marketing/Documents/Alpha", "Beta.txt"));
}

static void test_endless(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    uint64_t docs = resolve(w, "Marketing/Documents");
    w->f.endless = true;
    assert_int_equal(spfs_tree_sync(w->tree, &w->op, docs, &w->reason), -ELOOP);
    assert_true(w->f.delta_calls < 50);
    w->f.endless = false;
    sync_now(w, "Marketing/Documents");
}

static void test_delta_refused(void **state)
{
    struct world *w = *state;
    w->f.delta_error = -EACCES;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL, .poll_ms = 1});
    uint64_t docs = resolve(w, "Marketing/Documents");
    assert_int_equal(spfs_tree_sync(w->tree, &w->op, docs, &w->reason), -EACCES);
    assert_true(has(w, "Marketing/Documents/Alpha", "Beta.txt")); /* listed directly */
    fake_put(&w->f, "D1", "b2", "a", "Later.txt", SPFS_KIND_FILE, 1, "q");
    fake_delete(&w->f, "D1", "b");
    for (int64_t now = spfs_now_real_ns(); spfs_now_real_ns() < now + 2000000;)
        ; /* the listing of before is older than poll_ms from here on */
    assert_true(has(w, "Marketing/Documents/Alpha", "Later.txt"));
    assert_false(has(w, "Marketing/Documents/Alpha", "Beta.txt"));
}

static void test_offline(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    assert_true(has(w, "Marketing/Documents/Alpha", "Beta.txt"));
    sync_now(w, "Marketing/Documents");
    spfs_tree_free(TAKE(w->tree));
    w->f.offline = -ENETUNREACH;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    assert_true(has(w, "Marketing/Documents/Alpha", "Beta.txt"));
    assert_true(has(w, "Marketing/Documents/Alpha/Gamma", "Delta.bin"));
    /* What was never seen is an error, never an empty folder. */
    assert_int_equal(resolve_err(w, "Marketing/Archive/Old"), -ENETUNREACH);
}

static void test_shortcut(void **state)
{
    struct world *w = *state;
    struct fake_item *s = fake_put(&w->f, "D1", "s", "D1-root", "Shared", SPFS_KIND_REMOTE, 0, NULL);
    snprintf(s->target_drive, sizeof(s->target_drive), "D2");
    snprintf(s->target_id, sizeof(s->target_id), "x");
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    assert_true(has(w, "Marketing/Documents/Shared", "old.txt"));
    assert_int_equal(resolve(w, "Marketing/Documents/Shared"), resolve(w, "Marketing/Archive/Old"));
}

/* Held back in the server until a second caller has its answer. */
static void test_interrupted_caller_leaves(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    struct spfs_node d;
    assert_int_equal(spfs_catalog_get(w->catalog, resolve(w, "Marketing/Documents"), &d), 0);
    pthread_mutex_lock(&w->f.lock); /* the server stalls */
    struct spfs_op op;
    spfs_op_init(&op, SPFS_URGENT, 5000);
    spfs_op_cancel(&op);
    assert_int_equal(spfs_tree_ensure(w->tree, &op, &d, &w->reason), -EINTR);
    pthread_mutex_unlock(&w->f.lock);
    spfs_op_done(&op);
    assert_int_equal(spfs_tree_ensure(w->tree, &w->op, &d, &w->reason), 0);
    assert_true(has(w, "Marketing/Documents", "Alpha"));
}

/* A listing that stalls lets its waiters go once the first pass has told everything. */
static void test_settling_releases_listings(void **state)
{
    struct world *w = *state;
    start(w, (struct spfs_tree_config){.sites = SPFS_SHOW_ALL});
    struct spfs_node d;
    assert_int_equal(spfs_catalog_get(w->catalog, resolve(w, "Marketing/Documents"), &d), 0);
    w->f.stall_children = true;
    assert_int_equal(spfs_tree_ensure(w->tree, &w->op, &d, &w->reason), 0);
    assert_true(has(w, "Marketing/Documents", "Alpha"));
    w->f.stall_children = false;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_discovery_all),
        T(test_refused_subsites_stay),
        T(test_followed_only),
        T(test_listed),
        T(test_web_address),
        T(test_round),
        T(test_resync_sweeps),
        T(test_cut_resync_sweeps),
        T(test_endless),
        T(test_delta_refused),
        T(test_offline),
        T(test_shortcut),
        T(test_interrupted_caller_leaves),
        T(test_settling_releases_listings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
