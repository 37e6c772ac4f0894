/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where things are kept. Homes come from the user database, not from $HOME, which mount(8) sets to root's.
 *
 *   state    $XDG_STATE_HOME/spfs or ~/.local/state/spfs; root: /var/lib/spfs      catalog, tokens
 *   cache    $XDG_CACHE_HOME/spfs or ~/.cache/spfs; root: /var/cache/spfs          blocks, may vanish at any
 * time runtime  $XDG_RUNTIME_DIR/spfs or /run/user/UID/spfs; root: /run/spfs          sockets, throttle state
 *
 * A mount has its own folder NAME/SOURCE below state and cache; what belongs to the connection is in NAME. */
#ifndef SPFS_APP_PATHS_I_H
#define SPFS_APP_PATHS_I_H

#include "options_i.h"
#include "source_i.h"

#include <limits.h>

struct spfs_paths {
    char state[PATH_MAX]; /* of this mount */
    char cache[PATH_MAX];
    char connection[PATH_MAX]; /* state of the connection */
    char runtime[PATH_MAX];
};

/* Only finds out; makes nothing. name: the connection's. */
int spfs_paths_find(const struct spfs_options *options, const char *name, const struct spfs_source *source,
                    struct spfs_paths *ret, struct spfs_reason *reason);
/* Makes them, 0700; a runtime folder of somebody else is refused. */
int spfs_paths_make(const struct spfs_paths *paths, struct spfs_reason *reason);
int spfs_paths_make_connection(const struct spfs_paths *paths,
                               struct spfs_reason *reason); /* only what a mount does not own */

/* Runtime folder of a user (whose daemon is looked for); for oneself as the table above says. */
int spfs_paths_runtime(uid_t uid, char ret[PATH_MAX]);
int spfs_paths_home(char ret[PATH_MAX]);
/* The configuration files that are read, in order: 1 or 2. */
int spfs_paths_config(char ret[2][PATH_MAX]);

#endif
