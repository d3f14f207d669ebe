"""What goes wrong at the edges of the daemon: peers that hang up, receivers that never answer, reloads under way."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

from harness import Env, answers, eventually, raw_line
from test_daemon import hooks, later, read_all, settled

HERE = Path(__file__).resolve().parent


def ask(daemon, *arguments, hang_up=False, more=b"", half=False):
    """A request in raw form; what came back, or None where nobody waited for it."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.connect(daemon.socket)
    peer.settimeout(30)
    peer.sendall(json.dumps({"args": [str(a) for a in arguments]}).encode() + b"\n")
    if more:
        peer.sendall(more)
    if half:
        peer.shutdown(socket.SHUT_WR)
    if hang_up:
        peer.close()
        return None
    received = b""
    while piece := peer.recv(65536):
        received += piece
    peer.close()
    return json.loads(received)


def ask_again(daemon, *arguments, **more):
    """As often as there are too many requests."""
    def answered():
        try:
            answer = ask(daemon, *arguments, **more)
            return answer if answer["exit"] != 75 else None
        except OSError:
            return None
    return eventually(answered, "an answer")


def many_cases(env, count=400, changes=None):
    kafka, topic, receivers = env.kafka(), None, env.receivers()
    topic = env.topic(kafka)
    made = answers(count, customers=count)
    for answer in made:
        answer["answers"] = {"nps": 1, "reason": "Nobody called back"}
    produced = kafka.produce(topic, made)
    daemon = env.daemon(env.config(kafka, topic, receivers, changes)).start()
    settled(daemon, produced, receivers)
    return kafka, topic, receivers, daemon


def test_a_peer_that_hangs_up_or_talks_on_while_its_answer_is_made_harms_nobody(env: Env):
    _, _, _, daemon = many_cases(env)

    def pester(number):
        for i in range(60):
            for request in (("cases", "--limit", 400), ("attempt", 1, "--by", "ana"), ("why", 1 + i)):
                try:
                    ask(daemon, *request, hang_up=True, more=b"x" * (70000 if (i + number) % 4 == 0 else 0))
                except OSError:
                    pass        # one too many at once
    threads = [threading.Thread(target=pester, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        assert len(ask_again(daemon, "cases", "--limit", 400)["data"]) == 400
    for thread in threads:
        thread.join()
    assert ask_again(daemon, "case", 1, half=True)["data"]["case"]["number"] == 1, "who has said all may say so"
    eventually(lambda: daemon.ctl("case", 1)["case"]["attempts"] > 10, "what was asked for is done, whoever waits for it")
    assert daemon.stop() == 0, daemon.log_tail()
    env.fault("Control socket: programs that hang up or talk on while they are answered", within=60, over="nothing to do",
              noticed="nothing: what they asked for is done, others are answered", logged="nothing")


def test_a_peer_that_does_not_read_its_answer_holds_up_nobody(env: Env):
    _, _, _, daemon = many_cases(env, count=1500)
    slow = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(4)]
    for peer in slow:
        peer.connect(daemon.socket)
        peer.sendall(b'{"args":["cases","--limit","10000"]}\n')
    eventually(lambda: all(peer.recv(1, socket.MSG_PEEK) for peer in slow), "its answer has begun")
    started = time.monotonic()
    for _ in range(10):
        daemon.ctl("status")
    assert time.monotonic() - started < 3, "the loop waited for somebody"
    for peer in slow:
        received = b""
        while piece := peer.recv(65536):
            received += piece
        assert len(json.loads(received)["data"]) == 1500, "slowly, but all of it"
    assert daemon.stop() == 0, daemon.log_tail()
    env.fault("Control socket: programs that do not read their answers", within=3, over="nothing to do", logged="nothing",
              noticed="nothing: others are answered as fast as ever")


def test_a_file_that_is_no_socket_is_never_removed(env: Env):
    path = env.folder / "people.csv"
    path.write_text("id,name\n", encoding="utf-8")
    kafka = env.kafka()
    settings = env.config(kafka, env.topic(kafka), None, {"closedloopd.conf": {"control.socket": str(path)}})
    daemon = env.daemon(settings)
    done = subprocess.run([str(daemon.program), "-c", str(daemon.config)], capture_output=True, text=True, timeout=30,
                          check=False)
    assert done.returncode != 0 and "control socket" in done.stderr, done
    assert path.read_text(encoding="utf-8") == "id,name\n"
    env.fault("Configuration: control.socket names a file that is something else", within=30, over="mend the setting",
              noticed="the service does not start, the file is left as it is", logged="control socket", log=done.stderr)


def test_a_socket_that_a_dead_daemon_has_left_is_replaced_and_only_its_group_may_use_it(env: Env):
    kafka = env.kafka()
    daemon = env.daemon(env.config(kafka, env.topic(kafka))).start()
    daemon.kill()
    assert os.path.exists(daemon.socket)
    daemon.start()
    assert daemon.ctl("status")["store"] == "ok"
    assert stat.S_IMODE(os.stat(daemon.socket).st_mode) & 0o007 == 0
    assert daemon.stop() == 0 and not os.path.exists(daemon.socket)
    env.fault("Control socket: left behind by a process that was killed", noticed="nothing: it is replaced at the start",
              within=60, over="nothing to do", logged="the service is ready")


class MockBroker:
    """tests/system/mockbroker.c: for what a real broker cannot be made to do."""

    def __init__(self, env, *arguments):
        program = env.folder / "mockbroker"
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "rdkafka"], capture_output=True, text=True, check=True)
        subprocess.run(["gcc", "-o", str(program), str(HERE / "mockbroker.c"), *flags.stdout.split()], check=True)
        self.process = subprocess.Popen([str(program), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        env.cleanup.callback(self.process.wait)
        env.cleanup.callback(self.process.stdin.close)
        self.bootstrap = self.process.stdout.readline().strip()

    def produce(self, topic, made):
        subprocess.run(["kcat", "-P", "-b", self.bootstrap, "-t", topic, "-p", "0"], text=True, check=True,
                       input="".join(json.dumps(answer) + "\n" for answer in made))


def test_a_broker_that_cannot_say_where_a_topic_begins_is_asked_again(env: Env):
    broker = MockBroker(env, "--refuse-offsets", 6, "surveys:2")
    made = answers(20)
    broker.produce("surveys", made)
    daemon = env.daemon(env.config(broker.bootstrap, "surveys", env.receivers())).start()
    eventually(lambda: daemon.ctl("status")["answers_read"] == 20, "both partitions are read")
    assert daemon.stop() == 0, daemon.log_tail()
    env.fault("Kafka: the broker cannot say where a partition begins or ends", within=60, over=60, logged="nothing",
              noticed="its records are read later")


class Manager:
    """What the service manager hears; a thread, so that it never holds up the daemon."""

    def __init__(self, env):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(env.folder / "notify"))
        self.environment = {"NOTIFY_SOCKET": str(env.folder / "notify"), "WATCHDOG_USEC": "60000000"}
        self.heard = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.heard += self.socket.recv(4096).decode().splitlines()

    def await_next(self, wanted, seconds_max=30):
        known = len(self.heard)
        eventually(lambda: any(line.startswith(wanted) for line in self.heard[known:]), f"\"{wanted}\"", seconds_max)


class SmallDisk:
    """A case is open and told, the store is on a disk of its own; full() fills it to the last byte."""

    def __init__(self, env):
        self.kafka, self.receivers = env.kafka(), env.receivers()
        self.topic = env.topic(self.kafka)
        disk = env.folder / "disk"
        disk.mkdir()
        settings = env.config(self.kafka, self.topic, self.receivers,
                              {"closedloopd.conf": {"store.sqlite": str(disk / "closedloop.db"), "store.ballast": 0}})
        self.daemon = env.daemon(settings, disk=(disk, "4m"))
        self.manager = Manager(env)
        self.daemon.environment = self.manager.environment
        self.daemon.start()
        self.filler = Path(f"/proc/{self.daemon.process.pid}/root/{disk}/filler")
        self.unhappy(1, "first")
        self.receivers.await_records(1)
        eventually(lambda: self.daemon.ctl("status")["outbox"]["pending"] == 0, "its result is committed")

    def unhappy(self, count, suffix):
        made = later(answers(count, customers=count), suffix)
        for answer in made:
            answer["answers"] = {"nps": 1, "reason": "x" * 2000}
        self.kafka.produce(self.topic, made)

    def fill(self):
        with open(self.filler, "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        self.unhappy(40, "full")
        eventually(lambda: self.daemon.ctl("status")["store"] != "ok", "the status says so")

    def make_room(self):
        self.filler.unlink()
        eventually(lambda: self.daemon.ctl("status")["store"] == "ok", "the store can be written to again")


def test_a_full_disk_repeats_nothing_keeps_the_watchdog_fed_and_goes_on_when_there_is_room(env: Env):
    disk = SmallDisk(env)
    disk.fill()
    disk.manager.await_next("WATCHDOG=1")
    disk.manager.await_next("WATCHDOG=1")
    assert disk.daemon.get("/readyz")[0] == 503
    disk.make_room()
    eventually(lambda: disk.daemon.ctl("status")["cases"]["open"] == 41, "all have their case")
    disk.receivers.await_records(41)
    eventually(disk.daemon.is_settled, "all is sent")
    assert len(list(disk.receivers.records())) == 41, "nothing twice"
    assert disk.daemon.stop() == 0, disk.daemon.log_tail()
    env.fault("Store: the disk is full", within=60, over=60, logged="the store cannot be written to",
              noticed="/readyz answers 503, closedloopctl status says so; reading pauses, and goes on by itself")


def test_a_reload_that_is_asked_for_while_one_is_under_way_is_done_after_it(env: Env):
    disk = SmallDisk(env)
    rules = env.folder / "etc" / "rules.d" / "50-everybody.conf"
    good = rules.read_text(encoding="utf-8")
    disk.fill()     # a reload that stores nothing needs no room
    disk.daemon.send(signal.SIGHUP)
    disk.manager.await_next("RELOADING=1")
    rules.write_text(good.replace("nps <= 6", "nps <= 9"), encoding="utf-8")
    disk.daemon.send(signal.SIGHUP)
    disk.make_room()
    path = env.folder / "answer.json"
    path.write_text(json.dumps({"response_id": "r", "customer": {"id": "c"}, "answers": {"nps": 9}}), encoding="utf-8")
    eventually(lambda: disk.daemon.ctl("map", "test", "survey", path)["verdict"] == "call", "the last of them counts")
    assert disk.daemon.stop() == 0


def test_a_stop_waits_for_what_is_under_way_and_starts_nothing_new(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    receivers.http("/hook/*", {"status": 200, "delay": 0.5})
    made = answers(200, customers=200)
    for answer in made:
        answer["answers"] = {"nps": 1}
    produced = kafka.produce(topic, made)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    receivers.await_records(16)
    started = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - started < 3, "it went on sending"
    receivers.http("/hook/*", {"status": 200})
    daemon.start()
    settled(daemon, produced, receivers)
    ids = [record["headers"]["webhook-id"] for record in receivers.records()]
    assert len(ids) == len(set(ids)) == 200, "an orderly stop repeats nothing"
    assert daemon.stop() == 0


def test_what_only_a_restart_can_change_is_said_at_each_reload_until_then(env: Env):
    kafka = env.kafka()
    daemon = env.daemon(env.config(kafka, env.topic(kafka))).start()
    main = env.folder / "etc" / "closedloopd.conf"
    text = main.read_text(encoding="utf-8")
    main.write_text(text.replace(daemon.socket, daemon.socket + "2"), encoding="utf-8")
    for _ in range(2):
        said = daemon.ctl("reload")
        assert said["loaded"] and "control.socket" in said["words"] and "restart" in said["words"], said
    assert "control.socket" in daemon.log_tail()
    main.write_text(text, encoding="utf-8")
    assert "restart" not in (daemon.ctl("reload")["words"] or "")
    assert daemon.stop() == 0
    env.fault("Configuration: a change that only a restart can bring about", within=60, over="restart the service",
              noticed="each reload says so until then, the rest of the change counts", logged="a restart is needed before a change counts")


def test_load_reloads_acts_and_a_receiver_that_comes_and_goes_at_once(env: Env):
    seconds = float(os.environ.get("STRESS_SECONDS", 6))
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka, partitions=3)
    made = answers(int(seconds * 400), customers=int(seconds * 300))
    daemon = env.daemon(env.config(kafka, topic, receivers, {
        "channels.d/hooks.conf": None, "channels.d/hooks2.conf": hooks(env, receivers, timeout="1 second")})).start()
    rules = env.folder / "etc" / "rules.d" / "50-everybody.conf"
    good = rules.read_text(encoding="utf-8")
    ends = time.monotonic() + seconds
    produced = []

    def feed():
        produced.extend(kafka.produce(topic, made, "--rate", 400))

    def reload():
        turn = 0
        while time.monotonic() < ends:
            turn += 1
            more = "".join(f'rules = ( {{ name = "r{i}"; when = "nps <= 6 and comment contains [\'a\']"; then = "call"; '
                           'severity = "high"; policy = "one-day"; } );\n' for i in range(turn % 2))
            (rules.parent / "60-more.conf").write_text(more, encoding="utf-8")
            rules.write_text(good if turn % 5 else good.replace("nps <= 6", "npss <= 6"), encoding="utf-8")
            daemon.send(signal.SIGHUP)
            time.sleep(0.05)
        rules.write_text(good, encoding="utf-8")

    def act():
        number = 0
        while time.monotonic() < ends:
            number = number % 200 + 1
            for request in (("attempt", number, "--by", "ana"), ("assign", number, "--to", "ben"), ("cases", "--limit", 50),
                            ("contact", number, "--by", "ben"), ("close", number, "--outcome", "lost"), ("why", number),
                            ("case", number), ("deliveries", "--failed"), ("status",), ("notify", "test", "hook-ana", "ana")):
                try:
                    ask(daemon, *request, hang_up=number % 3 == 0)
                except OSError:
                    pass

    def disturb():
        steps = ({"status": 503}, {"hang": True}, {"drop": "middle"}, {"status": 200, "delay": 0.05}, {"status": 400})
        turn = 0
        while time.monotonic() < ends:
            turn += 1
            receivers.http("/hook/*", steps[turn % len(steps)])
            receivers.listen(http=turn % 4 != 0)
            time.sleep(0.4)
        receivers.listen(http=True)
        receivers.http("/hook/*", {"status": 200})
    threads = [threading.Thread(target=each) for each in (feed, reload, act, act, disturb)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    daemon.ctl("reload")
    unhappy_ones = sum(1 for record in produced if (record.answer["answers"].get("nps") or 9) <= 6)
    eventually(lambda: read_all(daemon, produced), "all is read", 120)
    assert daemon.stop() == 0, daemon.log_tail()
    store = daemon.store_copy(env.folder / "copy.db")
    assert store.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert store.execute("SELECT count(*) FROM v_response").fetchone()[0] >= unhappy_ones > 0
    log = daemon.log.read_text(encoding="utf-8", errors="replace")
    assert "Sanitizer" not in log and "must" not in log, log[-3000:]


def test_a_dead_letter_that_no_topic_takes_is_kept_and_holds_up_no_other(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka, **{"max.message.bytes": 4000000})
    dead_topic = env.topic(kafka, suffix="dead", **{"max.message.bytes": 100000})
    values = [b"{" + b"x" * (300000 if i % 40 == 0 else 10) for i in range(200)]
    kafka.produce_raw(topic, [raw_line(value) for value in values])
    daemon = env.daemon(env.config(kafka, topic, None, {"closedloopd.conf": {"kafka.dead_letters": dead_topic}})).start()
    eventually(lambda: {d["state"] for d in daemon.ctl("dead-letters", "--limit", 1000)} == {"published", "kept"},
               "none is pending")
    kept = [d for d in daemon.ctl("dead-letters", "--limit", 1000) if d["state"] == "kept"]
    assert len(kept) == 5 and all(d["bytes"] == 300001 for d in kept), kept
    assert len(kafka.read(dead_topic)) == 195, "each once"
    assert "too large" in daemon.log.read_text(encoding="utf-8")
    assert daemon.stop() == 0
    env.fault("Kafka: a dead letter is too large for the dead-letter topic", within=60, over="nothing to do",
              noticed="it is kept in the store, dead-letters says so; the others are published", logged="a dead letter stays in the store")


def test_dead_letters_wait_for_their_topic_and_then_go_out_without_being_asked_to(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka)
    kafka.produce_raw(topic, [raw_line(b"no JSON %d" % i) for i in range(150)])
    dead_topic = topic + "-dead"
    daemon = env.daemon(env.config(kafka, topic, None, {"closedloopd.conf": {"kafka.dead_letters": dead_topic}})).start()
    eventually(lambda: "dead letter" in daemon.log.read_text(encoding="utf-8"), "the journal says what is wrong", 120)
    assert {d["state"] for d in daemon.ctl("dead-letters")} == {"pending"}
    kafka.topic(dead_topic, 1)
    eventually(lambda: {d["state"] for d in daemon.ctl("dead-letters", "--limit", 1000)} == {"published"}, "all are there", 120)
    assert len(kafka.read(dead_topic)) == 150, "each once"
    assert daemon.stop() == 0
    env.fault("Kafka: the dead-letter topic does not exist", within=120, over=120, logged="dead letters cannot be written to their topic",
              noticed="dead letters stay pending in the store and are published when the topic is there")


def test_a_receiver_that_never_answers_holds_up_nobody_else(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    receivers.http("/hook/ana", {"hang": True})
    daemon = env.daemon(env.config(kafka, topic, receivers, {
        "channels.d/hooks.conf": None, "channels.d/hooks2.conf": hooks(env, receivers, timeout="2 seconds")})).start()
    made = answers(5000, customers=5000)
    for answer in made:
        answer["answers"], answer["account"]["territory"] = {"nps": 1}, "UKI"
    last = later(answers(1), "last")[0]
    last["answers"], last["account"]["territory"] = {"nps": 1}, "EMEA-North"
    kafka.produce(topic, [*made, last])
    receivers.await_records(1, path="/hook/ben", seconds_max=40)
    receivers.http("/hook/ana", {"status": 200})
    eventually(lambda: len({record["headers"]["webhook-id"] for record in receivers.records(path="/hook/ana")
                            if record["answer"] == 200}) == 5000, "when it answers again all is sent", 120)
    assert daemon.stop() == 0
    env.fault("Deliveries: a receiver takes connections and never answers", within=40, over=120,
              noticed="its messages are late, those of other channels are not", logged="a message could not be delivered")
