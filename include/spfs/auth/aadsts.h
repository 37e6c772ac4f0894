/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the numbers in sign-in errors (AADSTSnnnnn) mean to a person. Data only: which errors end a sign-in is
 * decided by the protocol's own error names. Facts: contract sheet §2.10. */
#ifndef SPFS_AUTH_AADSTS_H
#define SPFS_AUTH_AADSTS_H

struct spfs_aadsts {
    unsigned code;
    const char *cause; /* goes on after "sign-in failed: " */
    const char *next;  /* what to do, in the imperative */
};

/* NULL for a code that is not in the table. */
const struct spfs_aadsts *spfs_aadsts_find(unsigned code);

#endif
