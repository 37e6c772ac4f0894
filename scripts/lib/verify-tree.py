#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads every file of a mount and compares it with the hashes that the simulator computed itself.

    verify-tree.py MOUNT HASHES.json [PREFIX]

HASHES.json is GET /_sim/hashes: {"/Site/Library/a/b": {"size": N, "sha256": HEX, ...}}. With PREFIX, MOUNT shows that
folder only. Prints one line and exits 0, or prints what differs and exits 1.
"""
import hashlib
import json
import os
import sys


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


def main():
    mount = sys.argv[1]
    prefix = sys.argv[3].rstrip("/") if len(sys.argv) > 3 else ""
    with open(sys.argv[2], encoding="utf-8") as file:
        expected = {k[len(prefix):]: v for k, v in json.load(file).items() if not prefix or k.startswith(prefix + "/")}
    wrong, total, seen = [], 0, set()
    for path, want in sorted(expected.items()):
        try:
            size = os.lstat(mount + path).st_size
            found = sha256_of(mount + path)
        except OSError as error:
            wrong.append("%s: %s" % (path, error.strerror))
            continue
        seen.add(path)
        total += size
        if size != want["size"]:
            wrong.append("%s: stat says %d bytes, the server has %d" % (path, size, want["size"]))
        elif found != want["sha256"]:
            wrong.append("%s: content differs" % path)
    for folder, _, names in os.walk(mount, onerror=lambda e: wrong.append("%s: %s" % (e.filename, e.strerror))):
        for name in names:
            path = os.path.join(folder, name)[len(mount):]
            if path not in expected:
                wrong.append("%s: is not on the server" % path)
    for line in wrong[:20]:
        print(line)
    if wrong:
        print("%d of %d files differ" % (len(wrong), len(expected)))
        sys.exit(1)
    print("%d files, %d bytes: all as on the server" % (len(seen), total))


main()
