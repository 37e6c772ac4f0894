/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal: an append-only, checksummed, segmented log of records, in which every change that a program
 * was told is done is found again after a crash. What the records mean is their writer's business.
 *
 * Files: DIR/journal-NNNNNNNNNNNNNNNN (first LSN in hex), each with a header (magic, format, journal's uuid,
 * first LSN) and records (length, type, LSN, XXH3 over all of it seeded with the uuid). A record's LSN is one
 * more than its predecessor's. Segments are closed at SEGMENT bytes. After kill -9 every appended record is
 * there (the page cache survives). After power loss every record up to the last flush is there; behind it the
 * first record that is short, or whose checksum or LSN is wrong, ends the log: it and all behind it are cut,
 * never guessed. A bad record that cannot be a torn tail (a later segment follows, and it begins with the LSN
 * that shows that records are missing) is damage: open refuses (-EBADMSG) and touches nothing.
 *
 * Threads: append and flush from any thread; a flush covers what was appended before it was called, and
 * several waiting ones share one fdatasync. Lock: SPFS_RANK_STORE_MEM; never held across a flush. */
#ifndef SPFS_STORE_JOURNAL_H
#define SPFS_STORE_JOURNAL_H

#include <spfs/base/str.h>
#include <stdbool.h>
#include <stdint.h>

#define SPFS_JOURNAL_RECORD_MAX ((size_t)1 << 20)

struct spfs_journal;

/* Called for every record at open, in order; p is borrowed until return; non-zero ends the opening with it.
 */
typedef int spfs_journal_cb(void *ctx, uint64_t lsn, uint16_t type, const void *p, size_t len);

/* Opens (makes) the journal in dir and replays records with LSN > after. ret_clean: the last owner closed it.
 * 0, -EBADMSG, -EBUSY (in use by another process), -ENOSPC, -EIO. */
int spfs_journal_open(const char *dir, uint64_t after, spfs_journal_cb *cb, void *ctx,
                      struct spfs_journal **ret, bool *ret_clean, struct spfs_reason *reason);
/* Flushes, marks the end as clean. */
void spfs_journal_close(struct spfs_journal *j);

/* Adds a record; no disk flush. All or nothing: on an error (-ENOSPC, -EIO) the log is as before and can be
 * appended to again. -EMSGSIZE past SPFS_JOURNAL_RECORD_MAX. ret_lsn may be NULL. */
int spfs_journal_append(struct spfs_journal *j, uint16_t type, const void *p, size_t len, uint64_t *ret_lsn);
/* Durable up to the last record appended before the call. After a failed fdatasync the journal refuses
 * further work
 * (-EIO), since nobody can know what is on the disk. */
int spfs_journal_flush(struct spfs_journal *j);
uint64_t spfs_journal_last(const struct spfs_journal *j);    /* LSN of the last record, 0 none */
uint64_t spfs_journal_flushed(const struct spfs_journal *j); /* … of the last durable one */
/* Records up to lsn are kept elsewhere (checkpoint): deletes segments that hold nothing later. */
int spfs_journal_trim(struct spfs_journal *j, uint64_t lsn);

#endif
