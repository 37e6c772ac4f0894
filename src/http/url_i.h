/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses, taken apart by the same parser that sends to them: libcurl's, so that the two can never disagree
 * about the host. */
#ifndef SPFS_HTTP_URL_I_H
#define SPFS_HTTP_URL_I_H

#include <stdbool.h>
#include <stddef.h>

struct url_origin {
    bool tls;
    bool loopback;  /* 127.0.0.0/8, ::1, localhost */
    char host[256]; /* lower case; a numeric one in its usual form, IPv6 in brackets */
    unsigned port;
};

/* False unless http or https with a host and without user name or password. */
bool url_parse(const char *url, struct url_origin *ret);

#endif
