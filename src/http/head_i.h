/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a reply, line by line, into struct spfs_http_head.
 *
 * Nothing a server says is trusted: lines and bytes are counted, names compare without case, a value too long
 * for its field counts as absent, a malformed Content-Range as none. Call order: any number of head_line;
 * each status line starts afresh (1xx replies). */
#ifndef SPFS_HTTP_HEAD_I_H
#define SPFS_HTTP_HEAD_I_H

#include <spfs/http/http.h>

struct head_parser {
    struct spfs_http_head *head; /* borrowed */
    unsigned lines;              /* of all heads of this request */
    size_t bytes;
    unsigned ranges;  /* Content-Range lines */
    unsigned lengths; /* Content-Length lines */
    bool chunked;
    bool bad; /* contradicting Content-Length lines */
    /* Raw until the end, since a date is measured against the server's own Date. */
    char retry_after[64];
    char ratelimit_reset[64];
};

void head_init(struct head_parser *p, struct spfs_http_head *head);
/* One line with or without its CR LF. 0 to go on, 1 when it ended the final head (not that of a 1xx), -EPROTO
 * when malformed or too much. */
int head_line(struct head_parser *p, const char *line, size_t n);

#endif
