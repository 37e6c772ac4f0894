/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A private directory for a test of the store. */
#ifndef STORE_TEST_DIR_H
#define STORE_TEST_DIR_H

#include <spfs_test.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void test_dir_make(char dir[64])
{
    snprintf(dir, 64, "/tmp/spfs-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static inline void test_dir_remove(const char *dir)
{
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
