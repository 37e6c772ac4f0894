#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sites, libraries and folders are directories; one library or folder can be mounted alone; spfs lists what there is.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
site=$(cut -d / -f 2 <<<"$library")
name=$(cut -d / -f 3 <<<"$library")

sim_curl "$SIM_URL/_sim/hashes" | python3 -c '
import json, sys
print("\n".join(sorted({k.split("/")[1] for k in json.load(sys.stdin)} - {"My Files"})))' >"$T/sites"
while IFS= read -r s; do
    [ -d "$M/$s" ] || fail "the site $s is not shown"
done <"$T/sites"
[ -d "$M${library^^}" ] || fail "names of sites and libraries are matched without regard to case"

assert_match "$("$SPFS" sites sim)" "$site" "spfs sites"
assert_match "$("$SPFS" libraries sim "$site")" "$name" "spfs libraries"
assert_match "$("$SPFS" info "$M$library")" "$name" "spfs info"
assert_match "$("$SPFS" status "$M")" 'sim:' "spfs status"
"$SPFS" status "$M" --json | python3 -m json.tool >/dev/null || fail "status --json is not JSON"
"$SPFS" doctor >"$T/doctor" 2>&1 || note "doctor found something: $(tail -n 1 "$T/doctor")"
spfs_unmount

note "one library alone"
OPTIONS=state_dir=$T/state2,cache_dir=$T/cache2,poll=3600
spfs_mount "sim:$library"
verify "$M" "$library"
spfs_unmount

note "one folder alone"
folder=$(sim_curl "$SIM_URL/_sim/hashes" | python3 -c '
import json, sys
print(next(k for k in sorted(json.load(sys.stdin)) if k.count("/") > 4 and k.startswith(sys.argv[1])).rsplit("/", 1)[0])' "$library/")
OPTIONS=state_dir=$T/state3,cache_dir=$T/cache3,poll=3600
spfs_mount "sim:$folder"
verify "$M" "$folder"
spfs_unmount
