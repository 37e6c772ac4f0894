/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of graph/: one remote, made of a caller (call.c), parsers (parse.c) and one module a group of
 * operations. */
#ifndef SPFS_GRAPH_GRAPH_I_H
#define SPFS_GRAPH_GRAPH_I_H

#include <spfs/graph/graph.h>
#include <spfs/json/json.h>

struct address_table;

struct graph {
    struct spfs_remote base;
    char *url; /* scheme://host[:port] */
    struct spfs_http *http;
    struct spfs_governor *governor;
    struct spfs_token *token;
    struct address_table *addresses;
    struct spfs_lock lock;
    char *tenant_host;  /* of the root site, once asked; guarded by: lock */
    unsigned second_ms; /* how long a second of graph_wait is; tests shorten it */
};

static inline struct graph *graph_of(struct spfs_remote *r)
{
    return SPFS_CONTAINER(r, struct graph, base);
}

/* One authorised call, call.c. */
struct graph_call {
    const char *method; /* NULL: GET */
    const char *path; /* "/drives/…" below /v1.0, already encoded; or a whole link of the configured origin,
                         sent verbatim */
    const char *what; /* for the reason: "the library list" */
    const char *const *headers; /* further ones, at most 6, NULL-terminated; may be NULL */
    const char *body;           /* JSON; NULL: none */
    size_t body_len;
    size_t max;      /* bytes of reply; 0: 1 MiB */
    bool idempotent; /* a POST that may be sent twice */
    bool redirect;   /* the answer wanted is a 302 with Location, not JSON */
    bool once;       /* a change: not repeated when the service may have made it, see unclear */
    bool bare;       /* a success needs no JSON; what there is is in doc */
};
struct graph_reply {
    int status;                /* 0: no reply */
    struct spfs_json_doc *doc; /* of a success that is JSON */
    char *location;
    int64_t date_ns; /* the service's clock, INT64_MIN when not said */
    bool unclear;    /* of a call made `once`: an error, but the service may have made the change */
};
void graph_reply_done(struct graph_reply *r);

/* 0 with a JSON document (or location) in ret. Otherwise the error of errmap, ret->status and ret->location
 * telling more. ret is initialised here. */
int graph_perform(struct graph *g, struct spfs_op *op, const struct graph_call *call, struct graph_reply *ret,
                  struct spfs_reason *reason);
/* May this link of a reply be followed with the token? */
bool graph_is_own_link(const struct graph *g, const char *link);
/* Appends fmt; %s is one encoded path segment, %p a path whose segments are encoded, nothing else is special.
 * 0, -ENOMEM, -EFBIG. */
int graph_path(struct spfs_buf *b, const char *fmt, ...);
/* "/drives/D/items/I" (or /root) and then tail verbatim. */
int graph_item_path(struct spfs_buf *b, struct spfs_ref ref, const char *tail);
/* The same for the child `name` of ref; name NULL: ref itself. tail follows a name with ":" in front, as in
 * ":/content", and an item without it. */
int graph_place_path(struct spfs_buf *b, struct spfs_ref ref, const char *name, const char *tail);
unsigned graph_tries(const struct spfs_op *op);
/* "If-Match: tag". -EINVAL when the tag cannot stand in a header. */
#define GRAPH_HEADER_SIZE 320
int graph_if_match(char line[GRAPH_HEADER_SIZE], const char *tag);
/* Waits for the op's end at most: 0, -EINTR, -ETIMEDOUT (at once when the time will not do). */
int graph_wait(struct graph *g, struct spfs_op *op, uint64_t ms);
/* The same before repetition n (from 0) of something that failed: 0.5 s doubling to 30 s, with jitter. */
int graph_back_off(struct graph *g, struct spfs_op *op, unsigned n);
/* Both known and at most a second apart: the service keeps whole seconds. */
bool graph_same_second(int64_t a_ns, int64_t b_ns);

#define GRAPH_PATH_MAX 16384
#define GRAPH_PAGE_MAX ((size_t)8 << 20) /* a page of 1000 whole items is 3 to 4 MB */

/* parse.c */
enum parse_shape { PARSE_ONE, PARSE_PAGE, PARSE_EITHER };
/* An id that is usable in addresses and as a key, or NULL. */
const char *parse_id(const struct spfs_json *v, const char *path);
/* A reply that is one item; ret borrows from it. -EBADMSG. */
int parse_one(const struct spfs_json *root, struct spfs_item *ret);
/* false: no usable id. bad_name is set when the name was refused. */
bool parse_item(const struct spfs_json *v, struct spfs_item *ret, bool *bad_name);
int parse_items(const struct spfs_json *root, enum parse_shape shape, spfs_item_cb *cb, void *ctx,
                struct spfs_page *page);
int parse_drives(const struct spfs_json *root, enum parse_shape shape, spfs_drive_cb *cb, void *ctx);
int parse_sites(const struct spfs_json *root, enum parse_shape shape, spfs_site_cb *cb, void *ctx);
/* The host name of a site, in buf. */
bool parse_site_host(const struct spfs_json *site, char *buf, size_t size);

/* listing.c. The item, or the child `name` of it, as it is now; ret_item borrows from ret (graph_reply_done).
 */
int listing_look(struct graph *g, struct spfs_op *op, struct spfs_ref ref, const char *name,
                 struct graph_reply *ret, struct spfs_item *ret_item, struct spfs_reason *reason);

/* batch.c. Sends `{"requests":[` + parts + `]}`, whose ids are 0, 1, …; gives each reply to take. */
#define BATCH_PARTS_MAX 20
int batch_send(struct graph *g, struct spfs_op *op, const struct spfs_buf *parts, const char *what,
               void (*take)(void *ctx, uint64_t i, int status, const struct spfs_json *body), void *ctx);

/* The operations of the remote. */
int discovery_sites(struct spfs_remote *r, struct spfs_op *op, enum spfs_sites_scope scope, spfs_site_cb *cb,
                    void *ctx, struct spfs_reason *reason);
int discovery_site_at(struct spfs_remote *r, struct spfs_op *op, const char *host, const char *path,
                      spfs_site_cb *cb, void *ctx, struct spfs_reason *reason);
int discovery_subsites(struct spfs_remote *r, struct spfs_op *op, const char *site_id, spfs_site_cb *cb,
                       void *ctx, struct spfs_reason *reason);
int discovery_libraries(struct spfs_remote *r, struct spfs_op *op, const char *site_id, spfs_drive_cb *cb,
                        void *ctx, struct spfs_reason *reason);
int discovery_my_drive(struct spfs_remote *r, struct spfs_op *op, spfs_drive_cb *cb, void *ctx,
                       struct spfs_reason *reason);
int discovery_drive(struct spfs_remote *r, struct spfs_op *op, const char *drive_id, spfs_drive_cb *cb,
                    void *ctx, struct spfs_reason *reason);
int listing_item(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, spfs_item_cb *cb, void *ctx,
                 struct spfs_reason *reason);
int listing_children(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref folder, const char *link,
                     spfs_item_cb *cb, void *ctx, struct spfs_page *ret, struct spfs_reason *reason);
int listing_delta(struct spfs_remote *r, struct spfs_op *op, const char *drive_id, const char *link,
                  spfs_item_cb *cb, void *ctx, struct spfs_page *ret, struct spfs_reason *reason);
int content_read(struct spfs_remote *r, struct spfs_op *op, struct spfs_read *read,
                 struct spfs_reason *reason);
int batch_prepare(struct spfs_remote *r, struct spfs_op *op, const struct spfs_ref *refs, size_t n);
int upload_upload(struct spfs_remote *r, struct spfs_op *op, const struct spfs_upload *upload,
                  spfs_item_cb *cb, void *ctx, struct spfs_reason *reason);
int session_sessions(struct spfs_remote *r, struct spfs_op *op, const struct spfs_upload *v, size_t n,
                     char **urls);
int mutate_mkdir(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref parent, const char *name,
                 spfs_item_cb *cb, void *ctx, struct spfs_reason *reason);
int mutate_update(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, const char *if_match,
                  const struct spfs_change *change, spfs_item_cb *cb, void *ctx, struct spfs_reason *reason);
int mutate_remove(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, const char *if_match,
                  struct spfs_reason *reason);
int copy_copy(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, struct spfs_ref parent,
              const char *name, spfs_item_cb *cb, void *ctx, struct spfs_reason *reason);
int versions_list(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, spfs_version_cb *cb,
                  void *ctx, struct spfs_reason *reason);
int versions_restore(struct spfs_remote *r, struct spfs_op *op, struct spfs_ref ref, const char *version_id,
                     struct spfs_reason *reason);

#endif
