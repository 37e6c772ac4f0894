/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names: folding for look-up, storage, and the ids of SharePoint computed from numbers.
 * An item id is "01" + 6 characters of the drive + 26 characters Base32 of the item's GUID; a drive id is
 * "b!" + Base64url of three GUIDs; GUIDs scatter their number reversibly, so that no table from id to item is
 * needed. */
#ifndef SIM_NAMES_I_H
#define SIM_NAMES_I_H

#include <spfs/model/names.h>
#include <stddef.h>
#include <stdint.h>

#define NAMES_ID_LEN     34
#define NAMES_GUID_LEN   36
#define NAMES_FOLDED_MAX SPFS_FOLD_SIZE

/* Folds as SharePoint compares names (case does not matter) and returns a hash of the result. */
uint32_t names_fold(const char *name, char ret[NAMES_FOLDED_MAX]);

struct names_arena {
    char **blocks;
    size_t count;
    size_t left; /* in the last block */
    char *p;
};
const char *names_keep(struct names_arena *a, const char *name); /* shares: lives as long as the arena */
void names_free(struct names_arena *a);

void names_guid(uint64_t number, char ret[NAMES_GUID_LEN + 1]);
void names_item_id(unsigned drive, uint32_t serial, char ret[NAMES_ID_LEN + 1]);
uint64_t
names_item_serial(const char *id); /* 0 when it has not the form; otherwise to be checked by names_item_id */
char *names_drive_id(unsigned drive, int site); /* gives */

#endif
