#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model test: readers on a real mount, another user on the server, faults, kill -9, and a model that knows every byte.

    SPFS=... SPFS_SIM=... [SPFS_SEED=N] [SPFS_MODEL_SECONDS=N] model.py

1. calm: the other user changes things, and there is nothing wrong: every error is a failure that no change explains;
2. chaos: the same with faults of the service, kill -9 and new mounts;
3. the end: no faults, one `spfs sync`: the mount equals the server in every name, size and byte, then also a new mount
   with an empty block cache. The client broke no rule of the service.

Exits 0 if all was well. Otherwise prints the seed, what happened last, and the logs. It leaves nothing mounted.
"""
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback

from readers import Failure, Reader
from truth import MAX_SIZE, Truth
from world import SIM, World

OP_TIMEOUT = 10
HANG = 9 * OP_TIMEOUT   # a path is several look-ups, each with a deadline of its own; and the machine may be busy
TOTAL = 360             # beyond the active time: more is a hang of the test itself
READERS = 5
LIBRARY = ["Empty", "Documents"]
NAMES = ("report %d.docx", "data-%d.bin", "Übersicht %d.txt", "日本語 %d.md", "50%% #%d & it's.txt", "a+b %d.xlsx", "%d")

CONTENT_FAULTS = (
    {"status": 429, "retry_after": 1}, {"status": 503, "retry_after": 1}, {"status": 500}, {"status": 404},
    {"reset_after": 0}, {"reset_after": 70000}, {"truncate": 0}, {"truncate": 5000}, {"truncate": 200000},
    {"stall_ms": 1500, "stall_after": 3000}, {"stall_ms": 15000}, {"wrong_content_range": True}, {"ignore_range": True},
    {"html": True}, {"garbage": True}, {"expire_url": True}, {"drop_etag": True})
GRAPH_FAULTS = (
    {"status": 429, "retry_after": 1}, {"status": 503, "retry_after": 2}, {"status": 500}, {"status": 504}, {"reset_after": 0},
    {"reset_after": 100}, {"truncate": 50}, {"stall_ms": 1500}, {"html": True}, {"garbage": True}, {"expire_url": True})


class OtherUser(threading.Thread):
    """Changes the server, and the model with it."""

    def __init__(self, run):
        super().__init__(name="other user", daemon=True)
        self.run_, self.truth, self.world = run, run.truth, run.world
        self.dice = random.Random("%d other user" % run.seed)
        self.names = 0
        self.changes = 0

    def size(self):
        kind = self.dice.random()
        if kind < 0.1:
            return 0
        if kind < 0.2:
            return self.dice.randint(1, 20)
        if kind < 0.5:
            return self.dice.randint(21, 20000)
        if kind < 0.85:  # at and around the sizes of blocks and requests
            return (self.dice.randint(1, 8) << 17) + self.dice.randint(-1, 1)
        return self.dice.randint(200000, MAX_SIZE)

    def items(self, is_dir):
        return [i for i in self.truth.below(self.truth.top) if i.is_dir == is_dir]

    def a_folder(self, but=None):
        inside = set(self.truth.below(but)) | {but} if but else set()
        return self.dice.choice([self.truth.top] + [f for f in self.items(True) if f not in inside])

    def a_name(self, folder):
        if self.dice.random() < 0.3:  # one that was used before
            old = [p.name for p in folder.children if not self.truth.is_taken(folder, p.name)]
            if old:
                return self.dice.choice(old)
        self.names += 1
        return self.dice.choice(NAMES) % self.names

    def ask(self, items, **change):
        self.world.ask("POST", "change", change)
        self.truth.settle(items, time.monotonic())
        self.changes += 1
        change.pop("content", None)
        self.run_.log("other user: %s" % change)

    def write(self, item):
        version = self.truth.announce_version(item, self.size(), time.monotonic())
        self.ask([item], op="write", path=self.truth.path(item), content=version.piece(0, version.size).decode(),
                 keep=version.size < 100000, size=version.size)

    def new_file(self):
        folder = self.a_folder()
        self.write(self.truth.announce_item(folder, self.a_name(folder), False, time.monotonic()))

    def new_folder(self):
        folder = self.a_folder()
        item = self.truth.announce_item(folder, self.a_name(folder), True, time.monotonic())
        self.ask([item], op="mkdir", path=self.truth.path(item))

    def move(self, item, rename_only):
        folder = item.place.parent if rename_only else self.a_folder(but=item)
        name = self.a_name(folder)
        if rename_only or self.truth.is_taken(folder, item.place.name) or self.dice.random() < 0.5:
            change = {"name": name}
        else:
            name, change = item.place.name, {}
        path, to = self.truth.path(item), self.truth.path(folder)
        if folder is not item.place.parent:
            change["to"] = to
        if not change:
            return
        self.truth.announce_move(item, folder, name, time.monotonic())
        self.ask([item], op="move", path=path, **change)

    def delete(self, item):
        path = self.truth.path(item)
        self.ask(self.truth.announce_delete(item, time.monotonic()), op="delete", path=path)

    def step(self):
        files, folders = self.items(False), self.items(True)
        kind = self.dice.random()
        if len(files) < 15 or (kind < 0.12 and len(files) < 50):
            self.new_file()
        elif kind < 0.17 and len(folders) < 15:
            self.new_folder()
        elif kind < 0.62:
            self.write(self.dice.choice(files))
        elif kind < 0.80:
            self.move(self.dice.choice(files), self.dice.random() < 0.5)
        elif kind < 0.86 and folders:
            self.move(self.dice.choice(folders), self.dice.random() < 0.5)
        elif kind < 0.94:
            self.delete(self.dice.choice(files))
        elif kind < 0.96 and folders:
            self.delete(self.dice.choice(folders))
        else:
            self.ask([], op="touch", path=self.truth.path(self.dice.choice(files)))

    def run(self):
        try:
            while not self.run_.over:
                self.step()
                time.sleep(self.dice.expovariate(6))
        except Exception as e:  # pylint: disable=broad-except
            self.run_.crash(self.name, e)


class Run:
    def __init__(self, seed, seconds):
        self.seed, self.seconds = seed, seconds
        self.dice = random.Random("%d chaos" % seed)
        self.world = World(OP_TIMEOUT)
        self.truth = Truth(LIBRARY)
        self.events = collections.deque(maxlen=150)
        self.over = False
        self.had_faults = False
        self.failure = None
        self.failed = threading.Event()
        self.downs = 0        # how often the daemon was killed
        self.is_down = False
        self.counts = collections.Counter()
        self.began = time.monotonic()
        self.user = OtherUser(self)
        self.readers = [Reader(self, n) for n in range(READERS)]

    # -------------------------------------------------------------------------------------------- used by all threads
    def log(self, text):
        self.events.append("%8.3f %s" % (time.monotonic() - self.began, text))

    def fail(self, text):
        self.log("FAILED: " + text)
        self.failure = self.failure or text
        self.over = True
        self.failed.set()

    def crash(self, who, error):
        self.fail("%s: %s\n%s" % (who, error, "".join(traceback.format_exception(error))))

    def epoch(self):
        return (self.downs, self.is_down)

    def was_down(self, epoch):
        """Has the daemon been away at any time since?"""
        return epoch[1] or epoch != self.epoch()

    # ----------------------------------------------------------------------------------------------------------- chaos
    def sync(self, must):
        began = time.monotonic()
        done = self.world.command("sync", self.world.mountpoint)
        self.log("sync: %d after %.2f s %s" % (done.returncode, time.monotonic() - began, done.stdout.decode().strip()))
        if done.returncode == 0:
            self.truth.synced = began
        elif must:
            raise Failure("spfs sync: " + done.stdout.decode())
        self.counts["sync" if done.returncode == 0 else "failed sync"] += 1

    def faults(self):
        self.had_faults = True
        content = self.dice.random() < 0.65
        rule = dict(self.dice.choice(CONTENT_FAULTS if content else GRAPH_FAULTS), times=self.dice.randint(1, 4),
                    probability=self.dice.choice((1, 0.5)), seed=self.dice.randrange(1 << 30))
        rule["path_contains"] = "/_content/" if content else self.dice.choice(("/v1.0/", "/v1.0/", "/delta", "/children", "/token"))
        self.log("faults: %s" % rule)
        self.world.ask("POST", "faults", rule)
        self.counts["fault rules"] += 1

    def no_faults(self):
        self.counts["faults"] += sum(r["fired"] for r in self.world.ask("GET", "faults"))
        self.world.ask("DELETE", "faults")
        self.log("no faults")

    def mount(self):
        if self.world.mount():
            return
        self.log("mount failed with faults: %s" % self.world.tail("spfs.log", 1))
        if not self.had_faults:
            raise Failure("spfs does not mount")
        self.no_faults()
        if not self.world.mount():
            raise Failure("spfs does not mount, although there are no faults")

    def kill(self):
        self.is_down = True
        self.downs += 1
        self.log("kill -9")
        self.world.kill()
        time.sleep(self.dice.random() * 0.3)
        self.mount()
        self.is_down = False
        self.log("mounted again")
        self.counts["kill"] += 1

    def pause(self, seconds):
        if self.failed.wait(seconds):
            raise Failure(self.failure)
        for reader in self.readers:
            call = reader.call
            if call and time.monotonic() - call[1] > HANG:
                raise Failure("%s hangs: %s, for %.0f s" % (reader.name, call[0], time.monotonic() - call[1]))

    def calm(self, until):
        while time.monotonic() < until:
            self.pause(self.dice.random())
            self.sync(must=True)

    def chaos(self, until):
        kill_at = time.monotonic() + 2 + self.dice.random() * 3
        while time.monotonic() < until:
            self.pause(self.dice.random() * 0.5)
            if time.monotonic() > kill_at:
                self.kill()
                kill_at = time.monotonic() + 3 + self.dice.random() * 6
            kind = self.dice.random()
            if kind < 0.6:
                self.faults()
            elif kind < 0.7:
                self.no_faults()
            elif kind < 0.75:
                self.world.ask("POST", "change", {"op": "resync", "path": "/" + "/".join(LIBRARY)})
                self.log("older delta links are void")
            elif kind < 0.9:
                self.sync(must=False)

    # ------------------------------------------------------------------------------------------------------- the end
    def quiet(self):
        """Ends readers and the other user; no fault is left."""
        self.no_faults()
        self.over = True
        end = time.monotonic() + HANG
        for thread in [self.user] + self.readers:
            while thread.is_alive() and time.monotonic() < end:
                thread.join(0.2)
                self.failed.is_set() and self.pause(0)
            if thread.is_alive():
                raise Failure("%s hangs: %s" % (thread.name, getattr(thread, "call", None)))
        self.pause(0)

    def compare(self, when):
        want = {path: v and v.size for path, v in self.truth.tree().items()}
        top = "/" + "/".join(LIBRARY)
        have = {}

        def stop(error):
            raise Failure("%s: listing %s: %s" % (when, error.filename, error.strerror))

        for folder, folders, files in os.walk(self.world.mountpoint + top, onerror=stop):
            at = folder[len(self.world.mountpoint):]
            have.update({at + "/" + name: None for name in folders})
            have.update({at + "/" + name: os.stat(folder + "/" + name).st_size for name in files})
        wrong = ["%s: the server has %s, the mount %s" % (p, want.get(p, "nothing"), have.get(p, "nothing"))
                 for p in sorted(set(want) | set(have)) if want.get(p, "nothing") != have.get(p, "nothing")]
        for path, version in self.truth.tree().items():
            if version and path in have:
                with open(self.world.mountpoint + path, "rb") as f:
                    if f.read() != version.piece(0, version.size):
                        wrong.append("%s: content is not %s" % (path, version))
        if wrong:
            raise Failure("%s, the mount is not as the server:\n  %s" % (when, "\n  ".join(wrong[:20])))
        verify = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/lib/verify-tree.py")
        done = subprocess.run([sys.executable, verify, SIM, self.world.url, self.world.mountpoint], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Failure("%s, by the server's hashes:\n%s" % (when, done.stdout.decode()))

    def the_end(self):
        self.quiet()
        self.sync(must=True)
        self.compare("after the last sync")
        self.end_daemon()
        shutil.rmtree(self.world.dir + "/cache")
        self.had_faults = False
        self.mount()
        self.compare("with an empty block cache")
        self.end_daemon()
        violations = self.world.ask("GET", "violations")
        if violations["total"]:
            raise Failure("the client broke rules of the service: %s" % violations)

    def end_daemon(self):
        status = self.world.unmount()
        if status:
            raise Failure("the daemon ended with status %d" % status)

    def report(self):
        calls = collections.Counter()
        for reader in self.readers:
            calls.update(reader.done)
        print("changes %d, %s" % (self.user.changes, ", ".join("%s %d" % c for c in sorted(self.counts.items()))))
        print("calls: " + ", ".join("%s %s %d" % (*c, n) for c, n in sorted(calls.items())))

    def show(self):
        if self.world.daemon and self.world.daemon.poll() is not None:
            print("the daemon ended with status %d" % self.world.daemon.poll())
        print("FAILED with seed %d (repeat with SPFS_SEED=%d): %s" % (self.seed, self.seed, self.failure))
        print("--- what happened last")
        print("\n".join(list(self.events)[-80:]))
        for name, lines in (("spfs.log", 60), ("sim.log", 10), ("requests.log", 15)):
            print("--- %s\n%s" % (name, "\n".join(self.world.tail(name, lines))))
        for name in self.world.sanitizer_reports():
            print("--- %s\n%s" % (name, "\n".join(self.world.tail(name, 100))))

    def finish(self, status):
        self.over = True
        if not self.failure and self.world.sanitizer_reports():
            self.failure, status = "a sanitizer reported", 1
        if status:
            self.failure = self.failure or "unknown"
            self.show()
        self.report()
        sys.stdout.flush()
        if os.environ.get("SPFS_MODEL_KEEP") and status:
            shutil.copytree(self.world.dir, os.environ["SPFS_MODEL_KEEP"], dirs_exist_ok=True, ignore=shutil.ignore_patterns("mnt"))
        self.world.end()
        os._exit(status)  # threads may still hang in calls

    def go(self):
        signal.signal(signal.SIGTERM, lambda *_: self.fail("ended by a signal"))
        timer = threading.Timer(self.seconds + TOTAL, lambda: (self.fail("the test itself hangs"), self.finish(1)))
        timer.daemon = True
        timer.start()
        try:
            for _ in range(16):
                self.user.step()
            self.mount()
            self.sync(must=True)
            start = time.monotonic()
            for thread in [self.user] + self.readers:
                thread.start()
            self.calm(start + self.seconds * 0.35)
            self.chaos(start + self.seconds)
            self.the_end()
        except Failure as e:
            self.fail(str(e))
        except Exception as e:  # pylint: disable=broad-except
            self.crash("main", e)
        self.finish(1 if self.failure else 0)


def enter_namespace():
    """As root, everything happens in a mount namespace of its own."""
    if os.geteuid() == 0 and "SPFS_MODEL_INSIDE" not in os.environ and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0:
        os.environ["SPFS_MODEL_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable] + sys.argv)


def main():
    if not os.path.exists("/dev/fuse"):
        print("skipped: /dev/fuse is missing")
        return 77
    enter_namespace()
    seed = int(os.environ.get("SPFS_SEED") or random.SystemRandom().randrange(1 << 31))
    print("seed %d" % seed, flush=True)
    Run(seed, float(os.environ.get("SPFS_MODEL_SECONDS") or 25)).go()
    return 1


sys.exit(main())
