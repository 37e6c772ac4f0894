#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Names of every kind are shown as they are, and found without regard to case.
. "$(dirname "$0")/lib.sh"
setup
library=$(sim_library)
names=("with space" "per%20cent" "hash#tag" "plus+sign" "and&more" "it's" "comma,semi;colon" "日本語 ファイル" "emoji 😀🎉"
    "$(printf 'combining e\xcc\x81')" "$(printf 'composed \xc3\xa9')" "Ünïcödé" "dots...inside" "[brackets] (round) {curly}"
    "dollar\$ back\`tick" "=at@sign!" "-dash first" "UPPER lower" "tail.tar.gz" "$(printf 'n%.0s' {1..200})")
for name in "${names[@]}"; do
    sim_write "$library/Names/$name.txt" "I am $name"
done
warm

for name in "${names[@]}"; do
    assert_eq "$(cat "$M$library/Names/$name.txt")" "I am $name" "content of $name"
done
assert_eq "$(find "$M$library/Names" -type f | wc -l)" ${#names[@]} "number of entries"
for name in "${names[@]}"; do
    printf '%s\n' "$name.txt"
done | sort >"$T/expected"
(cd "$M$library/Names" && find . -type f -printf '%f\n') | sort | diff "$T/expected" - >&2 || fail "names differ"

assert_eq "$(cat "$M$library/NAMES/upper LOWER.TXT")" "I am UPPER lower" "another case"
assert_eq "$(cat "$M$library/Names/ÜNÏCÖDÉ.txt")" "I am Ünïcödé" "another case beyond ASCII"
assert_eq "$(stat -c %i "$M$library/Names/UPPER lower.txt")" "$(stat -c %i "$M$library/names/upper lower.txt")" "inode"
assert_fails 'No such file' cat "$M$library/Names/with spac.txt"
assert_fails 'File name too long' cat "$M$library/$(printf 'x%.0s' {1..300})"
assert_fails 'File name too long' cat "$M$library/$(printf 'x%.0s' {1..1100})"
