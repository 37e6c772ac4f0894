/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: changes of a drive by pages.
 * A token holds the drive's epoch, the last change number given, where that item was, and the options of the
 * first request. The feed has the service's manners: latest state per item; every second page comes
 * backwards, so that children precede parents; pages repeat an entry; tombstones only for those who had a
 * token before. Threads: the call's, under tree.lock. */
#include "item_i.h"
#include "route_i.h"
#include "scan_i.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 1000u
#define HEX      "%" PRIx64

struct token {
    uint64_t epoch;
    uint64_t after;  /* change number already given */
    uint64_t floor;  /* tombstones up to here are left out: the client never had those items */
    uint64_t hint;   /* serial of the last item given */
    uint64_t top;    /* entries a page */
    uint64_t select; /* mask of item.c */
};

/* The token stands in the query or, function style, in the path: delta(token='x'), delta?(token='x'). Gives.
 */
static char *token_text(const struct sim_call *c, const struct route *r)
{
    char *text = call_query(c, "token");
    if (text)
        return text;
    SPFS_FREE char *whole = spfs_asprintf("%s?%s", r->rest, c->query);
    const char *at = strstr(whole, "(token='");
    const char *end = at ? strstr(at, "')") : NULL;
    return end ? call_decode(at + 8, (size_t)(end - at - 8)) : NULL;
}

/* Letters for digits, so that nobody is tempted to read it. */
static void token_write(const struct token *k, char ret[160])
{
    char plain[160];
    spfs_format(plain, sizeof plain, HEX "." HEX "." HEX "." HEX "." HEX "." HEX, k->epoch, k->after,
                k->floor, k->hint, k->top, k->select);
    size_t n = strlen(plain);
    for (size_t i = 0; i < n; i++) {
        char ch = plain[i];
        ret[i] = (char)(ch == '.' ? '_' : ch <= '9' ? 'G' + (ch - '0') : 'a' + (ch - 'a'));
    }
    ret[n] = '\0';
}

static bool token_read(const char *text, struct token *ret)
{
    char plain[160];
    size_t n = strlen(text);
    if (n >= sizeof plain)
        return false;
    for (size_t i = 0; i <= n; i++) {
        char ch = text[i];
        plain[i] = (char)(ch == '_' ? '.' : ch >= 'G' && ch <= 'P' ? '0' + (ch - 'G') : ch);
    }
    const char *end = scan(plain, "%x.%x.%x.%x.%x.%x", &ret->epoch, &ret->after, &ret->floor, &ret->hint,
                           &ret->top, &ret->select);
    return end && !*end && ret->top && ret->top <= PAGE_MAX && ret->select <= UINT32_MAX &&
           ret->hint <= UINT32_MAX;
}

static void resync(struct sim_call *c, const struct route *r)
{
    const struct tree_drive *d = &c->sim->tree.drives[r->drive];
    call_error(c, 410, "resyncRequired",
               "Resync required. Replace any local items with the server's version.",
               "resyncChangesApplyDifferences");
    call_header(c, "Location", "%s/v1.0/drives/%s/root/delta?token=", c->base, d->id);
}

/* Fills the options of this round from the token or, on the first request, from the query. False: reply
 * filled. */
static bool begin(struct sim_call *c, const struct route *r, struct token *k)
{
    const struct tree_drive *d = &c->sim->tree.drives[r->drive];
    SPFS_FREE char *text = token_text(c, r);
    if (text && *text && strcmp(text, "latest") != 0) {
        if (!token_read(text, k) || k->after > d->seq) {
            call_error(c, 400, "invalidRequest", "The provided delta token is invalid.", NULL);
            return false;
        }
        if (k->epoch != d->epoch) {
            resync(c, r);
            return false;
        }
        return true;
    }
    SPFS_FREE char *select = call_query(c, "$select");
    *k = (struct token){
        .epoch = d->epoch, .floor = d->seq, .top = page_size(c), .select = item_select(select)};
    if (text && strcmp(text, "latest") == 0) {
        k->after = d->seq;
        k->hint = d->newest;
    }
    return true;
}

/* Serials of the next page, at most k->top - 1; moves k on. True when the round is over. */
static bool gather(const struct tree *t, unsigned drive, struct token *k, uint32_t *page, unsigned *count)
{
    uint64_t room = k->top > 1 ? k->top - 1 : 1;
    uint32_t i = tree_changes_after(t, drive, k->after, (uint32_t)k->hint);
    *count = 0;
    for (; i && *count < room; i = tree_item(t, i)->newer) {
        const struct tree_item *it = tree_item(t, i);
        if (!(it->flags & TREE_DELETED) || it->seq > k->floor)
            page[(*count)++] = i;
        k->after = it->seq;
        k->hint = i;
    }
    return i == TREE_NONE;
}

static bool is_listed(const struct sim_call *c, uint32_t serial)
{
    const struct tree_item *it = tree_item(&c->sim->tree, serial);
    if (it->flags & TREE_BELOW && c->sim->opt.tidy_delta)
        return false; /* the folder's own entry is enough */
    return it->kind != TREE_REMOTE || c->sim->tree.drives[it->drive].site >= 0 ||
           call_prefers(c, "Include-Feature=AddToOneDrive");
}

void delta_list(struct sim_call *c, const struct route *r)
{
    const struct tree *t = &c->sim->tree;
    struct token k;
    if (r->item != t->drives[r->drive].root)
        return call_error(c, 501, "NotImplemented", "This operation target is not yet supported.", NULL);
    if (!begin(c, r, &k))
        return;
    uint32_t page[PAGE_MAX];
    unsigned count;
    bool over = gather(t, r->drive, &k, page, &count);
    bool tidy = c->sim->opt.tidy_delta;
    bool backwards = !tidy && k.after % 2;
    struct spfs_buf *b = call_json(c, 200);
    jw_open(b, NULL, '{');
    jw_strf(b, "@odata.context", "%s/v1.0/$metadata#Collection(driveItem)", c->base);
    jw_open(b, "value", '[');
    for (unsigned i = 0; i < count; i++) {
        uint32_t serial = page[backwards ? count - 1 - i : i];
        if (is_listed(c, serial))
            item_write(c, b, NULL, serial, ITEM_DELTA, (uint32_t)k.select);
    }
    if (!tidy && count > 2 && k.top > 2 && is_listed(c, page[1]))
        item_write(c, b, NULL, page[1], ITEM_DELTA, (uint32_t)k.select); /* a repeat */
    jw_close(b, ']');
    if (c->plan.endless_nextlink)
        over = false;
    else if (over)
        k.floor = 0;
    char text[160];
    token_write(&k, text);
    /* Both spellings of a link occur. */
    if (over)
        jw_strf(b, "@odata.deltaLink", "%s/v1.0/drives/%s/root/delta(token='%s')", c->base,
                t->drives[r->drive].id, text);
    else
        jw_strf(b, "@odata.nextLink", "%s/v1.0/drives/%s/root/delta?token=%s", c->base,
                t->drives[r->drive].id, text);
    jw_close(b, '}');
}
