/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the journal: the layout of its files, and the reading of them at open.
 *
 * Files: journal-NNNNNNNNNNNNNNNN a segment, journal-new one in the making, journal-clean the mark of an
 * orderly close, journal-owner the lock. Numbers are in the machine's byte order: the files never leave it,
 * and the format number tells. */
#ifndef SPFS_STORE_JOURNAL_I_H
#define SPFS_STORE_JOURNAL_I_H

#include "journal_io_i.h"
#include <spfs/store/journal.h>

#define JOURNAL_MAGIC      "spfsjrnl"
#define JOURNAL_MARK_MAGIC "spfsjend"
#define JOURNAL_FORMAT     1u
#define JOURNAL_SEGMENT    ((size_t)4 << 20)
#define JOURNAL_NEW        "journal-new"
#define JOURNAL_MARK       "journal-clean"

/* At the start of a segment (lsn: its first), and all of journal-clean (lsn: the last). */
struct journal_head {
    char magic[8];
    uint32_t format;
    uint32_t reserved;
    unsigned char uuid[16];
    uint64_t lsn;
    uint64_t sum; /* of the fields above */
};

struct journal_record {
    uint64_t sum; /* of the fields below and the payload, which follows */
    uint64_t lsn;
    uint32_t len;
    uint16_t type;
    uint16_t reserved;
};

/* What the files hold. */
struct journal_log {
    unsigned char uuid[16];
    uint64_t *first; /* first LSN of each segment, ascending; the last one is written to */
    size_t n, cap;
    uint64_t last; /* LSN of the last good record, or the one before the first segment's */
    size_t end;    /* where the good records of the last segment end */
    size_t size;   /* of the last segment's file */
    bool clean;
};

struct journal_options {
    const struct file_io *io;
    size_t segment; /* bytes at which a segment is closed */
};

/* spfs_journal_open with other calls or segments of another size. */
int journal_open(const struct journal_options *o, const char *dir, uint64_t after, spfs_journal_cb *cb,
                 void *ctx, struct spfs_journal **ret, bool *ret_clean, struct spfs_reason *reason);

void journal_segment_name(char out[32], uint64_t first);
void journal_head_seal(struct journal_head *h, const char *magic, const unsigned char uuid[16], uint64_t lsn);
uint64_t journal_record_sum(const unsigned char uuid[16], const void *record, size_t size);
int journal_log_reserve(struct journal_log *l); /* room for one more segment; 0, -ENOMEM */

/* journal_scan.c: reads all, changes nothing. 0, -EBADMSG, -EIO, -ENOMEM, or what cb returned. */
int journal_scan(int dir, uint64_t after, spfs_journal_cb *cb, void *ctx, struct journal_log *ret,
                 struct spfs_reason *reason);

#endif
