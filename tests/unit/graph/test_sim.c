// SPDX-License-Identifier: GPL-3.0-or-later
/* The whole way, through the real engine and governor, against the simulator in this process. */
#include <spfs_test.h>

#include "rig.h"

#include <spfs/model/quickxor.h>

#include <errno.h>
#include <string.h>

#define FILES_MAX 400

static struct rig rig;
static struct spfs_remote *r;
static struct spfs_reason why;

static struct file {
    char drive[128], id[64], etag[96], hash[32];
    uint64_t size;
} files[FILES_MAX];
static unsigned file_count, drive_count, item_count;
static char site_ids[16][256], drives[32][128];

static int on_site(void *ctx, const struct spfs_site *s)
{
    unsigned *n = ctx;
    assert_true(*n < 16);
    spfs_copy(site_ids[(*n)++], sizeof site_ids[0], s->id);
    return 0;
}

static int on_drive(void *ctx, const struct spfs_drive *d)
{
    (void)ctx;
    assert_true(drive_count < 32);
    spfs_copy(drives[drive_count++], sizeof drives[0], d->id);
    return 0;
}

static int on_item(void *ctx, const struct spfs_item *i)
{
    item_count++;
    if (i->kind != SPFS_KIND_FILE || i->deleted || !i->etag || !i->quickxor || file_count == FILES_MAX ||
        i->size == 0)
        return 0;
    struct file *f = &files[file_count++];
    spfs_copy(f->drive, sizeof f->drive, ctx);
    spfs_copy(f->id, sizeof f->id, i->id);
    spfs_copy(f->etag, sizeof f->etag, i->etag);
    spfs_copy(f->hash, sizeof f->hash, i->quickxor);
    f->size = i->size;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    rig_start(&rig);
    r = rig.remote;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void delta_all(const char *drive)
{
    struct spfs_page page = {0};
    SPFS_FREE char *link = NULL;
    do {
        int rc = r->ops->delta(r, &rig.op, drive, link, on_item, (void *)(uintptr_t)drive, &page, &why);
        if (rc)
            fail_msg("delta: %s", why.text);
        free(link);
        link = page.next;
        free(page.delta);
        assert_true(!page.next == !!page.delta);
    } while (link);
}

/* Discovery and enumeration; the other tests use what it finds. */
static void test_enumeration(void **state)
{
    (void)state;
    unsigned sites = 0;
    assert_int_equal(r->ops->sites(r, &rig.op, SPFS_SITES_ALL, on_site, &sites, &why), 0);
    assert_true(sites >= 3);
    for (unsigned i = 0; i < sites; i++)
        assert_int_equal(r->ops->libraries(r, &rig.op, site_ids[i], on_drive, NULL, &why), 0);
    assert_true(drive_count >= 2);
    for (unsigned i = 0; i < drive_count; i++)
        delta_all(drives[i]);
    assert_true(file_count > 20 && item_count > file_count);
    unsigned listed = 0, before = item_count;
    struct spfs_page page = {0};
    assert_int_equal(r->ops->children(r, &rig.op, (struct spfs_ref){drives[0], "root"}, NULL, on_item,
                                      drives[0], &page, &why),
                     0);
    listed = item_count - before;
    assert_true(listed > 0);
    spfs_page_done(&page);
}

struct check {
    struct spfs_quickxor hash;
    uint64_t got;
    bool proved;
};

static int on_data(void *ctx, const void *p, size_t n)
{
    struct check *c = ctx;
    spfs_quickxor_add(&c->hash, p, n);
    c->got += n;
    return 0;
}

static void on_proved(void *ctx)
{
    ((struct check *)ctx)->proved = true;
}

static int read_file(const struct file *f)
{
    struct check c = {0};
    char text[SPFS_QUICKXOR_TEXT];
    struct spfs_read read = {
        .ref = {f->drive, f->id},
        .want = {.etag = f->etag, .quickxor = f->hash, .size = f->size, .mtime_ns = SPFS_TIME_UNKNOWN},
        .len = f->size,
        .data = on_data,
        .proved = on_proved,
        .ctx = &c,
    };
    spfs_quickxor_init(&c.hash);
    int rc = r->ops->read(r, &rig.op, &read, &why);
    if (rc == 0) {
        assert_true(c.proved && c.got == f->size);
        spfs_quickxor_end(&c.hash, text);
        assert_string_equal(text, f->hash);
    }
    return rc;
}

/* Every file, its addresses 20 at a time. */
static void test_reading(void **state)
{
    (void)state;
    for (unsigned i = 0; i < file_count; i++) {
        struct spfs_ref refs[20];
        for (unsigned k = 0; i % 20 == 0 && k < 20; k++)
            refs[k] = (struct spfs_ref){files[(i + k) % file_count].drive, files[(i + k) % file_count].id};
        if (i % 20 == 0)
            assert_int_equal(r->ops->prepare(r, &rig.op, refs, 20), 0);
        int rc = read_file(&files[i]);
        if (rc)
            fail_msg("file %u, %s: %s", i, strerror(-rc), why.text);
    }
}

static void test_faults_are_survived(void **state)
{
    (void)state;
    static const char *const rules[] = {"{\"path_contains\":\"/_content/\",\"reset_after\":700}",
                                        "{\"path_contains\":\"/_content/\",\"truncate\":500}",
                                        "{\"path_contains\":\"/_content/\",\"expire_url\":true}",
                                        "{\"path_contains\":\"/_content/\",\"wrong_content_range\":true}",
                                        "{\"path_contains\":\"/_content/\",\"ignore_range\":true}",
                                        "{\"path_contains\":\"/_content/\",\"drop_etag\":true}",
                                        "{\"path_contains\":\"/_content/\",\"html\":true}",
                                        "{\"path_contains\":\"/_content/\",\"status\":503}"};
    const struct file *big = &files[0];
    for (unsigned i = 0; i < file_count; i++)
        if (files[i].size > big->size)
            big = &files[i];
    assert_true(big->size > 1000);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(rules); i++) {
        rig_fault(&rig, rules[i]);
        int rc = read_file(big);
        if (rc)
            fail_msg("%s: %s: %s", rules[i], strerror(-rc), why.text);
    }
}

static void test_faults_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        int err;
    } rows[] = {
        {"{\"path_contains\":\"/_content/\",\"html\":true,\"times\":-1}", -EIO},
        {"{\"path_contains\":\"/_content/\",\"status\":404,\"times\":-1}", -ENOENT},
        {"{\"path_contains\":\"/_content/\",\"wrong_content_range\":true,\"times\":-1}", -EIO},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(rows); i++) {
        rig_fault(&rig, rows[i].rule);
        assert_int_equal(read_file(&files[0]), rows[i].err);
        rig_no_faults(&rig);
    }
    assert_int_equal(read_file(&files[0]), 0);
}

static void test_good_manners(void **state)
{
    (void)state;
    rig_reset_counters(&rig);
    assert_int_equal(read_file(&files[0]), 0);
    assert_int_equal(rig_counter(&rig, "violations.total"), 0);
    assert_int_equal(rig_counter(&rig, "total"), 1); /* the address was known */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_enumeration), cmocka_unit_test(test_reading),
                                       cmocka_unit_test(test_faults_are_survived),
                                       cmocka_unit_test(test_faults_are_told),
                                       cmocka_unit_test(test_good_manners)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
