/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A spool in a private directory, on the calls of seam_test.h, and threads that write to it. */
#ifndef STORE_SPOOL_TEST_H
#define STORE_SPOOL_TEST_H

#include "seam_test.h"
#include "spool_i.h"
#include "test_dir.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

static char dir[64];
static struct spfs_spool *spool;

static inline void open_spool(void)
{
    struct spfs_reason reason = {""};
    if (spool_open(&seam, dir, &spool, &reason))
        fail_msg("%s", reason.text);
    syncs = dir_syncs = 0;
}

static inline void reopen(void)
{
    spfs_spool_close(spool);
    open_spool();
}

static inline int setup(void **state)
{
    (void)state;
    test_dir_make(dir);
    seam_reset();
    open_spool();
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    spfs_spool_close(spool);
    test_dir_remove(dir);
    return 0;
}

static inline struct spfs_spool_file *create(uint64_t *ret_id)
{
    struct spfs_spool_file *f = NULL;
    assert_int_equal(spfs_spool_create(spool, ret_id, &f), 0);
    assert_int_equal(spfs_spool_id(f), *ret_id);
    return f;
}

static inline uint64_t size_of(uint64_t id)
{
    char name[32], path[128];
    struct stat st;
    spool_name(name, id);
    snprintf(path, sizeof(path), "%s/spool/%s", dir, name);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : UINT64_MAX;
}

static inline void reads(struct spfs_spool_file *f, uint64_t off, const char *want)
{
    char b[64];
    size_t n = strlen(want);
    assert_int_equal(spfs_spool_read(f, off, b, n), n);
    assert_memory_equal(b, want, n);
}

enum { THREADS = 4, ROUNDS = 300, STEP = 3000 };

struct writer {
    struct spfs_spool_file *f;
    unsigned number;
};

static inline void *write_and_read(void *arg)
{
    const struct writer *w = arg;
    char b[STEP], got[STEP];
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t off = ((uint64_t)i * THREADS + w->number) * STEP;
        memset(b, (int)(1 + w->number + i % 50), sizeof(b));
        assert_int_equal(spfs_spool_write(w->f, off, b, sizeof(b)), 0);
        assert_int_equal(spfs_spool_read(w->f, off, got, sizeof(got)), sizeof(got));
        assert_memory_equal(b, got, sizeof(b));
        if (i % 16 == 0)
            assert_int_equal(spfs_spool_flush(w->f), 0);
        if (i % 64 == 0)
            assert_int_equal(spfs_spool_flush_all(spool), 0);
    }
    return NULL;
}

#endif
