/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Typed, bounded reading of JSON documents from an untrusted server, and escaping for the few bodies that we
 * write. cJSON stays behind this header. Getters never fail loudly: a missing, mistyped or out-of-range value
 * is the given default. Strings that hold NUL (\u0000) or invalid UTF-8 count as absent. Borrowed values live
 * as long as the document. */
#ifndef SPFS_JSON_JSON_H
#define SPFS_JSON_JSON_H

#include <spfs/base/str.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spfs_json;     /* a value within a document */
struct spfs_json_doc; /* owns the text's tree */

/* 0; -EFBIG (len > max), -EBADMSG (not JSON, nested deeper than 64), -ENOMEM. data need not be
 * NUL-terminated. */
int spfs_json_parse(const char *data, size_t len, size_t max, struct spfs_json_doc **ret);
void spfs_json_free(struct spfs_json_doc *d); /* NULL allowed */
SPFS_DEFINE_CLEANUP(struct spfs_json_doc *, spfs_json_free, spfs_json_doc_p)
const struct spfs_json *spfs_json_root(const struct spfs_json_doc *d);

/* path: member names joined by '.', e.g. "parentReference.driveId"; a name that itself holds a dot
 * (annotations such as "@odata.nextLink") is looked up with spfs_json_member. v may be NULL (then absent).
 * Exact case; of duplicate keys the first counts. */
const struct spfs_json *spfs_json_get(const struct spfs_json *v, const char *path); /* NULL: absent or null */
const struct spfs_json *spfs_json_member(const struct spfs_json *v,
                                         const char *name);             /* one name, dots and all */
bool spfs_json_has(const struct spfs_json *v, const char *path);        /* present and not null */
const char *spfs_json_str(const struct spfs_json *v, const char *path); /* NULL unless a good string */
const char *spfs_json_member_str(const struct spfs_json *v, const char *name);
uint64_t spfs_json_u64(
    const struct spfs_json *v, const char *path,
    uint64_t otherwise); /* integers 0..2^53, or decimal strings; negative, fractional, larger: otherwise */
int64_t spfs_json_i64(const struct spfs_json *v, const char *path, int64_t otherwise);
bool spfs_json_bool(const struct spfs_json *v, const char *path, bool otherwise);
bool spfs_json_is_object(const struct spfs_json *v);
bool spfs_json_is_array(const struct spfs_json *v);
/* for (e = spfs_json_first(array); e; e = spfs_json_next(e)); works for objects' members too. */
const struct spfs_json *spfs_json_first(const struct spfs_json *array);
const struct spfs_json *spfs_json_next(const struct spfs_json *v);
const char *spfs_json_text(const struct spfs_json *v); /* the string that v itself is, or NULL */

/* Appends "text" with quotes and escapes. 0, -ENOMEM, -EFBIG. */
int spfs_json_add_string(struct spfs_buf *b, const char *text);

#endif
