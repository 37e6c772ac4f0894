// SPDX-License-Identifier: GPL-3.0-or-later
/* The journal after a loss of power: a model of the disk below it.
 *
 * The model holds of each file what its last flush made durable. A loss of power leaves that, and of what was
 * written since any subset of the sectors, some torn in the middle, and any length between. Names that came
 * or went since the last flush of the directory are there or not. At many moments, also between the calls of
 * one append, such a disk is made in another directory and opened there. */
#include "journal_test.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 64, FILE_MAX = 32768, SECTOR = 512, IMAGES = 8 };

struct disk_file {
    bool used, gone; /* gone: from the directory as programs see it */
    bool named;      /* its name is durable */
    ino_t ino;
    char name[32];
    size_t durable_n, now_n;
    unsigned char durable[FILE_MAX], now[FILE_MAX];
};

static struct disk_file files[FILES];
static char dir[64];
static uint64_t seed;
/* Disks made in the middle of a call, which holds the journal's lock: opened when it has returned. */
static char images[IMAGES][64];
static unsigned image_count, image_total;
static bool armed;
static bool killed; /* nothing reaches the disk any more: what close does is undone */

static void load_now(int fd, struct disk_file *f)
{
    ssize_t n = pread(fd, f->now, FILE_MAX, 0);
    assert_in_range(n, 0, FILE_MAX - 1);
    f->now_n = (size_t)n;
}

static struct disk_file *file_of(ino_t ino)
{
    for (size_t i = 0; i < FILES; i++)
        if (files[i].used && !files[i].gone && files[i].ino == ino)
            return &files[i];
    for (size_t i = 0; i < FILES; i++)
        if (!files[i].used) {
            memset(&files[i], 0, sizeof(files[i]));
            files[i].used = true;
            files[i].ino = ino;
            return &files[i];
        }
    fail_msg("too many files");
    return NULL;
}

/* The model sees the directory as programs do now. */
static void look(void)
{
    bool seen[FILES] = {false};
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (e->d_name[0] == '.' || strcmp(e->d_name, "journal-owner") == 0)
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        struct disk_file *f = file_of(st.st_ino);
        if (strcmp(f->name, e->d_name) != 0) {
            f->named = false;
            spfs_copy(f->name, sizeof(f->name), e->d_name);
        }
        load_now(fd, f);
        close(fd);
        seen[f - files] = true;
    }
    closedir(d);
    for (size_t i = 0; i < FILES; i++)
        if (files[i].used && !files[i].gone && !seen[i]) {
            files[i].gone = true;
            files[i].used = files[i].named; /* one never named cannot come back */
        }
}

static void put_image_file(const char *to, const struct disk_file *f)
{
    static unsigned char b[FILE_MAX];
    size_t longer = f->now_n > f->durable_n ? f->now_n : f->durable_n;
    size_t shorter = f->now_n > f->durable_n ? f->durable_n : f->now_n;
    size_t n = shorter;
    if (longer > shorter)
        n += test_next(&seed) % (longer - shorter + 1);
    if (test_next(&seed) % 2)
        n = f->now_n;
    unsigned keep = (unsigned)(test_next(&seed) % 5); /* of 4 sectors written */
    for (size_t at = 0; at < n; at += SECTOR) {
        bool is_new = test_next(&seed) % 4 < keep;
        size_t tear = test_next(&seed) % 8 ? SECTOR : test_next(&seed) % SECTOR;
        for (size_t i = at; i < at + SECTOR && i < n; i++) {
            bool now = is_new && i - at < tear;
            b[i] = now ? (i < f->now_n ? f->now[i] : 0) : i < f->durable_n ? f->durable[i] : 0;
        }
    }
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", to, f->name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, b, n), n);
    close(fd);
}

static void lose_power(char to[64])
{
    look();
    test_dir_make(to);
    image_total++;
    for (size_t i = 0; i < FILES; i++) {
        const struct disk_file *f = &files[i];
        if (!f->used)
            continue;
        bool sure = f->named && !f->gone;
        if (sure || test_next(&seed) % 2)
            put_image_file(to, f);
    }
}

static void moment(void)
{
    if (armed && image_count < IMAGES && test_next(&seed) % 4 == 0)
        lose_power(images[image_count++]);
}

static ssize_t model_write(int fd, const void *p, size_t n, off_t off)
{
    moment();
    /* Now and then in two pieces. */
    if (n > 1 && test_next(&seed) % 4 == 0)
        n = 1 + test_next(&seed) % (n - 1);
    return pwrite(fd, p, n, off);
}

static int model_truncate(int fd, off_t size)
{
    moment();
    return ftruncate(fd, size);
}

static int model_sync(int fd)
{
    if (killed) {
        errno = EIO;
        return -1;
    }
    moment();
    struct stat st;
    look();
    assert_int_equal(fstat(fd, &st), 0);
    struct disk_file *f = file_of(st.st_ino);
    memcpy(f->durable, f->now, f->now_n);
    f->durable_n = f->now_n;
    return 0;
}

static int model_sync_dir(int fd)
{
    (void)fd;
    moment();
    look();
    for (size_t i = 0; i < FILES; i++) {
        if (files[i].gone)
            files[i].used = false;
        files[i].named = true;
    }
    return 0;
}

static const struct file_io model = {
    .write = model_write, .truncate = model_truncate, .sync = model_sync, .sync_dir = model_sync_dir};
static const struct journal_options on_model = {.io = &model, .segment = 3000};
/* The disks that are left: nothing happens to them again. */
static const struct file_io calm = {
    .write = pwrite, .truncate = ftruncate, .sync = test_no_sync, .sync_dir = test_no_sync};
static const struct journal_options on_disk = {.io = &calm, .segment = 3000};

/* What a disk left must hold: all that was flushed, nothing that was not appended. It must go on, too. */
static void check_image(const char *image, uint64_t checkpoint, uint64_t flushed, uint64_t appended)
{
    struct replay r;
    struct spfs_journal *j = test_open_journal(&on_disk, image, checkpoint, &r, NULL);
    uint64_t last = spfs_journal_last(j);
    assert_true(last >= flushed && last <= appended);
    if (r.count)
        assert_int_equal(r.first, checkpoint + 1);
    assert_int_equal(r.count, last - checkpoint);
    for (int i = 0; i < 20; i++)
        assert_int_equal(test_append(j), 0);
    spfs_journal_close(j);
    j = test_open_journal(&on_disk, image, checkpoint, &r, NULL);
    assert_int_equal(r.count, last + 20 - checkpoint);
    spfs_journal_close(j);
    test_dir_remove(image);
}

struct life {
    struct spfs_journal *j;
    uint64_t checkpoint, flushed;
};

static void step(struct life *l)
{
    uint64_t kind = test_next(&seed) % 40, checkpoint = l->checkpoint;
    armed = true;
    if (kind == 0) {
        assert_int_equal(spfs_journal_flush(l->j), 0);
    } else if (kind == 1) {
        /* The checkpoint is durable elsewhere, perhaps before the journal is. */
        uint64_t last = spfs_journal_last(l->j);
        checkpoint += test_next(&seed) % (last - checkpoint + 1);
        l->checkpoint = checkpoint;
        assert_int_equal(spfs_journal_trim(l->j, checkpoint), 0);
    } else if (kind == 2) {
        spfs_journal_close(l->j);
        l->j = test_open_journal(&on_model, dir, checkpoint, NULL, NULL);
    } else if (kind == 3) {
        /* As kill -9 leaves it: no flush, no mark. */
        armed = false;
        killed = true;
        spfs_journal_close(l->j);
        killed = false;
        armed = true;
        l->j = test_open_journal(&on_model, dir, checkpoint, NULL, NULL);
    } else {
        assert_int_equal(test_append(l->j), 0);
    }
    armed = false;
    uint64_t last = spfs_journal_last(l->j);
    for (unsigned i = 0; i < image_count; i++)
        check_image(images[i], checkpoint, l->flushed, last > checkpoint ? last : checkpoint);
    image_count = 0;
    l->flushed = spfs_journal_flushed(l->j);
}

static void power_fails_at_any_moment(void **state)
{
    (void)state;
    for (uint64_t round = 1; round < 7; round++) {
        memset(files, 0, sizeof(files));
        test_dir_make(dir);
        struct life l = {.j = test_open_journal(&on_model, dir, 0, NULL, NULL)};
        seed = round * 0x9e3779b97f4a7c15u;
        for (int i = 0; i < 150; i++)
            step(&l);
        spfs_journal_close(l.j);
        test_dir_remove(dir);
    }
    assert_true(image_total > 150);
}

/* Life goes on upon the disk that was left, again and again. */
static void power_fails_again_and_again(void **state)
{
    (void)state;
    uint64_t flushed = 0;
    seed = 77;
    test_dir_make(dir);
    for (int life = 0; life < 60; life++) {
        memset(files, 0, sizeof(files));
        look();
        for (size_t i = 0; i < FILES; i++) {
            files[i].named = true;
            files[i].durable_n = files[i].now_n;
            memcpy(files[i].durable, files[i].now, files[i].now_n);
        }
        struct replay r;
        struct spfs_journal *j = test_open_journal(&on_model, dir, 0, &r, NULL);
        assert_true(spfs_journal_last(j) >= flushed);
        assert_int_equal(r.count, spfs_journal_last(j));
        flushed = spfs_journal_flushed(j);
        for (uint64_t n = test_next(&seed) % 30; n > 0; n--) {
            assert_int_equal(test_append(j), 0);
            if (test_next(&seed) % 10 == 0)
                assert_int_equal(spfs_journal_flush(j), 0);
        }
        flushed = spfs_journal_flushed(j);
        char next[64];
        lose_power(next);
        spfs_journal_close(j);
        test_dir_remove(dir);
        memcpy(dir, next, sizeof(dir));
    }
    assert_true(flushed > 100);
    test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_fails_at_any_moment),
        cmocka_unit_test(power_fails_again_and_again),
    };
    return cmocka_run_group_tests_name("journal_power", tests, NULL, NULL);
}
