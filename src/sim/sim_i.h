/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulator's state, and one call (request and reply) as all handlers see it.
 * A call belongs to the thread of its connection. Lock order: tree.lock, then any of the small mutexes. */
#ifndef SIM_SIM_I_H
#define SIM_SIM_I_H

#include "blob_i.h"
#include "faults_i.h"
#include "jsonw_i.h"
#include "tree_i.h"

#include <spfs/sim/sim.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum sim_class {
    SIM_TOKEN,
    SIM_META,
    SIM_CHILDREN,
    SIM_DELTA,
    SIM_CONTENT,
    SIM_BATCH,
    SIM_WRITE,  /* mutations and creation of upload sessions */
    SIM_UPLOAD, /* bytes of files sent */
    SIM_CONTROL,
    SIM_CLASSES
};

enum sim_violation {
    SIM_V_AUTH_ON_CONTENT, /* Authorization sent to a pre-authenticated URL */
    SIM_V_RETRY_AFTER,     /* request inside a Retry-After window of its account */
    SIM_V_NO_USER_AGENT,
    SIM_V_RANGE_ON_GRAPH, /* Range sent to /content instead of to the pre-authenticated URL */
    SIM_V_PARALLEL,       /* more requests at a time than allowed */
    SIM_VIOLATIONS
};

enum sim_header {
    SIM_H_AUTHORIZATION,
    SIM_H_USER_AGENT,
    SIM_H_HOST,
    SIM_H_RANGE,
    SIM_H_PREFER,
    SIM_H_IF_MATCH,
    SIM_H_IF_NONE_MATCH,
    SIM_H_CONTENT_TYPE,
    SIM_H_CONTENT_RANGE,
    SIM_H_CLIENT_REQUEST_ID,
    SIM_HEADERS
};

/* Who calls: from the bearer token, or from the principal inside a pre-authenticated URL. */
enum sim_principal { SIM_NOBODY, SIM_USER, SIM_APP, SIM_LOGIN, SIM_PRINCIPALS };

struct sim_counters {
    atomic_ullong requests[SIM_CLASSES];
    atomic_ullong bytes_out, bytes_in;
    atomic_ullong content_out; /* of files, part of bytes_out */
    atomic_ullong violations[SIM_VIOLATIONS];
};

struct upload;

struct spfs_sim {
    struct spfs_sim_options opt; /* defaults filled in; strings owned */
    struct tree tree;
    struct faults faults;
    struct sim_counters counters;
    struct MHD_Daemon *daemon;
    char url[300];
    uint64_t started_us;
    uint64_t secret; /* keys the tokens and URLs of this run */
    atomic_uint in_flight;
    atomic_ullong request_number;
    atomic_uint refresh_number;

    struct upload *uploads; /* upload.c; guarded by tree.lock */
    uint64_t upload_number; /* guarded by tree.lock */
    atomic_uint rewrites_pending;

    pthread_mutex_t wait_lock; /* guards stopping; stop_cond ends every wait */
    pthread_cond_t stop_cond;
    atomic_bool stopping;

    pthread_mutex_t pace_lock;               /* guards pace_free_us, pause_until_us */
    uint64_t pace_free_us;                   /* when the shared link is free again */
    uint64_t pause_until_us[SIM_PRINCIPALS]; /* end of the Retry-After window */
    uint64_t pause_from_us[SIM_PRINCIPALS];

    pthread_mutex_t log_lock; /* guards log */
    FILE *log;
};

struct sim_reply {
    unsigned status;
    const char *type; /* Content-Type; static */
    struct spfs_buf body;
    struct spfs_buf headers;  /* "Name: value\n" each */
    bool is_content;          /* the body is [first, first+count) of content */
    struct tree_body content; /* owned */
    uint64_t first, count;
};

struct sim_call {
    struct spfs_sim *sim;
    const char *method;
    char *target;      /* as it came: path and query */
    char *path;        /* raw path */
    const char *query; /* raw, without '?'; "" */
    char *header[SIM_HEADERS];
    struct spfs_buf body;     /* of the request */
    struct tree_blob *upload; /* body of a content request */
    uint64_t upload_length;
    bool is_batch_part;
    enum sim_class class;
    enum sim_principal principal;
    char base[320]; /* scheme://host[:port] for links */
    struct fault_plan plan;
    struct sim_reply reply;
    char request_id[37];
    uint64_t start_us;
    uint64_t sent;    /* body bytes sent so far */
    void *connection; /* struct MHD_Connection */
    int state;        /* of server.c */
};

/* call.c */
void call_done(struct sim_call *c);
void call_set_target(struct sim_call *c, const char *target);
/* Decoded value of a query option, with or without its `$`; NULL when absent. Gives. */
char *call_query(const struct sim_call *c, const char *name);
char *call_decode(const char *raw, size_t n); /* percent-decoding. Gives */
void call_header(struct sim_call *c, const char *name, const char *fmt, ...)
    SPFS_PRINTF(3, 4); /* adds one to the reply */
/* Starts a JSON reply and returns its buffer, in which the caller writes one object. */
struct spfs_buf *call_json(struct sim_call *c, unsigned status);
/* The Graph error body; inner may be NULL. Whatever the body held is dropped. */
void call_error(struct sim_call *c, unsigned status, const char *code, const char *message,
                const char *inner);
bool call_prefers(const struct sim_call *c, const char *word);
void call_violation(struct sim_call *c, enum sim_violation v);

/* route.c: counts the call, lets a fault answer it, or else the handler of its path; fills the reply. */
void route_run(struct sim_call *c);
enum sim_class route_class(const char *method, const char *path);

/* pace.c */
void pace_sleep(struct spfs_sim *sim, uint64_t us); /* returns early when the simulator stops */
void pace_bytes(struct spfs_sim *sim, size_t n);    /* waits for the shared link */
void pace_pause(struct spfs_sim *sim, enum sim_principal who, double seconds); /* Retry-After was given */
bool pace_is_paused(struct spfs_sim *sim, enum sim_principal who);

/* logfile.c */
void logfile_write(struct sim_call *c);

/* server.c */
int server_start(struct spfs_sim *sim, struct spfs_reason *reason);
void server_stop(struct spfs_sim *sim); /* ends all waits, joins all threads */

/* presets.c: 0 or -EINVAL */
int preset_build(struct tree *t, const char *name);

/* token.c */
void token_call(struct sim_call *c);
enum sim_principal
token_whose(const struct sim_call *c);              /* of the bearer token; SIM_NOBODY when it is not good */
enum sim_principal token_check(struct sim_call *c); /* the same; then the 401 is in the reply */
void token_error(struct sim_call *c, unsigned status, const char *error, unsigned number, const char *text);

/* content.c */
void content_base(const struct sim_call *c, char *ret,
                  size_t size); /* scheme://host of pre-authenticated URLs */
void content_url(struct sim_call *c, uint32_t item, uint32_t version, char *ret, size_t size);
enum sim_principal content_whose(const struct sim_call *c); /* of the pre-authenticated URL, unchecked */
void content_redirect(struct sim_call *c, uint32_t item, uint32_t version);
void content_call(struct sim_call *c); /* GET /_content/... */

/* batch.c, control.c */
void batch_call(struct sim_call *c);
void control_call(struct sim_call *c);

#endif
