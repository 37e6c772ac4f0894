/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The governor: who may send now. Retry-After is law (promise 15): a 429 or 503 with it pauses all requests
 * of that account, in all processes of the machine that share the account, and afterwards one probe goes
 * first. Concurrency is bounded per kind, urgent first. Facts: contract sheet §13.
 *
 * Sharing: a small file (0600) in the runtime directory, mapped, one per account: until when everything
 * pauses, who probes, and the backoff step. Times in it are on the boot clock, which a jump of the wall clock
 * does not move; the id of the boot is kept beside them, so that a reboot voids the file. No pause is longer
 * than an hour, whatever a server says: then one probe goes. */
#ifndef SPFS_HTTP_GOVERNOR_H
#define SPFS_HTTP_GOVERNOR_H

#include <spfs/http/http.h>

struct spfs_governor;

struct spfs_governor_config {
    const char *shared_file; /* NULL: this process only */
    unsigned meta_slots;     /* 0: 8 */
    unsigned transfer_slots; /* 0: 16. Each halves when a pause begins and grows again with good replies */
};

int spfs_governor_new(const struct spfs_governor_config *config, struct spfs_governor **ret,
                      struct spfs_reason *reason);
void spfs_governor_free(struct spfs_governor *g);

/* perform under the governor: waits for a slot and for the end of a pause, sends, and
 *  - on 429, 503 with Retry-After (or RateLimit-Reset): pauses the account and repeats after it, while the
 * op's deadline allows; a pause that outlasts the deadline ends the call at once with -EAGAIN (reason tells
 * for how long);
 *  - on 500, 502, 504, 503 without Retry-After, 408, 509 and broken connections: repeats up to `tries` times
 * with exponential backoff and jitter (full jitter, 0.5 s doubling to 60 s), 503 on a fresh connection.
 * Requests that are not idempotent (POST) are repeated only if nothing was sent or the server said 429/503;
 *  - a streaming request whose head callback was called is never repeated here (the caller goes on from where
 * it stands). tries counts repetitions (0: none); waiting for the end of a pause is not counted. A status
 * that remains is returned as a reply (0). Stopping h ends waiting calls with -ESHUTDOWN. ret is initialised
 * here, as by spfs_http_perform. */
int spfs_governor_perform(struct spfs_governor *g, struct spfs_http *h, struct spfs_op *op,
                          const struct spfs_http_request *req, unsigned tries, struct spfs_http_response *ret,
                          struct spfs_reason *reason);

/* A throttled part of a $batch reply: pauses like a reply of its own. */
void spfs_governor_throttled(struct spfs_governor *g, int64_t retry_after_ms);

struct spfs_governor_stats {
    uint64_t paused_ms; /* left of the pause, 0 none */
    uint64_t throttled; /* replies that paused us, since start */
    uint64_t requests, retries;
    bool offline; /* the last attempt found no connection and none has succeeded since */
};
void spfs_governor_stats(struct spfs_governor *g, struct spfs_governor_stats *ret);

#endif
