#!/usr/bin/python3
"""receivers - stand-ins for the systems that the daemon sends to: an HTTP receiver and a mail server that record all
they get and can be told to misbehave.

  receivers.py --record FILE [--http PORT] [--https PORT] [--smtp PORT] [--control PORT] [--smtp-tls [offered|required]]
               [--smtp-user NAME --smtp-password WORD] [--until-stdin-closes]

Ports on 127.0.0.1; 0, or leaving --control out, chooses a free one. Once they all listen, one line of JSON on standard
output says the ports chosen, and the certificate (self-signed, for localhost) when there is TLS.

FILE gets one JSON document a line, each written before its answer is sent:
  {"kind": "http", "seq", "at_us", "listener", "connection", "method", "path", "query", "headers": {lower case: value},
   "body" or "body_base64", "answer": 200 or null, "did": "answered"|"dropped"|"hung"|"garbage"}
  {"kind": "mail", "seq", "at_us", "connection", "tls", "user", "from", "to": [...], "options", "text", "raw_base64",
   "answer": "250 OK" or null}                              a message that came whole
  {"kind": "smtp", "seq", "at_us", "connection", "command", "argument", "answer"}   a command that a script answered

Scripts are lists of steps. A step with "times" is used up, the next one follows; without, it holds for ever. Nothing
left: the friendly answer. For HTTP, by path ("/hook", or "/hook/*" for all below it; the longest wins):
  status, headers, body, body_bytes (a body of that many bytes), retry_after, delay (seconds before the answer),
  drop: "before" (body not read) | "after" (request read, no answer) | "middle" (of the answer),
  hang (no answer, connection kept), garbage (bytes that are not HTTP), close (connection closed after the answer)
For mail, by command (CONNECT, HELO, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, RSET, NOOP, QUIT, and END, which comes
after the message's last dot):
  reply ("451 4.7.1 later"), match (only if the argument, or for END the message, contains it), delay, hang,
  close (after the reply), drop: "before" (no reply, not recorded) | "after" (END only: recorded, no reply)

Control, JSON over HTTP: POST /http {"path", "steps"}, POST /smtp {"command", "steps"}, POST /clear,
POST /listen {"http": bool, "https": bool, "smtp": bool} (false: connections are refused), GET /counts.
The class Receivers below does all of this from Python."""

from __future__ import annotations

import argparse
import asyncio
import base64
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

HOST = "127.0.0.1"
HEAD_BYTES_MAX = 64 * 1024
READY_SECONDS_MAX = 30
STOP_SECONDS_MAX = 10

HTTP_STEP_KEYS = {"status", "headers", "body", "body_bytes", "retry_after", "delay", "drop", "hang", "garbage", "close",
                  "times"}
SMTP_STEP_KEYS = {"reply", "match", "delay", "hang", "close", "drop", "times"}
SMTP_COMMANDS = ("CONNECT", "HELO", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "END", "RSET", "NOOP", "QUIT")


class Refusal(Exception):
    """A control call that makes no sense; its text goes back to the caller."""


class Recorder:
    """Appends records to a file, one write each, so that a killed receiver leaves whole lines."""

    def __init__(self, path: Path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.counts = {"http": 0, "mail": 0, "smtp": 0}
        self.connections = 0

    def connection(self) -> int:
        self.connections += 1
        return self.connections

    def write(self, kind: str, **record: Any) -> None:
        self.counts[kind] += 1
        head = {"kind": kind, "seq": sum(self.counts.values()), "at_us": time.time_ns() // 1000}
        line = json.dumps(head | record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        if os.write(self.file, line) != len(line):
            raise OSError("could not write a whole record")


class Script:
    """What to do next, by path or command."""

    def __init__(self, keys: set):
        self.keys = keys
        self.steps: dict[str, list[dict]] = {}

    def set(self, name: str, steps: list) -> None:
        for step in steps:
            unknown = set(step) - self.keys
            if unknown:
                raise Refusal(f"unknown in a step: {', '.join(sorted(unknown))}")
        self.steps[name] = [dict(step) for step in steps]

    def next(self, name: str, text: str = "") -> dict:
        for step in self.steps.get(name, []):
            if step.get("match", "") not in text or step.get("times", 1) < 1:
                continue
            if "times" in step:
                step["times"] -= 1
            return step
        return {}

    def next_for_path(self, path: str) -> dict:
        if path in self.steps:
            return self.next(path)
        while "/" in path:
            path = path.rpartition("/")[0]
            if f"{path}/*" in self.steps:
                return self.next(f"{path}/*")
        return {}


# --- HTTP

class Request:
    """One request, as far as it has come."""

    def __init__(self, head: bytes):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, target, _ = first.split(" ", 2)
        self.path, _, self.query = target.partition("?")
        self.headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        self.is_chunked = "chunked" in self.headers.get("transfer-encoding", "")
        self.length = int(self.headers.get("content-length", 0))
        self.body: Optional[bytes] = None
        self.step: dict = {}


def body_take(request: Request, buffer: bytearray) -> bool:
    """Moves the request's body out of the buffer; False: not all of it is there yet."""
    if not request.is_chunked:
        if len(buffer) < request.length:
            return False
        request.body = bytes(buffer[:request.length])
        del buffer[:request.length]
        return True

    at, parts = 0, []
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return False
        size = int(buffer[at:end].split(b";")[0], 16)
        if len(buffer) < end + 2 + size + 2:
            return False
        if size == 0:
            break
        parts.append(bytes(buffer[end + 2:end + 2 + size]))
        at = end + 2 + size + 2
    request.body = b"".join(parts)
    del buffer[:end + 4]
    return True


def answer_bytes(status: int, headers: dict, body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, 'Something')}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class HttpConnection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time. By hand, because http.server takes a fraction of the requests a
    second that the daemon sends."""

    transport: asyncio.Transport

    def __init__(self, server: Receiver, listener: str):
        self.server = server
        self.listener = listener
        self.buffer = bytearray()
        self.request: Optional[Request] = None
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.number = self.server.recorder.connection()
        self.server.transports.add(self.transport)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self.server.transports.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.proceed()

    def proceed(self) -> None:
        try:
            while not self.is_busy and self.request_take():
                self.request_answer()
        except ValueError:
            self.transport.write(answer_bytes(400, {"connection": "close"}, b"cannot be read"))
            self.transport.close()

    def request_take(self) -> bool:
        if self.request is None:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > HEAD_BYTES_MAX:
                    raise ValueError("head too large")
                return False
            self.request = Request(bytes(self.buffer[:end]))
            del self.buffer[:end + 4]
            self.head_arrived()
        return self.request.step.get("drop") == "before" or body_take(self.request, self.buffer)

    def head_arrived(self) -> None:
        if self.request is None:
            return
        if self.listener != "control":
            self.request.step = self.server.http_script.next_for_path(self.request.path)
        if "100-continue" in self.request.headers.get("expect", "").lower():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def request_answer(self) -> None:
        request, self.request = self.request, None
        assert request is not None
        if self.listener == "control":
            self.transport.write(self.server.control(request))
            return

        step = request.step
        did = ("dropped" if "drop" in step else "hung" if step.get("hang") else
               "garbage" if step.get("garbage") else "answered")
        self.record(request, did, step.get("status", 200) if did == "answered" else None)
        if did == "hung":
            self.is_busy = True
        elif step.get("delay"):
            self.is_busy = True
            asyncio.get_running_loop().call_later(step["delay"], self.late_answer, step)
        else:
            self.perform(step)

    def late_answer(self, step: dict) -> None:
        self.is_busy = False
        if not self.transport.is_closing():
            self.perform(step)
            self.proceed()

    def perform(self, step: dict) -> None:
        if step.get("drop") in ("before", "after"):
            self.transport.abort()
            return
        if step.get("garbage"):
            self.transport.write(b"\x16\x03\x01 220 this is not HTTP\r\n\r\n\x00\xff")
            self.transport.close()
            return

        headers = dict(step.get("headers", {}))
        if "retry_after" in step:
            headers["retry-after"] = step["retry_after"]
        if step.get("close"):
            headers["connection"] = "close"
        body = b"x" * step["body_bytes"] if "body_bytes" in step else step.get("body", "").encode()
        answer = answer_bytes(step.get("status", 200), headers, body)
        if step.get("drop") == "middle":
            self.transport.write(answer[:len(answer) // 2])
            self.transport.close()
            return
        self.transport.write(answer)
        if step.get("close"):
            self.transport.close()

    def record(self, request: Request, did: str, answer: Optional[int]) -> None:
        body: dict[str, Optional[str]] = {"body": None}
        if request.body is not None:
            try:
                body = {"body": request.body.decode("utf-8")}
            except UnicodeDecodeError:
                body = {"body_base64": base64.b64encode(request.body).decode()}
        self.server.recorder.write(
            "http", listener=self.listener, connection=self.number, method=request.method, path=request.path,
            query=request.query, headers=request.headers, **body, answer=answer, did=did)


# --- mail

def mail_factory(server: Receiver, tls: Optional[ssl.SSLContext], options: argparse.Namespace) -> Callable[[], Any]:
    """The mail server is aiosmtpd; here stands what it does differently: it asks the script before each command."""
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

    class Dropped(ConnectionResetError):
        """Ends the session without a word."""

    class Handler:
        async def handle_DATA(self, smtp: Any, session: Any, envelope: Any) -> Any:
            step = server.smtp_script.next("END", envelope.content.decode("latin-1"))
            if step.get("drop") == "before":
                await smtp.drop()
            answer = None if "drop" in step or step.get("hang") else step.get("reply", "250 OK")
            server.recorder.write(
                "mail", connection=smtp.number, tls=session.ssl is not None,
                user=session.login_data.decode() if session.login_data else None,
                **{"from": envelope.mail_from}, to=envelope.rcpt_tos, options=envelope.mail_options,
                text=envelope.content.decode("utf-8", "replace"),
                raw_base64=base64.b64encode(envelope.content).decode(), answer=answer)
            await smtp.linger(step)
            if answer is None:
                await smtp.drop()
            smtp.is_closing = step.get("close", False)
            return answer

    def login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        is_known = isinstance(data, LoginPassword) and data == LoginPassword(
            options.smtp_user.encode(), options.smtp_password.encode())
        return AuthResult(success=is_known, handled=False, auth_data=data)

    class Session(SMTP):
        is_closing = False
        transport: Any

        def connection_made(self, transport: Any) -> None:
            if not hasattr(self, "number"):
                self.number = server.recorder.connection()
                self.plain_transport = transport
                server.transports.add(transport)
            super().connection_made(transport)

        def connection_lost(self, error: Optional[Exception]) -> None:
            server.transports.discard(self.plain_transport)
            super().connection_lost(error)

        async def _handle_client(self) -> None:
            try:
                if await self.scripted("CONNECT", ""):
                    self.transport.close()
                    return
                await super()._handle_client()
            except ConnectionResetError:
                pass

        async def push(self, status: Any) -> None:
            await super().push(status)
            if self.is_closing:
                self.transport.close()

        async def linger(self, step: dict) -> None:
            if step.get("hang"):
                await asyncio.Event().wait()  # until the client has enough
            await asyncio.sleep(step.get("delay", 0))

        async def drop(self) -> None:
            self.plain_transport.abort()
            raise Dropped

        async def scripted(self, command: str, argument: str) -> bool:
            """True: the script has answered."""
            step = server.smtp_script.next(command, argument)
            if not step:
                return False
            reply = None if "drop" in step else step.get("reply")
            if reply or "drop" in step or step.get("hang"):
                server.recorder.write("smtp", connection=self.number, command=command, argument=argument, answer=reply)
            await self.linger(step)
            if "drop" in step:
                await self.drop()
            self.is_closing = step.get("close", False)
            if reply:
                await self.push(reply)
            return reply is not None

    def asking_first(command: str) -> Callable:
        usual = getattr(SMTP, f"smtp_{command}")

        async def ask(self: Any, argument: str) -> None:
            if not await self.scripted(command, argument or ""):
                await usual(self, argument)
        ask.__doc__ = usual.__doc__
        return ask

    for name in SMTP_COMMANDS:
        if name not in ("CONNECT", "END"):
            setattr(Session, f"smtp_{name}", asking_first(name))

    def session() -> Session:
        return Session(Handler(), hostname="localhost", enable_SMTPUTF8=True, tls_context=tls,
                       require_starttls=options.smtp_tls == "required", auth_require_tls=tls is not None,
                       auth_required=options.smtp_user is not None and tls is not None,
                       authenticator=login if options.smtp_user is not None else None,
                       loop=asyncio.get_running_loop())
    return session


# --- the program

def certificate_make(record: Path) -> tuple[Path, Path]:
    """Self-signed, for localhost; stands beside the record."""
    certificate, key = Path(f"{record}.cert.pem"), Path(f"{record}.key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", key, "-out", certificate], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return certificate, key


class Receiver:
    """All listeners, what they record and what they have been told."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.recorder = Recorder(options.record)
        self.http_script = Script(HTTP_STEP_KEYS)
        self.smtp_script = Script(SMTP_STEP_KEYS)
        self.transports: set[Any] = set()
        self.servers: dict[str, asyncio.Server] = {}
        self.ports: dict[str, int] = {}
        self.factories: dict[str, Callable[[], Any]] = {}
        self.tls: dict[str, ssl.SSLContext] = {}
        self.pending: set[asyncio.Task] = set()

    async def start(self) -> dict:
        options = self.options
        context, said = None, {}
        if options.https is not None or options.smtp_tls:
            certificate, key = certificate_make(options.record)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            said["certificate"] = str(certificate)
        for name in ("http", "https", "control"):
            self.factories[name] = partial(HttpConnection, self, name)
        if context and options.https is not None:
            self.tls["https"] = context
        if options.smtp is not None:
            self.factories["smtp"] = mail_factory(self, context if options.smtp_tls else None, options)
        for name in ("http", "https", "smtp", "control"):
            port = getattr(options, name)
            if port is not None:
                await self.listen(name, port)
        return said | self.ports

    async def listen(self, name: str, port: int) -> None:
        server = await asyncio.get_running_loop().create_server(
            self.factories[name], HOST, port, ssl=self.tls.get(name), backlog=1024)
        self.servers[name] = server
        self.ports[name] = server.sockets[0].getsockname()[1]

    def unlisten(self, name: str) -> None:
        """New connections are refused, and those there are end."""
        server = self.servers.pop(name)
        own = [t for t in self.transports if t.get_extra_info("sockname")[1] == self.ports[name]]
        server.close()
        for transport in own:
            transport.abort()

    def control(self, request: Request) -> bytes:
        try:
            said = self.control_act(request.method, request.path, json.loads(request.body or b"{}"))
        except (Refusal, KeyError, TypeError, AttributeError, ValueError, OSError) as error:
            return answer_bytes(400, {}, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        return answer_bytes(200, {"content-type": "application/json"}, json.dumps(said).encode())

    def control_act(self, method: str, path: str, wish: dict) -> dict:
        match method, path:
            case "POST", "/http":
                self.http_script.set(wish["path"], wish["steps"])
            case "POST", "/smtp":
                if wish["command"] not in SMTP_COMMANDS:
                    raise Refusal(f"no such command: {wish['command']}")
                self.smtp_script.set(wish["command"], wish["steps"])
            case "POST", "/clear":
                self.http_script.steps.clear()
                self.smtp_script.steps.clear()
            case "POST", "/listen":
                for name, is_wanted in wish.items():
                    self.listen_change(name, is_wanted)
            case "GET", "/counts":
                return self.recorder.counts | {"connections": self.recorder.connections, "open": len(self.transports)}
            case _:
                raise Refusal(f"no such call: {method} {path}")
        return {}

    def listen_change(self, name: str, is_wanted: bool) -> None:
        if name not in self.ports or name == "control":
            raise Refusal(f"no such listener: {name}")
        if is_wanted and name not in self.servers:
            # The caller polls the port; binding the same one again takes no time worth waiting for here.
            task = asyncio.get_running_loop().create_task(self.listen(name, self.ports[name]))
            self.pending.add(task)
            task.add_done_callback(self.pending.discard)
        elif not is_wanted and name in self.servers:
            self.unlisten(name)


async def serve(options: argparse.Namespace) -> None:
    receiver = Receiver(options)
    print(json.dumps(await receiver.start()), flush=True)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_closes:
        loop.add_reader(0, lambda: stop.set() if not os.read(0, 4096) else None)
    await stop.wait()
    os._exit(0)  # connections that hang on purpose would keep an orderly end waiting


def main() -> None:
    parser = argparse.ArgumentParser(description="record what is sent over HTTP and SMTP")
    parser.add_argument("--record", type=Path, required=True, help="file to append to")
    for name in ("http", "https", "smtp"):
        parser.add_argument(f"--{name}", type=int, metavar="PORT", help="0: a free one")
    parser.add_argument("--control", type=int, metavar="PORT", default=0)
    parser.add_argument("--smtp-tls", nargs="?", const="offered", choices=("offered", "required"))
    parser.add_argument("--smtp-user")
    parser.add_argument("--smtp-password", default="")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when whoever started this is gone")
    try:
        asyncio.run(serve(parser.parse_args()))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"receivers: {error}", file=sys.stderr)
        sys.exit(69)
    except ImportError as error:
        print(f"receivers: {error}; run tests/deps check", file=sys.stderr)
        sys.exit(69)


# --- from Python

class Receivers:
    """Starts the program above and speaks to it.

        with Receivers(folder, http=0, smtp=0) as receivers:
            receivers.http("/hook", {"status": 503, "times": 2}, {"status": 204})
            receivers.await_records(3, path="/hook")
    """

    def __init__(self, folder: Path, **options: Any):
        """Options as on the command line: http=0, smtp=0, smtp_tls="required", smtp_user=..., and so on."""
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "received.ndjson"
        self.seen: list[dict] = []
        self.read_bytes = 0
        command = [sys.executable, str(Path(__file__).resolve()), "--record", str(self.file), "--until-stdin-closes"]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        self.log = open(folder / "receivers.log", "ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if not said:
            raise RuntimeError(f"receivers ended at once, see {folder / 'receivers.log'}")
        self.ports: dict[str, Any] = json.loads(said)

    def __enter__(self) -> Receivers:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.log):
            if pipe:
                pipe.close()

    def call(self, method: str, target: str, /, **wish: Any) -> dict:
        connection = http.client.HTTPConnection(HOST, self.ports["control"], timeout=READY_SECONDS_MAX)
        try:
            connection.request(method, target, json.dumps(wish))
            answer = connection.getresponse()
            said = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(said["error"])
        return said

    def url(self, path: str = "/", listener: str = "http") -> str:
        host = "localhost" if listener == "https" else HOST
        return f"{listener}://{host}:{self.ports[listener]}{path}"

    def http(self, path: str, *steps: dict) -> None:
        self.call("POST", "/http", path=path, steps=steps)

    def smtp(self, command: str, *steps: dict) -> None:
        self.call("POST", "/smtp", command=command, steps=steps)

    def clear(self) -> None:
        self.call("POST", "/clear")

    def listen(self, **wanted: bool) -> None:
        """False: connections are refused from now on; True: they are taken again, on the same port."""
        self.call("POST", "/listen", **wanted)
        for name, is_wanted in wanted.items():
            until = time.monotonic() + READY_SECONDS_MAX
            while is_listening(self.ports[name]) != is_wanted:
                if time.monotonic() > until:
                    raise AssertionError(f"the {name} listener did not change")
                time.sleep(0.01)

    def counts(self) -> dict:
        return self.call("GET", "/counts")

    def records(self, kind: Optional[str] = None, path: Optional[str] = None) -> Iterator[dict]:
        """What has been recorded so far; path "/hook/*" means all below it."""
        self.read_on()
        for record in self.seen:
            if (not kind or record["kind"] == kind) and (not path or path_matches(record.get("path", ""), path)):
                yield record

    def read_on(self) -> None:
        """A line that is still being written waits for the next time."""
        with open(self.file, "rb") as file:
            file.seek(self.read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.seen.append(json.loads(line))
                self.read_bytes += len(line)

    def mails(self) -> Iterator[tuple[dict, EmailMessage]]:
        for record in self.records("mail"):
            yield record, message_from_bytes(  # type: ignore[misc]
                base64.b64decode(record["raw_base64"]), policy=policy.default)

    def await_records(self, count: int, kind: Optional[str] = None, path: Optional[str] = None,
                      seconds_max: float = 60) -> list[dict]:
        until = time.monotonic() + seconds_max
        while len(found := list(self.records(kind, path))) < count:
            if time.monotonic() > until:
                raise AssertionError(f"{len(found)} of {count} records came ({kind or 'any'} {path or ''})")
            time.sleep(0.02)
        return found


def path_matches(path: str, wanted: str) -> bool:
    return path.startswith(wanted[:-1]) if wanted.endswith("/*") else path == wanted


def is_listening(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
