# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The harness of the mount tests: a real mount on a simulated tenant, in a private directory.
#
# A test is a bash script that begins with   . "$(dirname "$0")/lib.sh"
# It gets from the environment: SPFS and SPFS_SIM (the two programs). It has after the line above:
#   $T        private directory, removed at the end        $M  mountpoint below it
#   $OPTIONS  mount options that keep all state below $T
# and ends with exit status 0 (passed), 77 (skipped, with a reason printed) or another (failed: the logs are printed).
# As root, every test has a mount namespace of its own, so nothing that it mounts is seen, or left, outside.
# The limit is $LIMIT seconds (set it before the line above; default 60), times $SPFS_TEST_SLOW under a sanitizer. It, like
# every wait below, is for an idle machine and is stretched $BUSY times: a busy one is no failure, and only a hang costs it.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C.UTF-8
BUSY=$((4 * ${SPFS_TEST_SLOW:-1}))

if [ -z "${SPFS_TEST_INSIDE:-}" ]; then
    export SPFS_TEST_INSIDE=1
    namespace=()
    if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
        namespace=(unshare -m --propagation private)
    fi
    # timeout signals the whole group, so a program that hangs in the mount ends too.
    exec timeout -k 60 $((${LIMIT:-60} * BUSY)) "${namespace[@]}" bash "$0" "$@"
fi

: "${SPFS:?the spfs program to test}" "${SPFS_SIM:?the spfs-sim program}"
LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$LIB/../.." && pwd)
PYTHON=$(python3 -S -c 'import sys; print(sys.executable)') # what is behind a version manager's slow script
T=$(mktemp -d "${TMPDIR:-/tmp}/spfs-test.XXXXXX")
M=$T/mnt
OPTIONS=state_dir=$T/state,cache_dir=$T/cache,poll=3600
SIM_LOG=$T/sim.log
SIM_PID=
SIM_URL=
SPFS_PID=
MARK=0
VIOLATIONS_EXPECTED=
MOUNTS=("$M")
mkdir "$M"
export SPFS_CONFIG=$T/spfs.conf
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:log_path=$T/sanitizer
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-}:log_path=$T/sanitizer
export TSAN_OPTIONS=${TSAN_OPTIONS:-}:log_path=$T/sanitizer

# ---------------------------------------------------------------------------------------------------- verdicts
note()
{
    printf '# %s\n' "$*"
}

fail()
{
    printf 'FAILED at %s:%s: %s\n' "$(basename "${BASH_SOURCE[1]}")" "${BASH_LINENO[0]}" "$*" >&2
    exit 1
}

skip()
{
    printf 'skipped: %s\n' "$*"
    exit 77
}

# assert_eq ACTUAL EXPECTED [WHAT]
assert_eq()
{
    if [ "$1" != "$2" ]; then
        printf 'FAILED at line %s: %s\n  expected: %s\n  actual:   %s\n' "${BASH_LINENO[0]}" "${3:-values differ}" "$2" "$1" >&2
        exit 1
    fi
}

# assert_le ACTUAL LIMIT [WHAT]: whole numbers
assert_le()
{
    if [ "$1" -gt "$2" ]; then
        printf 'FAILED at line %s: %s: %s is more than %s\n' "${BASH_LINENO[0]}" "${3:-too large}" "$1" "$2" >&2
        exit 1
    fi
}

# assert_match TEXT EXTENDED-REGEX [WHAT]
assert_match()
{
    if ! grep -qiE -- "$2" <<<"$1"; then
        printf 'FAILED at line %s: %s\n  no match for: %s\n  in: %s\n' "${BASH_LINENO[0]}" "${3:-text differs}" "$2" "$1" >&2
        exit 1
    fi
}

# assert_fails ERRNO-TEXT COMMAND...: the command fails and says so ("" for any text)
assert_fails()
{
    local text=$1 out
    shift
    if out=$("$@" 2>&1 </dev/null); then
        printf 'FAILED at line %s: succeeded, but should not: %s\n' "${BASH_LINENO[0]}" "$*" >&2
        exit 1
    fi
    if ! grep -qiE -- "$text" <<<"$out"; then
        printf 'FAILED at line %s: %s\n  should say: %s\n  said:       %s\n' "${BASH_LINENO[0]}" "$*" "$text" "$out" >&2
        exit 1
    fi
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; SECONDS are those of an idle machine
wait_until()
{
    local end=$((SECONDS + $1 * BUSY))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            printf 'FAILED at line %s: still not so: %s\n' "${BASH_LINENO[0]}" "$*" >&2
            exit 1
        fi
        sleep 0.05
    done
}

python3()
{
    "$PYTHON" -S "$@"
}

now_ms()
{
    local t=${EPOCHREALTIME/[.,]/}
    echo $((t / 1000))
}

# ---------------------------------------------------------------------------------------------------- simulator
# sim_start [OPTION...]: starts spfs-sim (default preset docs) and sets SIM_URL and SIM_PID
sim_start()
{
    local ready=$T/sim.ready
    rm -f "$ready"
    case " $* " in
    *" --preset "*) ;;
    *) set -- --preset docs "$@" ;;
    esac
    case " $* " in
    *" --port "*) ;;
    *) set -- --port 0 "$@" ;;
    esac
    "$SPFS_SIM" --log "$SIM_LOG" --ready-file "$ready" "$@" >>"$T/sim.out" 2>&1 &
    SIM_PID=$!
    local end=$((SECONDS + 15 * BUSY))
    until [ -s "$ready" ]; do
        if ! kill -0 $SIM_PID 2>/dev/null || [ $SECONDS -ge $end ]; then
            fail "spfs-sim did not start: $(cat "$T/sim.out")"
        fi
        sleep 0.02
    done
    SIM_URL=$(grep -oE 'https?://[^ ]+' "$ready" "$T/sim.out" | tail -n 1 | grep -oE 'https?://[^ ]+')
    SIM_URL=${SIM_URL%/}
}

sim_stop()
{
    if [ -n "$SIM_PID" ]; then
        kill "$SIM_PID" 2>/dev/null || true
        wait "$SIM_PID" 2>/dev/null || true
        SIM_PID=
    fi
}

sim_curl()
{
    curl -sS --fail-with-body --max-time 60 -k "$@"
}

# sim_change JSON: changes the tenant as another user would
sim_change()
{
    sim_curl -X POST -H 'Content-Type: application/json' -d "$1" "$SIM_URL/_sim/change" >/dev/null
}

# sim_op OP PATH [KEY VALUE]...: the same with the JSON made here; sim_write PATH TEXT
sim_op()
{
    sim_change "$(python3 -c '
import json, sys
op = {"op": sys.argv[1], "path": sys.argv[2]}
numbers = ("size", "seed", "mtime")
op.update((k, int(v) if k in numbers else v) for k, v in zip(sys.argv[3::2], sys.argv[4::2]))
print(json.dumps(op))' "$@")"
}

sim_write()
{
    sim_op write "$1" content "$2"
}

# sim_library: "/Site/Library" of the first file of the tenant
sim_library()
{
    sim_curl "$SIM_URL/_sim/hashes" | python3 -c '
import json, sys
print("/".join(sorted(json.load(sys.stdin))[0].split("/")[:3]))'
}

# sim_faults JSON-ARRAY; sim_faults_clear
sim_faults()
{
    sim_curl -X POST -H 'Content-Type: application/json' -d "$1" "$SIM_URL/_sim/faults" >/dev/null
}

# sim_fired: how often the rules fired since they were set
sim_fired()
{
    sim_curl "$SIM_URL/_sim/faults" | python3 -c 'import json, sys; print(sum(r["fired"] for r in json.load(sys.stdin)))'
}

sim_faults_clear()
{
    sim_curl -X DELETE "$SIM_URL/_sim/faults" >/dev/null
}

# sim_counter NAME: one number of GET /_sim/counters (a name may be nested: violations.throttle)
sim_counter()
{
    sim_curl "$SIM_URL/_sim/counters" | python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    value = value[key]
print(value)' "$1"
}

# sim_mark: later calls of sim_requests and sim_log count from here
sim_mark()
{
    MARK=$(wc -l <"$SIM_LOG")
}

# sim_log: the log lines since the mark, without the calls of the tests themselves
sim_log()
{
    tail -n +$((MARK + 1)) "$SIM_LOG" | grep -v '"/_sim/' || true
}

# sim_requests [PYTHON-EXPRESSION]: how many requests since the mark satisfy it; r is the log entry
sim_requests()
{
    sim_log | python3 -c '
import json, sys
test = compile(sys.argv[1], "request", "eval")
print(sum(1 for line in sys.stdin if eval(test, {"r": json.loads(line)})))' "${1:-True}"
}

# sim_sum PYTHON-EXPRESSION: the sum over the requests since the mark
sim_sum()
{
    sim_log | python3 -c '
import json, sys
value = compile(sys.argv[1], "request", "eval")
print(sum(eval(value, {"r": json.loads(line)}) for line in sys.stdin))' "$1"
}

# sim_hash PATH: the quickXorHash of a file of the tenant, as the server computes it
sim_hash()
{
    sim_curl "$SIM_URL/_sim/hashes" -G --data-urlencode "path=$(dirname "$1")" | python3 -c '
import json, sys
print(json.load(sys.stdin)[sys.argv[1]]["quickXorHash"])' "$1"
}

# hash_of FILE: the same of a local file, "/dev/stdin" among them
hash_of()
{
    "$SPFS_SIM" --quickxor "$1" | cut -d ' ' -f 1
}

# verify [MOUNT [PREFIX]]: reads every file back and compares it with the simulator's hashes
verify()
{
    python3 "$TOP/scripts/lib/verify-tree.py" "$SPFS_SIM" "$SIM_URL" "${1:-$M}" "${2:-}"
}

# ---------------------------------------------------------------------------------------------------- spfs
# config [LINE...]: writes $SPFS_CONFIG for the running simulator; lines are added to the connection "sim"
config()
{
    printf 'sim-secret\n' >"$T/secret"
    chmod 600 "$T/secret"
    {
        printf '[connection sim]\ntenant = contoso.example\nclient_id = 11111111-1111-1111-1111-111111111111\n'
        printf 'auth = secret\nclient_secret_file = %s\nlogin_url = %s\ngraph_url = %s\n' "$T/secret" "$SIM_URL" "$SIM_URL"
        if [ $# -gt 0 ]; then
            printf '%s\n' "$@"
        fi
    } >"$SPFS_CONFIG"
}

mounted()
{
    grep -qF " ${1:-$M} fuse.spfs " /proc/self/mounts
}

# spfs_mount [SOURCE [OPTIONS [MOUNTPOINT]]]: mounts in the foreground as a job; its log is $T/spfs.log
spfs_mount()
{
    local source=${1:-sim:} options=$OPTIONS${2:+,$2} dir=${3:-$M}
    MOUNTS+=("$dir")
    "$SPFS" mount "$source" "$dir" -f -o "$options" >>"$T/spfs.log" 2>&1 &
    SPFS_PID=$!
    local end=$((SECONDS + 30 * BUSY))
    until mounted "$dir"; do
        if ! kill -0 $SPFS_PID 2>/dev/null || [ $SECONDS -ge $end ]; then
            fail "spfs did not mount: $(tail -n 5 "$T/spfs.log")"
        fi
        sleep 0.02
    done
    ls "$dir" >/dev/null
}

# spfs_unmount [MOUNTPOINT]: unmounts and waits for the job of spfs_mount; fails if it did not end well
spfs_unmount()
{
    local status=0
    "$SPFS" unmount "${1:-$M}"
    wait "$SPFS_PID" || status=$?
    SPFS_PID=
    assert_eq "$status" 0 "exit status of the daemon"
    if mounted "${1:-$M}"; then
        fail "still mounted"
    fi
}

# setup [SIM-OPTION...]: simulator, configuration and mount in one
setup()
{
    sim_start "$@"
    config
    spfs_mount
}

# warm [MOUNTPOINT]: every library is known, has had its first delta pass, and is as the server has it now
warm()
{
    find "${1:-$M}" -maxdepth 4 >/dev/null
    "$SPFS" sync "${1:-$M}"
}

# drop_pages FILE...: the kernel forgets the cached pages of these files
drop_pages()
{
    python3 -c '
import os, sys
for path in sys.argv[1:]:
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)' "$@"
}

# attribute NAME FILE: its extended attribute user.spfs.NAME
attribute()
{
    getfattr --absolute-names --only-values -n "user.spfs.$1" "$2"
}

# daemons: the process ids of every spfs that serves a directory below $T
daemons()
{
    local file
    grep -laF "$T/" /proc/[0-9]*/cmdline 2>/dev/null | while IFS= read -r file; do
        if [ "$(basename "$(readlink "${file%/cmdline}/exe" 2>/dev/null || true)")" = spfs ]; then
            basename "${file%/cmdline}"
        fi
    done || true
}

no_daemons()
{
    [ -z "$(daemons)" ]
}

# rss_anon_kb [PID]: anonymous memory of the daemon
rss_anon_kb()
{
    awk '/^RssAnon:/ { print $2 }' "/proc/${1:-$SPFS_PID}/status"
}

# ---------------------------------------------------------------------------------------------------- the end
show_logs()
{
    local file
    for file in "$T"/spfs*.log "$T/sim.out"; do
        if [ -s "$file" ]; then
            printf -- '--- %s (last lines)\n' "$(basename "$file")"
            tail -n 40 "$file"
        fi
    done
    if [ -s "$SIM_LOG" ]; then
        printf -- '--- requests (last)\n'
        tail -n 15 "$SIM_LOG" | cut -c 1-300
    fi
} >&2

check_violations()
{
    local text
    if [ -z "$SIM_PID" ] || [ -n "$VIOLATIONS_EXPECTED" ]; then
        return 0
    fi
    text=$(sim_curl "$SIM_URL/_sim/counters" | python3 -c '
import json, sys
found = json.load(sys.stdin).get("violations", {})
print(" ".join("%s=%s" % (k, v) for k, v in found.items() if v) if isinstance(found, dict) else found or "")')
    if [ -n "$text" ]; then
        echo "FAILED: the client broke the rules of the service: $text" >&2
        return 1
    fi
}

cleanup()
{
    local status=$? dir pid report
    trap - EXIT
    trap '' TERM INT
    set +e
    cd /
    if [ $status -eq 0 ]; then
        check_violations || status=1
    fi
    for dir in "${MOUNTS[@]}"; do
        if mounted "$dir"; then
            fusermount3 -uq "$dir" || fusermount3 -uzq "$dir" || umount -l "$dir"
        fi
    done
    for pid in $(jobs -p) $(daemons); do
        if [ "$pid" != "$SIM_PID" ]; then
            kill "$pid" 2>/dev/null
        fi
    done
    local end=$((SECONDS + 10 * BUSY))
    while ! no_daemons && [ $SECONDS -lt $end ]; do
        sleep 0.05
    done
    for pid in $(daemons); do
        echo "FAILED: process $pid did not end" >&2
        kill -9 "$pid"
        status=1
    done
    sim_stop
    for report in "$T"/sanitizer.*; do
        if [ -s "$report" ]; then
            echo "FAILED: sanitizer report" >&2
            head -n 80 "$report" >&2
            status=1
        fi
    done
    if [ $status -ne 0 ] && [ $status -ne 77 ]; then
        show_logs
    fi
    # What a test mounted besides (only in its own namespace), the last one first.
    awk -v top="$T/" 'index($2, top) == 1 { print $2 }' /proc/self/mounts | tac | while IFS= read -r dir; do
        umount -l "$(printf '%b' "$dir")"
    done
    # Nothing is deleted while anything is still mounted below: a bind mount has the device of what it shows.
    if awk -v top="$T/" 'index($2, top) == 1 { found = 1 } END { exit !found }' /proc/self/mounts; then
        echo "FAILED: something is still mounted below $T" >&2
        status=1
    else
        rm -rf --one-file-system "$T"
    fi
    exit $status
}
trap cleanup EXIT
trap 'exit 124' TERM INT HUP

if [ ! -e /dev/fuse ]; then
    skip "/dev/fuse is missing"
fi
