/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One fetch on the fakes with one open file, and readers that compare every byte. */
#ifndef TEST_FETCH_RIG_H
#define TEST_FETCH_RIG_H

#include "fetch_fake.h"
#include "spfs_test.h"

enum { KIB = 1024, MIB = 1024 * 1024, BLOCK = 128 * 1024 };

struct rig {
    struct fake fake;
    struct spfs_blocks *blocks;
    struct spfs_fetch *fetch;
    struct spfs_node node;
    struct spfs_fetch_file *file;
};

/* A reader on a thread of its own. */
struct bg {
    struct rig *g;
    uint64_t off;
    size_t len;
    struct spfs_op op;
    struct spfs_reason reason;
    int err;
    pthread_t thread;
};

struct rig *rig_new(uint64_t size, const struct spfs_fetch_config *with, bool cached);
void rig_free(struct rig *g);
int read_op(struct rig *g, struct spfs_stream *s, struct spfs_op *op, uint64_t off, size_t len,
            unsigned flags, struct spfs_reason *reason);
int read_at(struct rig *g, uint64_t off, size_t len);
int read_flags(struct rig *g, uint64_t off, size_t len, unsigned flags);
void read_through(struct rig *g, size_t step);
void bg_start(struct bg *b, struct rig *g, uint64_t off, size_t len);
int bg_join(struct bg *b);

#endif
