#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# scripts/demo --check mounts, reads everything back and leaves nothing.
. "$(dirname "$0")/lib.sh"
TMPDIR=$T "$TOP/scripts/demo" --check "$T/Share Point" >"$T/out" 2>&1 || fail "$(cat "$T/out")"
assert_match "$(cat "$T/out")" '[0-9]+ files, [0-9]+ bytes: all as on the server' "what the check says"
[ ! -e "$T/Share Point" ] || fail "the directory is still there"
! mounted "$T/Share\\040Point" || fail "still mounted"
wait_until 20 no_daemons

note "until it is told to end: on a relative directory, with something open on it"
cd "$T"
TMPDIR=$T "$TOP/scripts/demo" "Share Point" >"$T/out" 2>&1 </dev/null &
demo=$!
wait_until 20 grep -q 'Ctrl-C here' "$T/out"
exec 5<"Share Point"
kill -TERM "$demo"
wait "$demo" || fail "the demonstration ended with status $?: $(cat "$T/out")"
exec 5<&-
! mounted "$T/Share\\040Point" || fail "still mounted"
[ ! -e "$T/Share Point" ] || fail "the directory is still there"
wait_until 20 no_daemons
