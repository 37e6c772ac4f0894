#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The first bytes of a file that nobody has read cost at most two round trips, and little data.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
sim_op write "$library/film.bin" size 50000000
warm

sim_mark
head -c 4096 "$M$library/film.bin" >"$T/head"
assert_eq "$(stat -c %s "$T/head")" 4096
assert_le "$(sim_requests)" 3 "requests for the first 4 KiB"
# Random reads fetch about what they need.
sim_mark
python3 - "$M$library/film.bin" <<'END'
import os, random, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
chance = random.Random(7)
for _ in range(20):
    assert len(os.pread(fd, 4096, chance.randrange(1000000, 49000000))) == 4096
END
assert_le "$(sim_requests)" 24 "requests of 20 random reads"
assert_le "$(sim_sum 'r.get("bytes", 0)')" 12000000 "bytes of 20 random reads"
