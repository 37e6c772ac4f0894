#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# spfs mount goes to the background when the mount answers; the rules about mountpoints and state directories.
. "$(dirname "$0")/lib.sh"
sim_start
config
"$SPFS" mount sim: "$M" -o "$OPTIONS" >"$T/out" 2>&1 </dev/null
mounted || fail "not mounted when spfs mount returned"
library=$(sim_library)
[ -d "$M$library" ] || fail "the mount does not answer"
assert_eq "$(findmnt -n -o SOURCE,FSTYPE "$M" | tr -s ' ')" "sim: fuse.spfs" "findmnt"
assert_eq "$(daemons | wc -l)" 1 "daemons"
pid=$(daemons)
assert_eq "$(readlink "/proc/$pid/cwd")" / "working directory of the daemon"

note "the same state twice, and the same mountpoint twice, are refused"
mkdir "$T/second"
MOUNTS+=("$T/second")
assert_fails . "$SPFS" mount sim: "$T/second" -o "$OPTIONS"
assert_fails 'mounted' "$SPFS" mount sim: "$M" -o "state_dir=$T/state2,cache_dir=$T/cache2"
assert_eq "$(daemons)" "$pid" "daemons after the refusals"
"$SPFS" status "$M" >/dev/null

note "several mounts of one connection live side by side"
"$SPFS" mount "sim:$library" "$T/second" -o "state_dir=$T/state2,cache_dir=$T/cache2" </dev/null
diff <(ls "$M$library") <(ls "$T/second") || fail "two mounts of one library differ"
"$SPFS" unmount "$T/second"

note "spfs unmount ends the daemon; a non-empty mountpoint is allowed, as with mount(8)"
"$SPFS" unmount "$M"
! mounted || fail "still mounted"
wait_until 20 no_daemons
touch "$M/already here"
"$SPFS" mount sim: "$M" -o "$OPTIONS" </dev/null
[ ! -e "$M/already here" ] || fail "not mounted over"
[ -d "$M$library" ] || fail "the mount does not answer"

note "SIGTERM unmounts and ends well"
kill "$(daemons)"
wait_until 20 no_daemons
! mounted || fail "still mounted after SIGTERM"
assert_fails 'not mounted|no mount' "$SPFS" unmount "$M"
