/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: written content, small in memory and large in an unlinked file, and reading of either kind of
 * content (see blob_i.h). Invariants: the hash state covers exactly the `size` bytes in the file. Ownership:
 * the last unref closes it. */
#include "blob_i.h"
#include "jsonw_i.h"
#include "pattern_i.h"
#include "tree_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define IN_MEMORY (256u << 10) /* larger ones move to an unlinked file, in memory or on disk */

struct tree_blob {
    atomic_uint refs;
    int fd;         /* -1: the bytes are in `data` */
    bool in_memory; /* the file is one in memory */
    char *data;
    uint64_t size;
    struct spfs_quickxor hash;
};

static atomic_ullong held; /* bytes in files in memory */

struct tree_blob *blob_new(void)
{
    struct tree_blob *b = sim_alloc(sizeof *b);
    atomic_init(&b->refs, 1);
    b->fd = -1;
    spfs_quickxor_init(&b->hash);
    return b;
}

static int write_all(int fd, const char *p, size_t n, uint64_t at)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pwrite(fd, p + done, n - done, (off_t)(at + done));
        if (got < 0 && errno != EINTR)
            return -errno;
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* Memory spares the disk, whose speed clients may be measuring; not more than a quarter of it, though. */
static bool memory_is_plenty(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 && atomic_load(&held) < (uint64_t)pages / 4 * (uint64_t)page;
}

static int move_to_file(struct tree_blob *b)
{
    const char *dir = getenv("TMPDIR");
    b->in_memory = memory_is_plenty();
    b->fd = b->in_memory ? memfd_create("spfs-sim", MFD_CLOEXEC)
                         : open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (b->fd < 0)
        return -errno;
    int err = write_all(b->fd, b->data, b->size, 0);
    if (b->in_memory)
        atomic_fetch_add(&held, b->size);
    free(b->data);
    b->data = NULL;
    return err;
}

int blob_append(struct tree_blob *b, const void *p, size_t n)
{
    int err = 0;
    if (b->fd < 0 && b->size + n > IN_MEMORY)
        err = move_to_file(b);
    if (!err && b->fd >= 0)
        err = write_all(b->fd, p, n, b->size);
    if (!err && b->fd < 0 && n) {
        char *grown = realloc(b->data, b->size + n);
        if (!grown)
            return -ENOMEM;
        b->data = grown;
        memcpy(b->data + b->size, p, n);
    }
    if (err)
        return err;
    if (b->in_memory)
        atomic_fetch_add(&held, n);
    spfs_quickxor_add(&b->hash, p, n);
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
        if (b->in_memory)
            atomic_fetch_sub(&held, b->size);
        if (b->fd >= 0)
            close(b->fd);
        free(b->data);
        free(b);
    }
}

int body_read(const struct tree_body *body, uint64_t offset, void *p, size_t n)
{
    unsigned char *out = p;
    while (n > 0) {
        size_t piece = n < PATTERN_RUN ? n : PATTERN_RUN;
        if (body->blob && body->blob->fd < 0) {
            memcpy(out, body->blob->data + offset, piece);
        } else if (body->blob) {
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
