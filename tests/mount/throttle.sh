#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Retry-After is law: for every request of the account, and for every mount of it on this machine.
LIMIT=90
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
for i in 1 2 3 4; do
    sim_op write "$library/file$i.bin" size 2000000 seed $i
done
warm

note "429 from the change feed"
sim_faults '[{"path_contains":"/delta","times":1,"status":429,"retry_after":2}]'
began=$(now_ms)
warm
[ $(($(now_ms) - began)) -ge 1900 ] || fail "the wait was cut short"
assert_eq "$(sim_fired)" 1 "how often the fault fired"
sim_faults_clear

note "503 with Retry-After while several readers are at work, in two mounts"
mkdir "$T/second"
first=$SPFS_PID
spfs_mount "sim:$library" "state_dir=$T/state2,cache_dir=$T/cache2" "$T/second"
warm "$T/second"
sim_faults '[{"path_contains":"/v1.0/","times":1,"status":429,"retry_after":3}]'
pids=()
for file in "$M$library"/file{1,2}.bin "$T"/second/file{3,4}.bin; do
    hash_of "$file" >"$T/$(basename "$file").hash" &
    pids+=($!)
done
wait "${pids[@]}"
for i in 1 2 3 4; do
    assert_eq "$(cat "$T/file$i.bin.hash")" "$(sim_hash "$library/file$i.bin")" "content of file$i.bin"
done
assert_eq "$(sim_fired)" 1 "how often the fault fired"
sim_faults_clear
assert_eq "$(sim_counter violations.retry_after)" 0 "requests inside a Retry-After window"

note "what is cached is not held up"
sim_faults '[{"path_contains":"/v1.0/","times":1,"status":429,"retry_after":20}]'
timeout 2 "$SPFS" sync "$M" >/dev/null 2>&1 || true
fired()
{
    [ "$(sim_fired)" -eq 1 ]
}
wait_until 10 fired
began=$(now_ms)
drop_pages "$M$library/file1.bin"
hash_of "$M$library/file1.bin" >/dev/null
find "$M$library" >/dev/null
assert_le $(($(now_ms) - began)) 12000 "milliseconds of cached work inside the window"
spfs_unmount "$T/second"
SPFS_PID=$first
