/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: life of a simulator: options and their defaults, building, stopping (see sim.h).
 * Order: pattern, tree, faults, log, then the server; the reverse at the end. */
#include "mutate_i.h"
#include "pattern_i.h"
#include "sim_i.h"

#include <spfs/base/clock.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *copy(const char *value, const char *otherwise)
{
    const char *v = value ? value : otherwise;
    return v ? sim_strdup(v) : NULL;
}

static void copy_options(struct spfs_sim_options *to, const struct spfs_sim_options *from)
{
    *to = *from;
    to->preset = copy(from->preset, "docs");
    to->listen = copy(from->listen, "127.0.0.1");
    to->tls_cert = copy(from->tls_cert, NULL);
    to->tls_key = copy(from->tls_key, NULL);
    to->log_file = copy(from->log_file, NULL);
    to->faults_file = copy(from->faults_file, NULL);
    to->tenant = copy(from->tenant, "contoso.example");
    to->client_id = copy(from->client_id, "11111111-1111-1111-1111-111111111111");
    to->client_secret = copy(from->client_secret, "sim-secret");
    to->host_name = copy(from->host_name, NULL);
    to->content_host = copy(from->content_host, NULL);
    to->token_life_s = from->token_life_s ? from->token_life_s : 3600;
    to->url_life_s = from->url_life_s ? from->url_life_s : 3600;
}

static void free_options(struct spfs_sim_options *o)
{
    const char *all[] = {o->preset,        o->listen,      o->tls_cert,    o->tls_key,
                         o->log_file,      o->faults_file, o->tenant,      o->client_id,
                         o->client_secret, o->host_name,   o->content_host};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(all); i++)
        free((char *)(uintptr_t)all[i]);
}

static int build(struct spfs_sim *sim, struct spfs_reason *reason)
{
    if (preset_build(&sim->tree, sim->opt.preset) < 0)
        return spfs_fail(reason, -EINVAL, "there is no preset %s: choose docs, wide, tree:N, huge or empty",
                         sim->opt.preset);
    if (sim->opt.faults_file) {
        int err = faults_add_file(&sim->faults, sim->opt.faults_file, reason);
        if (err < 0)
            return err;
    }
    if (sim->opt.log_file && !(sim->log = fopen(sim->opt.log_file, "ae")))
        return spfs_fail(reason, -errno, "log %s cannot be opened: %s", sim->opt.log_file, strerror(errno));
    return server_start(sim, reason);
}

int spfs_sim_start(const struct spfs_sim_options *options, struct spfs_sim **ret, struct spfs_reason *reason)
{
    struct spfs_sim *sim = sim_alloc(sizeof *sim);
    copy_options(&sim->opt, options);
    pattern_init();
    tree_init(&sim->tree);
    faults_init(&sim->faults);
    pthread_mutex_init(&sim->wait_lock, NULL);
    pthread_mutex_init(&sim->pace_lock, NULL);
    pthread_mutex_init(&sim->log_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sim->stop_cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    spfs_random_bytes(&sim->secret, sizeof sim->secret);
    atomic_init(&sim->refresh_number, 1);
    sim->started_us = spfs_now_us();
    int err = build(sim, reason);
    if (err < 0) {
        spfs_sim_stop(sim);
        return err;
    }
    *ret = sim;
    return 0;
}

const char *spfs_sim_url(const struct spfs_sim *sim)
{
    return sim->url;
}

void spfs_sim_stop(struct spfs_sim *sim)
{
    if (!sim)
        return;
    server_stop(sim);
    if (sim->log)
        fclose(sim->log);
    faults_done(&sim->faults);
    upload_free_all(sim);
    tree_done(&sim->tree);
    pthread_cond_destroy(&sim->stop_cond);
    pthread_mutex_destroy(&sim->wait_lock);
    pthread_mutex_destroy(&sim->pace_lock);
    pthread_mutex_destroy(&sim->log_lock);
    free_options(&sim->opt);
    free(sim);
}
