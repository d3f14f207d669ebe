"""What is wrong with Kafka has a name, which is told once, and everything is read when it is over."""

import json
import os
import re
import subprocess
import time
from pathlib import Path

from harness import Books, CTL, CtlError, Env, Kafka, answers, eventually, free_port
from test_edges import Manager

ERROR_SECONDS_MAX = 30


def later(made, suffix):
    """The same answers from other people."""
    for answer in made:
        answer["response_id"] += "-" + suffix
        answer["customer"]["id"] += "-" + suffix
    return made


def settled(daemon, produced):
    """All of it is read, and every message is delivered."""
    def is_read():
        status = daemon.ctl("status")
        ends = {}
        for record in produced:
            ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
        reached = {p["partition"]: p["next_offset"] for p in status["kafka"]["partitions"]}
        return (all(reached.get(partition, -1) >= end for partition, end in ends.items())
                and status["outbox"]["pending"] == 0 and daemon.is_settled())
    eventually(is_read, "everything is read and told")


def check_books(env, daemon, produced, receivers):
    assert daemon.stop() == 0, daemon.log_tail()
    books = Books(produced).add_received(receivers.records(), env.secret())
    return books.add_store(daemon.store_copy(env.folder / "copy.db")).check()


def properties(secure, **changes):
    """Of a login with a password over TLS; None takes one away."""
    settings = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": secure["user"],
                "ssl.ca.location": secure["authority"]}
    settings |= {name.replace("_", "."): value for name, value in changes.items()}
    return [f"{name}={value}" for name, value in settings.items() if value is not None]


def password_file(env, text, name="kafka.password"):
    path = env.folder / name
    path.touch(0o600)
    path.write_text(f"{text}\n", encoding="ascii")
    return {"file": str(path)}


def login(env, secure, listener="good", password=None, topic=None, **changes):
    """Configuration of a daemon that logs in."""
    main = {"kafka.brokers": secure[listener], "kafka.properties": properties(secure, **changes),
            "kafka.password": password_file(env, password or secure["password"]), "kafka.unready_after": "1 second"}
    return {"closedloopd.conf": main} | ({"sources.d/survey.conf": {"source.topic": topic}} if topic else {})


def health(daemon):
    """None: it does not listen yet."""
    try:
        return daemon.ctl("status")["kafka"]["health"]
    except CtlError as error:
        assert error.code == 69 and daemon.process.poll() is None, daemon.log_tail()
        return None


def lines(daemon, words):
    return [line for line in daemon.log.read_text(encoding="utf-8").splitlines() if words in line]


def assert_told(daemon, state, subject):
    """The state is in the status, in words and as JSON, on /readyz and in the metrics; and logged once."""
    eventually(lambda: health(daemon) == state, f"Kafka is {state}", ERROR_SECONDS_MAX)
    words = daemon.ctl("status")["kafka"]["words"]
    text = subprocess.run([str(CTL), "-s", daemon.socket, "status"], capture_output=True, text=True, check=True).stdout
    assert re.search(rf"^kafka +{state}\b", text, re.MULTILINE) and subject in text, text
    eventually(lambda: daemon.get("/readyz")[0] == 503, "not ready", ERROR_SECONDS_MAX)
    assert daemon.get("/readyz")[1].startswith(f"kafka: {state}: "), daemon.get("/readyz")
    states = {series: value for series, value in daemon.metrics().items() if series.startswith("closedloop_kafka_health")}
    assert [series for series, value in states.items() if value] == [f'closedloop_kafka_health{{state="{state}"}}'], states
    assert len(states) > 8 and daemon.metric("closedloop_kafka_up") == 0
    assert len(lines(daemon, subject)) == 1, daemon.log_tail()
    return words


def assert_secret(env, daemon, *secrets):
    """Nowhere that anybody could read: log, status, metrics, process list, environment, effective configuration."""
    pid = daemon.process.pid
    shown = [env.logs(), json.dumps(daemon.ctl("status")), daemon.get("/metrics")[1], daemon.get("/readyz")[1]]
    shown += [open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace").read() for name in ("cmdline", "environ")]
    shown.append(subprocess.run([str(daemon.program), "-T", "-c", str(daemon.config)], capture_output=True, text=True,
                                check=True).stdout)
    for secret in secrets:
        assert not any(secret in text for text in shown), f"the secret is shown in {[secret in t for t in shown]}"


class MockCluster:
    """tests/system/mockbroker.c: several brokers without Java, and faults that a real one cannot be made to have."""

    def __init__(self, env, *arguments):
        program = env.folder / "mockbroker"
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "rdkafka"], capture_output=True, text=True, check=True)
        subprocess.run(["gcc", "-D_GNU_SOURCE", "-o", program, Path(__file__).with_name("mockbroker.c"),
                        *flags.stdout.split()], check=True)
        self.process = subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        env.cleanup.callback(self.process.wait)
        env.cleanup.callback(self.process.stdin.close)
        self.bootstrap = self.process.stdout.readline().strip()
        self.producer = Kafka(env.folder / "unused").producer
        self.folder = env.folder

    def tell(self, command):
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n", command

    produce_lines = Kafka.produce_lines
    produce = Kafka.produce


# --- logins and certificates

def test_kafka_scram_that_this_client_cannot_do_is_not_blamed_on_the_password_alone(env: Env):
    kafka = env.kafka(True, "--secure")
    secure, topic, receivers = kafka.secure(), env.topic(kafka), env.receivers()
    kafka.allow(topic, secure["user"])
    daemon = env.daemon(env.config(kafka, topic, receivers, login(env, secure, sasl_mechanism="SCRAM-SHA-512")))
    daemon.start(is_ready=False)
    if rdkafka_version() >= (2, 6, 1):
        eventually(lambda: health(daemon) == "ok", "a newer client can do it")
        return
    assert "refuse SCRAM from this machine's librdkafka" in assert_told(daemon, "auth", "Kafka refuses the login")
    env.fault("Kafka: SCRAM with librdkafka before 2.6.1 and Kafka 4", within=ERROR_SECONDS_MAX,
              noticed="closedloopctl status says auth, and why the password may be right", logged="Kafka refuses the login",
              over="use PLAIN over TLS, or a newer librdkafka")


def rdkafka_version():
    said = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.search(r"librdkafka (\d+)\.(\d+)\.(\d+)", said).groups()))


def test_kafka_tls_and_scram_from_answer_to_alert(env: Env):
    kafka = env.kafka(True, "--secure", "--old")        # see tests/system/kafka
    secure, topic, receivers = kafka.secure(), env.topic(kafka), env.receivers()
    kafka.allow(topic, secure["user"])
    produced = kafka.produce(topic, answers(60))
    changes = login(env, secure, sasl_mechanism="SCRAM-SHA-512")
    daemon = env.daemon(env.config(kafka, topic, receivers, changes)).start()
    settled(daemon, produced)
    assert health(daemon) == "ok" and daemon.metric("closedloop_kafka_health", 'state="ok"') == 1
    assert_secret(env, daemon, secure["password"])
    check_books(env, daemon, produced, receivers)


def test_kafka_logins_certificates_and_permissions_that_fail_are_named(env: Env):
    kafka = env.kafka(True, "--secure")
    secure, topic, receivers = kafka.secure(), env.topic(kafka), env.receivers()
    kafka.allow(topic, secure["user"])
    produced = kafka.produce(topic, answers(30))
    wrong = "NeverThePassword1"
    cases = [
        ("wrong password", "auth", "Kafka refuses the login", "SASL authentication error", {"password": wrong}),
        ("no password where one is asked for", "auth", "Kafka refuses the login", "require SASL", {
            "security_protocol": "SSL", "sasl_mechanism": None, "sasl_username": None}),
        ("a mechanism that the broker has not", "auth", "Kafka refuses the login", "mechanism", {
            "sasl_mechanism": "SCRAM-SHA-256"}),
        ("certificate of an unknown authority", "tls", "TLS with Kafka fails", "certificate verify failed", {
            "ssl_ca_location": secure["other_authority"]}),
        ("certificate that has expired", "tls", "TLS with Kafka fails", "certificate verify failed", {
            "listener": "expired"}),
        ("certificate of another host", "tls", "TLS with Kafka fails", "certificate verify failed", {
            "listener": "misnamed"}),
        ("plain text to a port that speaks TLS", "tls", "TLS with Kafka fails", "SSL listener", {
            "security_protocol": "SASL_PLAINTEXT"}),
        ("host name that does not exist", "dns", "the name of a Kafka broker is not known", "resolve", {
            "listener": "nowhere"}),
        ("port where nobody listens", "unreachable", "Kafka cannot be reached", "refused", {"listener": "nobody"}),
    ]
    secure |= {"nowhere": "kafka.invalid:9092", "nobody": f"127.0.0.1:{free_port()}"}
    for fault, state, subject, words, changes in cases:
        daemon = env.daemon(env.config(kafka, topic, receivers, login(env, secure, **changes)))
        daemon.log = env.folder / f"{fault.replace(' ', '-')}.log"
        daemon.start(is_ready=False)
        said = assert_told(daemon, state, subject)
        assert words in said, said
        assert_secret(env, daemon, wrong, secure["password"])
        assert daemon.stop() == 0, daemon.log_tail()
        assert len(lines(daemon, subject)) == 1, daemon.log_tail()
        env.fault(f"Kafka: {fault}", noticed=f"closedloopctl status, /readyz and closedloop_kafka_health say {state}",
                  within=ERROR_SECONDS_MAX, over="mend the configuration or the broker, then restart", logged=subject)
    daemon = env.daemon(env.config(kafka, topic, receivers, login(env, secure))).start()
    settled(daemon, produced)
    check_books(env, daemon, produced, receivers)


def test_kafka_permission_on_the_topic_that_comes_goes_and_comes_back(env: Env):
    kafka = env.kafka(True, "--secure")
    secure, topic, receivers = kafka.secure(), env.topic(kafka), env.receivers()
    produced = kafka.produce(topic, answers(30))
    daemon, manager = env.daemon(env.config(kafka, topic, receivers, login(env, secure))), Manager(env)
    daemon.environment = manager.environment
    daemon.start(is_ready=False)
    assert topic in assert_told(daemon, "acl", "Kafka does not allow this")
    manager.await_next("STATUS=Kafka acl")
    kafka.allow(topic, secure["user"])
    settled(daemon, produced)
    manager.await_next("STATUS=Kafka ok")
    assert health(daemon) == "ok" and daemon.get("/readyz")[0] == 200
    assert len(lines(daemon, "Kafka is well: after")) == 1
    kafka.allow(topic, secure["user"], False)
    produced += kafka.produce(topic, later(answers(30), "later"))
    eventually(lambda: health(daemon) == "acl", "the permission is gone", 60)
    kafka.allow(topic, secure["user"])
    settled(daemon, produced)
    eventually(lambda: health(daemon) == "ok", "well again")
    assert len(lines(daemon, "Kafka does not allow this")) == 2, "once an outage"
    assert len(lines(daemon, "Kafka is well: after")) == 2
    # No group was ever allowed to this user: none is used, as the store has the offsets.
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: no permission on the topic", within=60, over=60, logged="Kafka does not allow this",
              noticed="closedloopctl status, /readyz and closedloop_kafka_health say acl, and name the topic")


def test_kafka_topic_that_is_missing_is_found_when_it_appears(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = f"{env.name.replace(':', '.')}-answers"
    daemon = env.daemon(env.config(kafka, topic, receivers)).start(is_ready=False)
    assert topic in assert_told(daemon, "no-topic", "a Kafka topic does not exist")
    assert env.topic(kafka, partitions=3) == topic
    produced = kafka.produce(topic, answers(60))
    eventually(lambda: health(daemon) == "ok", "found", 10)
    settled(daemon, produced)
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: the topic does not exist yet", within=ERROR_SECONDS_MAX, over=10,
              noticed="closedloopctl status, /readyz and closedloop_kafka_health say no-topic, and name it",
              logged="a Kafka topic does not exist")


# --- partitions that stand still, brokers that come and go

def test_kafka_partition_that_stands_still_is_assigned_again_then_the_client_is_made_anew(env: Env):
    cluster, receivers = MockCluster(env, "answers:2"), env.receivers()
    changes = {"closedloopd.conf": {"kafka.stuck_after": "5 seconds", "kafka.unready_after": "2 seconds"}}
    produced = cluster.produce("answers", answers(20))
    daemon = env.daemon(env.config(cluster.bootstrap, "answers", receivers, changes)).start()
    settled(daemon, produced)
    clients = client_count(daemon)
    cluster.tell("silence 100000")
    produced += cluster.produce("answers", later(answers(20), "later"))
    words = assert_told(daemon, "stuck", "a Kafka partition stands still")
    assert re.search(r'nothing comes at offset \d+, though its log goes on to \d+', words), words
    eventually(lambda: client_count(daemon) != clients, "the client is made anew")
    assert daemon.get("/readyz")[0] == 503 and health(daemon) in ("stuck", "connecting")
    cluster.tell("speak")
    settled(daemon, produced)
    eventually(lambda: health(daemon) == "ok", "well again")
    assert daemon.get("/readyz")[0] == 200 and len(lines(daemon, "Kafka is well: after")) == 1
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: a partition that the client has silently stopped to fetch", within=60, over=60,
              logged="a Kafka partition stands still",
              noticed="closedloopctl status says stuck (after kafka.stuck_after), then /readyz answers 503")


def client_count(daemon):
    """The numbers of the Kafka client's threads: another client has others."""
    return {thread for thread in os.listdir(f"/proc/{daemon.process.pid}/task")
            if Path(f"/proc/{daemon.process.pid}/task/{thread}/comm").read_text(encoding="ascii").startswith("rdk:main")}


def test_kafka_leaders_that_move_and_brokers_that_go_lose_nothing(env: Env):
    cluster, receivers = MockCluster(env, "--brokers", 3, "answers:6"), env.receivers()
    produced = cluster.produce("answers", answers(60))
    daemon = env.daemon(env.config(cluster.bootstrap, "answers", receivers)).start()
    settled(daemon, produced)
    for round_number, leader in enumerate((1, 2, 3)):
        for partition in range(6):
            cluster.tell(f"leader answers {partition} {leader}")
        produced += cluster.produce("answers", later(answers(60), f"moved{round_number}"))
        settled(daemon, produced)
    for broker in (1, 2):               # nothing is left of those that it began with but one
        cluster.tell(f"down {broker}")
    produced += cluster.produce("answers", later(answers(60), "gone"))
    settled(daemon, produced)
    assert health(daemon) == "ok" and daemon.get("/readyz")[0] == 200
    assert len(lines(daemon, "Kafka cannot be reached")) <= 1, "one broker of three says nothing to an administrator"
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: leaders move, brokers go", within=60, over=60, logged="nothing",
              noticed="nothing; answers go on after a moment")


def cpu_seconds(daemon):
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def lives_for(daemon, seconds):
    until = daemon.ctl("status")["uptime_seconds"] + seconds
    eventually(lambda: daemon.ctl("status")["uptime_seconds"] >= until, "time goes by")


def test_kafka_hundred_partitions_and_a_consumer_idle_for_three_poll_intervals(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka, partitions=100)
    produced = kafka.produce(topic, answers(400))
    changes = {"closedloopd.conf": {"kafka.properties": ["session.timeout.ms=6000", "max.poll.interval.ms=6000"]}}
    daemon = env.daemon(env.config(kafka, topic, receivers, changes))
    began = time.monotonic()
    daemon.start()
    eventually(lambda: daemon.ctl("status")["answers_read"] == 400, "all partitions are read")
    assert time.monotonic() - began < 20, "the starts of all partitions are found at once"
    settled(daemon, produced)
    used = cpu_seconds(daemon)
    lives_for(daemon, 19)
    assert cpu_seconds(daemon) - used < 19 * 0.1, "statistics of 100 partitions cost little"
    assert health(daemon) == "ok" and not lines(daemon, "warning"), daemon.log_tail()
    produced += kafka.produce(topic, later(answers(100), "later"))
    settled(daemon, produced)
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: nothing comes for three poll intervals, in 100 partitions", within=20, over=60, logged="nothing",
              noticed="nothing; the next answer is read at once")


def test_kafka_broker_that_is_away_for_long_is_logged_once_and_loses_nothing(env: Env):
    kafka, receivers = env.kafka(True), env.receivers()
    topic = env.topic(kafka, partitions=2)
    produced = kafka.produce(topic, answers(60))
    # An hour of tries in a moment: they come every 20 ms and not every 2 s.
    fast = ["reconnect.backoff.ms=20", "reconnect.backoff.max.ms=20"]
    changes = {"closedloopd.conf": {"kafka.properties": fast, "kafka.unready_after": "3 seconds"}}
    daemon = env.daemon(env.config(kafka, topic, receivers, changes)).start()
    settled(daemon, produced)
    kafka.stop()
    eventually(lambda: health(daemon) == "unreachable", "the status says why")
    assert daemon.get("/readyz")[0] == 200, "not at once: a leader that moves is no reason"
    assert_told(daemon, "unreachable", "Kafka cannot be reached")
    lives_for(daemon, 20)
    log = len(daemon.log.read_text(encoding="utf-8").splitlines())
    assert len(lines(daemon, "Kafka")) <= 3 and log < 20, daemon.log_tail()
    kafka.start()
    produced += kafka.produce(topic, later(answers(60), "later"))
    settled(daemon, produced)
    eventually(lambda: daemon.get("/readyz")[0] == 200, "ready again")
    assert len(lines(daemon, "Kafka is well: after")) == 1
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: the broker is away for long", within=ERROR_SECONDS_MAX, over=60, logged="Kafka cannot be reached",
              noticed="closedloopctl status says unreachable; /readyz answers 503 after kafka.unready_after")
