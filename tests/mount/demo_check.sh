#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# scripts/demo --check mounts, reads everything back and leaves nothing.
. "$(dirname "$0")/lib.sh"
TMPDIR=$T "$TOP/scripts/demo" --check "$T/Share Point" >"$T/out" 2>&1 || fail "$(cat "$T/out")"
assert_match "$(cat "$T/out")" '[0-9]+ files, [0-9]+ bytes: all as on the server' "what the check says"
[ ! -e "$T/Share Point" ] || fail "the directory is still there"
! mounted "$T/Share\\040Point" || fail "still mounted"
wait_until 20 no_daemons
