/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A scripted server in place of http: the governor's perform is defined here and answers each request from a
 * list of steps. Bytes that are sent from a source must be those of the pattern file at their Content-Range.
 * A request that the next step does not want ends the test program, and so does a bearer token sent to
 * another origin than Graph's. */
#ifndef SPFS_TEST_GRAPH_FAKE_H
#define SPFS_TEST_GRAPH_FAKE_H

#include <spfs/graph/graph.h>

#define FAKE_GRAPH "https://graph.example"

struct fake_step {
    const char *want;   /* "METHOD url" holds this text */
    const char *range;  /* the Range header must be exactly this */
    const char *header; /* some header must be exactly this */
    const char *sent;   /* the body sent must hold this */
    int rc;             /* no reply: this result */
    int status;         /* 0: 200 */
    const char *body;
    const char *etag, *location;
    /* A download: the bytes of the pattern file of `total` bytes, from..to inclusive. 206, or 200 with whole.
     */
    bool part, whole;
    uint64_t from, to, total;
    uint64_t cut;      /* breaks (-ECONNRESET) after so many bytes of the body; 0: not */
    uint64_t short_by; /* … or ends in good order so many bytes early */
    size_t extra;      /* so many bytes too many */
    bool no_range, no_length, infected, coded;
    bool unsent;        /* with rc: nothing has reached the server */
    int64_t date_s;     /* the Date header */
    void (*hook)(void); /* runs before the reply, on the caller's thread */
};

void fake_script(const struct fake_step *steps, size_t n); /* borrowed until fake_end */
void fake_any_order(void);     /* the first step not yet used that wants the request answers it */
void fake_by_range(void);      /* the same, where Range must be right as well */
void fake_end(void);           /* every step was used */
unsigned fake_throttled(void); /* spfs_governor_throttled was called so often */
unsigned fake_renewals(void);  /* tokens asked for in place of a refused one */
void fake_delegated(bool yes);
void fake_token_fails(int err); /* the next renewal */

/* A remote on the fakes; spfs_op for calls. */
struct spfs_remote *fake_remote(void);
unsigned char fake_byte(uint64_t at); /* of the pattern file */

#define FAKE_SCRIPT(...)                                                                                     \
    static const struct fake_step script_[] = {__VA_ARGS__};                                                 \
    fake_script(script_, sizeof script_ / sizeof script_[0])

#endif
