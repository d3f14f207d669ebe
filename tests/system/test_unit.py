"""The unit as it is installed, in a systemd that was booted for it (machine.py): what no service manager of our own making
could show."""

from __future__ import annotations

import atexit
import json
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from harness import DAEMON, ROOT, Env, Skipped, eventually
from machine import UNIT, Machine, StoppedThread, TimeServer, Unavailable, checked

SOON = "[Service]\nRestartSec=100ms"      # systemd waits five seconds, the tests need not
_machines: list[Machine] = []


def machine() -> Machine:
    """The same one for all tests, as if it had just been installed."""
    try:
        if not _machines:
            folder = Path(tempfile.mkdtemp(prefix="closedloop-machine-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            made = Machine(folder / "m", DAEMON.parent)
            atexit.register(made.close)
            shutil.copytree(made.file("/etc/closedloop"), made.root.parent / "etc", symlinks=True)
            _machines.append(made.boot())
    except Unavailable as error:
        raise Skipped(str(error)) from error
    found = _machines[0]
    found.run("systemctl", "stop", UNIT)
    found.run("systemctl", "reset-failed", UNIT)
    for path in found.file("/etc/closedloop").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(found.root.parent / "etc", found.file("/etc/closedloop"), dirs_exist_ok=True)
    shutil.rmtree(found.file("/var/lib/closedloop"), ignore_errors=True)
    found.ask("systemd-tmpfiles", "--create", "closedloop.conf")
    found.ask("journalctl", "--rotate")
    found.ask("journalctl", "--vacuum-time=1us")
    found.drop_in()
    return found


def started() -> Machine:
    found = machine()
    found.ask("systemctl", "start", UNIT)
    return found


def set_option(found: Machine, name: str, old: str, new: str) -> None:
    path = found.file(f"/etc/closedloop/{name}")
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name} has no {old}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def ended(found: Machine) -> tuple[str, int]:
    """Waits until systemd has given up; how it ended, and how often it was started again."""
    eventually(lambda: (found.show("ActiveState"), found.show("SubState")) == ("failed", "failed"), "systemd has given up")
    return found.show("ExecMainStatus"), int(found.show("NRestarts"))


def begun(found: Machine) -> None:
    """A start that is not waited for."""
    found.ask("systemctl", "start", "--no-block", UNIT)


def test_the_unit_starts_with_the_configuration_that_is_installed_and_says_how_it_is(env: Env):
    found = started()
    assert found.show("ActiveState") == "active" and found.show("NRestarts") == "0"
    eventually(lambda: found.show("StatusText").startswith("Kafka unreachable"), "the status line says how Kafka is")
    assert "Status: \"Kafka unreachable" in found.ask("systemctl", "--no-pager", "--full", "status", UNIT)
    ready = [entry for entry in found.entries() if entry["MESSAGE"] == "the service is ready"]
    assert len(ready) == 1 and ready[0]["PRIORITY"] == "5" and ready[0]["_SYSTEMD_UNIT"] == UNIT, ready
    assert len(ready[0]["MESSAGE_ID"]) == 32, ready
    assert "░░ It has started, holds its store and listens" in found.journal("-x"), "the catalog explains it"
    assert '"uptime' in found.ask("closedloopctl", "--json", "status") or found.ask("closedloopctl", "status")
    assert "Unknown key" not in found.ask("journalctl", "--no-pager", "-b", "_PID=1"), "a directive that systemd does not know"


def test_the_unit_can_do_no_more_than_it_needs(env: Env):
    found = started()
    found.ask("systemd-analyze", "security", "--no-pager", "--threshold=13", UNIT)
    pid = found.outside(int(found.show("MainPID")))
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and int(status["CapEff"], 16) == 0, status
    assert "Max core file size        0" in Path(f"/proc/{pid}/limits").read_text()
    user = found.ask("id", "-u", "closedloop").strip()
    assert status["Uid"].split()[0] == user != "0"
    wanted = {"/var/lib/closedloop": "700 closedloop closedloop-admin", "/run/closedloop": "750 closedloop closedloop-admin",
              "/etc/closedloop": "750 root closedloop-admin", "/etc/closedloop/credentials": "700 root root",
              "/var/lib/closedloop/closedloop.db": "600 closedloop closedloop-admin",
              "/etc/closedloop/closedloopd.conf": "644 root root"}
    for path, mode in wanted.items():
        assert found.ask("stat", "-c", "%a %U %G", path).strip() == mode, (path, found.ask("stat", "-c", "%a %U %G", path))
    for path, may_write in {"/": False, "/etc/closedloop": False, "/usr/lib": False, "/var/log": False, "/tmp": True,
                            "/var/lib/closedloop": True, "/run/closedloop": True}.items():
        # As root: what keeps it out is the mount, not whose folder it is.
        tried = subprocess.run(["nsenter", f"--target={pid}", "--mount", "mktemp", f"--tmpdir={path}"], capture_output=True, text=True,
                               check=False)
        assert (tried.returncode == 0) == may_write and ("Read-only" in tried.stderr) != may_write, (path, tried)
    assert not list(found.file("/tmp").glob("tmp.*")), "its /tmp is its own"


def test_whom_the_unit_lets_ask_are_root_and_the_members_of_the_group_that_is_named(env: Env):
    found = started()
    found.run("useradd", "--groups", "closedloop-admin", "night")
    assert asked(found, "night") == (77, True) and asked(found, "nobody")[0] != 0, "nobody but root, as it is installed"
    set_option(found, "closedloopd.conf", '# group = "closedloop-admin";', 'group = "closedloop-admin";')
    found.ask("systemctl", "restart", UNIT)
    assert asked(found, "root")[0] == 0 and asked(found, "night")[0] == 0
    assert asked(found, "nobody") == (69, True) or asked(found, "nobody") == (77, True), asked(found, "nobody")


def asked(found: Machine, name: str) -> tuple[int, bool]:
    """closedloopctl's exit code, and whether it says who may."""
    done = found.run("su", "-s", "/bin/sh", name, "-c", "closedloopctl status")
    return done.returncode, "members of control.group" in done.stderr


CREDENTIAL = """channels = ( { name = "night-desk"; type = "webhook"; url = "https://hooks.example.com/x";
  secret = { credential = "night-desk" }; } );
"""


def test_a_secret_in_the_credentials_folder_reaches_the_configuration_and_nobody_else(env: Env):
    found = machine()
    found.file("/etc/closedloop/channels.d/night.conf").write_text(CREDENTIAL, encoding="utf-8")
    begun(found)
    assert ended(found) == ("78", 0)
    assert "night-desk" in found.journal() and "could not be read" in found.journal()
    secret = found.file("/etc/closedloop/credentials/night-desk")
    secret.touch(0o400)
    secret.write_text("whsec_" + "QUJD" * 8 + "\n", encoding="ascii")
    assert found.run("closedloopd", "-t").returncode == 0, "by hand, as root"
    found.ask("systemctl", "start", UNIT)
    found.ask("closedloopctl", "reload")
    found.ask("systemctl", "reload", UNIT)
    pid = found.outside(int(found.show("MainPID")))
    assert "QUJDQUJD" not in found.ask("journalctl", "--no-pager", "-b")
    assert b"QUJDQUJD" not in Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    for path in found.ask("find", "/run/credentials", "-name", "*night-desk").split():
        assert found.ask("stat", "-c", "%a", path).strip() in ("400", "440"), "only the service may read it"
        assert found.run("su", "-s", "/bin/sh", "nobody", "-c", f"cat {path}").returncode != 0
    env.fault("Configuration: a credential that is not there", noticed="the service does not start, exit code 78, and is not "
              "started again; the journal names the credential", within=60, over="put the file there and start the service",
              logged="credential \"night-desk\" could not be read", log=found.journal())


def hang(env: Env, thread: str, what: str) -> None:
    found = machine()
    found.drop_in(SOON, "WatchdogSec=2", "TimeoutAbortSec=1")        # a thread that stands still does not hear SIGABRT
    found.ask("systemctl", "start", UNIT)
    pid = found.show("MainPID")
    stopped = StoppedThread(found.outside(int(pid)), thread)
    eventually(stopped.has_ended, "it is killed", 30)
    eventually(lambda: found.show("NRestarts") == "1" and found.show("ActiveState") == "active", "it is started again", 30)
    assert found.show("MainPID") != pid
    assert "Watchdog timeout" in found.journal() and "Failed with result 'watchdog'" in found.journal()
    env.fault(f"Process: {what} hangs", over="nothing to do", within=30, log=found.journal(),
              noticed="systemd starts the service again after WatchdogSec= (a minute as installed; two seconds in the test)",
              logged="Watchdog timeout")


def test_a_loop_that_hangs_is_started_again_by_the_watchdog(env: Env):
    hang(env, "closedloopd", "the loop")


def test_a_turn_thread_that_hangs_is_started_again_by_the_watchdog(env: Env):
    hang(env, "turn", "the turn thread")


def stop_while_hung(thread: str) -> Machine:
    found = machine()
    found.drop_in("[Service]", "TimeoutStopSec=4")
    found.ask("systemctl", "start", UNIT)
    stopped = StoppedThread(found.outside(int(found.show("MainPID"))), thread)
    found.ask("systemctl", "stop", "--no-block", UNIT)
    eventually(stopped.has_ended, "it ends", 30)
    eventually(lambda: found.show("ActiveState") in ("inactive", "failed"), "systemd knows", 30)
    assert found.show("NRestarts") == "0"
    return found


def test_a_stop_waits_for_ever_neither_for_a_turn_nor_for_a_loop_that_hangs(env: Env):
    found = stop_while_hung("turn")
    assert found.show("Result") == "success" and "a turn did not end in time" in found.journal(), "it gives up by itself"
    env.fault("Process: the turn thread hangs while the service is stopped", within=30, over="nothing to do", log=found.journal(),
              noticed="systemctl stop takes some seconds; what was not committed is read again", logged="a turn did not end in time")
    found = stop_while_hung("closedloopd")
    assert found.show("Result") == "timeout" and "timed out. Killing." in found.journal(), "systemd sees to it"
    env.fault("Process: the loop hangs while the service is stopped", within=30, over="nothing to do", log=found.journal(),
              noticed="systemctl stop takes TimeoutStopSec= (half a minute as installed; four seconds in the test)",
              logged="timed out. Killing.")
    found.ask("systemctl", "start", UNIT)
    found.ask("closedloopctl", "status")


def test_a_process_that_is_killed_is_started_again(env: Env):
    found = machine()
    found.drop_in(SOON)
    found.ask("systemctl", "start", UNIT)
    for times in range(1, 8):       # more often than systemd's usual limit of starts
        found.ask("systemctl", "kill", "--signal=SIGKILL", UNIT)
        eventually(lambda: found.show("NRestarts") == str(times) and found.show("ActiveState") == "active", "started again", 30)
    env.fault("Process: killed, again and again", noticed="systemd starts it again after five seconds, however often", within=30,
              over="nothing to do", logged="Failed with result 'signal'", log=found.journal())


def test_a_reload_that_is_refused_fails_with_words_and_the_old_configuration_goes_on(env: Env):
    found = started()
    pid = found.show("MainPID")
    rules = next(found.file("/etc/closedloop/rules.d").glob("*.conf"))
    good = rules.read_text(encoding="utf-8")
    rules.write_text(good + '\nrules = ( { name = "wrong"; when = "npss <= 6"; then = "call"; } );\n', encoding="utf-8")
    refused = found.run("systemctl", "reload", UNIT)
    assert refused.returncode != 0 and "failed" in refused.stderr, refused
    journal = found.journal()
    assert rules.name in journal and "npss" in journal and "the old one goes on" in journal, journal
    assert (found.show("ActiveState"), found.show("MainPID")) == ("active", pid)
    found.ask("closedloopctl", "status")
    rules.write_text(good, encoding="utf-8")
    found.ask("systemctl", "reload", UNIT)
    # What only the running service can know: that a policy's version was other before.
    policy = next(found.file("/etc/closedloop/policies.d").glob("*.conf"))
    policy.write_text(policy.read_text(encoding="utf-8").replace('"24 hours"', '"23 hours"', 1), encoding="utf-8")
    assert found.run("systemctl", "reload", UNIT).returncode != 0
    assert (found.show("ActiveState"), found.show("MainPID")) == ("active", pid)
    env.fault("Service: systemctl reload of files with a mistake in them", noticed="systemctl reload fails, the journal says "
              "file and mistake; the old configuration goes on", within=60, over="mend the file and reload",
              logged="the old one goes on", log=journal)


def test_a_wrong_argument_a_wrong_configuration_and_a_store_that_is_damaged_or_open_to_others_are_not_started_again(env: Env):
    found = machine()
    found.drop_in(SOON, "ExecStart=", "ExecStart=/usr/sbin/closedloopd --nonsense")
    begun(found)
    assert ended(found) == ("64", 0)

    found = machine()
    found.drop_in(SOON)
    found.file("/etc/closedloop/closedloopd.conf").unlink()
    begun(found)
    assert ended(found) == ("78", 0)
    assert "closedloopd.conf" in found.journal()

    found = machine()
    found.drop_in(SOON)
    set_option(found, "closedloopd.conf", "metrics", "metrik")
    begun(found)
    assert ended(found) == ("78", 0)
    assert "metrik" in found.journal()
    env.fault("Service: started with a configuration that has a mistake in it", noticed="it fails once, with exit code 78 and "
              "the mistake's place in the journal", within=60, over="mend the file and start the service", logged="metrik",
              log=found.journal())

    found = machine()
    found.drop_in(SOON)
    found.ask("install", "-d", "-m", "0700", "-o", "closedloop", "-g", "closedloop-admin", "/var/lib/closedloop")
    found.file("/var/lib/closedloop/closedloop.db").write_bytes(b"this is no database, nor was it ever one\n" * 200)
    found.ask("chown", "closedloop:", "/var/lib/closedloop/closedloop.db")
    begun(found)
    assert ended(found) == ("77", 0), "others could read it"
    found.ask("chmod", "600", "/var/lib/closedloop/closedloop.db")
    begun(found)
    assert ended(found) == ("65", 0), found.journal()
    assert found.file("/var/lib/closedloop/closedloop.db").read_bytes().startswith(b"this is no database"), "it is kept"


def test_what_may_mend_itself_is_tried_until_it_does(env: Env):
    found = machine()
    found.drop_in(SOON, "ExecStart=", "ExecStart=/bin/sh -c 'exit 74'")
    begun(found)
    eventually(lambda: int(found.show("NRestarts")) >= 7, "a disk error is tried again, without a limit")
    found = machine()
    found.drop_in(SOON)
    found.ask("systemctl", "start", UNIT)
    found.ask("systemd-run", "--unit=other", "-p", "User=closedloop", "-p", "Group=closedloop-admin", "-p", "Restart=on-failure",
              "-p", "RestartSec=100ms", "-p", "StartLimitIntervalSec=0", "-p", "RuntimeDirectory=closedloop",
              "-p", "RuntimeDirectoryPreserve=restart", "/usr/sbin/closedloopd")
    eventually(lambda: int(found.show("NRestarts", "other")) >= 7 and found.show("ExecMainStatus", "other") in ("75", "0"),
               "a second instance waits for the store")
    found.ask("systemctl", "stop", UNIT)
    eventually(lambda: found.show("SubState", "other") == "running" and
               found.run("closedloopctl", "status").returncode == 0, "and has it once the first has ended")
    found.ask("systemctl", "stop", "other")
    env.fault("Service: another process has the store", noticed="the service is started every five seconds, until it is free",
              within=60, over=60, logged="another", log=found.journal(unit="other"))


# Like those that come with the network's service and the clock's: the target of the network is there for those who want it,
# that of the time is wanted by whoever sets the clock.
SLOW = """[Unit]
DefaultDependencies=no
Before={target} shutdown.target
Conflicts=shutdown.target
{wants}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sleep {seconds}
[Install]
WantedBy={wanted_by}
"""


def test_at_boot_it_waits_for_the_network_and_the_time(env: Env):
    found = machine()
    network = SLOW.format(target="network-online.target", wants="", wanted_by="network-online.target", seconds=1.5)
    clock = SLOW.format(target="time-sync.target", wants="Wants=time-sync.target", wanted_by="sysinit.target", seconds=1)
    for name, text in (("slow-network", network), ("slow-time", clock)):
        found.file(f"/etc/systemd/system/{name}.service").write_text(text, encoding="ascii")
    units = ("slow-network", "slow-time", UNIT)
    found.ask("systemctl", "enable", *units)
    found.halt()
    try:
        found.boot()
        eventually(lambda: found.show("ActiveState") == "active", "it was started at boot")
        started_at = int(found.show("InactiveExitTimestampMonotonic"))
        for target in ("network-online.target", "time-sync.target"):
            assert 0 < int(found.show("ActiveEnterTimestampMonotonic", target)) <= started_at, target
        found.ask("closedloopctl", "status")
    finally:
        found.ask("systemctl", "disable", *units)
    env.fault("Service: network and time come late at boot", noticed="it is started after both", within=60, over="nothing to do",
              logged="the service is ready", log=found.journal())


# --- what keeps the clock right

KERNEL = "Environment=LD_PRELOAD=/usr/lib/kernel_clock.so KERNEL_CLOCK=/run/kernel-clock"
TIMESYNCD = "systemd-timesyncd.service"
CHRONYD = ("systemd-run", "--unit=chronyd", f"-p{KERNEL}", "/usr/sbin/chronyd", "-d", "-u", "root",
           "server 127.0.0.1 iburst minpoll -4 maxpoll -4", "rtcsync", "pidfile /run/chronyd.pid", "cmdport 0", "bindcmdaddress /")


class Clock:
    """The service in doubt about its clock: its store knows of a later time. What sets a clock sets one of the test's own."""

    def __init__(self, env: Env, *drop_in: str):
        self.found = found = started()
        found.ask("systemctl", "stop", UNIT)
        with closing(sqlite3.connect(found.file("/var/lib/closedloop/closedloop.db"))) as store, store:
            ahead = int((time.time() + 36000) * 1e6)
            assert store.execute("UPDATE meta SET value = ? WHERE key = 'clock'", (str(ahead),)).rowcount == 1
        checked(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", found.file("/usr/lib/kernel_clock.so"),
                 Path(__file__).with_name("kernel_clock.c")])
        found.ask("install", "-m", "0666", "/dev/null", "/run/kernel-clock")
        self.server = TimeServer(found.leader)
        env.cleanup.callback(self.server.close)
        found.drop_in("[Service]", *drop_in)
        found.ask("systemctl", "start", UNIT)
        self.await_doubt(True)

    def is_in_doubt(self) -> bool:
        return json.loads(self.found.ask("closedloopctl", "--json", "status"))["clock"]["in_doubt"]

    def await_doubt(self, is_open: bool) -> None:
        eventually(lambda: self.is_in_doubt() == is_open, f"the clock is {'' if is_open else 'not '}in doubt; {self.server.failure}")

    def stays_in_doubt(self) -> None:
        """While the server is asked, and for some turns after."""
        known = self.server.asked
        eventually(lambda: self.server.asked > known, "the time server is asked")
        since = self.uptime()
        eventually(lambda: self.uptime() >= since + 3, "turns pass")
        assert self.is_in_doubt()

    def uptime(self) -> int:
        return json.loads(self.found.ask("closedloopctl", "--json", "status"))["uptime_seconds"]


def test_a_clock_that_timesyncd_keeps_right_is_believed_and_not_before(env: Env):
    clock = Clock(env)
    found = clock.found
    found.file("/etc/systemd/timesyncd.conf").write_text("[Time]\nNTP=127.0.0.1\n", encoding="ascii")
    try:
        # What a container may not do, and does not do here.
        found.drop_in("[Unit]", "ConditionVirtualization=", "ConditionCapability=", "[Service]", "AmbientCapabilities=",
                      "CapabilityBoundingSet=", KERNEL, "ReadWritePaths=/run/kernel-clock", unit=TIMESYNCD)
        found.ask("systemctl", "start", TIMESYNCD)
        clock.stays_in_doubt()
        clock.server.knows_the_time = True
        found.ask("systemctl", "restart", TIMESYNCD)
        clock.await_doubt(False)
    finally:
        found.run("systemctl", "stop", TIMESYNCD)
        found.drop_in(unit=TIMESYNCD)
    assert "it is synchronised" in found.journal()
    env.fault("Time: wrong at boot, until systemd-timesyncd has set it", within=60, over=60, log=found.journal(),
              noticed="status says that the clock is in doubt; reminders and escalations are held until it is synchronised",
              logged="the machine's clock is believed again")


def clock_finding(found: Machine) -> dict:
    """What closedloopctl doctor says of the clock that chrony keeps right."""
    said = found.run("env", *KERNEL.removeprefix("Environment=").split(), "closedloopctl", "--json", "doctor").stdout
    finding, = (finding for finding in json.loads(said)["findings"] if finding["check"] == "clock")
    return finding


def test_a_clock_that_chrony_keeps_right_is_believed_with_the_drop_in_that_the_unit_names_and_not_before(env: Env):
    named = re.search(r"a drop-in with (ProtectClock=no) and (SystemCallFilter=[a-z_ ]+) lets it ask",
                      (ROOT / "systemd" / UNIT).read_text(encoding="utf-8"))
    assert named
    clock = Clock(env, *named.groups(), KERNEL)
    found = clock.found
    assert "\nrtcsync\n" in found.file("/usr/share/chrony/chrony.conf").read_text(encoding="utf-8"), "Debian says so, too"
    found.ask(*CHRONYD)
    try:
        clock.stays_in_doubt()
        clock.server.knows_the_time = True
        clock.await_doubt(False)
        assert "it is synchronised" in found.journal()
        assert clock_finding(found)["level"] == "ok"
        found.drop_in()
        finding = clock_finding(found)
        assert finding["level"] == "warning" and all(line in finding["advice"] for line in named.groups()), finding
    finally:
        found.run("systemctl", "stop", "chronyd")


def test_a_halt_of_the_machine_ends_it_in_order(env: Env):
    found = started()
    found.halt()
    found.boot()
    said = found.ask("journalctl", "--no-pager", "-b", "-1", "-u", UNIT)
    assert "the service is stopping" in said and "Deactivated successfully" in said, said
    env.fault("Service: the machine is shut down", noticed="nothing: it ends in order", within=30, over="nothing to do",
              logged="the service is stopping", log=said)
