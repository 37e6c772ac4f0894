/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A token endpoint for tests, in a process of its own on the loopback interface. What it does and has seen
 * lies in shared memory. */
#ifndef SPFS_TEST_ENTRA_H
#define SPFS_TEST_ENTRA_H

#include <stdatomic.h>
#include <sys/types.h>

struct entra {
    int port;
    pid_t pid;
    /* What it does. */
    char secret[64];         /* the only good one */
    char refresh_prefix[32]; /* refresh tokens PREFIX0, PREFIX1 … are good */
    atomic_int life_s;
    atomic_int fail_status; /* the next fail_count requests are answered so */
    atomic_int fail_count;
    atomic_int retry_after; /* with a failure: seconds, or 0 none */
    atomic_bool html;       /* every reply is a web page */
    atomic_bool silent;     /* takes requests and never answers */
    atomic_bool revoked;    /* no refresh token is good any more */
    /* What it has seen. */
    atomic_uint requests, rotation;
    char last[8192]; /* the last request, head and body */
};

struct entra *entra_start(void);
void entra_stop(struct entra *e);

#endif
