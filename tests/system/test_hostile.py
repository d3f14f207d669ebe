"""Three hundred texts that somebody could write into a survey, through every place where text leaves the program. What came
out is read by parsers that share no code with it: the words are there, and are nothing but words."""

from __future__ import annotations

import json
import re
import subprocess
import unicodedata
from collections import defaultdict

from chats import CHATS, channel, checked
from harness import CTL, PEOPLE, Env, answers, eventually, person

MARK = "Qx7Zk"                  # in each text, so that it can be looked for in the log; no words of ours contain it
COUNT = 300
FIRST = 1000

# What some parser somewhere takes for more than words.
SEEDS = [
    # chats: mentions, links, formatting
    "<!channel>", "<!here|here>", "<!everyone>", "<@U012AB3CD>", "<#C123|general>", "<https://evil.example|your bank>",
    "<mailto:x@evil.example|boss>", "<!date^1392734382^{date}|x>", "&lt;!channel&gt;", "@channel", "@here", "@everyone",
    "@all now", "<@&123456>", "<@!1>", "<:smile:123>", "<a:x:1>", "<t:1618953630:R>", "</run:1>", "<users/all>",
    "<users/123>", "<at>Ana</at>", "@ana.lima", "tg://user?id=1", "/start@bot", "#hashtag", "~town-square", ":bomb: :+1:",
    "*bold*", "_italic_", "**b** __u__", "~~gone~~", "||spoiler||", "`code`", "```\nblock\n```", "> quote", ">>> quote",
    "# heading", "## two\n# one", "- item", "* item", "1. one\n2. two", "1) one", "+ plus", "---", "***", "===", "| a | b |\n|---|---|",
    "[your bank](https://evil.example)", "![pixel](https://evil.example/p.png)", "[a]: https://evil.example\n[a]",
    "[x][y]", "<https://evil.example>", "https://evil.example/a_b_c*d*?x=1&y=<2>", "www.evil.example", "evil.example/path",
    "javascript:alert(1)", "http://user:pw@evil.example", "ana@evil.example", "\\*not\\* \\[x\\]", "a\\", "\\\\", "\\n\\t\\u0041",
    "{{DATE(2026-11-20T07:43:58Z, SHORT)}}", "{{TIME(2026-11-20T07:43:58Z)}}", "${name}", "{{name}}", "{{{x}}}",
    "{{#comment}}", "{{/text}}", "{{title}}", "@{triggerBody()}", "@{outputs('x')}", "$latex$ $$x^2$$", "%s%n%x", "{0}", "#{x}",
    # HTML
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></tr></table>", "</b></i>", "<b>bold</b>",
    "<a href=\"https://evil.example\">bank</a>", "<style>*{display:none}</style>", "<!-- comment", "--> out", "<!DOCTYPE x>",
    "<![CDATA[x]]>", "<?php echo 1 ?>", "&amp;amp;", "&#60;b&#62;", "&#x3c;b&#x3e;", "&nbsp;&shy;", "&unknown;", "&", "<", ">",
    "\"", "'", "\" onmouseover=\"alert(1)", "' style='x", "<iframe srcdoc='x'>", "<base href=//evil>", "<meta http-equiv=refresh>",
    "<svg/onload=alert(1)>", "<tg-spoiler>x</tg-spoiler>", "<pre>x</pre>", "<u", "<b x=\"y\"", "<blockquote expandable>",
    # JSON
    "\"}],\"text\":\"x", "\"},{\"event_action\":\"resolve", "\\\",\"x\":\"", "\\u0022}", "\\u003c!channel\\u003e", "null", "true",
    "[]", "{}", "{\"a\":1}", "1e999", "-0", "NaN", "undefined",
    # mail
    "a\r\nBcc: evil@example.com", "a\nSubject: another", "a\r\n\r\n<html>", ".", "\r\n.\r\n", "\r\n.\r\nRCPT TO:<evil@example.com>",
    "From nobody", "=?utf-8?q?=3Cb=3E?=", "=?UTF-8?B?PGI+?=", "=0D=0ABcc: x", "=\r\n", "--=_boundary--", "-- \nsignature",
    "Content-Type: text/html", "begin 644 x.exe", "evil@example.com, other@example.com", "\"a\" <evil@example.com>", "(comment)",
    # journal, shell, databases, files
    "MESSAGE=evil\nPRIORITY=0", "<3>kernel: panic", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J", "\x07\x08\x7f", "a\tb\tc",
    "; rm -rf /", "$(reboot)", "`reboot`", "| mail x", "&& x", "> /etc/passwd", "'; DROP TABLE cases; --", "1' OR '1'='1",
    "../../etc/passwd", "C:\\nul", "=1+1", "=HYPERLINK(\"https://evil.example\")", "+1-1", "-2+3", "@SUM(1)", "%0d%0a", "%00",
    # Unicode
    "\u202eevil\u202c", "\u2066iso\u2069", "\u200e\u200f\u061c", "\u200bzero\u200b", "\ufeffbom", "a\u2028b\u2029c", "\u0085next",
    "e\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308", "Z" + "\u0335\u0321\u0322" * 40, "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e7\U0001f1f7" * 9, "\u0645\u062d\u0645\u062f (1) abc", "\u05e9\u05dc\u05d5\u05dd <b>", "\u5c71\u7530 \u592a\u90ce",
    "\ufdd0\uffff", "\U0010ffff", "\u00ad\u034f\u180e", "\uff1cscript\uff1e", "\u2039b\u203a", "\ufe64b\ufe65", "\u0130\u0131\u017f",
    "\u115f\u1160\u3164", "\u2800", "\u0000", "a\u0000b", "\u2060@channel", "@\u200bchannel", "\ud7ff\ue000", "\ufffd",
    "x" * 5000, "<" * 2000, "&" * 2000, "*_~`" * 500, "@all " * 400, "\U0001f621" * 900, "a\n" * 300, "(#1) Case #1, severity low.",
]
AROUND = ["{}", "Bad {} service", "{}{}", "x{}", "\u201c{}\u201d", "{} {} {}", "({})", "a\n{}\nb"]


def texts() -> list[str]:
    """Each seed alone, then in other surroundings; the mark stands behind, so that the beginning is the seed's own."""
    made = []
    for i in range(COUNT):
        seed = SEEDS[i % len(SEEDS)]
        form = AROUND[(i // len(SEEDS)) * 3 % len(AROUND)]
        made.append(form.replace("{}", seed) + f" {MARK}")
    return made


def hostile_answers(words: list[str], sinks: list[str]) -> list[dict]:
    """Each text once for each sink, whose reader is the owner: owners are told all there is. A thousand others come first, so
    that all numbers of cases are as long and titles are cut at the same place."""
    made = answers(FIRST + len(words) * len(sinks), customers=1)
    for i, answer in enumerate(made):
        sink, text = sinks[max(i - FIRST, 0) // len(words)], words[(i - FIRST) % len(words)]
        name = f"first-{i}" if i < FIRST else f"{sink}:{(i - FIRST) % len(words)}"
        answer |= {"response_id": name, "rep": f"p-{sink}", "submitted_at": made[-1]["submitted_at"]}
        answer["customer"] = {"id": name}
        answer["account"] = {}
        answer["answers"] = {"nps": 1}
        if i >= FIRST:
            answer["customer"] |= {"name": text, "phone": text}
            answer["account"] = {"name": text, "territory": text}
            answer["answers"] |= {"reason": text}
        elif sink != sinks[0]:
            raise AssertionError("the first go to the first")
    return made


def visible(text: str) -> list[str]:
    """Lines as they are compared: without marks of direction and blanks that a parser may fold."""
    plain = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return [" ".join(line.split()) for line in plain.split("\n") if line.strip()]


def case_of(shown: list[str]) -> int:
    """The number in the small print, which is ours and stands last."""
    return int(re.findall(r"Case #(\d+), severity", "\n".join(shown))[-1])


def begin(env: Env, words: list[str], sinks: list[str]):
    receivers = env.receivers(http=0, smtp=0)
    for chat in CHATS:
        receivers.http(chat.path, chat.yes)
    mail = {"name": "email", "type": "email", "smtp": f"smtp://127.0.0.1:{receivers.ports['smtp']}", "tls": "none",
            "from": "Customer follow-up <loop@example.com>"}
    hook = {"name": "webhook", "type": "webhook", "url": receivers.url("/hook/all"), "private_network": True,
            "plain_http": True, "secret": {"file": str(env.folder / "hook.key")}}
    people = PEOPLE + [person(f"p-{sink}", "Reader", channels=sink, manager="joe") for sink in sinks]
    kafka = env.kafka()
    topic = env.topic(kafka)
    settings = env.config(kafka, topic, receivers, {
        "people.csv": people,
        "closedloopd.conf": {"routes": ({"when": "exists rep", "owner": "field:rep"}, {"owner": "ana"})},
        "sources.d/survey.conf": {"source": {"fields": {
            "account": "account.name", "phone": "customer.phone", "rep": "rep"}}},
        "channels.d/chats.conf": {"channels": (*(channel(env, receivers, chat) for chat in CHATS), mail, hook)}})
    daemon = env.daemon(settings).start()
    kafka.produce(topic, hostile_answers(words, sinks))
    return receivers, daemon


def received(env: Env, receivers) -> list[dict]:
    """What the checker is given, one for each message that arrived."""
    types = {chat.path: chat.type for chat in CHATS}
    records = []
    for record in receivers.records("http"):
        kind = types.get(record["path"], "webhook")
        records.append({"type": kind, "body": record["body"], "headers": record["headers"], "secret": env.secret()})
    records += [{"type": "email", "raw_base64": record["raw_base64"], "to": "p-email@example.com"}
                for record in receivers.records("mail")]
    return records


def by_sink(daemon, records: list[dict]) -> tuple[dict[str, dict[int, list[str]]], dict[int, dict]]:
    """What each sink showed of each text, and what the webhook carried."""
    texts_of: dict[str, dict[int, list[str]]] = defaultdict(dict)
    raw = {}
    customers = {case["number"]: case["customer"] for case in daemon.ctl("cases", "--limit", 100_000)}
    for record, said in zip(records, checked(records)):
        data = said.get("raw", {}).get("data")
        sink, _, index = customers[data["case"]["number"] if data else case_of(said["texts"])].partition(":")
        if not index:
            continue
        assert sink == record["type"], f"what was for {sink} came to {record['type']}"
        if data:
            raw[int(index)] = data["response"]["fields"]
        else:
            texts_of[sink][int(index)] = said["texts"]
    return texts_of, raw


def comparable(parts: list[str]) -> list[str]:
    """Without what differs from case to case: its number, and the commands with it."""
    lines = visible("\n".join(parts).replace("\u2039", "<").replace("\u203a", ">"))
    return [re.sub(r"#\d{4}", "#N", line) for line in lines if not line.startswith("closedloopctl ")]


def test_three_hundred_hostile_texts_are_words_in_every_sink(env: Env) -> None:
    words = texts()
    assert len(set(words)) == COUNT, "each text is another"
    sinks = ["webhook", "email", *(chat.type for chat in CHATS)]
    receivers, daemon = begin(env, words, sinks)
    eventually(lambda: len(received(env, receivers)) >= FIRST + COUNT * len(sinks), "each sink has told each case", 120)
    shown, raw = by_sink(daemon, received(env, receivers))
    assert {sink: len(cases) for sink, cases in shown.items()} == {sink: COUNT for sink in sinks[1:]}
    assert len(raw) == COUNT

    # The webhook is for machines: every character comes back, whatever it is, but for blanks at the ends.
    for index, fields in raw.items():
        text = words[index].strip(" \t\r\n\v\f")
        assert {fields[name] for name in ("comment", "name", "account", "phone")} == {text}, (text, fields)

    # ntfy shows text as it is: there the words are found again as somebody wrote them, and everywhere else as there.
    plain = 0
    for index, parts in shown["ntfy"].items():
        text = words[index]
        if len(text) <= 60 and text.isascii() and text.isprintable():
            assert "\u201c" + " ".join(text.split()) + "\u201d" in "\n".join(visible("\n".join(parts))), (text, parts)
            plain += 1
    assert plain > 120, f"only {plain} texts could be looked for"
    for sink, cases in shown.items():
        for index, parts in cases.items():
            there = "\n".join(comparable(parts))
            title, *lines = comparable(shown["ntfy"][index])
            # Slack's titles have 150 characters, and each of & < > counts for up to five.
            is_whole = sink != "slack" or sum(title.count(sign) for sign in "&<>") < 20
            missing = [line for line in lines + [title] * is_whole if line not in there]
            assert not missing, f"{sink}, {words[index]!r}: {missing} is not in {there!r}"

    log = daemon.log.read_text(encoding="utf-8", errors="replace")
    said = daemon.get("/metrics")[1] + log
    assert MARK not in said and "evil" not in said, "a customer's words are in log or metrics"
    assert "\x1b" not in log and "hunter2" not in said
    assert daemon.stop() == 0


def test_hostile_texts_are_words_on_a_terminal(env: Env) -> None:
    """A terminal obeys what it is shown."""
    words = texts()[140:220]
    _, daemon = begin(env, words, ["ntfy"])
    eventually(lambda: len(daemon.ctl("cases", "--limit", 100_000)) == FIRST + len(words), "each has a case")
    for number in range(FIRST + 1, FIRST + len(words) + 1):
        for verb in ("case", "why"):
            said = subprocess.run([str(CTL), "-s", daemon.socket, verb, str(number)], capture_output=True, check=True,
                                  stdin=subprocess.DEVNULL).stdout.decode("utf-8")
            bad = re.search("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", said)
            assert not bad or bad[0] in "\u2068\u2069", (verb, number, said)
    assert daemon.stop() == 0
