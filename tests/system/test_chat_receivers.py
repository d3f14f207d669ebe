"""Teams, Slack, Mattermost, Google Chat, Discord, Telegram, ntfy and PagerDuty: each is sent what the real one takes, and
understood as the real one speaks."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from chats import CHATS, Chat, channel, checked, types_hold
from harness import PEOPLE, CtlError, Daemon, Env, answers, eventually, person
from receivers import Receivers

POLICY = "policies.d/one-day.conf"


def begin(env: Env, receivers: Receivers, **more: object) -> tuple[Daemon, str]:
    """A person for each chat, with that chat alone, all told at once; the webhooks of the others beside them."""
    for chat in CHATS:
        receivers.http(chat.path, chat.yes)
    people = PEOPLE + [person(chat.type, f"Reader of {chat.type}", channels=chat.type) for chat in CHATS]
    # A pager belongs to a rota, not to a person: as a channel it also hears how the case ended.
    told = ["owner", *(f"{'channel' if chat.type == 'pagerduty' else 'person'}:{chat.type}" for chat in CHATS)]
    kafka = env.kafka()
    topic = env.topic(kafka)
    settings = env.config(kafka, topic, receivers, {
        "people.csv": people,
        "channels.d/chats.conf": {"channels": tuple(channel(env, receivers, chat, **more) for chat in CHATS)},
        POLICY: {"policy": {"least_notice": "0 minutes", "ladder": (
            {"after": "0 minutes", "tell": told, "message": "alert", "at": "any time"},
            {"after": "window", "tell": ["manager"], "message": "window-missed", "at": "any time", "repeat": "1 day"})}}})
    return env.daemon(settings).start(), topic


def of(receivers: Receivers, chat: Chat) -> list[dict]:
    return [record for record in receivers.records("http") if record["path"] == chat.path]


def alert(env: Env, topic: str, identity: str = "r-1") -> dict:
    made = answers(1)[0]
    made |= {"response_id": identity}
    made["answers"] = {"nps": 1, "reason": "Three weeks for a part"}
    made["account"]["territory"] = "UKI"
    env.kafka().produce(topic, [made])
    return made


def no_secret(daemon: Daemon) -> None:
    log = daemon.log.read_text(encoding="utf-8", errors="replace")
    assert "hunter2" not in log and "hunter2" not in daemon.get("/metrics")[1]


def test_notify_test_reaches_each_chat_and_says_what_it_answered(env: Env) -> None:
    receivers = env.receivers()
    daemon, _ = begin(env, receivers)
    for chat in CHATS:
        said = daemon.ctl("notify", "test", chat.type, chat.type)
        assert "hunter2" not in json.dumps({key: value for key, value in said.items() if key != "sent"}), said
        record, = of(receivers, chat)
        assert record["headers"]["content-type"] == "application/json"
    for said in checked({"type": chat.type, "body": of(receivers, chat)[0]["body"]} for chat in CHATS):
        assert "[TEST] closedloopd can reach Reader" in said["texts"][0], said
    no_secret(daemon)
    assert daemon.stop() == 0


def test_an_alert_to_each_chat_passes_its_vendors_parser(env: Env) -> None:
    receivers = env.receivers()
    daemon, topic = begin(env, receivers)
    made = alert(env, topic)
    eventually(lambda: all(of(receivers, chat) for chat in CHATS), "each chat was told")
    daemon.ctl("contact", 1, "--by", "ana", "--result", "spoke")
    pager = next(chat for chat in CHATS if chat.type == "pagerduty")
    eventually(lambda: len(of(receivers, pager)) == 2, "the pager hears that the customer was reached")
    opened, ended = (json.loads(record["body"]) for record in of(receivers, pager))
    assert (opened["event_action"], ended["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == ended["dedup_key"] and opened["routing_key"] == "hunter2"

    bodies = [(chat, record["body"]) for chat in CHATS for record in of(receivers, chat)]
    for (chat, _), said in zip(bodies, checked({"type": chat.type, "body": body} for chat, body in bodies)):
        assert made["customer"]["name"] in " ".join(said["texts"]) and "#1" in " ".join(said["texts"]), (chat.type, said)
    types_hold(env, *([body for chat, body in bodies if chat.type == kind] for kind in ("slack", "discord")))

    by_type = {chat.type: of(receivers, chat)[0] for chat in CHATS}
    google = parse_qs(by_type["google-chat"]["query"])
    assert google["key"] == ["hunter2"] and google["messageReplyOption"] == ["REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"]
    assert len(google["requestId"][0]) == 36
    assert by_type["discord"]["query"] == "wait=true"
    assert by_type["ntfy"]["headers"]["authorization"] == "Bearer hunter2"
    no_secret(daemon)
    assert daemon.stop() == 0


def test_each_chat_says_later_in_its_own_way_and_is_told_again(env: Env) -> None:
    receivers = env.receivers()
    daemon, topic = begin(env, receivers)
    for chat in CHATS:
        receivers.http(chat.path, chat.later | {"times": 1}, chat.yes)
    alert(env, topic)
    eventually(lambda: all(len(of(receivers, chat)) == 2 for chat in CHATS), "each chat was told again")
    for chat in CHATS:
        first, second = of(receivers, chat)
        assert first["answer"] == chat.later["status"] and second["query"] == first["query"], chat.type
        if chat.type in ("slack", "telegram"):
            assert second["at_us"] - first["at_us"] >= 900_000, f"{chat.type} asked for a second"
    no_secret(daemon)
    assert daemon.stop() == 0
    env.fault("Deliveries: a chat says later, in its own way (Telegram and Discord in the answer's JSON)", over=60, within=60,
              noticed="the message comes when the chat takes it", logged="asks to wait for")


def test_a_yes_that_is_not_the_chats_own_is_none(env: Env) -> None:
    """A login page of a proxy answers 200 to everything."""
    receivers = env.receivers()
    daemon, _ = begin(env, receivers)
    for chat in CHATS:
        if chat.type == "teams":                # a workflow answers 202 with nothing: no words to look for
            continue
        receivers.http(chat.path, {"status": 200, "body": "<!DOCTYPE html><title>Log in</title>"})
        try:
            daemon.ctl("notify", "test", chat.type, chat.type)
            raise AssertionError(f"{chat.type}: a login page was taken for a yes")
        except CtlError as error:
            assert "the answer is not" in str(error), error
    assert daemon.stop() == 0
    env.fault("Deliveries: a proxy's login page answers 200 in place of the chat", within=60, logged="nothing",
              over="open the way to the chat",
              noticed="closedloopctl notify test says that the answer is not the chat's, and fails")


def test_a_chat_that_is_gone_is_left_alone_and_an_operator_told_why(env: Env) -> None:
    receivers = env.receivers()
    daemon, topic = begin(env, receivers)
    for chat in CHATS:
        receivers.http(chat.path, chat.gone)
    alert(env, topic)
    eventually(lambda: all(of(receivers, chat) for chat in CHATS), "each chat was tried")
    eventually(daemon.is_settled, "nothing is left to send")
    failed = json.dumps(daemon.ctl("deliveries", "--failed"))
    for chat in CHATS:
        assert len(of(receivers, chat)) == 1, f"{chat.type} was tried again"
        assert chat.gone_words in failed, (chat.gone_words, failed)
    again = alert(env, topic, "r-2")
    assert again["response_id"] == "r-2"
    eventually(lambda: daemon.metric("closedloop_responses_total", 'outcome="flagged"') == 2, "the second was read")
    eventually(daemon.is_settled, "nothing is left to send")
    assert all(len(of(receivers, chat)) == 1 for chat in CHATS), "a chat that is gone was told again"
    no_secret(daemon)
    assert daemon.stop() == 0
    env.fault("Deliveries: a chat is archived, its bot blocked or its key no longer known", within=60,
              over="closedloopctl notify test or a reload", logged="bot was blocked by the user",
              noticed="nothing more is sent there to that person; closedloopctl deliveries --failed says what the chat said")
