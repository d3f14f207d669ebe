"""The real daemon between a real Kafka and real receivers, counted from outside (promises S1, S2, S4, S6, L1, L2)."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

from harness import CTL, PEOPLE, Books, CtlError, Env, answers, eventually, raw_line, unhappy

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))


def settled(daemon, produced, receivers):
    """Read to the end, and a message taken for each unhappy answer: an alert, or the news that it joined a case. (What
    the daemon says of itself is up to a second old.)"""
    wanted = len({record.answer["response_id"] for record in produced if record.answer and unhappy(record.answer)})
    eventually(lambda: read_all(daemon, produced), "all is read", 120)
    eventually(lambda: len(taken(receivers)) >= wanted, f"{wanted} messages are taken", 120)
    eventually(lambda: daemon.is_settled() and daemon.ctl("status")["outbox"]["pending"] == 0, "nothing is left to do", 120)


def taken(receivers):
    return {r["headers"].get("webhook-id") for r in receivers.records("http") if r["answer"] and 200 <= r["answer"] < 300}


def read_all(daemon, produced):
    ends = {}
    for record in produced:
        ends[record.topic, record.partition] = max(ends.get((record.topic, record.partition), 0), record.offset + 1)
    at = {(p["topic"], p["partition"]): p["next_offset"] for p in daemon.ctl("status")["kafka"]["partitions"]}
    return all(at.get(place, -1) >= end for place, end in ends.items())


def check_books(env, daemon, produced, receivers):
    """Ends the daemon, then counts."""
    assert daemon.stop() == 0, daemon.log_tail()
    store = daemon.store_copy(env.folder / "copy.db")
    assert store.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    count = Books(produced).add_received(receivers.records(), env.secret()).add_store(store).check()
    store.close()
    return count


def test_ten_thousand_answers_give_exactly_the_cases_of_an_independent_count(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=4)
    receivers = env.receivers()
    produced = kafka.produce(topic, answers(10000, customers=4000))
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    settled(daemon, produced, receivers)
    count = check_books(env, daemon, produced, receivers)
    assert count.stored_cases == count.expected_cases > 0
    assert count.flagged == sum(unhappy(record.answer) for record in produced)


def test_fifty_kills_at_random_moments_lose_nothing_and_double_nothing(env: Env):
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=3)
    receivers = env.receivers()
    daemon = env.daemon(env.config(kafka, topic, receivers, {
        "channels.d/hooks.conf": None, "channels.d/hooks2.conf": hooks(env, receivers, in_flight=16)})).start()
    produced = []
    made = answers(15000)

    def feed():
        produced.extend(kafka.produce(topic, made, "--rate", 600))
    feeder = threading.Thread(target=feed)
    feeder.start()
    for _ in range(50):
        time.sleep(chance.uniform(0.02, 0.45))      # the moment of the kill is the point of this test
        daemon.kill()
        daemon.start(is_ready=False)
    feeder.join()
    daemon.await_ready()
    settled(daemon, produced, receivers)
    count = check_books(env, daemon, produced, receivers)
    assert count.stored_cases == count.expected_cases
    assert count.repeats <= 50 * 16 * 4, f"{count.repeats} repeats: more than were in flight"
    print(f"repeats with the same id: {count.repeats} in 50 kills")
    env.fault("Process: killed at any moment, fifty times in a row", over=120, logged="the service is ready", within=120,
              noticed="at most what was in flight arrives again, with the same webhook-id")


def hooks(env, receivers, **more):
    return {"channels": tuple(
        {"name": f"hook-{who}", "type": "webhook", "url": f"{receivers.url('/hook')}/{who}",
         "secret": {"file": str(env.folder / "hook.key")}, "private_network": True, "plain_http": True} | more
        for who in ("ana", "ben", "joe", "ines"))}


def test_kafka_delivering_everything_twice_changes_nothing(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=2)
    receivers = env.receivers()
    made = answers(600)
    produced = kafka.produce(topic, made)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    settled(daemon, produced, receivers)
    produced += kafka.produce(topic, made)
    settled(daemon, produced, receivers)
    eventually(lambda: daemon.metric("closedloop_responses_total", 'outcome="repeated"') == sum(map(unhappy, made)),
               "each unhappy answer is known to be a repeat")
    count = check_books(env, daemon, produced, receivers)
    assert count.stored_cases == count.expected_cases
    env.fault("Kafka: every record is delivered twice", noticed="nothing; the metric counts answers that were repeated",
              within=120, over="nothing to do", logged="nothing")


def test_a_broker_that_stops_and_comes_back_loses_nothing(env: Env):
    kafka = env.kafka(own=True)
    topic = env.topic(kafka, partitions=2)
    receivers = env.receivers()
    produced = kafka.produce(topic, answers(300))
    changes = {"closedloopd.conf": {"kafka.unready_after": "1 second"}}
    daemon = env.daemon(env.config(kafka, topic, receivers, changes)).start()
    settled(daemon, produced, receivers)
    kafka.stop()
    eventually(lambda: daemon.get("/readyz")[0] == 503, "not ready without Kafka")
    eventually(lambda: daemon.ctl("status")["kafka"]["health"] == "unreachable", "the status says why")
    kafka.start()
    produced += kafka.produce(topic, later(answers(300), "later"))
    settled(daemon, produced, receivers)
    assert daemon.get("/readyz")[0] == 200
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: the broker stops while answers are read", within=60, over=120, logged="Kafka cannot be reached",
              noticed="closedloopctl status says that Kafka is unreachable; /readyz answers 503 after kafka.unready_after")


def later(made, suffix):
    """The same answers from other people."""
    for answer in made:
        answer["response_id"] += "-" + suffix
        answer["customer"]["id"] += "-" + suffix
    return made


def test_a_broker_that_is_down_at_start_is_waited_for(env: Env):
    kafka = env.kafka(own=True)
    topic = env.topic(kafka)
    receivers = env.receivers()
    produced = kafka.produce(topic, answers(60))
    kafka.stop()
    daemon = env.daemon(env.config(kafka, topic, receivers)).start(is_ready=False)
    eventually(lambda: daemon.get("/readyz")[0] == 503, "alive, and not ready")
    eventually(lambda: daemon.ctl("status")["kafka"]["health"] == "unreachable", "the status says why")
    kafka.start()
    settled(daemon, produced, receivers)
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: the broker is down when the service starts", within=60, over=120, logged="Kafka cannot be reached",
              noticed="/readyz answers 503, closedloopctl status says that Kafka is unreachable; cases and acts work")


HOSTILE = {
    "one megabyte": (json.dumps({"response_id": "big", "answers": {"reason": "x" * (1 << 20)}}).encode(), "too long"),
    "depth 10,000": (b'{"a":' * 10000 + b"1" + b"}" * 10000, "nested too deep"),
    "invalid UTF-8": (b'{"response_id":"r\xff\xfe","answers":{"nps":1}}', "not UTF-8"),
    "duplicate keys": (b'{"response_id":"r-1","answers":{"nps":1,"nps":9}}', "a key stands twice in one object"),
    "not JSON": (b"response_id=12&nps=3", "not JSON"),
    "half": (b'{"response_id":"r-2","answers":{"nps":1', "not JSON"),
    "empty": (b"", "empty"),
    "tombstone": (None, "tombstone"),
    "an array": (b"[1,2,3]", "not a JSON object"),
    "no id": (b'{"answers":{"nps":1}}', "no id"),
    "an endless id": (b'{"response_id":"' + b"i" * 513 + b'","answers":{"nps":1}}', "id longer than 512 bytes"),
}


def test_hostile_records_are_set_aside_with_their_bytes_and_never_stop_a_partition(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka, **{"max.message.bytes": 4000000})
    dead_topic = env.topic(kafka, suffix="dead", **{"max.message.bytes": 4000000})
    receivers = env.receivers()
    lines = []
    for value, _ in HOSTILE.values():
        lines.append(raw_line(value, key=b"k", headers=[("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")]))
    dead = kafka.produce_raw(topic, lines)
    produced = kafka.produce(topic, answers(120))
    daemon = env.daemon(env.config(kafka, topic, receivers, {
        "closedloopd.conf": {"kafka.dead_letters": dead_topic}})).start()
    settled(daemon, produced, receivers)
    eventually(lambda: all(d["state"] == "published" for d in daemon.ctl("dead-letters")), "all are in their topic")
    found = {d["offset"]: d["reason"] for d in daemon.ctl("dead-letters")}
    assert found == {record.offset: reason for record, (_, reason) in zip(dead, HOSTILE.values())}, found
    copies = {}
    for copy in kafka.read(dead_topic):
        headers = dict(zip(copy["headers"][::2], copy["headers"][1::2]))
        copies[int(headers["__connect.errors.offset"])] = copy | {"headers": headers}
    for record, (value, reason) in zip(dead, HOSTILE.values()):
        copy = copies.pop(record.offset)
        assert copy["key"] == "k" and (copy["payload"] is None) == (value is None), (reason, copy)
        if value and reason != "not UTF-8":
            assert copy["payload"].encode() == value, reason
        assert copy["headers"]["__connect.errors.topic"] == topic and "kafka_dlt-original-offset" in copy["headers"]
        assert copy["headers"]["traceparent"].endswith("-01")
    assert not copies
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    Books(produced).add_received(receivers.records(), env.secret()).add_store(store).add_dead_letters(store, dead).check()
    store.close()
    env.fault("Kafka: records that are no answers: half, empty, nested too deep, too long, not UTF-8", within=120,
              noticed="closedloopctl dead-letters lists each with its reason, the dead-letter topic has its bytes; "
                      "the records behind it are read", over="nothing to do",
              logged="a record could not be read and was set aside")


def test_odd_numbers_and_times_are_unknown_or_noted_not_dead(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka)
    receivers = env.receivers()
    odd = [
        ({"response_id": 9007199254740993, "answers": {"nps": 2}}, "9007199254740993"),
        ({"response_id": "nul\u0000id", "answers": {"nps": 2, "reason": "a\u0000b"}}, "nul\u0000id"),
        ({"response_id": "time", "submitted_at": "yesterday", "answers": {"nps": 2}}, "time"),
        ({"response_id": "future", "submitted_at": "2199-01-01T00:00:00Z", "answers": {"nps": 2}}, "future"),
    ]
    for index, (answer, _) in enumerate(odd):
        answer["customer"] = {"id": f"c-odd-{index}"}
    unread = [b'{"response_id":"inf","customer":{"id":"c-x"},"answers":{"nps":1e999}}',
              b'{"response_id":"off","customer":{"id":"c-y"},"answers":{"nps":11}}',
              b'{"response_id":"below","customer":{"id":"c-z"},"answers":{"nps":-1}}']
    kafka.produce_raw(topic, [raw_line(json.dumps(answer).encode()) for answer, _ in odd] + [raw_line(v) for v in unread])
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    eventually(lambda: daemon.metric("closedloop_responses_total", 'outcome="unjudgeable"') == 3, "three cannot be judged")
    eventually(lambda: daemon.ctl("status")["cases"]["open"] == 4, "four cases")
    ids = {daemon.ctl("why", number)["responses"][0]["response"] for number in range(1, 5)}
    assert ids == {identity for _, identity in odd}, ids
    assert daemon.ctl("status")["dead_letters"] == 0
    assert daemon.stop() == 0
    env.fault("Kafka: answers with odd numbers, times and ids", within=60, over="nothing to do", logged="nothing",
              noticed="the field is unknown, closedloopctl why says so; the metric counts what cannot be judged")


def test_a_partition_that_is_added_is_found_and_read_from_its_beginning(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=1)
    receivers = env.receivers()
    produced = kafka.produce(topic, answers(30))
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    settled(daemon, produced, receivers)
    kafka.tool("partitions", kafka.folder, topic, 3)
    produced += kafka.produce(topic, later(answers(90), "new"))
    assert {record.partition for record in produced} == {0, 1, 2}
    settled(daemon, produced, receivers)
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: partitions are added to the topic", noticed="nothing: they are read from their beginning", within=120,
              over="nothing to do", logged="a partition is read for the first time")


def test_latest_is_decided_once_and_kept_over_a_crash(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=2)
    receivers = env.receivers()
    old = kafka.produce(topic, answers(200))
    daemon = env.daemon(env.config(kafka, topic, receivers, {"sources.d/survey.conf": {"source.start": "latest"}})).start()
    eventually(lambda: len(daemon.ctl("status")["kafka"]["partitions"]) == 2, "both partitions have their place")
    daemon.kill()
    produced = kafka.produce(topic, later(answers(200), "new"))
    daemon.start()
    settled(daemon, produced, receivers)
    count = check_books(env, daemon, produced, receivers)
    assert count.stored_cases == count.expected_cases and old


def test_a_second_instance_on_the_same_store_is_refused_with_a_clear_message(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka)
    settings = env.config(kafka, topic)
    daemon, second = env.daemon(settings).start(), env.daemon(settings)
    second.log = env.folder / "second.log"
    second.start(is_ready=False)
    assert second.process is not None and second.process.wait(30) == 75, second.log_tail()
    said = second.log.read_text(encoding="utf-8")
    assert "another" in said and "closedloop.db" in said, said
    assert daemon.stop() == 0
    env.fault("Process: a second instance is started on the same store", within=30, over="stop one of them",
              noticed="the second ends with exit code 75, the first is not disturbed", logged="another process has the store", log=said)


def test_a_stop_under_load_takes_less_than_five_seconds_and_loses_nothing(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=2)
    receivers = env.receivers()
    made = answers(6000)
    produced = kafka.produce(topic, made[:3000])
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    eventually(lambda: len(list(receivers.records())) > 20, "it is at work")
    started = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - started < 5.5
    produced += kafka.produce(topic, made[3000:])
    daemon.start()
    settled(daemon, produced, receivers)
    count = check_books(env, daemon, produced, receivers)
    assert count.repeats == 0, "an orderly stop repeats nothing"
    env.fault("Process: stopped in order under full load", noticed="nothing; it ends with exit code 0", within=5.5,
              over=120, logged="the service is stopping")


def one_case(env, changes=None, **answer):
    """A daemon with one case, number 1."""
    kafka = env.kafka()
    topic = env.topic(kafka)
    receivers = env.receivers()
    daemon = env.daemon(env.config(kafka, topic, receivers, changes)).start()
    made = answers(1)[0]
    made["answers"] = {"nps": 2, "reason": "Nobody called back"}
    made["account"]["territory"] = "UKI"
    made.update(answer)
    kafka.produce(topic, [made])
    eventually(lambda: daemon.ctl("status")["cases"]["open"] == 1, "the case is open")
    return kafka, topic, receivers, daemon, made


def test_acts_go_through_the_control_socket_and_are_answered(env: Env):
    _, _, receivers, daemon, _ = one_case(env)
    receivers.await_records(1)
    reasons = {step["message"]: step["reason"] for step in daemon.ctl("when", 1)["steps"]}
    assert reasons == {"reminder": "after 6 hours, any time",
                       "window-missed": "after window, any time; not before the owner had 1 hour"}, reasons
    tried = daemon.ctl("attempt", 1, "--by", "ana", "--result", "voicemail")
    assert tried["done"] and tried["case"]["attempts"] == 1 and tried["case"]["paused_until"]
    try:
        daemon.ctl("close", 1, "--by", "ana", "--outcome", "recovered")
        raise AssertionError("closed without a contact")
    except CtlError as error:
        assert error.code == 65 and '"done":false' in str(error) or "contact" in str(error), error
    once = daemon.ctl("contact", 1, "--by", "ana", "--channel", "phone", "--result", "spoke", "--key", "k1")
    assert once["case"]["state"] == "contacted"
    again = daemon.ctl("contact", 1, "--by", "ana", "--channel", "phone", "--result", "spoke", "--key", "k1")
    assert again["repeated"]
    assert daemon.ctl("when", 1)["steps"] == []
    closed = daemon.ctl("close", 1, "--by", "ana", "--outcome", "recovered", "--note", "glad that we called")
    assert closed["case"]["state"] == "closed" and closed["case"]["outcome"] == "recovered"
    kinds = [e["kind"] for e in daemon.ctl("case", 1)["events"]]
    assert kinds == ["flagged", "attempt", "contact", "close"], kinds
    for arguments, code in ((("case", 99), 66), (("nonsense",), 64), (("contact", 1), 64), (("cases", "--nonsense"), 64)):
        done = subprocess.run([str(CTL), "-s", daemon.socket, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == code and done.stderr, (arguments, done)
    assert daemon.stop() == 0


def test_a_reload_takes_a_good_configuration_and_refuses_a_bad_one_whole(env: Env):
    kafka, topic, receivers, daemon, _ = one_case(env)
    rules = env.folder / "etc" / "rules.d" / "50-everybody.conf"
    good = rules.read_text(encoding="utf-8")
    rules.write_text(good.replace("nps <= 6", "npss <= 6"), encoding="utf-8")
    try:
        daemon.ctl("reload")
        raise AssertionError("a bad configuration was taken")
    except CtlError as error:
        assert error.code == 78, error
    assert daemon.metric("closedloop_config_last_reload_successful") == 0
    rules.write_text(good.replace("nps <= 6", "nps <= 9"), encoding="utf-8")
    daemon.send(signal.SIGHUP)
    eventually(lambda: daemon.metric("closedloop_config_last_reload_successful") == 1, "loaded again")
    nine = later(answers(1), "nine")[0]
    nine["answers"] = {"nps": 9}
    kafka.produce(topic, [nine])
    eventually(lambda: daemon.ctl("status")["cases"]["open"] == 2, "the new rule counts")
    policy = env.folder / "etc" / "policies.d" / "one-day.conf"
    policy.write_text(policy.read_text(encoding="utf-8").replace("24 hours", "12 hours"), encoding="utf-8")
    try:
        daemon.ctl("reload")
        raise AssertionError("a policy was changed without a new version")
    except CtlError as error:
        assert error.code == 78 and "version" in str(error), error
    assert daemon.stop() == 0
    env.fault("Configuration: a reload of files with a mistake in them", over="mend the file and reload",
              noticed="closedloopctl reload exits with 78 and says file, line and mistake; the old configuration goes on",
              within=60, logged="the new configuration was refused, the old one goes on")


def test_mail_and_slack_arrive_as_a_person_would_read_them(env: Env):
    receivers = env.receivers(name="chat", http=0, smtp=0)
    channels = {"channels": (
        {"name": "slack-ana", "type": "slack", "url": {"file": str(env.folder / "slack.url")}, "private_network": True,
         "plain_http": True},
        {"name": "mail", "type": "email", "smtp": f"smtp://127.0.0.1:{receivers.ports['smtp']}",
         "from": "Customer follow-up <loop@example.com>", "tls": "none", "private_network": True})}
    (env.folder / "slack.url").touch(0o600)
    (env.folder / "slack.url").write_text(receivers.url("/slack") + "\n", encoding="ascii")
    receivers.http("/slack", {"status": 200, "body": "ok"})
    people = [dict(p) for p in PEOPLE]
    for p in people:
        p["channels"] = "slack-ana" if p["id"] == "ana" else "mail"
    changes = {"channels.d/hooks.conf": channels, "people.csv": people}
    kafka, topic, _, daemon, made = one_case(env, changes)
    slack = receivers.await_records(1, "http")[0]
    card = json.loads(slack["body"])
    assert made["customer"]["name"].split()[0] in json.dumps(card, ensure_ascii=False) and "#1" in card["text"]
    other = later(answers(1), "mail")[0]
    other["answers"] = {"nps": 0, "reason": "Crème brûlée <b>cold</b>\r\n.\r\nRCPT TO:<evil@example.com>"}
    other["account"]["territory"] = "EMEA-North"
    kafka.produce(topic, [other])
    receivers.await_records(1, "mail")
    envelope, mail = next(receivers.mails())
    assert envelope["to"] == ["ben@example.com"], envelope
    plain = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    assert "Crème brûlée" in plain and "<b>cold" not in html and "(#2)" in mail["Subject"]
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Message-ID"]
    assert daemon.stop() == 0


def test_a_channel_that_fails_for_good_falls_over_to_the_next_and_an_operator_is_told(env: Env):
    receivers = env.receivers()
    people = [dict(p) for p in PEOPLE]
    people[0]["channels"] = "hook-ana hook-ben"
    receivers.http("/hook/ana", {"status": 400})
    kafka = env.kafka()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers, {
        "people.csv": people, "closedloopd.conf": {"operators": ["ines"]}})).start()
    made = answers(1)[0]
    made["answers"], made["account"]["territory"] = {"nps": 1}, "UKI"
    kafka.produce(topic, [made])
    eventually(lambda: any(r["path"] == "/hook/ben" for r in receivers.records()), "the next channel of ana")
    eventually(lambda: any(r["path"] == "/hook/ines" and '"operator"' in r["body"] for r in receivers.records()), "the operator")
    states = {(d["channel"], d["state"]) for d in daemon.ctl("case", 1)["deliveries"]}
    assert states == {("hook-ana", "failed"), ("hook-ben", "accepted")}, states
    channels = {c["channel"]: c for c in daemon.ctl("status")["channels"]}
    assert not channels["hook-ana"]["works"] and channels["hook-ben"]["works"], channels
    assert daemon.stop() == 0
    env.fault("Deliveries: a receiver refuses a message for good (400)", within=60, over="mend the channel, then reload",
              noticed="the person's next channel is used at once, the operators are told, status says that the channel fails",
              logged="a message was refused for good")


def test_a_receiver_that_fails_for_a_while_gets_the_same_message_again_with_the_same_id(env: Env):
    receivers = env.receivers()
    receivers.http("/hook/ana", {"status": 503, "retry_after": 1, "times": 1}, {"drop": "after", "times": 1})
    kafka = env.kafka()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    made = answers(1)[0]
    made["answers"], made["account"]["territory"] = {"nps": 1}, "UKI"
    produced = kafka.produce(topic, [made])
    eventually(lambda: daemon.ctl("deliveries")[0]["state"] == "accepted", "accepted in the end", 90)
    ids = {r["headers"]["webhook-id"] for r in receivers.records() if r["path"] == "/hook/ana"}
    assert len(ids) == 1 and len(list(receivers.records(path="/hook/ana"))) == 3
    check_books(env, daemon, produced, receivers)
    env.fault("Deliveries: a receiver is busy (503), then cuts the connection after the message", within=90, over=90,
              noticed="the message arrives late, what was cut arrives again with the same webhook-id",
              logged="a message could not be delivered")


def test_rungs_that_fell_due_while_the_service_was_down_are_done_once_and_say_how_late(env: Env):
    quick = {"policies.d/one-day.conf": {"policy": {"window": "4 seconds", "least_notice": "0 seconds", "ladder": (
        {"after": "0 minutes", "tell": ["owner"], "message": "alert", "at": "any time"},
        {"after": "2 seconds", "tell": ["owner"], "message": "reminder", "at": "any time"},
        {"after": "window", "tell": ["manager"], "message": "window-missed", "at": "any time", "repeat": "1 day"})}}}
    _, _, receivers, daemon, made = one_case(env, quick)
    eventually(lambda: len(list(receivers.records())) == 1, "the alert")
    daemon.kill()
    eventually(lambda: time.time() > time.mktime(time.strptime(made["submitted_at"][:19], "%Y-%m-%dT%H:%M:%S")) -
               time.timezone + 6, "both rungs are due")
    daemon.start()
    eventually(lambda: len(list(receivers.records())) == 3, "both rungs")
    rest = [json.loads(r["body"]) for r in list(receivers.records())[1:]]
    assert sorted(m["type"] for m in rest) == ["case.escalated", "case.reminded"], rest
    assert all(m["data"]["rung"]["late_seconds"] >= 1 for m in rest), rest
    assert daemon.stop() == 0 and len(list(receivers.records())) == 3
    env.fault("Process: down while steps of the ladder fall due", within=60, over="nothing to do", logged="the service is ready",
              noticed="each step is done once after the start, and says how late it is")


def test_a_mapping_and_a_channel_can_be_tried_out(env: Env):
    _, _, receivers, daemon, made = one_case(env)
    path = env.folder / "answer.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    read = daemon.ctl("map", "test", "survey", path)
    assert read["verdict"] == "call" and read["owner"] == "ana", read
    assert {f["name"]: f["value"] for f in read["fields"]}["nps"] == 2
    tried = daemon.ctl("notify", "test", "hook-ana", "ana")
    assert tried["accepted"], tried
    eventually(lambda: any('"type":"test"' in r["body"] for r in receivers.records()), "the test message")
    receivers.http("/hook/ben", {"status": 500})
    try:
        daemon.ctl("notify", "test", "hook-ben", "ben")
        raise AssertionError("a refused test counts as accepted")
    except CtlError as error:
        assert error.code == 75, error
    assert daemon.stop() == 0


def test_valgrind_finds_no_leak_over_a_start_a_thousand_records_and_a_stop(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=2)
    receivers = env.receivers()
    produced = kafka.produce(topic, answers(1000))
    report = env.folder / "valgrind.log"
    daemon = env.daemon(env.config(kafka, topic, receivers), wrapper=[
        "valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect",
        "--error-exitcode=99", f"--log-file={report}"]).start()
    settled(daemon, produced, receivers)
    assert daemon.stop() == 0, report.read_text()[-3000:]
    assert "ERROR SUMMARY: 0 errors" in report.read_text(), report.read_text()[-3000:]


def test_the_service_manager_is_told_ready_status_watchdog_and_stopping(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic))
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(env.folder / "notify"))
    manager.settimeout(30)
    daemon.environment = {"NOTIFY_SOCKET": str(env.folder / "notify"), "WATCHDOG_USEC": "3000000"}
    daemon.start()

    def hear(wanted):
        while True:
            said = manager.recv(4096).decode()
            if wanted in said:
                return said
    assert "STATUS=Kafka" in hear("READY=1")
    hear("WATCHDOG=1")
    assert "1 partition, " in hear("STATUS=Kafka ok")
    assert daemon.stop() == 0
    hear("STOPPING=1")
    manager.close()
