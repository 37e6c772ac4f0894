/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulator in this process, with the real engine, governor and graph in front of it. One rig a program;
 * any failure ends the test. */
#ifndef SPFS_TEST_GRAPH_RIG_H
#define SPFS_TEST_GRAPH_RIG_H

#include <spfs/graph/graph.h>
#include <spfs/sim/sim.h>

struct rig {
    struct spfs_sim *sim;
    struct spfs_http *http;
    struct spfs_governor *governor;
    struct spfs_remote *remote;
    struct spfs_op op;
    struct spfs_secret token;
};

void rig_start(struct rig *g);
void rig_stop(struct rig *g);
/* A plain request to the simulator itself; gives the reply's body. */
char *rig_ask(struct rig *g, const char *method, const char *path, const char *type, const char *body);
void rig_fault(struct rig *g, const char *rule); /* JSON, see the simulator's faults.c */
void rig_no_faults(struct rig *g);
/* A number of the simulator's counters, such as "upload" or "violations.total". */
uint64_t rig_counter(struct rig *g, const char *path);
void rig_reset_counters(struct rig *g);

#endif
