// SPDX-License-Identifier: GPL-3.0-or-later
/* Not a test: figures of fetch alone, over a remote that copies from memory. bench_fetch DIR SIZE_MIB
 * [LATENCY_MS [MBIT [STEP_KIB [WINDOW_MIB [STREAMS]]]]] Prints the throughput of a cold sequential read (into
 * the real block cache below DIR, or none for "-"), then of warm ones. */
#include <spfs/base/clock.h>
#include <spfs/sync/fetch.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 * 1024 };

static struct {
    uint64_t latency_us, mbit, free_us;
    unsigned reads;
    pthread_mutex_t lock;
    uint8_t bytes[CHUNK];
} net = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void rest_us(uint64_t us)
{
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000 * 1000)};
    nanosleep(&t, NULL);
}

/* The link is a queue that all streams share. */
static void pace(size_t n)
{
    if (net.mbit == 0)
        return;
    uint64_t now = spfs_now_us();
    pthread_mutex_lock(&net.lock);
    net.free_us = (net.free_us > now ? net.free_us : now) + n * 8 / net.mbit;
    uint64_t end = net.free_us;
    pthread_mutex_unlock(&net.lock);
    if (end > now)
        rest_us(end - now);
}

static int net_read(struct spfs_remote *r, struct spfs_op *op, struct spfs_read *read,
                    struct spfs_reason *reason)
{
    (void)r;
    (void)op;
    (void)reason;
    __atomic_fetch_add(&net.reads, 1, __ATOMIC_RELAXED);
    if (net.latency_us)
        rest_us(net.latency_us);
    read->proved(read->ctx);
    for (uint64_t left = read->len; left > 0;) {
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        pace(n);
        int err = read->data(read->ctx, net.bytes, n);
        if (err)
            return err;
        left -= n;
    }
    return 0;
}

/* Like a FUSE reply: the bytes are copied once. */
static int take(void *ctx, const struct iovec *iov, int n)
{
    static uint8_t to[1024 * 1024];
    size_t at = 0;
    (void)ctx;
    for (int i = 0; i < n; i++) {
        memcpy(to + at, iov[i].iov_base, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    return 0;
}

static void run(struct spfs_fetch *f, const struct spfs_node *node, size_t step, const char *what)
{
    struct spfs_fetch_file *file;
    struct spfs_stream s = {0};
    struct spfs_op op;
    if (spfs_fetch_open(f, node, "d", &file) < 0)
        return;
    spfs_op_init(&op, SPFS_URGENT, UINT64_MAX);
    unsigned reads = net.reads;
    uint64_t begin = spfs_now_us(), first = 0;
    for (uint64_t at = 0; at < node->size; at += step) {
        int err =
            spfs_fetch_read(file, &s, &op, at, node->size - at < step ? (size_t)(node->size - at) : step, 0,
                            take, NULL, NULL);
        if (err)
            printf("read at %llu: %d\n", (unsigned long long)at, err);
        if (at == 0)
            first = spfs_now_us() - begin;
    }
    double us = (double)(spfs_now_us() - begin);
    printf("%s: %.0f MiB/s, first byte %llu us, %u requests\n", what, (double)node->size / us * 1e6 / 1048576,
           (unsigned long long)first, net.reads - reads);
    spfs_op_done(&op);
    spfs_fetch_close(file);
}

int main(int argc, char **argv)
{
    static const struct spfs_remote_ops ops = {.read = net_read};
    struct spfs_remote remote = {&ops};
    struct spfs_reason reason = {""};
    struct spfs_fetch_config c = {.remote = &remote};
    struct spfs_fetch *f;
    static struct spfs_node node;
    if (argc < 3)
        return 2;
    net.latency_us = argc > 3 ? strtoull(argv[3], NULL, 10) * 1000 : 0;
    net.mbit = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    size_t step = argc > 5 ? strtoull(argv[5], NULL, 10) * 1024 : 131072;
    c.window_max = argc > 6 ? strtoull(argv[6], NULL, 10) << 20 : 0;
    c.streams = argc > 7 ? (unsigned)strtoul(argv[7], NULL, 10) : 0;
    node = (struct spfs_node){.ino = 9,
                              .content = 1,
                              .kind = SPFS_KIND_FILE,
                              .size = strtoull(argv[2], NULL, 10) << 20,
                              .size_known = true,
                              .id = "i"};
    struct spfs_blocks_config bc = {
        .dir = argv[1], .catalog_uuid = "u", .cap = (uint64_t)8 << 30, .free_floor = 1};
    if (strcmp(argv[1], "-") != 0 && spfs_blocks_open(&bc, &c.blocks, &reason) < 0) {
        fprintf(stderr, "%s\n", reason.text);
        return 1;
    }
    if (spfs_fetch_new(&c, &f) < 0 || spfs_fetch_start(f) < 0)
        return 1;
    run(f, &node, step, "cold");
    for (int i = 0; i < 3 && c.blocks; i++)
        run(f, &node, step, "warm");
    spfs_fetch_stop(f);
    spfs_fetch_free(f);
    if (c.blocks)
        spfs_blocks_close(c.blocks);
    return 0;
}
