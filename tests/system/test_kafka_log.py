"""What is in Kafka's log: gaps, other records, holes, poison, and what becomes of records that cannot be read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any, Optional

import test_kafka_health
from harness import (HERE, Books, CtlError, Daemon, Env, Kafka, Produced, answers, eventually, raw_line, unhappy)


def told(receivers: Any) -> str:
    """All that operators were told."""
    return "\n".join(r["body"] for r in receivers.records() if r["kind"] == "http" and '"operator"' in (r["body"] or ""))


def about_cases(receivers: Any) -> list[dict]:
    """What was received, without the messages to operators."""
    return [r for r in receivers.records() if '"operator"' not in (r.get("body") or "")]


def kafka_of(daemon: Daemon) -> dict:
    """What status says of Kafka; as of a daemon that has just been started."""
    try:
        return daemon.ctl("status")["kafka"]
    except CtlError:
        assert daemon.process is not None and daemon.process.poll() is None, daemon.log_tail()
        return {"health": "", "partitions": []}


def read_to(daemon: Daemon, topic: str, offset: int, partition: int = 0) -> bool:
    return any(p["topic"] == topic and p["partition"] == partition and p["next_offset"] >= offset
               for p in kafka_of(daemon)["partitions"])


def health(daemon: Daemon) -> str:
    return kafka_of(daemon)["health"]


def with_operator(changes: Optional[dict] = None) -> dict:
    return {"closedloopd.conf": {"operators": ["joe"], **(changes or {})}}


def alerted(receivers: Any) -> set:
    """The ids of the answers that somebody was told of."""
    bodies = [json.loads(r["body"]) for r in receivers.records() if r["kind"] == "http" and r["body"]]
    return {b["data"]["response"]["id"] for b in bodies if b["type"] in ("case.opened", "case.updated")}


def read_and_stop(env: Env, kafka: Kafka, topic: str, daemon: Daemon, produced: list[Produced]) -> None:
    """What is produced is read, and the daemon is away."""
    daemon.start()
    eventually(lambda: read_to(daemon, topic, produced[-1].offset + 1) and daemon.is_settled(), "it is read")
    assert daemon.stop() == 0


def test_records_that_expired_unread_are_a_gap_and_reading_goes_on(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    made = answers(60)
    daemon = env.daemon(env.config(kafka, topic, receivers, with_operator()))
    read_and_stop(env, kafka, topic, daemon, kafka.produce(topic, made[:20]))
    kafka.produce(topic, made[20:50])
    kafka.truncate(topic, 0, 50)
    late = kafka.produce(topic, made[50:])
    daemon.start(is_ready=False)
    eventually(lambda: read_to(daemon, topic, 60) and daemon.is_settled(), "what came later is read")
    eventually(lambda: "30 records of topic" in told(receivers), "operators are told")
    kafka_status = daemon.ctl("status")["kafka"]
    assert (kafka_status["gaps"], kafka_status["gap_records"], kafka_status["health"]) == (1, 30, "ok")
    assert daemon.metric("closedloop_gap_records_total", f'topic="{topic}"') == 30
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    gaps = store.execute("SELECT topic, partition, from_offset, to_offset, why FROM v_gap").fetchall()
    assert gaps == [(topic, 0, 20, 50, "expired")], gaps
    assert alerted(receivers) >= {r.answer["response_id"] for r in late if unhappy(r.answer)}, "those behind it are told"
    daemon.start()
    eventually(lambda: read_to(daemon, topic, 60), "it goes on from there")
    assert daemon.ctl("status")["kafka"]["gaps"] == 1, "it is told once"
    assert told(receivers).count("30 records of topic") == 1
    env.fault("Kafka: retention has deleted records before they were read", within=60, over=60,
              noticed="operators get a message, status and v_gap show the gap, closedloop_gap_records_total counts it",
              lost="what Kafka has deleted, and it is recorded which", logged="records expired before they were read")


def test_a_source_that_stops_at_a_gap_stands_until_somebody_says_where_to_go_on(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    made = answers(40)
    changes = with_operator() | {"sources.d/survey.conf": {"source": {"expired": "stop"}}}
    daemon = env.daemon(env.config(kafka, topic, receivers, changes))
    read_and_stop(env, kafka, topic, daemon, kafka.produce(topic, made[:10]))
    kafka.produce(topic, made[10:])
    kafka.truncate(topic, 0, 25)
    daemon.start(is_ready=False)
    eventually(lambda: health(daemon) == "offset-gone", "the partition stands still")
    eventually(lambda: "stands still at offset 10" in told(receivers), "operators are told")
    assert daemon.metric("closedloop_kafka_health", 'state="offset-gone"') == 1
    for number, wrong, code in ((0, "24", 65), (0, "41", 65), (0, "-1", 64), (0, "middle", 64), (9, "beginning", 66)):
        try:
            daemon.ctl("partition", topic, number, "--from", wrong)
            raise AssertionError(f"--from {wrong} was accepted for partition {number}")
        except CtlError as error:
            assert error.code == code, error
    answer = daemon.ctl("partition", topic, 0, "--from", "beginning")
    assert (answer["from"], answer["to"]) == (10, 25)
    eventually(lambda: read_to(daemon, topic, 40) and daemon.is_settled(), "it goes on")
    assert health(daemon) == "ok" and daemon.ctl("status")["kafka"]["gap_records"] == 15
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    assert store.execute("SELECT from_offset, to_offset, why FROM v_gap").fetchall() == [(10, 25, "skipped")]
    assert store.execute("SELECT generation FROM v_offset").fetchall() == [(1,)]


def test_an_offset_beyond_the_end_of_the_log_stands_still_and_is_told(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers, with_operator()))
    made = answers(30)
    read_and_stop(env, kafka, topic, daemon, kafka.produce(topic, made))
    kafka.delete_topic(topic)
    eventually(lambda: topic not in kafka_topics(kafka), "the topic is gone")
    kafka.topic(topic, 1)
    again = kafka.produce(topic, made[:5])
    daemon.start(is_ready=False)
    eventually(lambda: health(daemon) == "offset-gone", "the partition stands still")
    eventually(lambda: "stands still" in told(receivers), "operators are told")
    assert daemon.ctl("status")["answers_read"] == 0
    daemon.ctl("partition", topic, 0, "--from", "beginning")
    eventually(lambda: read_to(daemon, topic, again[-1].offset + 1) and daemon.is_settled(), "it is read from its start")
    eventually(lambda: health(daemon) == "ok", "all is well")
    env.fault("Kafka: a topic was made anew and is shorter than what was read", within=60,
              over="closedloopctl partition TOPIC PARTITION --from beginning|end|OFFSET",
              noticed="status names the partition that stands still, operators get a message",
              logged="a place in Kafka is gone")


def kafka_topics(kafka: Kafka) -> str:
    return subprocess.run(["kcat", "-L", "-b", kafka.bootstrap], capture_output=True, text=True, check=True).stdout


def test_a_topic_made_anew_is_found_by_its_last_record_also_when_it_is_longer(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers, with_operator()))
    first = kafka.produce(topic, answers(20))
    read_and_stop(env, kafka, topic, daemon, first)
    before = alerted(receivers)
    daemon.start()
    eventually(lambda: health(daemon) == "ok" and read_to(daemon, topic, 20), "the same topic is gone on with")
    assert daemon.ctl("status")["answers_read"] == 0, "the anchor is not judged again"
    assert daemon.stop() == 0
    kafka.delete_topic(topic)
    eventually(lambda: topic not in kafka_topics(kafka), "the topic is gone")
    kafka.topic(topic, 1)
    fresh = answers(60)[20:]
    produced = kafka.produce(topic, fresh)
    daemon.start(is_ready=False)
    eventually(lambda: health(daemon) == "topic-replaced", "the partition stands still")
    eventually(lambda: "made anew" in told(receivers), "operators are told")
    assert daemon.ctl("status")["answers_read"] == 0 and alerted(receivers) == before, "nothing is skipped, nothing judged"
    daemon.ctl("partition", topic, 0, "--from", "beginning")
    eventually(lambda: read_to(daemon, topic, 40) and daemon.is_settled(), "all of the new topic is read")
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    kept = [row[0] for row in store.execute("SELECT response_id FROM v_response ORDER BY number")]
    wanted = [r.answer["response_id"] for r in first + produced if unhappy(r.answer)]
    assert kept == wanted, (len(kept), len(wanted), set(kept) ^ set(wanted))
    env.fault("Kafka: a topic was deleted and made anew", within=60,
              over="closedloopctl partition TOPIC PARTITION --from beginning|end|OFFSET",
              noticed="health topic-replaced in status and metrics, operators get a message",
              logged="a Kafka topic is not the one that was read before")


def test_an_anchor_that_has_expired_is_noted_and_reading_goes_on(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka)
    made = answers(30)
    daemon = env.daemon(env.config(kafka, topic))
    read_and_stop(env, kafka, topic, daemon, kafka.produce(topic, made[:10]))
    kafka.truncate(topic, 0, 10)
    kafka.produce(topic, made[10:])
    daemon.start()
    eventually(lambda: read_to(daemon, topic, 30), "it is read")
    status = daemon.ctl("status")
    assert status["answers_read"] == 20 and status["kafka"]["gaps"] == 0
    assert "cannot be checked whether a topic is still the same" in daemon.log.read_text(encoding="utf-8")


def test_another_cluster_is_not_read_until_somebody_accepts_it(env: Env):
    first, second = env.kafka(), env.kafka(own=True)
    topic = env.topic(first)
    second.topic(topic, 1)
    made = answers(30)
    second.produce(topic, made)
    receivers = env.receivers()
    daemon = env.daemon(env.config(first, topic, receivers, with_operator()))
    read_and_stop(env, first, topic, daemon, first.produce(topic, made[:10]))
    text = daemon.config.read_text(encoding="utf-8")
    daemon.config.write_text(text.replace(first.bootstrap, second.bootstrap), encoding="utf-8")
    daemon.start(is_ready=False)
    eventually(lambda: health(daemon) == "other-cluster", "it stands still")
    eventually(lambda: "another cluster" in told(receivers), "operators are told")
    assert daemon.ctl("status")["answers_read"] == 0
    daemon.ctl("cluster", "accept")
    eventually(lambda: read_to(daemon, topic, 30), "the same records are there, so it goes on")
    assert daemon.ctl("status")["answers_read"] == 20 and health(daemon) == "ok"
    assert daemon.stop() == 0
    daemon.start()
    assert health(daemon) == "ok", "it is remembered"
    env.fault("Kafka: the brokers are another cluster", within=60, over="closedloopctl cluster accept",
              noticed="health other-cluster in status and metrics, operators get a message",
              logged="this is another Kafka cluster")


def lag(daemon: Daemon) -> int:
    return daemon.ctl("status")["kafka"]["lag"]


def test_aborted_records_are_never_read_and_control_records_are_no_lag(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    made = answers(60)
    good = kafka.produce(topic, made[:20], "--transaction", "commit")
    kafka.produce(topic, made[20:35], "--transaction", "abort")
    good += kafka.produce(topic, made[35:50], "--transaction", "commit")
    aborted = kafka.produce(topic, made[50:], "--transaction", "abort")
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    eventually(lambda: daemon.ctl("status")["answers_read"] == 35, "the committed ones are read")
    eventually(lambda: read_to(daemon, topic, aborted[-1].offset + 2) and daemon.is_settled() and lag(daemon) == 0,
               "behind the last marker nothing is left")
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    Books(good).add_received(about_cases(receivers), env.secret()).add_store(store).check()
    store.close()
    more = kafka.produce(topic, answers(70)[60:], "--transaction", "commit")
    daemon.start()
    eventually(lambda: read_to(daemon, topic, more[-1].offset + 1) and lag(daemon) == 0, "it goes on behind them")
    assert daemon.ctl("status")["answers_read"] == 10 and health(daemon) == "ok"
    env.fault("Kafka: a producer aborts its transactions", within=60, over="nothing to do", logged="nothing",
              noticed="nothing: aborted records are not read, and what stands at the end of the log is no lag")


def test_holes_of_a_compacted_topic_and_its_tombstones_hold_up_nothing(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka, **{"cleanup.policy": "compact", "segment.ms": 1, "min.cleanable.dirty.ratio": 0.001,
                                "delete.retention.ms": 3600000})
    made = answers(40, customers=4)
    for i in (22, 27):
        made[i]["customer"]["id"] = f"c-once-{i}"
    daemon = env.daemon(env.config(kafka, topic))
    read_and_stop(env, kafka, topic, daemon, kafka.produce(topic, made[:20], "--partition", 0))
    for i in range(20, 40):
        last = kafka.produce(topic, made[i:i + 1])
    tombstone = kafka.produce_raw(topic, [raw_line(None, key=b"c-0")])[0]
    kafka.produce(topic, answers(41)[40:])
    eventually(lambda: 0 < len(kafka.read(topic)) < 15, "the log is compacted", 60)
    left = [r["offset"] for r in kafka.read(topic)]
    assert max(left) > last[-1].offset and left != list(range(left[0], left[-1] + 1)), left
    daemon.start()
    eventually(lambda: read_to(daemon, topic, max(left) + 1) and daemon.is_settled(), "it is read to its end")
    assert daemon.ctl("status")["answers_read"] == len([offset for offset in left if offset >= 20])
    assert [(d["offset"], d["reason"]) for d in daemon.ctl("dead-letters")] == [(tombstone.offset, "tombstone")]
    assert health(daemon) == "ok" and daemon.ctl("status")["kafka"]["gaps"] == 0, "holes are no gap"
    env.fault("Kafka: compaction has taken records away, tombstones are in the log", within=60, over="nothing to do",
              noticed="what is left is read; tombstones are set aside", logged="nothing")


def test_records_of_many_megabytes_are_set_aside_or_read_as_the_limit_says(env: Env):
    kafka = env.kafka()
    topic, small = env.topic(kafka, **{"max.message.bytes": 16000000}), answers(20)
    long = [dict(small[0], response_id=f"long-{mb}", padding="x" * (mb << 20)) for mb in (1, 3, 9)]
    records = kafka.produce(topic, [small[1], *long, *small[2:]])
    daemon = env.daemon(env.config(kafka, topic)).start()
    eventually(lambda: read_to(daemon, topic, len(records)) and daemon.is_settled(), "what is behind them is read")
    assert {d["reason"] for d in daemon.ctl("dead-letters")} == {"too long"} and len(daemon.ctl("dead-letters")) == 3
    assert [d["bytes"] >> 20 for d in daemon.ctl("dead-letters")] == [9, 3, 1]
    assert daemon.stop() == 0
    daemon.store.unlink()
    daemon = env.daemon(env.config(kafka, topic, None, {
        "sources.d/survey.conf": {"source": {"limits": {"bytes": "12 MiB"}}}}))
    daemon.start()
    eventually(lambda: read_to(daemon, topic, len(records)) and daemon.is_settled(), "with a larger limit they are answers")
    assert daemon.ctl("dead-letters") == []
    env.fault("Kafka: a record of 9 MB", within=60, over="a larger source.limits.bytes, then closedloopctl replay",
              noticed="dead-letters lists it as too long, with all its bytes; what is behind it is read",
              logged="a record could not be read and was set aside")


def letters(daemon: Daemon) -> list[dict]:
    return daemon.ctl("dead-letters", "--limit", 10000)


def test_dead_letters_are_replayed_once_after_the_configuration_was_mended(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    made = answers(30)
    records = kafka.produce(topic, made)
    dead = kafka.produce_raw(topic, [raw_line(b"not JSON")])[0]
    wrong = {"sources.d/survey.conf": {"source": {"fields": {"id": "no.such.place"}}}}
    daemon = env.daemon(env.config(kafka, topic, receivers, wrong)).start()
    eventually(lambda: read_to(daemon, topic, 31) and daemon.ctl("status")["dead_letters"] == 31, "none can be read")
    assert daemon.ctl("replay", "--all")["unreadable"] == 31 and not alerted(receivers), "still not"
    mended = daemon.config.parent / "sources.d" / "survey.conf"
    mended.write_text(mended.read_text(encoding="utf-8").replace("no.such.place", "response_id"), encoding="utf-8")
    daemon.ctl("reload")
    first = letters(daemon)[-1]["dead_letter"]
    assert daemon.ctl("replay", first) == {"found": 1, "replayed": 1, "flagged": int(unhappy(made[0])), "unreadable": 0,
                                           "without_source": 0}
    answer = daemon.ctl("replay", "--reason", "no id")
    assert (answer["found"], answer["replayed"]) == (29, 29), answer
    assert answer["flagged"] == sum(unhappy(a) for a in made[1:])
    assert {(d["offset"], d["state"]) for d in letters(daemon)} == {(r.offset, "replayed") for r in records} | {
        (dead.offset, "kept")}
    assert daemon.ctl("replay", "--all") == {"found": 1, "replayed": 0, "flagged": 0, "unreadable": 1,
                                             "without_source": 0}, "each once"
    for wrong_use, code in ((["4711"], 66), ([first], 66), ([], 64), (["1", "--all"], 64)):
        try:
            daemon.ctl("replay", *wrong_use)
            raise AssertionError(f"replay {wrong_use} was accepted")
        except CtlError as error:
            assert error.code == code, error
    daemon.ctl("partition", topic, 0, "--from", "beginning")
    eventually(lambda: read_to(daemon, topic, 31) and daemon.is_settled(), "all is read again from Kafka as well")
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    Books(records).add_received(about_cases(receivers), env.secret()).add_store(store).check()
    store.close()
    env.fault("Kafka: no record can be read because the mapping is wrong", within=60,
              over="mend sources.d, closedloopctl reload, closedloopctl replay --all",
              noticed="dead-letters lists every record with its reason; replayed ones are marked and alert as usual",
              logged="a record could not be read and was set aside")


def junk(count: int, size: int) -> list[str]:
    return [raw_line(b"%d " % i + b"x" * size) for i in range(count)]


def test_dead_letters_in_no_topic_keep_to_their_budget_and_the_oldest_lose_their_bytes(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    kafka.produce_raw(topic, junk(60, 50000))
    good = kafka.produce(topic, answers(20))
    changes = with_operator({"store.dead_letters": "1 MiB"})
    daemon = env.daemon(env.config(kafka, topic, receivers, changes)).start()
    eventually(lambda: read_to(daemon, topic, 80) and daemon.is_settled(), "what is behind them is read")
    eventually(lambda: "dropped from the store" in told(receivers), "operators are told")
    eventually(lambda: daemon.ctl("status")["dead_letters"] == 60, "all are set aside")
    assert 900000 < daemon.ctl("status")["dead_letter_bytes"] <= 1 << 20
    sizes = [d["bytes"] for d in reversed(letters(daemon))]
    assert sizes[:39] == [0] * 39 and all(sizes[41:]), sizes
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    Books(good).add_received(about_cases(receivers), env.secret()).add_store(store).check()
    assert told(receivers).count("dropped from the store") == 1
    env.fault("Kafka: more unreadable records than the store has room for", within=60,
              over="mend the source, or give store.dead_letters more room",
              noticed="operators get a message; the oldest lose their bytes, their rows say where they are in Kafka",
              logged="records that could not be read were dropped from the store")


def test_dead_letters_that_must_not_be_dropped_pause_reading_until_there_is_room(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    produced = kafka.produce_raw(topic, junk(60, 50000))
    changes = with_operator({"store.dead_letters": "1 MiB", "store.dead_letters_full": "pause"})
    daemon = env.daemon(env.config(kafka, topic, receivers, changes)).start()
    eventually(lambda: daemon.ctl("status")["paused_by_dead_letters"], "reading has paused")
    eventually(lambda: "reading has paused" in told(receivers), "operators are told")
    good = kafka.produce(topic, answers(20))
    assert all(d["bytes"] for d in letters(daemon)), "nothing was dropped"
    daemon.config.write_text(daemon.config.read_text(encoding="utf-8").replace("1 MiB", "16 MiB"), encoding="utf-8")
    daemon.ctl("reload")
    eventually(lambda: read_to(daemon, topic, 80) and daemon.is_settled(), "with more room it goes on")
    assert len([d for d in letters(daemon) if d["bytes"]]) == len(produced)
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    Books(good).add_received(about_cases(receivers), env.secret()).add_store(store).check()
    env.fault("Kafka: no room for unreadable records, and store.dead_letters_full is pause", within=60, over=60,
              noticed="reading pauses, status says so, operators get a message",
              logged="there is no room for records that cannot be read, reading pauses")


def test_a_record_that_has_killed_the_process_twice_is_set_aside_unparsed(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    library = env.folder / "poison.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "poison.c", "-ldl"], check=True)
    made = answers(40)
    poison = dict(made[0], response_id="r-poison", comment="POISON")
    produced = kafka.produce(topic, made[:20])
    killer = kafka.produce(topic, [poison])[0]
    produced += kafka.produce(topic, made[20:])
    daemon = env.daemon(env.config(kafka, topic, receivers))
    daemon.environment = {"LD_PRELOAD": str(library)}
    for _ in range(2):
        daemon.start(is_ready=False)
        assert daemon.process is not None and daemon.process.wait(30) == -signal.SIGABRT
    daemon.start()
    eventually(lambda: read_to(daemon, topic, 41) and daemon.is_settled(), "what is behind it is read")
    assert [(d["offset"], d["reason"]) for d in letters(daemon)] == [(killer.offset, "poison")]
    assert daemon.ctl("replay", "--all")["found"] == 0, "by the way it is not tried again"
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    Books(produced).add_received(about_cases(receivers), env.secret()).add_store(store).check()
    value = store.execute("SELECT value FROM v_dead_letter").fetchone()[0]
    assert b"POISON" in value, "with its bytes"
    store.close()
    daemon.environment = {}
    daemon.start()
    replayed = daemon.ctl("replay", letters(daemon)[0]["dead_letter"])
    assert replayed["replayed"] == 1, "after the fault was mended it can be read"
    env.fault("Kafka: a record kills the process", within=60, over="nothing to do",
              noticed="after two deaths the record is a dead letter with the reason poison; what is behind it is read",
              logged="the process died while it judged a record")


def test_a_process_that_is_killed_sets_no_innocent_record_aside(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    produced = kafka.produce(topic, answers(600))
    daemon = env.daemon(env.config(kafka, topic, receivers))
    for _ in range(5):
        daemon.start(is_ready=False)
        eventually(lambda: daemon.socket and os.path.exists(daemon.socket), "it is there")
        daemon.kill()
    daemon.start()
    eventually(lambda: read_to(daemon, topic, 600) and daemon.is_settled(), "all is read")
    assert letters(daemon) == []
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    Books(produced).add_received(about_cases(receivers), env.secret()).add_store(store).check()


def test_dead_letters_wait_for_the_permission_to_write_to_their_topic(env: Env):
    kafka, receivers = env.kafka(True, "--secure"), env.receivers()
    secure, topic, dead_topic = kafka.secure(), env.topic(kafka), env.topic(kafka, suffix="dead")
    for name in (topic, dead_topic):
        kafka.allow(name, secure["user"])
    kafka.produce_raw(topic, junk(5, 100))
    good = kafka.produce(topic, answers(20))
    changes = test_kafka_health.login(env, secure)
    changes["closedloopd.conf"]["kafka.dead_letters"] = dead_topic
    daemon = env.daemon(env.config(kafka, topic, receivers, changes)).start()
    eventually(lambda: read_to(daemon, topic, 25) and daemon.is_settled(), "what is behind them is read")
    eventually(lambda: "not allowed to write" in daemon.log.read_text(encoding="utf-8"), "the journal says why")
    assert {d["state"] for d in letters(daemon)} == {"pending"}
    kafka.tool("permit", kafka.folder, dead_topic, secure["user"])
    eventually(lambda: {d["state"] for d in letters(daemon)} == {"published"}, "they go out by themselves", 150)
    assert len(kafka.read(dead_topic)) == 5, "each once"
    assert daemon.stop() == 0
    store = daemon.store_copy(env.folder / "copy.db")
    Books(good).add_received(receivers.records(), env.secret()).add_store(store).check()
    env.fault("Kafka: the dead-letter topic may not be written to", within=60, over=150, logged="not allowed to write",
              noticed="dead letters stay pending in the store and are published when that is allowed")
