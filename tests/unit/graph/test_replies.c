// SPDX-License-Identifier: GPL-3.0-or-later
/* Whole replies through the parsers, each with what it must yield: our own in replies/, and the published
 * examples where SPFS_GRAPH_EXAMPLES names their folder. */
#include <spfs_test.h>

#include "errmap_i.h"
#include "graph_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct row {
    const char *file;
    char parser;        /* i items, d drives, s sites, or e: an error body, with its status */
    int status;         /* of e */
    const char *yields; /* what the callbacks write, and the errno's name */
};

#include "replies.inc"

static struct spfs_buf out;

static int on_item(void *ctx, const struct spfs_item *i)
{
    (void)ctx;
    assert_int_equal(spfs_buf_addf(&out, "%c%s %s %s", "?RDFPS"[i->kind], i -> deleted ? "-" : "", i->id,
                                   i->name ? i->name : "~"),
                     0);
    if (i->size != SPFS_SIZE_UNKNOWN)
        spfs_buf_addf(&out, " %llu", (unsigned long long)i->size);
    if (i->parent_id)
        spfs_buf_addf(&out, " in %s", i->parent_id);
    if (i->kind == SPFS_KIND_REMOTE)
        spfs_buf_addf(&out, " -> %s/%s%s", i->target.drive_id, i->target.item_id,
                      i->target_is_dir ? "/" : "");
    if (i->etag)
        spfs_buf_addf(&out, " e%s", i->etag);
    if (i->ctag)
        spfs_buf_addf(&out, " c%s", i->ctag);
    if (i->quickxor)
        spfs_buf_addf(&out, " q%s", i->quickxor);
    if (i->mtime_ns != SPFS_TIME_UNKNOWN)
        spfs_buf_addf(&out, " @%lld", (long long)(i->mtime_ns / 1000000));
    if (i->malware)
        spfs_buf_adds(&out, " malware");
    if (i->download_url)
        spfs_buf_adds(&out, " url");
    return spfs_buf_adds(&out, "\n");
}

static int on_drive(void *ctx, const struct spfs_drive *d)
{
    (void)ctx;
    spfs_buf_addf(&out, "%s %s %s%s", d->id, d->name ? d->name : "~", d->type ? d->type : "~",
                  d->system ? " system" : "");
    if (d->quota.known)
        spfs_buf_addf(&out, " %llu=%llu+%llu", (unsigned long long)d->quota.total,
                      (unsigned long long)d->quota.used, (unsigned long long)d->quota.remaining);
    return spfs_buf_adds(&out, "\n");
}

static int on_site(void *ctx, const struct spfs_site *s)
{
    (void)ctx;
    return spfs_buf_addf(&out, "%s %s %s %s%s\n", s->id, s->name ? s->name : "~",
                         s->display_name ? s->display_name : "~", s->web_url ? s->web_url : "~",
                         s->personal ? " personal" : "");
}

static char *slurp(const char *folder, const char *file, size_t *ret_len)
{
    char path[4096];
    spfs_format(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s is missing", path);
    char *text = malloc(1 << 16);
    *ret_len = fread(text, 1, 1 << 16, f);
    fclose(f);
    return text;
}

static int error_of(const char *text, size_t len, int status)
{
    struct spfs_http_head head = {.status = status};
    struct spfs_reason reason;
    struct spfs_json_doc *doc = NULL;
    spfs_json_parse(text, len, len, &doc);
    int rc = errmap_reply(&head, doc ? spfs_json_root(doc) : NULL, "get the thing", &reason);
    assert_true(spfs_starts(reason.text, "Cannot get the thing: "));
    assert_int_equal(rc, errmap_status(status, doc ? spfs_json_root(doc) : NULL));
    spfs_json_free(doc);
    return rc;
}

static void check(const char *folder, const struct row *row)
{
    struct spfs_page page = {0};
    size_t len;
    char *text = slurp(folder, row->file, &len);
    spfs_buf_init(&out, 1 << 16);
    spfs_buf_adds(&out, "");
    int rc = row->parser == 'i'   ? spfs_graph_parse_items(text, len, on_item, NULL, &page)
             : row->parser == 'd' ? spfs_graph_parse_drives(text, len, on_drive, NULL)
             : row->parser == 's' ? spfs_graph_parse_sites(text, len, on_site, NULL)
                                  : error_of(text, len, row->status);
    if (page.next)
        spfs_buf_addf(&out, "next %s\n", page.next);
    if (page.delta)
        spfs_buf_addf(&out, "delta %s\n", page.delta);
    if (rc)
        spfs_buf_addf(&out, "-%s\n", strerrorname_np(-rc));
    if (strcmp(out.data, row->yields) != 0)
        fail_msg("%s yields\n%sinstead of\n%s", row->file, out.data, row->yields);
    spfs_page_done(&page);
    spfs_buf_done(&out);
    free(text);
}

static void test_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(own); i++)
        check(SPFS_TEST_REPLIES, &own[i]);
}

static void test_examples(void **state)
{
    (void)state;
    const char *folder = getenv("SPFS_GRAPH_EXAMPLES");
    if (!folder || !*folder)
        skip();
    for (size_t i = 0; i < SPFS_ARRAY_LEN(examples); i++)
        check(folder, &examples[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_own), cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
