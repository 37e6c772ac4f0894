/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The spool: dirty bytes, one sparse file an entry, under DIR/spool. Which ranges of an entry count is in its
 * owner's extent map (model/interval), made durable by records of the journal; the spool only keeps bytes.
 * Nothing evicts here: an entry goes by spfs_spool_remove alone.
 *
 * Order that callers keep: bytes are written before the record that names them is appended, and flushed
 * before the journal is. An overwrite in place changes bytes that earlier records name: whoever needs the old
 * ones (an upload under way) freezes the entry first and lets later writes go to a new one. Threads: any;
 * several may read and write one entry at a time, at different places. No lock is held during I/O. */
#ifndef SPFS_STORE_SPOOL_H
#define SPFS_STORE_SPOOL_H

#include <spfs/base/str.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct spfs_spool;
struct spfs_spool_file; /* an open entry, counted */

int spfs_spool_open(const char *dir, struct spfs_spool **ret, struct spfs_reason *reason);
void spfs_spool_close(struct spfs_spool *s);

/* A new, empty entry; its number is never used again in this spool. No flush; the directory entry is made
 * durable by the first spfs_spool_flush of it. 0, -ENOSPC, -EIO. */
int spfs_spool_create(struct spfs_spool *s, uint64_t *ret_id, struct spfs_spool_file **ret);
int spfs_spool_get(struct spfs_spool *s, uint64_t id, struct spfs_spool_file **ret); /* -ENOENT */
void spfs_spool_put(struct spfs_spool_file *f);
uint64_t spfs_spool_id(const struct spfs_spool_file *f);

/* Whole or an error: a short write is undone as far as it was beyond the old end, and answers -ENOSPC or
 * -EIO. */
int spfs_spool_write(struct spfs_spool_file *f, uint64_t off, const void *p, size_t n);
/* Bytes read; short at the end of the file. */
ssize_t spfs_spool_read(struct spfs_spool_file *f, uint64_t off, void *p, size_t n);
int spfs_spool_truncate(struct spfs_spool_file *f, uint64_t size); /* frees what lies behind */
int spfs_spool_punch(struct spfs_spool_file *f, uint64_t off, uint64_t n);
int spfs_spool_flush(struct spfs_spool_file *f); /* fdatasync, and the directory the first time */
int spfs_spool_flush_all(struct spfs_spool *s);  /* every entry written since its last flush */

int spfs_spool_remove(struct spfs_spool *s, uint64_t id); /* open ones stay readable until put */
/* Entries that `wanted` does not know are left-overs of a crash between create and record: removed. Before
 * first use. */
int spfs_spool_sweep(struct spfs_spool *s, bool (*wanted)(void *ctx, uint64_t id), void *ctx);
uint64_t spfs_spool_bytes(struct spfs_spool *s); /* on disk */

#endif
