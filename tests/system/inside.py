"""inside - a system test with its daemon inside the installed, hardened unit of a booted systemd (machine.py).

Kafka, receivers and the test itself are outside. The unit is the installed one, word for word, under a name of its own for
each daemon: closedloopd@NUMBER. Drop-ins give it the test's configuration, folder, log, environment and disk; what it
forbids they leave alone, as test_inside_unit shows. A new name costs systemd less than to be told that an old one has
changed.

Every test runs inside but those in OUTSIDE, and all where no container can be booted. INSIDE=no in the environment runs all
outside, with INSIDE=must a test that cannot be run inside fails: make check-system INSIDE=no, make check-inside."""

from __future__ import annotations

import atexit
import itertools
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Iterable, Optional, Union

from harness import DAEMON, ROOT, Daemon, Env
from machine import Machine, Unavailable

# Tests by file, or one by one, that are not run inside the unit, and why.
OUTSIDE = {
    "test_unit": "they look at the installed unit itself, in a machine of their own",
    "test_inside_unit": "they look at what the other tests run in",
    "test_receivers": "they try out the tests' own receivers and broker, and start no daemon",
    "test_harness": "they try out the tests' own counter and configuration; what they start is a stand-in",
    "test_check": "closedloopd -t is run by hand, by whoever edits the configuration",
    "test_tour": "a debugger walks through the program, and needs its sources beside it",
    "test_daemon:test_valgrind_finds_no_leak_over_a_start_a_thousand_records_and_a_stop":
        "valgrind runs code that it has written, which MemoryDenyWriteExecute= is there to forbid",
    "test_night:test_the_journal_gets_each_message_once_with_its_id_and_what_it_is_about":
        "the test plays the journal; what the unit tells the real one is looked at in test_unit",
    "test_night:test_a_refused_configuration_is_in_the_journal_with_its_id_and_every_problem":
        "the test plays the journal; what the unit tells the real one is looked at in test_unit",
    "test_night:test_a_crash_leaves_no_core_and_others_of_its_user_cannot_look_into_the_process":
        "the daemon is to forbid core dumps also where, unlike in the unit, nobody else does",
    "test_store_faults:test_a_store_that_is_not_as_it_should_be_is_refused_with_what_to_do":
        "root gives the store away and mounts its folder read-only; the unit's user can do neither",
    "test_night:test_another_process_of_the_same_user_is_kept_out":
        "the other process would have to be in the unit as well",
}

_machines: list[Union[Machine, Unavailable]] = []
_numbers = itertools.count(1)


def machine() -> Machine:
    """One for all tests of this process. It shares this computer's network, and one folder: /tmp is the service's own."""
    if not _machines:
        try:
            _machines.append(booted())
        except Unavailable as error:
            _machines.append(error)
            print(f"no daemon can run inside the unit: {error}", flush=True)
    if isinstance(_machines[0], Unavailable):
        raise _machines[0]
    return _machines[0]


def booted() -> Machine:
    folder = Path(tempfile.mkdtemp(prefix="closedloop-machine-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shared = Path(tempfile.mkdtemp(prefix="closedloop-", dir="/run"))
    shared.chmod(0o755)
    atexit.register(shutil.rmtree, shared, ignore_errors=True)
    made = Machine(folder / "m", DAEMON.parent, is_private=False, binds=(shared,))
    atexit.register(made.close)
    units = made.file("/etc/systemd/system")
    shutil.copy(ROOT / "systemd" / "closedloopd.service", units / "closedloopd@.service")
    return made.boot()


class UnitProcess:
    """A unit's main process, as subprocess.Popen would show it; its number is the one outside."""

    def __init__(self, found: Machine, unit: str):
        self.machine = found
        self.unit = unit
        self.handle = -1
        self._pid = 0
        self.returncode: Optional[int] = None

    def __del__(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)

    def shown(self) -> dict[str, str]:
        names = ("Job", "ActiveState", "MainPID", "ExecMainCode", "ExecMainStatus")
        said = self.machine.ask("systemctl", "show", *(f"--property={name}" for name in names), self.unit)
        return dict(line.split("=", 1) for line in said.splitlines())

    @property
    def pid(self) -> int:
        until = time.monotonic() + 30
        while not self._pid and self.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        return self._pid

    def learn(self, inside: int) -> None:
        try:
            self._pid = self.machine.outside(inside)
            self.handle = os.pidfd_open(self._pid)
        except (AssertionError, ProcessLookupError):
            self._pid = 0               # it has ended meanwhile

    def poll(self) -> Optional[int]:
        if self.returncode is not None or (self.handle >= 0 and not select.select([self.handle], [], [], 0)[0]):
            return self.returncode
        values = self.shown()
        if self.handle < 0 and values["MainPID"] != "0":
            self.learn(int(values["MainPID"]))
        if values["Job"] in ("", "0") and values["ActiveState"] in ("inactive", "failed"):
            has_exited = int(values["ExecMainCode"]) == os.CLD_EXITED
            self.returncode = int(values["ExecMainStatus"]) * (1 if has_exited else -1)
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(self.unit, timeout)
            time.sleep(0.02)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.machine.ask("systemctl", "stop", "--no-block", self.unit)


class UnitDaemon(Daemon):
    """Started by systemd, with all that the unit forbids."""

    def __init__(self, *arguments: Any, **more: Any):
        super().__init__(*arguments, **more)
        self.unit = ""
        self.lines: list[str] = []

    def drop_in(self, user: int, group: int) -> list[str]:
        lines = ["[Service]", "Restart=no", "ExecStart=", f"ExecStart=/usr/sbin/closedloopd -c {self.config}",
                 f"ReadWritePaths={self.config.parent.parent}", f"StandardOutput=append:{self.log}",
                 f"StandardError=append:{self.log}"]
        lines += [f'Environment="{name}={value}"' for name, value in self.environment.items()]
        if "NOTIFY_SOCKET" in self.environment:         # the test is the service manager that it talks to
            lines += ["Type=exec", "WatchdogSec=0"]
        if self.disk:
            lines.append(f"TemporaryFileSystem={self.disk[0]}:size={self.disk[1]},mode=0700,uid={user},gid={group}")
        return lines

    def start(self, is_ready: bool = True) -> Daemon:
        assert not self.wrapper, "the unit starts nothing but the daemon: the test belongs into inside.OUTSIDE, with a reason"
        found = machine()
        owner = found.file("/etc/passwd").read_text(encoding="ascii").split("\nclosedloop:", 1)[1].split(":")
        user, group = int(owner[1]), int(owner[2])
        give(self.config.parent.parent, user, group)
        lines = self.drop_in(user, group)
        if lines != self.lines:
            self.unit, self.lines = f"closedloopd@{next(_numbers)}.service", lines
            folder = found.file(f"/etc/systemd/system/{self.unit}.d")
            folder.mkdir()
            (folder / "test.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        found.ask("systemctl", "start", "--no-block", self.unit)
        self.process = UnitProcess(found, self.unit)   # type: ignore[assignment]
        if is_ready:
            self.await_ready()
        return self


def give(folder: Path, user: int, group: int) -> None:
    """What root has made in the test's folder belongs to the service, as what it makes itself. Not its configuration."""
    for path in (folder, *(path for path in folder.rglob("*") if folder / "etc" not in (path, *path.parents))):
        with suppress(FileNotFoundError):
            if path.lstat().st_uid == 0:
                os.chown(path, user, group, follow_symlinks=False)


Test = Callable[[Env], None]
# Programs other than those that would be installed, those of a sanitizer, say, stay outside.
IS_ASKED_FOR = os.environ.get("INSIDE") != "no" and DAEMON == ROOT / "build" / "closedloopd"


def is_outside(name: str) -> bool:
    return name in OUTSIDE or name.partition(":")[0] in OUTSIDE


def placed(name: str, test: Test) -> Test:
    """The test where it belongs."""
    if is_outside(name) or not IS_ASKED_FOR:
        return test

    def run(env: Env) -> None:
        try:
            shared = machine().binds[0]
        except Unavailable:
            if os.environ.get("INSIDE") == "must":
                raise
            return test(env)
        return perform(env, test, shared / "t")        # short: it holds sockets
    return run


def perform(env: Env, test: Test, folder: Path) -> None:
    folder.mkdir()
    there = Env(env.name, folder, env.shared_kafka)
    there.daemon_class = UnitDaemon
    try:
        try:
            test(there)
        finally:
            there.close()
            machine().run("systemctl", "stop", "closedloopd@*.service")
            machine().run("systemctl", "reset-failed")
    except Exception:
        subprocess.run(["cp", "-a", "--sparse=always", f"{folder}/.", str(env.folder)], check=False)
        raise
    finally:
        env.faults += there.faults
        shutil.rmtree(folder, ignore_errors=True)
