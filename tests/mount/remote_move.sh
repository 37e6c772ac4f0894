#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Another user moves and renames folders, also one that somebody stands in.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
sim_write "$library/Old/Inner/file.txt" "content"
sim_op mkdir "$library/Elsewhere"
warm
assert_eq "$(cat "$M$library/Old/Inner/file.txt")" content
inode=$(stat -c %i "$M$library/Old/Inner/file.txt")

cd "$M$library/Old/Inner"
sim_op move "$library/Old" to "$library/Elsewhere" name Renamed
warm
assert_eq "$(cat file.txt)" content "the file from inside the moved folder"
assert_eq "$(cat "$M$library/Elsewhere/Renamed/Inner/file.txt")" content "the file at its new place"
assert_eq "$(stat -c %i "$M$library/Elsewhere/Renamed/Inner/file.txt")" "$inode" "inode number"
assert_fails 'No such file' ls "$M$library/Old"
assert_eq "$(ls)" file.txt "listing from inside"
cd /

sim_op rename "$library/Elsewhere/Renamed/Inner/file.txt" name FILE.txt
warm
assert_eq "$(ls "$M$library/Elsewhere/Renamed/Inner")" FILE.txt "a rename of case only"
sim_op delete "$library/Elsewhere"
warm
assert_fails 'No such file' ls "$M$library/Elsewhere"
