#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Names, sizes and parents that no server should send: nothing escapes the mount, nothing loops, the rest is there.
LIMIT=180
. "$(dirname "$0")/lib.sh"
sim_start
config
long=$(printf 'x%.0s' {1..300})
n=0

# hostile FAULT: one entry of every listing is like this, from the first mount on
hostile()
{
    n=$((n + 1))
    rm -rf "$T/state" "$T/cache"
    sim_faults "[{\"path_regex\":\"/(children|delta)\",\"times\":-1,\"entry\":1,$1}]"
    spfs_mount
    timeout 60 "$SPFS" sync "$M" >/dev/null 2>&1 || true
    timeout 60 find "$M" -print0 >"$T/found" || fail "find fails with: $1"
    [ "$(sim_fired)" -gt 0 ] || fail "the fault did not fire: $1"
    [ "$(tr -cd '\0' <"$T/found" | wc -c)" -gt 100 ] || fail "too little is shown with: $1"
    if tr '\0\n' '\n ' <"$T/found" | sed "s#^$M##" | grep -E '/\.\.?(/|$)|//|/$'; then
        fail "a name that leads elsewhere, with: $1"
    fi
    timeout 60 find "$M" -type f -size -100k -exec cat {} + >/dev/null 2>&1 || true
    "$SPFS" status "$M" >/dev/null || fail "the daemon does not answer with: $1"
    sim_faults_clear
    spfs_unmount
}

hostile '"name":"../escape"'
hostile '"name":".."'
hostile '"name":"."'
hostile '"name":""'
hostile '"name":"a/b"'
hostile '"name_json":"\"nul\\u0000byte\""'
hostile '"name_json":"\"\\ud800\""'
hostile "\"name\":\"$long\""
hostile '"name_json":"17"'
hostile '"name_json":"null"'
hostile '"size":-1'
hostile '"size_json":"9223372036854775808"'
hostile '"size_json":"1e300"'
hostile '"size":"many"'
hostile '"cycle":"self"'
hostile '"cycle":"pair"'

rm -rf "$T/state" "$T/cache"
spfs_mount
verify
