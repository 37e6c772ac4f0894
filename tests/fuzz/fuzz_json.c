// SPDX-License-Identifier: GPL-3.0-or-later
/* Any bytes as a document: it is refused, or every value of it can be read. */
#include "fuzz.h"

#include <spfs/json/json.h>

static void walk(const struct spfs_json *v)
{
    (void)spfs_json_text(v);
    (void)spfs_json_str(v, "a.b");
    (void)spfs_json_u64(v, "size", 0);
    (void)spfs_json_i64(v, "id", 0);
    (void)spfs_json_member_str(v, "@odata.nextLink");
    for (const struct spfs_json *e = spfs_json_first(v); e; e = spfs_json_next(e))
        walk(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spfs_json_doc *d;
    if (spfs_json_parse((const char *)data, size, 1 << 20, &d) == 0) {
        walk(spfs_json_root(d));
        spfs_json_free(d);
    }
    return 0;
}
