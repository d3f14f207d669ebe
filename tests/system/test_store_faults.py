"""What can happen to the store: a full disk, a failing one, damage, files that are not as they should be, backup and
restore, upgrade."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from harness import CTL, CtlError, Env, answers, eventually
from test_edges import Manager
from test_daemon import later

DISK = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=$1 tmpfs "$0" && shift && exec "$@"']
ANSWER_SECONDS_MAX = 10         # for anything asked over the control socket, whatever the disk does


class Disk:
    """The store is on a disk of its own, which can be filled to the last byte. One case is open and told."""

    def __init__(self, env, size, ballast):
        self.env, self.kafka, self.receivers = env, env.kafka(), env.receivers()
        self.topic = env.topic(self.kafka)
        folder = env.folder / "disk"
        folder.mkdir()
        settings = env.config(self.kafka, self.topic, self.receivers, {"closedloopd.conf": {
            "operators": ["joe"], "store.sqlite": str(folder / "closedloop.db"), "store.ballast": ballast}})
        self.daemon = env.daemon(settings, wrapper=[*DISK, str(folder), size])
        self.manager = Manager(env)
        self.daemon.environment = self.manager.environment
        self.daemon.start()
        self.folder = Path(f"/proc/{self.daemon.process.pid}/root/{folder}")
        self.produced = []
        self.unhappy(1, "first")
        self.await_alerts(1)

    def unhappy(self, count, suffix):
        made = later(answers(count, customers=count), suffix)
        for answer in made:
            answer["answers"] = {"nps": 1, "reason": "x" * 2000}
        self.produced += self.kafka.produce(self.topic, made)

    def fill(self):
        with open(self.folder / f"filler-{time.monotonic_ns()}", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def make_room(self):
        for path in self.folder.glob("filler-*"):
            path.unlink()

    def alerts(self):
        return [json.loads(r["body"]) for r in self.receivers.records("http")
                if r["answer"] == 200 and json.loads(r["body"])["type"] == "case.opened"]

    def await_alerts(self, count):
        eventually(lambda: len(self.alerts()) >= count, f"{count} alerts are taken")
        eventually(lambda: self.daemon.ctl("status")["outbox"]["pending"] == 0, "their results are committed")

    def told_operators(self):
        return [json.loads(r["body"]) for r in self.receivers.records("http") if '"operator"' in (r["body"] or "")]

    def read(self):
        return self.daemon.ctl("status")["answers_read"]


def timed_ctl(daemon, *arguments):
    """Exit code, words, and never later than it must be."""
    started = time.monotonic()
    done = subprocess.run([str(CTL), "-s", daemon.socket, *map(str, arguments)], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, timeout=60)
    assert time.monotonic() - started < ANSWER_SECONDS_MAX, f"{arguments} hung"
    return done.returncode, done.stdout + done.stderr


def until_refused(disk, act):
    """Small transactions still find room in the log, for a while."""
    said = (0, "")
    for number in range(200):
        disk.fill()
        said = act(number)
        if said[0] != 0:
            break
    return said


def test_on_a_full_disk_reading_pauses_and_what_people_do_is_still_recorded(env: Env):
    disk = Disk(env, "12m", "2 MiB")
    daemon = disk.daemon
    ballast = disk.folder / "closedloop.db.ballast"
    eventually(lambda: ballast.exists() and ballast.stat().st_blocks * 512 >= 2 << 20, "room is kept")
    disk.fill()
    disk.unhappy(40, "full")
    eventually(lambda: daemon.ctl("status")["store"] != "ok", "the status says so")
    assert "the disk is full" in daemon.ctl("status")["store"] and not ballast.exists()
    code, words = daemon.get("/readyz")
    assert code == 503 and "store: the disk is full" in words, words
    disk.manager.await_next("STATUS=")
    assert any("STORE: the disk is full" in line for line in disk.manager.heard), disk.manager.heard[-3:]
    disk.await_alerts(41)                           # what had been read is told
    before = disk.read()
    disk.unhappy(30, "waiting")
    assert timed_ctl(daemon, "attempt", 1, "--by", "joe", "--result", "voicemail")[0] == 0
    assert timed_ctl(daemon, "contact", 2, "--by", "joe")[0] == 0
    assert timed_ctl(daemon, "case", 2)[0] == 0 and timed_ctl(daemon, "cases")[0] == 0
    assert timed_ctl(daemon, "reload")[0] == 0
    disk.manager.await_next("WATCHDOG=1")
    assert disk.read() == before, "it went on reading"
    disk.make_room()
    eventually(lambda: daemon.ctl("status")["store"] == "ok" and ballast.exists(), "it goes on by itself")
    disk.await_alerts(71)
    assert daemon.get("/readyz")[0] == 200
    ids = [alert["data"]["response"]["id"] for alert in disk.alerts()]
    assert sorted(ids) == sorted(r.answer["response_id"] for r in disk.produced), "each once, none lost"
    assert daemon.ctl("case", 2)["case"]["state"] == "contacted"
    eventually(lambda: len(disk.told_operators()) == 2, "operators are told once, and when it is over")
    assert daemon.stop() == 0, daemon.log_tail()
    env.fault("Store: the disk is full, with room kept for it (store.ballast)", within=60, over=60,
              logged="the disk of the store is full", noticed="/readyz answers 503, systemctl status, closedloopctl status and a message "
              "to the operators say so; reading pauses and goes on by itself; what people do is recorded, messages go out")


def test_on_a_disk_without_any_room_everybody_is_answered_with_words(env: Env):
    disk = Disk(env, "6m", 0)
    daemon = disk.daemon
    disk.fill()
    disk.unhappy(40, "full")
    eventually(lambda: daemon.ctl("status")["store"] != "ok", "the status says so")
    said = until_refused(disk, lambda _: timed_ctl(daemon, "assign", 1, "--to", "ben"))
    assert said[0] == 75 and "not done: the store cannot be written to" in said[1], said
    assert "Nothing has changed" in said[1]
    sequence = daemon.ctl("case", 1)["case"]
    assert timed_ctl(daemon, "attempt", 1, "--by", "joe")[0] == 75
    assert daemon.ctl("case", 1)["case"] == sequence, "it said that nothing has changed"
    for question in (("cases",), ("why", 1), ("when", 1), ("deliveries",), ("dead-letters",), ("status",)):
        assert timed_ctl(daemon, *question)[0] == 0, question
    assert timed_ctl(daemon, "reload")[0] == 0, "nothing of it has to be stored"
    policy = env.folder / "etc" / "policies.d" / "one-day.conf"
    text = policy.read_text(encoding="utf-8")

    def reload(number):
        policy.write_text(text.replace("version = 1;", f"version = {number + 2};"), encoding="utf-8")
        return timed_ctl(daemon, "reload")
    code, words = until_refused(disk, reload)
    assert code == 78 and "full" in words and "refused" in words, words
    disk.make_room()
    eventually(lambda: daemon.ctl("status")["store"] == "ok", "it goes on by itself")
    assert timed_ctl(daemon, "reload")[0] == 0
    disk.await_alerts(41)
    assert timed_ctl(daemon, "attempt", 1, "--by", "joe")[0] == 0
    ids = [alert["data"]["response"]["id"] for alert in disk.alerts() if alert["data"]["recipient"]["why"] == "owner"]
    assert len(set(ids)) == 41
    assert daemon.stop() == 0, daemon.log_tail()
    env.fault("Store: the disk is full to the last byte", within=60, over=60, logged="the store cannot be written to",
              noticed="acts are refused with words and exit code 75, questions are answered; /readyz answers 503; what was "
              "refused has not happened")
