/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of a sign-in at one moment: the access token with its end, and what the next one is asked for
 * with. In memory and, as JSON, in the vault.
 *
 * The end is kept on the boot clock, which nobody sets. A record of another boot is brought over by the wall
 * clock when it is parsed, and believed within the token's life only. */
#ifndef SPFS_AUTH_RECORD_I_H
#define SPFS_AUTH_RECORD_I_H

#include "account_i.h"

enum { RECORD_MAX = 256 * 1024 };

struct record {
    struct spfs_secret access; /* none: sign-in without a token so far */
    uint64_t life_ms;          /* what the server gave it */
    uint64_t end_ms;           /* on spfs_now_ms of this boot */
    int64_t end_real_ms;
    char credential[DIGEST_TEXT]; /* of what it was, or the next one is, asked for with */
    struct spfs_secret refresh;   /* REFRESH: the newest one */
    char seed[DIGEST_TEXT];       /* REFRESH: of the content of refresh_file that has been taken up, or "" */
};

void record_done(struct record *r);
/* The access token from now on; takes nothing, copies token. 0, -ENOMEM. */
int record_set_access(struct record *r, const struct spfs_secret *token, uint64_t life_ms);
/* Copies r; *ret is overwritten. 0, -ENOMEM (ret empty). */
int record_copy(struct record *ret, const struct record *r);
/* Milliseconds that the access token has left; 0 when there is none. Cheap. */
uint64_t record_left_ms(const struct record *r);

int record_format(const struct record *r, struct spfs_buf *b);      /* 0, -ENOMEM, -EFBIG */
int record_parse(const char *text, size_t len, struct record *ret); /* 0, -EBADMSG, -ENOMEM */

#endif
