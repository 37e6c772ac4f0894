/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: the log, one JSON line a request, written when its last byte has left. Values of tempauth are
 * struck out. Threads: any; log_lock. */
#include "sim_i.h"

#include <spfs/base/clock.h>
#include <string.h>

/* Copies the target without the value of tempauth. */
static void redacted(const char *target, char *ret, size_t size)
{
    const char *at = strstr(target, "tempauth=");
    if (!at) {
        snprintf(ret, size, "%s", target);
        return;
    }
    at += strlen("tempauth=");
    snprintf(ret, size, "%.*s...%s", (int)(at - target), target, at + strcspn(at, "&"));
}

void logfile_write(struct sim_call *c)
{
    if (!c->sim->log)
        return;
    char path[4096];
    uint64_t now = spfs_now_us();
    redacted(c->target, path, sizeof path);
    struct spfs_buf b;
    spfs_buf_init(&b, 1u << 16);
    jw_open(&b, NULL, '{');
    char number[32];
    snprintf(number, sizeof number, "%.6f", (double)(now - c->sim->started_us) / 1e6);
    jw_raw(&b, "t", number);
    jw_str(&b, "method", c->method);
    jw_str(&b, "path", path);
    jw_u64(&b, "status", c->reply.status);
    jw_u64(&b, "bytes", c->sent);
    if (c->upload_length)
        jw_u64(&b, "received", c->upload_length);
    if (c->header[SIM_H_RANGE])
        jw_str(&b, "range", c->header[SIM_H_RANGE]);
    else
        jw_null(&b, "range");
    jw_bool(&b, "auth", c->header[SIM_H_AUTHORIZATION] != NULL);
    jw_str(&b, "ua", c->header[SIM_H_USER_AGENT] ? c->header[SIM_H_USER_AGENT] : "");
    snprintf(number, sizeof number, "%.3f", (double)(now - c->start_us) / 1e3);
    jw_raw(&b, "ms", number);
    jw_str(&b, "id", c->header[SIM_H_CLIENT_REQUEST_ID] ? c->header[SIM_H_CLIENT_REQUEST_ID] : "");
    if (c->is_batch_part)
        jw_bool(&b, "batch", true);
    jw_close(&b, '}');
    spfs_buf_adds(&b, "\n");
    pthread_mutex_lock(&c->sim->log_lock);
    fwrite(b.data, 1, b.len, c->sim->log);
    fflush(c->sim->log);
    pthread_mutex_unlock(&c->sim->log_lock);
    spfs_buf_done(&b);
}
