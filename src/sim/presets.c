/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: what the tenant holds at the start. `docs` has a bit of everything that trips clients up; the
 * others are plain and large. Built before the server listens. Threads: none yet. */
#include "blob_i.h"
#include "pattern_i.h"
#include "sim_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH 1546300800 /* 2019-01-01, the oldest file */
#define SPAN  157680000  /* five years */

struct dice {
    uint64_t state;
};

static uint64_t roll(struct dice *d, uint64_t bound)
{
    d->state += 0x9e3779b97f4a7c15ull;
    return pattern_mix(d->state) % bound;
}

static int64_t some_time(struct dice *d)
{
    return EPOCH + (int64_t)roll(d, SPAN);
}

static uint32_t folder(struct tree *t, struct dice *d, uint32_t parent, const char *name)
{
    return tree_add(t, parent, TREE_FOLDER, name, 0, some_time(d));
}

static uint32_t file(struct tree *t, struct dice *d, uint32_t parent, const char *name, uint64_t size)
{
    return tree_add(t, parent, TREE_FILE, name, size, some_time(d));
}

/* A file that people can read. */
static void text_file(struct tree *t, struct dice *d, uint32_t parent, const char *name, const char *text)
{
    uint32_t item = file(t, d, parent, name, 0);
    struct tree_body body = {.size = strlen(text), .blob = blob_new()};
    if (!body.blob || blob_append(body.blob, text, body.size) < 0)
        abort();
    tree_write(t, item, &body, tree_item(t, item)->mtime, false);
    tree_item(t, item)->etag = tree_item(t, item)->ctag = 1;
}

static int site(struct tree *t, int parent, const char *name, const char *title, const char *path)
{
    int index = tree_add_site(t, parent, name, title, path);
    t->sites[index].followed = parent < 0;
    return index;
}

static uint32_t library(struct tree *t, int site_index, const char *name, const char *segment)
{
    return t->drives[tree_add_drive(t, site_index, name, segment)].root;
}

/* ---- docs ---- */

static const char *const plain_names[] = {
    "Annual Report %u.docx", "Budget %u.xlsx", "Kick-off %u.pptx", "Contract %u.pdf",
    "Photo %u.jpg",          "Diagram %u.png", "notes-%u.txt",     "data_%u.csv",
    "README %u.md",          "archive-%u.zip", "Minutes %u.docx",  "config.%u.json",
};

static void fill(struct tree *t, struct dice *d, uint32_t parent, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[64];
        const char *form = plain_names[roll(d, SPFS_ARRAY_LEN(plain_names))];
        size_t cut = (size_t)(strchr(form, '%') - form);
        snprintf(name, sizeof name, "%.*s%u%s", (int)cut, form, i + 1, form + cut + 2);
        file(t, d, parent, name, 200 + roll(d, 60000));
    }
}

static const char *const odd_names[] = {
    "two  spaces.txt",
    "hash #1.txt",
    "100% done.txt",
    "%20 literal.txt",
    "a+b=c.txt",
    "R&D & more.txt",
    "Bob's file.txt",
    "it''s quoted.txt",
    "semi;colon,comma.txt",
    "(parens) [brackets] {braces}.txt",
    "at@sign ~ tilde!.txt",
    "$0 dollar.txt",
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe6\x96\x87\xe6\x9b\xb8.docx", /* Japanese */
    "\xe5\xa0\xb1\xe5\x91\x8a.xlsx",                                                 /* Chinese */
    "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4.pptx",                                     /* Korean */
    "\xd0\xbe\xd1\x82\xd1\x87\xd1\x91\xd1\x82.pdf",                                  /* Cyrillic */
    "party \xf0\x9f\x8e\x89 time \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb.txt",  /* emoji */
    "Z\xc3\xbcrich \xc3\x85ngstr\xc3\xb6m.txt",                                      /* precomposed */
    "cafe\xcc\x81 nai\xcc\x88ve.txt",                                                /* combining accents */
    "no extension",
    ".hidden",
    "UPPER.TXT",
    "lower.txt",
    "many.dots.in.name.tar.gz",
    "full\xef\xbc\x9a width\xef\xbc\x9f.txt", /* full-width : and ? */
    "-dash first.txt",
    "trailing-tilde~",
};

static void odd_folder(struct tree *t, struct dice *d, uint32_t parent)
{
    uint32_t odd = folder(t, d, parent, "Names & Signs #1 (100%)");
    for (size_t i = 0; i < SPFS_ARRAY_LEN(odd_names); i++)
        file(t, d, odd, odd_names[i], 100 + roll(d, 3000));
    char longest[256];
    memset(longest, 'x', 251);
    memcpy(longest + 251, ".txt", 5);
    file(t, d, odd, longest, 77);
    file(t, d, odd, "empty.txt", 0);
    uint32_t deep = folder(t, d, odd,
                           "\xc3\x9c"
                           "ber \xe6\x97\xa5\xe6\x9c\xac #%");
    deep = folder(t, d, deep, "it's + & deeper");
    file(t, d, deep, "\xf0\x9f\x93\x84 found.txt", 1234);
}

static void notebook(struct tree *t, struct dice *d, uint32_t parent)
{
    uint32_t book = tree_add(t, parent, TREE_PACKAGE, "Team Notebook", 0, some_time(d));
    uint32_t one = file(t, d, book, "Meetings.one", 40960);
    uint32_t toc = file(t, d, book, "Open Notebook.onetoc2", 6144);
    tree_item(t, one)->flags |= TREE_NO_HASH;
    tree_item(t, toc)->flags |= TREE_NO_HASH;
    folder(t, d, book, "OneNote_RecycleBin");
}

static void shortcut(struct tree *t, struct dice *d, uint32_t parent, const char *name, uint32_t target)
{
    uint32_t item = tree_add(t, parent, TREE_REMOTE, name, 0, some_time(d));
    tree_extra(tree_item(t, item))->target = target;
}

static void nested(struct tree *t, struct dice *d, uint32_t parent, unsigned depth, unsigned files)
{
    static const char *const names[] = {"Projects", "Archive", "Templates", "2023", "2024", "Shared with us"};
    fill(t, d, parent, files);
    for (unsigned i = 0; depth && i < 2 + depth % 2; i++)
        nested(t, d, folder(t, d, parent, names[(depth * 3 + i) % SPFS_ARRAY_LEN(names)]), depth - 1, files);
}

static uint32_t marketing(struct tree *t, struct dice *d)
{
    int s = site(t, -1, "marketing", "Marketing", "sites/marketing");
    uint32_t docs = library(t, s, "Documents", "Shared Documents");
    text_file(
        t, d, docs, "Welcome.txt",
        "Welcome to the Marketing team site.\n\nThis tenant is simulated: nothing here is on any server.\n");
    text_file(t, d, docs, "Plan.md",
              "# Plan\n\n- launch in spring\n- measure in summer\n- learn in autumn\n");
    text_file(t, d, docs, "budget.csv", "quarter,amount\nQ1,1200\nQ2,3400\nQ3,560\nQ4,7800\n");
    nested(t, d, docs, 2, 8);
    odd_folder(t, d, docs);
    notebook(t, d, docs);
    uint32_t campaigns = library(t, s, "Campaigns", "Campaigns");
    nested(t, d, campaigns, 1, 12);
    file(t, d, campaigns, "Launch film.mp4", 41943040 + 12345);
    return docs;
}

static uint32_t engineering(struct tree *t, struct dice *d)
{
    int s = site(t, -1, "engineering", "Engineering", "sites/engineering");
    nested(t, d, library(t, s, "Documents", "Shared Documents"), 2, 6);
    uint32_t specs = library(t, s, "Specs", "Specs");
    uint32_t drafts = folder(t, d, specs, "Drafts");
    fill(t, d, drafts, 9);
    fill(t, d, specs, 5);
    int hold = tree_add_drive(t, s, "Preservation Hold Library", "PreservationHoldLibrary");
    t->drives[hold].system = true;
    int sub = site(t, s, "hardware", "Hardware", "sites/engineering/hardware");
    nested(t, d, library(t, sub, "Documents", "Shared Documents"), 1, 4);
    return drafts;
}

static void docs(struct tree *t, struct dice *d)
{
    int root = site(t, -1, "contoso", "Contoso", "");
    t->sites[root].hidden = true;
    t->sites[root].followed = false;
    fill(t, d, library(t, root, "Documents", "Shared Documents"), 3);
    uint32_t front = marketing(t, d);
    uint32_t drafts = engineering(t, d);
    int law = site(t, -1, "finanz-recht", "Finanz & Recht", "sites/finanz-recht");
    nested(t, d, library(t, law, "Dokumente", "Freigegebene Dokumente"), 1, 7);
    nested(t, d, library(t, law, "Vertr\xc3\xa4ge", "Vertrge"), 1, 5);
    int twin = site(t, -1, "marketing-2", "Marketing", "sites/marketing-2");
    fill(t, d, library(t, twin, "Documents", "Shared Documents"), 6);
    int vault = site(t, -1, "vault", "Vault", "sites/vault");
    t->sites[vault].hidden = true;
    t->sites[vault].followed = false;
    fill(t, d, library(t, vault, "Documents", "Shared Documents"), 2);
    uint32_t mine = library(t, -1, "OneDrive", "Documents");
    text_file(t, d, mine, "Hello.txt", "Hello, this is your own OneDrive.\n");
    fill(t, d, folder(t, d, mine, "Private"), 4);
    shortcut(t, d, mine, "Drafts of Engineering", drafts);
    shortcut(t, d, front, "Engineering Drafts", drafts);
}

/* ---- large ones ---- */

static void small_drive(struct tree *t, struct dice *d)
{
    text_file(t, d, library(t, -1, "OneDrive", "Documents"), "Hello.txt",
              "Hello, this is your own OneDrive.\n");
}

static void wide(struct tree *t, struct dice *d)
{
    uint32_t root = library(t, site(t, -1, "wide", "Wide", "sites/wide"), "Documents", "Shared Documents");
    uint32_t parent = folder(t, d, root, "wide");
    for (unsigned i = 1; i <= 10000; i++) {
        char name[32];
        snprintf(name, sizeof name, "file-%05u.txt", i);
        file(t, d, parent, name, 100 + roll(d, 8000));
    }
    small_drive(t, d);
}

static void huge(struct tree *t, struct dice *d)
{
    uint32_t root = library(t, site(t, -1, "huge", "Huge", "sites/huge"), "Documents", "Shared Documents");
    t->drives[t->drive_count - 1].quota = 1ull << 44;
    for (unsigned gib = 1; gib <= 8; gib *= 2) {
        char name[32];
        snprintf(name, sizeof name, "%uGiB.bin", gib);
        file(t, d, root, name, (uint64_t)gib << 30);
    }
    small_drive(t, d);
}

/* Size of an office file, log-uniform from 1 KiB to 4 MiB. */
static uint64_t office_size(struct dice *d)
{
    return (1024ull << roll(d, 12)) + roll(d, 1024);
}

static void tree_of(struct tree *t, struct dice *d, uint64_t count)
{
    static const char *const words[] = {"Report", "Offer",   "Invoice", "Minutes", "Plan",   "Review",
                                        "Design", "Concept", "Summary", "Letter",  "Survey", "Checklist"};
    static const char *const kinds[] = {"docx", "xlsx", "pptx", "pdf", "txt", "png", "jpg", "csv"};
    uint32_t root = library(t, site(t, -1, "tree", "Tree", "sites/tree"), "Documents", "Shared Documents");
    uint32_t parent = root; /* folders are filled in the order of their making */
    for (uint64_t made = 0; made < count; parent++) {
        while (parent != root && tree_item(t, parent)->kind != TREE_FOLDER)
            parent++;
        char name[64];
        unsigned folders = 2 + (unsigned)roll(d, 4), files = 10 + (unsigned)roll(d, 21);
        for (unsigned i = 0; i < folders && made < count; i++, made++) {
            snprintf(name, sizeof name, "%s %04u", words[roll(d, SPFS_ARRAY_LEN(words))], 1000 + i * 7);
            folder(t, d, parent, name);
        }
        for (unsigned i = 0; i < files && made < count; i++, made++) {
            snprintf(name, sizeof name, "%s %02u-%03u.%s", words[roll(d, SPFS_ARRAY_LEN(words))], i,
                     (unsigned)roll(d, 1000), kinds[roll(d, SPFS_ARRAY_LEN(kinds))]);
            file(t, d, parent, name, office_size(d));
        }
    }
    small_drive(t, d);
}

static void empty(struct tree *t, struct dice *d)
{
    (void)d;
    library(t, site(t, -1, "empty", "Empty", "sites/empty"), "Documents", "Shared Documents");
    library(t, -1, "OneDrive", "Documents");
}

int preset_build(struct tree *t, const char *name)
{
    struct dice d = {.state = 2024};
    uint64_t count;
    if (strcmp(name, "docs") == 0)
        docs(t, &d);
    else if (strcmp(name, "wide") == 0)
        wide(t, &d);
    else if (strcmp(name, "huge") == 0)
        huge(t, &d);
    else if (strcmp(name, "empty") == 0)
        empty(t, &d);
    else if (spfs_starts(name, "tree:") && spfs_parse_u64(name + 5, 50000000, &count))
        tree_of(t, &d, count);
    else
        return -EINVAL;
    return 0;
}
