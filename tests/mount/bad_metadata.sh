#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Listings and change feeds that are garbage, cut, endless or huge: what was known stays, memory stays bounded, and
# everything is right again afterwards.
LIMIT=180
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
warm
find "$M" | sort >"$T/before"
n=0

# round FAULT: the change feed answers like this while something changes; then it works again
round()
{
    n=$((n + 1))
    sim_write "$library/new$n.txt" "number $n"
    sim_faults "[{\"path_contains\":\"/delta\",\"times\":-1,$1}]"
    timeout 5 "$SPFS" sync "$M" >"$T/sync" 2>&1 || true
    [ "$(sim_fired)" -gt 0 ] || fail "the fault did not fire: $1"
    find "$M" | grep -v '/new[0-9]*\.txt$' | sort | diff "$T/before" - >&2 || fail "the listing changed with: $1"
    sim_faults_clear
    wait_until 60 "$SPFS" sync "$M"
    assert_eq "$(cat "$M$library/new$n.txt")" "number $n" "a new file after: $1"
}

round '"html":true'
round '"garbage":true'
round '"truncate":150'
round '"reset_after":50'
round '"status":500'
round '"status":404'
round '"status":403'
round '"endless_nextlink":true'
round '"status":200,"body":"{\"value\":[]}"'
round '"status":200,"body":"[1,2,3]"'
round '"status":200,"body":"{\"value\":{\"id\":7},\"@odata.deltaLink\":\"http://192.0.2.1/steal\"}"'

note "100 MB of JSON"
round '"huge_json":100'
peak=$(awk '/^VmHWM:/ { print $2 }' "/proc/$SPFS_PID/status")
[ -n "${SPFS_SANITIZED:-}" ] || assert_le "$peak" 400000 "KiB of memory at the most"

note "410: the feed starts anew, and nothing is lost"
sim_op resync "$library"
sim_write "$library/after resync.txt" "yes"
sim_op delete "$library/new1.txt"
warm
assert_eq "$(cat "$M$library/after resync.txt")" yes
assert_fails 'No such file' cat "$M$library/new1.txt"
find "$M" | grep -v '/new[0-9]*\.txt$\|/after resync.txt$' | sort | diff "$T/before" - >&2 || fail "the listing changed with 410"

note "sign-in fails for a while"
sim_faults '[{"path_contains":"/oauth2/","times":-1,"status":500}]'
find "$M" >/dev/null
sim_faults_clear
spfs_unmount

note "a cold mount whose first listings are garbage"
rm -rf "$T/state" "$T/cache"
sim_faults '[{"path_contains":"/children","times":2,"garbage":true},{"path_contains":"/delta","times":2,"html":true}]'
spfs_mount
ls "$M$library" >/dev/null 2>&1 || true
sim_faults_clear
wait_until 60 "$SPFS" sync "$M"
verify
