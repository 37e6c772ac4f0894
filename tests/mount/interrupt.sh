#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A download that does not move: whoever waits can be interrupted, and everybody else goes on.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
sim_op write "$library/stuck.bin" size 4000000 seed 1
sim_op write "$library/fine.bin" size 4000000 seed 2
warm
sim_faults '[{"path_contains":"/_content/","times":1,"stall_ms":40000,"stall_after":1000}]'
cat "$M$library/stuck.bin" >/dev/null 2>&1 &
reader=$!
fired()
{
    [ "$(sim_fired)" -ge 1 ]
}
wait_until 10 fired

began=$(now_ms)
assert_eq "$(hash_of "$M$library/fine.bin")" "$(sim_hash "$library/fine.bin")" "another file meanwhile"
ls -lR "$M$library" >/dev/null
assert_le $(($(now_ms) - began)) 15000 "milliseconds of other work meanwhile" # a stall is given up after 20 s

began=$(now_ms)
kill -TERM "$reader"
wait "$reader" 2>/dev/null || true
assert_le $(($(now_ms) - began)) 12000 "milliseconds until the reader ended"
sim_faults_clear
assert_eq "$(hash_of "$M$library/stuck.bin")" "$(sim_hash "$library/stuck.bin")" "the file afterwards"
