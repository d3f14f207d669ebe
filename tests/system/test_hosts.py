"""Many channels of one host: what becomes of them, and of everybody else, when the host does not work."""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import datetime

from harness import CTL, PEOPLE, Env, answers, eventually, person
from test_daemon import later
from test_delivery_faults import NORTH, OK, UK, Crew, Raw, people, request_read
from test_night import Held

CROWD = 300     # more than the daemon sends at once


class Host(Raw):
    """Answers nothing, or, once it is up, everything."""

    def __init__(self, env):
        self.is_up, self.began, self.paths = threading.Event(), [], []
        super().__init__(env, self.answer)

    def answer(self, peer):
        while True:
            path = request_read(peer)
            if not self.is_up.is_set():
                while peer.recv(65536):     # until we hang up
                    pass
                return
            with self.lock:
                self.began.append(time.monotonic())
                self.paths.append(path)
            time.sleep(0.02)
            peer.sendall(OK)


def crowd(env, host, **more):
    """People with one address each, all at the host, and a territory each; Ben and the operator are elsewhere."""
    some = [person(f"p{i}", f"Person {i}", manager="joe", director="ines", delegate="ana") for i in range(CROWD)]
    return {
        "people.csv": PEOPLE + some,
        "territories.csv": [{"territory": "EMEA-*", "owner": "ben", "from": "", "until": ""}] +
                           [{"territory": f"T{i}", "owner": f"p{i}", "from": "", "until": ""} for i in range(CROWD)],
        "channels.d/crowd.conf": {"channels": tuple(
            {"name": f"hook-p{i}", "type": "webhook", "url": f"http://127.0.0.1:{host.port}/hook/secret-p{i}",
             "private_network": True, "plain_http": True} | more for i in range(CROWD))}}


def test_a_host_that_hangs_harms_nobody_elsewhere_is_told_of_once_and_comes_back_gently(env: Env):
    host = Host(env)
    crew = Crew(env, crowd(env, host, timeout="6 seconds", patience="8 seconds"))
    made = later(answers(CROWD, customers=CROWD), "crowd")
    for number, answer in enumerate(made):
        answer["answers"] = {"nps": 1}
        answer["account"]["territory"] = f"T{number}"
    crew.kafka.produce(crew.topic, made)
    eventually(lambda: host.open_most >= 8, "the host is asked")
    slowest = 0.0
    for _ in range(4):
        began, known = time.monotonic(), len(crew.accepted("ben"))
        crew.tell(NORTH)
        eventually(lambda: len(crew.accepted("ben")) > known, "Ben hears", 30)
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 5, f"Ben waited {slowest:.1f} s for a host that is not his"
    assert host.open_most <= 64 + 8, f"{host.open_most} connections to one host"
    eventually(lambda: crew.notices(), "the operator is told", 60)
    asked = host.connections
    time_asked = time.monotonic()
    eventually(lambda: time.monotonic() - time_asked > 8, "a while", 20)
    assert host.connections - asked <= 8, "one send at a time"
    assert len(crew.notices()) == 1, crew.notices()
    assert f"127.0.0.1:{host.port}" in crew.notices()[0] and "secret" not in crew.notices()[0]
    told = eventually(lambda: crew.daemon.ctl("status")["troubles"], "status says so")
    assert len(told) == 1 and told[0]["host"] == f"127.0.0.1:{host.port}", told
    assert told[0]["waiting"]["messages"] == CROWD and told[0]["other_channels"] > 60, told
    assert told[0]["waiting"]["fell_over"] > 0, "patience is over, and nobody there has another channel"
    host.is_up.set()
    eventually(lambda: len(set(host.paths)) == CROWD, "everybody is told in the end", 150)
    eventually(lambda: len(crew.notices()) == 2, "the operator hears that it is over", 30)
    assert f"127.0.0.1:{host.port} works again" in crew.notices()[1]
    eventually(lambda: {d["state"] for d in crew.daemon.ctl("deliveries", "--limit", 10000)} == {"accepted"}, "accepted", 60)
    assert len(host.paths) == CROWD, "nothing twice"
    crew.stop()
    log = crew.daemon.log.read_text(encoding="utf-8")
    assert "secret-p" not in log, "the path of an address is a secret"
    assert log.count("a message could not be delivered") <= 8 and log.count("works again") == 1, "told once, not for each channel"
    env.fault("Deliveries: a host hangs behind three hundred people's addresses, others' receivers are elsewhere",
              within=60, over=150, noticed="only the messages of that host are late; the operators are told once, and once when it is "
              "over; closedloopctl status names the host", logged="a message could not be delivered")


def test_status_says_what_waits_for_a_broken_channel_since_when_and_where_it_goes_next(env: Env):
    crew = Crew(env, {"people.csv": people(ana="hook-ana hook-joe")}, patience="2 minutes")
    crew.receivers.http("/hook/ana", {"status": 503})
    crew.receivers.http("/hook/ben", {"status": 500})
    before = time.time()
    crew.tell(UK, 12)
    crew.tell(NORTH)

    def waiting(channel):
        found = [t for t in crew.daemon.ctl("status")["troubles"] if t["channel"] == channel]
        return found[0].get("waiting") if found else None
    eventually(lambda: (waiting("hook-ana") or {}).get("messages") == 12, "status counts what waits for Ana's channel")
    said = waiting("hook-ana")
    assert parsed(said["since"]) < time.time()
    assert (said["reader"], said["next_channel"], said["and_more"], said["fell_over"]) == ("ana", "hook-joe", False, 0), said
    assert 100 < parsed(said["next_at"]) - before < 180, said
    assert eventually(lambda: waiting("hook-ben"), "Ben's, too")["next_channel"] is None
    text = subprocess.run([str(CTL), "-s", crew.daemon.socket, "status"], capture_output=True, text=True, check=True).stdout
    assert "12 messages, the oldest due since 2" in text, text
    assert 'also goes to ana over "hook-joe"' in " ".join(text.split()), text
    assert "ben has no other channel" in " ".join(text.split()), text
    crew.stop()


def parsed(time_text):
    return datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp()


def test_a_reload_in_the_moment_in_which_a_channel_breaks_takes_both(env: Env):
    """What the broken channel gives back goes to the turn before the reload does, though both came in one batch."""
    answers_now, is_up = threading.Event(), threading.Event()

    def perform(peer):
        while True:
            request_read(peer)
            answers_now.wait()
            peer.sendall(OK if is_up.is_set() else b"HTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n")

    host = Raw(env, perform)
    crew = Crew(env, {"people.csv": people(ana="hook-host"), "channels.d/host.conf": {"channels": (
        {"name": "hook-host", "type": "webhook", "url": f"http://127.0.0.1:{host.port}/hook", "private_network": True,
         "plain_http": True, "in_flight": 8, "patience": "30 minutes"},)}})
    crew.tell(UK, count=60)
    eventually(lambda: host.open == 8 and crew.daemon.ctl("status")["outbox"]["pending"] == 60, "the rest waits behind eight")
    assert crew.daemon.process
    held = Held(crew.daemon.process.pid, "turn")
    try:
        answers_now.set()
        eventually(lambda: crew.health("hook-host").get("failures", 0) >= 8, "the channel fails")
        reload = subprocess.Popen([str(CTL), "-s", crew.daemon.socket, "reload"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        for _ in range(20):     # asked after the reload, answered by the loop alone
            crew.daemon.ctl("status")
    finally:
        held.release()
    said, _ = reload.communicate(timeout=60)
    assert reload.returncode == 0, said
    is_up.set()
    eventually(lambda: {d["state"] for d in crew.deliveries("hook-host")} == {"accepted"}, "all of it arrives", 150)
    crew.stop()
