/* SPDX-License-Identifier: GPL-3.0-or-later */
/* driveItem as JSON, with $select. The caller holds tree.lock. */
#ifndef SIM_ITEM_I_H
#define SIM_ITEM_I_H

#include "sim_i.h"

#define ITEM_ALL 0u /* no $select: everything that is given unasked */

enum item_view {
    ITEM_GET,   /* by id or path, and in the answer of a change */
    ITEM_CHILD, /* in children */
    ITEM_DELTA, /* in delta: cTag left out, deletes without names */
};

/* Mask of the properties named in a $select list; unknown names are ignored. NULL: ITEM_ALL. */
uint32_t item_select(const char *list);
void item_select_text(uint32_t mask, char *ret, size_t size); /* back to a list; "" for ITEM_ALL */

void item_write(struct sim_call *c, struct spfs_buf *b, const char *key, uint32_t serial, enum item_view view,
                uint32_t select);
void item_reply(struct sim_call *c, unsigned status,
                uint32_t serial); /* the whole body, $select of the query applied */
void item_etag(const struct tree *t, uint32_t serial, char ret[64]); /* "{GUID},n" with the quotes */
void item_ctag(const struct tree *t, uint32_t serial, char ret[64]);
/* Path below the drive's root with a leading slash, "" for the root. Gives. */
char *item_path(const struct tree *t, uint32_t serial);
const char *item_mime(const char *name);
bool item_is_office(const char *name); /* a kind that SharePoint rewrites after an upload */

/* shapes.c */
void shape_who(struct spfs_buf *b, const char *key, bool by_app);
void shape_weburl(const struct tree *t, unsigned drive, struct spfs_buf *b);
void drive_write(struct sim_call *c, struct spfs_buf *b, const char *key, unsigned drive);
void site_write(struct sim_call *c, struct spfs_buf *b, const char *key, unsigned site);

#endif
