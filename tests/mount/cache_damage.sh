#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A cache file of another version, or cut short, or of garbage, is made anew: no harm, no wrong byte.
LIMIT=120
. "$(dirname "$0")/lib.sh"
setup
verify
spfs_unmount
mapfile -d '' files < <(find "$T/cache" "$T/state" -name "*.lmdb" -size +0 -print0)
[ ${#files[@]} -gt 0 ] || fail "no database found in the state and cache directories"
for file in "${files[@]}"; do
    note "$(basename "$file"): cut short"
    cp "$file" "$T/saved"
    truncate -s 5000 "$file"
    spfs_mount
    verify
    spfs_unmount

    note "$(basename "$file"): garbage"
    head -c 100000 /dev/urandom >"$file"
    spfs_mount
    verify
    spfs_unmount
done

note "flipped bytes in cached content are noticed"
library=$(sim_library)
sim_op write "$library/flip.bin" size 3000000 seed 5
spfs_mount
warm
cp "$M$library/flip.bin" "$T/flip.bin"
spfs_unmount
python3 - "$T/flip.bin" "$T/cache" <<'END'
import os, sys
with open(sys.argv[1], "rb") as file:
    piece = file.read()[700000:700064]
flipped = 0
for folder, _, names in os.walk(sys.argv[2]):
    for name in names:
        with open(os.path.join(folder, name), "r+b") as file:
            data, at = file.read(), -1
            while (at := data.find(piece, at + 1)) >= 0:
                file.seek(at)
                file.write(bytes(b ^ 1 for b in piece))
                flipped += 1
assert flipped, "the content is not found in the cache"
END
spfs_mount
cmp "$M$library/flip.bin" "$T/flip.bin" || fail "a damaged block was handed out"
spfs_unmount
