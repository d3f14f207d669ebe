"""Many channels of one host: what becomes of them, and of everybody else, when the host does not work."""

from __future__ import annotations

import threading
import time

from harness import PEOPLE, Env, answers, eventually, person
from test_daemon import later
from test_delivery_faults import NORTH, OK, Crew, Raw, request_read

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
    host.is_up.set()
    eventually(lambda: len(set(host.paths)) == CROWD, "everybody is told in the end", 150)
    eventually(lambda: len(crew.notices()) == 2, "the operator hears that it is over", 30)
    assert f"127.0.0.1:{host.port} works again" in crew.notices()[1]
    eventually(lambda: {d["state"] for d in crew.daemon.ctl("deliveries", "--limit", 10000)} == {"accepted"}, "accepted", 60)
    assert len(host.paths) == CROWD, "nothing twice"
    crew.stop()
    log = crew.daemon.log.read_text(encoding="utf-8")
    assert "secret-p" not in log, "the path of an address is a secret"
    env.fault("Deliveries: a host hangs behind three hundred people's addresses, others' receivers are elsewhere",
              within=60, over=150, noticed="only the messages of that host are late; the operators are told once, and once when it is "
              "over; closedloopctl status names the host", logged="a message could not be delivered")
