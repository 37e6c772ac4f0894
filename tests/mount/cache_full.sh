#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The disk of the cache is full: reads go on, uncached.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "needs root to mount a small tmpfs"
mkdir "$T/small"
mount -t tmpfs -o size=3m tmpfs "$T/small" || skip "cannot mount a tmpfs here"
OPTIONS=state_dir=$T/state,cache_dir=$T/small/cache,poll=3600
setup
library=$(sim_library)
sim_op write "$library/big.bin" size 30000000
warm
sum=$(sim_hash "$library/big.bin")
assert_eq "$(hash_of "$M$library/big.bin")" "$sum" "content with a full cache disk"
drop_pages "$M$library/big.bin"
assert_eq "$(hash_of "$M$library/big.bin")" "$sum" "content, again"
verify
spfs_unmount
umount "$T/small"
