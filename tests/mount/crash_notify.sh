#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# kill -9 of the daemon while the kernel holds one of its threads in a notification: a look-up waits for the server and has
# the folder's lock, which the notification of the folder's first entries waits for. The mount must not hang, and a new one
# must work.
LIMIT=90
. "$(dirname "$0")/lib.sh"
sim_start
config
library=$(sim_library)
sim_faults '[{"path_contains":"/delta","times":-1,"stall_ms":4000}]'
spfs_mount "sim:$library"
folder=$(find "$M" -mindepth 1 -maxdepth 1 -type d | sort | head -n 1)
[ -n "$folder" ] || fail "no folder to look into"
# The drive's size is asked for at the end of the first pass: until it comes, the look-up goes on waiting for its listing.
sim_faults '[{"path_contains":"/children","times":-1,"stall_ms":60000},{"path_regex":"/drives/[^/]+$","times":-1,"stall_ms":20000}]'
stat "$folder/no such file" >/dev/null 2>&1 &

# in_kernel: the thread "notify" sits in the kernel's call
in_kernel()
{
    local task
    for task in /proc/"$SPFS_PID"/task/*; do
        if [ "$(cat "$task/comm" 2>/dev/null)" = notify ] && grep -q fuse_reverse_inval "$task/wchan"; then
            return 0
        fi
    done
    return 1
}
wait_until 20 in_kernel
kill -9 "$SPFS_PID"
began=$SECONDS
wait "$SPFS_PID" 2>/dev/null || true
SPFS_PID=
assert_fails 'not connected|Input/output' timeout 40 ls "$M"
assert_le $((SECONDS - began)) 35 "seconds until the dead mount said so"
sim_faults_clear
"$SPFS" mount "sim:$library" "$M" -o "$OPTIONS" </dev/null
[ -n "$(ls "$folder")" ] || fail "the folder is empty after the new mount"
"$SPFS" unmount "$M"
wait_until 20 no_daemons
