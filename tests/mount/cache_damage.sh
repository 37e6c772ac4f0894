#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A cache file of another version, or cut short, or of garbage, is made anew: no harm, no wrong byte.
LIMIT=120
. "$(dirname "$0")/lib.sh"
setup
verify
spfs_unmount
mapfile -d '' files < <(find "$T/cache" "$T/state" -name data.mdb -size +0 -print0)
[ ${#files[@]} -gt 0 ] || fail "no database found in the state and cache directories"
for file in "${files[@]}"; do
    note "$(basename "$(dirname "$file")"): cut short"
    cp "$file" "$T/saved"
    truncate -s 5000 "$file"
    spfs_mount
    verify
    spfs_unmount

    note "$(basename "$(dirname "$file")"): garbage"
    head -c 100000 /dev/urandom >"$file"
    spfs_mount
    verify
    spfs_unmount
done

note "flipped bytes in cached content are noticed"
mapfile -d '' files < <(find "$T/cache" -name data.mdb -print0)
for file in "${files[@]}"; do
    python3 - "$file" <<'END'
import os, sys
size = os.path.getsize(sys.argv[1])
with open(sys.argv[1], "r+b") as file:
    for at in range(size // 2, size, 65536):
        file.seek(at + 2000)
        file.write(b"\xff\x00\xff\x00")
END
done
spfs_mount
verify
spfs_unmount
