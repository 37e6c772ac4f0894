/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a Graph path addresses, and the handlers of each kind. Handlers run under tree.lock: for reading on
 * GET and HEAD, for writing otherwise. */
#ifndef SIM_ROUTE_I_H
#define SIM_ROUTE_I_H

#include "sim_i.h"

struct route {
    int site; /* or -1 */
    unsigned drive;
    uint32_t item;   /* TREE_NONE: the path form names a missing child */
    uint32_t parent; /* path form: folder of the missing child, or TREE_NONE */
    char name[1024]; /* path form: its name */
    char rest[1024]; /* decoded sub-resource: "", "children", "versions/2.0/content", ... */
};

/* Cuts the next raw segment at '/', decoded; false at the end. Advances *p. */
bool route_segment(const char **p, char *ret, size_t size);

/* sites.c: everything under /sites and /me that is not below a drive. `p` stands behind "sites/" or "me/".
 * True with r->drive set when the path goes on into a drive at *p; otherwise the reply is filled. */
bool sites_route(struct sim_call *c, const char **p, struct route *r);
bool me_route(struct sim_call *c, const char **p, struct route *r);

/* $top of the query within the limits. */
unsigned page_size(const struct sim_call *c);
void children_list(struct sim_call *c, const struct route *r);
void delta_list(struct sim_call *c, const struct route *r);
void versions_call(struct sim_call *c, const struct route *r);
/* mutate.c: every method but GET on items. */
void mutate_call(struct sim_call *c, const struct route *r);

#endif
