#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# memfs shows what it copied: the yardstick must measure a filesystem that works.
set -euo pipefail
memfs=$1
if [ ! -e /dev/fuse ]; then
    echo "skipped: /dev/fuse is missing"
    exit 77
fi

work=$(mktemp -d)
pid=
cleanup()
{
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || true
        wait "$pid" || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

mkdir -p "$work/like/a/b" "$work/like/empty" "$work/mnt"
seq 1000 >"$work/like/a/numbers"
: >"$work/like/a/b/nothing"
for i in $(seq 500); do
    echo "$i" >"$work/like/a/b/file $i"
done

coproc "$memfs" "$work/mnt" --big 1048577 --like "$work/like"
pid=$COPROC_PID
read -r -t 120 line <&"${COPROC[0]}"
[ "$line" = ready ]
[ "$(stat -c %s "$work/mnt/big")" = 1048577 ]
[ "$(wc -c <"$work/mnt/big")" = 1048577 ]
diff -r --exclude=big "$work/like" "$work/mnt"
[ "$(cd "$work/mnt" && find . ! -name big -printf '%P %s %Y\n' | grep -v ' d$' | sort | md5sum)" = \
    "$(cd "$work/like" && find . -printf '%P %s %Y\n' | grep -v ' d$' | sort | md5sum)" ]
