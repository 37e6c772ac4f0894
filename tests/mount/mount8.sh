#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# mount(8), fstab and umount(8) work as with any filesystem.
LIMIT=90
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "mount(8) of the system's table needs root"
[ -x /sbin/mount.fuse ] || [ -x /usr/sbin/mount.fuse ] || skip "mount.fuse is missing (package fuse3)"
unshare -m true 2>/dev/null || skip "mount namespaces are not allowed here"
# mount.fuse3 looks for spfs on the fixed path of /bin/sh: a folder with nothing else covers /usr/local/bin, in this
# namespace only. (Never the other way round: nothing of the system may be reachable below $T, which is deleted.)
mkdir "$T/bin"
ln -s "$SPFS" "$T/bin/spfs"
mount --bind "$T/bin" /usr/local/bin
sim_start
config
library=$(sim_library)

note "mount -t fuse.spfs"
mount -t fuse.spfs sim: "$M" -o "$OPTIONS,ro,noatime,_netdev,nofail,x-gvfs-show"
[ -d "$M$library" ] || fail "the mount does not answer"
assert_eq "$(findmnt -n -o SOURCE,FSTYPE "$M" | tr -s ' ')" "sim: fuse.spfs" "findmnt"
assert_match "$(findmnt -n -o OPTIONS "$M")" '(^|,)ro(,|$)' "mounted read-only"
umount "$M"
wait_until 20 no_daemons

note "options that mount(8) passes on"
mount -t fuse.spfs sim: "$M" -o "$OPTIONS,relatime,nodev,nosuid,noexec,lazytime,nodiratime,allow_other,default_permissions,uid=12,gid=34"
assert_eq "$(stat -c '%u %g' "$M")" "12 34" "owner by option"
assert_fails 'mounted|remount' mount -t fuse.spfs sim: "$M" -o "$OPTIONS"
assert_eq "$(findmnt -n "$M" | wc -l)" 1 "mounts on one directory"
umount "$M"
wait_until 20 no_daemons

note "the helper that the package installs; -f of mount(8) is fake; remount is refused"
ln -s "$SPFS" "$T/mount.fuse.spfs"
"$T/mount.fuse.spfs" sim: "$M" -f -n -v -o "rw,$OPTIONS,user,nofail,_netdev" -t fuse.spfs </dev/null
! mounted || fail "a fake mount mounted"
"$T/mount.fuse.spfs" sim: "$M" -s -o "rw,$OPTIONS,user=alice,noexec,nosuid,nodev,nofail,_netdev" -t fuse.spfs </dev/null
[ -d "$M$library" ] || fail "the mount does not answer"
assert_fails 'remount' mount -o remount,ro "$M"
assert_eq "$(findmnt -n "$M" | wc -l)" 1 "mounts after a remount"
umount "$M"
wait_until 20 no_daemons

note "fstab, mount -a twice"
mkdir "$T/with space"
MOUNTS+=("$T/with space")
printf '%s %s fuse.spfs %s,ro,user,_netdev,nofail 0 0\n' \
    "sim:" "$M" "$OPTIONS" "sim:${library// /\\040}" "${T// /\\040}/with\\040space" "state_dir=$T/state2,cache_dir=$T/cache2" >"$T/fstab"
mount -a -T "$T/fstab" -t fuse.spfs
mount -a -T "$T/fstab" -t fuse.spfs
assert_eq "$(findmnt -n -t fuse.spfs -o TARGET | wc -l)" 2 "mounts after mount -a twice"
assert_eq "$(findmnt -n -o SOURCE "$T/with space")" "sim:$library" "source with a space"
[ -n "$(ls "$T/with space")" ] || fail "the second mount is empty"
umount "$M"
umount "$T/with space"
wait_until 20 no_daemons

note "failures reach mount(8) with their sentence and a status"
assert_fails 'nobody|not known|no connection|unknown' mount -t fuse.spfs nobody: "$M" -o "$OPTIONS"
sim_stop
