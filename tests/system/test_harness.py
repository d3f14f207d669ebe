"""The harness itself: its configuration is libconfig's, and its counter sees what it is there to see."""

import base64
import hashlib
import hmac
import http.client
import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Optional

from harness import (PEOPLE, SOURCE, Books, Count, Env, Produced, answers, default_config, eventually, libconfig,
                     merged, unhappy, write_config)

TOPIC = "answers"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


# --- a daemon that never errs, to be spoiled by each test

def delivered(made: list[dict]) -> list[Produced]:
    """As if Kafka had put the answers into two partitions in turn."""
    return [Produced(TOPIC, i % 2, i // 2, answer) for i, answer in enumerate(made)]


def cases_by_customer(produced: list[Produced]) -> dict[str, list[Produced]]:
    cases: dict[str, list[Produced]] = {}
    for record in produced:
        if unhappy(record.answer):
            cases.setdefault(record.answer["customer"]["id"], []).append(record)
    return cases


def sign(identity: str, body: str, secret: str = SECRET) -> dict:
    mac = hmac.new(base64.b64decode(secret[6:]), f"{identity}.1.{body}".encode(), hashlib.sha256).digest()
    return {"webhook-id": identity, "webhook-timestamp": "1",
            "webhook-signature": "v1," + base64.b64encode(mac).decode()}


def alert(number: int, record: Produced, kind: str = "case.opened") -> str:
    return json.dumps({"type": kind, "data": {
        "case": {"id": f"case-{number}", "number": number},
        "response": {"id": record.answer["response_id"], "source": SOURCE, "topic": record.topic,
                     "partition": record.partition, "offset": record.offset},
        "rung": {"number": 0}, "recipient": {"id": "ana"}}})


def received(body: str, identity: str, answer: Optional[int] = 200, did: str = "answered") -> dict:
    return {"kind": "http", "headers": sign(identity, body), "body": body, "answer": answer, "did": did}


def alerts(produced: list[Produced]) -> list[dict]:
    return [received(alert(number, records[0]), f"d-{number}")
            for number, records in enumerate(cases_by_customer(produced).values())]


def store(produced: list[Produced]) -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    made.executescript("""
        CREATE TABLE v_offset(topic, partition, next_offset);
        CREATE TABLE v_case(number);
        CREATE TABLE v_response(source, response_id, topic, partition, "offset", case_number);
        CREATE TABLE v_dead_letter(topic, partition, "offset");""")
    for partition in {record.partition for record in produced}:
        end = max(record.offset for record in produced if record.partition == partition) + 1
        made.execute("INSERT INTO v_offset VALUES (?, ?, ?)", (TOPIC, partition, end))
    for number, records in enumerate(cases_by_customer(produced).values()):
        made.execute("INSERT INTO v_case VALUES (?)", (number,))
        for record in records:
            made.execute("INSERT INTO v_response VALUES (?, ?, ?, ?, ?, ?)",
                         (SOURCE, record.answer["response_id"], TOPIC, record.partition, record.offset, number))
    return made


def count(produced: list[Produced], records: list[dict], copy: sqlite3.Connection) -> Count:
    return Books(produced).add_received(records, SECRET).add_store(copy).count


def joined() -> list[Produced]:
    return delivered(answers(300, customers=70))


# --- the counter

def test_counter_finds_nothing_wrong_where_nothing_is(env: Env) -> None:
    produced = joined()
    got = count(produced, alerts(produced), store(produced)).check()
    assert got.flagged == sum(unhappy(record.answer) for record in produced)
    assert got.expected_cases == got.alerted_cases == got.stored_cases == len(cases_by_customer(produced))
    assert got.expected_cases < got.flagged, "some customers are unhappy twice"
    assert got.attempts == got.expected_cases and got.retries == got.repeats == 0


def test_counter_counts_a_response_read_twice_once(env: Env) -> None:
    made = answers(50)
    produced = delivered(made + made)
    got = Books(produced).count
    assert got.flagged == got.expected_cases == sum(map(unhappy, made))


def test_counter_leaves_out_customers_without_a_name(env: Env) -> None:
    made = answers(300)
    del next(answer for answer in made if unhappy(answer))["customer"]
    flagged = sum(map(unhappy, made))
    assert Books(delivered(made)).count.expected_cases == flagged - 1
    assert Books(delivered(made), anonymous="case").count.expected_cases == flagged


def test_counter_sees_a_lost_alert(env: Env) -> None:
    produced = joined()
    records = alerts(produced)
    lost = records.pop(3)
    records.append(received(lost["body"], "d-3", 503))
    got = count(produced, records, store(produced))
    assert len(got.lost) == 1 and got.retries == 1 and [f.split(":")[0] for f in got.faults()] == ["lost"]


def test_counter_tells_repeated_from_doubled(env: Env) -> None:
    produced = joined()
    good = alerts(produced)
    body = good[0]["body"]
    refused_first = count(produced, [received(body, "d-0", 503), *good], store(produced)).check()
    assert refused_first.retries == 1 and refused_first.repeats == 0
    answer_lost = count(produced, [received(body, "d-0", None, "dropped"), *good], store(produced)).check()
    assert answer_lost.repeats == 1 and answer_lost.repeats_after_answer == 0
    sent_again = count(produced, [*good, received(body, "d-0")], store(produced)).check()
    assert sent_again.repeats == sent_again.repeats_after_answer == 1
    other_id = count(produced, [*good, received(body, "d-0-again")], store(produced))
    assert len(other_id.doubled) == 1 and other_id.repeats == 0


def test_counter_tells_each_joined_answer_apart(env: Env) -> None:
    produced = joined()
    records = alerts(produced)
    for number, same in enumerate(cases_by_customer(produced).values()):
        records += [received(alert(number, record, "case.updated"), f"u-{number}-{i}")
                    for i, record in enumerate(same[1:])]
    count(produced, records, store(produced)).check()


def test_counter_sees_what_no_answer_explains(env: Env) -> None:
    produced = joined()
    happy = next(record for record in produced if not unhappy(record.answer))
    moved = Produced(TOPIC, 7, 7, next(record for record in produced if unhappy(record.answer)).answer)
    forged = received(alerts(produced)[0]["body"], "d-0")
    forged["headers"]["webhook-signature"] = "v1,AAAA"
    for record in (received(alert(900, happy), "d-900"), received(alert(0, moved), "d-0"), forged,
                   received("not JSON", "d-901")):
        assert len(count(produced, [*alerts(produced), record], store(produced)).strange) == 1


def test_counter_sees_offsets_and_rows_that_disagree(env: Env) -> None:
    produced = joined()
    cases = {
        "unstored": "DELETE FROM v_response WHERE rowid = 3",
        "uncovered": "UPDATE v_offset SET next_offset = 1",
        "behind": "UPDATE v_offset SET next_offset = next_offset - 1 WHERE partition = 1",
        "misplaced": "UPDATE v_response SET case_number = 500 WHERE rowid = 1",
    }
    for fault, damage in cases.items():
        copy = store(produced)
        copy.execute(damage)
        assert getattr(count(produced, alerts(produced), copy), fault), fault
    for more in ("INSERT INTO v_response SELECT * FROM v_response WHERE rowid = 1", "INSERT INTO v_case VALUES (900)"):
        copy = store(produced)
        copy.execute(more)
        assert len(count(produced, alerts(produced), copy).misplaced) == 1


def test_counter_sees_dead_letters_missing_and_too_many(env: Env) -> None:
    dead = [Produced(TOPIC, 0, 900), Produced(TOPIC, 0, 901)]
    copy = store(joined())
    copy.execute(f"INSERT INTO v_dead_letter VALUES ('{TOPIC}', 0, 901), ('{TOPIC}', 0, 902)")
    got = Books(dead).add_dead_letters(copy, dead).count
    assert len(got.unstored) == len(got.strange) == 1


def test_counter_reads_what_the_receivers_recorded(env: Env) -> None:
    receivers = env.receivers()
    produced = joined()
    receivers.http("/hook/*", {"status": 500, "times": 2}, {"drop": "after", "times": 1})
    connection = http.client.HTTPConnection("127.0.0.1", receivers.ports["http"])
    for record in alerts(produced):
        status = 0
        while status != 200:
            try:
                connection.request("POST", "/hook/ana", record["body"], record["headers"])
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (ConnectionError, http.client.HTTPException):
                connection.close()
    got = count(produced, list(receivers.records()), store(produced)).check()
    assert (got.retries, got.repeats, got.repeats_after_answer) == (2, 1, 0)


# --- the configuration

LISTING = r"""
#include <libconfig.h>
#include <stdio.h>

static void show(config_setting_t *s)
{
        const char *name = config_setting_name(s);
        printf("%s%s", name ? name : "", name ? ":" : "");
        switch (config_setting_type(s)) {
        case CONFIG_TYPE_GROUP:
        case CONFIG_TYPE_LIST:
        case CONFIG_TYPE_ARRAY:
                printf("%c", config_setting_is_group(s) ? '{' : config_setting_is_array(s) ? '[' : '(');
                for (int i = 0; i < config_setting_length(s); i++)
                        show(config_setting_get_elem(s, (unsigned)i));
                printf("%c", config_setting_is_group(s) ? '}' : config_setting_is_array(s) ? ']' : ')');
                break;
        case CONFIG_TYPE_STRING:
                printf("<%s>", config_setting_get_string(s));
                break;
        case CONFIG_TYPE_BOOL:
                printf("%s", config_setting_get_bool(s) ? "yes" : "no");
                break;
        case CONFIG_TYPE_FLOAT:
                printf("%g", config_setting_get_float(s));
                break;
        default:
                printf("%lld", config_setting_get_int64(s));
        }
        printf(" ");
}

int main(int argc, char **argv)
{
        config_t c;
        config_init(&c);
        for (int i = 1; i < argc; i++) {
                if (!config_read_file(&c, argv[i])) {
                        printf("%s:%d: %s\n", argv[i], config_error_line(&c), config_error_text(&c));
                        return 1;
                }
                show(config_root_setting(&c));
        }
        config_destroy(&c);
        return 0;
}
"""


def listing(env: Env, *files: Path) -> str:
    """The settings as libconfig itself reads them."""
    program = env.folder / "listing"
    if not program.exists():
        program.with_suffix(".c").write_text(LISTING, encoding="ascii")
        subprocess.run(["gcc", "-o", program, program.with_suffix(".c"), "-lconfig"], check=True)
    done = subprocess.run([program, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_config_is_read_by_libconfig_as_it_was_meant(env: Env) -> None:
    path = env.folder / "all.conf"
    path.write_text(libconfig({
        "text": 'a "quoted" \\ word\n\ttab \x01 Ümläut', "yes": True, "no": False, "small": -3,
        "large": 2**40, "ratio": 0.5, "array": ["a", "b"], "numbers": [0, 10], "empty": (), "mixed": ("a", 1),
        "single": ({"name": "x"},), "group": {"inner": {"deep": 1}}}), encoding="utf-8")
    assert listing(env, path).replace(" ", "") == (
        '{text:<a"quoted"\\word\n\ttab\x01Ümläut>yes:yesno:nosmall:-3large:1099511627776ratio:0.5array:[<a><b>]'
        "numbers:[010]empty:()mixed:(<a>1)single:({name:<x>})group:{inner:{deep:1}}}")


def test_config_folder_is_whole_and_changes_where_told(env: Env) -> None:
    files = default_config(env.folder, "127.0.0.1:9092", TOPIC, "http://127.0.0.1:1/hook")
    main = write_config(env.folder / "etc", files, {
        "closedloopd.conf": {"kafka.group": "other", "kafka.properties": ["a=b"], "web": {"listen": "127.0.0.1:1"},
                             "groups": None},
        "rules.d/10-more.conf": {"rules": ({"name": "all", "when": "nps <= 10", "then": "note"},)},
        "groups.csv": None,
        "territories.csv": "territory,owner,from,until\nJP,joe,,\n"})
    text = listing(env, *sorted(main.parent.glob("**/*.conf")))
    for part in ("group:<other>", "properties:[<a=b> ]", "listen:<127.0.0.1:1>", "topic:<answers>", "name:<all>",
                 "name:<hook-ana>", "brokers:<127.0.0.1:9092>"):
        assert part in text, part
    assert "groups:" not in text and not (main.parent / "groups.csv").exists()
    assert (main.parent / "territories.csv").read_text().endswith("JP,joe,,\n")
    people = (main.parent / "people.csv").read_text().splitlines()
    assert people[0] == ("id,name,email,channels,phone,time_zone,hours,language,manager,director,delegate,unit,"
                         "from,until")
    assert len(people) == len(PEOPLE) + 1 and files["closedloopd.conf"]["kafka"]["group"] == "closedloopd"


def test_config_changes_do_not_touch_what_they_change(env: Env) -> None:
    settings = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merged(settings, {"a.b": 9, "e.f.g": 4, "d": None}) == {"a": {"b": 9, "c": 2}, "e": {"f": {"g": 4}}}
    assert settings == {"a": {"b": 1, "c": 2}, "d": 3}


# --- the daemon's handle, on a stand-in

STAND_IN = """#!/usr/bin/python3
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"/readyz": b"ready", "/metrics": b'''# TYPE closedloop_outbox_messages gauge
closedloop_outbox_messages{channel="a b"} 0
closedloop_consumer_lag_messages{topic="t",partition="0"} 0
closedloop_consumer_lag_messages{topic="t",partition="1"} 2.5
'''}.get(self.path, b"")
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
port = int(open(sys.argv[2]).read().split("127.0.0.1:")[1].split('"')[0])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def test_daemon_is_started_asked_and_ended(env: Env) -> None:
    settings = env.config("", TOPIC, changes={"closedloopd.conf": {"kafka": None}})
    stand_in = env.folder / "stand-in"
    stand_in.write_text(STAND_IN, encoding="ascii")
    stand_in.chmod(0o755)
    daemon = env.daemon(settings)
    daemon.program = stand_in
    daemon.start()
    assert daemon.metric("closedloop_consumer_lag_messages", 'topic="t"') == 2.5
    assert daemon.metric("closedloop_outbox_messages", 'channel="a b"') == 0 and not daemon.is_settled()
    assert daemon.stop() == -15
    daemon.start()
    daemon.kill()
    eventually(lambda: not daemon.is_ready(), "it is gone")


def test_a_fault_is_recorded_only_in_words_that_the_log_has(env: Env) -> None:
    (env.folder / "x.log").write_text("could not write\n", encoding="utf-8")
    env.fault("Store: the disk is full", noticed="it says so", within=5, over=60, logged="could not write")
    assert env.faults == [{"area": "Store", "fault": "the disk is full", "noticed": "it says so", "within": "5 s",
                           "over": "60 s", "lost": "nothing", "logged": "could not write"}]
    for wrong in ({"logged": "all is well"}, {"fault": "no area"}, {"noticed": ""}, {"noticed": "two\nlines"}):
        row = {"fault": "Store: x", "noticed": "y", "within": 1, "over": "z", "logged": "nothing"} | wrong
        try:
            env.fault(**row)
        except AssertionError:
            continue
        raise RuntimeError(f"{wrong} was taken")
    assert len(env.faults) == 1
    env.faults.clear()      # nothing for the page
