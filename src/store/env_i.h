/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One LMDB environment: a single data file, one owner at a time, a pool of read transactions and one writer.
 *
 * States: locked (the owner file is ours) → open → closed. An environment found damaged goes back to locked
 * by env_discard and is opened again, empty. Invariants: the data file is never shorter than what its meta
 * page claims (a shorter one would be a SIGBUS at the first touch, so it is refused at open); it is opened
 * once in a process and never used across fork. Threads: readers from any thread without locks; the write
 * side under `writer` (SPFS_RANK_STORE). Ownership: embedded by its owner (catalog, blocks). */
#ifndef SPFS_STORE_ENV_I_H
#define SPFS_STORE_ENV_I_H

#include <spfs/base/lock.h>
#include <spfs/base/str.h>
#include <lmdb.h>
#include <limits.h>
#include <stdatomic.h>

enum { ENV_READERS = 256, ENV_TABLES = 8 };

/* A pooled read transaction: renewed at begin, reset at end, so that none keeps an old snapshot alive. */
struct reader {
    atomic_bool busy;
    MDB_txn *txn; /* owned by whoever holds busy */
    struct env *env;
    _Atomic uint64_t snapshot; /* transaction that it sees; 0 while it begins */
    char pad[32];              /* a cache line a slot */
};

struct table {
    const char *name;
    unsigned flags; /* MDB_INTEGERKEY … */
};

struct env_spec {
    const char *name;   /* of the data file */
    const char *format; /* another one in the file: -EBADMSG */
    const struct table *tables;
    size_t table_count; /* ≤ ENV_TABLES - 1 */
    unsigned flags;     /* MDB_NOSYNC, MDB_NOMETASYNC */
    uint64_t map_size;  /* wished for; halved while the address space is too small for it */
    uint64_t slack;     /* how far the file is extended (sparsely) ahead of its last page */
};

struct env {
    struct spfs_lock writer;
    MDB_env *lmdb;
    MDB_dbi meta;
    MDB_dbi tables[ENV_TABLES];
    bool fresh; /* made by this open */
    int owner_fd, data_fd;
    size_t page_size;
    uint64_t slack, file_size; /* guarded by: writer */
    char path[PATH_MAX];
    struct reader readers[ENV_READERS];
};

void env_init(struct env *e);
/* Takes the owner's lock in dir (made when missing). -EBUSY when another process, or this one, holds it. */
int env_own(struct env *e, const char *dir, const char *name, struct spfs_reason *reason);
/* 0, -EBADMSG (not a store, another format, cut short, damaged), -ENOSPC, -ENOMEM, -EIO, -EACCES … */
int env_open(struct env *e, const struct env_spec *spec, struct spfs_reason *reason);
/* Moves the data file aside (aside) or deletes it; the environment must be closed. */
int env_discard(struct env *e, bool aside);
void env_close(struct env *e); /* keeps the owner's lock */
void env_done(struct env *e);  /* drops it too */

/* 0, -EAGAIN (too many readers), -ENOMEM, -EIO. */
int env_read(struct env *e, struct reader **ret);
void env_read_end(struct reader *r);
void env_read_end_p(struct reader **r);
#define ENV_READER SPFS_CLEANUP(env_read_end_p)

/* The caller holds e->writer. Grows the file first, see slack. */
int env_write(struct env *e, MDB_txn **ret);
int env_commit(MDB_txn *txn); /* takes */

/* Bytes of the file in use, the free pages inside it included. */
uint64_t env_bytes(struct env *e);

/* Values of the meta table. get: 0, -ENOENT, -EBADMSG when of another size. */
int env_meta_get(struct env *e, MDB_txn *txn, const char *key, void *ret, size_t size);
int env_meta_put(struct env *e, MDB_txn *txn, const char *key, const void *value, size_t size);

/* Identity of this boot of the machine; "" when the system does not tell, which then matches nothing. */
void env_boot_id(char out[37]);

/* MDB → errno, the only place. */
int env_errno(int rc);

static inline MDB_val val_of(const void *p, size_t n)
{
    return (MDB_val){.mv_size = n, .mv_data = (void *)(uintptr_t)p};
}

#endif
