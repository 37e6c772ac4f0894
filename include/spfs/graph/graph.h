/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Microsoft Graph behind model/remote.h. The only layer that knows paths, JSON and status codes of the
 * service; HTTP → errno happens once, in errmap.
 *
 * Kept here: the bearer token goes to the configured Graph host only, never to a pre-authenticated URL, nor
 * to a nextLink or Location on another host (those are refused); Range and ETag rules of downloads; download
 * addresses live in memory only, with their proof (eTag, cTag) and age. Threads: any. Owns its token and
 * governor borrowed from compose. */
#ifndef SPFS_GRAPH_GRAPH_H
#define SPFS_GRAPH_GRAPH_H

#include <spfs/http/governor.h>
#include <spfs/http/http.h>
#include <spfs/model/remote.h>
#include <spfs/model/token.h>

struct spfs_graph_config {
    const char *graph_url;          /* scheme://host[:port], no path */
    struct spfs_http *http;         /* shares */
    struct spfs_governor *governor; /* shares */
    struct spfs_token *token;       /* shares */
};

/* Gives a remote (free by ret->ops->free). */
int spfs_graph_new(const struct spfs_graph_config *config, struct spfs_remote **ret,
                   struct spfs_reason *reason);

/* Parses one driveItem, drive or site reply as the service sends it, for tests, fuzzing and examples: calls
 * cb like the remote would. text is a whole reply: an object, or a page with "value". -EBADMSG when it is
 * neither. page may be NULL. */
int spfs_graph_parse_items(const char *text, size_t len, spfs_item_cb *cb, void *ctx, struct spfs_page *page);
int spfs_graph_parse_drives(const char *text, size_t len, spfs_drive_cb *cb, void *ctx);
int spfs_graph_parse_sites(const char *text, size_t len, spfs_site_cb *cb, void *ctx);

#endif
