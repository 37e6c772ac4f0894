/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shared pause. States and invariants: pause_i.h. Any thread, any process; the file's lock is held only
 * while it is set up. */
#include "pause_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAUSE_MAGIC UINT64_C(0x7370667370617531)

enum { STEP_MAX = 7, FLOOR_MS = 100 };

/* The file. Its words are independent of each other, so that none has to be read together with another. */
struct shared {
    _Atomic uint64_t magic;
    _Atomic uint64_t boot;     /* hash of the boot's id */
    _Atomic uint64_t until_ms; /* end of the pause, boot clock; 0 open */
    _Atomic uint64_t lease_ms; /* end of the probe's lease, boot clock; 0 none */
    _Atomic uint32_t step;     /* pauses in a row */
};

struct pause {
    struct shared *shared; /* mapped, or own */
    struct shared own;
};

static uint64_t boot_hash(void)
{
    char id[64];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    SPFS_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, id, sizeof(id));
    for (ssize_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)id[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void reset_if_stale(struct shared *s)
{
    uint64_t boot = boot_hash();
    if (atomic_load(&s->magic) == PAUSE_MAGIC && atomic_load(&s->boot) == boot)
        return;
    atomic_store(&s->until_ms, 0);
    atomic_store(&s->lease_ms, 0);
    atomic_store(&s->step, 0);
    atomic_store(&s->boot, boot);
    atomic_store(&s->magic, PAUSE_MAGIC);
}

static int map_file(const char *file, struct shared **ret)
{
    struct stat st;
    SPFS_CLOSE int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
        return -EPERM;
    if (st.st_size < (off_t)sizeof(struct shared) && ftruncate(fd, sizeof(struct shared)) < 0)
        return -errno;
    void *p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    reset_if_stale(p);
    flock(fd, LOCK_UN); /* closing would not do: the mapping keeps the open file */
    *ret = p;
    return 0;
}

int pause_open(const char *file, struct pause **ret, struct spfs_reason *reason)
{
    SPFS_FREE struct pause *p = calloc(1, sizeof(*p));
    if (!p)
        return spfs_fail(reason, -ENOMEM, "out of memory");
    p->shared = &p->own;
    int err = file ? map_file(file, &p->shared) : 0;
    if (err)
        return spfs_fail(reason, err, "the throttle file %s cannot be used: %s", file, strerror(-err));
    *ret = TAKE(p);
    return 0;
}

void pause_close(struct pause *p)
{
    if (p && p->shared != &p->own)
        munmap(p->shared, sizeof(struct shared));
    free(p);
}

enum pause_gate pause_look(struct pause *p, uint64_t now_ms, uint64_t *ret_until)
{
    uint64_t until = atomic_load(&p->shared->until_ms);
    if (until > now_ms && until - now_ms > PAUSE_MAX_MS) {
        /* Nobody writes this: the file was damaged. */
        atomic_compare_exchange_strong(&p->shared->until_ms, &until, 0);
        until = 0;
    }
    *ret_until = until;
    return until == 0 ? PAUSE_OPEN : until > now_ms ? PAUSE_CLOSED : PAUSE_DUE;
}

uint64_t pause_backoff_ms(unsigned step)
{
    uint64_t top = UINT64_C(500) << (step < STEP_MAX ? step : STEP_MAX);
    return spfs_random((top < 60000 ? top : 60000) + 1);
}

bool pause_raise(struct pause *p, uint64_t now_ms, int64_t retry_after_ms)
{
    uint64_t until;
    bool begins = pause_look(p, now_ms, &until) != PAUSE_CLOSED;
    /* Replies to requests that were under way together count once. */
    uint32_t step = begins ? atomic_fetch_add(&p->shared->step, 1) : 0;
    uint64_t ms = FLOOR_MS;
    if (retry_after_ms < 0 || step > 0) {
        uint64_t backoff = pause_backoff_ms(step);
        ms = backoff > ms ? backoff : ms;
    }
    if (retry_after_ms > 0 && (uint64_t)retry_after_ms > ms)
        ms = (uint64_t)retry_after_ms;
    if (ms > PAUSE_MAX_MS)
        ms = PAUSE_MAX_MS;
    while (until < now_ms + ms && !atomic_compare_exchange_weak(&p->shared->until_ms, &until, now_ms + ms))
        ;
    return begins;
}

bool pause_take_probe(struct pause *p, uint64_t now_ms, uint64_t *ret_lease)
{
    uint64_t lease = atomic_load(&p->shared->lease_ms);
    bool held = lease > now_ms && lease - now_ms <= PROBE_MS;
    if (held || !atomic_compare_exchange_strong(&p->shared->lease_ms, &lease, now_ms + PROBE_MS))
        return false;
    *ret_lease = now_ms + PROBE_MS;
    return true;
}

void pause_end_probe(struct pause *p, uint64_t lease, uint64_t until, bool passed)
{
    if (passed && atomic_compare_exchange_strong(&p->shared->until_ms, &until, 0))
        atomic_store(&p->shared->step, 0);
    atomic_compare_exchange_strong(&p->shared->lease_ms, &lease, 0);
}
