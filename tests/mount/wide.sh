#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# One folder of 10,000 entries is listed completely, in pages, and quickly the second time.
LIMIT=120
. "$(dirname "$0")/lib.sh"
setup --preset wide
folder=/Wide/Documents/wide

sim_mark
entries=$(ls -f "$M$folder" | grep -cv '^\.\.\?$')
expected=10000
assert_eq "$entries" "$expected" "entries of the folder"
assert_eq "$(ls -f "$M$folder" | sort | uniq -d | wc -l)" 0 "entries that occur twice"
assert_le "$(sim_requests)" $((entries / 200 + 20)) "requests of a cold listing"

warm
sim_mark
assert_eq "$(find "$M$folder" -type f -size +0 -o -type f -size 0 | wc -l)" "$entries" "files found"
assert_eq "$(sim_requests)" 0 "requests of a warm find"

# A reader that stops, seeks and goes on neither loses nor repeats entries.
python3 - "$M$folder" <<'END'
import os, sys
once = os.listdir(sys.argv[1])
for start in range(3):
    with os.scandir(sys.argv[1]) as listing:
        for _ in range(start * 100):
            next(listing)
assert sorted(os.listdir(sys.argv[1])) == sorted(once)
assert len(set(once)) == len(once)
END
