#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Without the server: what is known is listed, what was read can be read, the rest fails at once; a mount starts too.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
sim_op write "$library/read.bin" size 3000000
sim_op write "$library/unread.bin" size 3000000
warm
sum=$(sim_hash "$library/read.bin")
assert_eq "$(hash_of "$M$library/read.bin")" "$sum"
find "$M" | sort >"$T/before"
port=${SIM_URL##*:}
sim_stop

find "$M" | sort | diff "$T/before" - >&2 || fail "the listing changed without the server"
drop_pages "$M$library/read.bin"
assert_eq "$(hash_of "$M$library/read.bin")" "$sum" "a cached file"
began=$SECONDS
assert_fails 'unreachable|Input/output' cat "$M$library/unread.bin"
assert_le $((SECONDS - began)) 20 "seconds until an unread file failed"

note "a mount that starts without the server"
spfs_unmount
"$SPFS" mount sim: "$M" -o "$OPTIONS" </dev/null
find "$M" | sort | diff "$T/before" - >&2 || fail "the listing changed with a mount offline"
assert_eq "$(hash_of "$M$library/read.bin")" "$sum" "a cached file after a mount offline"
assert_fails 'unreachable|Input/output' cat "$M$library/unread.bin"

note "the server comes back"
sim_start --port "$port"
sim_op write "$library/unread.bin" size 1000
wait_until 90 "$SPFS" sync "$M"
assert_eq "$(hash_of "$M$library/unread.bin")" "$(sim_hash "$library/unread.bin")" "after the server came back"
"$SPFS" unmount "$M"
