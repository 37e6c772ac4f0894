#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Reads of every shape: whole, mapped, at any offset, past the end, of nothing, and by many at once.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
sim_op write "$library/empty.bin" content ""
sim_op write "$library/large.bin" size 20000003
warm
large=$M$library/large.bin
sum=$(sim_hash "$library/large.bin")

note "8 readers of one file at once, each from its own place"
pids=()
for i in 0 1 2 3 4 5 6 7; do
    { tail -c +$((i * 2500000 + 1)) "$large" | sha256sum >"$T/tail$i"; } &
    pids+=($!)
done
wait "${pids[@]}"
assert_eq "$(hash_of "$large")" "$sum" "content of large.bin"
for i in 0 1 2 3 4 5 6 7; do
    assert_eq "$(cat "$T/tail$i")" "$(tail -c +$((i * 2500000 + 1)) "$large" | sha256sum)" "reader $i"
done
fetched=$(sim_sum 'r.get("bytes", 0) if "_content" in r["path"] else 0')
assert_le "$fetched" 21000000 "bytes fetched by 8 readers of one file"

note "everything at any offset, mapped, and past the end"
python3 - "$large" "$M$library/empty.bin" <<'END'
import mmap, os, random, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
whole = b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
size = len(whole)
assert size == 20000003, size
chance = random.Random(1)
for _ in range(300):
    at = chance.randrange(size + 5000)
    length = chance.choice((1, 7, 4096, 65536, 300000))
    assert os.pread(fd, length, at) == whole[at:at + length], (at, length)
assert os.pread(fd, 10, size) == b"" and os.pread(fd, 10, 1 << 40) == b""
assert os.lseek(fd, 5, os.SEEK_END) == size + 5 and os.read(fd, 1) == b""
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as view:
    for _ in range(300):
        at = chance.randrange(size)
        assert view[at] == whole[at], at
    assert view[size - 100:] == whole[-100:]
with open(sys.argv[2], "rb") as empty:
    assert empty.read() == b""
END

note "8 readers of many files at once"
(cd "$M$library" && find . -type f -print0 | xargs -0 -P 8 -n 3 sha256sum) | sort >"$T/parallel"
(cd "$M$library" && find . -type f -exec sha256sum {} +) | sort >"$T/serial"
diff "$T/parallel" "$T/serial" >&2 || fail "parallel and serial reads differ"

note "a second reader costs nothing, even when the kernel has forgotten the pages"
sim_mark
drop_pages "$large"
assert_eq "$(hash_of "$large")" "$sum" "content from the cache"
assert_eq "$(sim_requests)" 0 "requests of a cached read"
