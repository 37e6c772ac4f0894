#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Downloads that break, lie or expire: the reader gets the right bytes or an error, never anything else.
LIMIT=180
. "$(dirname "$0")/lib.sh"
# Faults answer 429 and 503 with Retry-After as well; the rule about it is checked by throttle.sh.
setup
library=$(sim_library)
n=0

# once FAULT: a fresh file is read while the fault happens once; the content must be right, and the fault must have fired
once()
{
    n=$((n + 1))
    sim_op write "$library/once$n.bin" size 3000000 seed $n
    warm
    sim_faults "[{\"path_contains\":\"/_content/\",\"times\":1,$1}]"
    assert_eq "$(hash_of "$M$library/once$n.bin")" "$(sim_hash "$library/once$n.bin")" "content although once: $1"
    assert_eq "$(sim_fired)" 1 "how often the fault fired: $1"
    sim_faults_clear
}

# always FAULT: the same with a fault that stays; an error is allowed, wrong bytes are not
always()
{
    n=$((n + 1))
    sim_op write "$library/always$n.bin" size 300000 seed $n
    warm
    sim_faults "[{\"path_contains\":\"/_content/\",\"times\":-1,$1}]"
    local status=0
    timeout 100 cat "$M$library/always$n.bin" >"$T/got" 2>"$T/error" || status=$?
    [ $status -ne 124 ] || fail "the read hangs: $1"
    if [ $status -eq 0 ]; then
        assert_eq "$(hash_of "$T/got")" "$(sim_hash "$library/always$n.bin")" "content although always: $1"
    else
        note "always $1: $(cat "$T/error")"
    fi
    [ "$(sim_fired)" -gt 0 ] || fail "the fault did not fire: $1"
    sim_faults_clear
    [ $status -eq 0 ] || wait_until 60 cmp -s "$M$library/always$n.bin" "$M$library/always$n.bin"
    assert_eq "$(hash_of "$M$library/always$n.bin")" "$(sim_hash "$library/always$n.bin")" "content after: $1"
}

once '"reset_after":100000'
once '"reset_after":0'
once '"truncate":100000'
once '"stall_ms":1500,"stall_after":5000'
once '"wrong_content_range":true'
once '"ignore_range":true'
once '"drop_etag":true'
once '"expire_url":true'
once '"status":500'
once '"status":503,"retry_after":1'
once '"status":404'
once '"html":true'
once '"garbage":true'
always '"wrong_content_range":true'
always '"truncate":1000'
always '"ignore_range":true'
always '"html":true'
always '"status":403'

note "links that are expired when they are given out"
n=$((n + 1))
sim_op write "$library/link.bin" size 500000 seed $n
warm
sim_faults '[{"path_regex":"^/v1.0/.*/(items|root)","times":1,"expire_url":true}]'
assert_eq "$(hash_of "$M$library/link.bin")" "$(sim_hash "$library/link.bin")" "content after an expired link"
sim_faults_clear

note "a file that the service calls infected, and one that may not be downloaded"
sim_op write "$library/virus.bin" size 1000 seed 1
sim_op malware "$library/virus.bin"
sim_op write "$library/secret.bin" size 1000 seed 2
sim_op no_download "$library/secret.bin"
warm
assert_fails 'not permitted|denied' cat "$M$library/virus.bin"
assert_fails 'not permitted|denied' cat "$M$library/secret.bin"
ls -l "$M$library/virus.bin" >/dev/null
