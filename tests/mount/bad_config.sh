#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What a person can get wrong before a mount: one clear sentence, a failing status, and nothing left behind.
LIMIT=120
. "$(dirname "$0")/lib.sh"
sim_start
config
library=$(sim_library)
site=$(cut -d / -f 2 <<<"$library")

# refused REGEX [SOURCE]: mount fails, says so in one sentence, and leaves nothing
refused()
{
    local text=$1 status=0 out
    "$SPFS" mount "${2:-sim:}" "${3:-$M}" -o "$OPTIONS" >"$T/refused" 2>&1 </dev/null || status=$?
    out=$(cat "$T/refused")
    assert_match "$out" "$text" "what is said about: $*"
    [ "$status" -ne 0 ] || fail "status 0 although refused: $*"
    assert_le "$(wc -l <"$T/refused")" 1 "lines said ($out)"
    ! mounted "${3:-$M}" || fail "mounted although refused: $*"
    wait_until 20 no_daemons
    ! grep -q sim-secret "$T/refused" || fail "the secret is shown"
}

refused 'nobody' nobody:
refused 'no such|not found|no site' "sim:/No Such Site"
refused 'no such|not found|no library' "sim:/$site/No Such Library"
refused 'no such|not found|no folder' "sim:$library/No Such Folder"
refused 'usage|connection|source' 'not a source'
refused 'no such|does not exist|not found' sim: "$T/no such directory"
touch "$T/file"
refused 'not a directory' sim: "$T/file"
assert_fails 'usage|unknown|no_such_option' "$SPFS" mount sim: "$M" -o no_such_option=1
assert_fails 'log file' "$SPFS" mount sim: "$M" -o "$OPTIONS,log_file=$T/no such directory/log"
assert_fails 'no such user' "$SPFS" mount sim: "$M" -o "$OPTIONS,setuid=no-such-user"
assert_fails 'usage|unknown' "$SPFS" no-such-command
status=0
"$SPFS" mount >/dev/null 2>&1 || status=$?
assert_eq "$status" 2 "exit status of wrong usage"

note "no configuration at all"
mv "$SPFS_CONFIG" "$T/away"
refused 'connect|spfs\.conf|configur'
mv "$T/away" "$SPFS_CONFIG"

note "a configuration that is none"
cp "$SPFS_CONFIG" "$T/good"
printf 'this is [no ini\n' >"$SPFS_CONFIG"
refused 'line 1'
cp "$T/good" "$SPFS_CONFIG"

note "wrong secret: what Entra says, and what to do"
printf 'wrong\n' >"$T/secret"
refused 'AADSTS7000215|secret'
config
note "secret file missing"
rm "$T/secret"
refused 'secret'
config

note "http to a host that is not loopback is refused"
sed -i 's#^graph_url.*#graph_url = http://192.0.2.1:8080#' "$SPFS_CONFIG"
refused 'https'
config

note "port closed"
url=$SIM_URL
SIM_URL=http://127.0.0.1:1
config
refused 'connect|reach|refused'
SIM_URL=$url
config

note "a server that speaks no TLS, and one whose certificate nobody knows"
sed -i "s#^\(login\|graph\)_url = http:#\1_url = https:#" "$SPFS_CONFIG"
refused 'TLS|SSL|certificate|connect'
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
sim_stop
sim_start --tls-cert "$T/cert.pem" --tls-key "$T/key.pem"
config
refused 'certificate|TLS|SSL'

note "with the certificate as ca_file it mounts"
config "ca_file = $T/cert.pem"
spfs_mount
[ -d "$M$library" ] || fail "the mount over TLS does not answer"
verify
spfs_unmount
