#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The wall clock jumps two days ahead and back while mounted: nothing hangs, nothing is lost, tokens are renewed.
. "$(dirname "$0")/lib.sh"
library_path=$(find /usr/lib -name 'libfaketimeMT.so.1' -print -quit)
[ -n "$library_path" ] || skip "libfaketime is missing (package faketime)"
sim_start
config
library=$(sim_library)
sim_op write "$library/file.bin" size 2000000 seed 1
echo "+0" >"$T/clock"
export LD_PRELOAD=$library_path FAKETIME_TIMESTAMP_FILE=$T/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
    DONT_FAKE_MONOTONIC=1
"$SPFS" mount sim: "$M" -f -o "$OPTIONS" >>"$T/spfs.log" 2>&1 &
SPFS_PID=$!
unset LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE FAKETIME_DONT_FAKE_MONOTONIC DONT_FAKE_MONOTONIC
wait_until 30 mounted
ls "$M" >/dev/null
for jump in +2d -2d +0; do
    echo "$jump" >"$T/clock"
    sim_op write "$library/file.bin" size 2000000 seed "${#jump}$((RANDOM % 1000))"
    timeout 120 "$SPFS" sync "$M" || fail "sync fails with the clock at $jump"
    assert_eq "$(hash_of "$M$library/file.bin")" "$(sim_hash "$library/file.bin")" "content with the clock at $jump"
done
spfs_unmount
