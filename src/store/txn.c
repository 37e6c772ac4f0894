/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transactions of an environment: MDB → errno, the pool of read transactions, the write side.
 *
 * Readers: MDB_NOTLS ties a reader slot to its transaction instead of its thread; a transaction stays in its
 * slot of the pool for the life of the environment and is only renewed and reset, which costs no system call,
 * no lock and no allocation. A slot is taken by one compare-and-swap, tried first where this thread is likely
 * to have been before. */
#include "env_i.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int env_errno(int rc)
{
    switch (rc) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
        return -ENOENT;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* RLIMIT_FSIZE */
        return -ENOSPC;
    case MDB_READERS_FULL:
        return -EAGAIN;
    case ENOMEM:
        return -ENOMEM;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return -EBADMSG;
    case EACCES:
    case EPERM:
    case EROFS:
        return -EACCES;
    default:
        return -EIO;
    }
}

static unsigned first_slot(void)
{
    uintptr_t self = (uintptr_t)pthread_self();
    return (unsigned)((self >> 12) * 2654435761u >> 8) % ENV_READERS;
}

int env_read(struct env *e, struct reader **ret)
{
    unsigned at = first_slot();
    for (unsigned i = 0; i < ENV_READERS; i++) {
        struct reader *r = &e->readers[(at + i) % ENV_READERS];
        bool idle = false;
        if (atomic_load_explicit(&r->busy, memory_order_relaxed) ||
            !atomic_compare_exchange_strong_explicit(&r->busy, &idle, true, memory_order_acquire,
                                                     memory_order_relaxed))
            continue;
        atomic_store_explicit(&r->snapshot, 0, memory_order_relaxed);
        int rc = r->txn ? mdb_txn_renew(r->txn) : mdb_txn_begin(e->lmdb, NULL, MDB_RDONLY, &r->txn);
        if (rc) {
            atomic_store_explicit(&r->busy, false, memory_order_release);
            return env_errno(rc);
        }
        r->env = e;
        atomic_store_explicit(&r->snapshot, mdb_txn_id(r->txn), memory_order_release);
        *ret = r;
        return 0;
    }
    return -EAGAIN;
}

void env_read_end(struct reader *r)
{
    mdb_txn_reset(r->txn);
    atomic_store_explicit(&r->busy, false, memory_order_release);
}

void env_read_end_p(struct reader **r)
{
    if (*r)
        env_read_end(*r);
}

uint64_t env_bytes(struct env *e)
{
    MDB_envinfo info;
    mdb_env_info(e->lmdb, &info);
    return ((uint64_t)info.me_last_pgno + 1) * e->page_size;
}

int env_write(struct env *e, MDB_txn **ret)
{
    /* LMDB may count pages at the end of the file that it never wrote. Extending ahead keeps "shorter than
     * the meta page says" a sure sign of damage. */
    uint64_t used = env_bytes(e);
    if (used + e->slack / 2 > e->file_size) {
        uint64_t size = (used / e->slack + 2) * e->slack;
        struct stat st;
        if (fstat(e->data_fd, &st) == 0 && (uint64_t)st.st_size >= size)
            e->file_size = (uint64_t)st.st_size;
        else if (ftruncate(e->data_fd, (off_t)size) == 0)
            e->file_size = size;
        /* else: the disk or a limit refuses; the commit itself decides */
    }
    return env_errno(mdb_txn_begin(e->lmdb, NULL, 0, ret));
}

int env_commit(MDB_txn *txn)
{
    return env_errno(mdb_txn_commit(txn));
}

int env_meta_get(struct env *e, MDB_txn *txn, const char *key, void *ret, size_t size)
{
    MDB_val k = val_of(key, strlen(key)), v;
    int rc = mdb_get(txn, e->meta, &k, &v);
    if (rc)
        return env_errno(rc);
    if (v.mv_size != size)
        return -EBADMSG;
    memcpy(ret, v.mv_data, size);
    return 0;
}

int env_meta_put(struct env *e, MDB_txn *txn, const char *key, const void *value, size_t size)
{
    MDB_val k = val_of(key, strlen(key)), v = val_of(value, size);
    return env_errno(mdb_put(txn, e->meta, &k, &v, 0));
}
