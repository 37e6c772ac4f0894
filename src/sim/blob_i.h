/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content that somebody wrote: bytes in an unlinked temporary file, appended while it grows and read-only
 * later. Threads: growing belongs to one thread; a finished blob is shared by counting. */
#ifndef SIM_BLOB_I_H
#define SIM_BLOB_I_H

#include <spfs/model/quickxor.h>
#include <stddef.h>
#include <stdint.h>

struct tree_blob;
struct tree_body;

struct tree_blob *blob_new(void);
int blob_append(struct tree_blob *b, const void *p, size_t n); /* 0 or a negative errno */
uint64_t blob_size(const struct tree_blob *b);
struct tree_blob *blob_ref(struct tree_blob *b); /* NULL is legal */
void blob_unref(struct tree_blob *b);

/* Bytes [offset, offset+n) of a body into p; the range lies inside. 0 or a negative errno. */
int body_read(const struct tree_body *body, uint64_t offset, void *p, size_t n);
void body_quickxor_text(const struct tree_body *body, char ret[SPFS_QUICKXOR_TEXT]);

#endif
