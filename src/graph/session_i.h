/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Upload sessions on the wire: making one, and one request at a time to its address. What an answer means is
 * decided here, what to do next in upload.c. */
#ifndef SPFS_GRAPH_SESSION_I_H
#define SPFS_GRAPH_SESSION_I_H

#include "graph_i.h"

enum session_news {
    SESSION_NEXT,    /* it waits for the byte `next` */
    SESSION_DONE,    /* the file is there: item */
    SESSION_UNSURE,  /* no clear answer: its status has to be asked for */
    SESSION_GONE,    /* it does not exist any more, or its address has lost its rights */
    SESSION_REFUSED, /* for a reason that another session would not change */
};

#define SESSION_NEXT_UNKNOWN UINT64_MAX

struct session_answer {
    enum session_news news;
    uint64_t next; /* SESSION_NEXT; SESSION_NEXT_UNKNOWN: not said */
    struct spfs_item item;
    struct spfs_json_doc *doc; /* holds item */
    int status;                /* 0: no reply */
    int rc;                    /* the error, where it is one */
};
void session_answer_done(struct session_answer *a);

/* A new session for u: its address in ret_url (gives) and the end of its life in wall-clock ms. */
int session_make(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, char **ret_url,
                 int64_t *ret_expires_ms, struct spfs_reason *reason);

/* Each fills ret (session_answer_done). No token goes along. */
void session_send(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, const char *url,
                  uint64_t from, uint64_t len, struct session_answer *ret, struct spfs_reason *reason);
void session_status(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, const char *url,
                    struct session_answer *ret, struct spfs_reason *reason);
/* Makes the file of a session that has all bytes. */
void session_commit(struct graph *g, struct spfs_op *op, const struct spfs_upload *u, const char *url,
                    struct session_answer *ret, struct spfs_reason *reason);
/* Best effort. */
void session_cancel(struct graph *g, struct spfs_op *op, const char *url);

#endif
