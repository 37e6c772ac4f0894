#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads every file of a mount and compares it with the hashes that the simulator computed itself.

    verify-tree.py SPFS-SIM URL MOUNT [PREFIX]

With PREFIX ("/Site/Library"), MOUNT shows that folder only. What lies behind a shortcut is compared with the place that
it points to. "My Files" is left out where nobody is signed in. Prints one line and exits 0, or prints what differs and
exits 1.
"""
import json
import os
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request

program, url, mount = sys.argv[1:4]
prefix = sys.argv[4].rstrip("/") if len(sys.argv) > 4 else ""
wrong = []


def ask(what, **query):
    query = urllib.parse.urlencode({k: v for k, v in query.items() if v})
    request = urllib.request.Request(url + "/_sim/" + what + "?" + query, headers={"User-Agent": "verify-tree"})
    with urllib.request.urlopen(request, context=ssl._create_unverified_context()) as reply:  # the test's own server
        return json.load(reply)


def hashes_of(paths):
    """{path: quickXorHash} of files below the mount, in as few calls as the argument list allows."""
    found, paths = {}, sorted(paths)
    for start in range(0, len(paths), 500):
        part = paths[start:start + 500]
        done = subprocess.run([program, "--quickxor"] + [mount + p for p in part], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        for line in done.stdout.decode().splitlines():
            digest, path = line.split("  ", 1)
            found[path[len(mount):]] = digest
        wrong.extend(done.stderr.decode().splitlines())
    return found


def main():
    everything = ask("hashes", local=1)
    expected = {k[len(prefix):]: v for k, v in everything.items() if k.startswith(prefix + "/")}
    if not prefix and not os.path.isdir(mount + "/My Files"):
        expected = {k: v for k, v in expected.items() if not k.startswith("/My Files/")}
    shortcuts = [i["path"][len(prefix):] + "/" for i in ask("tree") if i["kind"] == "remote" and not i["deleted"]]

    present = {}
    for folder, _, names in os.walk(mount, onerror=lambda e: wrong.append("%s: %s" % (e.filename, e.strerror))):
        for name in names:
            path = os.path.join(folder, name)
            present[path[len(mount):]] = os.lstat(path).st_size
    found = hashes_of(present)
    anywhere = {(os.path.basename(k), v["quickXorHash"]) for k, v in everything.items()}
    for path, want in expected.items():
        if path not in present:
            wrong.append(path + ": is missing")
        elif present[path] != want["size"]:
            wrong.append("%s: stat says %d bytes, the server has %d" % (path, present[path], want["size"]))
        elif found.get(path) != want["quickXorHash"]:
            wrong.append(path + ": content differs")
    for path in set(present) - set(expected):
        if not any(path.startswith(s) for s in shortcuts):
            wrong.append(path + ": is not on the server")
        elif (os.path.basename(path), found.get(path)) not in anywhere:
            wrong.append(path + ": differs from what the shortcut points to")
    for line in wrong[:20]:
        print(line)
    if wrong or not expected:
        print("%d of %d files are wrong" % (len(wrong), len(expected)))
        return 1
    print("%d files, %d bytes: all as on the server" % (len(present), sum(present.values())))
    return 0


sys.exit(main())
