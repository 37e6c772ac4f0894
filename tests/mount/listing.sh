#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Every file of the tenant is listed and reads as the server has it; a second walk asks the server for nothing.
. "$(dirname "$0")/lib.sh"
setup
verify
warm

sim_mark
find "$M" -printf '%P %s %T@ %i\n' | sort >"$T/find1"
ls -lR "$M" >"$T/ls1"
find "$M" -name 'no such name'
[ ! -e "$M/no such site" ] || fail "a site that is not there"
assert_eq "$(sim_requests)" 0 "requests of a warm find and ls -lR"

# Inode numbers, sizes and times are the same after a remount, and no two entries share a number.
assert_eq "$(find "$M" -printf '%i\n' | sort | uniq -d | wc -l)" 0 "inode numbers that occur twice"
spfs_unmount
spfs_mount
find "$M" -printf '%P %s %T@ %i\n' | sort >"$T/find2"
diff "$T/find1" "$T/find2" >&2 || fail "the listing changed with a remount"
