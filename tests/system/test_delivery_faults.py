"""What goes wrong between the daemon and its receivers: slow and broken ones, odd answers, certificates, addresses,
people without a way to be reached. Each test causes its fault in a real receiver, or in a socket that plays one."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

from harness import PEOPLE, CtlError, Env, answers, eventually
from test_daemon import hooks, later

NORTH, UK = "EMEA-North", "UKI"         # Ben's, and Ana's


def unhappy(count, territory, suffix):
    made = later(answers(count, customers=count), suffix)
    for answer in made:
        answer["answers"] = {"nps": 1}
        answer["account"]["territory"] = territory
    return made


def people(**channels):
    return [dict(p) | ({"channels": channels[p["id"]]} if p["id"] in channels else {}) for p in PEOPLE]


class Crew:
    """A daemon, its receivers, and answers of unhappy people for Ana or Ben."""

    def __init__(self, env, files=None, receivers=None, environment=None, **hook):
        self.env = env
        self.kafka = env.kafka()
        self.topic = env.topic(self.kafka)
        self.receivers = receivers or env.receivers()
        changes = {"closedloopd.conf": {"operators": ["ines"]}, "channels.d/hooks.conf": None,
                   "channels.d/hooks2.conf": hooks(env, self.receivers, **hook)}
        self.daemon = env.daemon(env.config(self.kafka, self.topic, self.receivers, changes | (files or {})))
        self.daemon.environment = environment or {}
        self.daemon.start()
        self.rounds = 0

    def tell(self, territory=UK, count=1):
        self.rounds += 1
        self.kafka.produce(self.topic, unhappy(count, territory, f"round{self.rounds}"))

    def accepted(self, who):
        return {r["headers"]["webhook-id"] for r in self.receivers.records("http", f"/hook/{who}") if r["answer"] == 200}

    def notices(self):
        """What the operator was told."""
        return [json.loads(r["body"])["data"].get("note") or r["body"] for r in self.receivers.records("http", "/hook/ines")
                if r["answer"] == 200 and json.loads(r["body"])["type"] == "operator"]

    def deliveries(self, channel):
        return [d for d in self.daemon.ctl("deliveries", "--limit", 10000) if d["channel"] == channel]

    def detail(self, channel):
        """What is said of the last try."""
        return eventually(lambda: next((d["detail"] for d in self.deliveries(channel) if d["detail"]), ""),
                          f"a try over {channel}")

    def health(self, channel):
        return next((c for c in self.daemon.ctl("status")["channels"] if c["channel"] == channel), {})

    def stop(self):
        assert self.daemon.stop() == 0, self.daemon.log_tail()


class Raw:
    """A socket that plays a receiver: what it does with a connection is a function of it and what was asked for."""

    def __init__(self, env, perform, tls=None, family=socket.AF_INET):
        self.perform, self.tls = perform, tls
        self.connections, self.open, self.open_most = 0, 0, 0
        self.lock = threading.Lock()
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        env.cleanup.callback(self.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)    # wakes who waits in accept(), which would keep the port
        self.listener.close()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with self.lock:
            self.connections += 1
            self.open += 1
            self.open_most = max(self.open_most, self.open)
        try:
            if self.tls:
                peer = self.tls.wrap_socket(peer, server_side=True)
            self.perform(peer)
        except OSError:
            pass
        finally:
            peer.close()
            with self.lock:
                self.open -= 1


def request_read(peer):
    """One request, head and body; returns its path."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = peer.recv(65536)
        if not piece:
            raise ConnectionResetError
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += peer.recv(65536)
    return head.split(b" ")[1].decode()


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


# --- slow and broken receivers

def test_a_receiver_that_is_only_slow_has_its_share_and_holds_back_nobody(env: Env):
    crew = Crew(env, timeout="20 seconds")
    crew.receivers.http("/hook/ana", {"status": 200, "delay": 2})
    crew.tell(UK, 6000)     # at eight in two seconds: half an hour
    crew.receivers.await_records(8, path="/hook/ana")
    eventually(lambda: crew.daemon.ctl("status")["cases"]["open"] >= 6000, "all are read")
    slowest = 0.0
    for _ in range(5):
        began = time.monotonic()
        known = len(crew.accepted("ben"))
        crew.tell(NORTH)
        eventually(lambda: len(crew.accepted("ben")) > known, "Ben hears", 20)
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 15, slowest
    waiting = lambda: {c["channel"]: c["waiting"] for c in crew.daemon.ctl("status")["outbox"]["channels"]}["hook-ana"]
    eventually(lambda: waiting() <= 100, "the rest waits in the store, not in memory", 30)
    crew.receivers.http("/hook/ana", {"status": 200})
    eventually(lambda: len(crew.accepted("ana")) == 6000, "when it is fast again all is sent", 120)
    assert len(list(crew.receivers.records("http", "/hook/ana"))) == 6000, "nothing twice"
    crew.stop()
    env.fault("Deliveries: a receiver answers, but takes two seconds for each message, and thousands wait", within=20, over=120,
              noticed="its messages are late, those of other channels are not; closedloopctl status says how many are to be sent",
              logged="nothing")


def test_a_receiver_that_is_down_is_tried_by_one_send_at_a_time_and_told_of_once_and_once_when_it_is_back(env: Env):
    crew = Crew(env, patience="3 seconds")
    crew.receivers.http("/hook/ana", {"status": 503})
    crew.tell(UK, 300)
    eventually(lambda: len(crew.notices()) == 1, "the operator is told", 30)
    assert "hook-ana" in crew.notices()[0]
    assert not crew.health("hook-ana")["works"]
    assert crew.daemon.metric("closedloop_channel_up", 'channel="hook-ana"') == 0
    tries = len(list(crew.receivers.records("http", "/hook/ana")))
    assert 8 <= tries <= 24, f"{tries} tries of 300 messages"
    counts = {c["channel"]: c["waiting"] + c["out"] for c in crew.daemon.ctl("status")["outbox"]["channels"]}
    assert counts["hook-ana"] <= 1, counts
    crew.receivers.http("/hook/ana", {"status": 200})
    eventually(lambda: len(crew.accepted("ana")) == 300, "all is sent", 90)
    eventually(lambda: len(crew.notices()) == 2, "the operator is told that it is over", 30)
    assert "works again" in crew.notices()[1]
    assert crew.daemon.metric("closedloop_channel_up", 'channel="hook-ana"') == 1
    crew.stop()
    log = crew.daemon.log.read_text(encoding="utf-8")
    assert log.count("a message could not be delivered") < 10, "one failure is logged once"
    env.fault("Deliveries: a receiver answers 503 to everything for a while", within=30, over=90,
              noticed="the operators are told once, and once when it is over; closedloopctl status and the metric channel_up say "
              "so; messages are tried one at a time meanwhile", logged="a channel works again")


def test_what_a_person_cannot_get_over_one_channel_comes_over_the_next_when_patience_ends(env: Env):
    crew = Crew(env, {"people.csv": people(ana="hook-ana hook-joe")}, patience="3 seconds")
    crew.receivers.http("/hook/ana", {"hang": True})
    crew.tell(UK)
    began = time.monotonic()
    crew.receivers.await_records(1, path="/hook/joe", seconds_max=40)
    assert time.monotonic() - began > 2, "not before patience ends"
    states = eventually(lambda: {d["channel"]: d["state"] for d in crew.daemon.ctl("case", 1)["deliveries"]
                                 if d["recipient"] == "ana"}, "its deliveries")
    assert set(states) == {"hook-ana", "hook-joe"}, states
    crew.stop()
    env.fault("Deliveries: the first channel of a person hangs", within=40, over="nothing to do",
              noticed="the message comes over the person's next channel when the channel's patience ends; the operators are told",
              logged="a message could not be delivered")


# --- how long to wait

def test_the_receivers_wish_to_wait_is_followed_in_seconds_and_as_a_date(env: Env):
    crew = Crew(env)
    at = datetime.now(timezone.utc) + timedelta(seconds=12)
    crew.receivers.http("/hook/ana", {"status": 429, "retry_after": 8, "times": 1}, {"status": 200})
    crew.receivers.http("/hook/ben", {"status": 503, "retry_after": format_datetime(at, usegmt=True), "times": 1},
                        {"status": 200})
    crew.tell(UK)
    crew.tell(NORTH)
    for who in ("ana", "ben"):
        eventually(lambda: crew.accepted(who), f"{who} is told", 60)
    first, second = [r["at_us"] for r in crew.receivers.records("http", "/hook/ana")]
    assert 7.9e6 < second - first < 30e6, second - first
    first, second = list(crew.receivers.records("http", "/hook/ben"))
    assert second["at_us"] >= (int(at.timestamp()) - 1) * 1000000, "before the date"
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    crew.stop()
    env.fault("Deliveries: a receiver asks to wait (Retry-After as seconds or as a date)", within=60, over=60,
              noticed="the message arrives when the receiver wanted it, with the same webhook-id",
              logged="asks to wait")


def test_a_target_that_is_gone_is_not_used_again_until_a_reload(env: Env):
    crew = Crew(env, {"people.csv": people(ana="hook-ana hook-joe")})
    crew.receivers.http("/hook/ana", {"status": 410})
    crew.tell(UK)
    crew.receivers.await_records(1, path="/hook/joe")
    crew.tell(UK)
    crew.receivers.await_records(2, path="/hook/joe")
    assert len(list(crew.receivers.records("http", "/hook/ana"))) == 1, "it is gone"
    eventually(lambda: len(crew.notices()) == 1, "the operator is told")
    crew.receivers.http("/hook/ana", {"status": 200})
    crew.daemon.ctl("reload")
    crew.tell(UK)
    eventually(lambda: len(crew.accepted("ana")) == 1, "it is used again")
    assert len(crew.notices()) == 1
    crew.stop()
    env.fault("Deliveries: a webhook was deleted (410)", within=60, over="make a new one, then reload",
              noticed="the person's next channel is used at once and from then on, the operators are told", logged="a receiver is gone")


# --- answers that are none

def answer_slowly(peer):
    request_read(peer)
    for byte in OK * 100:
        peer.sendall(bytes([byte]))
        time.sleep(1)


def answer_slowly_in_the_body(peer):
    request_read(peer)
    peer.sendall(b"HTTP/1.1 503 no\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        peer.sendall(b"x")
        time.sleep(1)


def answer_garbage(peer):
    request_read(peer)
    peer.sendall(b"\x16\x03\x01" + b"\xff\x00garbage" * 100 + b"\r\n\r\n")


def answer_with_headers_without_end(peer):
    request_read(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        peer.sendall(b"x-flood: " + b"x" * 1000 + b"\r\n")


def answer_with_one_header_without_end(peer):
    request_read(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        peer.sendall(b"x" * 65536)


def answer_with_a_body_without_end(peer):
    request_read(peer)
    peer.sendall(b"HTTP/1.1 500 no\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        peer.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def answer_with_interim_answers_without_end(peer):
    request_read(peer)
    while True:
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def answer_with_a_redirect_to_itself(peer):
    request_read(peer)
    peer.sendall(b"HTTP/1.1 307 there\r\nlocation: /hook/ana\r\ncontent-length: 0\r\n\r\n")
    request_read(peer)


ODD = {"byte": (answer_slowly, "no answer within 3 s"),
       "body-byte": (answer_slowly_in_the_body, "HTTP 503"),
       "garbage": (answer_garbage, "the answer is not HTTP"),
       "headers": (answer_with_headers_without_end, "the answer is not HTTP"),
       "header": (answer_with_one_header_without_end, ""),
       "body": (answer_with_a_body_without_end, "HTTP 500"),
       "interim": (answer_with_interim_answers_without_end, ""),
       "redirect": (answer_with_a_redirect_to_itself, "HTTP 307: redirects are not followed")}


def refusal(crew, channel, person="ana"):
    """What comes of a test message that is not accepted."""
    try:
        crew.daemon.ctl("notify", "test", channel, person)
    except CtlError as error:
        return str(error)
    raise AssertionError(f"{channel} has accepted it")


def memory_kib(process):
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def test_answers_without_end_garbage_and_floods_end_with_the_timeout_and_take_no_memory(env: Env):
    servers = {name: Raw(env, perform) for name, (perform, _) in ODD.items()}
    channels = tuple({"name": f"odd-{name}", "type": "webhook", "url": f"http://127.0.0.1:{server.port}/hook",
                      "secret": {"file": str(env.folder / "hook.key")}, "private_network": True, "plain_http": True,
                      "timeout": "3 seconds", "patience": "1 hour"} for name, server in servers.items())
    crew = Crew(env, {"channels.d/odd.conf": {"channels": channels}})
    took, said = [], {}

    def test(name):
        began = time.monotonic()
        said[name] = refusal(crew, f"odd-{name}")
        took.append(time.monotonic() - began)
    before = memory_kib(crew.daemon.process)
    threads = [threading.Thread(target=test, args=(name,)) for name in ODD for _ in range(4)]
    for thread in threads:
        thread.start()
    crew.tell(NORTH)
    eventually(lambda: crew.accepted("ben"), "others are told meanwhile", 10)
    for thread in threads:
        thread.join()
    assert len(took) == len(threads) and max(took) < 15, took
    for name, (_, words) in ODD.items():
        assert words in said[name] and "\"accepted\":false" in said[name], said
    assert memory_kib(crew.daemon.process) - before < 16 * 1024, "memory"
    assert servers["redirect"].connections <= 4, "a redirect was followed"
    crew.stop()
    env.fault("Deliveries: answers of a byte a second, without end, or no HTTP at all", within=15, over="mend the receiver",
              noticed="each counts as failed when the channel's timeout ends, memory does not grow, other channels go on",
              logged="nothing")


def raw_hooks(server, **more):
    return {"channels.d/hooks2.conf": None, "channels.d/raw.conf": {"channels": tuple(
        {"name": f"hook-{p['id']}", "type": "webhook", "url": f"http://127.0.0.1:{server.port}/hook/{p['id']}",
         "private_network": True, "plain_http": True} | more for p in PEOPLE)}}


def test_a_connection_that_was_closed_meanwhile_is_replaced_without_a_failure(env: Env):
    seen = []

    def answer_once(peer):
        seen.append(request_read(peer))
        peer.sendall(OK)
        peer.shutdown(socket.SHUT_RDWR)
    server = Raw(env, answer_once)
    crew = Crew(env, raw_hooks(server))
    for number in range(1, 6):
        crew.tell(UK)
        eventually(lambda: len(seen) == number, "it is told")
    eventually(lambda: crew.daemon.ctl("status")["outbox"]["pending"] == 0, "all is accepted")
    assert all(d["attempts"] == 1 for d in crew.deliveries("hook-ana")), crew.deliveries("hook-ana")
    assert server.connections == 5
    crew.stop()
    env.fault("Deliveries: a receiver closes its connections after each answer", within=60, over="nothing to do",
              noticed="nothing", logged="nothing")


def test_a_connection_that_is_only_half_there_costs_one_timeout(env: Env):
    def answer_once_and_vanish(peer):
        request_read(peer)
        peer.sendall(OK)
        while peer.recv(65536):     # it takes what comes, and never says a word again
            pass
    server = Raw(env, answer_once_and_vanish)
    crew = Crew(env, raw_hooks(server, timeout="2 seconds"))
    for number in (1, 2):
        crew.tell(UK)
        eventually(lambda: [d["state"] for d in crew.deliveries("hook-ana")] == ["accepted"] * number, "it is accepted", 30)
    assert sorted(d["attempts"] for d in crew.deliveries("hook-ana")) == [1, 2], crew.deliveries("hook-ana")
    assert server.connections == 2
    assert crew.daemon.metric("closedloop_possible_repeats_total", 'channel="hook-ana"') == 1
    crew.stop()
    env.fault("Deliveries: the receiver's machine vanishes without closing its connections", within=30, over=30,
              noticed="a message comes late, over a new connection; the metric possible_repeats counts it",
              logged="it may have arrived")


def test_a_receiver_that_comes_back_is_not_run_over_by_what_has_waited(env: Env):
    is_up, busy, most_early, began, lock = threading.Event(), [0], [0], [], threading.Lock()

    def answer(peer):
        while True:
            request_read(peer)
            if not is_up.is_set():
                peer.sendall(b"HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n")
                continue
            with lock:
                began.append(time.monotonic())
                busy[0] += 1
                if len(began) <= 6:
                    most_early[0] = max(most_early[0], busy[0])
            time.sleep(0.05)
            with lock:
                busy[0] -= 1
            peer.sendall(OK)
    server = Raw(env, answer)
    crew = Crew(env, raw_hooks(server, patience="1 hour"))
    crew.tell(UK, 400)
    eventually(lambda: crew.daemon.ctl("status")["cases"]["open"] == 400, "all are read")
    eventually(lambda: not crew.health("hook-ana")["works"], "it fails")
    is_up.set()
    eventually(lambda: len(began) == 400, "all is sent", 120)
    assert most_early[0] <= 4, "gently at first"
    assert server.open_most <= 8 + 1, f"{server.open_most} connections at once"     # one closes while the next opens
    eventually(lambda: {d["state"] for d in crew.deliveries("hook-ana")} == {"accepted"}, "all is accepted")
    crew.stop()
    env.fault("Deliveries: a receiver comes back, and hundreds of messages have waited for it", within=120, over="nothing to do",
              noticed="they come one by one at first, never more at once than in_flight", logged="a channel works again")


# --- certificates, addresses, proxies

def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, capture_output=True)


class Authority:
    """A certificate authority of a company's own, and what it has signed."""

    def __init__(self, folder):
        self.folder = folder / "ca"
        self.folder.mkdir()
        self.file = self.folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                "/CN=Our own", "-keyout", self.folder / "ca.key", "-out", self.file)

    def server(self, name, host="localhost", days=30):
        """A TLS context of a server that is called so."""
        key, request, made, names = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem", "names"))
        names.write_text(f"subjectAltName=DNS:{host}", encoding="ascii")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={host}", "-keyout",
                key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-days",
                days, "-extfile", names, "-out", made)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made, key)
        return context


def answer_well(peer):
    while True:
        request_read(peer)
        peer.sendall(OK)


def https(name, server, **more):
    return {"name": name, "type": "webhook", "url": f"https://localhost:{server.port}/hook", "private_network": True,
            "timeout": "5 seconds"} | more


def test_certificates_that_are_not_trusted_expired_or_of_another_name_and_old_tls_are_refused(env: Env):
    ours, theirs = Authority(env.folder), Authority(env.folder / "ca")
    old = ours.server("old")
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    contexts = {"good": ours.server("good"), "name": ours.server("name", "elsewhere.test"),
                "expired": ours.server("expired", days=0), "other": theirs.server("other"), "old": old}
    servers = {name: Raw(env, answer_well, context) for name, context in contexts.items()}
    ca = {"ca_file": str(ours.file)}
    channels = tuple(https(f"tls-{name}", server, **ca) for name, server in servers.items())
    channels += (https("tls-unknown", servers["good"]),)
    crew = Crew(env, {"channels.d/tls.conf": {"channels": channels}})
    crew.daemon.ctl("notify", "test", "tls-good", "ana")
    expected = {"name": "matches target host", "expired": "expired", "other": "certificate", "old": "TLS", "unknown": "certificate"}
    for name, words in expected.items():
        said = refusal(crew, f"tls-{name}")
        assert "TLS failed" in said and words in said, said
    crew.stop()
    env.fault("Deliveries: a certificate is self-signed, expired, of another name or another authority, or TLS is older than 1.2",
              within=60, over="mend the receiver, or name its authority in ca_file",
              noticed="nothing is sent; closedloopctl notify test and deliveries say what is wrong with it", logged="nothing")


def test_proxies_of_the_environment_are_ignored_and_ipv6_is_spoken(env: Env):
    proxy, six = Raw(env, answer_well), Raw(env, answer_well, family=socket.AF_INET6)
    names = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    crew = Crew(env, {"channels.d/six.conf": {"channels": (
        {"name": "six", "type": "webhook", "url": f"http://[::1]:{six.port}/hook", "private_network": True,
         "plain_http": True},)}}, environment={name: f"http://127.0.0.1:{proxy.port}" for name in names})
    crew.tell(UK)
    eventually(lambda: crew.accepted("ana"), "it is told directly")
    crew.daemon.ctl("notify", "test", "six", "ana")
    assert six.connections == 1 and proxy.connections == 0
    crew.stop()
    env.fault("Deliveries: the environment names a proxy", within=60, over="nothing to do", noticed="nothing: it is ignored",
              logged="nothing")


def test_a_proxy_that_is_configured_is_used_and_what_it_refuses_is_said(env: Env):
    asked = []

    def forward(peer):
        asked.append(request_read(peer))
        peer.sendall(OK)

    def refuse(peer):
        asked.append(peer.recv(65536).split(b"\r\n")[0].decode())
        peer.sendall(b"HTTP/1.1 407 who are you\r\ncontent-length: 0\r\n\r\n")
    proxy, closed = Raw(env, forward), Raw(env, refuse)
    crew = Crew(env, {"channels.d/proxy.conf": {"channels": (
        {"name": "by-proxy", "type": "webhook", "url": "http://crm.test/hook", "plain_http": True,
         "proxy": f"http://127.0.0.1:{proxy.port}"},
        {"name": "not-by-proxy", "type": "webhook", "url": "https://crm.test/hook",
         "proxy": f"http://127.0.0.1:{closed.port}"})}})
    crew.daemon.ctl("notify", "test", "by-proxy", "ana")
    assert "by-proxy\\\" answers HTTP 407" in refusal(crew, "not-by-proxy")
    assert asked == ["http://crm.test/hook", "CONNECT crm.test:443 HTTP/1.1"], asked
    crew.stop()
    env.fault("Deliveries: the channel's proxy refuses", within=60, over="mend the proxy, or the channel's setting",
              noticed="nothing is sent; closedloopctl notify test and deliveries say what the proxy answers", logged="nothing")


def test_what_leads_into_the_own_network_is_refused_without_a_connection(env: Env):
    inside, six = Raw(env, answer_well), Raw(env, answer_well, family=socket.AF_INET6)
    hosts = {"plain": f"127.0.0.1:{inside.port}", "short": f"127.1:{inside.port}", "name": f"localhost:{inside.port}",
             "number": f"2130706433:{inside.port}", "any": f"0.0.0.0:{inside.port}", "six": f"[::1]:{six.port}",
             "mapped": f"[::ffff:127.0.0.1]:{inside.port}", "metadata": "169.254.169.254", "ten": "10.0.0.1"}
    channels = tuple({"name": f"in-{name}", "type": "webhook", "url": f"http://{host}/hook", "plain_http": True}
                     for name, host in hosts.items())
    crew = Crew(env, {"channels.d/inside.conf": {"channels": channels},
                      "people.csv": people(ana="in-name hook-ana")})
    for name in hosts:
        assert "is private and not allowed" in refusal(crew, f"in-{name}"), name
    crew.tell(UK)
    eventually(lambda: crew.accepted("ana"), "the next channel is used at once")
    assert inside.connections == 0 and six.connections == 0, "somebody was connected to"
    eventually(crew.notices, "the operator is told")
    crew.stop()
    env.fault("Deliveries: a webhook's URL leads into the own network", within=60, over="set private_network = true if it is meant",
              noticed="no connection is made, the person's next channel is used, the operators are told",
              logged="is private and not allowed")


# --- mail

def mail(env, receivers, **more):
    return {"channels": ({"name": "mail", "type": "email", "smtp": f"smtp://127.0.0.1:{receivers.ports['smtp']}",
                          "from": "Closed loop <loop@example.com>", "tls": "none"} | more,)}


def mail_crew(env, **more):
    receivers = env.receivers(http=0, smtp=0)
    return Crew(env, {"channels.d/mail.conf": mail(env, receivers, **more), "people.csv": people(ana="mail", ben="mail")},
                receivers)


def test_a_mail_whose_last_answer_is_lost_comes_again_with_the_same_id_and_is_counted(env: Env):
    crew = mail_crew(env)
    crew.receivers.smtp("END", {"drop": "after", "times": 1})
    crew.tell(UK)
    crew.receivers.await_records(2, "mail")
    ids = [message["Message-ID"] for _, message in crew.receivers.mails()]
    assert len(ids) == 2 and ids[0] == ids[1], ids
    assert crew.daemon.metric("closedloop_possible_repeats_total", 'channel="mail"') == 1
    eventually(lambda: [d["state"] for d in crew.deliveries("mail")] == ["accepted"], "it is accepted")
    crew.stop()
    env.fault("Deliveries: the mail server cuts the connection after the last dot", within=60, over="nothing to do",
              noticed="the mail comes twice, with the same Message-ID; the metric possible_repeats counts it",
              logged="it may have arrived")


def seconds_to(delivery):
    return (datetime.fromisoformat(delivery["next_at"].replace("Z", "+00:00")) - datetime.now(timezone.utc)).total_seconds()


def test_greylisting_holds_up_one_mail_for_minutes_and_no_other(env: Env):
    crew = mail_crew(env)
    crew.receivers.smtp("RCPT", {"reply": "451 4.7.1 Greylisted, come back later", "match": "ana@example.com"})
    crew.tell(UK, 10)       # more than it takes to call a channel broken
    crew.receivers.await_records(10, "smtp")
    crew.tell(NORTH)
    crew.receivers.await_records(1, "mail", seconds_max=20)
    held = eventually(lambda: [d for d in crew.deliveries("mail") if d["state"] == "pending" and d["attempts"] == 1], "ten wait")
    assert len(held) == 10 and all(200 < seconds_to(d) <= 300 for d in held), held
    assert crew.notices() == [] and crew.health("mail")["works"], "the mail server works"
    crew.stop()
    env.fault("Deliveries: a mail server greylists a recipient (450, 451)", within=60, over=300,
              noticed="mails to that recipient come minutes later, others are not held up", logged="SMTP 451 4.7.1")


def test_a_mailbox_that_does_not_exist_is_not_tried_again(env: Env):
    crew = mail_crew(env)
    crew.receivers.smtp("RCPT", {"reply": "550 5.1.1 no such user", "match": "ana@example.com"})
    crew.tell(UK)
    crew.receivers.await_records(1, "smtp")
    eventually(lambda: crew.notices(), "the operator is told")
    crew.tell(UK)
    eventually(lambda: len([d for d in crew.daemon.ctl("case", 2)["deliveries"] if d["state"] == "failed"]) == 1, "no channel")
    assert len(list(crew.receivers.records("smtp"))) == 1
    eventually(lambda: any("cannot be told of a case" in notice for notice in crew.notices()), "that nothing reaches Ana")
    crew.tell(NORTH)
    crew.receivers.await_records(1, "mail")
    crew.stop()
    env.fault("Deliveries: an address of people.csv does not exist (550 5.1.1)", within=60, over="mend the address, then reload",
              noticed="the person's next channel is used, the operators are told; other people's mail goes on",
              logged="a receiver is gone")


def greet_slowly(peer):
    for byte in b"220 mail.test ESMTP, one moment please\r\n" * 10:
        peer.sendall(bytes([byte]))
        time.sleep(1)


def greet_without_end(peer):
    while True:
        peer.sendall(b"220-and more\r\n" * 1000)


def greet_in_one_line_without_end(peer):
    while True:
        peer.sendall(b"2" * 65536)


def greet_with_garbage(peer):
    peer.sendall(b"\x16\x03\x01" + bytes(range(256)) * 10 + b"\r\n")
    peer.recv(65536)


def greet_never(peer):
    peer.recv(65536)


def talk(peer, last):
    """As a mail server does, up to the command that is answered by the function."""
    peer.sendall(b"220 mail.test\r\n")
    received = b""
    while True:
        piece = peer.recv(65536)
        if not piece:
            return
        received += piece
        if b"MAIL FROM" in received:
            last(peer)
            return
        peer.sendall(b"250 mail.test\r\n")


def answer_mail_slowly(peer):
    talk(peer, greet_slowly)


def answer_mail_without_end(peer):
    talk(peer, greet_without_end)


ODD_MAIL = (greet_slowly, greet_without_end, greet_in_one_line_without_end, greet_with_garbage, greet_never, answer_mail_slowly,
            answer_mail_without_end)


def test_a_mail_server_that_is_slow_or_no_mail_server_ends_with_the_timeout_and_takes_no_memory(env: Env):
    servers = [Raw(env, perform) for perform in ODD_MAIL]
    channels = tuple({"name": f"odd-{i}", "type": "email", "smtp": f"smtp://127.0.0.1:{server.port}", "tls": "none",
                      "from": "Closed loop <loop@example.com>", "timeout": "3 seconds"} for i, server in enumerate(servers))
    crew = Crew(env, {"channels.d/odd.conf": {"channels": channels}})
    took, said = [], {}

    def test(i):
        began = time.monotonic()
        said[i] = refusal(crew, f"odd-{i}")
        took.append(time.monotonic() - began)
    before = memory_kib(crew.daemon.process)
    threads = [threading.Thread(target=test, args=(i,)) for i in range(len(servers))]
    for thread in threads:
        thread.start()
    crew.tell(NORTH)
    eventually(lambda: crew.accepted("ben"), "others are told meanwhile", 10)
    for thread in threads:
        thread.join()
    assert len(took) == len(servers) and max(took) < 15, (took, said)
    assert all(server.connections > 0 for server in servers)
    assert memory_kib(crew.daemon.process) - before < 16 * 1024, "memory"
    crew.stop()
    env.fault("Deliveries: a mail server that answers a byte a second, without end, or no SMTP at all", within=15,
              over="mend the mail server", logged="nothing",
              noticed="each mail counts as failed when the channel's timeout ends, memory does not grow, other channels go on")


def test_a_wrong_password_is_tried_every_few_minutes_and_not_every_few_seconds(env: Env):
    receivers = env.receivers(http=0, smtp=0, smtp_tls="required", smtp_user="loop", smtp_password="right")
    key = env.folder / "mail.key"
    key.touch(0o600)
    key.write_text("planted-5c1f\n", encoding="ascii")
    crew = Crew(env, {"channels.d/mail.conf": mail(env, receivers, tls="required", user="loop", password={"file": str(key)},
                                                   smtp=f"smtp://localhost:{receivers.ports['smtp']}", private_network=True,
                                                   ca_file=receivers.ports["certificate"], patience="2 seconds"),
                      "people.csv": people(ana="mail")}, receivers)
    crew.tell(UK)
    assert "authentication failed" in crew.detail("mail")
    notice = eventually(lambda: crew.notices(), "the operator is told", 30)[0]
    assert "authentication failed" in notice, notice
    assert "planted-5c1f" not in crew.daemon.log.read_text(encoding="utf-8"), "the password is in the log"
    assert len(list(receivers.records("mail"))) == 0
    crew.stop()
    env.fault("Deliveries: the mail server does not take the password (535)", within=60, over="mend the password, then reload",
              noticed="the operators are told, status names the channel; it is tried every five minutes",
              logged="authentication failed")
