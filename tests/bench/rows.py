# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of scripts/bench. Each measures two sides in one run and yields (what, value, bound, raw figures); the bound
is a string such as ">= 0.9". A row's first line of documentation is what --list shows."""
import os
import random
import subprocess
import threading
import time

from world import (Memfs, Rclone, Sim, Spfs, closing, cpu_seconds, drop_caches, rss_anon_mib, run, seconds_of, wait_for)

GIB = 1 << 30


def content_bytes(entries):
    return sum(e.get("bytes", 0) for e in entries if "/_content" in e["path"])


def read_all(path):
    return seconds_of("dd", "if=" + path, "of=/dev/null", "bs=1M", stderr=subprocess.DEVNULL)


def best_of(pairs, *actions):
    """Runs the actions in turn, several times over; the best time of each."""
    times = [[action() for action in actions] for _ in range(pairs)]
    return [min(column) for column in zip(*times)]


def peak_memory(pid, action):
    """What the action returns, and the most anonymous memory of the process meanwhile, in MiB."""
    peak, over = [rss_anon_mib(pid)], threading.Event()

    def watch():
        while not over.wait(0.05):
            peak.append(rss_anon_mib(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return action(), max(peak)
    finally:
        over.set()
        watcher.join()


def warm_read(world):
    """warm sequential read of 1 GiB, page cache dropped, against a FUSE server answering from memory"""
    with closing(Sim(world, "huge")) as sim:
        site, library, _, item = sim.first_file(GIB)
        with closing(Spfs(world, sim), Memfs(world, "--big", item["size"])) as (spfs, memfs):
            spfs.sync()
            ours, theirs = os.path.join(spfs.dir, site, library, item["name"]), os.path.join(memfs.dir, "big")

            def cold(path):
                drop_caches()
                return read_all(path)

            for path in (ours, theirs, ours, theirs):  # fill the cache, then map it
                cold(path)
            mark = sim.mark()
            a, b = best_of(4, lambda: cold(ours), lambda: cold(theirs))
            yield ("throughput / memfs", b / a, ">= 0.9",
                   {"spfs_mb_s": item["size"] / a / 1e6, "memfs_mb_s": item["size"] / b / 1e6})
            yield "requests", len(sim.requests(mark)), "<= 0", {}


def curl_ranges(sim, drive, item):
    """Downloads with 4 parallel ranges, the address looked up first, as spfs has to."""
    began = time.monotonic()
    url = sim.graph("/drives/%s/items/%s" % (drive, item["id"]))["@microsoft.graph.downloadUrl"]
    size, part = item["size"], -(-item["size"] // 4)
    curls = [subprocess.Popen(["curl", "-sS", "--fail", "--cacert", sim.world.cert, "-o", "/dev/null", "-r",
                               "%d-%d" % (at, min(at + part, size) - 1), url]) for at in range(0, size, part)]
    if any(curl.wait() for curl in curls):
        raise RuntimeError("curl failed")
    return time.monotonic() - began


def cold_read_capped(world):
    """cold sequential read of 1 GiB at 30 ms on a 1 Gbit/s link, against curl with 4 parallel ranges"""
    with closing(Sim(world, "huge", "--latency-ms", 30, "--mbps", 1000)) as sim:
        site, library, drive, item = sim.first_file(GIB)
        memory = []

        def ours():
            with closing(Spfs(world, sim)) as spfs:
                spfs.sync()
                path = os.path.join(spfs.dir, site, library, item["name"])
                took, most = peak_memory(spfs.pid, lambda: read_all(path))
                memory.append(most)
                return took

        a, b = best_of(2, ours, lambda: curl_ranges(sim, drive, item))
        yield ("throughput / curl", b / a, ">= 0.95",
               {"spfs_mb_s": item["size"] / a / 1e6, "curl_mb_s": item["size"] / b / 1e6})
        yield "RssAnon MiB, streaming", max(memory), "<= 256", {}


def cold_read_uncapped(world):
    """cold sequential read of 1 GiB at 30 ms, no cap, over TLS, against rclone mount"""
    with closing(Sim(world, "huge", "--latency-ms", 30, tls=True)) as sim:
        site, library, drive, item = sim.first_file(GIB)

        def ours():
            with closing(Spfs(world, sim)) as spfs:
                spfs.sync()
                return read_all(os.path.join(spfs.dir, site, library, item["name"]))

        def theirs():
            with closing(Rclone(world, sim, drive)) as rclone:
                os.stat(os.path.join(rclone.dir, item["name"]))
                return read_all(os.path.join(rclone.dir, item["name"]))

        a, b = best_of(2, ours, theirs)
        curl = curl_ranges(sim, drive, item)
        yield ("throughput / rclone", b / a, ">= 3",
               {"spfs_mb_s": item["size"] / a / 1e6, "rclone_mb_s": item["size"] / b / 1e6,
                "curl_mb_s": item["size"] / curl / 1e6})


def first_byte(world):
    """time to the first byte of a file that nobody has read, in round trips of 100 ms"""
    latency = 0.1
    with closing(Sim(world, "huge", "--latency-ms", 100)) as sim:
        site, library, _, item = sim.first_file(GIB)
        times, counts = [], []
        for _ in range(3):
            with closing(Spfs(world, sim)) as spfs:
                spfs.sync()
                mark = sim.mark()
                began = time.monotonic()
                with open(os.path.join(spfs.dir, site, library, item["name"]), "rb", buffering=0) as file:
                    file.read(4096)
                times.append((time.monotonic() - began) / latency)
                counts.append(len(sim.requests(mark)))
        yield "round trips", min(times), "<= 2.3", {"requests": min(counts), "all": [round(t, 2) for t in times]}


def cold_find(world):
    """cold find over 10,000 items at 30 ms, against rclone mount"""
    with closing(Sim(world, "tree:10000", "--latency-ms", 30, tls=True)) as sim:
        site, library, drive = max(sim.libraries(), key=lambda l: sim.graph("/drives/%s/root" % l[2]).get("size", 0))

        def find(path):
            began = time.monotonic()
            found = subprocess.run(["find", path], check=True, stdout=subprocess.PIPE).stdout.count(b"\n")
            return time.monotonic() - began, found

        with closing(Spfs(world, sim)) as spfs:
            a, ours = find(os.path.join(spfs.dir, site, library))
            spfs.sync()
            entries = sim.requests(0)
        with closing(Rclone(world, sim, drive)) as rclone:
            mark = sim.mark()
            b, theirs = find(rclone.dir)
            rclone_requests = len(sim.requests(mark))
        if ours != theirs:
            raise RuntimeError("spfs found %d entries, rclone %d" % (ours, theirs))
        listings = sum(1 for e in entries if "/children" in e["path"])
        yield "speed / rclone", b / a, ">= 20", {"spfs_s": a, "rclone_s": b, "items": ours, "rclone_requests": rclone_requests}
        yield ("requests - folders in use", len(entries) - listings, "<= %d" % (ours // 200 + 20),
               {"requests": len(entries), "listings": listings})


def warm_names(world):
    """warm find, ls -lR and git status, against a FUSE server answering from memory"""
    with closing(Sim(world, "tree:10000")) as sim, closing(Spfs(world, sim)) as spfs:
        spfs.sync()
        with closing(Memfs(world, "--like", spfs.dir, "--no-data", 1)) as memfs:
            for what, command in (("find", ["find", "DIR", "-size", "+1"]), ("ls -lR", ["ls", "-lR", "DIR"])):
                def side(mount, command=command):
                    return seconds_of(*[mount.dir if c == "DIR" else c for c in command])

                best_of(1, lambda: side(spfs), lambda: side(memfs))
                mark = sim.mark()
                a, b = best_of(7, lambda: side(spfs), lambda: side(memfs))
                yield what + " / memfs", b / a, ">= 0.9", {"spfs_s": a, "memfs_s": b}
                yield what + " requests", len(sim.requests(mark)), "<= 0", {}
    with closing(Sim(world, "docs")) as sim:
        site, library = "Engineering", "Documents"
        for i in range(1500):
            sim.change(op="write", path="/%s/%s/checkout/%d/file%d.c" % (site, library, i // 30, i), content="int x%d;\n" % i)
        with closing(Spfs(world, sim, "sim:/%s/%s/checkout" % (site, library))) as spfs:
            spfs.sync()
            with closing(Memfs(world, "--like", spfs.dir)) as memfs:
                sides = []
                for mount in (spfs, memfs):
                    git = ["git", "--git-dir=" + world.fresh("git"), "--work-tree=" + mount.dir, "-c", "safe.directory=*",
                           "-c", "core.fileMode=false", "-c", "user.email=a@b", "-c", "user.name=a"]
                    run(*git, "init", "-q", cwd=mount.dir)
                    run(*git, "add", "-A", cwd=mount.dir)
                    run(*git, "commit", "-q", "-m", "all", cwd=mount.dir)
                    time.sleep(1.1)  # git distrusts an index as young as its files
                    run(*git, "update-index", "-q", "--refresh", cwd=mount.dir)
                    sides.append(lambda git=git, mount=mount: seconds_of(*git, "status", "--porcelain", cwd=mount.dir))
                best_of(1, *sides)
                mark = sim.mark()
                a, b = best_of(7, *sides)
                yield "git status / memfs", b / a, ">= 0.9", {"spfs_s": a, "memfs_s": b}
                yield "git status requests", len(sim.requests(mark)), "<= 0", {}


def random_reads(world):
    """200 random reads of 4 KiB, cold, at 30 ms, against rclone mount"""
    latency, reads = 0.03, 200
    with closing(Sim(world, "huge", "--latency-ms", 30, tls=True)) as sim:
        site, library, drive, item = sim.first_file(GIB)

        def side(mount, path):
            mark, chance = sim.mark(), random.Random(42)
            with open(path, "rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
                began = time.monotonic()
                for _ in range(reads):
                    os.pread(file.fileno(), 4096, chance.randrange(item["size"] // 4096) * 4096)
                took = time.monotonic() - began
            mount.close()  # ends what is still being downloaded, so that the log is complete
            return took, sim.requests(mark)

        spfs = Spfs(world, sim)
        spfs.sync()
        a, ours = side(spfs, os.path.join(spfs.dir, site, library, item["name"]))
        rclone = Rclone(world, sim, drive)
        b, theirs = side(rclone, os.path.join(rclone.dir, item["name"]))
        yield ("round trips a read", len(ours) / reads, "<= 1.2",
               {"seconds": a, "time_in_round_trips": a / latency / reads, "rclone": len(theirs) / reads, "rclone_s": b})
        yield ("bytes / rclone", content_bytes(ours) / content_bytes(theirs), "<= 0.25",
               {"spfs_mb": content_bytes(ours) / 1e6, "rclone_mb": content_bytes(theirs) / 1e6})


def small_files_out(world):
    """rsync -a of 500 small files out, cold, at 30 ms, against rclone mount"""
    with closing(Sim(world, "docs", "--latency-ms", 30, tls=True)) as sim:
        site, library, drive = next(l for l in sim.libraries() if l[:2] == ("Engineering", "Documents"))

        def make(i):
            sim.change(op="write", path="/%s/%s/small/%d/%03d.bin" % (site, library, i // 50, i), size=16384)

        for start in range(0, 500, 25):
            threads = [threading.Thread(target=make, args=(i,)) for i in range(start, start + 25)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()

        def side(path):
            out = world.fresh("out")
            took = seconds_of("rsync", "-a", path + "/", out)
            found = sum(len(names) for _, _, names in os.walk(out))
            if found != 500:
                raise RuntimeError("%d of 500 files arrived from %s" % (found, path))
            return took

        with closing(Spfs(world, sim)) as spfs:
            spfs.sync()
            mark = sim.mark()
            a = side(os.path.join(spfs.dir, site, library, "small"))
            requests = len(sim.requests(mark))
        with closing(Rclone(world, sim, drive)) as rclone:
            b = side(os.path.join(rclone.dir, "small"))
        yield "speed / rclone", b / a, ">= 10", {"spfs_s": a, "rclone_s": b, "requests_a_file": requests / 500}


def million(world):
    """first delta pass of 1,000,000 items: client CPU time, and anonymous memory after settling"""
    with closing(Sim(world, "tree:1000000")) as sim:
        began = time.monotonic()
        with closing(Spfs(world, sim)) as spfs:
            spfs.sync()
            wall = time.monotonic() - began
            used = cpu_seconds(spfs.pid)
            state = {"cpu": -1.0, "since": time.monotonic()}

            def idle():
                now = cpu_seconds(spfs.pid)
                if now > state["cpu"] + 0.02:
                    state.update(cpu=now, since=time.monotonic())
                return time.monotonic() - state["since"] > 3

            wait_for(idle, "the daemon is idle", 120)
            yield "items/s of client CPU time", 1e6 / used, ">= 20000", {"cpu_s": used, "wall_s": wall}
            yield "RssAnon MiB, idle", rss_anon_mib(spfs.pid), "<= 64", {}
            mark = sim.mark()
            found = subprocess.run(["find", spfs.dir], check=True, stdout=subprocess.PIPE).stdout.count(b"\n")
            yield "find: requests", len(sim.requests(mark)), "<= 0", {"entries": found, "RssAnon_mib": rss_anon_mib(spfs.pid)}


ROWS = [warm_read, cold_read_capped, cold_read_uncapped, first_byte, cold_find, warm_names, random_reads, small_files_out, million]
