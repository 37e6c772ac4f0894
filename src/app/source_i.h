/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is mounted: SOURCE = NAME:, NAME:/Site/Library/Folder, NAME:/My Files, or the web address of a site,
 * library or folder. */
#ifndef SPFS_APP_SOURCE_I_H
#define SPFS_APP_SOURCE_I_H

#include <spfs/base/str.h>
#include <limits.h>

struct spfs_source {
    char connection[128]; /* as typed; "" with a web address */
    char path[PATH_MAX];  /* without slashes at its ends, "" is everything; or the web address */
    bool is_url;
};

/* Does the word look like a SOURCE at all (and not like a command)? */
bool spfs_source_is(const char *text);
/* 0; -EINVAL with a sentence. */
int spfs_source_parse(const char *text, struct spfs_source *ret, struct spfs_reason *reason);
/* A name of one path component that stands for the path: letters of files kept, others as %XX; "=all" for "".
 * Two different paths never share one. */
void spfs_source_escape(const struct spfs_source *source, char ret[NAME_MAX + 1]);

#endif
