"""Time, and who waits for whom: clocks that step, threads that hang, days of outage, and what a slow receiver holds up."""

import json

from harness import PEOPLE, Env, answers, eventually


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
