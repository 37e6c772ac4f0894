/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clocks, real or standing still for tests. */
#include <spfs/base/clock.h>

#include <stdatomic.h>
#include <stdbool.h>

static atomic_bool fake;
static _Atomic uint64_t fake_us;
static _Atomic int64_t fake_real_ns;

static uint64_t read_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t spfs_now_us(void)
{
    return atomic_load(&fake) ? atomic_load(&fake_us) : read_us(CLOCK_BOOTTIME);
}

uint64_t spfs_now_ms(void)
{
    return spfs_now_us() / 1000u;
}

int64_t spfs_now_real_ns(void)
{
    if (atomic_load(&fake))
        return atomic_load(&fake_real_ns);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void spfs_clock_set_fake(uint64_t mono_ms, int64_t real_ns)
{
    atomic_store(&fake_us, mono_ms * 1000u);
    atomic_store(&fake_real_ns, real_ns);
    atomic_store(&fake, true);
}

void spfs_clock_advance_fake(uint64_t ms)
{
    atomic_fetch_add(&fake_us, ms * 1000u);
    atomic_fetch_add(&fake_real_ns, (int64_t)ms * 1000000);
}

void spfs_clock_set_real(void)
{
    atomic_store(&fake, false);
}
