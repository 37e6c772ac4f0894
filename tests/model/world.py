# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the model test: the simulator, the daemon and spfs commands, in a private directory.

Processes are started by the main thread only, since they are bound to the life of the thread that starts them.
"""
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

SPFS = os.environ["SPFS"]
SIM = os.environ["SPFS_SIM"]


class World:
    def __init__(self, op_timeout):
        self.dir = tempfile.mkdtemp(prefix="spfs-model.")
        self.mountpoint = self.dir + "/mnt"
        os.mkdir(self.mountpoint)
        self.options = "state_dir=%s/state,cache_dir=%s/cache,poll=2,op_timeout=%d" % (self.dir, self.dir, op_timeout)
        self.env = dict(os.environ, SPFS_CONFIG=self.dir + "/spfs.conf")
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            self.env[name] = os.environ.get(name, "") + ":log_path=" + self.dir + "/sanitizer"
        self.sim = self.daemon = None
        self.local = threading.local()
        self._start_sim()
        self._configure()

    def _spawn(self, argv, log):
        with open(self.dir + "/" + log, "ab") as out:
            return subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env)

    def _start_sim(self):
        ready = self.dir + "/sim.ready"
        self.sim = self._spawn([SIM, "--preset", "empty", "--port", "0", "--log", self.dir + "/requests.log", "--ready-file", ready], "sim.log")
        end = time.monotonic() + 60
        while not (os.path.exists(ready) and os.path.getsize(ready)):
            if self.sim.poll() is not None or time.monotonic() > end:
                raise RuntimeError("spfs-sim did not start")
            time.sleep(0.02)
        with open(ready, encoding="utf-8") as f:
            self.url = next(w for w in f.read().split() if w.startswith("http")).rstrip("/")

    def _configure(self):
        secret = self.dir + "/secret"
        with open(secret, "w", encoding="utf-8") as f:
            f.write("sim-secret\n")
        os.chmod(secret, 0o600)
        with open(self.env["SPFS_CONFIG"], "w", encoding="utf-8") as f:
            f.write("[connection sim]\ntenant = contoso.example\nclient_id = 11111111-1111-1111-1111-111111111111\nauth = secret\n"
                    "client_secret_file = %s\nlogin_url = %s\ngraph_url = %s\n" % (secret, self.url, self.url))

    # ------------------------------------------------------------------------------------------------------ simulator
    def ask(self, method, what, body=None):
        """A call of the control endpoint, on this thread's own connection."""
        if not hasattr(self.local, "http"):
            self.local.http = http.client.HTTPConnection(self.url.split("//")[1], timeout=60)
        data = None if body is None else json.dumps(body)
        self.local.http.request(method, "/_sim/" + what, data, {"Content-Type": "application/json"})
        reply = self.local.http.getresponse()
        text = reply.read()
        if reply.status >= 400:
            raise RuntimeError("%s %s: %d %s (asked: %s)" % (method, what, reply.status, text[:300], (data or "")[:300]))
        return json.loads(text)

    # ---------------------------------------------------------------------------------------------------------- mount
    def is_mounted(self):
        with open("/proc/self/mounts", encoding="utf-8") as f:
            return " %s fuse.spfs " % self.mountpoint in f.read()

    def mount(self, limit=60):
        """True once the mount answers; False if the daemon ended instead."""
        self.daemon = self._spawn([SPFS, "mount", "sim:", self.mountpoint, "-f", "-o", self.options], "spfs.log")
        end = time.monotonic() + limit
        while self.daemon.poll() is None and time.monotonic() < end:
            try:
                if self.is_mounted() and os.statvfs(self.mountpoint):  # stat may come from the kernel's memory
                    return True
            except OSError:  # what a killed daemon left; the new one clears it away
                pass
            time.sleep(0.02)
        return False

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def command(self, *argv, limit=60):
        try:
            return subprocess.run([SPFS] + list(argv), env=self.env, timeout=limit, check=False, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired as e:
            return subprocess.CompletedProcess(e.cmd, 124, b"did not end within %d s" % limit)

    def unmount(self):
        """Exit status of the daemon."""
        done = self.command("unmount", self.mountpoint)
        if done.returncode:
            raise RuntimeError("spfs unmount: " + done.stdout.decode())
        return self.daemon.wait(60)

    # ---------------------------------------------------------------------------------------------------------- the end
    def tail(self, name, lines):
        try:
            with open(self.dir + "/" + name, "rb") as f:
                return [line[:400].decode(errors="replace") for line in f.read().splitlines()[-lines:]]
        except OSError:
            return []

    def sanitizer_reports(self):
        return [n for n in sorted(os.listdir(self.dir)) if n.startswith("sanitizer") and os.path.getsize(self.dir + "/" + n)]

    def end(self):
        for process in (self.daemon, self.sim):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        if self.is_mounted():
            subprocess.run(["fusermount3", "-uzq", self.mountpoint], check=False)
        if self.is_mounted():
            subprocess.run(["umount", "-l", self.mountpoint], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)
