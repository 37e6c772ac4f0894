/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults by rule. A rule has a matcher and actions; the first live rule that matches a request fires, and its
 * actions are copied into the plan of that call. Rules are JSON objects, see faults.c for the members.
 * Threads: any; the table has its own mutex, a plan belongs to its call. */
#ifndef SIM_FAULTS_I_H
#define SIM_FAULTS_I_H

#include <spfs/base/str.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_call;
struct cJSON;

#define FAULT_NONE UINT64_MAX

struct fault_plan {
    bool active;
    unsigned status;      /* 0: let the handler answer */
    double retry_after;   /* seconds, < 0: no header */
    char code[64];        /* error.code for status */
    unsigned aadsts;      /* token endpoint: AADSTS number */
    char *body;           /* body for status; owned */
    char *location;       /* Location header for status; owned */
    bool html;            /* a proxy's HTML page instead of JSON */
    bool garbage;         /* text that is not JSON */
    uint64_t huge_json;   /* bytes of a well-formed, useless JSON array instead of the reply; 0: none */
    uint64_t reset_after; /* body bytes, then a TCP reset; FAULT_NONE */
    uint64_t truncate;    /* body bytes, then an early end; FAULT_NONE */
    uint64_t stall_after; /* body bytes before the stall */
    uint64_t stall_ms;    /* 0: none */
    bool wrong_content_range;
    bool ignore_range; /* 200 with the whole file */
    bool drop_etag;
    bool expire_url; /* content request: 401; elsewhere: links given out are already expired */
    bool endless_nextlink;
    char *name_json; /* JSON text of the name of one entry; owned */
    char *size_json; /* JSON text of its size; owned */
    char *cycle;     /* "self" or "pair": parentReference.id; owned */
    unsigned entry;  /* which entry of a listing is patched: 0 = first that is not the root */
    uint64_t seen;   /* entries written so far */
};

struct fault_rule;
struct faults {
    pthread_mutex_t lock; /* guards rules and what they hold */
    struct fault_rule *rules;
    unsigned last_id;
};

void faults_init(struct faults *f);
void faults_done(struct faults *f);
/* Adds one rule or an array of rules. 0, or -EINVAL with reason; then none was added. */
int faults_add(struct faults *f, const struct cJSON *json, struct spfs_reason *reason);
int faults_add_file(struct faults *f, const char *file, struct spfs_reason *reason);
void faults_clear(struct faults *f);
void faults_json(struct faults *f, struct spfs_buf *b); /* array of rules with "fired" */

/* Fills plan for this request; plan->active tells whether a rule fired. */
void faults_match(struct faults *f, const char *method, const char *target, struct fault_plan *plan);
void fault_plan_done(struct fault_plan *plan);
/* Answers the call by the plan alone, when it says so. */
bool faults_answer(struct sim_call *c);

#endif
