// SPDX-License-Identifier: GPL-3.0-or-later
/* Random rounds against a tree in memory that knows what the catalog must say. Everything a server may send
 * is in the mix: parents after children, parents that never come, moves in circles, deletes before moves, ids
 * that come back as another kind, folders that claim to be files. */
#include "cat_test.h"

#include <spfs/base/log.h>

enum { IDS = 60, ROUNDS = 120, NONE = -2, TOP = -1 };

struct item {
    bool there, filled, dir, gone;
    int parent; /* TOP: the library, NONE: nowhere */
    int held;   /* where it goes at the end of the round, NONE: stays */
    unsigned name, version;
};

struct model {
    struct item v[IDS];
    uint64_t random;
};

static unsigned pick(struct model *m, unsigned bound)
{
    return (unsigned)(test_next(&m->random) >> 20) % bound;
}

static const char *id_of(int i)
{
    static char text[2][16];
    static unsigned turn;
    char *s = text[turn++ % 2];
    if (i == TOP)
        return "root";
    snprintf(s, 16, "item%d", i);
    return s;
}

static bool is_above(const struct model *m, int i, int at)
{
    while (at >= 0 && at != i)
        at = m->v[at].parent;
    return at == i;
}

static bool has_child(const struct model *m, int i)
{
    for (int k = 0; k < IDS; k++)
        if (m->v[k].there && m->v[k].parent == i)
            return true;
    return false;
}

static void model_remove(struct model *m, int i)
{
    for (int k = 0; k < IDS; k++)
        if (m->v[k].there && m->v[k].parent == i)
            model_remove(m, k);
    m->v[i] = (struct item){.parent = NONE, .held = NONE};
}

/* What the catalog must make of one item. */
static void model_put(struct model *m, int i, int parent, bool dir, unsigned name, unsigned version)
{
    struct item *x = &m->v[i];
    if (x->filled && x->dir != dir) {
        if (!x->gone)
            return;
        model_remove(m, i);
    }
    if (!x->filled && x->there && !dir && has_child(m, i))
        return;
    if (parent == i)
        return;
    if (parent >= 0 && m->v[parent].filled && !m->v[parent].dir)
        return;
    if (parent >= 0 && !m->v[parent].there)
        m->v[parent] = (struct item){.there = true, .parent = NONE, .held = NONE};
    x->held = NONE;
    if (x->there && parent != x->parent && (x->dir || !x->filled) && parent >= 0 && is_above(m, i, parent))
        x->held = parent;
    else
        x->parent = parent;
    x->there = x->filled = true;
    x->gone = false;
    x->dir = dir;
    x->name = name;
    x->version = version;
}

static uint64_t ino_of(struct cat_test *f, int i)
{
    struct spfs_node n;
    return spfs_catalog_by_id(f->c, f->drive, id_of(i), &n) ? UINT64_MAX : n.ino;
}

static void model_end(struct model *m, struct cat_test *f)
{
    uint64_t order[IDS];
    for (int i = 0; i < IDS; i++)
        order[i] = ino_of(f, i);
    bool again = true;
    while (again) {
        uint64_t after = 0;
        again = false;
        for (;;) { /* by rising number, as the catalog does */
            int next = NONE;
            for (int i = 0; i < IDS; i++)
                if (m->v[i].held != NONE && order[i] > after && (next == NONE || order[i] < order[next]))
                    next = i;
            if (next == NONE)
                break;
            after = order[next];
            if (is_above(m, next, m->v[next].held))
                continue;
            m->v[next].parent = m->v[next].held;
            m->v[next].held = NONE;
            again = true;
        }
    }
    for (int i = 0; i < IDS; i++)
        m->v[i].held = NONE;
    for (int i = 0; i < IDS; i++)
        if (m->v[i].gone)
            model_remove(m, i);
}

static void compare(struct model *m, struct cat_test *f)
{
    struct spfs_node n, above;
    char name[16];
    for (int i = 0; i < IDS; i++) {
        const struct item *x = &m->v[i];
        int err = spfs_catalog_by_id(f->c, f->drive, id_of(i), &n);
        assert_int_equal(err, x->there ? 0 : -ENOENT);
        if (err)
            continue;
        assert_int_equal(n.kind, !x->filled ? SPFS_KIND_UNKNOWN : x->dir ? SPFS_KIND_FOLDER : SPFS_KIND_FILE);
        snprintf(name, sizeof(name), "Name %u", x->name);
        assert_string_equal(n.name, x->filled ? name : "");
        uint64_t parent = 0;
        if (x->parent != NONE) {
            assert_int_equal(spfs_catalog_by_id(f->c, f->drive, id_of(x->parent), &above), 0);
            parent = above.ino;
        }
        assert_int_equal(n.parent, parent);
        if (!parent || !x->filled)
            continue;
        for (char *p = name; *p; p++)
            *p = (char)(*p | (*p >= 'A' && *p <= 'Z' ? 0x20 : 0));
        assert_int_equal(spfs_catalog_lookup(f->c, parent, name, &above, NULL), 0);
        assert_int_equal(above.parent, parent);
    }
}

static void one_step(struct model *m, struct cat_test *f)
{
    int i = (int)pick(m, IDS), parent = (int)pick(m, IDS + 12);
    if (parent >= IDS)
        parent = TOP;
    bool dir = (i % 5 < 3) != (pick(m, 25) == 0);
    if (pick(m, 6) == 0) {
        assert_int_equal(spfs_catalog_note_gone(f->t, f->drive, id_of(i)), 0);
        m->v[i].gone = m->v[i].there;
        if (m->v[i].gone)
            m->v[i].held = NONE;
        return;
    }
    unsigned name = pick(m, 40), version = pick(m, 3);
    char text[16], tag[16];
    snprintf(text, sizeof(text), "Name %u", name);
    snprintf(tag, sizeof(tag), "c%u", version);
    put(f, ITEM(dir ? SPFS_KIND_FOLDER : SPFS_KIND_FILE, id_of(i), id_of(parent), text, .ctag = tag));
    model_put(m, i, parent, dir, name, version);
}

static void run(struct cat_test *f, uint64_t seed)
{
    struct model m = {.random = seed};
    for (int i = 0; i < IDS; i++)
        m.v[i] = (struct item){.parent = NONE, .held = NONE};
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned steps = 1 + pick(&m, 40);
        begin(f);
        for (unsigned s = 0; s < steps; s++) {
            one_step(&m, f);
            if (pick(&m, 15) == 0) { /* a page ends */
                commit(f);
                begin(f);
            }
        }
        commit(f);
        begin(f);
        assert_int_equal(spfs_catalog_apply_gone(f->t, f->drive), 0);
        model_end(&m, f);
        commit(f);
        compare(&m, f);
        if (round % 40 == 39)
            cat_reopen(f);
    }
}

static void test_random_rounds(void **state)
{
    run(*state, 0x9E3779B97F4A7C15u);
}

static void test_more_random_rounds(void **state)
{
    run(*state, 0xD1B54A32D192ED03u);
}

int main(void)
{
    spfs_log_open(true, SPFS_LOG_ERROR, NULL); /* refusals are the point: not a line each */
    const struct CMUnitTest tests[] = {CAT_TEST(test_random_rounds), CAT_TEST(test_more_random_rounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
