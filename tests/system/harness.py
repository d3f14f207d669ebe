"""harness - what the system tests have in common: a real Kafka, receivers, the daemon with a configuration of its own,
and a counter that knows nothing of the daemon but its published interfaces.

A test is a function test_...(env: Env) in tests/system/test_*.py; tests/system/run calls it. Everything that env starts
ends with the test. Conditions are polled (eventually), never waited out.

The programs under test are build/closedloopd and build/closedloopctl, or what CLOSEDLOOPD and CLOSEDLOOPCTL name."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import http.client
import io
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, Iterable, Optional, Union

from receivers import Receivers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KAFKA = HERE / "kafka"
ANSWERS = ROOT / "tests" / "data" / "answers.ndjson"
DAEMON = Path(os.environ.get("CLOSEDLOOPD", ROOT / "build" / "closedloopd")).absolute()
CTL = Path(os.environ.get("CLOSEDLOOPCTL", DAEMON.with_name("closedloopctl"))).absolute()

SOURCE = "survey"                       # the name of the default configuration's source
WAIT_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30


class Skipped(Exception):
    """This computer cannot run the test, for a reason that is not the program's."""


def eventually(condition: Callable[[], Any], what: str, seconds_max: float = WAIT_SECONDS_MAX) -> Any:
    """Polls until the condition is true, and returns what it gave."""
    until = time.monotonic() + seconds_max
    while not (result := condition()):
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds_max:g} s: {what}")
        time.sleep(0.02)
    return result


def free_port() -> int:
    """Outside the range of outgoing connections, so that it stays free while the daemon is down."""
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    choices = [port for port in range(10000, 65000) if not low <= port <= high] or list(range(10000, 65000))
    for port in random.sample(choices, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("there is no free port")


# --- answers

def instant_text(at: datetime) -> str:
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answers(count: int = 300, customers: Optional[int] = None, at: Optional[datetime] = None) -> list[dict]:
    """Real answers, made fresh: submitted one second apart, the last one at the given time (default: now).
    Beyond 300 they come again from other people. With customers, only so many people answer, in turn."""
    real = [json.loads(line) for line in ANSWERS.read_text(encoding="utf-8").splitlines()]
    last = at or datetime.now(timezone.utc)
    made = []
    for i in range(count):
        answer = json.loads(json.dumps(real[i % len(real)]))
        if i >= len(real):
            answer["response_id"] += f"-{i // len(real)}"
            answer["customer"]["id"] += f"-{i // len(real)}"
        if customers:
            answer["customer"]["id"] = f"c-{i % customers}"
        answer["submitted_at"] = instant_text(last - timedelta(seconds=count - 1 - i))
        made.append(answer)
    return made


def unhappy(answer: dict) -> bool:
    """The default configuration's rules, in Python."""
    given = answer.get("answers", {})
    return given.get("nps", 10) <= 6 or given.get("csat", 5) <= 2


# --- Kafka

@dataclass
class Produced:
    """One record and where Kafka put it. answer is the JSON document, or None when the value is not an answer."""
    topic: str
    partition: int
    offset: int
    answer: Any = None


def raw_bytes(data: Optional[bytes]) -> str:
    return "-" if data is None else base64.b64encode(data).decode() or "."


def raw_line(value: Optional[bytes], key: Optional[bytes] = None, partition: Optional[int] = None,
             at_ms: Optional[int] = None, headers: Iterable[tuple[str, Optional[bytes]]] = ()) -> str:
    """A line for produce --raw; None is null, b"" is empty."""
    words = [raw_bytes(key), raw_bytes(value)]
    words += [f"p={partition}"] if partition is not None else []
    words += [f"t={at_ms}"] if at_ms is not None else []
    words += [f"h:{name}={raw_bytes(data)}" for name, data in headers]
    return " ".join(words)


class Kafka:
    """A broker of tests/system/kafka in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.bootstrap = ""
        self.producer = self.tool("producer")

    def tool(self, *arguments: Any) -> str:
        done = subprocess.run([str(KAFKA), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"kafka {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def start(self, *options: str) -> Kafka:
        """Options count when the folder is new: "--secure", and settings of the broker."""
        self.bootstrap = self.tool("start", self.folder, *options)
        return self

    def secure(self) -> dict[str, str]:
        """What --secure has made; see tests/system/kafka."""
        return json.loads((self.folder / "secure.json").read_text(encoding="utf-8"))

    def allow(self, topic: str, user: str, is_allowed: bool = True) -> None:
        self.tool("allow" if is_allowed else "forbid", self.folder, topic, user)

    def stop(self) -> None:
        self.tool("stop", self.folder)

    def kill(self) -> None:
        self.tool("kill", self.folder)

    def topic(self, name: str, partitions: int = 1, **settings: Any) -> str:
        """Settings by their Kafka names, "_" for ".": retention_ms=1000."""
        self.tool("topic", self.folder, name, partitions,
                  *(f"{key.replace('_', '.')}={value}" for key, value in settings.items()))
        return name

    def partitions(self, name: str, partitions: int) -> None:
        self.tool("partitions", self.folder, name, partitions)

    def truncate(self, name: str, partition: int, offset: int) -> None:
        self.tool("truncate", self.folder, name, partition, offset)

    def delete_topic(self, name: str) -> None:
        self.tool("delete-topic", self.folder, name)

    def produce_lines(self, topic: str, lines: list[str], *options: Any) -> list[tuple[int, int]]:
        """(partition, offset) of each line, all acknowledged."""
        offsets = self.folder / f"offsets-{os.getpid()}-{time.monotonic_ns()}"
        done = subprocess.run([self.producer, self.bootstrap, topic, "--offsets", str(offsets), *map(str, options)],
                              input="".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"),
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"produce: {done.stderr.decode(errors='replace').strip()}")
        places = {}
        for line in offsets.read_text(encoding="ascii").splitlines():
            number, partition, offset = map(int, line.split())
            places[number] = (partition, offset)
        offsets.unlink()
        return [places[i + 1] for i in range(len(lines))]

    def produce(self, topic: str, made: list[dict], *options: Any) -> list[Produced]:
        """Answers, keyed by customer, one a record. Options as of tests/system/produce.c: "--rate", 1000."""
        lines = [json.dumps(answer, ensure_ascii=False, separators=(",", ":")) for answer in made]
        places = self.produce_lines(topic, lines, "--key", "customer", *options)
        return [Produced(topic, *place, answer) for place, answer in zip(places, made)]

    def produce_raw(self, topic: str, lines: list[str]) -> list[Produced]:
        """Records made by raw_line."""
        return [Produced(topic, *place) for place in self.produce_lines(topic, lines, "--raw")]

    def read(self, topic: str) -> list[dict]:
        """All records of a topic, as kcat shows them (key, payload, headers, partition, offset, ts)."""
        done = subprocess.run(["kcat", "-C", "-b", self.bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-J"],
                              capture_output=True, check=True)
        return [json.loads(line) for line in done.stdout.decode("utf-8", "replace").split("\n") if line]


# --- the configuration

Settings = dict[str, Any]


def libconfig(settings: Settings, indent: str = "") -> str:
    """A group's settings as libconfig writes them: dict is a group, list an array (of one scalar type) or a list,
    tuple always a list."""
    return "".join(f"{indent}{name} = {libconfig_value(value, indent)};\n" for name, value in settings.items())


def libconfig_value(value: Any, indent: str) -> str:
    deeper = indent + "  "
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -2**31 <= value < 2**31 else f"{value}L"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (str, Path)):
        return libconfig_text(str(value))
    if isinstance(value, dict):
        return "{\n" + libconfig(value, deeper) + indent + "}"
    is_array = isinstance(value, list) and len({type(item) for item in value}) == 1 and not isinstance(
        value[0], (dict, list, tuple))
    items = (",\n" if not is_array else ", ").join(
        ("" if is_array else deeper) + libconfig_value(item, deeper) for item in value)
    return f"[ {items} ]" if is_array else f"(\n{items}\n{indent})"


def libconfig_text(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
    return '"' + "".join(escapes.get(c) or (c if c >= " " else f"\\x{ord(c):02x}") for c in text) + '"'


def csv_text(rows: list[dict]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def merged(settings: Settings, changes: Settings) -> Settings:
    """Groups are merged, everything else is replaced; None takes away. "a.b" reaches into a group."""
    result = dict(settings)
    for name, value in changes.items():
        first, _, rest = name.partition(".")
        if rest:
            value, name = {rest: value}, first
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            known = result.get(name)
            result[name] = merged(known if isinstance(known, dict) else {}, value)
        else:
            result[name] = value
    return result


def person(identity: str, name: str, **more: str) -> dict:
    columns = ("email channels phone time_zone hours language manager director delegate unit from until").split()
    return {"id": identity, "name": name} | {column: "" for column in columns} | {
        "email": f"{identity}@example.com", "channels": f"hook-{identity}", "time_zone": "Europe/London"} | more


PEOPLE = [person("ana", "Ana Lima", manager="joe", director="ines", delegate="ben"),
          person("ben", "Ben Okoye", manager="joe", director="ines", delegate="ana"),
          person("joe", "Joe Marsh", manager="ines", director="ines"),
          person("ines", "Ines Roth", delegate="joe")]


def default_config(folder: Path, bootstrap: str, topic: str, hook_url: str) -> dict[str, Any]:
    """By file: a configuration in which each person has a webhook, HOOK_URL/ID, and every unhappy answer gets one
    alert at once: UKI is Ana's, EMEA-* Ben's, everything else Joe's. Nobody has working hours: messages go at once."""
    hooks = tuple({"name": f"hook-{p['id']}", "type": "webhook", "url": f"{hook_url}/{p['id']}",
                   "secret": {"file": str(folder / "hook.key")}, "private_network": True, "plain_http": True}
                  for p in PEOPLE)
    return {
        "closedloopd.conf": {
            "kafka": {"brokers": bootstrap, "group": "closedloopd"},
            "store": {"sqlite": str(folder / "closedloop.db")},
            "metrics": {"listen": f"127.0.0.1:{free_port()}"},
            "control": {"socket": str(folder / "control.sock")},
            "people": "people.csv", "territories": "territories.csv", "groups": "groups.csv",
            "routes": ({"when": "exists territory", "owner": "territory"}, {"owner": "joe"})},
        "sources.d/survey.conf": {"source": {
            "name": SOURCE, "topic": topic,
            "fields": {
                "id": "response_id", "submitted": "submitted_at", "customer": "customer.id", "name": "customer.name",
                "segment": "customer.segment", "territory": "account.territory", "department": "account.department",
                "nps": {"at": "answers.nps", "type": "number", "scale": [0, 10]},
                "csat": {"at": "answers.csat", "type": "number", "scale": [1, 5]},
                "contact_me": {"at": "answers.contact_me", "type": "flag"},
                "comment": {"at": ["answers.reason", "answers.comment", "answers.improve"], "type": "text"}},
            "start": "earliest", "max_age": "3 days", "anonymous": "count"}},
        "rules.d/50-everybody.conf": {"rules": (
            {"name": "detractor", "when": "nps <= 6", "then": "call", "severity": "normal", "policy": "one-day"},
            {"name": "dissatisfied", "when": "csat <= 2", "then": "call", "severity": "normal", "policy": "one-day"})},
        "policies.d/one-day.conf": {"policy": {
            "name": "one-day", "version": 1, "approved": "nobody, this is a test", "window": "24 hours",
            "reached_by": ["spoke", "visited", "customer-replied"], "least_notice": "1 hour",
            "ladder": (
                {"after": "0 minutes", "tell": ["owner"], "message": "alert", "at": "any time"},
                {"after": "6 hours", "tell": ["owner"], "message": "reminder", "at": "any time"},
                {"after": "window", "tell": ["manager"], "message": "window-missed", "at": "any time",
                 "repeat": "1 day"}),
            "joins": "customer"}},
        "channels.d/hooks.conf": {"channels": hooks},
        "people.csv": PEOPLE,
        "territories.csv": [{"territory": "UKI", "owner": "ana", "from": "", "until": ""},
                            {"territory": "EMEA-*", "owner": "ben", "from": "", "until": ""}],
        "groups.csv": [{"group": "desk", "member": "joe", "hours": "", "time_zone": "Europe/London",
                        "manager": "ines", "director": "ines"},
                       {"group": "desk", "member": "ben", "hours": "", "time_zone": "", "manager": "",
                        "director": ""}]}


def write_config(folder: Path, files: dict[str, Any], changes: Optional[dict[str, Any]] = None) -> Path:
    """Writes the folder anew; returns the main file. Changes by file: a dict is merged into the file's settings
    ("kafka.group": "x"), text or rows replace the file, None leaves it out."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    changes = changes or {}
    for name in [*files, *(name for name in changes if name not in files)]:
        content = files.get(name, {})
        if name in changes:
            change = changes[name]
            content = merged(content, change) if isinstance(change, dict) else change
        if content is None:
            continue
        text = content if isinstance(content, str) else csv_text(content) if isinstance(content, list) else libconfig(
            content)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "closedloopd.conf"


# --- the daemon

class CtlError(Exception):
    """closedloopctl said no."""

    def __init__(self, code: int, text: str):
        super().__init__(f"closedloopctl exited with {code}: {text}")
        self.code = code


Disk = tuple[Path, str]                 # a folder that is a disk in memory, for the daemon alone, and its size: "4m"


class Daemon:
    """The program under test on one configuration; started and ended as often as a test likes."""

    def __init__(self, config: Path, settings: Settings, log: Path, wrapper: Iterable[str] = (), disk: Optional[Disk] = None):
        self.program = DAEMON
        self.config = config
        self.listen = settings.get("metrics", {}).get("listen", "")
        self.socket = settings.get("control", {}).get("socket", "")
        self.store = Path(settings.get("store", {}).get("sqlite", ""))
        self.log = log
        self.wrapper = list(wrapper)    # such as valgrind and its options
        self.disk = disk
        self.process: Optional[subprocess.Popen] = None
        self.environment: dict[str, str] = {}

    def start(self, is_ready: bool = True) -> Daemon:
        if not os.access(self.program, os.X_OK):
            raise RuntimeError(f"there is no {self.program}; build it first")
        environment = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS")}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.mounted(), *self.wrapper, str(self.program), "-c", str(self.config)], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=environment | self.environment)
        if is_ready:
            self.await_ready()
        return self

    def mounted(self) -> list[str]:
        if not self.disk:
            return []
        script = 'mount -t tmpfs -o size=$1 tmpfs "$0" && shift && exec "$@"'
        return ["unshare", "-rm", "sh", "-c", script, str(self.disk[0]), self.disk[1]]

    def await_ready(self) -> None:
        def condition() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log_tail()}")
            return self.is_ready()
        eventually(condition, f"the daemon is ready; its log is {self.log}")

    def is_ready(self) -> bool:
        if self.listen:
            return self.get("/readyz")[0] == 200
        try:
            return bool(self.ctl("status"))
        except CtlError:
            return False

    def log_tail(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """As a power cut would: SIGKILL."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """In order; returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"the daemon did not stop in {STOP_SECONDS_MAX} s") from None
        return self.process.returncode

    def get(self, path: str) -> tuple[int, str]:
        """GET on the metrics listener; (0, "") when nobody listens."""
        host, _, port = self.listen.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=WAIT_SECONDS_MAX)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """By name with labels, as they stand in the text: 'closedloop_responses_total{outcome="flagged",...}'."""
        values = {}
        for line in self.get("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def metric(self, name: str, *labels: str) -> float:
        """The sum over all series of a name that carry these labels: metric("closedloop_x", 'outcome="dead"')."""
        return sum(value for series, value in self.metrics().items()
                   if series.split("{")[0] == name and all(label in series for label in labels))

    def is_settled(self) -> bool:
        """Nothing left to read, nothing left to send, as far as the daemon knows."""
        values = self.metrics()
        busy = ("closedloop_consumer_lag_messages", "closedloop_outbox_messages")
        seen = [value for series, value in values.items() if series.split("{")[0] in busy]
        return bool(seen) and not any(seen)

    def ctl(self, *arguments: Any) -> Any:
        """A verb of closedloopctl, answered as JSON (None when it says nothing)."""
        done = subprocess.run([str(CTL), "-s", self.socket, "--json", *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CtlError(done.returncode, done.stderr.strip() or done.stdout.strip())
        return json.loads(done.stdout) if done.stdout.strip() else None

    def store_copy(self, path: Path) -> sqlite3.Connection:
        """A copy of the store as it lies on the disk, with its write-ahead log; only while the daemon is not running,
        which has it for itself."""
        assert self.process is None or self.process.poll() is not None, "the daemon is running"
        for suffix in ("", "-wal"):
            copy = path.with_name(path.name + suffix)
            copy.unlink(missing_ok=True)
            original = self.store.with_name(self.store.name + suffix)
            if original.exists():
                shutil.copyfile(original, copy)
        return sqlite3.connect(path)


# --- the independent counter

# The columns of the views that are needed here: the first of these names that the view has.
COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "v_response": {"source": ("source",), "id": ("response_id", "id"), "topic": ("topic",),
                   "partition": ("partition",), "offset": ("offset", "record_offset"),
                   "case": ("case_number", "case", "number")},
    "v_case": {"case": ("number", "case_number")},
    "v_offset": {"topic": ("topic",), "partition": ("partition",), "next": ("next_offset",)},
    "v_dead_letter": {"topic": ("topic",), "partition": ("partition",), "offset": ("offset", "record_offset")},
}


def view_rows(store: sqlite3.Connection, view: str) -> list[dict]:
    present = [row[1] for row in store.execute(f"PRAGMA table_info({view})")]
    chosen = {}
    for wanted, names in COLUMNS[view].items():
        chosen[wanted] = next((name for name in names if name in present), None)
        if chosen[wanted] is None:
            raise AssertionError(f"{view} has no column {' or '.join(names)}, only {', '.join(present) or 'nothing'}")
    listed = ", ".join(f'"{name}"' for name in chosen.values())
    return [dict(zip(chosen, row)) for row in store.execute(f"SELECT {listed} FROM {view}")]


def signature_is_right(record: dict, secret: str) -> bool:
    """Standard Webhooks 1.0.0, from its text: HMAC-SHA256 of id.timestamp.body."""
    headers = record["headers"]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.{record.get('body') or ''}"
    wanted = "v1," + base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    return wanted in headers.get("webhook-signature", "").split(" ")


Customer = tuple[str, str]              # (source, customer's id)


@dataclass
class Count:
    """What came of the answers. Everything under "faults" has to be empty; the rest are figures."""
    flagged: int = 0                    # unhappy answers, each response id once
    expected_cases: int = 0             # distinct (source, customer) of these, and those without a customer if asked
    alerted_cases: int = 0              # of these, with an alert that was accepted
    stored_cases: int = 0
    attempts: int = 0                   # requests with a webhook-id
    retries: int = 0                    # attempts that were refused (and had to be tried again)
    repeats: int = 0                    # received again under the same webhook-id, although it had been received
    repeats_after_answer: int = 0       # of these, although the receiver had answered 2xx
    lost: list[Customer] = field(default_factory=list)         # no alert was accepted
    doubled: list[tuple] = field(default_factory=list)         # same case, message, recipient under several ids
    strange: list[str] = field(default_factory=list)           # requests that no answer explains
    unstored: list[str] = field(default_factory=list)          # offset committed, row missing (S2)
    uncovered: list[str] = field(default_factory=list)         # row there, offset not committed (S2)
    misplaced: list[str] = field(default_factory=list)         # not exactly one case for a customer (S1)
    behind: list[str] = field(default_factory=list)            # records not read yet

    def faults(self) -> list[str]:
        names = ("lost", "doubled", "strange", "unstored", "uncovered", "misplaced", "behind")
        return [f"{name}: {len(found)}, such as {found[:3]}" for name in names if (found := getattr(self, name))]

    def check(self) -> Count:
        if faults := self.faults():
            raise AssertionError("\n  ".join(["the count is wrong:", *faults, str(self)]))
        return self


class Books:
    """Counts from outside: what was produced, what the receivers got, what a copy of the store says."""

    def __init__(self, produced: Iterable[Produced], rule: Callable[[dict], bool] = unhappy, source: str = SOURCE,
                 anonymous: str = "count", has_joins: bool = True):
        self.produced = list(produced)
        self.source = source
        self.count = Count()
        self.flagged: dict[str, Produced] = {}      # by response id; the first record of it counts
        for record in self.produced:
            if record.answer is not None and rule(record.answer):
                self.flagged.setdefault(record.answer["response_id"], record)
        self.expected: dict[Customer, list[str]] = defaultdict(list)       # response ids of each case
        for identity, record in self.flagged.items():
            customer = (record.answer.get("customer") or {}).get("id")
            if customer is None and anonymous == "count":
                continue
            group = customer if customer is not None and has_joins else f"response {identity}"
            self.expected[source, group].append(identity)
        self.group_of = {identity: group for group, ids in self.expected.items() for identity in ids}
        self.count.flagged = len(self.flagged)
        self.count.expected_cases = len(self.expected)

    def add_received(self, records: Iterable[dict], secret: Optional[str] = None,
                     repeating_rungs: Iterable[int] = ()) -> Books:
        """Records of the HTTP receiver. With the secret, every signature is checked. Rungs that repeat on purpose
        cannot be told from doubled ones by their message, so they are named."""
        taken: Counter = Counter()
        answered: Counter = Counter()
        ids: dict[tuple, set] = defaultdict(set)
        alerted = set()
        for record in records:
            identity = record.get("headers", {}).get("webhook-id")
            if record["kind"] != "http" or identity is None:
                continue
            self.count.attempts += 1
            is_accepted = record["answer"] is not None and 200 <= record["answer"] < 300
            if not is_accepted and record["did"] == "answered":
                self.count.retries += 1
            elif "body_base64" in record or record["body"] is not None:
                self.count.repeats += taken[identity] > 0
                self.count.repeats_after_answer += answered[identity] > 0
                taken[identity] += 1
                answered[identity] += is_accepted
            if secret and record.get("body") is not None and not signature_is_right(record, secret):
                self.count.strange.append(f"{identity}: wrong signature")
            message = self.message_read(record)
            if message:
                key = self.message_key(message)
                if message["data"].get("rung", {}).get("number") not in set(repeating_rungs):
                    ids[key].add(identity)
                if is_accepted and message["type"] == "case.opened":
                    alerted.add(self.group_of.get(message["data"]["response"]["id"]))
        self.count.doubled += [key for key, seen in ids.items() if len(seen) > 1]
        self.count.lost += [group for group in self.expected if group not in alerted]
        self.count.alerted_cases = sum(group in alerted for group in self.expected)
        return self

    def message_read(self, record: dict) -> Optional[dict]:
        """None: not a message about a case. One about no answer of ours is strange."""
        if record.get("body") is None:
            return None
        try:
            message = json.loads(record["body"])
            if message["type"] == "test":
                return None
            said = message["data"]["response"]
            place = (said["topic"], said["partition"], said["offset"])
            known = self.flagged.get(said["id"])
            self.message_key(message)           # all that it names has to be there
        except (ValueError, KeyError, TypeError) as error:
            self.count.strange.append(f"{record['headers']['webhook-id']}: {type(error).__name__}: {error}")
            return None
        if known is None:
            self.count.strange.append(f"a message about \"{said['id']}\", which nobody was unhappy in")
            return None
        if said["source"] != self.source or place != (known.topic, known.partition, known.offset):
            self.count.strange.append(f"\"{said['id']}\" is said to come from {said['source']} {place}")
        return message

    @staticmethod
    def message_key(message: dict) -> tuple:
        data = message["data"]
        about = data["response"]["id"] if message["type"] == "case.updated" else ""
        rung = data.get("rung", {}).get("number")       # news of an event belong to no rung
        return (data["case"]["id"], message["type"], rung, data["recipient"]["id"], about)

    def add_store(self, store: sqlite3.Connection, is_drained: bool = True) -> Books:
        """A copy of the store. is_drained: everything produced should have been read by now."""
        reached = {(row["topic"], row["partition"]): row["next"] for row in view_rows(store, "v_offset")}
        rows = defaultdict(list)
        for row in view_rows(store, "v_response"):
            rows[row["source"], row["id"]].append(row)
        cases_of: dict[Customer, set] = defaultdict(set)
        owners_of: dict[Any, set] = defaultdict(set)
        for identity, record in self.flagged.items():
            found = rows.pop((self.source, identity), [])
            is_read = record.offset < reached.get((record.topic, record.partition), 0)
            where = f"\"{identity}\" at {record.topic}/{record.partition}/{record.offset}"
            if identity not in self.group_of:
                continue
            if is_read and not found:
                self.count.unstored.append(where)
            if found and not is_read:
                self.count.uncovered.append(where)
            if len(found) > 1:
                self.count.misplaced.append(f"{where} is stored {len(found)} times")
            for row in found:
                cases_of[self.group_of[identity]].add(row["case"])
                owners_of[row["case"]].add(self.group_of[identity])
        self.count.misplaced += [f"{group} has the cases {sorted(map(str, numbers))}"
                                 for group, numbers in cases_of.items() if len(numbers) > 1 or None in numbers]
        self.count.misplaced += [f"case {case} belongs to {sorted(groups)}"
                                 for case, groups in owners_of.items() if case is not None and len(groups) > 1]
        cases = {row["case"] for row in view_rows(store, "v_case")}
        self.count.stored_cases = len(cases)
        self.count.misplaced += [f"case {case} has no unhappy answer" for case in sorted(cases - set(owners_of))]
        if is_drained:
            self.add_behind(reached)
        return self

    def add_behind(self, reached: dict[tuple[str, int], int]) -> None:
        ends: dict[tuple[str, int], int] = defaultdict(int)
        for record in self.produced:
            place = (record.topic, record.partition)
            ends[place] = max(ends[place], record.offset + 1)
        self.count.behind += [f"{topic}/{partition}: {reached.get((topic, partition))} of {end}"
                              for (topic, partition), end in ends.items() if reached.get((topic, partition), -1) < end]

    def add_dead_letters(self, store: sqlite3.Connection, dead: Iterable[Produced]) -> Books:
        """The records that cannot be read: each is set aside once, and nothing else is."""
        stored = Counter((row["topic"], row["partition"], row["offset"]) for row in view_rows(store, "v_dead_letter"))
        expected = Counter((record.topic, record.partition, record.offset) for record in dead)
        self.count.unstored += [f"dead letter {place}" for place in expected - stored]
        self.count.strange += [f"dead letter {place}" for place in stored - expected]
        return self

    def check(self) -> Count:
        return self.count.check()


# --- what a test gets

class Env:
    """One test's surroundings: a folder, and whatever it starts, ended with it in reverse order."""

    def __init__(self, name: str, folder: Path, shared_kafka: Callable[[], Kafka]):
        self.name = name
        self.folder = folder
        self.shared_kafka = shared_kafka
        self.cleanup = ExitStack()
        self.daemon_class: Callable[..., Daemon] = Daemon
        self.faults: list[dict] = []

    def fault(self, fault: str, noticed: str, within: float, over: Union[float, str], logged: str, lost: str = "nothing",
              log: Optional[str] = None) -> None:
        """A row of docs/faults.md, called after the test has asserted what it says; it counts when the test passes.
        fault:   "AREA: what goes wrong", such as "Kafka: wrong password"
        noticed: what somebody sees, and where
        within:  how soon, in seconds: the bound that the test asserted, never a measured time
        over:    how soon all is well after the cause has gone, asserted likewise; or what somebody has to do
        logged:  the words of the log, looked for in log (default: all *.log of the test's folder), or: nothing"""
        area, colon, what = fault.partition(": ")
        assert colon and what, f"\"{fault}\" names no area"
        for text in (fault, noticed, lost, logged, str(over)):
            assert text and text == " ".join(text.split()), f"\"{text}\" is no cell of a table"
        said = self.logs() if log is None else log
        assert logged == "nothing" or logged in said, f"the log does not say \"{logged}\":\n{said[-2000:]}"
        self.faults.append({"area": area, "fault": what, "noticed": noticed, "within": f"{within:g} s",
                            "over": over if isinstance(over, str) else f"{over:g} s", "lost": lost, "logged": logged})

    def logs(self) -> str:
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(self.folder.glob("*.log")))

    def kafka(self, own: bool = False, *options: str) -> Kafka:
        """The broker that all tests share; own: one that this test may stop, kill and fill, with options."""
        if not own:
            return self.shared_kafka()
        kafka = Kafka(self.folder / "kafka")
        self.cleanup.callback(kafka.kill)
        return kafka.start(*options)

    def kafka_beside(self, first: Kafka) -> Kafka:
        """Another broker of the first one's cluster."""
        kafka = Kafka(self.folder / "kafka-beside")
        self.cleanup.callback(kafka.kill)
        return kafka.start(f"--join={first.folder}")

    def topic(self, kafka: Kafka, partitions: int = 1, suffix: str = "answers", **settings: Any) -> str:
        """A topic that no other test uses."""
        return kafka.topic(f"{self.name.replace(':', '.')}-{suffix}", partitions, **settings)

    def receivers(self, name: str = "receivers", **options: Any) -> Receivers:
        return self.cleanup.enter_context(Receivers(self.folder / name, **(options or {"http": 0})))

    def secret(self) -> str:
        """The key of the default configuration's webhooks, made on first use."""
        path = self.folder / "hook.key"
        if not path.exists():
            path.touch(0o600)
            path.write_text("whsec_" + base64.b64encode(os.urandom(24)).decode() + "\n", encoding="ascii")
        return path.read_text(encoding="ascii").strip()

    def config(self, kafka: Union[Kafka, str], topic: str, receivers: Optional[Receivers] = None,
               changes: Optional[dict[str, Any]] = None) -> dict[str, Any]:
        """Writes the configuration folder; see default_config and write_config. Returns the main file's settings."""
        self.secret()
        bootstrap = kafka if isinstance(kafka, str) else kafka.bootstrap
        hook_url = receivers.url("/hook") if receivers else "http://127.0.0.1:1/hook"
        files = default_config(self.folder, bootstrap, topic, hook_url)
        write_config(self.folder / "etc", files, changes)
        main = (changes or {}).get("closedloopd.conf", {})
        return merged(files["closedloopd.conf"], main) if isinstance(main, dict) else {}

    def daemon(self, settings: Settings, wrapper: Iterable[str] = (), disk: Optional[Disk] = None) -> Daemon:
        """On the configuration that config() wrote; not started yet. What is on its disk is below /proc/PID/root."""
        daemon = self.daemon_class(self.folder / "etc" / "closedloopd.conf", settings, self.folder / "daemon.log", wrapper, disk)
        self.cleanup.callback(daemon.kill)
        return daemon

    def close(self) -> None:
        self.cleanup.close()
