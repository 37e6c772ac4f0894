#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A person signs in by a refresh token: My Files is there, and SOURCE may be a web address, or My Files alone.
. "$(dirname "$0")/lib.sh"
sim_start
config
printf 'sim-refresh-1\n' >"$T/refresh"
chmod 600 "$T/refresh"
sed -i "s#^auth = .*#auth = refresh\nrefresh_token_file = $T/refresh\nsites = all#; /^client_secret_file/d" "$SPFS_CONFIG"
spfs_mount
[ -n "$(ls "$M/My Files")" ] || fail "My Files is empty"
library=$(sim_library)
[ -d "$M$library" ] || fail "the sites are not shown"
verify
address=$(attribute weburl "$M$library")
spfs_unmount

note "the token of the vault goes on where the one of the file has been used up"
rm "$T/refresh"
spfs_mount
[ -n "$(ls "$M/My Files")" ] || fail "My Files is empty after a new mount"
spfs_unmount

note "My Files alone, and a library by its web address"
OPTIONS=state_dir=$T/state2,cache_dir=$T/cache2,poll=3600
printf 'sim-refresh-1\n' >"$T/refresh"
spfs_mount "sim:/My Files"
verify "$M" "/My Files"
spfs_unmount
OPTIONS=state_dir=$T/state3,cache_dir=$T/cache3,poll=3600
spfs_mount "$address" connection=sim
verify "$M" "$library"
assert_eq "$(findmnt -n -o SOURCE "$M")" "$address" "source as it was given"
spfs_unmount
