/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the engine (http.c) and one transfer (transfer.c) share.
 *
 * A transfer lives on the stack of the thread that waits for it in spfs_http_perform. It is the engine's from
 * submission until `done`: the engine takes it off the multi handle first, so that afterwards nobody touches
 * the caller's buffers. */
#ifndef SPFS_HTTP_HTTP_I_H
#define SPFS_HTTP_HTTP_I_H

#include "head_i.h"
#include "url_i.h"

#include <spfs/base/lock.h>
#include <spfs/http/http.h>

#include <curl/curl.h>
#include <stdatomic.h>

enum { TRANSFER_HEADERS_MAX = 24, CONNECT_MS = 10000, STALL_MS = 20000, BUFFER_BYTES = 512 * 1024 };

struct transfer {
    struct transfer *next;
    struct spfs_http *h;                 /* borrowed */
    const struct spfs_http_request *req; /* borrowed until done */
    struct spfs_http_response *ret;      /* borrowed until done */
    struct spfs_op *op;                  /* borrowed until done */
    struct url_origin origin;
    struct curl_slist lines[TRANSFER_HEADERS_MAX]; /* nodes of the list given to libcurl, which copies neither
                                                      nodes nor text */
    struct spfs_secret authorization;
    uint64_t submitted_us;
    uint64_t stall_ms;

    /* The engine's thread only. */
    CURL *easy;
    struct head_parser head;
    uint64_t moved_ms; /* when the last byte went either way; UINT64_MAX before the connection stands */
    uint64_t sent_off; /* of the body */
    bool sent;         /* the request may have reached the server */
    bool head_done;
    int err; /* why a callback or the engine ended it; 0 not */
    char curl_text[CURL_ERROR_SIZE];

    atomic_bool cancelled; /* set from spfs_op_cancel */
    struct spfs_cond cond;
    bool done;  /* guarded by: h->lock */
    int result; /* written before done */
};

struct spfs_http {
    char *ca_file, *proxy, *user_agent;
    unsigned active_max;
    struct spfs_lock lock;
    enum { ENGINE_NEW, ENGINE_RUNNING, ENGINE_STOPPED } state; /* guarded by: lock */
    struct transfer *submitted, **submitted_tail;              /* guarded by: lock */
    pthread_t thread;
    CURLM *multi;          /* from start to free; others only wake it */
    atomic_bool attention; /* something was submitted, cancelled or stopped */

    /* The engine's thread only. */
    uint64_t now_ms; /* read once a round */
    uint64_t due_ms; /* when a transfer has to be looked at again */
    struct transfer *waiting, *active;
    unsigned active_count;
    CURL *idle[32];
    unsigned idle_count;
};

/* Between start and stop; for those who wait before they submit. */
bool http_is_running(struct spfs_http *h);

/* Caller's thread: checks the request and builds its header lines. 0, -EPERM, -EINVAL, -ENOMEM. */
int transfer_init(struct transfer *x, struct spfs_http *h, struct spfs_op *op,
                  const struct spfs_http_request *req, struct spfs_http_response *ret);
void transfer_done(struct transfer *x);
/* Engine's thread: sets all options of x->easy. 0, -ENOMEM, -EINVAL. */
int transfer_setup(struct transfer *x);
/* What libcurl's end of the transfer means. */
int transfer_result(const struct transfer *x, CURLcode code);
/* The sentence for a negative result; returns err. */
int transfer_fail(const struct transfer *x, int err, struct spfs_reason *reason);

#endif
