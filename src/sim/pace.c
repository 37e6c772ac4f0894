/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: every wait of the simulator: latency, the shared link, Retry-After windows.
 * The link is a virtual queue: each piece of content books the next free slot and sleeps until the slot has
 * passed, so that parallel streams share the rate evenly. Threads: any; each connection has its own thread,
 * so a sleep holds up nobody else. All waits end when the simulator stops. */
#include "sim_i.h"

#include <spfs/base/clock.h>
#include <errno.h>

/* Link time that late wake-ups may make up for; without it a stream never reaches the rate. */
#define CREDIT_US 5000u

void pace_sleep(struct spfs_sim *sim, uint64_t us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += (time_t)(us / 1000000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&sim->wait_lock);
    while (!sim->stopping && pthread_cond_timedwait(&sim->stop_cond, &sim->wait_lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&sim->wait_lock);
}

void pace_bytes(struct spfs_sim *sim, size_t n)
{
    if (!sim->opt.mbps)
        return;
    uint64_t now = spfs_now_us();
    pthread_mutex_lock(&sim->pace_lock);
    uint64_t earliest = now > CREDIT_US ? now - CREDIT_US : 0;
    uint64_t start = sim->pace_free_us > earliest ? sim->pace_free_us : earliest;
    sim->pace_free_us = start + (uint64_t)n * 8 / sim->opt.mbps;
    uint64_t end = sim->pace_free_us;
    pthread_mutex_unlock(&sim->pace_lock);
    if (end > now)
        pace_sleep(sim, end - now);
}

void pace_pause(struct spfs_sim *sim, enum sim_principal who, double seconds)
{
    uint64_t now = spfs_now_us();
    uint64_t until = now + (uint64_t)(seconds * 1e6);
    pthread_mutex_lock(&sim->pace_lock);
    if (sim->pause_until_us[who] <= now) {
        /* Requests under way when the answer left are innocent; a busy machine takes its time. */
        sim->pause_from_us[who] = now + 500000 + 2000ull * sim->opt.latency_ms;
    }
    if (until > sim->pause_until_us[who])
        sim->pause_until_us[who] = until;
    pthread_mutex_unlock(&sim->pace_lock);
}

bool pace_is_paused(struct spfs_sim *sim, enum sim_principal who)
{
    uint64_t now = spfs_now_us();
    pthread_mutex_lock(&sim->pace_lock);
    bool paused = now >= sim->pause_from_us[who] && now < sim->pause_until_us[who];
    pthread_mutex_unlock(&sim->pace_lock);
    return paused;
}
