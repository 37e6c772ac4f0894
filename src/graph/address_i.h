/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Download addresses, in memory only: where an item's content is fetched, and the version that the item had
 * when that was learned.
 *
 * Questions to the server are numbered in the order they are sent. "An answer to question n or later" is how
 * a reader says how fresh it wants to know: 0 takes what is there, address_next() asks for something newer
 * than this moment. One question an item is under way at a time; whoever is served by its answer waits for
 * it. */
#ifndef SPFS_GRAPH_ADDRESS_I_H
#define SPFS_GRAPH_ADDRESS_I_H

#include "graph_i.h"

struct address {
    uint64_t question; /* that this answers */
    char *url;         /* a secret */
    char *etag, *ctag, *quickxor;
    uint64_t size;
    int64_t mtime_ns;
};

struct address_table *address_table_new(void);
void address_table_free(struct address_table *t); /* NULL allowed */

/* The number that the next question will have. */
uint64_t address_next(struct graph *g);
/* A copy (address_done) of the answer to question least or later; asks when there is none. -EPERM: malware.
 */
int address_get(struct graph *g, struct spfs_op *op, struct spfs_ref ref, uint64_t least, struct address *ret,
                struct spfs_reason *reason);
void address_done(struct address *a);
struct spfs_version address_version(const struct address *a);

/* For asking about many at once: registers a question about ref and gives its number, or 0 when an address is
 * known or being asked for. Every number is ended once: with the item, or NULL when nothing was learned. */
uint64_t address_begin(struct graph *g, struct spfs_ref ref);
void address_end(struct graph *g, struct spfs_ref ref, uint64_t question, const struct spfs_item *item);

/* The properties that an answer needs, as "?$select=…". */
#define ADDRESS_SELECT "?$select=id,size,eTag,cTag,file,malware,@microsoft.graph.downloadUrl"

#endif
