/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A simulated Microsoft 365: the Entra ID token endpoint and the part of Microsoft Graph v1.0 that a drive
 * client needs, on one loopback port, with the manners of SharePoint and with switchable faults. The program
 * `spfs-sim` is a thin command line over this header; unit tests start it in their own process.
 *
 * Served on the one port:
 *   /{tenant}/oauth2/v2.0/token   token endpoint
 *   /v1.0/...                     Graph, needs a bearer token
 *   /_content/...                 pre-authenticated downloads, refuse a bearer token
 *   /_sim/...                     control for tests (control.c lists the calls)
 * Links in replies are built from the Host header of the request, or from host_name when it is set. */
#ifndef SPFS_SIM_SIM_H
#define SPFS_SIM_SIM_H

#include <spfs/base/str.h>
#include <stdbool.h>
#include <stdint.h>

struct spfs_sim;

/* Zero (NULL) means the default of the comment. Strings are borrowed until spfs_sim_start returns. */
struct spfs_sim_options {
    const char *preset;   /* docs (default), wide, tree:N, huge, empty */
    const char *listen;   /* 127.0.0.1 */
    uint16_t port;        /* a free one */
    const char *tls_cert; /* PEM file; with tls_key the server speaks https */
    const char *tls_key;
    unsigned latency_ms;       /* delay of every answer: 0 */
    unsigned mbps;             /* shared cap of content bytes in both directions: none */
    const char *log_file;      /* JSON lines, one a request */
    const char *faults_file;   /* JSON array of fault rules, as POST /_sim/faults takes it */
    const char *tenant;        /* contoso.example */
    const char *client_id;     /* 11111111-1111-1111-1111-111111111111 */
    const char *client_secret; /* sim-secret */
    const char *host_name;     /* HOST[:PORT] in links instead of the Host header */
    const char
        *content_host;     /* the same for links to content, which live on another host on the real service */
    unsigned token_life_s; /* life of an access token: 3600 */
    unsigned url_life_s;   /* life of a download URL: 3600 */
    unsigned max_parallel; /* more requests at a time are counted as a violation: no limit */
    bool delta_ctag;       /* delta entries carry cTag (SharePoint does at times); default: left out */
    bool tidy_delta; /* delta gives parents first, nothing twice, paths, and of a deleted folder only itself;
                        none of that is promised */
    bool no_content_etag; /* downloads come without ETag */
    bool tolerate_auth;   /* downloads with Authorization are served (and counted), not refused */
};

/* Builds the tenant and listens. 0, or a negative errno with reason filled. Gives; end it with spfs_sim_stop.
 */
int spfs_sim_start(const struct spfs_sim_options *options, struct spfs_sim **ret, struct spfs_reason *reason);
/* "http://127.0.0.1:PORT"; lives as long as the simulator. */
const char *spfs_sim_url(const struct spfs_sim *sim);
/* Ends running requests, joins all threads and frees. NULL is legal. */
void spfs_sim_stop(struct spfs_sim *sim);

#endif
