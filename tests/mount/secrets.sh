#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Client secret, token and pre-authenticated addresses: in the vault of the owner or nowhere, not even in a debug log.
. "$(dirname "$0")/lib.sh"
sim_start
config
library=$(sim_library)
sim_op write "$library/file.bin" size 3000000 seed 1
spfs_mount sim: "log_level=debug,log_file=$T/debug.log"
warm
sim_faults '[{"path_contains":"/_content/","times":1,"expire_url":true},{"path_contains":"/v1.0/","times":1,"status":500}]'
cat "$M$library/file.bin" >/dev/null
sim_faults_clear
"$SPFS" doctor >"$T/doctor" 2>&1 || true
"$SPFS" status "$M" --json >"$T/status"
"$SPFS" info "$M$library/file.bin" >"$T/info"
tr '\0' '\n' <"/proc/$SPFS_PID/cmdline" >"$T/cmdline"

mapfile -t vault < <(find "$T/state" -name '*.json')
assert_eq "${#vault[@]}" 1 "records in the vault"
assert_eq "$(stat -c %a "${vault[0]}")" 600 "mode of the record"
token=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["access"])' "${vault[0]}")
assert_match "$(sim_curl -H "Authorization: Bearer $token" -H 'User-Agent: test' "$SIM_URL/v1.0/sites?search=*")" '"value"' \
    "what the token of the vault opens"
address=$(sim_log | grep -oE '/_content/[^"?]+' | head -n 1)
[ -n "$address" ] || fail "no address was used"
grep -q 'GET http' "$T/debug.log" || fail "the debug log names no request"
spfs_unmount

for secret in sim-secret "$token" "$address" tempauth=; do
    if grep -alF -- "$secret" "$T/debug.log" "$T/spfs.log" "$T/doctor" "$T/status" "$T/info" "$T/cmdline"; then
        fail "a secret is shown: ${secret:0:12}"
    fi
    if grep -ralF -- "$secret" "$T/state" "$T/cache" | grep -vxF "${vault[0]}"; then
        fail "a secret is kept outside the vault: ${secret:0:12}"
    fi
done
