#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Another user changes a file: between two opens the new content is seen, and an open file is never a mix.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
sim_op write "$library/report.txt" content "first version"
sim_op write "$library/long.bin" size 8000000
warm
file=$M$library/report.txt
assert_eq "$(cat "$file")" "first version"
inode=$(stat -c %i "$file")
sim_write "$library/report.txt" "second version, longer"
warm
assert_eq "$(cat "$file")" "second version, longer" "content after the change"
assert_eq "$(stat -c %s "$file")" 22 "size after the change"
assert_eq "$(stat -c %i "$file")" "$inode" "inode number"

note "a new file, a deleted one, a renamed one"
sim_write "$library/new.txt" "new"
sim_op delete "$library/report.txt"
[ ! -e "$M$library/new.txt" ] || fail "seen before the server said so"
warm
assert_eq "$(cat "$M$library/new.txt")" new
assert_fails 'No such file' cat "$file"
ls "$M$library" | grep -qx new.txt || fail "the new file is not listed"
! ls "$M$library" | grep -qx report.txt || fail "the deleted file is still listed"

note "changed while open: the old version to the end, or an error; never parts of both"
old=$(sim_hash "$library/long.bin")
exec 5<"$M$library/long.bin"
head -c 1000000 <&5 >"$T/part"
sim_op write "$library/long.bin" size 8000000 seed 99
new=$(sim_hash "$library/long.bin")
[ "$old" != "$new" ] || fail "the simulator did not change the file"
warm
if cat <&5 >>"$T/part" 2>"$T/error"; then
    assert_eq "$(hash_of "$T/part")" "$old" "content through the open file"
else
    assert_match "$(cat "$T/error")" 'Stale file handle' "error of the open file"
fi
exec 5<&-
assert_eq "$(hash_of "$M$library/long.bin")" "$new" "content after a new open"

note "changed, and read before any refresh: the new version or the old, whole"
before=$(sim_hash "$library/long.bin")
sim_op write "$library/long.bin" size 9000000 seed 7
drop_pages "$M$library/long.bin"
got=$(hash_of "$M$library/long.bin")
[ "$got" = "$before" ] || [ "$got" = "$(sim_hash "$library/long.bin")" ] || fail "a mix of two versions"
