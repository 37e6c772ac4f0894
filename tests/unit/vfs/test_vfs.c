/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vfs on a real catalog, tree and fetch, with a server in memory. */
#include "../sync/fake_server.h"

#include <spfs/vfs/vfs.h>

#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

struct world {
    struct fake_server f;
    char dir[64];
    struct spfs_catalog *catalog;
    struct spfs_blocks *blocks;
    struct spfs_tree *tree;
    struct spfs_fetch *fetch;
    struct spfs_vfs *vfs;
    struct spfs_op op;
    struct spfs_reason reason;
    struct spfs_observer observer;
    char drops[4096]; /* what the kernel was told, as text */
    pthread_mutex_t lock;
};

static void changed(void *ctx, const struct spfs_news *news, size_t n)
{
    struct world *w = ctx;
    if (w->vfs)
        spfs_vfs_changed(w->vfs, news, n);
}

static void dropped(void *ctx, const struct spfs_vfs_drop *d)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    size_t at = strlen(w->drops);
    snprintf(w->drops + at, sizeof(w->drops) - at, "%s%s%s%s:%s;", d->what & SPFS_NEWS_CONTENT ? "C" : "",
             d->what & SPFS_NEWS_ADDED ? "+" : "", d->what & SPFS_NEWS_REMOVED ? "-" : "",
             d->what & SPFS_NEWS_DELETED ? "D" : "", d->name ? d->name : "");
    pthread_mutex_unlock(&w->lock);
}

static void stale(void *ctx, uint64_t ino, uint32_t content, uint64_t served)
{
    (void)ctx;
    (void)ino;
    (void)content;
    (void)served; /* the handle asks again itself in these tests */
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    fake_init(&w->f);
    pthread_mutex_init(&w->lock, NULL);
    snprintf(w->dir, sizeof(w->dir), "/tmp/spfs-vfs-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->observer = (struct spfs_observer){changed, w};
    assert_int_equal(spfs_catalog_open(w->dir, &w->observer, &w->catalog, &w->reason), 0);
    struct spfs_blocks_config blocks = {
        .dir = w->dir, .catalog_uuid = spfs_catalog_uuid(w->catalog), .cap = 64 << 20, .free_floor = 1};
    assert_int_equal(spfs_blocks_open(&blocks, &w->blocks, &w->reason), 0);
    spfs_op_init(&w->op, SPFS_URGENT, 30000);
    fake_add_site(&w->f, "h,A,1", "marketing", "Marketing", "https://h/sites/marketing", true, true, NULL);
    fake_add_drive(&w->f, "D1", "h,A,1", "Documents", "https://h/sites/marketing/Shared%20Documents");
    fake_put(&w->f, "D1", "a", "D1-root", "Alpha", SPFS_KIND_FOLDER, 0, NULL);
    fake_put(&w->f, "D1", "b", "a", "Beta.txt", SPFS_KIND_FILE, 300000, "c1");
    fake_put(&w->f, "D1", "e", "a", "Empty", SPFS_KIND_FILE, 0, "c2");
    struct spfs_tree_config tree = {.remote = &w->f.remote, .catalog = w->catalog, .sites = SPFS_SHOW_ALL};
    assert_int_equal(spfs_tree_new(&tree, &w->tree), 0);
    assert_int_equal(spfs_tree_start(w->tree), 0);
    struct spfs_fetch_config fetch = {.remote = &w->f.remote, .blocks = w->blocks, .stale = stale};
    assert_int_equal(spfs_fetch_new(&fetch, &w->fetch), 0);
    assert_int_equal(spfs_fetch_start(w->fetch), 0);
    struct spfs_vfs_config vfs = {.catalog = w->catalog,
                                  .blocks = w->blocks,
                                  .tree = w->tree,
                                  .fetch = w->fetch,
                                  .uid = 7,
                                  .gid = 8,
                                  .file_mode = 0644,
                                  .dir_mode = 0755,
                                  .read_only = true};
    assert_int_equal(spfs_tree_resolve(w->tree, &w->op, "Marketing/Documents", &vfs.root, &w->reason), 0);
    assert_int_equal(spfs_vfs_new(&vfs, &w->vfs), 0);
    struct spfs_vfs_listener listener = {.drop = dropped, .ctx = w};
    spfs_vfs_listen(w->vfs, &listener);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    spfs_tree_stop(w->tree);
    spfs_fetch_stop(w->fetch);
    spfs_vfs_listen(w->vfs, NULL);
    spfs_vfs_free(TAKE(w->vfs));
    spfs_fetch_free(w->fetch);
    spfs_tree_free(w->tree);
    spfs_blocks_close(w->blocks);
    spfs_catalog_close(w->catalog);
    spfs_op_done(&w->op);
    char cmd[128];
    snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
    assert_int_equal(system(cmd), 0);
    free(w);
    return 0;
}

static void settle(struct world *w)
{
    struct spfs_node root;
    assert_int_equal(spfs_vfs_node(w->vfs, SPFS_NODE_ROOT, &root), 0);
    assert_int_equal(spfs_tree_sync(w->tree, &w->op, root.ino, &w->reason), 0);
}

static struct spfs_vfs_attr look(struct world *w, const char *path)
{
    uint64_t node;
    struct spfs_vfs_attr a;
    assert_int_equal(spfs_vfs_walk(w->vfs, &w->op, path, &node), 0);
    assert_int_equal(spfs_vfs_getattr(w->vfs, &w->op, node, NULL, &a), 0);
    return a;
}

struct got {
    unsigned char data[400000];
    size_t n;
};

static int take(void *ctx, const struct iovec *iov, int n)
{
    struct got *g = ctx;
    for (int i = 0; i < n; i++) {
        memcpy(g->data + g->n, iov[i].iov_base, iov[i].iov_len);
        g->n += iov[i].iov_len;
    }
    return 0;
}

static int read_all(struct world *w, struct spfs_vfs_file *file, uint64_t off, size_t len, struct got *g)
{
    g->n = 0;
    return spfs_vfs_read(w->vfs, &w->op, file, off, len, take, g);
}

static void expect(const struct got *g, const char *ctag, uint64_t off, size_t n)
{
    assert_int_equal(g->n, n);
    for (size_t i = 0; i < n; i++)
        if (g->data[i] != fake_byte(ctag, off + i))
            fail_msg("byte %zu differs", i);
}

static void test_attributes_and_absence(void **state)
{
    struct world *w = *state;
    struct spfs_vfs_attr a = look(w, "Alpha/Beta.txt");
    assert_int_equal(a.st.st_size, 300000);
    assert_int_equal(a.st.st_blocks, (300000 + 511) / 512);
    assert_int_equal(a.st.st_uid, 7);
    assert_true(S_ISREG(a.st.st_mode));
    assert_int_equal(a.st.st_mtim.tv_sec, 1700000000);
    settle(w);
    uint64_t alpha = look(w, "Alpha").node;
    unsigned calls = w->f.calls;
    assert_int_equal(spfs_vfs_lookup(w->vfs, &w->op, alpha, "Nothing", &a), -ENOENT);
    assert_true(a.entry_timeout > 1000); /* absence is known */
    assert_int_equal(spfs_vfs_lookup(w->vfs, &w->op, alpha, "BETA.TXT", &a), 0);
    assert_true(a.entry_timeout <= 1.0); /* an alias */
    assert_true(look(w, "Alpha/Beta.txt").entry_timeout > 1000);
    assert_int_equal(w->f.calls, calls);
    struct statvfs s;
    assert_int_equal(spfs_vfs_statfs(w->vfs, alpha, &s), 0);
    assert_int_equal(s.f_blocks, 1000000 / 4096);
}

static void test_read(void **state)
{
    struct world *w = *state;
    struct spfs_vfs_file *file;
    bool keep;
    struct got *g = malloc(sizeof(*g));
    uint64_t node = look(w, "Alpha/Beta.txt").node;
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_WRONLY, 0, &file, &keep), -EROFS);
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_RDONLY, 0, &file, &keep), 0);
    assert_false(keep);
    assert_int_equal(read_all(w, file, 0, 400000, g), 0);
    expect(g, "c1", 0, 300000);
    assert_int_equal(read_all(w, file, 299990, 100, g), 0);
    expect(g, "c1", 299990, 10);
    assert_int_equal(read_all(w, file, 300000, 100, g), 0);
    assert_int_equal(g->n, 0);
    assert_int_equal(read_all(w, file, UINT64_MAX - 5, 100, g), 0);
    assert_int_equal(g->n, 0);
    spfs_vfs_release(w->vfs, file);
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_RDONLY, 0, &file, &keep), 0);
    assert_true(keep); /* same version as the kernel's pages */
    spfs_vfs_release(w->vfs, file);
    node = look(w, "Alpha/Empty").node;
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_RDONLY, 0, &file, &keep), 0);
    assert_int_equal(read_all(w, file, 0, 100, g), 0);
    assert_int_equal(g->n, 0);
    spfs_vfs_release(w->vfs, file);
    free(g);
}

static void test_old_reader_never_sees_a_mix(void **state)
{
    struct world *w = *state;
    settle(w);
    struct spfs_vfs_file *old, *fresh;
    bool keep;
    struct spfs_vfs_attr a;
    struct got *g = malloc(sizeof(*g));
    uint64_t node = look(w, "Alpha/Beta.txt").node;
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_RDONLY, 0, &old, &keep), 0);
    assert_int_equal(read_all(w, old, 0, 1000, g), 0);
    expect(g, "c1", 0, 1000);
    fake_put(&w->f, "D1", "b", "a", "Beta.txt", SPFS_KIND_FILE, 1000, "c9");
    settle(w);
    assert_non_null(strstr(w->drops, "C"));
    assert_int_equal(read_all(w, old, 0, 1000, g), -ESTALE);
    assert_int_equal(spfs_vfs_getattr(w->vfs, &w->op, node, old, &a), -ESTALE);
    assert_int_equal(spfs_vfs_getattr(w->vfs, &w->op, node, NULL, &a), 0);
    assert_int_equal(a.st.st_size, 1000);
    assert_true(a.attr_timeout == 0); /* or the kernel would end the old reader at 1000 */
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_RDONLY, 0, &fresh, &keep), 0);
    assert_false(keep);
    assert_int_equal(read_all(w, fresh, 0, 5000, g), 0);
    expect(g, "c9", 0, 1000);
    spfs_vfs_release(w->vfs, old);
    spfs_vfs_release(w->vfs, fresh);
    free(g);
}

static void test_fresh_handle_moves_on(void **state)
{
    struct world *w = *state;
    settle(w);
    struct spfs_vfs_file *file;
    bool keep;
    struct got *g = malloc(sizeof(*g));
    uint64_t node = look(w, "Alpha/Beta.txt").node;
    fake_put(&w->f, "D1", "b", "a", "Beta.txt", SPFS_KIND_FILE, 350000,
             "c7"); /* the catalog does not know yet */
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_RDONLY, 0, &file, &keep), 0);
    assert_int_equal(read_all(w, file, 0, 400000, g), 0);
    expect(g, "c7", 0, 350000);
    spfs_vfs_release(w->vfs, file);
    free(g);
}

/* The kernel would fill the new version up with zeros to the old size. */
static void test_fresh_handle_and_shorter_version(void **state)
{
    struct world *w = *state;
    settle(w);
    struct spfs_vfs_file *file;
    bool keep;
    struct got *g = malloc(sizeof(*g));
    uint64_t node = look(w, "Alpha/Beta.txt").node;
    fake_put(&w->f, "D1", "b", "a", "Beta.txt", SPFS_KIND_FILE, 2000, "c7");
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_RDONLY, 0, &file, &keep), 0);
    assert_int_equal(read_all(w, file, 0, 4000, g), -ESTALE);
    spfs_vfs_release(w->vfs, file);
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_RDONLY, 0, &file, &keep), 0);
    assert_false(keep);
    assert_int_equal(read_all(w, file, 0, 4000, g), 0);
    expect(g, "c7", 0, 2000);
    spfs_vfs_release(w->vfs, file);
    free(g);
}

static struct {
    struct world *w;
    struct spfs_vfs_file *file;
    struct got got;
} meanwhile;

static void read_meanwhile(struct fake_server *f)
{
    f->before_item = NULL;
    assert_int_equal(read_all(meanwhile.w, meanwhile.file, 0, 1000, &meanwhile.got), 0);
    expect(&meanwhile.got, "c1", 0, 1000);
}

/* While one read of the handle asks the server anew, another delivers the old version from the cache: the
 * first must not go on with the new one. */
static void test_fresh_handle_that_delivers_meanwhile(void **state)
{
    struct world *w = *state;
    settle(w);
    struct spfs_node n;
    struct spfs_fetch_file *warm;
    bool keep;
    struct got *g = calloc(1, sizeof(*g));
    uint64_t node = look(w, "Alpha/Beta.txt").node;
    assert_int_equal(spfs_vfs_node(w->vfs, node, &n), 0);
    assert_int_equal(spfs_fetch_open(w->fetch, &n, "D1", &warm), 0);
    assert_int_equal(spfs_fetch_read(warm, NULL, &w->op, 0, 1000, 0, take, g, NULL), 0);
    fake_put(&w->f, "D1", "b", "a", "Beta.txt", SPFS_KIND_FILE, 300000, "c7");
    meanwhile.w = w;
    assert_int_equal(spfs_vfs_open(w->vfs, &w->op, node, O_RDONLY, 0, &meanwhile.file, &keep), 0);
    w->f.before_item = read_meanwhile;
    assert_int_equal(read_all(w, meanwhile.file, 262144, 1000, g), -ESTALE);
    assert_null(w->f.before_item);
    spfs_vfs_release(w->vfs, meanwhile.file);
    spfs_fetch_close(warm);
    free(g);
}

struct listing {
    char text[4096];
    unsigned budget;
    uint64_t next;
};

static bool add(void *ctx, const char *name, const struct spfs_vfs_attr *attr, uint64_t next)
{
    struct listing *l = ctx;
    if (l->budget == 0)
        return false;
    l->budget--;
    size_t at = strlen(l->text);
    snprintf(l->text + at, sizeof(l->text) - at, "%s%s ", name, S_ISDIR(attr->st.st_mode) ? "/" : "");
    l->next = next;
    return true;
}

static void test_readdir(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 100; i++) {
        char id[16], name[16];
        snprintf(id, sizeof(id), "n%d", i);
        snprintf(name, sizeof(name), "f%02d", i);
        fake_put(&w->f, "D1", id, "a", name, SPFS_KIND_FILE, 1, id);
    }
    w->f.page = 30;
    for (int plain = 0; plain < 2; plain++) {
        struct spfs_vfs_dir *dir;
        bool cache;
        assert_int_equal(spfs_vfs_opendir(w->vfs, &w->op, look(w, "Alpha").node, &dir, &cache), 0);
        struct listing l = {.next = 0};
        unsigned rounds = 0;
        for (uint64_t before = UINT64_MAX; before != l.next; rounds++) {
            before = l.next;
            l.budget = 7;
            assert_int_equal(spfs_vfs_readdir(w->vfs, &w->op, dir, l.next, plain, add, &l), 0);
        }
        assert_true(rounds > 14);
        assert_true(spfs_starts(l.text, "./ ../ Beta.txt Empty f00 f01 "));
        assert_true(spfs_ends(l.text, "f98 f99 "));
        spfs_vfs_releasedir(w->vfs, dir);
    }
}

static void test_xattr(void **state)
{
    struct world *w = *state;
    char v[512];
    uint64_t node = look(w, "Alpha/Beta.txt").node;
    assert_int_equal(spfs_vfs_getxattr(w->vfs, node, "user.spfs.id", v, sizeof(v)), 1);
    assert_int_equal(v[0], 'b');
    assert_int_equal(spfs_vfs_getxattr(w->vfs, node, "user.spfs.id", v, 0), 1);
    assert_int_equal(spfs_vfs_getxattr(w->vfs, node, "user.other", v, sizeof(v)), -ENODATA);
    assert_int_equal(spfs_vfs_getxattr(w->vfs, node, "user.spfs.drive", v, 1), -ERANGE);
    ssize_t n = spfs_vfs_getxattr(w->vfs, node, "user.spfs.weburl", v, sizeof(v));
    assert_true(n > 0);
    v[n] = '\0';
    assert_string_equal(v, "https://h/sites/marketing/Shared%20Documents/Alpha/Beta.txt");
    n = spfs_vfs_getxattr(w->vfs, node, "user.spfs.state", v, sizeof(v));
    assert_memory_equal(v, "online", (size_t)n);
    assert_int_equal(spfs_vfs_setxattr(w->vfs, node, "user.spfs.pin", "1", 1), 0);
    assert_int_equal(spfs_vfs_setxattr(w->vfs, node, "user.spfs.pin", "x", 1), -EINVAL);
    assert_int_equal(spfs_vfs_setxattr(w->vfs, node, "user.mime", "x", 1), -EOPNOTSUPP);
    assert_int_equal(spfs_vfs_getxattr(w->vfs, node, "user.spfs.pin", v, sizeof(v)), 1);
    assert_int_equal(v[0], '1');
}

static void test_news_reach_every_view(void **state)
{
    struct world *w = *state;
    fake_add_drive(&w->f, "D2", "h,A,1", "Archive", "https://h/sites/marketing/Archive");
    fake_put(&w->f, "D2", "x", "D2-root", "Old", SPFS_KIND_FOLDER, 0, NULL);
    fake_put(&w->f, "D2", "y", "x", "old.txt", SPFS_KIND_FILE, 5, "c3");
    struct fake_item *s = fake_put(&w->f, "D1", "s", "D1-root", "Shared", SPFS_KIND_REMOTE, 0, NULL);
    snprintf(s->target_drive, sizeof(s->target_drive), "D2");
    snprintf(s->target_id, sizeof(s->target_id), "x");
    settle(w);
    struct spfs_vfs_attr a = look(w, "Shared/old.txt");
    assert_true(a.node >> 48 > 0);
    struct spfs_node n;
    assert_int_equal(spfs_vfs_node(w->vfs, a.node, &n), 0);
    assert_int_equal(spfs_tree_sync(w->tree, &w->op, n.ino, &w->reason), 0);
    w->drops[0] = '\0';
    fake_put(&w->f, "D2", "y", "x", "new.txt", SPFS_KIND_FILE, 5, "c3");
    assert_int_equal(spfs_tree_sync(w->tree, &w->op, n.ino, &w->reason), 0);
    char *first = strstr(w->drops, "-:old.txt");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "-:old.txt")); /* in the shortcut's view and in its own */
    assert_int_equal(look(w, "Shared/new.txt").node, a.node);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_attributes_and_absence),
        T(test_read),
        T(test_old_reader_never_sees_a_mix),
        T(test_fresh_handle_moves_on),
        T(test_fresh_handle_and_shorter_version),
        T(test_fresh_handle_that_delivers_meanwhile),
        T(test_readdir),
        T(test_xattr),
        T(test_news_reach_every_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
