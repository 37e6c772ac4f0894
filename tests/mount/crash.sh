#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# kill -9 of the daemon, and a new mount: it works without fusermount3 -u, and no block is fetched twice.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
sim_op write "$library/data.bin" size 6000000
warm
sum=$(sim_hash "$library/data.bin")
assert_eq "$(hash_of "$M$library/data.bin")" "$sum"

# Bytes reach the cache in batches: those that were there when the daemon died must not be fetched again.
all_cached()
{
    [ "$(attribute state "$M$library/data.bin")" = local ]
}
wait_until 20 all_cached
find "$M" | sort >"$T/before"
kill -9 "$SPFS_PID"
wait "$SPFS_PID" 2>/dev/null || true
assert_fails 'not connected|Input/output' ls "$M"

sim_mark
"$SPFS" mount sim: "$M" -o "$OPTIONS" </dev/null
find "$M" | sort | diff "$T/before" - >&2 || fail "the listing changed"
assert_eq "$(hash_of "$M$library/data.bin")" "$sum" "content after the crash"
assert_eq "$(sim_requests '"_content" in r["path"]')" 0 "content requests after the crash"
"$SPFS" unmount "$M"
wait_until 20 no_daemons
