/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memfs: a FUSE server that answers everything from memory; the yardstick of scripts/bench.
 *
 * Purpose: shows what the kernel, libfuse and this machine can do at best, so that spfs is compared with a
 * bound and not with a number. It holds one file /big of a given size and, beside it, a copy of an existing
 * tree (names, sizes, modes, times, contents), so that both mounts show the same. Invariants: nodes are
 * written before the session starts and only read after it; the children of a node are contiguous (the tree
 * is copied breadth first); inode number = index + 1, the root is index 0. Threads: libfuse's own; no locks,
 * nothing changes. Ownership: everything lives until exit.
 *
 *     memfs DIR [--big BYTES] [--like DIR [--no-data 1]]     runs in the foreground, prints "ready" once
 * mounted
 */
#define FUSE_USE_VERSION 312
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOREVER 86400.0 /* seconds that the kernel may keep what it was told */

struct node {
    char *name;
    char *data; /* contents of a regular file, NULL when empty */
    size_t parent;
    size_t first; /* index of the first child */
    size_t count; /* number of children */
    struct stat st;
};

static struct node *nodes;
static size_t node_count, node_room;
static size_t *table; /* open addressing over (parent, name): index + 1, 0 when free */
static size_t table_mask;
static int no_data; /* the contents of the tree are not copied and read as zeros */

static void die(const char *what)
{
    fprintf(stderr, "memfs: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *need(void *p)
{
    if (!p)
        die("memory");
    return p;
}

static size_t hash_of(size_t parent, const char *name)
{
    uint64_t h = 14695981039346656037ULL ^ parent;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211ULL;
    return (size_t)(h ^ (h >> 29));
}

static size_t node_add(size_t parent, const char *name, const struct stat *st)
{
    if (node_count == node_room) {
        node_room = node_room ? node_room * 2 : 1024;
        nodes = need(realloc(nodes, node_room * sizeof(*nodes)));
    }
    struct node *n = &nodes[node_count];
    *n = (struct node){.name = need(strdup(name)), .parent = parent, .st = *st};
    n->st.st_ino = node_count + 1;
    return node_count++;
}

static void table_build(void)
{
    size_t room = 16;
    while (room < node_count * 2)
        room *= 2;
    table = need(calloc(room, sizeof(*table)));
    table_mask = room - 1;
    for (size_t i = 1; i < node_count; i++) {
        size_t slot = hash_of(nodes[i].parent, nodes[i].name) & table_mask;
        while (table[slot])
            slot = (slot + 1) & table_mask;
        table[slot] = i + 1;
    }
}

static struct node *node_find(size_t parent, const char *name)
{
    for (size_t slot = hash_of(parent, name) & table_mask; table[slot]; slot = (slot + 1) & table_mask) {
        struct node *n = &nodes[table[slot] - 1];
        if (n->parent == parent && strcmp(n->name, name) == 0)
            return n;
    }
    return NULL;
}

static char *contents_of(int dirfd, const char *name, size_t size)
{
    if (size == 0)
        return NULL;
    char *data =
        need(no_data ? calloc(1, size) : malloc(size)); /* calloc: pages that nobody reads cost nothing */
    if (no_data)
        return data;
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(name);
    for (size_t have = 0; have < size;) {
        ssize_t n = read(fd, data + have, size - have);
        if (n <= 0)
            die(name);
        have += (size_t)n;
    }
    close(fd);
    return data;
}

/* Appends the entries of one directory, given as an open stream, as children of node i. */
static void copy_children(size_t i, DIR *dir)
{
    if (nodes[i].count == 0)
        nodes[i].first = node_count;
    for (struct dirent *e; (e = readdir(dir));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            die(e->d_name);
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
            continue;
        size_t child = node_add(i, e->d_name, &st);
        if (S_ISREG(st.st_mode))
            nodes[child].data = contents_of(dirfd(dir), e->d_name, (size_t)st.st_size);
        nodes[i].count++;
    }
}

static void path_of(size_t i, const char *top, char *out, size_t size)
{
    size_t chain[PATH_MAX / 2], depth = 0;
    for (; i != 0; i = nodes[i].parent)
        chain[depth++] = i;
    size_t used = (size_t)snprintf(out, size, "%s", top);
    while (depth > 0 && used < size)
        used += (size_t)snprintf(out + used, size - used, "/%s", nodes[chain[--depth]].name);
}

static void copy_tree(const char *top, size_t big)
{
    struct stat st = {.st_mode = S_IFDIR | 0755, .st_nlink = 2, .st_uid = getuid(), .st_gid = getgid()};
    node_add(0, "", &st);
    if (big > 0) {
        nodes[0].first = 1;
        nodes[0].count = 1;
        st = (struct stat){.st_mode = S_IFREG | 0644, .st_nlink = 1, .st_size = (off_t)big};
        size_t i = node_add(0, "big", &st);
        nodes[i].data = mmap(NULL, big, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (nodes[i].data == MAP_FAILED)
            die("mmap");
        for (size_t at = 0; at < big; at++)
            nodes[i].data[at] = (char)((at * 0x9E3779B1U) >> 24);
    }
    if (!top)
        return;
    for (size_t i = 0; i < node_count; i++) {
        char path[PATH_MAX];
        if (!S_ISDIR(nodes[i].st.st_mode))
            continue;
        path_of(i, top, path, sizeof(path));
        DIR *dir = opendir(path);
        if (!dir)
            die(path);
        copy_children(i, dir);
        closedir(dir);
    }
}

static struct fuse_entry_param entry_of(const struct node *n)
{
    return (struct fuse_entry_param){
        .ino = n->st.st_ino, .attr = n->st, .attr_timeout = FOREVER, .entry_timeout = FOREVER};
}

static void mem_init(void *data, struct fuse_conn_info *conn)
{
    (void)data;
    conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
                                   FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_ASYNC_READ);
}

static void mem_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct node *n = node_find(parent - 1, name);
    struct fuse_entry_param e = n ? entry_of(n) : (struct fuse_entry_param){.entry_timeout = FOREVER};
    fuse_reply_entry(req, &e);
}

static void mem_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)fi;
    fuse_reply_attr(req, &nodes[ino - 1].st, FOREVER);
}

static void mem_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    if ((fi->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(req, EROFS);
        return;
    }
    fi->keep_cache = 1;
    fuse_reply_open(req, fi);
}

static void mem_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)fi;
    const struct node *n = &nodes[ino - 1];
    size_t length = (size_t)n->st.st_size, at = (size_t)off;
    if (at >= length) {
        fuse_reply_buf(req, NULL, 0);
        return;
    }
    fuse_reply_buf(req, n->data + at, size < length - at ? size : length - at);
}

static void mem_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    fi->keep_cache = 1;
    fi->cache_readdir = 1;
    fuse_reply_open(req, fi);
}

/* Offsets count entries: 0 is ".", 1 is "..", then the children. */
static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, int plus)
{
    const struct node *dir = &nodes[ino - 1];
    char *buf = need(malloc(size));
    size_t used = 0;
    for (size_t i = (size_t)off; i < dir->count + 2; i++) {
        const struct node *n = i == 0 ? dir : i == 1 ? &nodes[dir->parent] : &nodes[dir->first + i - 2];
        const char *name = i == 0 ? "." : i == 1 ? ".." : n->name;
        struct fuse_entry_param e = entry_of(n);
        if (i < 2)
            e.ino = 0; /* no look-up count for "." and ".." */
        size_t n_bytes = plus ? fuse_add_direntry_plus(req, buf + used, size - used, name, &e, (off_t)i + 1)
                              : fuse_add_direntry(req, buf + used, size - used, name, &n->st, (off_t)i + 1);
        if (n_bytes > size - used)
            break;
        used += n_bytes;
    }
    fuse_reply_buf(req, buf, used);
    free(buf);
}

static void mem_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)fi;
    list(req, ino, size, off, 0);
}

static void mem_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)fi;
    list(req, ino, size, off, 1);
}

static void mem_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    (void)ino;
    (void)name;
    (void)size;
    fuse_reply_err(req, ENODATA);
}

static const struct fuse_lowlevel_ops operations = {
    .init = mem_init,
    .lookup = mem_lookup,
    .getattr = mem_getattr,
    .open = mem_open,
    .read = mem_read,
    .opendir = mem_opendir,
    .readdir = mem_readdir,
    .readdirplus = mem_readdirplus,
    .getxattr = mem_getxattr,
};

static int serve(const char *program, const char *dir)
{
    char *argv[] = {(char *)program, (char *)"-o", (char *)"fsname=memfs,subtype=memfs", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    struct fuse_session *session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
    if (!session || fuse_set_signal_handlers(session) != 0 || fuse_session_mount(session, dir) != 0)
        return 1;
    puts("ready");
    fflush(stdout);
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    fuse_session_loop_mt(session, config);
    fuse_loop_cfg_destroy(config);
    fuse_session_unmount(session);
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    fuse_opt_free_args(&args);
    return 0;
}

int main(int argc, char **argv)
{
    const char *like = NULL;
    size_t big = 0;
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--big") == 0)
            big = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--like") == 0)
            like = argv[i + 1];
        else if (strcmp(argv[i], "--no-data") == 0)
            no_data = 1;
        else
            argc = 0;
    }
    if (argc < 2 || argc % 2 != 0) {
        fprintf(stderr, "usage: memfs DIR [--big BYTES] [--like DIR [--no-data 1]]\n");
        return 2;
    }
    copy_tree(like, big);
    table_build();
    return serve(argv[0], argv[1]);
}
