"""What the other tests run in (inside.py): the installed, hardened unit, with nothing loosened."""

from __future__ import annotations

import re
from pathlib import Path

import inside
from harness import ROOT, Env, Skipped, eventually
from machine import UNIT, Machine, Unavailable

HERE = Path(__file__).resolve().parent
# What is a test's: its configuration, folder, log, environment and disk; when it has died, the test looks at it first. And the slice
# of units with a number, which it comes after.
CHANGED = {"ExecStart", "Environment", "Restart", "ReadWritePaths", "Type", "WatchdogSec", "After"}


def machine() -> Machine:
    try:
        return inside.machine()
    except Unavailable as error:
        raise Skipped(str(error)) from error


def test_every_system_test_runs_inside_the_unit_or_there_is_a_reason_why_not(env: Env):
    """A new one runs inside without being asked to; nothing else than inside.OUTSIDE keeps it out."""
    found = [f"{file.stem}:{name}" for file in sorted(HERE.glob("test_*.py"))
             for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)]
    files = {name.partition(":")[0] for name in found}
    for name, reason in inside.OUTSIDE.items():
        assert name in files or name in found, f"inside.OUTSIDE names {name}, which is no test"
        assert len(reason.split()) > 5, f"{name}: \"{reason}\" is no reason"
    assert all((inside.placed(name, len) is len) == inside.is_outside(name) for name in found) or not inside.IS_ASKED_FOR
    assert sum(not inside.is_outside(name) for name in found) > 110


def properties(found: Machine, unit: str) -> dict[str, str]:
    """What systemd has made of each directive of the unit's file."""
    named = set(re.findall(r"^(\w+)=", (ROOT / "systemd" / UNIT).read_text(encoding="utf-8"), re.MULTILINE)) - CHANGED
    said = (line.partition("=") for line in found.ask("systemctl", "show", unit).splitlines())
    return {name: value for name, _, value in said if name in named or name.replace("USec", "Sec") in named - {"Restart"}}


def test_what_the_tests_change_of_the_unit_loosens_nothing(env: Env):
    found = machine()

    def look(there: Env) -> None:
        disk = there.folder / "disk"
        disk.mkdir()
        daemon = there.daemon(there.config("127.0.0.1:1", "answers"), disk=(disk, "4m"))
        daemon.environment = {"NOTIFY_SOCKET": str(there.folder / "notify"), "HARMLESS": "yes"}
        daemon.start(is_ready=False)
        assert isinstance(daemon, inside.UnitDaemon) and daemon.process
        eventually(lambda: daemon.get("/healthz")[0] == 200, "it runs")
        installed, tried = properties(found, UNIT), properties(found, daemon.unit)
        assert len(installed) > 45 and "SystemCallFilter" in installed, installed
        assert installed == tried, {name for name, value in installed.items() if tried.get(name) != value}
        found.ask("systemd-analyze", "security", "--no-pager", "--threshold=13", daemon.unit)
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines()
                      if ":\t" in line)
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and int(status["CapBnd"], 16) == 0, status
        root = Path(f"/proc/{daemon.process.pid}/root")
        mounts = {line.split()[4]: line.split()[5].split(",") for line in
                  Path(f"/proc/{daemon.process.pid}/mountinfo").read_text(encoding="utf-8").splitlines()}
        assert "ro" in mounts["/"] and "rw" in mounts[str(there.folder)] and not list((root / "tmp").iterdir())

    inside.perform(env, look, found.binds[0] / "t")
