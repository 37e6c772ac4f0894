// SPDX-License-Identifier: GPL-3.0-or-later
/* What can happen to the files: a second owner, another format, cut short, a kill in the middle of commits,
 * another boot, another catalog, a full disk. */
#include "test_dir.h"

#include <spfs/store/blocks.h>
#include <spfs/store/catalog.h>

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UUID "11111111-2222-3333-4444-555555555555"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    test_dir_make(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_dir_remove(dir);
    return 0;
}

static const char *in_dir(const char *name)
{
    static char text[2][128];
    static unsigned turn;
    char *s = text[turn++ % 2];
    snprintf(s, sizeof(text[0]), "%s/%s", dir, name);
    return s;
}

static struct spfs_catalog *open_catalog(void)
{
    struct spfs_catalog *c = NULL;
    struct spfs_reason reason = {""};
    if (spfs_catalog_open(dir, NULL, &c, &reason))
        fail_msg("%s", reason.text);
    return c;
}

static void put_sites(struct spfs_catalog *c, unsigned from, unsigned to)
{
    struct spfs_catalog_txn *t;
    assert_int_equal(spfs_catalog_begin(c, &t), 0);
    for (unsigned i = from; i < to; i++) {
        char id[300];
        snprintf(id, sizeof(id), "%u-%0250u", i, i);
        assert_int_equal(spfs_catalog_put_site(t, SPFS_INO_TENANT, id, id, NULL), 0);
    }
    assert_int_equal(spfs_catalog_commit(t), 0);
}

static uint64_t node_count(struct spfs_catalog *c)
{
    struct spfs_catalog_stats s;
    assert_int_equal(spfs_catalog_stats(c, &s), 0);
    return s.nodes;
}

static struct spfs_blocks *open_blocks_as(const char *uuid, uint64_t cap)
{
    struct spfs_blocks *b = NULL;
    struct spfs_reason reason = {""};
    struct spfs_blocks_config config = {.dir = dir, .catalog_uuid = uuid, .cap = cap, .free_floor = 1};
    if (spfs_blocks_open(&config, &b, &reason))
        fail_msg("%s", reason.text);
    return b;
}

static int put_block(struct spfs_blocks *b, uint64_t ino, uint64_t index, unsigned char byte)
{
    static unsigned char data[SPFS_BLOCK_SIZE];
    memset(data, byte, sizeof(data));
    struct spfs_block v = {.ino = ino, .content = 1, .index = index, .data = data, .len = sizeof(data)};
    return spfs_blocks_put(b, &v, 1);
}

static int get_block(struct spfs_blocks *b, uint64_t ino, uint64_t index, unsigned char byte)
{
    struct spfs_blocks_txn *t;
    const void *p;
    size_t n;
    assert_int_equal(spfs_blocks_begin(b, &t), 0);
    int err = spfs_blocks_get(t, ino, 1, index, true, &p, &n);
    for (size_t i = 0; !err && i < n; i++)
        assert_int_equal(((const unsigned char *)p)[i], byte);
    spfs_blocks_end(t);
    return err;
}

static uint64_t block_count(struct spfs_blocks *b)
{
    struct spfs_blocks_stats s;
    spfs_blocks_stats(b, &s);
    return s.blocks;
}

static void test_one_owner(void **state)
{
    (void)state;
    struct spfs_catalog *c = open_catalog(), *second = NULL;
    struct spfs_blocks *b = open_blocks_as(UUID, 1 << 30), *other = NULL;
    struct spfs_blocks_config config = {.dir = dir, .catalog_uuid = UUID};
    struct spfs_reason reason = {""};
    char pid[32];
    assert_int_equal(spfs_catalog_open(dir, NULL, &second, &reason), -EBUSY);
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    assert_non_null(strstr(reason.text, pid));
    assert_int_equal(spfs_blocks_open(&config, &other, &reason), -EBUSY);
    struct stat st;
    assert_int_equal(stat(in_dir("catalog.lmdb"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    spfs_catalog_close(c);
    spfs_blocks_close(b);
    spfs_catalog_close(open_catalog());
    assert_int_equal(spfs_catalog_open("/proc/nowhere", NULL, &second, &reason), -ENOENT);
}

/* Whatever is in the file: set aside, and the catalog starts empty under another uuid. */
static void expect_rebuilt(const char *old_uuid)
{
    struct spfs_catalog *c = open_catalog();
    struct spfs_reason reason = {""};
    assert_int_equal(node_count(c), 1);
    assert_string_not_equal(spfs_catalog_uuid(c), old_uuid);
    assert_int_equal(spfs_catalog_check(c, &reason), 0);
    spfs_catalog_close(c);
    assert_int_equal(unlink(in_dir("catalog.lmdb.bad-1")), 0);
}

static void test_cut_catalog_is_rebuilt(void **state)
{
    (void)state;
    static const off_t lengths[] = {100, 4096, 8192, 40960, 200000};
    for (unsigned i = 0; i < SPFS_ARRAY_LEN(lengths); i++) {
        struct spfs_catalog *c = open_catalog();
        char uuid[37];
        put_sites(c, 0, 2000);
        spfs_copy(uuid, sizeof(uuid), spfs_catalog_uuid(c));
        spfs_catalog_close(c);
        assert_int_equal(truncate(in_dir("catalog.lmdb"), lengths[i]), 0);
        expect_rebuilt(uuid);
    }
}

static void overwrite(const char *file, off_t at, const void *p, size_t n)
{
    int fd = open(in_dir(file), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, p, n, at), (ssize_t)n);
    close(fd);
}

static void test_foreign_files_are_set_aside(void **state)
{
    (void)state;
    char junk[16384];
    memset(junk, 'x', sizeof(junk));
    overwrite("catalog.lmdb", 0, junk, sizeof(junk));
    expect_rebuilt("");
    unlink(in_dir("catalog.lmdb"));
    overwrite("catalog.lmdb", 0, "", 0); /* empty: just new */
    spfs_catalog_close(open_catalog());
    unlink(in_dir("catalog.lmdb"));
    spfs_blocks_close(open_blocks_as(UUID, 1 << 30)); /* an LMDB file, of another format */
    assert_int_equal(rename(in_dir("blocks.lmdb"), in_dir("catalog.lmdb")), 0);
    expect_rebuilt("");
}

static void test_a_link_is_not_followed(void **state)
{
    (void)state;
    struct spfs_catalog *c = NULL;
    struct spfs_reason reason = {""};
    assert_int_equal(symlink("/dev/null", in_dir("catalog.lmdb")), 0);
    assert_int_equal(spfs_catalog_open(dir, NULL, &c, &reason), -EACCES);
}

/* Runs body in a child that is killed after it has said n times that something is committed. */
static void kill_after(void (*body)(int out), unsigned n)
{
    int p[2], status;
    char c;
    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(p[0]);
        body(p[1]);
        _exit(1);
    }
    close(p[1]);
    while (n-- > 0)
        assert_int_equal(read(p[0], &c, 1), 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    close(p[0]);
}

static void say(int out)
{
    if (write(out, "x", 1) != 1)
        _exit(2);
}

static void child_puts_sites(int out)
{
    struct spfs_catalog *c;
    struct spfs_catalog_txn *t;
    if (spfs_catalog_open(dir, NULL, &c, NULL))
        _exit(3);
    for (unsigned i = 0;; i++) {
        char id[64];
        if (spfs_catalog_begin(c, &t))
            _exit(4);
        for (unsigned k = 0; k < 20; k++) {
            snprintf(id, sizeof(id), "site %u %u", i % 50, k);
            if (spfs_catalog_put_site(t, SPFS_INO_TENANT, id, i & 1 ? id : "other", NULL))
                _exit(5);
        }
        if (spfs_catalog_commit(t))
            _exit(6);
        say(out);
    }
}

static void test_catalog_survives_kills(void **state)
{
    (void)state;
    struct spfs_reason reason = {""};
    for (unsigned i = 1; i <= 12; i++) {
        kill_after(child_puts_sites, i * 3);
        struct spfs_catalog *c = open_catalog();
        assert_true(node_count(c) >= 1 + 20 * (i * 3 < 50 ? i * 3 : 50));
        if (spfs_catalog_check(c, &reason))
            fail_msg("%s", reason.text);
        spfs_catalog_close(c);
    }
    assert_int_not_equal(access(in_dir("catalog.lmdb.bad-1"), F_OK), 0);
}

static void child_puts_blocks(int out)
{
    struct spfs_blocks *b;
    struct spfs_blocks_config config = {.dir = dir, .catalog_uuid = UUID, .cap = 8 << 20, .free_floor = 1};
    if (spfs_blocks_open(&config, &b, NULL))
        _exit(3);
    for (uint64_t i = 0;; i++) {
        if (put_block(b, 1 + i % 7, i, (unsigned char)i))
            _exit(4);
        say(out);
    }
}

static void test_blocks_survive_kills(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 8; i++) {
        kill_after(child_puts_blocks, 30 * i);
        struct spfs_blocks *b = open_blocks_as(UUID, 8 << 20);
        unsigned found = 0;
        for (unsigned k = 0; k < 30 * i; k++)
            found += get_block(b, 1 + k % 7, k, (unsigned char)k) == 0;
        assert_true(found > 0); /* the same boot: the cache is kept, and whole */
        struct spfs_blocks_stats s;
        spfs_blocks_stats(b, &s);
        assert_int_equal(s.corrupt, 0);
        assert_true(s.bytes <= s.cap);
        spfs_blocks_close(b);
    }
}

/* Makes the file look as if it had been in use under another boot. */
static void change_boot_of(const char *file, const char *key)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char boot[36];
    memset(boot, '0', sizeof(boot));
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, in_dir(file), MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
    MDB_val k = {.mv_size = strlen(key), .mv_data = strdup(key)},
            v = {.mv_size = sizeof(boot), .mv_data = boot};
    assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    free(k.mv_data);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void change_boot(void)
{
    change_boot_of("blocks.lmdb", "boot");
}

/* Before the first drive has settled nothing is flushed: another boot after an unclean end costs the file, no
 * other end does. */
static void test_catalog_in_bulk(void **state)
{
    (void)state;
    kill_after(child_puts_sites, 2);
    struct spfs_catalog *c = open_catalog();
    assert_true(node_count(c) > 40);
    spfs_catalog_close(c);
    c = open_catalog();
    assert_true(node_count(c) > 40);
    spfs_catalog_close(c);
    kill_after(child_puts_sites, 2);
    change_boot_of("catalog.lmdb", "bulk");
    expect_rebuilt("");
}

static void child_settles(int out)
{
    struct spfs_catalog *c;
    struct spfs_catalog_txn *t;
    static struct spfs_drive_rec d;
    const struct spfs_drive drive = {.id = "b!1", .name = "L"};
    if (spfs_catalog_open(dir, NULL, &c, NULL) || spfs_catalog_begin(c, &t) ||
        spfs_catalog_put_drive(t, SPFS_INO_TENANT, &drive, "L", NULL, NULL) || spfs_catalog_commit(t) ||
        spfs_catalog_drive_by_id(c, "b!1", &d) || spfs_catalog_begin(c, &t))
        _exit(3);
    d.settled = true;
    if (spfs_catalog_set_drive(t, &d) || spfs_catalog_commit(t))
        _exit(4);
    say(out);
    for (;;)
        pause();
}

static void test_catalog_is_flushed_once_settled(void **state)
{
    (void)state;
    kill_after(child_settles, 1);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, in_dir("catalog.lmdb"), MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
    MDB_val k = {.mv_size = 4, .mv_data = (char[]){'b', 'u', 'l', 'k'}}, v;
    assert_int_equal(mdb_get(txn, dbi, &k, &v), MDB_NOTFOUND);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    struct spfs_catalog *c = open_catalog();
    assert_int_equal(node_count(c), 2);
    spfs_catalog_close(c);
}

static void test_another_boot(void **state)
{
    (void)state;
    kill_after(child_puts_blocks, 5);
    change_boot();
    struct spfs_blocks *b = open_blocks_as(UUID, 8 << 20);
    assert_int_equal(block_count(b), 0); /* an unclean end under another boot */
    assert_int_equal(put_block(b, 1, 0, 7), 0);
    spfs_blocks_close(b);
    change_boot();
    b = open_blocks_as(UUID, 8 << 20);
    assert_int_equal(get_block(b, 1, 0, 7), 0); /* a clean one */
    spfs_blocks_close(b);
}

static void test_another_catalog_and_cut_short(void **state)
{
    (void)state;
    struct spfs_blocks *b = open_blocks_as(UUID, 8 << 20);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(put_block(b, 1, i, 9), 0);
    spfs_blocks_close(b);
    b = open_blocks_as(UUID, 8 << 20);
    assert_int_equal(block_count(b), 20);
    spfs_blocks_close(b);
    assert_int_equal(truncate(in_dir("blocks.lmdb"), 600000), 0);
    b = open_blocks_as(UUID, 8 << 20);
    assert_int_equal(block_count(b), 0);
    assert_int_equal(put_block(b, 1, 0, 9), 0);
    spfs_blocks_close(b);
    b = open_blocks_as("99999999-2222-3333-4444-555555555555", 8 << 20);
    assert_int_equal(block_count(b), 0);
    spfs_blocks_close(b);
}

/* Flips a byte of the one block that is full of this byte. */
static void flip(unsigned char byte)
{
    unsigned char page[4096], want[4096];
    memset(want, byte, sizeof(want));
    int fd = open(in_dir("blocks.lmdb"), O_RDWR);
    assert_true(fd >= 0);
    for (off_t at = 0; pread(fd, page, sizeof(page), at) == (ssize_t)sizeof(page); at += 4096) {
        if (memcmp(page, want, sizeof(want)) != 0)
            continue;
        page[17] ^= 1;
        assert_int_equal(pwrite(fd, page + 17, 1, at + 17), 1);
        close(fd);
        return;
    }
    fail_msg("the block is not in the file");
}

static void test_a_damaged_block_is_dropped(void **state)
{
    (void)state;
    struct spfs_blocks *b = open_blocks_as(UUID, 8 << 20);
    struct spfs_blocks_stats s;
    assert_int_equal(put_block(b, 1, 0, 0xa1), 0);
    assert_int_equal(put_block(b, 1, 1, 0xa2), 0);
    flip(0xa1);
    assert_int_equal(get_block(b, 1, 0, 0xa1), -ENOENT);
    assert_int_equal(get_block(b, 1, 0, 0xa1), -ENOENT);
    assert_int_equal(get_block(b, 1, 1, 0xa2), 0);
    spfs_blocks_stats(b, &s);
    assert_int_equal(s.corrupt, 1);
    assert_int_equal(s.blocks, 1);
    assert_int_equal(s.bytes, SPFS_BLOCK_SIZE);
    assert_int_equal(put_block(b, 1, 0, 0xa1), 0);
    assert_int_equal(get_block(b, 1, 0, 0xa1), 0);
    spfs_blocks_close(b);
}

/* On a small disk of our own; where that is not allowed, a limit of the file's size does the same to LMDB. */
static void test_full_disk(void **state)
{
    (void)state;
    char *disk = strdup(in_dir("disk"));
    assert_int_equal(mkdir(disk, 0700), 0);
    bool mounted = mount("tmpfs", disk, "tmpfs", 0, "size=12m") == 0;
    struct rlimit was, now;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    now = was;
    now.rlim_cur = 12 << 20;
    if (!mounted)
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    struct spfs_blocks *b = NULL;
    struct spfs_blocks_stats s;
    struct spfs_blocks_config config = {
        .dir = disk, .catalog_uuid = UUID, .cap = 64 << 20, .free_floor = 4096};
    assert_int_equal(spfs_blocks_open(&config, &b, NULL), 0);
    unsigned stored = 0, refused = 0;
    for (unsigned i = 0; i < 400; i++) {
        int err = put_block(b, 1, i, (unsigned char)i);
        assert_true(err == 0 || err == -ENOSPC);
        stored += err == 0;
        refused += err == -ENOSPC;
        spfs_blocks_stats(b, &s);
        assert_int_equal(s.full, err == -ENOSPC);
    }
    assert_true(refused > 0);
    assert_true(stored > 60);
    unsigned found = 0;
    for (unsigned i = 0; i < 400; i++)
        found += get_block(b, 1, i, (unsigned char)i) == 0;
    assert_int_equal(found, s.blocks); /* reads go on */
    spfs_blocks_close(b);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    if (mounted)
        assert_int_equal(umount(disk), 0);
    free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_catalog_is_rebuilt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_files_are_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_catalog_survives_kills, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blocks_survive_kills, setup, teardown),
        cmocka_unit_test_setup_teardown(test_catalog_in_bulk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_catalog_is_flushed_once_settled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_boot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_catalog_and_cut_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_block_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
