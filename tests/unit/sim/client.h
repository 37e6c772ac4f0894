/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small HTTP client for the simulator's wire tests. One request at a time; asserts on transport errors
 * unless `expect_broken` is set. */
#ifndef SIM_TEST_CLIENT_H
#define SIM_TEST_CLIENT_H

#include "spfs_test.h"

#include <cjson/cJSON.h>
#include <spfs/base/str.h>
#include <spfs/sim/sim.h>
#include <stdlib.h>
#include <string.h>

struct client {
    struct spfs_sim *sim;
    void *curl;
    char token[256];
    /* of the next request; cleared by it */
    const char *range, *header, *body;
    bool no_agent, expect_broken, head;
    long timeout_ms;
    /* of the last answer */
    int broken; /* CURLcode */
    long status;
    double seconds;
    struct spfs_buf text, headers;
};

void client_start(struct client *k, const struct spfs_sim_options *o); /* and signs in as the user */
void client_stop(struct client *k);
void client_sign_in(struct client *k, bool as_app);
/* target: path on the simulator, or a whole URL. The token goes along except to content and control. */
void client_send(struct client *k, const char *method, const char *target);
cJSON *client_get(struct client *k, const char *target, long expected_status); /* parsed; gives */
const char *client_header(struct client *k,
                          const char *name); /* value of the last answer, or NULL; until the next call */
void client_control(struct client *k, const char *method, const char *what, const char *body,
                    long expected_status);
uint64_t client_counter(struct client *k, const char *group, const char *name); /* of /_sim/counters */

const char *json_text(const cJSON *o, const char *key);
const cJSON *json_find(const cJSON *array, const char *key,
                       const char *value); /* element whose member has the value */
/* "/v1.0/drives/ID" of the library with this display path. Until the next call. */
const char *client_drive(struct client *k, const char *path);

#endif
