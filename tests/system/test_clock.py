"""Time, and who waits for whom: clocks that step, threads that hang, days of outage, and what a slow receiver holds up."""

import json
import mmap
import signal
import socket
import struct
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from harness import CTL, PEOPLE, Env, answers, eventually

HOUR = 3600


def unhappy_answers(count, at=None, territory="UKI"):
    """From as many customers, of Ana's territory."""
    made = answers(count, at=at)
    for number, answer in enumerate(made):
        answer["response_id"] = f"r-{number}"
        answer["customer"] = {"id": f"c-{number}"}
        answer["account"] = {"territory": territory}
        answer["answers"] = {"nps": 1}
    return made


def told(receivers, path="/hook/*"):
    """(case, type, reader) of each message about a case that has arrived, in order."""
    found = []
    for record in receivers.records("http", path):
        data = json.loads(record["body"])
        if "case" in data["data"]:
            found.append((data["data"]["case"]["number"], data["type"], data["data"]["recipient"]["id"]))
    return found


def hooks(env, receivers, **more):
    """The default configuration's channels, with other settings."""
    return {"channels.d/hooks.conf": {"channels": tuple(
        {"name": f"hook-{p['id']}", "type": "webhook", "url": f"{receivers.url('/hook')}/{p['id']}",
         "secret": {"file": str(env.folder / "hook.key")}, "private_network": True, "plain_http": True} | more
        for p in PEOPLE)}}


# --- what waits for a slow receiver

def test_what_waits_for_a_slow_receiver_is_not_sent_once_the_customer_was_reached(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    receivers.http("/hook/ana", {"status": 200, "delay": 0.5})
    daemon = env.daemon(env.config(kafka, topic, receivers, hooks(env, receivers, in_flight=1))).start()
    kafka.produce(topic, unhappy_answers(10))
    eventually(lambda: daemon.ctl("status")["cases"]["open"] == 10, "ten cases")
    receivers.await_records(1)
    reached = [6, 7, 8, 9]      # their alerts stand behind five others, two and a half seconds
    for number in reached:
        daemon.ctl("contact", number, "--by", "ana", "--channel", "phone", "--result", "spoke")
    daemon.ctl("close", 10, "--by", "ana", "--outcome", "not-a-complaint")
    eventually(lambda: daemon.ctl("status")["outbox"]["pending"] == 0, "everything is sent or dropped")
    alerted = [number for number, kind, _ in told(receivers, "/hook/ana") if kind == "case.opened"]
    assert sorted(alerted) == [1, 2, 3, 4, 5], f"alerts came of {alerted}"
    states = {row["case"]: row["state"] for row in daemon.ctl("deliveries") if row["message"] == "alert"}
    assert {number for number, state in states.items() if state == "dropped"} == {6, 7, 8, 9, 10}, states


def test_an_attempt_that_does_not_pause_the_ladder_any_more_says_so(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, env.receivers(), {
        "policies.d/one-day.conf": {"policy": {"attempt": {"pause": "1 hour", "at_most": 2}}}})).start()
    kafka.produce(topic, unhappy_answers(1))
    eventually(lambda: daemon.ctl("status")["cases"]["open"] == 1, "a case")
    words = [subprocess.run([str(CTL), "-s", daemon.socket, "attempt", "1", "--by", "ana"], capture_output=True, text=True,
                            check=True).stdout for _ in range(3)]
    assert "does not pause" not in words[0] + words[1], words
    assert "the ladder does not pause for it: its policy allows 2 pauses" in words[2], words
    assert daemon.ctl("attempt", 1, "--by", "ana")["pauses"] is False


# --- the daemon's clock and threads

class Faults:
    """What fault_time.c makes the daemon believe and wait for."""

    PLACES = ("wall_us", "boot_us", "is_synchronised", "hangs_sync", "hangs_loop", "timesync_at")

    def __init__(self, env):
        library, wish = env.folder / "fault_time.so", env.folder / "wish"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library,
                        Path(__file__).with_name("fault_time.c")], check=True)
        wish.write_bytes(bytes(8 * len(self.PLACES)))
        with open(wish, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.environment = {"LD_PRELOAD": str(library), "FAULT_TIME": str(wish)}

    def set(self, **wishes):
        for name, value in wishes.items():
            struct.pack_into("q", self.map, 8 * self.PLACES.index(name), int(value))

    def clock(self, seconds):
        """The wall clock is wrong by so much from now on."""
        self.set(wall_us=seconds * 1_000_000)


class Manager:
    """What the service manager hears."""

    def __init__(self, env, watchdog_us):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(env.folder / "notify"))
        self.environment = {"NOTIFY_SOCKET": str(env.folder / "notify"), "WATCHDOG_USEC": str(watchdog_us)}
        self.heard = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            said = self.socket.recv(4096).decode()
            self.heard += [(time.monotonic(), line) for line in said.splitlines()]

    def fed(self, since=0.0):
        return [at for at, line in self.heard if line == "WATCHDOG=1" and at >= since]

    def await_fed(self):
        start = time.monotonic()
        eventually(lambda: self.fed(start), "the watchdog is fed")


LADDER = ({"after": "0 minutes", "tell": ["owner"], "message": "alert", "at": "any time"},
          {"after": "1 hour", "tell": ["owner"], "message": "reminder", "at": "any time"},
          {"after": "6 hours", "tell": ["manager"], "message": "help-needed", "at": "any time"},
          {"after": "window", "tell": ["manager"], "message": "window-missed", "at": "any time", "repeat": "1 day"})


class Scene:
    """A daemon whose clock a test sets. Operators hear of it: Ines."""

    def __init__(self, env, hold="15 minutes", manager=None):
        self.kafka, self.receivers, self.faults = env.kafka(), env.receivers(), Faults(env)
        self.topic = env.topic(self.kafka)
        settings = env.config(self.kafka, self.topic, self.receivers, {
            "closedloopd.conf": {"operators": ["ines"], "clock": {"hold": hold}},
            "policies.d/one-day.conf": {"policy": {"ladder": LADDER, "least_notice": "1 minute"}}})
        self.daemon = env.daemon(settings)
        self.daemon.environment = self.faults.environment | (manager.environment if manager else {})
        self.count = 0

    def answer(self, due_in=None, count=1):
        """Unhappy answers from as many customers; with due_in, so old that the reminder is due in so many seconds."""
        at = datetime.now(timezone.utc)
        if due_in is not None:
            at -= timedelta(seconds=HOUR - due_in)
        made = unhappy_answers(count, at=at)
        for answer in made:
            answer["response_id"] = answer["customer"]["id"] = f"r-{self.count}"
            answer["submitted_at"] = at.isoformat()
            self.count += 1
        self.kafka.produce(self.topic, made)

    def kinds(self):
        return [kind for _, kind, _ in told(self.receivers)]

    def await_kinds(self, *wanted, seconds_max=30):
        eventually(lambda: self.kinds() == list(wanted), f"messages are {wanted}, not {self.kinds()}", seconds_max)

    def operators(self):
        """What they were told; a message that comes again after a kill has the same id."""
        found = {record["headers"]["webhook-id"]: json.loads(record["body"])
                 for record in self.receivers.records("http", "/hook/ines")}.values()
        return [message["data"].get("text", json.dumps(message)) for message in found if message["type"] == "operator"]

    def boots(self, number):
        """The machine has booted a minute ago."""
        self.daemon.environment["CLOSEDLOOP_BOOT_ID"] = f"{number:08x}-0000-4000-8000-000000000000"
        self.faults.set(boot_us=(60 - int(time.clock_gettime(time.CLOCK_BOOTTIME))) * 1_000_000)

    def clock(self):
        return self.daemon.ctl("status")["clock"]

    def await_doubt(self, is_open=True):
        return eventually(lambda: (clock := self.clock())["in_doubt"] == is_open and clock,
                          f"the clock is {'' if is_open else 'not '}in doubt")

    def turns_pass(self):
        """The daemon has looked at its clock and at what is due, twice: it counts once in each turn of its tick."""
        for _ in range(2):
            before = self.daemon.ctl("status")["uptime_seconds"]
            eventually(lambda: self.daemon.ctl("status")["uptime_seconds"] > before, "a tick")


def test_clock_set_forward_ten_hours_escalates_nothing_early(env: Env):
    scene = Scene(env)
    scene.daemon.start()
    scene.answer()
    scene.await_kinds("case.opened")
    scene.faults.clock(10 * HOUR)
    doubt = scene.await_doubt()
    assert doubt["words"].startswith("it was set forward by 10 h"), doubt
    eventually(lambda: scene.clock()["cases_held"] == 1, "its reminder and more would be due")
    assert scene.daemon.metric("closedloop_rungs_held") == 1 and scene.daemon.metric("closedloop_clock_jump_total") == 1
    scene.answer()
    scene.await_kinds("case.opened", "case.opened")     # alerts are not held
    scene.turns_pass()
    scene.faults.clock(0)
    scene.await_doubt(False)
    scene.turns_pass()
    assert scene.kinds() == ["case.opened", "case.opened"], scene.kinds()
    eventually(lambda: len(scene.operators()) == 2, f"operators heard {scene.operators()}")
    assert scene.daemon.metric("closedloop_rungs_held") == 0
    log = scene.daemon.log.read_text(encoding="utf-8")
    assert log.count("the machine's clock is in doubt") == 1 and log.count("clock is believed again") == 1, log
    env.fault("Time: the clock is set forward by hours", noticed="reminders and escalations are held, operators are told "
              "and status says so; alerts go on", within=60, over=60, logged="the machine's clock is in doubt")


def test_clock_that_stays_wrong_holds_rungs_no_longer_than_said(env: Env):
    scene = Scene(env, hold="4 seconds")
    scene.daemon.start()
    scene.answer(due_in=HOUR)
    scene.await_kinds("case.opened")
    scene.faults.clock(2 * HOUR)
    scene.await_doubt()
    start = time.monotonic()
    scene.await_kinds("case.opened", "case.reminded")
    assert time.monotonic() - start > 1, "it was held"
    reminder = [json.loads(record["body"]) for record in scene.receivers.records("http", "/hook/ana")][-1]
    assert reminder["data"]["rung"]["late_seconds"] >= HOUR - 60, "and says how late it is, by that clock"
    assert not scene.clock()["in_doubt"]


def test_clock_set_back_ten_hours_tells_nobody_twice_and_skips_nothing(env: Env):
    scene = Scene(env)
    scene.daemon.start()
    scene.answer(due_in=3)
    scene.await_kinds("case.opened", "case.reminded")
    scene.receivers.http("/hook/ana", {"status": 503})
    scene.answer()
    eventually(lambda: any(record["answer"] == 503 for record in scene.receivers.records("http", "/hook/ana")), "a try")
    scene.faults.clock(-10 * HOUR)
    scene.await_doubt()
    scene.receivers.http("/hook/ana", {"status": 200})
    eventually(lambda: scene.daemon.ctl("status")["outbox"]["pending"] == 0, "its next try does not wait ten hours")
    scene.daemon.ctl("clock", "trust")
    scene.await_doubt(False)
    scene.faults.clock(0)
    scene.await_doubt()
    scene.daemon.ctl("clock", "trust")
    scene.await_doubt(False)
    scene.answer(due_in=3)
    eventually(lambda: scene.kinds().count("case.reminded") == 2, "what falls due is done")
    scene.turns_pass()
    accepted = [(record["headers"]["webhook-id"]) for record in scene.receivers.records("http", "/hook/ana")
                if record["answer"] == 200]
    assert len(accepted) == len(set(accepted)) == 5, "three alerts and two reminders, each once"
    env.fault("Time: the clock is set back by hours", noticed="operators are told and status says so; no message comes "
              "twice", within=60, over="closedloopctl clock trust, or 15 minutes", logged="the machine's clock is in doubt")


def test_clock_wrong_at_boot_is_seen_by_what_the_store_knows(env: Env):
    scene = Scene(env)
    scene.daemon.start()
    scene.answer(due_in=8)
    scene.await_kinds("case.opened")
    assert scene.daemon.stop() == 0
    scene.boots(2)
    scene.faults.clock(-10 * HOUR)
    scene.daemon.start()
    doubt = scene.await_doubt()
    assert "before the newest time in the store" in doubt["words"], doubt
    scene.answer()
    scene.await_kinds("case.opened", "case.opened")     # alerts are not held
    scene.faults.clock(0)
    scene.await_doubt(False)
    eventually(lambda: scene.kinds().count("case.reminded") == 1, "the reminder comes, once")
    env.fault("Time: the clock is wrong at boot", noticed="reminders and escalations are held until it is right, operators "
              "are told; alerts go on", within=60, over=60, logged="the machine's clock is in doubt")


def test_clock_set_forward_while_the_service_is_down_escalates_nothing_early(env: Env):
    scene = Scene(env)
    scene.daemon.start()
    scene.answer(due_in=HOUR)
    scene.await_kinds("case.opened")
    for end in (scene.daemon.stop, scene.daemon.kill):      # the second one in doubt, and killed
        end()
        scene.faults.clock(10 * HOUR)
        scene.daemon.start()
        doubt = scene.await_doubt()
        assert doubt["words"].startswith("it was set forward by 10 h"), doubt
        eventually(lambda: scene.clock()["cases_held"] == 1, "its reminder and more would be due")
    scene.answer()
    scene.await_kinds("case.opened", "case.opened")     # alerts are not held
    eventually(lambda: len(scene.operators()) == 1, f"operators heard {scene.operators()}")     # once
    scene.daemon.kill()
    scene.faults.clock(0)
    scene.daemon.start()
    eventually(lambda: len(scene.operators()) == 2, f"operators heard {scene.operators()}")
    scene.await_doubt(False)
    scene.turns_pass()
    assert set(scene.kinds()) == {"case.opened"}, scene.kinds()     # the kill may have one repeated
    env.fault("Time: the clock is set forward while the service is down", noticed="reminders and escalations are held, "
              "operators are told and status says so; alerts go on", within=60, over=60,
              logged="the machine's clock is in doubt")


def test_clock_ahead_at_boot_or_a_night_without_power_holds_rungs_and_no_alert(env: Env):
    scene = Scene(env)
    scene.daemon.start()
    scene.answer(due_in=HOUR)
    scene.await_kinds("case.opened")
    assert scene.daemon.stop() == 0
    scene.boots(2)
    scene.faults.clock(10 * HOUR)       # it says that the night is over
    scene.daemon.start()
    doubt = scene.await_doubt()
    assert "after the last time in the store" in doubt["words"], doubt
    eventually(lambda: scene.clock()["cases_held"] == 1, "its reminder and more would be due")
    scene.answer()
    scene.await_kinds("case.opened", "case.opened")     # alerts are not held
    scene.turns_pass()
    scene.faults.clock(0)
    scene.faults.set(is_synchronised=1)
    scene.await_doubt(False)
    scene.turns_pass()
    assert scene.kinds() == ["case.opened", "case.opened"], scene.kinds()
    assert not scene.operators(), "on any cold morning the same: nobody is woken for it"
    assert scene.daemon.log.read_text(encoding="utf-8").count("the machine's clock is in doubt") == 1
    env.fault("Time: the clock is ahead at boot, or the machine was off for long", noticed="reminders and escalations are "
              "held until it is synchronised, 15 minutes at most, and status says so; alerts go on", within=60, over=60,
              logged="the machine's clock is in doubt")


def test_an_ordinary_reboot_holds_nothing(env: Env):
    scene = Scene(env)
    scene.daemon.start()
    scene.answer(due_in=6)
    scene.await_kinds("case.opened")
    assert scene.daemon.stop() == 0
    scene.boots(2)
    scene.faults.clock(240)             # off for three minutes, and one to boot
    scene.daemon.start()
    scene.await_kinds("case.opened", "case.reminded")
    assert not scene.clock()["in_doubt"] and scene.daemon.metric("closedloop_clock_jump_total") == 0


def test_clock_that_the_kernel_calls_synchronised_is_not_doubted(env: Env):
    scene = Scene(env)
    scene.faults.set(is_synchronised=1)
    scene.daemon.start()
    scene.answer(due_in=HOUR)
    scene.await_kinds("case.opened")
    scene.faults.clock(2 * HOUR)
    scene.await_kinds("case.opened", "case.reminded")
    assert scene.daemon.metric("closedloop_clock_jump_total") == 1 and not scene.clock()["in_doubt"]
    assert "the machine's clock was set" in scene.daemon.log.read_text(encoding="utf-8")


def test_clock_set_by_hand_after_timesyncd_had_compared_it_is_doubted(env: Env):
    """Inside the unit's sandbox the kernel may not be asked: what timesyncd has said before is no word on it."""
    scene = Scene(env)
    scene.faults.set(timesync_at=time.time())
    scene.daemon.start()
    scene.answer(due_in=900)
    scene.await_kinds("case.opened")
    scene.faults.clock(1200)
    scene.await_doubt()
    scene.turns_pass()
    assert scene.kinds() == ["case.opened"], scene.kinds()
    scene.faults.set(timesync_at=time.time() + 1200)
    scene.await_doubt(False)
    scene.await_kinds("case.opened", "case.reminded")


def test_a_machine_that_was_suspended_tells_once_and_late(env: Env):
    scene = Scene(env)
    scene.daemon.start()
    scene.answer(due_in=HOUR)
    scene.await_kinds("case.opened")
    scene.faults.set(boot_us=2 * HOUR * 1_000_000)      # both clocks have moved in its sleep
    scene.faults.set(wall_us=2 * HOUR * 1_000_000)
    scene.await_kinds("case.opened", "case.reminded")
    reminder = [json.loads(record["body"]) for record in scene.receivers.records("http", "/hook/ana")][-1]
    assert HOUR - 60 <= reminder["data"]["rung"]["late_seconds"] <= HOUR + 60, reminder["data"]["rung"]
    env.fault("Time: the machine is suspended over a due time", noticed="the reminder comes at waking and says how late it "
              "is", within=60, over="nothing to do", logged="nothing")


def test_a_process_that_is_stopped_over_a_due_time_tells_once_and_late(env: Env):
    scene = Scene(env)
    scene.daemon.start()
    scene.answer(due_in=4)
    scene.await_kinds("case.opened")
    due = time.monotonic() + 4
    scene.daemon.send(signal.SIGSTOP)
    while time.monotonic() < due + 3:
        time.sleep(0.1)
    assert scene.kinds() == ["case.opened"]
    scene.daemon.send(signal.SIGCONT)
    scene.await_kinds("case.opened", "case.reminded")
    reminder = [json.loads(record["body"]) for record in scene.receivers.records("http", "/hook/ana")][-1]
    assert reminder["data"]["rung"]["late_seconds"] >= 2
    assert scene.daemon.metric("closedloop_clock_jump_total") == 0


def test_a_thousand_overdue_cases_after_two_days_come_paced_oldest_first_each_once(env: Env):
    cases, rate = 1000, 100
    kafka, receivers, faults = env.kafka(), env.receivers(), Faults(env)
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers, hooks(env, receivers, late_per_second=rate, in_flight=50) | {
        "policies.d/one-day.conf": {"policy": {"ladder": LADDER, "least_notice": "1 minute"}}}))
    daemon.environment = faults.environment
    daemon.start()
    made = unhappy_answers(cases)       # submitted a second apart
    kafka.produce(topic, made)
    receivers.await_records(cases, path="/hook/ana")
    eventually(daemon.is_settled, "every alert is accepted")
    assert daemon.stop() == 0
    known = len(list(receivers.records("http")))
    faults.set(wall_us=48 * HOUR * 1_000_000, boot_us=48 * HOUR * 1_000_000)
    start = time.monotonic()
    daemon.start()
    fresh = unhappy_answers(1, at=datetime.now(timezone.utc) + timedelta(hours=48))
    fresh[0] |= {"response_id": "fresh", "customer": {"id": "fresh"}}
    kafka.produce(topic, fresh)
    eventually(lambda: any(number > cases for number, _, _ in told(receivers, "/hook/ana")), "a new alert", 8)
    assert daemon.ctl("status")["outbox"]["pending"] > 0, "and it did not wait for the crowd"
    late = eventually(lambda: len(found := list(receivers.records("http"))[known:]) == 2 * cases + 1 and found,
                      "a reminder and an escalation of each case")
    assert time.monotonic() - start > cases / rate - 2
    for reader, kind in (("ana", "case.reminded"), ("joe", "case.escalated")):
        messages = [json.loads(record["body"]) for record in late if record["path"] == f"/hook/{reader}"]
        numbers = [message["data"]["case"]["number"] for message in messages if message["type"] == kind]
        assert sorted(numbers) == list(range(1, cases + 1)), f"{reader} is told once of each"
        assert all(abs(number - place) < 2 * rate for place, number in enumerate(numbers)), "the oldest first"
        assert all(m["data"]["rung"]["late_seconds"] > 20 * HOUR for m in messages if m["type"] == kind), "marked"
        at = sorted(record["at_us"] for record in late if record["path"] == f"/hook/{reader}")
        most = max(sum(first <= other < first + 1_000_000 for other in at[place:place + 5 * rate])
                   for place, first in enumerate(at))
        assert most <= 2 * rate + 50, f"{most} in one second"
    env.fault("Service: down for two days, a thousand cases overdue", noticed="reminders and escalations come at "
              "channel.late_per_second, the oldest first, each says how late; new alerts do not wait for them", within=60,
              over=60, logged="nothing")


# --- the watchdog

def hung_and_restarted(env, wish, what):
    """A thread hangs while messages are due; what the service manager does then, done by hand."""
    manager = Manager(env, watchdog_us=2_000_000)
    scene = Scene(env, manager=manager)
    scene.daemon.start()
    scene.answer(count=20)
    scene.await_kinds(*["case.opened"] * 20)
    manager.await_fed()
    scene.faults.set(**{wish: 1})
    scene.answer(count=30)
    eventually(lambda: (fed := manager.fed()) and time.monotonic() - fed[-1] > 4, f"a hung {what} does not feed it")
    scene.daemon.kill()
    scene.faults.set(**{wish: 0})
    scene.daemon.start()
    manager.await_fed()
    eventually(lambda: len({number for number, _, _ in told(scene.receivers)}) == 50, "nothing is lost")
    scene.turns_pass()
    taken = [record["headers"]["webhook-id"] for record in scene.receivers.records("http", "/hook/ana")]
    assert len(set(taken)) == 50, "each alert has one id, however often it was sent"
    return scene


def test_watchdog_is_not_fed_while_the_turn_thread_hangs_in_a_sync(env: Env):
    hung_and_restarted(env, "hangs_sync", "turn thread")
    env.fault("Service: the turn thread hangs in the disk", noticed="nothing goes on; systemd kills and starts it again",
              within=60, over=60, logged="nothing")


def test_watchdog_is_not_fed_while_the_loop_hangs(env: Env):
    hung_and_restarted(env, "hangs_loop", "loop")
    env.fault("Service: the loop hangs", noticed="nothing goes on; systemd kills and starts it again", within=60, over=60,
              logged="nothing")
