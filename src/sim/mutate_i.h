/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes asked for through Graph: what they have in common. All under tree.lock for writing. A check that
 * fails fills the reply and returns false. */
#ifndef SIM_MUTATE_I_H
#define SIM_MUTATE_I_H

#include "route_i.h"

struct cJSON;

enum conflict { CONFLICT_FAIL, CONFLICT_REPLACE, CONFLICT_RENAME };

/* checks.c */
bool check_writable(struct sim_call *c, unsigned drive,
                    uint32_t item); /* 403 read-only, 423 locked; item may be none */
bool check_tags(struct sim_call *c, uint32_t item, const char *if_match); /* 412, 400; NULL header: holds */
bool check_name(struct sim_call *c, unsigned drive, uint32_t parent,
                const char *name);                                   /* 400 by SharePoint's rules */
bool check_quota(struct sim_call *c, unsigned drive, uint64_t more); /* 507 */
void refuse_taken(struct sim_call *c);                               /* 409 nameAlreadyExists */
/* Behaviour from the query, then from the JSON object; otherwise the given one. */
enum conflict conflict_of(struct sim_call *c, const struct cJSON *body, enum conflict otherwise);
/* "name 1.ext", "name 2.ext", ... : the first that is free in parent. */
void free_name(const struct tree *t, uint32_t parent, const char *name, char *ret, size_t size);
/* fileSystemInfo of a JSON object, whole seconds; false when it has none. */
bool times_of(const struct cJSON *body, int64_t *mtime, int64_t *ctime);

/* store.c: puts content in place of item or, when that is TREE_NONE, as new file name below parent. Takes
 * body. The serial of the file. */
uint32_t store_file(struct sim_call *c, uint32_t item, uint32_t parent, const char *name,
                    struct tree_body *body, int64_t mtime, int64_t ctime);
/* Applies rewrites by SharePoint that are due. Called without tree.lock. */
void store_settle(struct spfs_sim *sim);

/* upload.c */
void upload_put(struct sim_call *c, const struct route *r);            /* PUT .../content */
void upload_create_session(struct sim_call *c, const struct route *r); /* POST .../createUploadSession */
void upload_call(struct sim_call *c);                                  /* /_upload/... */
void upload_free_all(struct spfs_sim *sim);

/* copy.c */
void copy_start(struct sim_call *c, const struct route *r,
                bool then_delete);     /* POST .../copy, moves across drives */
void copy_monitor(struct sim_call *c); /* GET /_monitor/... */

/* versions.c */
void version_restore(struct sim_call *c, const struct route *r);
void version_delete(struct sim_call *c, const struct route *r);

#endif
