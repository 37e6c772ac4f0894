/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queue of notifications: what the kernel is told of which news, the bound, and the end while a call
 * hangs. */
#include "spfs_test.h"

#include "notify_i.h"

#include <spfs/base/clock.h>

#include <string.h>

struct kernel {
    struct spfs_lock lock;
    struct spfs_cond changed;
    char text[4096]; /* guarded by: lock, as all below */
    unsigned calls;
    bool hold;   /* calls wait */
    bool inside; /* one waits */
};

static void called(struct kernel *k, const char *text)
{
    SPFS_LOCKED(&k->lock);
    strncat(k->text, text, sizeof(k->text) - strlen(k->text) - 1);
    k->calls++;
    k->inside = true;
    spfs_cond_broadcast(&k->changed);
    while (k->hold)
        spfs_cond_wait(&k->changed, &k->lock);
    k->inside = false;
}

static void on_inode(void *ctx, uint64_t node, bool content)
{
    char text[64];
    spfs_format(text, sizeof(text), "%s(%llu) ", content ? "pages" : "attr", (unsigned long long)node);
    called(ctx, text);
}

static void on_entry(void *ctx, uint64_t parent, const char *name)
{
    char text[64];
    spfs_format(text, sizeof(text), "entry(%llu,%s) ", (unsigned long long)parent, name);
    called(ctx, text);
}

static void on_deleted(void *ctx, uint64_t parent, uint64_t node, const char *name)
{
    char text[64];
    spfs_format(text, sizeof(text), "deleted(%llu,%llu,%s) ", (unsigned long long)parent,
                (unsigned long long)node, name);
    called(ctx, text);
}

static void on_coarse(void *ctx)
{
    called(ctx, "coarse ");
}

static const struct spfs_notify_sink sink = {on_inode, on_entry, on_deleted, on_coarse};

static void kernel_init(struct kernel *k)
{
    *k = (struct kernel){0};
    spfs_lock_init(&k->lock, SPFS_RANK_APP);
    spfs_cond_init(&k->changed);
}

static void kernel_done(struct kernel *k)
{
    spfs_cond_done(&k->changed);
    spfs_lock_done(&k->lock);
}

static void wait_calls(struct kernel *k, unsigned n)
{
    SPFS_LOCKED(&k->lock);
    while (k->calls < n)
        assert_true(spfs_cond_wait_ms(&k->changed, &k->lock, 20000) || k->calls >= n);
}

static void let_go(struct kernel *k)
{
    SPFS_LOCKED(&k->lock);
    k->hold = false;
    spfs_cond_broadcast(&k->changed);
}

static void drop(struct spfs_notify *n, unsigned what, uint64_t node, uint64_t parent, const char *name)
{
    const struct spfs_vfs_drop d = {.what = what, .node = node, .parent = parent, .name = name};
    spfs_notify_drop(n, &d);
}

static void what_news_become(void **state)
{
    (void)state;
    struct kernel k;
    struct spfs_notify *n;
    kernel_init(&k);
    assert_int_equal(spfs_notify_new(&sink, &k, 100, &n), 0);
    drop(n, SPFS_NEWS_ATTR, 7, 0, NULL);
    drop(n, SPFS_NEWS_ATTR | SPFS_NEWS_CONTENT, 8, 0, NULL);
    drop(n, SPFS_NEWS_ADDED, 9, 2, "new");
    drop(n, SPFS_NEWS_REMOVED, 10, 2, "moved");
    drop(n, SPFS_NEWS_REMOVED | SPFS_NEWS_DELETED, 11, 3, "gone");
    assert_int_equal(spfs_notify_start(n), 0);
    wait_calls(&k, 8);
    assert_true(spfs_notify_stop(n, 10000));
    assert_string_equal(
        k.text,
        "attr(7) pages(8) entry(2,new) pages(2) entry(2,moved) pages(2) deleted(3,11,gone) pages(3) ");
    spfs_notify_free(n);
    kernel_done(&k);
}

static void overflow_becomes_coarse(void **state)
{
    (void)state;
    struct kernel k;
    struct spfs_notify *n;
    kernel_init(&k);
    assert_int_equal(spfs_notify_new(&sink, &k, 3, &n), 0);
    for (uint64_t i = 1; i <= 10; i++)
        drop(n, SPFS_NEWS_ATTR, i, 0, NULL);
    assert_int_equal(spfs_notify_start(n), 0);
    wait_calls(&k, 1);
    drop(n, SPFS_NEWS_ATTR, 77, 0, NULL); /* and afterwards all is as before */
    assert_true(spfs_notify_drain(n, 20000));
    assert_int_equal(k.calls, 2);
    assert_true(spfs_notify_stop(n, 10000));
    assert_string_equal(k.text, "coarse attr(77) ");
    spfs_notify_free(n);
    kernel_done(&k);
}

static void overflow_keeps_names_lost_from_the_root(void **state)
{
    (void)state;
    struct kernel k;
    struct spfs_notify *n;
    kernel_init(&k);
    assert_int_equal(spfs_notify_new(&sink, &k, 3, &n), 0);
    drop(n, SPFS_NEWS_REMOVED | SPFS_NEWS_DELETED, 5, 1, "before");
    for (uint64_t i = 11; i <= 20; i++)
        drop(n, SPFS_NEWS_ADDED, i, 2, "x");
    drop(n, SPFS_NEWS_REMOVED, 6, 1, "after");
    assert_int_equal(spfs_notify_start(n), 0);
    wait_calls(&k, 4);
    assert_true(spfs_notify_stop(n, 10000));
    assert_string_equal(k.text, "coarse deleted(1,5,before) pages(1) entry(1,after) pages(1) ");
    spfs_notify_free(n);
    kernel_done(&k);
}

static void end_while_the_kernel_holds_a_call(void **state)
{
    (void)state;
    struct kernel k;
    struct spfs_notify *n;
    kernel_init(&k);
    k.hold = true;
    assert_int_equal(spfs_notify_new(&sink, &k, 100, &n), 0);
    assert_int_equal(spfs_notify_start(n), 0);
    drop(n, SPFS_NEWS_ATTR, 1, 0, NULL);
    wait_calls(&k, 1);
    drop(n, SPFS_NEWS_ATTR, 2, 0, NULL); /* never waits for the one that hangs */
    assert_false(spfs_notify_stop(n, 20));
    drop(n, SPFS_NEWS_ATTR, 3, 0, NULL); /* too late: forgotten */
    let_go(&k);
    assert_true(spfs_notify_stop(n, 10000));
    assert_string_equal(k.text, "attr(1) ");
    spfs_notify_free(n);
    kernel_done(&k);
}

static void never_started(void **state)
{
    (void)state;
    struct kernel k;
    struct spfs_notify *n;
    kernel_init(&k);
    assert_int_equal(spfs_notify_new(&sink, &k, 100, &n), 0);
    drop(n, SPFS_NEWS_ADDED, 1, 2, "x");
    assert_true(spfs_notify_stop(n, 0));
    spfs_notify_free(n);
    spfs_notify_free(NULL);
    kernel_done(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_news_become),
        cmocka_unit_test(overflow_becomes_coarse),
        cmocka_unit_test(overflow_keeps_names_lost_from_the_root),
        cmocka_unit_test(end_while_the_kernel_holds_a_call),
        cmocka_unit_test(never_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
