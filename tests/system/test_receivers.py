"""The instruments work: what the system tests measure with is measured here first."""

import base64
import http.client
import json
import smtplib
import socket
import ssl
from functools import partial
from typing import Any, Callable, Optional

from harness import Env, answers, eventually, raw_line, unhappy
from receivers import Receivers, is_listening


def post(receivers: Receivers, path: str, body: bytes = b"{}",
         connection: Optional[http.client.HTTPConnection] = None) -> http.client.HTTPResponse:
    connection = connection or http.client.HTTPConnection("127.0.0.1", receivers.ports["http"], timeout=30)
    connection.request("POST", path, body, {"content-type": "application/json", "webhook-id": "d-1"})
    answer = connection.getresponse()
    answer.read()
    return answer


def refused(act: Callable[[], Any], *kinds: type[BaseException]) -> Any:
    """The error that act has to end in."""
    try:
        act()
    except kinds as error:
        return error
    raise AssertionError("it should have failed")


# --- HTTP

def test_http_is_recorded_word_for_word(env: Env) -> None:
    receivers = env.receivers()
    bodies = ["{}", "", "Zuñiga said: \"no\"\r\n\u2028\U0001f600", "x" * 300_000]
    connection = http.client.HTTPConnection("127.0.0.1", receivers.ports["http"])
    for body in bodies:
        assert post(receivers, "/hook/ana?x=1", body.encode(), connection).status == 200
    got = list(receivers.records("http", "/hook/*"))
    assert [record["body"] for record in got] == bodies
    assert {record["connection"] for record in got} == {got[0]["connection"]}, "keep-alive keeps the connection"
    assert got[0]["headers"]["webhook-id"] == "d-1" and got[0]["query"] == "x=1" and got[0]["answer"] == 200
    assert [record["at_us"] for record in got] == sorted(record["at_us"] for record in got)


def test_http_bytes_that_are_no_text_are_recorded(env: Env) -> None:
    receivers = env.receivers()
    post(receivers, "/", b"\xff\x00\xfe")
    assert base64.b64decode(next(receivers.records())["body_base64"]) == b"\xff\x00\xfe"


def test_http_body_in_chunks_is_put_together(env: Env) -> None:
    receivers = env.receivers()
    connection = http.client.HTTPConnection("127.0.0.1", receivers.ports["http"], timeout=30)
    connection.request("PUT", "/c", iter([b"abc" * 20_000, b"d", b"abc" * 30_000]), encode_chunked=True,
                       headers={"transfer-encoding": "chunked", "expect": "100-continue"})
    assert connection.getresponse().status == 200
    assert next(receivers.records(path="/c"))["body"] == "abc" * 20_000 + "d" + "abc" * 30_000


def test_http_first_fails_then_takes(env: Env) -> None:
    receivers = env.receivers()
    receivers.http("/hook", {"status": 503, "times": 2, "retry_after": 7}, {"status": 429, "times": 1}, {"status": 204})
    got = [post(receivers, "/hook") for _ in range(5)]
    assert [answer.status for answer in got] == [503, 503, 429, 204, 204]
    assert got[0].headers["retry-after"] == "7" and got[2].headers["retry-after"] is None
    assert [record["answer"] for record in receivers.records()] == [503, 503, 429, 204, 204]
    assert post(receivers, "/other").status == 200


def test_http_longest_path_wins_and_clear_forgets(env: Env) -> None:
    receivers = env.receivers()
    receivers.http("/*", {"status": 500})
    receivers.http("/hook/*", {"status": 410})
    receivers.http("/hook/ana", {"status": 201})
    assert [post(receivers, path).status for path in ("/hook/ana", "/hook/ben", "/x/y")] == [201, 410, 500]
    receivers.clear()
    assert post(receivers, "/x/y").status == 200


def test_http_drops_before_after_and_in_the_middle(env: Env) -> None:
    receivers = env.receivers()
    gone = (http.client.HTTPException, ConnectionError)
    for when in ("before", "after", "middle"):
        receivers.http(f"/{when}", {"drop": when, "body_bytes": 1000})
        refused(partial(post, receivers, f"/{when}"), *gone)
    before, after, middle = receivers.records()
    assert before["body"] is None and after["body"] == "{}" and middle["body"] == "{}"
    assert all(record["did"] == "dropped" and record["answer"] is None for record in (before, after, middle))


def test_http_speaks_garbage_large_bodies_and_delays(env: Env) -> None:
    receivers = env.receivers()
    receivers.http("/garbage", {"garbage": True})
    receivers.http("/huge", {"body_bytes": 20_000_000})
    receivers.http("/late", {"delay": 0.1, "status": 202})
    refused(lambda: post(receivers, "/garbage"), http.client.BadStatusLine)
    assert post(receivers, "/huge").headers["content-length"] == "20000000"
    assert post(receivers, "/late").status == 202


def test_http_hangs_until_the_client_gives_up(env: Env) -> None:
    receivers = env.receivers()
    receivers.http("/hang", {"hang": True})
    impatient = http.client.HTTPConnection("127.0.0.1", receivers.ports["http"], timeout=0.2)
    refused(lambda: post(receivers, "/hang", connection=impatient), TimeoutError)
    assert next(receivers.records())["did"] == "hung"


def test_http_refuses_connections_when_told(env: Env) -> None:
    receivers = env.receivers()
    kept = http.client.HTTPConnection("127.0.0.1", receivers.ports["http"], timeout=30)
    post(receivers, "/a", connection=kept)
    receivers.listen(http=False)
    refused(lambda: post(receivers, "/b"), ConnectionRefusedError)
    assert kept.sock.recv(1) == b"", "the connection there was has ended"
    receivers.listen(http=True)
    assert post(receivers, "/c").status == 200
    assert [record["path"] for record in receivers.records()] == ["/a", "/c"]


def test_https_has_a_certificate_for_localhost(env: Env) -> None:
    receivers = env.receivers(https=0)
    trusted = ssl.create_default_context(cafile=receivers.ports["certificate"])
    connection = http.client.HTTPSConnection("localhost", receivers.ports["https"], context=trusted)
    connection.request("POST", "/secure", b"x")
    assert connection.getresponse().status == 200
    assert next(receivers.records())["listener"] == "https"
    stranger = http.client.HTTPSConnection("localhost", receivers.ports["https"])
    refused(lambda: stranger.request("GET", "/"), ssl.SSLError)


def test_a_script_with_a_typing_error_is_refused(env: Env) -> None:
    receivers = env.receivers()
    assert "statsu" in str(refused(lambda: receivers.http("/", {"statsu": 500}), ValueError))
    assert "EHLLO" in str(refused(lambda: receivers.smtp("EHLLO", {"reply": "500 no"}), ValueError))


# --- mail

MAIL = "From: loop@example.com\r\nTo: ana@example.com\r\nSubject: =?utf-8?q?Ol=C3=A1?=\r\n\r\n.dot\r\nend\r\n"


def mail_client(receivers: Receivers) -> smtplib.SMTP:
    return smtplib.SMTP("localhost", receivers.ports["smtp"], timeout=30)


def tls_client(receivers: Receivers) -> smtplib.SMTP:
    client = mail_client(receivers)
    client.starttls(context=ssl.create_default_context(cafile=receivers.ports["certificate"]))
    return client


def test_mail_is_recorded_with_its_envelope(env: Env) -> None:
    receivers = env.receivers(smtp=0)
    with mail_client(receivers) as client:
        client.sendmail("bounce+1@example.com", ["ana@example.com", "ben@example.com"], MAIL)
    (record, message), = receivers.mails()
    assert record["from"] == "bounce+1@example.com" and record["to"] == ["ana@example.com", "ben@example.com"]
    assert base64.b64decode(record["raw_base64"]).decode() == MAIL
    assert message["subject"] == "Olá" and not record["tls"] and record["answer"] == "250 OK"


def test_mail_needs_tls_and_a_password_when_told(env: Env) -> None:
    receivers = env.receivers(smtp=0, smtp_tls="required", smtp_user="loop", smtp_password="secret word")
    with mail_client(receivers) as client:
        refused(lambda: client.sendmail("a@example.com", ["b@example.com"], MAIL), smtplib.SMTPException)
    with tls_client(receivers) as client:
        refused(lambda: client.sendmail("a@example.com", ["b@example.com"], MAIL), smtplib.SMTPException)
        wrong = refused(lambda: client.login("loop", "wrong"), smtplib.SMTPAuthenticationError)
        assert wrong.smtp_code == 535
    with tls_client(receivers) as client:
        client.login("loop", "secret word")
        client.sendmail("a@example.com", ["b@example.com"], MAIL)
    (record, _), = receivers.mails()
    assert record["tls"] and record["user"] == "loop"


def test_mail_replies_are_scripted_by_command(env: Env) -> None:
    receivers = env.receivers(smtp=0)
    receivers.smtp("RCPT", {"match": "ben@", "reply": "550 5.1.1 no such user"})
    receivers.smtp("END", {"reply": "451 4.7.1 greylisted", "times": 1})
    with mail_client(receivers) as client:
        error = refused(lambda: client.sendmail("a@example.com", ["ana@example.com"], MAIL), smtplib.SMTPDataError)
        assert error.smtp_code == 451
        assert client.sendmail("a@example.com", ["ana@example.com", "ben@example.com"], MAIL) == {
            "ben@example.com": (550, b"5.1.1 no such user")}
    assert [record["answer"] for record in receivers.records("mail")] == ["451 4.7.1 greylisted", "250 OK"]
    assert [record["command"] for record in receivers.records("smtp")] == ["RCPT"]


def test_mail_server_is_busy_or_gone(env: Env) -> None:
    receivers = env.receivers(smtp=0)
    receivers.smtp("CONNECT", {"reply": "421 4.3.2 too busy", "close": True, "times": 1},
                   {"drop": "before", "times": 1})
    assert refused(lambda: mail_client(receivers), smtplib.SMTPConnectError).smtp_code == 421
    refused(lambda: mail_client(receivers), smtplib.SMTPServerDisconnected, ConnectionError)
    receivers.smtp("END", {"drop": "after", "times": 1})
    client = mail_client(receivers)
    refused(lambda: client.sendmail("a@example.com", ["b@example.com"], MAIL),
            smtplib.SMTPServerDisconnected, ConnectionError)
    assert [record["answer"] for record in receivers.records("mail")] == [None]
    receivers.listen(smtp=False)
    refused(lambda: mail_client(receivers), ConnectionRefusedError)
    receivers.listen(smtp=True)
    with mail_client(receivers) as client:
        client.sendmail("a@example.com", ["b@example.com"], MAIL)


def test_mail_commands_may_be_late_or_close_the_session(env: Env) -> None:
    receivers = env.receivers(smtp=0)
    receivers.smtp("MAIL", {"delay": 0.05, "times": 1}, {"reply": "421 4.4.2 bye", "close": True})
    with mail_client(receivers) as client:
        client.sendmail("a@example.com", ["b@example.com"], MAIL)
    client = mail_client(receivers)
    refused(lambda: client.sendmail("a@example.com", ["b@example.com"], MAIL), smtplib.SMTPException)
    assert client.sock is None


def test_receivers_end_with_whoever_started_them(env: Env) -> None:
    receivers = env.receivers(http=0, smtp=0)
    receivers.process.stdin.close()
    assert receivers.process.wait(30) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", receivers.ports["http"])) != 0


# --- Kafka

def test_kafka_keeps_what_was_produced(env: Env) -> None:
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=3)
    made = answers()
    produced = kafka.produce(topic, made)
    got = {(record["partition"], record["offset"]): record for record in kafka.read(topic)}
    assert len(got) == len(made) == 300
    for record in produced:
        there = got[record.partition, record.offset]
        assert json.loads(there["payload"]) == record.answer
        assert there["key"] == record.answer["customer"]["id"]
    assert len({record.partition for record in produced}) == 3
    assert 0 < sum(map(unhappy, made)) < 150


def test_kafka_takes_hostile_records(env: Env) -> None:
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=2)
    big = b"\0" * 900_000
    kafka.produce_raw(topic, [
        raw_line(None, key=b"gone", partition=1),
        raw_line(b"", partition=1),
        raw_line(b"\xff\xfe{", key=b"", partition=1, at_ms=1_700_000_000_000,
                 headers=[("traceparent", b"00-ab"), ("traceparent", None), ("empty", b"")]),
        raw_line(big, partition=1)])
    tombstone, empty, binary, large = kafka.read(topic)
    assert tombstone["payload"] is None and tombstone["key"] == "gone"
    assert empty["payload"] == "" and empty["key"] is None
    assert binary["key"] == "" and binary["ts"] == 1_700_000_000_000
    assert binary["headers"] == ["traceparent", "00-ab", "traceparent", None, "empty", ""]
    assert large["payload"] == big.decode()


def test_kafka_stops_dies_and_comes_back_with_everything(env: Env) -> None:
    kafka = env.kafka(own=True)
    address = kafka.bootstrap
    topic = env.topic(kafka)
    kafka.produce(topic, answers(10))
    kafka.stop()
    assert not is_listening(int(address.split(":")[1]))
    kafka.start()
    assert kafka.bootstrap == address
    kafka.produce(topic, answers(5))
    kafka.kill()
    kafka.start()
    assert kafka.bootstrap == address and len(kafka.read(topic)) == 15


def test_kafka_topics_grow_shrink_and_go(env: Env) -> None:
    kafka = env.kafka()
    topic = env.topic(kafka, partitions=1, retention_ms=86_400_000)
    kafka.produce(topic, answers(10))
    kafka.truncate(topic, 0, 4)
    kafka.partitions(topic, 3)
    assert [record["offset"] for record in kafka.read(topic)] == list(range(4, 10))
    refused(lambda: env.topic(kafka), RuntimeError)
    kafka.delete_topic(topic)
    env.topic(kafka)
    eventually(lambda: kafka.read(topic) == [], "the topic is new and empty")


def test_the_producer_says_when_kafka_says_no(env: Env) -> None:
    kafka = env.kafka()
    topic = env.topic(kafka, max_message_bytes=1000)
    refused(lambda: kafka.produce_raw(topic, [raw_line(b"x" * 5000)]), RuntimeError)
    refused(lambda: kafka.produce_lines(topic, ["not base64!", "-"], "--raw"), RuntimeError)
