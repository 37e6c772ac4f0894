/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: written content, and reading of either kind of content (see blob_i.h).
 * Invariants: the hash state covers exactly the `size` bytes in the file. Ownership: the last unref closes
 * it. */
#include "blob_i.h"
#include "jsonw_i.h"
#include "pattern_i.h"
#include "tree_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tree_blob {
    atomic_uint refs;
    int fd;
    uint64_t size;
    struct spfs_quickxor hash;
};

struct tree_blob *blob_new(void)
{
    const char *dir = getenv("TMPDIR");
    int fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    struct tree_blob *b = sim_alloc(sizeof *b);
    atomic_init(&b->refs, 1);
    b->fd = fd;
    spfs_quickxor_init(&b->hash);
    return b;
}

int blob_append(struct tree_blob *b, const void *p, size_t n)
{
    const unsigned char *bytes = p;
    spfs_quickxor_add(&b->hash, p, n);
    for (size_t done = 0; done < n;) {
        ssize_t got = pwrite(b->fd, bytes + done, n - done, (off_t)(b->size + done));
        if (got < 0 && errno != EINTR)
            return -errno;
        done += got > 0 ? (size_t)got : 0;
    }
    b->size += n;
    return 0;
}

uint64_t blob_size(const struct tree_blob *b)
{
    return b->size;
}

struct tree_blob *blob_ref(struct tree_blob *b)
{
    if (b)
        atomic_fetch_add(&b->refs, 1);
    return b;
}

void blob_unref(struct tree_blob *b)
{
    if (b && atomic_fetch_sub(&b->refs, 1) == 1) {
        close(b->fd);
        free(b);
    }
}

int body_read(const struct tree_body *body, uint64_t offset, void *p, size_t n)
{
    unsigned char *out = p;
    while (n > 0) {
        size_t piece = n < PATTERN_RUN ? n : PATTERN_RUN;
        if (body->blob) {
            ssize_t got = pread(body->blob->fd, out, piece, (off_t)offset);
            if (got <= 0 && errno != EINTR)
                return got ? -errno : -EIO;
            piece = got > 0 ? (size_t)got : 0;
        } else {
            memcpy(out, pattern_at(body->seed, offset), piece);
        }
        out += piece;
        offset += piece;
        n -= piece;
    }
    return 0;
}

void body_quickxor_text(const struct tree_body *body, char ret[SPFS_QUICKXOR_TEXT])
{
    struct spfs_quickxor q = {.length = body->size};
    if (body->blob)
        q = body->blob->hash;
    else
        pattern_cells(body->seed, body->size, (unsigned char *)q.fold);
    spfs_quickxor_end(&q, ret);
}
