/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that the kernel believes to be absent for long. News of a new entry tell it of that very spelling;
 * but "Report" also ends the absence of "REPORT". So the spelling of each absent name is kept in a table of
 * one place per (folder, folded name); what must give way there is told to the kernel, which then asks again
 * when it needs it. Threads: any; the table is guarded by the vfs lock, the listener is called without it. */
#include "vfs_i.h"

#include <spfs/model/names.h>
#include <stdlib.h>
#include <string.h>

static struct vfs_absent *place_of(struct spfs_vfs *v, uint64_t parent, const char *name)
{
    char folded[SPFS_FOLD_SIZE];
    uint64_t h = parent;
    if (spfs_name_fold(name, folded) != 0)
        folded[0] = '\0'; /* no such name can be on the server */
    for (const char *p = folded; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001B3u;
    return &v->absent[vfs_slot(h) % VFS_ABSENT_SLOTS];
}

static void tell_absent(const struct spfs_vfs_listener *to, struct vfs_absent *old)
{
    if (old->name && to->drop)
        to->drop(to->ctx, &(struct spfs_vfs_drop){
                              .what = SPFS_NEWS_REMOVED, .parent = old->parent, .name = old->name});
    free(old->name);
}

bool vfs_note_absent(struct spfs_vfs *v, uint64_t parent, const char *name)
{
    struct vfs_absent entry = {parent, strdup(name)}, *place = place_of(v, parent, name);
    struct spfs_vfs_listener to;
    if (!entry.name)
        return false;
    {
        SPFS_LOCKED(&v->lock);
        to = v->listener;
        struct vfs_absent old = *place;
        *place = entry;
        entry = old;
    }
    if (entry.name && entry.parent == parent && strcmp(entry.name, name) == 0)
        to.drop = NULL; /* the same again */
    tell_absent(&to, &entry);
    return true;
}

void vfs_end_absence(struct spfs_vfs *v, uint64_t parent, const char *name)
{
    struct vfs_absent entry = {0}, *place = place_of(v, parent, name);
    struct spfs_vfs_listener to;
    {
        SPFS_LOCKED(&v->lock);
        to = v->listener;
        struct vfs_absent old = *place;
        *place = entry;
        entry = old;
    }
    tell_absent(&to, &entry);
}

void vfs_free_absent(struct spfs_vfs *v)
{
    for (size_t i = 0; i < VFS_ABSENT_SLOTS; i++)
        free(v->absent[i].name);
}
