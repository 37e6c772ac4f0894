# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rows of the benchmark measure with: the simulator, spfs, rclone and memfs, in a private namespace."""
import contextlib
import fcntl
import json
import mmap
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

GRAPH, LOGIN, FILES = HOSTS = "graph.microsoft.com", "login.microsoftonline.com", "contoso.sharepoint.com"
TENANT, CLIENT, SECRET = "contoso.example", "11111111-1111-1111-1111-111111111111", "sim-secret"


def wait_for(condition, what, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("not within %d s: %s" % (seconds, what))
        time.sleep(0.005)


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL, **options)


def seconds_of(*command, **options):
    began = time.monotonic()
    run(*command, **options)
    return time.monotonic() - began


def is_mounted(path):
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        return any(line.split(" ")[1] == path for line in mounts)


def drop_caches():
    """The kernel forgets every clean page of file contents (not names and attributes)."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as control:
        control.write("1")


def cpu_seconds(pid):
    """User plus system time of a process so far."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_anon_mib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) / 1024


def warm_memory():
    """Touches most of the free memory once and gives it back.

    On a virtual machine the first touch of a page is many times slower than the next, because the host provides it then;
    whoever is measured first would pay for both.
    """
    with open("/proc/meminfo", encoding="ascii") as info:
        free = next(int(line.split()[1]) for line in info if line.startswith("MemAvailable:")) * 1024
    child = os.fork()
    if child == 0:
        size = min(int(free * 0.6), 14 << 30) & ~0xFFFFF
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
        os._exit(0)
    os.waitpid(child, 0)


class World:
    """A temporary directory, a network with loopback only, host names that lead to it, and the programs."""

    def __init__(self, build):
        self.dir = tempfile.mkdtemp(prefix="spfs-bench.")
        self.spfs, self.sim, self.memfs = (self._program(build, name) for name in ("spfs", "spfs-sim", "memfs"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:  # ip link set lo up
            request = struct.pack("16sh22x", b"lo", 0)
            flags = struct.unpack("16sh22x", fcntl.ioctl(control, 0x8913, request))[1]
            fcntl.ioctl(control, 0x8914, struct.pack("16sh22x", b"lo", flags | 1))
        hosts = self.path("hosts")
        with open(hosts, "w", encoding="ascii") as file:
            file.write("127.0.0.1 localhost %s\n" % " ".join(HOSTS))
        run("mount", "--bind", hosts, "/etc/hosts")
        self.cert, self.key = self.path("cert.pem"), self.path("key.pem")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=spfs-sim", "-addext", "subjectAltName=" + ",".join("DNS:" + h for h in HOSTS),
            "-keyout", self.key, "-out", self.cert, stderr=subprocess.DEVNULL)
        self.count = 0

    @staticmethod
    def _program(build, name):
        for folder, _, names in os.walk(build):
            if name in names and os.access(os.path.join(folder, name), os.X_OK):
                return os.path.abspath(os.path.join(folder, name))
        sys.exit("bench: %s is not built in %s" % (name, build))

    def path(self, name):
        return os.path.join(self.dir, name)

    def fresh(self, name):
        """A new empty directory."""
        self.count += 1
        path = self.path("%s.%d" % (name, self.count))
        os.mkdir(path)
        return path

    def close(self):
        run("umount", "/etc/hosts")
        shutil.rmtree(self.dir, ignore_errors=True)


class Sim:
    """The simulator, over TLS as graph.microsoft.com:443, or over http on 127.0.0.1."""

    def __init__(self, world, preset, *options, tls=False):
        self.world, self.tls = world, tls
        self.log = os.path.join(world.fresh("sim"), "log")
        ready = self.log + ".ready"
        command = [world.sim, "--preset", preset, "--log", self.log, "--ready-file", ready,
                   "--port", "443" if tls else "0"] + [str(o) for o in options]
        if tls:
            # rclone adds its token to downloads too; the hosts of the real service let that pass.
            command += ["--tls-cert", world.cert, "--tls-key", world.key, "--content-host", FILES, "--tolerate-auth"]
        with open(self.log + ".out", "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)
        wait_for(lambda: self.process.poll() is not None or (os.path.exists(ready) and os.path.getsize(ready)),
                 "simulator ready", 300)
        if self.process.poll() is not None:
            raise RuntimeError("spfs-sim ended: " + open(self.log + ".out", encoding="utf-8").read())
        if tls:
            self.url = "https://" + GRAPH
        else:
            text = open(ready, encoding="utf-8").read() + open(self.log + ".out", encoding="utf-8").read()
            self.url = next(word for word in text.split() if word.startswith("http"))
        self.context = ssl.create_default_context(cafile=world.cert) if tls else None
        self.token = json.loads(self.call(
            "/%s/oauth2/v2.0/token" % TENANT,
            urllib.parse.urlencode({"client_id": CLIENT, "client_secret": SECRET, "grant_type": "client_credentials",
                                    "scope": "https://%s/.default" % GRAPH}).encode()))["access_token"]

    def call(self, path, data=None, headers=None):
        """One request; path may be a whole address."""
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, data=data, headers={"User-Agent": "spfs-bench", **(headers or {})})
        with urllib.request.urlopen(request, context=self.context, timeout=600) as reply:
            return reply.read()

    def graph(self, path):
        return json.loads(self.call("/v1.0" + path, headers={"Authorization": "Bearer " + self.token}))

    def change(self, **op):
        self.call("/_sim/change", json.dumps(op).encode(), {"Content-Type": "application/json"})

    def mark(self):
        return os.path.getsize(self.log)

    def requests(self, mark):
        """The log entries since the mark, without those of the benchmark itself."""
        with open(self.log, encoding="utf-8") as log:
            log.seek(mark)
            entries = [json.loads(line) for line in log if line.endswith("\n")]
        return [e for e in entries if not e["path"].startswith("/_sim/")]

    def libraries(self):
        """[(site, library, drive id)] of the tenant."""
        found = []
        for site in self.graph("/sites?search=*")["value"]:
            for drive in self.graph("/sites/%s/drives" % site["id"])["value"]:
                found.append((site["displayName"], drive["name"], drive["id"]))
        return found

    def first_file(self, least):
        """(site, library, drive id, item) of the smallest file of at least this size, searched from the roots."""
        best = None
        for site, library, drive in self.libraries():
            todo = ["root"]
            while todo:
                for item in self.graph("/drives/%s/items/%s/children?$top=1000" % (drive, todo.pop()))["value"]:
                    if "folder" in item:
                        todo.append(item["id"])
                    elif "file" in item and item["size"] >= least and (not best or item["size"] < best[3]["size"]):
                        best = (site, library, drive, item)
        if not best:
            raise RuntimeError("the preset has no file of %d bytes" % least)
        return best

    def close(self):
        self.process.terminate()
        self.process.wait()


class Mount:
    """A program that serves a mountpoint; ended by unmounting."""

    def __init__(self, world, command, env=None):
        self.dir = world.fresh("mnt")
        self.log = self.dir + ".log"
        command = [c.replace("MOUNTPOINT", self.dir) for c in command]
        with open(self.log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **(env or {})})
        wait_for(lambda: self.process.poll() is not None or is_mounted(self.dir), command[0] + " mounted", 300)
        if self.process.poll() is not None:
            raise RuntimeError("%s ended: %s" % (command[0], open(self.log, encoding="utf-8").read()[-800:]))
        os.listdir(self.dir)

    @property
    def pid(self):
        return self.process.pid

    def close(self):
        subprocess.run(["fusermount3", "-uz", self.dir], check=False)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


class Spfs(Mount):
    def __init__(self, world, sim, source="sim:", options="", state=None):
        self.state = state or world.fresh("spfs")
        self.config = os.path.join(self.state, "spfs.conf")
        self.world = world
        with open(os.path.join(self.state, "secret"), "w", encoding="ascii") as file:
            file.write(SECRET + "\n")
        os.chmod(os.path.join(self.state, "secret"), 0o600)
        with open(self.config, "w", encoding="ascii") as file:
            file.write("[connection sim]\ntenant = %s\nclient_id = %s\nauth = secret\nclient_secret_file = %s/secret\n"
                       % (TENANT, CLIENT, self.state))
            if sim.tls:
                file.write("ca_file = %s\n" % world.cert)
            else:
                file.write("login_url = %s\ngraph_url = %s\n" % (sim.url, sim.url))
        self.env = {"SPFS_CONFIG": self.config}
        options = "state_dir=%s/state,cache_dir=%s/cache,cache_size=16G,poll=3600%s" % (
            self.state, self.state, "," + options if options else "")
        super().__init__(world, [world.spfs, "mount", source, "MOUNTPOINT", "-f", "-o", options], self.env)

    def sync(self):
        """Every library is known and as the server has it now."""
        run("find", self.dir, "-maxdepth", "3")
        run(self.world.spfs, "sync", self.dir, env={**os.environ, **self.env})


class Rclone(Mount):
    """rclone mount of one library, with the token of the simulator (its onedrive backend has the hosts built in)."""

    def __init__(self, world, sim, drive, *options):
        state = world.fresh("rclone")
        token = {"access_token": sim.token, "token_type": "Bearer", "refresh_token": "none", "expiry": "2099-01-01T00:00:00Z"}
        with open(state + "/rclone.conf", "w", encoding="utf-8") as file:
            file.write("[sim]\ntype = onedrive\nregion = global\ndrive_id = %s\ndrive_type = documentLibrary\ntoken = %s\n"
                       % (drive, json.dumps(token)))
        super().__init__(world, ["rclone", "mount", "sim:", "MOUNTPOINT", "--config", state + "/rclone.conf", "--ca-cert",
                                 world.cert, "--cache-dir", state + "/cache", "--vfs-cache-mode", "full", "--poll-interval",
                                 "0", "--dir-cache-time", "24h", *options])


class Memfs(Mount):
    def __init__(self, world, *options):
        super().__init__(world, [world.memfs, "MOUNTPOINT", *[str(o) for o in options]])


@contextlib.contextmanager
def closing(*things):
    """Closes in reverse order, whatever happens."""
    with contextlib.ExitStack() as stack:
        for thing in things:
            stack.callback(thing.close)
        yield things[0] if len(things) == 1 else things
