"""chats - the receivers beside webhook and mail, as the tests configure them, the answers that the real ones give, and
what the independent parsers of tests/receivers say of what they got."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable

from harness import ROOT, Env, Skipped
from receivers import Receivers

CHECKER = ROOT / "tests" / "receivers"
MODULES = ROOT / "build" / "receivers"


@dataclass
class Chat:
    """One receiver: where it listens, and its words for yes, later and never, as its documentation shows them."""
    type: str
    path: str
    query: str = ""
    yes: dict = field(default_factory=dict)
    later: dict = field(default_factory=dict)
    gone: dict = field(default_factory=dict)
    gone_words: str = ""
    options: dict = field(default_factory=dict)
    secret: str = "hunter2"                 # stands in the URL or is the token; must be in no log

    def url(self, receivers: Receivers) -> str:
        query = f"?{self.query}" if self.query else ""
        return receivers.url(self.path if self.type != "ntfy" else "") + query


def told(value: Any) -> str:
    return json.dumps(value)


CHATS = [
    Chat("slack", "/services/T0/B0/hunter2", yes={"status": 200, "body": "ok"},
         later={"status": 429, "body": "rate_limited", "retry_after": 1},
         gone={"status": 410, "body": "channel_is_archived"}, gone_words="channel_is_archived"),
    Chat("teams", "/workflows/hunter2/triggers/manual/paths/invoke", query="api-version=1&sig=hunter2",
         yes={"status": 202}, later={"status": 429, "retry_after": 1}, gone={"status": 404}),
    Chat("mattermost", "/hooks/hunter2", yes={"status": 200, "body": "ok"}, later={"status": 500, "body": told({
        "id": "web.incoming_webhook.general.app_error", "status_code": 500})}, gone={"status": 404}),
    Chat("google-chat", "/v1/spaces/AAA/messages", query="key=hunter2&token=hunter2",
         yes={"status": 200, "body": told({"name": "spaces/AAA/messages/B.C", "thread": {"name": "spaces/AAA/threads/B"}})},
         later={"status": 429, "body": told({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}})},
         gone={"status": 404, "body": told({"error": {"code": 404, "status": "NOT_FOUND"}})}),
    Chat("discord", "/api/webhooks/1/hunter2", yes={"status": 200, "body": told({"type": 0, "id": "99"})},
         later={"status": 429, "body": told({"message": "You are being rate limited.", "retry_after": 0.65,
                                             "global": False})},
         gone={"status": 404, "body": told({"message": "Unknown Webhook", "code": 10015})}, gone_words="Unknown Webhook"),
    Chat("telegram", "/bot4711:hunter2/sendMessage", options={"to": "-1001234567890"},
         yes={"status": 200, "body": told({"ok": True, "result": {"message_id": 1}})},
         later={"status": 429, "body": told({"ok": False, "error_code": 429, "description":
                                             "Too Many Requests: retry after 1", "parameters": {"retry_after": 1}})},
         gone={"status": 403, "body": told({"ok": False, "error_code": 403, "description":
                                            "Forbidden: bot was blocked by the user"})},
         gone_words="bot was blocked by the user"),
    Chat("ntfy", "/", options={"to": "alerts"}, yes={"status": 200, "body": told({"id": "x", "event": "message"})},
         later={"status": 429, "body": told({"code": 42901, "http": 429, "error": "limit reached"})}, gone={"status": 404}),
    Chat("pagerduty", "/v2/enqueue", yes={"status": 202, "body": told({
        "status": "success", "message": "Event processed", "dedup_key": "x"})},
         later={"status": 429, "body": ""}, gone={"status": 400, "body": told({
             "status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid routing key"]})},
         gone_words="Invalid routing key"),
]


def secret_file(env: Env, name: str, value: str) -> dict:
    path = env.folder / f"{name}.secret"
    path.touch(0o600)
    path.write_text(value + "\n", encoding="ascii")
    return {"file": str(path)}


def channel(env: Env, receivers: Receivers, chat: Chat, **more: Any) -> dict:
    """In the configuration, its URL a secret; named after its type."""
    made: dict[str, Any] = {"name": chat.type, "type": chat.type, "private_network": True, "plain_http": True,
                            "url": secret_file(env, f"{chat.type}-url", chat.url(receivers))}
    if chat.type in ("ntfy", "pagerduty"):
        made["token"] = secret_file(env, f"{chat.type}-token", chat.secret)
    return made | chat.options | more


def modules() -> Path:
    """The parsers, from the lock file, installed once; again when it has changed."""
    wanted = hashlib.sha256((CHECKER / "package-lock.json").read_bytes()).hexdigest()
    stamp = MODULES / "installed"
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return MODULES
    shutil.rmtree(MODULES, ignore_errors=True)
    MODULES.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(CHECKER / name, MODULES)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], cwd=MODULES,
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Skipped(f"npm could not fetch the parsers of tests/receivers: {done.stderr.strip()[-2000:]}")
    stamp.write_text(wanted, encoding="ascii")
    return MODULES


def checked(records: Iterable[dict]) -> list[dict]:
    """What tests/receivers/check.js says of each; a fault of any is a failure."""
    given = list(records)
    done = subprocess.run(["node", str(CHECKER / "check.js"), str(modules())], text=True, encoding="utf-8",
                          input="".join(json.dumps(record) + "\n" for record in given), capture_output=True, check=False)
    said = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert done.returncode == 0 and len(said) == len(given), f"{len(said)} of {len(given)} checked: {done.stderr[-2000:]}"
    faults = [(record["type"], answer["fault"], record.get("body", "")[:1500]) for record, answer in zip(given, said)
              if "fault" in answer]
    assert not faults, f"{len(faults)} faults, the first: " + "\n".join(map(str, faults[:3]))
    return said


def types_hold(env: Env, slack: list[str], discord: list[str]) -> None:
    """The vendors' own TypeScript types take the bodies as they are."""
    folder = modules() / f"types-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    lines = ['import type { KnownBlock } from "@slack/types";',
             'import type { RESTPostAPIWebhookWithTokenJSONBody } from "discord-api-types/v10";',
             "interface Message { text: string; mrkdwn: boolean; link_names: boolean; unfurl_links: boolean;",
             "  unfurl_media: boolean; blocks: KnownBlock[] }",
             f"export const slack: Message[] = [{', '.join(slack)}];",
             f"export const discord: RESTPostAPIWebhookWithTokenJSONBody[] = [{', '.join(discord)}];"]
    (folder / "bodies.ts").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run([str(MODULES / "node_modules" / ".bin" / "tsc"), "--noEmit", "--strict", "--skipLibCheck",
                           "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext",
                           str(folder / "bodies.ts")], cwd=folder, capture_output=True, text=True, check=False)
    shutil.rmtree(folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
