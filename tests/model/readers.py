# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that read the mount, and what each of their calls may answer.

A call that overlaps a killed daemon may fail in any way, or see the empty mountpoint; what it delivered still counts.
Otherwise only ESTALE and ENOENT are answers, each when the server gave a reason; once there were faults, also the errors
of a server that cannot be reached.
"""
import errno
import os
import random
import subprocess
import sys
import threading
import time

STALE = {errno.ESTALE}
UNREACHED = {errno.ESTALE, errno.EIO, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EAGAIN}
LENGTHS = (1, 7, 100, 512, 4096, 5000, 65536, 131072, 200000, 1 << 20)
HELD = 4

# A child of its own: a fault in a mapped page is a signal. Prints the slices, each clipped to the mapping.
MAP = """
import mmap, os, sys
try:
    fd = os.open(sys.argv[1], os.O_RDONLY)
    size = os.fstat(fd).st_size
    if size:
        m = mmap.mmap(fd, size, prot=mmap.PROT_READ)
except OSError as e:
    sys.stderr.write(str(e.errno))
    sys.exit(100)
for a in sys.argv[2:]:
    off, n = map(int, a.split(":"))
    data = m[off:off + n] if off < size else b""
    sys.stdout.buffer.write(b"%d\\n" % len(data) + data)
"""


class Failure(Exception):
    pass


class Handle:
    """One open file description: everything that it delivers must be of one version."""

    def __init__(self, reader, path, fd, since, epoch, items):
        self.reader, self.path, self.fd, self.since, self.epoch, self.items = reader, path, fd, since, epoch, items
        self.candidates = None  # fixed by the first delivery
        self.seen = []

    def check(self, offset, data, at_end):
        """data was read at offset; at_end: and then the file's end was reported."""
        fresh = self.candidates is None
        if fresh:
            self.candidates = self.reader.truth.versions(self.items, self.since, time.monotonic())
        self.seen.append("%d+%d%s" % (offset, len(data), "=end" if at_end else ""))
        before = self.candidates
        self.candidates = [v for v in before if v.piece(offset, len(data)) == data and (not at_end or offset + len(data) >= v.size)]
        if fresh and not data and self.candidates:
            self.candidates = None  # nothing delivered yet: it may still move on to a newer version
        elif not self.candidates:
            raise Failure("%s: read %d bytes at %d%s, which begin with %r, no piece of %s\n  allowed: %s\n  earlier reads of this open file: %s" % (
                self.path, len(data), offset, ", then the end" if at_end else "", data[:24],
                "a version that may be seen" if fresh else "the version seen before", before[-6:], self.seen[-12:-1]))


class Reader(threading.Thread):
    def __init__(self, run, number):
        super().__init__(name="reader%d" % number, daemon=True)
        self.run_, self.truth, self.mount = run, run.truth, run.world.mountpoint
        self.dice = random.Random("%d reader %d" % (run.seed, number))
        self.held = []
        self.call = None  # (what, began): for the watchdog
        self.done = {}    # calls by outcome

    # ---------------------------------------------------------------------------------------------------------- calls
    def attempt(self, what, function, *args):
        """(result, None) or (None, errno)."""
        self.call = (what, time.monotonic())
        try:
            result, error = function(*args), None
        except OSError as e:
            result, error = None, e.errno
        took = time.monotonic() - self.call[1]
        self.call = None
        name = what.split(" ", 1)[0]
        outcome = (name, errno.errorcode.get(error, error) if error else "ok")
        self.done[outcome] = self.done.get(outcome, 0) + 1
        if error or took > 1:
            self.run_.log("%s %s: %s, %.2f s" % (self.name, what, outcome[1], took))
        return result, error

    def judge(self, what, path, error, since, epoch):
        """Was this error an allowed answer?"""
        if self.run_.was_down(epoch):
            return
        if error == errno.ENOENT:
            if self.truth.surely(path, since, time.monotonic()):
                raise Failure("%s: ENOENT, but the server had it all the time" % what)
        elif error == errno.ENOTDIR:
            parts, now = path.split("/"), time.monotonic()
            last = len(parts) + what.startswith("list")  # only a listing needs the last name to be a folder's
            if all(i.is_dir for n in range(2, last) for i in self.truth.maybe("/".join(parts[:n]), since, now)):
                raise Failure("%s: ENOTDIR, but it was a folder all the time" % what)
        elif error not in (UNREACHED if self.run_.had_faults else STALE):
            raise Failure("%s: %s is not an allowed answer here" % (what, errno.errorcode.get(error, error)))

    def start_call(self):
        return self.truth.synced, self.run_.epoch()

    def path_call(self, what, path, function, *args):
        """A call by path: (result or None, since, epoch); errors are judged."""
        since, epoch = self.start_call()
        result, error = self.attempt("%s %s" % (what, path), function, self.mount + path, *args)
        if error:
            self.judge("%s %s" % (what, path), path, error, since, epoch)
        elif not self.truth.maybe(path, since, time.monotonic()) and not self.run_.was_down(epoch):
            raise Failure("%s %s: found, but the server did not have it" % (what, path))
        return result, since, epoch

    # ---------------------------------------------------------------------------------------------------------- files
    def open(self):
        path = self.truth.some_path(self.dice, want_dir=False)
        fd, since, epoch = self.path_call("open", path, os.open, os.O_RDONLY)
        if fd is None:
            return None
        items = self.truth.maybe(path, since, time.monotonic())
        if any(i.is_dir for i in items):  # the name may be a folder's by now
            st, error = self.attempt("fstat " + path, os.fstat, fd)
            if error or os.path.stat.S_ISDIR(st.st_mode):
                os.close(fd)
                return None
        return Handle(self, path, fd, since, epoch, [i for i in items if not i.is_dir])

    def read(self, handle, offset, length):
        """Until length, the end or an error, as a program does. False: this handle is of no more use."""
        data = b""
        while len(data) < length:
            what = "read %s %d+%d" % (handle.path, offset + len(data), length - len(data))
            piece, error = self.attempt(what, os.pread, handle.fd, length - len(data), offset + len(data))
            if error:
                handle.check(offset, data, False)
                if error == errno.ENOENT:
                    raise Failure(what + ": ENOENT from an open file")
                self.judge(what, handle.path, error, handle.since, handle.epoch)
                return False
            if not piece:
                break
            data += piece
        handle.check(offset, data, len(data) < length)
        return True

    def close(self, handle):
        self.attempt("close", os.close, handle.fd)

    def read_whole(self):
        handle = self.open()
        if not handle:
            return
        step, offset = self.dice.choice(LENGTHS[4:]), 0
        while self.read(handle, offset, step) and handle.candidates and not self.run_.over:
            if offset > max(v.size for v in handle.candidates):
                break
            offset += step
        self.close(handle)

    def read_ranges(self):
        """A few reads of a file that may stay open for long."""
        if len(self.held) < HELD and (not self.held or self.dice.random() < 0.4):
            handle = self.open()
            if not handle:
                return
            self.held.append(handle)
        handle = self.dice.choice(self.held)
        top = max([v.size for i in handle.items for v in i.versions[-2:]] + [1])
        for _ in range(self.dice.randint(1, 6)):
            offset = self.dice.choice((0, self.dice.randrange(top), max(0, top - self.dice.randrange(9000)), top + self.dice.randrange(100)))
            if not self.read(handle, offset, self.dice.choice(LENGTHS)):
                break
        else:
            if self.dice.random() < 0.8:
                return
        self.held.remove(handle)
        self.close(handle)

    def read_mapped(self):
        path = self.truth.some_path(self.dice, want_dir=False)
        since, epoch = self.start_call()
        ranges = [(self.dice.randrange(1 << self.dice.randint(3, 22)), self.dice.choice(LENGTHS)) for _ in range(4)]
        argv = [sys.executable, "-I", "-S", "-c", MAP, self.mount + path] + ["%d:%d" % r for r in ranges]
        what = "map %s" % path
        done, _ = self.attempt(what, lambda: subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False))
        if done.returncode == 100:
            return self.judge(what, path, int(done.stderr), since, epoch)
        if done.returncode not in (0, -7):
            raise Failure("%s: the program ended with %d: %s" % (what, done.returncode, done.stderr[-300:]))
        handle = Handle(self, path, None, since, epoch, [i for i in self.truth.maybe(path, since, time.monotonic()) if not i.is_dir])
        rest = done.stdout
        for offset, length in ranges:
            if not rest:
                break
            count, _, rest = rest.partition(b"\n")
            count = int(count)
            handle.check(offset, rest[:count], count == min(length, len(rest)) and count < length)
            rest = rest[count:]

    # ---------------------------------------------------------------------------------------------------------- names
    def list(self):
        path = self.truth.some_path(self.dice, want_dir=True)
        names, since, epoch = self.path_call("list", path, os.listdir)
        if names is None or self.run_.was_down(epoch):
            return
        must, may = self.truth.listing(path, since, time.monotonic())
        if len(set(names)) != len(names):
            raise Failure("list %s: a name comes twice: %s" % (path, sorted(names)))
        if not must <= set(names) <= may:
            raise Failure("list %s: missing %s, invented %s" % (path, sorted(must - set(names)), sorted(set(names) - may)))

    def stat(self, change_case=False):
        path = self.truth.some_path(self.dice)
        if change_case:
            path = path[:path.rfind("/")] + path[path.rfind("/"):].swapcase()
        st, since, epoch = self.path_call("stat", path, os.stat)
        if st is None or self.run_.was_down(epoch):
            return
        items = self.truth.maybe(path, since, time.monotonic())
        sizes = {v.size for v in self.truth.versions(items, since, time.monotonic())}
        is_dir = os.path.stat.S_ISDIR(st.st_mode)
        if not any(i.is_dir == is_dir for i in items) or (not is_dir and st.st_size not in sizes):
            raise Failure("stat %s: mode %o, size %d; allowed sizes: %s" % (path, st.st_mode, st.st_size, sorted(sizes)))

    def attribute(self):
        path = self.truth.some_path(self.dice, want_dir=False)
        self.path_call("getxattr", path, os.getxattr, self.dice.choice(("user.spfs.id", "user.spfs.etag", "user.spfs.state")))

    def missing(self):
        path = "%s/missing %d" % (self.truth.some_path(self.dice, want_dir=True), self.dice.randrange(20))
        self.path_call("stat", path, os.stat)  # the model knows no such name: found is a failure

    # ----------------------------------------------------------------------------------------------------------- loop
    def run(self):
        works = ((self.read_whole, 24), (self.read_ranges, 40), (self.read_mapped, 2), (self.list, 8), (self.stat, 12),
                 (lambda: self.stat(True), 2), (self.attribute, 3), (self.missing, 4))
        work, weights = zip(*works)
        try:
            while not self.run_.over:
                self.dice.choices(work, weights)[0]()
                time.sleep(self.dice.random() * 0.02)
        except Failure as e:
            self.run_.fail("%s: %s" % (self.name, e))
        except Exception as e:  # pylint: disable=broad-except
            self.run_.crash(self.name, e)
        for handle in self.held:
            self.close(handle)
