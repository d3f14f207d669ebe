"""What an administrator who was woken at night sees: the journal with its fields and catalog, status, doctor, metrics; and
what nobody may see there: customers' words, addresses and secrets."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from harness import CTL, PEOPLE, WAIT_SECONDS_MAX, CtlError, Daemon, Env, answers, eventually, person, raw_line
from machine import StoppedThread

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "build" / "docs-tables"
TABLE = ROOT / "include" / "base" / "notice_tbl.h"


def unhappy(count: int, **fields: str) -> list[dict]:
    made = answers(count, customers=count)
    for answer in made:
        answer["answers"] = {"nps": 1, "reason": "Nobody called back"} | fields
        answer["account"]["territory"] = "UKI"
    return made


def message_ids() -> dict[str, str]:
    """By symbol."""
    return dict(re.findall(r'X\((\w+), \w+, "(\w{32})"', TABLE.read_text(encoding="utf-8")))


# --- the journal

class Journal:
    """Stands in for systemd-journald: takes what is sent by the native protocol. The daemon sees it in a mount namespace of
    its own, at the place where the real one listens."""

    def __init__(self, folder: Path):
        self.folder = folder / "journal"
        self.folder.mkdir()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.folder / "socket"))
        self.socket.setblocking(False)
        self.entries: list[dict[str, str]] = []

    def wrapper(self) -> list[str]:
        script = f'mkdir -p /run/systemd/journal && mount --bind "{self.folder}" /run/systemd/journal && exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]

    def read(self) -> list[dict[str, str]]:
        while True:
            try:
                data, parts, _, _ = socket.recv_fds(self.socket, 1 << 20, 1)
            except BlockingIOError:
                return self.entries
            for part in parts:
                with os.fdopen(part, "rb") as file:
                    data = file.read()
            self.entries.append(self.parsed(data))

    @staticmethod
    def parsed(data: bytes) -> dict[str, str]:
        fields = {}
        while data:
            line, _, rest = data.partition(b"\n")
            name, is_text, value = line.partition(b"=")
            if not is_text:
                size, = struct.unpack("<Q", rest[:8])
                value, rest = rest[8:8 + size], rest[9 + size:]
            fields[name.decode()] = value.decode()
            data = rest
        return fields

    def of(self, symbol: str) -> list[dict[str, str]]:
        wanted = message_ids()[symbol]
        return [entry for entry in self.read() if entry.get("MESSAGE_ID") == wanted]


def journal_daemon(env: Env, settings: dict) -> tuple[Daemon, Journal]:
    """A daemon that believes in the journal on its standard error, which is the log file."""
    journal = Journal(env.folder)
    daemon = env.daemon(settings, journal.wrapper())
    daemon.log.touch()
    status = daemon.log.stat()
    daemon.environment["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    return daemon, journal


def test_the_journal_gets_each_message_once_with_its_id_and_what_it_is_about(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    receivers.http("/hook/ana", {"status": 400})
    daemon, journal = journal_daemon(env, env.config(kafka, topic, receivers))
    daemon.start()
    kafka.produce(topic, unhappy(1))
    kafka.produce_lines(topic, [raw_line(b"not json")]) if hasattr(kafka, "produce_lines") else kafka.produce(topic, [raw_line("not json")])
    refused = eventually(lambda: journal.of("DELIVERY_REFUSED"), "the refusal in the journal")[0]
    assert refused["CL_CHANNEL"] == "hook-ana" and refused["CL_CASE"] == "1" and int(refused["CL_DELIVERY"]) > 0, refused
    assert refused["PRIORITY"] == "4" and refused["MESSAGE"].startswith("a message was refused for good: "), refused
    aside = eventually(lambda: journal.of("RECORD_SET_ASIDE"), "the record that was set aside")[0]
    assert (aside["CL_TOPIC"], aside["CL_PARTITION"], aside["CL_OFFSET"]) == (topic, "0", "1"), aside
    (env.folder / "etc" / "people.csv").write_text("nonsense\n")
    daemon.send(signal.SIGHUP)
    reload = eventually(lambda: journal.of("RELOAD_REFUSED"), "the reload that was refused")[0]
    assert "people.csv:1" in reload["MESSAGE"] and reload["PRIORITY"] == "3", reload
    assert daemon.stop() == 0
    messages = [entry["MESSAGE"] for entry in journal.read()]
    assert len(messages) == len(set(messages)), messages
    assert all(entry["MESSAGE_ID"] in message_ids().values() for entry in journal.entries), journal.entries
    assert daemon.log.read_text(encoding="utf-8") == "", "said in the journal, not once more on standard error"
    assert len(journal.of("READY")) == 1 and len(journal.of("STOPPING")) == 1


def test_a_refused_configuration_is_in_the_journal_with_its_id_and_every_problem(env: Env):
    settings = env.config("127.0.0.1:1", "answers", None, {"people.csv": "nonsense\n"})
    daemon, journal = journal_daemon(env, settings)
    daemon.start(is_ready=False)
    assert daemon.process is not None and daemon.process.wait(30) == 78
    refused, = journal.of("CONFIG_REFUSED")
    assert "people.csv:1" in refused["MESSAGE"] and len(journal.read()) == 1, journal.entries


def test_journalctl_explains_every_message_of_the_table(env: Env):
    catalog = env.folder / "usr" / "lib" / "systemd" / "catalog" / "closedloopd.catalog"
    catalog.parent.mkdir(parents=True)
    made = subprocess.run([TABLES, "catalog"], capture_output=True, text=True, check=True).stdout
    catalog.write_text(made, encoding="utf-8")
    assert max(map(len, made.splitlines())) <= 80
    taken = subprocess.run(["journalctl", "--root", env.folder, "--update-catalog"], capture_output=True, text=True, check=False)
    assert taken.returncode == 0 and not taken.stderr, taken
    dump = subprocess.run(["journalctl", "--root", env.folder, "--dump-catalog"], capture_output=True, text=True, check=True).stdout
    entries = dict(re.findall(r"^-- (\w{32})\n(.*?)(?=^-- \w{32}$|\Z)", dump, re.DOTALL | re.MULTILINE))
    assert set(entries) == set(message_ids().values()) and len(entries) > 25
    for text in entries.values():
        assert re.search(r"^Subject: \S.*\n", text) and re.search(r"\n\n\S.*\n\nWhat to do:\n\S", text, re.DOTALL), text


def test_a_failure_that_repeats_fills_no_log_and_its_last_word_is_kept(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    receivers.http("/hook/ana", {"status": 400})
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    kafka.produce(topic, unhappy(40))
    eventually(lambda: daemon.metric("closedloop_deliveries_total", 'channel="hook-ana"') >= 40, "forty refusals")
    assert daemon.stop() == 0
    lines = [line for line in env.logs().splitlines() if "a message was refused for good" in line]
    assert 3 <= len(lines) <= 6, lines
    told = sum(int(found[1]) if (found := re.search(r"the last of (\d+) in a minute", line)) else 1 for line in lines)
    assert told == daemon_refusals(receivers), (told, lines)


def daemon_refusals(receivers) -> int:
    return sum(1 for record in receivers.records(path="/hook/ana"))


# --- metrics

def promtool() -> str:
    own = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "closedloop" / "promtool"
    return shutil.which("promtool") or str(own)


def metric_names() -> set[str]:
    """From the program's table: what the README lists."""
    table = subprocess.run([TABLES, "metrics"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^\| `(closedloop_\w+)` \|", table, re.MULTILINE))


CONTRACT = """responses_total{source,outcome} cases_opened_total{rule} cases{state} cases_overdue first_contact_seconds
rungs_total{message} rung_lateness_seconds deliveries_total{channel,result} delivery_seconds{channel} outbox_messages{channel}
outbox_oldest_seconds consumer_lag_messages{topic,partition} offset_conflicts_total store_commit_seconds
config_last_reload_successful build_info{version}"""


def test_metrics_are_complete_and_promtool_has_nothing_to_say_of_them(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    receivers.http("/hook/ana", {"drop": "after", "times": 1})
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    kafka.produce(topic, unhappy(3) + answers(20))
    kafka.produce_raw(topic, [raw_line(b"not json")])
    eventually(lambda: daemon.metric("closedloop_deliveries_total", 'result="accepted"') >= 3, "three alerts")
    eventually(lambda: daemon.metric("closedloop_responses_total") == 24, "each answer is counted once, by one outcome")
    daemon.ctl("contact", 1, "--by", "ana")
    eventually(lambda: daemon.metric("closedloop_first_contact_seconds_count") == 1, "the contact is counted")
    eventually(lambda: "consumer_lag_messages{" in daemon.get("/metrics")[1], "the end of the topic is known")
    page = daemon.get("/metrics")[1]
    checked = subprocess.run([promtool(), "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and not checked.stdout and not checked.stderr, checked
    for wanted in CONTRACT.split():
        name, _, labels = wanted.partition("{")
        sample = re.search(rf"^closedloop_{name}(?:_bucket)?(?:\{{(.*)\}})? ", page, re.MULTILINE)
        assert sample, f"there is no {name}"
        there = set(re.findall(r'(\w+)="', sample[1] or "")) - {"le"}
        assert there == set(filter(None, labels.rstrip("}").split(","))), (wanted, there)
    shown = {name for name in re.findall(r"^# TYPE (\w+)", page, re.MULTILINE)}
    assert shown <= metric_names(), shown - metric_names()
    assert {f"closedloop_responses_total{{source=\"survey\",outcome=\"{o}\"}}" for o in (
        "satisfied", "flagged", "unjudgeable", "dead", "repeated", "too_old")} <= {
        re.sub(r'source="[^"]*"', 'source="survey"', line.rpartition(" ")[0]) for line in page.splitlines()}
    assert daemon.stop() == 0


def test_each_alert_fires_at_its_fault_and_is_silent_when_all_is_well(env: Env):
    rules = ROOT / "docs" / "monitoring" / "alerts.yml"
    for command in (["check", "rules", rules], ["test", "rules", ROOT / "tests" / "monitoring" / "alerts_test.yml"]):
        done = subprocess.run([promtool(), *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    text = rules.read_text(encoding="utf-8")
    tested = (ROOT / "tests" / "monitoring" / "alerts_test.yml").read_text(encoding="utf-8")
    names = re.findall(r"alert: (\w+)", text)
    assert names and all(f'alertname="{name}"' in tested for name in names), names
    series_are_known(re.findall(r"closedloop_\w+", "\n".join(re.findall(r"expr: (.*)", text))))


def series_are_known(names: list[str]) -> None:
    known = metric_names()
    unknown = [name for name in names if name not in known and re.sub("_(bucket|sum|count)$", "", name) not in known]
    assert names and not unknown, unknown


def test_every_query_of_the_dashboard_is_one_that_can_be_answered(env: Env):
    dashboard = json.loads((ROOT / "docs" / "monitoring" / "dashboard.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 20
    series_are_known(re.findall(r"closedloop_\w+", "\n".join(queries)))
    shown = set(re.findall(r"closedloop_\w+?(?=_bucket|\W)", "\n".join(queries)))
    contract = {f"closedloop_{wanted.split('{')[0]}" for wanted in CONTRACT.split()}
    assert contract <= shown, contract - shown
    rules = env.folder / "rules.yml"
    rules.write_text("groups:\n- name: g\n  rules:\n" + "".join(
        f"  - record: a{i}\n    expr: {json.dumps(query.replace('$__rate_interval', '5m'))}\n" for i, query in enumerate(queries)))
    done = subprocess.run([promtool(), "check", "rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    boxes = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in dashboard["panels"]]
    assert len(boxes) == len(set(boxes)) and len({p["id"] for p in dashboard["panels"]}) == len(boxes)


# --- what nobody may see

COMMENT, NAME, PHONE, MAIL = "Xylomarker7 is broken", "Quirinus Zebramark", "+44 7700 900123", "zebra.mark@private.example"
URL_SECRET, SMTP_PASSWORD, KAFKA_PASSWORD = "T0SECRETURLMARK", "smtp-pass-MARK-77", "kafka-pass-MARK-99"
MARKERS = ("Xylomarker7", "Quirinus", "Zebramark", "7700 900123", "zebra.mark", URL_SECRET, SMTP_PASSWORD, KAFKA_PASSWORD)


CHATS = ("teams", "mattermost", "google-chat", "discord")


class Notified:
    """Takes what sd_notify() says."""

    def __init__(self, path: Path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def read(self) -> str:
        said = ""
        while True:
            try:
                said += self.socket.recv(65536).decode() + "\n"
            except BlockingIOError:
                return said


def marked_config(env: Env, kafka, topic: str, receivers, kafka_changes: dict) -> dict:
    """Ana has a chat whose URL is a secret, then mail with a password; both will say no and repeat what they got."""
    for name, secret in (("url", receivers.url(f"/services/{URL_SECRET}")), ("smtp", SMTP_PASSWORD), ("kafka", KAFKA_PASSWORD)):
        (env.folder / f"{name}.secret").write_text(secret + "\n")
        (env.folder / f"{name}.secret").chmod(0o600)
    chats = {"chat": "slack"} | {f"chat-{kind}": kind for kind in CHATS}
    people = [person("ana", "Ana Lima", manager="joe", director="ines", channels=" ".join([*chats, "mail", "hook-ben"])), *PEOPLE[1:]]
    people[0]["email"] = MAIL
    channels = (*({"name": name, "type": kind, "url": {"file": str(env.folder / "url.secret")}, "private_network": True,
                   "plain_http": True} for name, kind in chats.items()),
                {"name": "mail", "type": "email", "smtp": f"smtp://127.0.0.1:{receivers.ports['smtp']}",
                 "from": "loop@example.com", "user": "loop", "tls": "none",
                 "password": {"file": str(env.folder / "smtp.secret")}})
    return env.config(kafka, topic, receivers, {"people.csv": people, "channels.d/marked.conf": {"channels": channels},
                                                "closedloopd.conf": {"operators": ["ines"]} | kafka_changes})


def said_by(daemon: Daemon, notified: Notified) -> dict[str, str]:
    """Everything that the daemon tells people and machines who are not meant to read customers' words."""
    assert daemon.process is not None
    process = Path(f"/proc/{daemon.process.pid}")
    tool = [str(CTL), "-s", daemon.socket]
    said = {"metrics": daemon.get("/metrics")[1], "readyz": daemon.get("/readyz")[1], "healthz": daemon.get("/healthz")[1],
            "notified": notified.read(), "cmdline": (process / "cmdline").read_text(),
            "environ": (process / "environ").read_text(), "comm": (process / "comm").read_text()}
    for name, command in {"status": [*tool, "status"], "status json": [*tool, "--json", "status"],
                          "-T": [str(daemon.program), "-T", "-c", str(daemon.config)],
                          "-t": [str(daemon.program), "-t", "-c", str(daemon.config)]}.items():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said[name] = done.stdout + done.stderr
    return said


def leaks(said: dict[str, str], allowed: tuple = ()) -> list[str]:
    return [f"{marker} in {name}" for name, text in said.items() for marker in MARKERS
            if marker.lower() in text.lower() and (name, marker) not in allowed]


def test_nothing_of_a_customer_and_no_secret_is_in_log_metrics_status_or_process_list(env: Env):
    kafka = env.kafka()
    receivers = env.receivers(http=0, smtp=0, smtp_user="loop", smtp_password=SMTP_PASSWORD)
    topic = env.topic(kafka)
    echo = f"invalid: {COMMENT} {NAME} {PHONE} {MAIL} {URL_SECRET}"
    receivers.http(f"/services/{URL_SECRET}", {"status": 400, "body": echo})
    receivers.smtp("RCPT", {"reply": f"550 5.1.1 <{MAIL}> unknown, {SMTP_PASSWORD} {NAME}"})
    daemon = env.daemon(marked_config(env, kafka, topic, receivers, {}))
    notified = Notified(env.folder / "notify")
    daemon.environment["NOTIFY_SOCKET"] = str(notified.path)
    daemon.start()
    made = unhappy(3, reason=f"{COMMENT}, call {PHONE}, says {NAME} <{MAIL}>")
    for answer in made:
        answer["customer"]["name"] = NAME
        answer["account"]["department"] = NAME
    kafka.produce(topic, made)
    kafka.produce_raw(topic, [raw_line(f'{{"response_id": "x", "reason": "{COMMENT} {NAME} {PHONE} {MAIL}'.encode())])
    eventually(lambda: len(list(receivers.records(path="/hook/ben"))) >= 3, "the third channel of ana has the messages")
    eventually(lambda: "set aside" in env.logs(), "the record that is no JSON")
    eventually(lambda: daemon.metric("closedloop_deliveries_total", 'channel="mail"') >= 3, "the mail server's no is counted")
    said = said_by(daemon, notified)
    assert daemon.stop() == 0
    said["log"] = env.logs()
    assert all(f"over channel \"chat-{kind}\"" in said["log"] for kind in CHATS), said["log"]
    assert "over channel \"chat\"" in said["log"] and "over channel \"mail\"" in said["log"], said["log"]
    assert "STATUS=" in said["notified"] and "mail" in said["status json"] and "closedloop" in said["metrics"]
    assert not leaks(said), [line for line in "\n".join(said.values()).splitlines() if any(m in line for m in MARKERS)][:9]


def test_the_password_of_kafka_is_in_no_message_when_the_login_fails(env: Env):
    kafka, receivers = env.kafka(), env.receivers(http=0, smtp=0)
    topic = env.topic(kafka)
    settings = marked_config(env, kafka, topic, receivers, {
        "kafka.properties": ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", "sasl.username=loop",
                             "debug=security,broker,protocol"],
        "kafka.password": {"file": str(env.folder / "kafka.secret")}})
    daemon = env.daemon(settings)
    notified = Notified(env.folder / "notify")
    daemon.environment["NOTIFY_SOCKET"] = str(notified.path)
    daemon.start(is_ready=False)
    eventually(lambda: daemon.get("/readyz")[0] == 503, "it is up, and not ready")
    eventually(lambda: "Kafka" in env.logs(), "the log says what is wrong with Kafka")
    said = said_by(daemon, notified)
    assert daemon.stop() == 0
    said["log"] = env.logs()
    assert not leaks(said), (leaks(said), said["log"][-2000:])


def test_a_crash_leaves_no_core_and_others_of_its_user_cannot_look_into_the_process(env: Env):
    settings = env.config("127.0.0.1:1", "answers")
    daemon = env.daemon(settings, ["sh", "-c", f'ulimit -c unlimited; cd "{env.folder}" && exec "$@"', "sh"])
    daemon.start(is_ready=False)
    eventually(lambda: daemon.get("/healthz")[0] == 200, "it runs")
    assert daemon.process is not None
    pid = daemon.process.pid
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"Max core file size +unlimited", limits), "the test allows a core"
    os.kill(pid, signal.SIGSEGV)
    how = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert how is not None and how.si_code == os.CLD_KILLED and how.si_status == signal.SIGSEGV, how
    daemon.process.wait()
    assert not list(env.folder.glob("core*"))


def test_another_process_of_the_same_user_is_kept_out(env: Env):
    """The kernel gives /proc/PID of what may not be dumped to root, whoever runs it."""
    nobody = 65534
    folder = env.folder
    settings = env.config("127.0.0.1:1", "answers")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody, nobody)
    places = [folder, *folder.parents]
    closed = [p for p in places if not p.stat().st_mode & 0o001 and p != Path("/")]
    for path in closed:
        path.chmod(path.stat().st_mode | 0o001)
    daemon = env.daemon(settings, ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"])
    daemon.start(is_ready=False)
    eventually(lambda: daemon.get("/healthz")[0] == 200, "it runs")
    assert daemon.process is not None
    process = Path(f"/proc/{daemon.process.pid}")
    assert f"Uid:\t{nobody}" in (process / "status").read_text()
    peek = subprocess.run(["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups", "cat", str(process / "environ")],
                          capture_output=True, check=False)
    assert peek.returncode != 0 and not peek.stdout, peek
    assert daemon.stop() == 0


# --- what status says

def story(daemon: Daemon) -> list[str]:
    said = subprocess.run([str(CTL), "-s", daemon.socket, "status"], capture_output=True, text=True, check=True).stdout
    assert is_narrow(said), said
    return said.splitlines()


def is_narrow(said: str) -> bool:
    """80 columns, but for a word that is longer."""
    return all(len(line) <= 80 or " " not in line.strip() for line in said.splitlines())


def unwell(daemon: Daemon, what: str, fault: str, advice: str) -> str:
    """Waits for the fault in the first line; returns all of it, in one line."""
    eventually(lambda: story(daemon)[0].startswith(f"NOT WELL: {what}"), f"status begins with {what}")
    text = " ".join(" ".join(story(daemon)).split())
    assert f"At fault: {fault}" in text and f"what to do {advice}" in text, text
    trouble = daemon.ctl("status")["troubles"][0]
    assert trouble["what"] == what and trouble["fault"] == fault and trouble["message_id"] in message_ids().values(), trouble
    assert not daemon.ctl("status")["well"]
    return text


def test_status_says_first_that_all_is_well_and_counts_like_a_person(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    kafka.produce(topic, unhappy(1))
    eventually(lambda: "1 answer read" in "\n".join(story(daemon)) and "1 open" in "\n".join(story(daemon)), "the answer")
    eventually(lambda: "1 partition, 0 answers behind" in "\n".join(story(daemon)), "the partition")
    assert story(daemon)[0].startswith("All is well"), story(daemon)
    assert daemon.ctl("status")["well"] and daemon.ctl("status")["troubles"] == []
    for verb in (["why", "1"], ["map", "test", "survey", "-"]):
        said = subprocess.run([str(CTL), "-s", daemon.socket, *verb], capture_output=True, text=True, check=False,
                              input=json.dumps(unhappy(1, reason="word " * 60)[0])).stdout
        assert said and is_narrow(said), said


def test_status_names_a_receiver_that_fails_for_a_while_for_good_or_is_gone(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    for status, what, fault, advice in (
            (503, "a message could not be delivered", "the receiver, or the network", "If it goes on"),
            (400, "a message was refused for good", "the channel, or an address", "The line says"),
            (410, "a receiver is gone", "the receiver, or an address", "Make a new webhook")):
        receivers.http("/hook/ana", {"status": status})
        kafka.produce(topic, [answer | {"response_id": f"s{status}"} for answer in unhappy(1)])
        text = unwell(daemon, what, fault, advice)
        assert 'channel "hook-ana"' in text and f"it says HTTP {status}" in text, text
        daemon.ctl("reload")
    assert daemon.stop() == 0


def test_status_says_what_is_wrong_with_kafka_and_that_a_reload_was_refused(env: Env):
    closed = env.config("127.0.0.1:1", "answers")
    daemon = env.daemon(closed).start(is_ready=False)
    eventually(lambda: daemon.get("/healthz")[0] == 200, "it runs")
    unwell(daemon, "Kafka cannot be reached", "Kafka, or the network", "Ask those who run Kafka")
    (env.folder / "etc" / "people.csv").write_text("nonsense\n")
    daemon.send(signal.SIGHUP)
    eventually(lambda: any(line.startswith("ALSO:") for line in story(daemon)), "the second fault")
    text = " ".join(" ".join(story(daemon)).split())
    assert "ALSO: the new configuration was refused, the old one goes on. At fault: the configuration" in text, text
    assert len(daemon.ctl("status")["troubles"]) == 2
    assert daemon.stop() == 0


def test_status_says_that_a_name_is_not_known_and_that_a_topic_is_missing(env: Env):
    daemon = env.daemon(env.config("broker.invalid:9092", "answers")).start(is_ready=False)
    eventually(lambda: daemon.get("/healthz")[0] == 200, "it runs")
    unwell(daemon, "the name of a Kafka broker is not known", "DNS, or kafka.brokers", "getent hosts NAME")
    assert daemon.stop() == 0
    kafka = env.kafka()
    daemon = env.daemon(env.config(kafka, f"{env.name.replace(':', '.')}-missing")).start(is_ready=False)
    eventually(lambda: daemon.get("/healthz")[0] == 200, "it runs")
    unwell(daemon, "a Kafka topic does not exist", "Kafka's topics, or sources.d", "Compare the topic of sources.d")
    assert daemon.stop() == 0


# --- doctor

def doctor(env: Env, *arguments: str) -> tuple[int, dict[str, list[dict]], str]:
    """Exit code, findings by check, and what people read."""
    command = [str(CTL), *arguments, "doctor", "-c", str(env.folder / "etc" / "closedloopd.conf")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    told = subprocess.run([command[0], "--json", *command[1:]], capture_output=True, text=True, check=False)
    assert said.returncode == told.returncode and not said.stderr and not told.stderr, (said, told)
    assert is_narrow(said.stdout), said.stdout
    found: dict[str, list[dict]] = {}
    for finding in json.loads(told.stdout)["findings"]:
        found.setdefault(finding["check"], []).append(finding)
        assert finding["level"] in ("ok", "note") or len(finding.get("advice", "")) > 10, finding
    return said.returncode, found, said.stdout


def levels(found: dict[str, list[dict]], check: str) -> set[str]:
    return {finding["level"] for finding in found[check]}


def test_doctor_finds_nothing_wrong_where_nothing_is_and_sends_nothing(env: Env):
    kafka, receivers = env.kafka(), env.receivers(http=0, smtp=0)
    topic = env.topic(kafka, partitions=3)
    mail = ({"name": "mail", "type": "email", "smtp": f"smtp://127.0.0.1:{receivers.ports['smtp']}", "tls": "none",
             "from": "loop@example.com"},)
    daemon = env.daemon(env.config(kafka, topic, receivers, {"channels.d/mail.conf": {"channels": mail}})).start()
    code, found, said = doctor(env)
    assert code == 0, said
    for check in ("configuration", "permissions", "secrets", "store", "libraries", "kafka", 'channel "mail"',
                  'channel "hook-ana"', "daemon"):
        assert levels(found, check) == {"ok"}, said
    assert "3 partitions" in said and "it runs, and says that all is well" in said, said
    assert "clock" in found and "unit" in found and "disk" in found, found
    assert not list(receivers.records("http")) and not list(receivers.records("mail")), "nobody was sent anything"
    assert daemon.stop() == 0
    code, found, said = doctor(env)
    assert code == 0 and levels(found, "daemon") == {"warning"}, "it works while the daemon is down"
    assert subprocess.run([str(CTL), "check", "-c", str(daemon.config)], capture_output=True, check=False).returncode == 0


def test_doctor_names_each_fault_with_advice_while_the_daemon_is_down(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    https = env.receivers("https", https=0)
    channels = ({"name": "strange", "type": "webhook", "url": https.url("/x", "https"), "private_network": True},
                {"name": "closed", "type": "webhook", "url": "https://127.0.0.1:1/x", "private_network": True},
                {"name": "private", "type": "webhook", "url": receivers.url("/x"), "plain_http": True})
    env.config(kafka, f"{env.name.replace(':', '.')}-missing", receivers, {
        "channels.d/more.conf": {"channels": channels},
        "closedloopd.conf": {"kafka": {"dead_letters": f"{env.name.replace(':', '.')}-dead"},
                             "store": {"sqlite": str(env.folder / "nowhere" / "x.db")}}})
    (env.folder / "etc").chmod(0o777)
    code, found, said = doctor(env)
    assert code == 69, said
    assert ["sources.d" in finding["advice"] for finding in found["kafka"]] == [True, False], said
    for check, words in (("kafka", "a Kafka topic does not exist"), ('channel "strange"', "ertificate"),
                         ('channel "closed"', "onnect"), ('channel "private"', "private"), ("store", "nowhere"),
                         ("permissions", "everybody may write")):
        assert levels(found, check) == {"fault"} and any(words in finding["words"] for finding in found[check]), (check, said)
    assert not list(receivers.records("http")) and not list(https.records("http"))


def test_doctor_does_not_call_a_store_good_that_the_daemon_refuses(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    daemon = env.daemon(env.config(kafka, env.topic(kafka), receivers)).start()
    daemon.stop()
    store = daemon.store
    assert levels(doctor(env)[1], "store") == {"ok"}
    good = store.read_bytes()
    for spoil, words in ((lambda: store.write_bytes(b"hello" * 5000), "damaged"),
                         (lambda: store.write_bytes(good[:60] + bytes([0, 0, 0, 99]) + good[64:]), "version 99"),
                         (lambda: store.chmod(0o644), "others may read it")):
        spoil()
        code, found, said = doctor(env)
        assert code == 69 and levels(found, "store") == {"fault"} and words in found["store"][0]["words"], said
        daemon.start(is_ready=False)
        assert daemon.process.wait(WAIT_SECONDS_MAX) in (65, 77, 78), daemon.log_tail()
        store.write_bytes(good)


def test_doctor_says_what_is_wrong_with_the_configuration_or_the_way_to_kafka(env: Env):
    env.config("127.0.0.1:1", "answers", None, {"people.csv": "nonsense\n"})
    code, found, said = doctor(env)
    assert code == 78 and levels(found, "configuration") == {"fault"} and "people.csv:1" in said, said
    env.config("127.0.0.1:1", "answers")
    code, found, said = doctor(env)
    assert code == 69 and "Kafka cannot be reached" in found["kafka"][0]["words"], said
    shutil.rmtree(env.folder / "etc")
    code, found, said = doctor(env)
    assert code == 78 and "could not read" in found["configuration"][0]["words"], said
    assert subprocess.run([str(CTL), "doctor", "--loud"], capture_output=True, check=False).returncode == 64


# --- a store that hangs

class Held(StoppedThread):
    """Until release(): the thread goes on."""
    DETACH = 17

    def release(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long] * 4
        assert libc.ptrace(self.DETACH, self.thread, 0, 0) == 0, os.strerror(ctypes.get_errno())


def test_whoever_asks_while_the_store_hangs_is_answered_within_seconds_and_told_what_to_do(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    kafka.produce(topic, unhappy(1))
    eventually(lambda: daemon.ctl("cases"), "the case")
    assert daemon.process is not None
    held = Held(daemon.process.pid, "turn")
    try:
        for verb in (["contact", 1, "--by", "ana", "--key", "once"], ["case", 1], ["reload"]):
            began = time.monotonic()
            try:
                daemon.ctl(*verb)
                raise AssertionError(f"{verb} was answered although the store hangs")
            except CtlError as error:
                assert error.code == 75 and "the store has not answered" in str(error), error
            assert time.monotonic() - began < 15
        unwell(daemon, "the store does not answer", "this machine's disk", "Look at journalctl -k")
        assert daemon.get("/readyz")[0] == 503 and daemon.metric("closedloop_store_up") == 0
    finally:
        held.release()
    eventually(lambda: story(daemon)[0].startswith("All is well"), "it goes on by itself")
    assert daemon.ctl("contact", 1, "--by", "ana", "--key", "once")["repeated"], "what was asked for was done, once"
    assert daemon.ctl("case", 1)["case"]["state"] == "contacted"
    assert daemon.stop() == 0
    env.fault("Store: the disk hangs", within=15, over=60, logged="the store does not answer",
              noticed="closedloopctl says so within seconds, status names the disk, /readyz is 503; what was asked for is done "
                      "later, once")


# --- closedloopd -t

def test_an_ordinary_user_who_checks_the_configuration_gets_one_line_that_helps(env: Env):
    env.config("127.0.0.1:1", "answers")
    folder = env.folder / "etc"
    folder.chmod(0o750)
    closed = [p for p in folder.parents if not p.stat().st_mode & 0o001]
    for path in closed:
        path.chmod(path.stat().st_mode | 0o001)
    said = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(env.daemon({}).program), "-t", "-c",
                           str(folder / "closedloopd.conf")], capture_output=True, text=True, check=False)
    assert said.returncode == 78, said
    assert said.stderr == ("closedloopd.conf: this user may not read it; run this as root (sudo), or as the service's user\n"), said
