#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# cp, tar, grep, md5sum and rsync copy a library out; a second rsync finds nothing to do.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
from=$M$library

cp -r "$from" "$T/cp"
diff -r "$from" "$T/cp" || fail "cp -r differs"

mkdir "$T/tar"
tar -C "$from" -c . | tar -C "$T/tar" -x
diff -r "$T/cp" "$T/tar" || fail "tar differs"

assert_eq "$(cd "$from" && find . -type f -exec md5sum {} + | sort)" \
    "$(cd "$T/cp" && find . -type f -exec md5sum {} + | sort)" "md5sum"
assert_eq "$(grep -rc e "$from" | sed "s#^$M##" | sort)" \
    "$(grep -rc e "$T/cp" | sed "s#^$T/cp#$library#" | sort)" "grep -r"

rsync -a "$from/" "$T/rsync/"
diff -r "$T/cp" "$T/rsync" || fail "rsync differs"
warm # nothing is left of the first delta passes
sim_mark
assert_eq "$(rsync -a -i "$from/" "$T/rsync/")" "" "what a second rsync changes"
assert_eq "$(sim_requests)" 0 "requests of the second rsync"

# cp -a and rsync -X must not copy attributes that spfs answers on request only.
cp -a "$from" "$T/cpa"
assert_eq "$(getfattr -R -d -m - "$T/cpa" 2>/dev/null)" "" "attributes copied by cp -a"
