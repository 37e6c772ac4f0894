/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Places as people see them: "/Site/Library/folder/file", "/Site/Subsite/Library/...", "/My Files/...". Where
 * two sites have one title, the last part of the URL follows in parentheses: "/Marketing (marketing-2)/...".
 * The caller holds tree.lock. */
#ifndef SIM_PLACES_I_H
#define SIM_PLACES_I_H

#include "tree_i.h"

#include <spfs/base/str.h>

struct place {
    int drive;       /* or -1: no such library */
    uint32_t item;   /* or TREE_NONE */
    uint32_t parent; /* of the path's last part when item is TREE_NONE; or TREE_NONE */
    char name[1024]; /* last part */
};

struct place place_find(const struct tree *t, const char *path);
/* "/Site/Library" of a drive. */
void place_of_drive(const struct tree *t, unsigned drive, struct spfs_buf *b);

#endif
