// SPDX-License-Identifier: GPL-3.0-or-later
/* Changes the whole way, through the real engine and governor, against the simulator in this process. */
#include <spfs_test.h>

#include "graph_i.h"
#include "rig.h"

#include <spfs/model/quickxor.h>

#include <errno.h>
#include <string.h>

#define MTIME (INT64_C(1700000000) * 1000000000)
#define BIG   (25ull << 20)

static struct rig rig;
static struct spfs_remote *r;
static struct spfs_reason why;
static char drive[128], root_id[64], other_drive[128];
static char url_made[1024];
static uint64_t stop_at; /* progress that cancels the op */
static struct spfs_op *running;

/* The last item given. */
static struct {
    char id[64], etag[96], hash[32], name[128], parent[64];
    uint64_t size;
    int64_t mtime_ns;
    enum spfs_kind kind;
} got;

static int on_item(void *ctx, const struct spfs_item *i)
{
    (void)ctx;
    spfs_copy(got.id, sizeof got.id, i->id);
    spfs_copy(got.etag, sizeof got.etag, i->etag);
    spfs_copy(got.hash, sizeof got.hash, i->quickxor);
    spfs_copy(got.name, sizeof got.name, i->name);
    spfs_copy(got.parent, sizeof got.parent, i->parent_id);
    got.size = i->size;
    got.mtime_ns = i->mtime_ns;
    got.kind = i->kind;
    return 0;
}

static int on_site(void *ctx, const struct spfs_site *s)
{
    char(*ids)[256] = ctx;
    for (int i = 0; i < 8; i++)
        if (!ids[i][0])
            return spfs_copy(ids[i], 256, s->id) ? 0 : -EIO;
    return 0;
}

static int on_drive(void *ctx, const struct spfs_drive *d)
{
    (void)ctx;
    if (drive[0])
        return spfs_copy(other_drive, sizeof other_drive, d->id) ? 0 : -EIO;
    return spfs_copy(drive, sizeof drive, d->id) ? 0 : -EIO;
}

static int set_up(void **state)
{
    (void)state;
    char sites[8][256] = {{0}};
    rig_start(&rig);
    r = rig.remote;
    graph_of(r)->second_ms = 20;
    assert_int_equal(r->ops->sites(r, &rig.op, SPFS_SITES_ALL, on_site, sites, &why), 0);
    for (int i = 0; i < 8 && sites[i][0] && !other_drive[0]; i++)
        assert_int_equal(r->ops->libraries(r, &rig.op, sites[i], on_drive, NULL, &why), 0);
    assert_true(other_drive[0]);
    assert_int_equal(r->ops->item(r, &rig.op, (struct spfs_ref){drive, "root"}, on_item, NULL, &why), 0);
    spfs_copy(root_id, sizeof root_id, got.id);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

/* ---- uploads ---- */

static unsigned char byte_at(uint64_t off, unsigned seed)
{
    return (unsigned char)(off * 31 + off / 251 + seed);
}

static ssize_t fill(void *ctx, uint64_t off, void *p, size_t n)
{
    unsigned char *b = p;
    for (size_t i = 0; i < n; i++)
        b[i] = byte_at(off + i, *(unsigned *)ctx);
    return (ssize_t)n;
}

static void hash_of(uint64_t size, unsigned seed, char out[SPFS_QUICKXOR_TEXT])
{
    struct spfs_quickxor q;
    spfs_quickxor_init(&q);
    for (uint64_t off = 0; off < size;) {
        unsigned char b[4096];
        size_t n = size - off < sizeof b ? (size_t)(size - off) : sizeof b;
        fill(&seed, off, b, n);
        spfs_quickxor_add(&q, b, n);
        off += n;
    }
    spfs_quickxor_end(&q, out);
}

static int on_made(void *ctx, const char *session, int64_t expires_ms)
{
    (void)ctx, (void)expires_ms;
    return spfs_copy(url_made, sizeof url_made, session) ? 0 : -EIO;
}

static void on_progress(void *ctx, uint64_t sent)
{
    (void)ctx;
    if (stop_at && sent >= stop_at)
        spfs_op_cancel(running);
}

static struct spfs_upload upload_of(const char *name, uint64_t size, unsigned *seed)
{
    return (struct spfs_upload){.drive_id = drive,
                                .parent_id = root_id,
                                .name = name,
                                .size = size,
                                .mtime_ns = MTIME,
                                .btime_ns = SPFS_TIME_UNKNOWN,
                                .fill = fill,
                                .made = on_made,
                                .progress = on_progress,
                                .ctx = seed};
}

static int upload(const struct spfs_upload *u)
{
    struct spfs_op op;
    spfs_op_init(&op, SPFS_NORMAL, 0);
    running = &op;
    memset(&got, 0, sizeof got);
    int rc = r->ops->upload(r, &op, u, on_item, NULL, &why);
    spfs_op_done(&op);
    return rc;
}

/* The item given is what was sent. */
static void check(const char *name, uint64_t size, unsigned seed)
{
    char hash[SPFS_QUICKXOR_TEXT];
    hash_of(size, seed, hash);
    assert_string_equal(got.name, name);
    assert_true(got.size == size);
    assert_string_equal(got.hash, hash);
    assert_true(got.mtime_ns == MTIME);
}

static void test_upload(void **state)
{
    (void)state;
    unsigned seed = 1;
    struct spfs_upload u = upload_of("a #100%;'x'.bin", 100000, &seed);
    rig_reset_counters(&rig);
    assert_int_equal(upload(&u), 0);
    check(u.name, u.size, seed);
    assert_int_equal(rig_counter(&rig, "total"), 2);
    assert_int_equal(upload(&u), -EEXIST);
    u.size = BIG;
    u.name = "big.bin";
    assert_int_equal(upload(&u), 0);
    check(u.name, u.size, seed);
    assert_int_equal(rig_counter(&rig, "violations.total"), 0);
}

static void test_new_version(void **state)
{
    (void)state;
    unsigned seed = 1;
    char id[64], first[96];
    struct spfs_upload u = upload_of("v.bin", 1000, &seed);
    assert_int_equal(upload(&u), 0);
    spfs_copy(id, sizeof id, got.id);
    spfs_copy(first, sizeof first, got.etag);
    u.item_id = id;
    u.if_match = first;
    u.size = 2000;
    seed = 2;
    assert_int_equal(upload(&u), 0);
    assert_string_equal(got.id, id);
    check("v.bin", 2000, 2);
    assert_int_equal(upload(&u), -ECANCELED); /* the tag is an old one */
    /* to nothing and back */
    char now[96];
    spfs_copy(now, sizeof now, got.etag);
    memset(&got, 0, sizeof got);
    assert_int_equal(r->ops->item(r, &rig.op, (struct spfs_ref){drive, id}, on_item, NULL, &why), 0);
    spfs_copy(now, sizeof now, got.etag);
    u.if_match = now;
    u.size = 0;
    assert_int_equal(upload(&u), 0);
    assert_true(got.size == 0 && got.mtime_ns == MTIME);
    assert_string_equal(got.id, id);
    assert_int_equal(upload(&u), -ECANCELED);
}

static void test_empty_file(void **state)
{
    (void)state;
    unsigned seed = 0;
    struct spfs_upload u = upload_of("empty", 0, &seed);
    assert_int_equal(upload(&u), 0);
    assert_true(got.size == 0 && got.mtime_ns == MTIME && got.kind == SPFS_KIND_FILE);
    assert_int_equal(upload(&u), -EEXIST);
}

static void test_uploads_survive(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"reset_after\":0}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"reset_after\":0,\"after\":2}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"truncate\":10,\"after\":1}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"truncate\":10,\"after\":2}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"html\":true,\"after\":2}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"status\":500,\"times\":2}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"status\":504,\"after\":2}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"status\":503,\"retry_after\":1,\"after\":1}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"status\":429,\"retry_after\":1}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"status\":404,\"code\":\"itemNotFound\"}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"status\":404,\"after\":1}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"status\":401,\"after\":1}",
        "{\"method\":\"PUT\",\"path_contains\":\"/_upload/\",\"status\":416,\"after\":2}",
        "{\"path_contains\":\"createUploadSession\",\"status\":503}",
        "{\"path_contains\":\"createUploadSession\",\"reset_after\":0}",
    };
    for (unsigned i = 0; i < SPFS_ARRAY_LEN(rules); i++) {
        char name[32];
        spfs_format(name, sizeof name, "survivor-%u.bin", i);
        struct spfs_upload u = upload_of(name, (21ull << 20) + i, &i);
        rig_fault(&rig, rules[i]);
        int rc = upload(&u);
        if (rc)
            fail_msg("%s: %s: %s", rules[i], strerror(-rc), why.text);
        check(name, u.size, i);
        rig_no_faults(&rig);
    }
    assert_int_equal(rig_counter(&rig, "violations.total"), 0);
}

static void test_resume(void **state)
{
    (void)state;
    unsigned seed = 5;
    struct spfs_upload u = upload_of("resumed.bin", BIG, &seed);
    SPFS_FREE char *url = NULL;
    stop_at = 10 << 20;
    assert_int_equal(upload(&u), -EINTR);
    stop_at = 0;
    url = strdup(url_made);
    u.session = url;
    rig_reset_counters(&rig);
    assert_int_equal(upload(&u), 0);
    check(u.name, BIG, seed);
    assert_true(rig_counter(&rig, "bytes_in") < (17 << 20));
    /* The session has ended with the file: that is found out, and nothing is sent. */
    rig_reset_counters(&rig);
    assert_int_equal(upload(&u), 0);
    assert_true(rig_counter(&rig, "bytes_in") < 10000);
    seed = 6; /* other bytes now: the name is taken */
    assert_int_equal(upload(&u), -EEXIST);
}

static void test_many_small_files(void **state)
{
    (void)state;
    enum { N = 20 };
    struct spfs_upload v[N];
    unsigned seeds[N];
    char names[N][24], *urls[N];
    for (unsigned i = 0; i < N; i++) {
        spfs_format(names[i], sizeof names[i], "small-%u", i);
        seeds[i] = i;
        v[i] = upload_of(names[i], 500 + i, &seeds[i]);
    }
    rig_reset_counters(&rig);
    assert_int_equal(r->ops->sessions(r, &rig.op, v, N, urls), 0);
    for (unsigned i = 0; i < N; i++) {
        assert_non_null(urls[i]);
        v[i].session = urls[i];
        assert_int_equal(upload(&v[i]), 0);
        check(names[i], 500 + i, i);
        free(urls[i]);
    }
    assert_int_equal(rig_counter(&rig, "batch"), 1);
    assert_int_equal(rig_counter(&rig, "upload"), N);
    assert_int_equal(rig_counter(&rig, "violations.total"), 0);
}

/* ---- the rest ---- */

static struct spfs_ref at(const char *id)
{
    return (struct spfs_ref){drive, id};
}

static int mkdir_in(const char *parent, const char *name)
{
    memset(&got, 0, sizeof got);
    return r->ops->mkdir(r, &rig.op, at(parent), name, on_item, NULL, &why);
}

static int update(const char *id, const char *tag, struct spfs_change change)
{
    memset(&got, 0, sizeof got);
    return r->ops->update(r, &rig.op, at(id), tag, &change, on_item, NULL, &why);
}

static void test_changes(void **state)
{
    (void)state;
    char a[64], b[64], tag[96], old[96];
    assert_int_equal(mkdir_in("root", "A"), 0);
    assert_true(got.kind == SPFS_KIND_FOLDER);
    spfs_copy(a, sizeof a, got.id);
    assert_int_equal(mkdir_in(root_id, "a"), -EEXIST);
    assert_int_equal(mkdir_in(a, "b:c"), -EINVAL);
    assert_int_equal(mkdir_in(a, "B"), 0);
    spfs_copy(b, sizeof b, got.id);
    spfs_copy(tag, sizeof tag, got.etag);
    spfs_copy(old, sizeof old, tag);
    assert_int_equal(update(b, tag, (struct spfs_change){.name = "B2", .mtime_ns = SPFS_TIME_UNKNOWN}), 0);
    assert_string_equal(got.name, "B2");
    spfs_copy(tag, sizeof tag, got.etag);
    assert_int_equal(update(b, old, (struct spfs_change){.name = "B3", .mtime_ns = SPFS_TIME_UNKNOWN}),
                     -ECANCELED);
    assert_int_equal(update(b, tag, (struct spfs_change){.parent_id = root_id, .mtime_ns = MTIME}), 0);
    assert_string_equal(got.parent, root_id);
    assert_true(got.mtime_ns == MTIME);
    spfs_copy(tag, sizeof tag, got.etag);
    assert_int_equal(update(b, tag, (struct spfs_change){.name = "A", .mtime_ns = SPFS_TIME_UNKNOWN}),
                     -EEXIST);
    assert_int_equal(r->ops->remove(r, &rig.op, at(b), old, &why), -ECANCELED);
    assert_int_equal(r->ops->remove(r, &rig.op, at(b), tag, &why), 0);
    assert_int_equal(r->ops->remove(r, &rig.op, at(b), tag, &why), 0);
    assert_int_equal(update(b, tag, (struct spfs_change){.name = "C", .mtime_ns = SPFS_TIME_UNKNOWN}),
                     -ENOENT);
}

/* The service does it and the answer is lost; or it does not. */
static void test_lost_answers(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "{\"path_contains\":\"/items/\",\"reset_after\":0}", "{\"path_contains\":\"/items/\",\"truncate\":5}",
        "{\"path_contains\":\"/items/\",\"html\":true}", "{\"path_contains\":\"/items/\",\"status\":500}"};
    for (unsigned i = 0; i < SPFS_ARRAY_LEN(rules); i++) {
        char name[32], id[64], tag[96];
        unsigned seed = i;
        spfs_format(name, sizeof name, "lost-%u", i);
        rig_fault(&rig, rules[i]);
        int rc = mkdir_in(root_id, name);
        if (rc)
            fail_msg("%s: %s: %s", rules[i], strerror(-rc), why.text);
        spfs_copy(id, sizeof id, got.id);
        spfs_copy(tag, sizeof tag, got.etag);
        rig_no_faults(&rig);
        rig_fault(&rig, rules[i]);
        spfs_format(name, sizeof name, "found-%u", i);
        rc = update(id, tag, (struct spfs_change){.name = name, .mtime_ns = SPFS_TIME_UNKNOWN});
        if (rc)
            fail_msg("%s: %s: %s", rules[i], strerror(-rc), why.text);
        assert_string_equal(got.name, name);
        rig_no_faults(&rig);
        rig_fault(&rig, rules[i]);
        spfs_copy(tag, sizeof tag, got.etag);
        rc = r->ops->remove(r, &rig.op, at(id), tag, &why);
        if (rc)
            fail_msg("%s: %s: %s", rules[i], strerror(-rc), why.text);
        rig_no_faults(&rig);
        rig_fault(&rig, rules[i]);
        spfs_format(name, sizeof name, "nothing-%u", i);
        struct spfs_upload u = upload_of(name, 0, &seed);
        assert_int_equal(upload(&u), 0);
        rig_no_faults(&rig);
    }
}

static void test_copy(void **state)
{
    (void)state;
    unsigned seed = 9;
    char id[64];
    struct spfs_upload u = upload_of("origin.bin", 5000, &seed);
    assert_int_equal(upload(&u), 0);
    spfs_copy(id, sizeof id, got.id);
    assert_int_equal(r->ops->copy(r, &rig.op, at(id), at("root"), "copy.bin", on_item, NULL, &why), 0);
    check("copy.bin", 5000, seed);
    assert_string_not_equal(got.id, id);
    assert_int_equal(r->ops->copy(r, &rig.op, at(id), at(root_id), "copy.bin", on_item, NULL, &why), -EEXIST);
    struct spfs_ref far = {other_drive, "root"};
    int rc = r->ops->copy(r, &rig.op, at(id), far, "far.bin", on_item, NULL, &why);
    if (rc)
        fail_msg("%s: %s", strerror(-rc), why.text);
    check("far.bin", 5000, seed);
    assert_int_equal(rig_counter(&rig, "violations.total"), 0);
}

struct versions {
    unsigned n;
    char ids[8][16];
    uint64_t sizes[8];
};

static int on_version(void *ctx, const struct spfs_version_info *v)
{
    struct versions *l = ctx;
    assert_true(l->n < 8 && v->by && v->mtime_ns != SPFS_TIME_UNKNOWN);
    spfs_copy(l->ids[l->n], sizeof l->ids[0], v->id);
    l->sizes[l->n++] = v->size;
    return 0;
}

static void test_versions(void **state)
{
    (void)state;
    unsigned seed = 3;
    char id[64], tag[96], hash[SPFS_QUICKXOR_TEXT];
    struct spfs_upload u = upload_of("history.bin", 100, &seed);
    struct versions l = {0};
    assert_int_equal(upload(&u), 0);
    spfs_copy(id, sizeof id, got.id);
    spfs_copy(tag, sizeof tag, got.etag);
    u.item_id = id;
    u.if_match = tag;
    u.size = 200;
    assert_int_equal(upload(&u), 0);
    assert_int_equal(r->ops->versions(r, &rig.op, at(id), on_version, &l, &why), 0);
    assert_int_equal(l.n, 2); /* one version an upload */
    assert_true(l.sizes[0] == 200 && l.sizes[1] == 100);
    rig_fault(&rig, "{\"path_contains\":\"restoreVersion\",\"reset_after\":0}");
    assert_int_equal(r->ops->restore(r, &rig.op, at(id), l.ids[1], &why), 0);
    rig_no_faults(&rig);
    l.n = 0;
    assert_int_equal(r->ops->versions(r, &rig.op, at(id), on_version, &l, &why), 0);
    assert_int_equal(l.n, 3); /* not restored twice */
    assert_int_equal(r->ops->item(r, &rig.op, at(id), on_item, NULL, &why), 0);
    hash_of(100, seed, hash);
    assert_string_equal(got.hash, hash);
    assert_int_equal(r->ops->restore(r, &rig.op, at(id), "99.0", &why), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upload),     cmocka_unit_test(test_new_version),
        cmocka_unit_test(test_empty_file), cmocka_unit_test(test_uploads_survive),
        cmocka_unit_test(test_resume),     cmocka_unit_test(test_many_small_files),
        cmocka_unit_test(test_changes),    cmocka_unit_test(test_lost_answers),
        cmocka_unit_test(test_copy),       cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
