#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# stat, df and the extended attributes say what the server says; the mount is read-only.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
sim_op write "$library/times.txt" content "twelve bytes" mtime 1614834367
warm
file=$M$library/times.txt

assert_eq "$(stat -c '%s %F %Y' "$file")" "12 regular file 1614834367" "stat"
assert_eq "$(stat -c '%F' "$M$library")" "directory"
assert_eq "$(stat -c '%U' "$file")" "$(id -un)" "owner"
assert_match "$(attribute id "$file")" '^[A-Z0-9!_-]+' "item id"
assert_match "$(attribute drive "$file")" '^b!' "drive id"
assert_match "$(attribute etag "$file")" '\{' "eTag"
assert_match "$(attribute weburl "$file")" '^https?://' "web address"
assert_eq "$(attribute state "$file")" online "state before the first read"
cat "$file" >/dev/null
is_local()
{
    [ "$(attribute state "$file")" = local ]
}
wait_until 20 is_local
assert_eq "$(getfattr --absolute-names -d -m - "$file")" "" "attributes listed"
assert_fails 'No such attribute' getfattr -n user.other "$file"
assert_fails 'No such attribute|not supported' getfattr -n security.capability "$file"

read -r total free < <(stat -f -c '%b %f' "$M$library")
[ "$total" -gt 0 ] || fail "df shows no size"
[ "$free" -le "$total" ] || fail "more free than there is"
df "$M" >/dev/null
assert_eq "$(df --output=fstype "$M" | tail -n 1)" fuse.spfs "type in df"

assert_fails 'Read-only file system' touch "$M$library/new"
assert_fails 'Read-only file system' mkdir "$M$library/new"
assert_fails 'Read-only file system' rm -f "$file"
assert_fails 'Read-only file system' mv "$file" "$file.2"
assert_fails 'Read-only file system' chmod 600 "$file"
assert_fails 'Read-only file system' truncate -s 0 "$file"
assert_fails 'Read-only file system' ln -s x "$M$library/link"
assert_eq "$(cat "$file")" "twelve bytes" "the file after all that"
