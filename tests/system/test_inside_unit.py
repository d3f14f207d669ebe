"""The daemon's own tests once more, with the daemon inside the installed, hardened unit of a booted systemd: what it needs of
the machine it is still allowed to do. Kafka, receivers and the tests are outside."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable, Optional

import test_daemon
from harness import DAEMON, Daemon, Env, Skipped
from machine import UNIT, Machine, Unavailable

CHOSEN = (test_daemon.test_ten_thousand_answers_give_exactly_the_cases_of_an_independent_count,
          test_daemon.test_fifty_kills_at_random_moments_lose_nothing_and_double_nothing,
          test_daemon.test_a_broker_that_stops_and_comes_back_loses_nothing,
          test_daemon.test_hostile_records_are_set_aside_with_their_bytes_and_never_stop_a_partition,
          test_daemon.test_a_stop_under_load_takes_less_than_five_seconds_and_loses_nothing,
          test_daemon.test_acts_go_through_the_control_socket_and_are_answered,
          test_daemon.test_a_reload_takes_a_good_configuration_and_refuses_a_bad_one_whole,
          test_daemon.test_mail_and_slack_arrive_as_a_person_would_read_them,
          test_daemon.test_a_channel_that_fails_for_good_falls_over_to_the_next_and_an_operator_is_told,
          test_daemon.test_a_receiver_that_fails_for_a_while_gets_the_same_message_again_with_the_same_id,
          test_daemon.test_rungs_that_fell_due_while_the_service_was_down_are_done_once_and_say_how_late,
          test_daemon.test_a_mapping_and_a_channel_can_be_tried_out)
_machines: list[Machine] = []


def machine() -> Machine:
    """It shares this computer's network, and one folder: /tmp is the service's own."""
    if not _machines:
        shared = Path(tempfile.mkdtemp(prefix="closedloop-unit-", dir="/run"))
        shared.chmod(0o755)
        atexit.register(shutil.rmtree, shared, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="closedloop-machine-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        made = Machine(folder / "m", DAEMON.parent, is_private=False, binds=(shared,))
        atexit.register(made.close)
        _machines.append(made.boot())
    return _machines[0]


class UnitProcess:
    """The unit's main process, as subprocess.Popen would show it."""

    def __init__(self, found: Machine):
        self.machine = found
        self.returncode: Optional[int] = None

    def poll(self) -> Optional[int]:
        said = self.machine.ask("systemctl", "show", "-p", "ActiveState", "-p", "ExecMainCode", "-p", "ExecMainStatus", UNIT)
        values = dict(line.split("=", 1) for line in said.splitlines())
        if values["ActiveState"] in ("inactive", "failed"):
            has_exited = int(values["ExecMainCode"]) == os.CLD_EXITED
            self.returncode = int(values["ExecMainStatus"]) * (1 if has_exited else -1)
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        until = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(UNIT, timeout)
            time.sleep(0.02)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        self.machine.ask("systemctl", "kill", "--kill-whom=main", f"--signal={int(number)}", UNIT)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.machine.ask("systemctl", "stop", "--no-block", UNIT)


class UnitDaemon(Daemon):
    """Started by systemd, with all that the unit forbids. Only its configuration, log and folder are the test's."""

    def start(self, is_ready: bool = True) -> Daemon:
        found = machine()
        folder = self.config.parent.parent
        found.drop_in("[Service]", "ExecStart=", f"ExecStart=/usr/sbin/closedloopd -c {self.config}", f"ReadWritePaths={folder}",
                      f"StandardOutput=append:{self.log}", f"StandardError=append:{self.log}", "Restart=no")
        uid, gid = (int(found.ask("id", flag, "closedloop")) for flag in ("-u", "-g"))
        os.chown(folder, uid, gid)
        for path in folder.iterdir():       # not what belongs to the receivers and the broker
            if path.name in ("etc", "hook.key", "slack.url") or path.name.startswith("closedloop.db"):
                os.chown(path, uid, gid)
        found.ask("systemctl", "start", "--no-block", UNIT)
        self.process = UnitProcess(found)   # type: ignore[assignment]
        if is_ready:
            self.await_ready()
        return self


def inside(test: Callable[[Env], None]) -> Callable[[Env], None]:
    def run(env: Env) -> None:
        try:
            shared = machine().binds[0]
        except Unavailable as error:
            raise Skipped(str(error)) from error
        folder = shared / "t"       # short: it holds a socket
        folder.mkdir()
        there = Env(env.name, folder, env.shared_kafka)
        there.daemon_class = UnitDaemon
        try:
            test(there)
            assert machine().show("NRestarts") == "0"
        except Exception:
            for log in folder.glob("*.log"):
                shutil.copy(log, env.folder)
            raise
        finally:
            there.close()
            machine().run("systemctl", "stop", UNIT)
            shutil.rmtree(folder)
    run.__name__ = run.__qualname__ = test.__name__ + "_inside_the_unit"
    return run


globals().update({test.__name__: test for test in map(inside, CHOSEN)})
