#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# An ordinary user mounts and unmounts through fusermount3.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "needs root to become another user"
id nobody >/dev/null 2>&1 || skip "there is no user nobody"
[ -u "$(command -v fusermount3)" ] || skip "fusermount3 is not setuid here"
sim_start
config
# Where the device is for root only (a container; udev makes it 0666), stand in for udev, in this namespace.
if [ -z "$(find /dev/fuse -perm -006)" ]; then
    mknod -m 666 "$T/fuse" c 10 229 && mount --bind "$T/fuse" /dev/fuse || skip "/dev/fuse is for root only"
fi
library=$(sim_library)
install -m 755 "$SPFS" "$T/spfs"
mkdir "$T/own"
mv "$M" "$T/own/mnt"
M=$T/own/mnt
MOUNTS+=("$M")
cp "$SPFS_CONFIG" "$T/secret" "$T/own/"
sed -i "s#$T/secret#$T/own/secret#" "$T/own/spfs.conf"
chown -R nobody "$T/own"
chmod 755 "$T"
as_nobody()
{
    setpriv --reuid=nobody --regid=nogroup --clear-groups env SPFS_CONFIG="$T/own/spfs.conf" HOME=/nonexistent \
        XDG_RUNTIME_DIR="$T/own" "$@"
}
options=state_dir=$T/own/state,cache_dir=$T/own/cache

as_nobody "$T/spfs" mount sim: "$M" -o "$options" </dev/null
assert_eq "$(as_nobody ls -d "$M$library")" "$M$library" "listing as the user"
assert_eq "$(as_nobody stat -c %U "$M$library")" nobody "owner of what the user mounted"
assert_eq "$(findmnt -n -o SOURCE,FSTYPE "$M" | tr -s ' ')" "sim: fuse.spfs" "findmnt"
assert_eq "$(find "$T/own/state" "$T/own/cache" -perm /077 | wc -l)" 0 "files of the user that others may read"
as_nobody "$T/spfs" status "$M" >/dev/null
as_nobody "$T/spfs" unmount "$M"
wait_until 20 no_daemons

note "fusermount3 -u ends it too"
as_nobody "$T/spfs" mount sim: "$M" -o "$options" </dev/null
as_nobody fusermount3 -u "$M"
wait_until 20 no_daemons

note "kill -9, then mounting again clears the dead mountpoint"
as_nobody "$T/spfs" mount sim: "$M" -o "$options" </dev/null
kill -9 "$(daemons)"
wait_until 20 no_daemons
as_nobody "$T/spfs" mount sim: "$M" -o "$options" </dev/null
assert_eq "$(as_nobody ls -d "$M$library")" "$M$library" "listing after the crash"
as_nobody "$T/spfs" unmount "$M"
wait_until 20 no_daemons

note "setuid=, as root calls it from fstab"
SPFS_CONFIG=$T/own/spfs.conf XDG_RUNTIME_DIR=$T/own "$T/spfs" mount sim: "$M" -o "$options,setuid=nobody,drop_privileges" </dev/null
assert_eq "$(stat -c %U "/proc/$(daemons)")" nobody "owner of the daemon"
assert_eq "$(as_nobody ls -d "$M$library")" "$M$library" "listing as the user that root became"
as_nobody "$T/spfs" unmount "$M"
wait_until 20 no_daemons
