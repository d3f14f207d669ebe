"""machine - a booted Debian 12 with the built service installed, in a container that ends with the tests.

The installed system comes once from Debian (debootstrap), into $XDG_CACHE_HOME/closedloop; each machine is a copy of it
with `make install` on top. It needs root, systemd-nspawn and a cgroup tree to boot; Unavailable says what is missing."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = "systemd,systemd-sysv,dbus,systemd-timesyncd"
UNPACKED = ("chrony",)          # would be installed in place of a package above; its programs are only laid down
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "closedloop"
UNIT = "closedloopd.service"
BOOT_SECONDS_MAX = 60
HALT_SECONDS_MAX = 30


class Unavailable(Exception):
    """This computer cannot boot a container."""


def checked(command: list, **options: Any) -> str:
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} exited with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def need_container() -> None:
    if os.geteuid() != 0:
        raise Unavailable("it needs root")
    for program in ("debootstrap", "systemd-nspawn", "nsenter"):
        if not shutil.which(program):
            raise Unavailable(f"{program} is not installed; run tests/deps check")
    if not Path("/sys/fs/cgroup/systemd").exists() and not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        raise Unavailable("there is no cgroup tree that a systemd could use")
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    if "ID=debian" not in release or 'VERSION_ID="12"' not in release:
        raise Unavailable("programs built on something other than Debian 12 need not run on Debian 12")


def mirror() -> str:
    """The one that this machine gets Debian 12 from."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT) $(LABEL)",
                             "Created-By: Packages"], capture_output=True, text=True, check=False).stdout
    found = [line.split()[0] for line in listed.splitlines() if line.endswith(" bookworm main Debian")]
    if not found:
        raise Unavailable("apt-get names no place that Debian 12 comes from")
    return found[0]


def installed_system() -> Path:
    """The root folder that machines are copies of."""
    recipe = f"bookworm {platform.machine()} {PACKAGES} {UNPACKED}"
    folder = CACHE / f"debian-12-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            fresh = CACHE / "debian-12.new"
            shutil.rmtree(fresh, ignore_errors=True)
            done = subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(fresh), mirror()],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Unavailable(f"debootstrap could not install a Debian 12:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
            for package in UNPACKED:
                checked(["apt-get", "-qq", "download", package], cwd=fresh)
                archive, = fresh.glob(f"{package}_*.deb")
                checked(["sh", "-c", 'dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" ./usr', archive, fresh])
                archive.unlink()
            fresh.rename(folder)
    return folder


def libraries_copy(root: Path) -> None:
    """What the programs need and the small system does not have: this machine's own, which they were built with."""
    for program in ("usr/sbin/closedloopd", "usr/bin/closedloopctl"):
        for line in checked(["ldd", root / program]).splitlines():
            path = line.partition("=> ")[2].split(" ")[0]
            if path and not (root / path.lstrip("/")).exists():
                (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, root / path.lstrip("/"))
    checked(["ldconfig", "-r", root])


class ControlGroup:
    """A machine's own, below this process's: two systemds in one would count each other's processes as theirs. Where none
    can be made, the machine does without."""

    TREES = (("name=systemd", "/sys/fs/cgroup/systemd"), ("", "/sys/fs/cgroup/unified"), ("", "/sys/fs/cgroup"))

    def __init__(self) -> None:
        own = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines())
        name = f"closedloop-{os.getpid()}-{time.monotonic_ns()}"
        self.paths = [Path(tree, own[kind].lstrip("/"), name) for kind, tree in self.TREES
                      if kind in own and Path(tree, "cgroup.procs").exists()]

    def wrap(self, command: list[str]) -> list[str]:
        for path in reversed(self.paths):
            try:
                path.mkdir(exist_ok=True)
                command = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(path / "cgroup.procs"), *command]
            except OSError:
                continue
        return command

    def close(self) -> None:
        for path in self.paths:
            for folder, _, _ in os.walk(path, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    continue


class Machine:
    """is_private: with a network of its own, that has nothing but a loopback; else it shares this computer's."""

    def __init__(self, folder: Path, programs: Path, is_private: bool = True, binds: tuple[Path, ...] = ()):
        need_container()
        self.root = folder / "root"
        self.console = folder / "console.log"
        self.is_private = is_private
        self.binds = binds
        self.process: Optional[subprocess.Popen] = None
        self.leader = 0
        self.group = ControlGroup()
        folder.mkdir(parents=True, exist_ok=True)
        checked(["cp", "-a", "--reflink=auto", installed_system(), self.root])
        self.install(programs)

    def install(self, programs: Path) -> None:
        with open(CACHE / "lock", "w", encoding="ascii") as lock:       # it may build what it installs
            fcntl.flock(lock, fcntl.LOCK_EX)
            checked(["make", "-s", "install", f"DESTDIR={self.root}", f"B={programs}"], cwd=ROOT)
        libraries_copy(self.root)
        checked(["systemd-sysusers", f"--root={self.root}"])
        checked(["journalctl", "--update-catalog", f"--root={self.root}"])
        (self.root / "etc/systemd/system/multi-user.target.wants").mkdir(parents=True, exist_ok=True)

    def boot(self) -> Machine:
        environment = dict(os.environ)
        if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
            environment["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "0"
        command = ["systemd-nspawn", "--register=no", "--keep-unit", "--quiet", "--boot", f"--directory={self.root}",
                   "--hostname=closedloop-test", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
                   "--system-call-filter=adjtimex clock_adjtime",       # to ask: nobody inside may set this computer's clock
                   *(["--private-network"] if self.is_private else []), *(f"--bind={path}" for path in self.binds)]
        with open(self.console, "ab") as console:
            self.process = subprocess.Popen(self.group.wrap(command), stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment)
        self.await_boot()
        return self

    def await_boot(self) -> None:
        until = time.monotonic() + BOOT_SECONDS_MAX
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            self.leader = self.leader or self.find_leader()
            if self.leader and self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"):
                return
            time.sleep(0.05)
        said = self.console.read_text(encoding="utf-8", errors="replace")[-3000:]
        has_ended = self.process.poll() is not None
        self.halt()
        if has_ended:
            raise Unavailable(f"systemd-nspawn ended by itself:\n{said}")
        raise AssertionError(f"the container did not boot in {BOOT_SECONDS_MAX} s:\n{said}")

    def find_leader(self) -> int:
        """The container's first process."""
        pid = self.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            try:
                status = Path(f"/proc/{child}/status").read_text(encoding="utf-8").splitlines()
                numbers = next(line.split()[1:] for line in status if line.startswith("NSpid:"))
                if len(numbers) > 1 and numbers[-1] == "1" and status[0].split()[1] == "systemd":
                    return int(child)
            except (OSError, StopIteration):
                continue
        return 0

    def halt(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()        # nspawn hands it on as a request to power off
            try:
                self.process.wait(HALT_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.leader = 0

    def close(self) -> None:
        self.halt()
        self.group.close()
        shutil.rmtree(self.root.parent, ignore_errors=True)

    def run(self, *command: Any) -> subprocess.CompletedProcess:
        """Inside, as root."""
        return subprocess.run(["nsenter", f"--target={self.leader}", "--all", "--wdns=/", "env", "-i", "LC_ALL=C.UTF-8",
                               "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *map(str, command)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
                              timeout=120)

    def ask(self, *command: Any) -> str:
        done = self.run(*command)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def show(self, name: str, unit: str = UNIT) -> str:
        return self.ask("systemctl", "show", "--value", "-p", name, unit).strip()

    def journal(self, *options: str, unit: str = UNIT) -> str:
        self.ask("journalctl", "--sync")
        return self.ask("journalctl", "--no-pager", "-b", "-u", unit, *options)

    def entries(self) -> list[dict]:
        return [json.loads(line) for line in self.journal("-o", "json").splitlines()]

    def file(self, path: str) -> Path:
        """Outside. Not for what lies on a file system of the container's own, such as /run."""
        return self.root / path.lstrip("/")

    def drop_in(self, *lines: str, unit: str = UNIT) -> None:
        """Replaces the unit's only drop-in; without a line takes it away. Text before "=" alone clears a list."""
        folder = self.file(f"/etc/systemd/system/{unit}.d")
        shutil.rmtree(folder, ignore_errors=True)
        if lines:
            folder.mkdir(parents=True)
            (folder / "test.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.ask("systemctl", "daemon-reload")

    def outside(self, pid: int) -> int:
        """A process inside, by the number that this computer knows it by."""
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                numbers = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("NSpid:"))
                inside = os.readlink(status.parent / "ns/pid") == os.readlink(f"/proc/{self.leader}/ns/pid")
            except (OSError, StopIteration):
                continue
            if inside and numbers.split()[-1] == str(pid):
                return int(status.parent.name)
        raise AssertionError(f"there is no process {pid} inside")


class TimeServer:
    """Speaks NTP (RFC 5905) on a machine's loopback, by this computer's clock, at first as one that does not know the time."""

    NET = 0x40000000                    # a kind of namespace, as setns(2) names it
    SINCE_1900 = 2208988800

    def __init__(self, leader: int):
        self.knows_the_time = False
        self.asked = 0
        self.failure = ""
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=(leader,), daemon=True)
        self.thread.start()

    def serve(self, leader: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{leader}/ns/net", "rb") as space:
            if libc.setns(space.fileno(), self.NET) < 0:        # this thread alone
                self.failure = os.strerror(ctypes.get_errno())
                return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 123))
            server.settimeout(0.1)
            while not self.is_over.is_set():
                with suppress(TimeoutError):
                    request, client = server.recvfrom(1024)
                    server.sendto(self.answer(request), client)
                    self.asked += 1

    def answer(self, request: bytes) -> bytes:
        moment = time.time() + self.SINCE_1900
        now = struct.pack(">II", int(moment), int(moment % 1 * 2**32))
        leap, stratum = (0, 1) if self.knows_the_time else (3, 0)
        version = request[0] >> 3 & 7
        head = struct.pack(">BBcbII4s", leap << 6 | version << 3 | 4, stratum, request[2:3], -20, 0, 16, b"TEST")
        return head + now + request[40:48] + now + now

    def close(self) -> None:
        self.is_over.set()
        self.thread.join()


class StoppedThread:
    """One thread of a process stands still, the others go on: what no signal can do."""
    SEIZE, INTERRUPT, ANY_CHILD = 0x4206, 0x4207, 0x40000000

    def __init__(self, pid: int, name: str):
        tasks = {(task / "comm").read_text(encoding="utf-8").strip(): int(task.name)
                 for task in Path(f"/proc/{pid}/task").iterdir()}
        if name not in tasks:
            raise AssertionError(f"there is no thread \"{name}\" among {sorted(tasks)}")
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long] * 4
        for request in (self.SEIZE, self.INTERRUPT):
            if libc.ptrace(request, tasks[name], 0, 0) < 0:
                raise AssertionError(f"ptrace: {os.strerror(ctypes.get_errno())}")
        self.thread = tasks[name]

    def has_ended(self) -> bool:
        """To be asked until it has: before that, nobody else is told of its end."""
        try:
            while os.waitpid(self.thread, os.WNOHANG | self.ANY_CHILD) != (0, 0):
                pass
        except ChildProcessError:
            return True
        return False
