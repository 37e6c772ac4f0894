/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records whose bytes follow from their LSN, so that a replay can be checked without remembering anything. */
#ifndef STORE_JOURNAL_TEST_H
#define STORE_JOURNAL_TEST_H

#include "journal_i.h"
#include "test_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { TEST_RECORD_MAX = 300 };

static inline size_t test_record(uint64_t lsn, unsigned char out[TEST_RECORD_MAX])
{
    size_t n = (size_t)(lsn * 2654435761u % TEST_RECORD_MAX);
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)(lsn * 31 + i * 7 + (i >> 8));
    return n;
}

static inline uint16_t test_type(uint64_t lsn)
{
    return (uint16_t)(lsn * 7919);
}

/* For tests that ask nothing of the disk. */
static inline int test_no_sync(int fd)
{
    (void)fd;
    return 0;
}

/* What a replay gave; each record is checked as it comes. */
struct replay {
    uint64_t first, last, count;
};

static inline int test_replay_cb(void *ctx, uint64_t lsn, uint16_t type, const void *p, size_t len)
{
    struct replay *r = ctx;
    unsigned char want[TEST_RECORD_MAX];
    if (r->count++ == 0)
        r->first = lsn;
    else
        assert_int_equal(lsn, r->last + 1);
    r->last = lsn;
    assert_int_equal(type, test_type(lsn));
    assert_int_equal(len, test_record(lsn, want));
    if (len > 0)
        assert_memory_equal(p, want, len);
    return 0;
}

static inline int test_append(struct spfs_journal *j)
{
    unsigned char b[TEST_RECORD_MAX];
    uint64_t lsn = spfs_journal_last(j) + 1, got = 0;
    size_t n = test_record(lsn, b);
    int err = spfs_journal_append(j, test_type(lsn), b, n, &got);
    assert_int_equal(got, err ? 0 : lsn);
    return err;
}

static inline struct spfs_journal *test_open_journal(const struct journal_options *o, const char *dir,
                                                     uint64_t after, struct replay *ret, bool *ret_clean)
{
    struct spfs_journal *j = NULL;
    struct spfs_reason reason = {""};
    struct replay r = {0};
    if (journal_open(o, dir, after, test_replay_cb, &r, &j, ret_clean, &reason))
        fail_msg("%s", reason.text);
    assert_int_equal(r.count ? r.last : after, spfs_journal_last(j));
    if (ret)
        *ret = r;
    return j;
}

#endif
