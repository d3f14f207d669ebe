"""What can happen to the store: a full disk, a failing one, damage, files that are not as they should be, backup and
restore, upgrade."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

from harness import CTL, Env, answers, eventually
from test_daemon import check_books, later, settled
from test_edges import Manager
from test_unit import UNIT, begun, ended as unit_ended, started

HERE = Path(__file__).resolve().parent

ANSWER_SECONDS_MAX = 10         # for anything asked over the control socket, whatever the disk does


class Disk:
    """The store is on a disk of its own, which can be filled to the last byte. One case is open and told."""

    def __init__(self, env, size, ballast):
        self.env, self.kafka, self.receivers = env, env.kafka(), env.receivers()
        self.topic = env.topic(self.kafka)
        folder = env.folder / "disk"
        folder.mkdir()
        settings = env.config(self.kafka, self.topic, self.receivers, {"closedloopd.conf": {
            "operators": ["joe"], "store.sqlite": str(folder / "closedloop.db"), "store.ballast": ballast}})
        self.daemon = env.daemon(settings, disk=(folder, size))
        self.manager = Manager(env)
        self.daemon.environment = self.manager.environment
        self.daemon.start()
        self.folder = Path(f"/proc/{self.daemon.process.pid}/root/{folder}")
        self.produced = []
        self.unhappy(1, "first")
        self.await_alerts(1)

    def unhappy(self, count, suffix):
        made = later(answers(count, customers=count), suffix)
        for answer in made:
            answer["answers"] = {"nps": 1, "reason": "x" * 2000}
        self.produced += self.kafka.produce(self.topic, made)

    def fill(self):
        with open(self.folder / f"filler-{time.monotonic_ns()}", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def make_room(self):
        for path in self.folder.glob("filler-*"):
            path.unlink()

    def alerts(self):
        return [json.loads(r["body"]) for r in self.receivers.records("http")
                if r["answer"] == 200 and json.loads(r["body"])["type"] == "case.opened"]

    def await_alerts(self, count):
        eventually(lambda: len(self.alerts()) >= count, f"{count} alerts are taken")
        eventually(lambda: self.daemon.ctl("status")["outbox"]["pending"] == 0, "their results are committed")

    def told_operators(self):
        return [json.loads(r["body"]) for r in self.receivers.records("http") if '"operator"' in (r["body"] or "")]

    def read(self):
        return self.daemon.ctl("status")["answers_read"]


def timed_ctl(daemon, *arguments):
    """Exit code, words, and never later than it must be."""
    started = time.monotonic()
    done = subprocess.run([str(CTL), "-s", daemon.socket, *map(str, arguments)], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, timeout=60)
    assert time.monotonic() - started < ANSWER_SECONDS_MAX, f"{arguments} hung"
    return done.returncode, done.stdout + done.stderr


def until_refused(disk, act):
    """Small transactions still find room in the log, for a while."""
    said = (0, "")
    for number in range(200):
        disk.fill()
        said = act(number)
        if said[0] != 0:
            break
    return said


def test_on_a_full_disk_reading_pauses_and_what_people_do_is_still_recorded(env: Env):
    disk = Disk(env, "12m", "2 MiB")
    daemon = disk.daemon
    ballast = disk.folder / "closedloop.db.ballast"
    eventually(lambda: ballast.exists() and ballast.stat().st_blocks * 512 >= 2 << 20, "room is kept")
    disk.fill()
    disk.unhappy(40, "full")
    eventually(lambda: daemon.ctl("status")["store"] != "ok", "the status says so")
    assert "the disk is full" in daemon.ctl("status")["store"] and not ballast.exists()
    code, said = timed_ctl(daemon, "backup", env.folder / "disk" / "backup")
    assert code == 75 and "on another one" in said, said
    code, words = daemon.get("/readyz")
    assert code == 503 and "store: the disk is full" in words, words
    disk.manager.await_next("STATUS=")
    assert any("STORE: the disk is full" in line for line in disk.manager.heard), disk.manager.heard[-3:]
    eventually(lambda: len(disk.alerts()) >= disk.read() > 1, "what had been read, all or a part, is told")
    before = disk.read()
    disk.unhappy(30, "waiting")
    assert timed_ctl(daemon, "attempt", 1, "--by", "joe", "--result", "voicemail")[0] == 0
    assert timed_ctl(daemon, "contact", 2, "--by", "joe")[0] == 0
    assert timed_ctl(daemon, "case", 2)[0] == 0 and timed_ctl(daemon, "cases")[0] == 0
    assert timed_ctl(daemon, "reload")[0] == 0
    disk.manager.await_next("WATCHDOG=1")
    assert disk.read() == before, "it went on reading"
    disk.make_room()
    eventually(lambda: daemon.ctl("status")["store"] == "ok" and ballast.exists(), "it goes on by itself")
    disk.await_alerts(71)
    assert daemon.get("/readyz")[0] == 200
    ids = [alert["data"]["response"]["id"] for alert in disk.alerts()]
    assert sorted(ids) == sorted(r.answer["response_id"] for r in disk.produced), "each once, none lost"
    assert daemon.ctl("case", 2)["case"]["state"] == "contacted"
    eventually(lambda: len(disk.told_operators()) == 2, "operators are told once, and when it is over")
    assert daemon.stop() == 0, daemon.log_tail()
    env.fault("Store: the disk is full, with room kept for it (store.ballast)", within=60, over=60,
              logged="the disk of the store is full", noticed="/readyz answers 503, systemctl status, closedloopctl status and a message "
              "to the operators say so; reading pauses and goes on by itself; what people do is recorded, messages go out")


def test_on_a_disk_without_any_room_everybody_is_answered_with_words(env: Env):
    disk = Disk(env, "6m", 0)
    daemon = disk.daemon
    disk.fill()
    disk.unhappy(40, "full")
    eventually(lambda: daemon.ctl("status")["store"] != "ok", "the status says so")
    said = until_refused(disk, lambda _: timed_ctl(daemon, "assign", 1, "--to", "ben"))
    assert said[0] == 75 and "not done: the store cannot be written to" in said[1], said
    assert "Nothing has changed" in said[1]
    sequence = daemon.ctl("case", 1)["case"]
    assert timed_ctl(daemon, "attempt", 1, "--by", "joe")[0] == 75
    assert daemon.ctl("case", 1)["case"] == sequence, "it said that nothing has changed"
    for question in (("cases",), ("why", 1), ("when", 1), ("deliveries",), ("dead-letters",), ("status",)):
        assert timed_ctl(daemon, *question)[0] == 0, question
    assert timed_ctl(daemon, "reload")[0] == 0, "nothing of it has to be stored"
    policy = env.folder / "etc" / "policies.d" / "one-day.conf"
    text = policy.read_text(encoding="utf-8")

    def reload(number):
        policy.write_text(text.replace("version = 1;", f"version = {number + 2};"), encoding="utf-8")
        return timed_ctl(daemon, "reload")
    code, words = until_refused(disk, reload)
    assert code == 75 and "full" in words and "not now" in words, words
    disk.make_room()
    eventually(lambda: daemon.ctl("status")["store"] == "ok", "it goes on by itself")
    assert timed_ctl(daemon, "reload")[0] == 0
    disk.await_alerts(41)
    assert timed_ctl(daemon, "attempt", 1, "--by", "joe")[0] == 0
    ids = [alert["data"]["response"]["id"] for alert in disk.alerts() if alert["data"]["recipient"]["why"] == "owner"]
    assert len(set(ids)) == 41
    assert daemon.stop() == 0, daemon.log_tail()
    env.fault("Store: the disk is full to the last byte", within=60, over=60, logged="the store cannot be written to",
              noticed="acts are refused with words and exit code 75, questions are answered; /readyz answers 503; what was "
              "refused has not happened")


# --- a failing disk, damage

def failing_disk(env):
    """What the daemon's environment needs, and the file that makes the disk fail while it is there."""
    library, plan = env.folder / "fail_disk.so", env.folder / "fail"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "fail_disk.c", "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "FAIL_DISK": str(plan)}, plan


def ended(daemon, seconds_max=30):
    eventually(lambda: daemon.process.poll() is not None, "the daemon ends", seconds_max)
    return daemon.process.returncode


def test_a_disk_that_fails_ends_the_process_and_the_next_start_loses_nothing(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka, partitions=2)
    daemon = env.daemon(env.config(kafka, topic, receivers))
    daemon.environment, plan = failing_disk(env)
    produced = kafka.produce(topic, answers(200))
    daemon.start()
    settled(daemon, produced, receivers)
    for number, call in enumerate(("sync", "write")):
        plan.write_text(call, encoding="ascii")
        produced += kafka.produce(topic, later(answers(100), f"fault-{number}"))
        assert ended(daemon) == 74, daemon.log_tail()
        assert "the disk failed under the store" in daemon.log_tail()
        plan.unlink()
        daemon.start()
        settled(daemon, produced, receivers)
    count = check_books(env, daemon, produced, receivers)
    assert count.stored_cases == count.expected_cases > 0
    env.fault("Store: the disk answers a write or a sync with an error", within=30, over=60,
              logged="the disk failed under the store",
              noticed="the service ends with exit code 74; systemd starts it again, and it goes on from what the disk has")


def damage(store, table):
    """Writes noise over the first page of a table; returns the whole file."""
    with sqlite3.connect(store) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page, size = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0], \
            db.execute("PRAGMA page_size").fetchone()[0]
    db.close()
    with open(store, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
    return store.read_bytes()


def test_a_damaged_store_is_kept_as_it_is_and_the_way_out_is_said(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    produced = kafka.produce(topic, answers(100))
    settled(daemon, produced, receivers)
    assert daemon.stop() == 0
    sound = daemon.store.read_bytes()
    for table, is_seen_at_start in (("cases", True), ("case_event", False)):
        daemon.store.write_bytes(sound)
        kept = damage(daemon.store, table)
        daemon.start(is_ready=False)
        if not is_seen_at_start:
            daemon.await_ready()
            timed_ctl(daemon, "case", 1)
        assert ended(daemon) == 65, daemon.log_tail()
        assert "the store is damaged" in daemon.log_tail() and "closedloopd --restore BACKUP" in daemon.log_tail()
        assert daemon.store.read_bytes() == kept, "the file was changed"
    env.fault("Store: the database file is damaged", within=30, over="closedloopd --restore BACKUP, then start",
              logged="the store is damaged", lost="what was done since the backup and is not in Kafka",
              noticed="the service ends with exit code 65 and is not started again; the file stays as it is, the log says "
              "how a backup is restored")


def refused(env, daemon, wrapper=()):
    done = subprocess.run([*wrapper, str(daemon.program), "-c", str(daemon.config)], capture_output=True, text=True,
                          check=False, timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr


def test_a_store_that_is_not_as_it_should_be_is_refused_with_what_to_do(env: Env):
    kafka = env.kafka()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic)).start()
    assert daemon.stop() == 0
    daemon.store.chmod(0o644)
    code, said = refused(env, daemon)
    assert code == 77 and "others may read it" in said and "chmod 600" in said, said
    daemon.store.chmod(0o600)
    os.chown(daemon.store, 1, -1)
    code, said = refused(env, daemon)
    assert code == 77 and "it belongs to user 1" in said, said
    os.chown(daemon.store, os.geteuid(), -1)
    with sqlite3.connect(daemon.store) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    code, said = refused(env, daemon)
    assert code == 78 and "version 99" in said and "Install the newer closedloopd again" in said, said
    missing = env.daemon(env.config(kafka, topic, None, {"closedloopd.conf": {
        "store.sqlite": str(env.folder / "nowhere" / "closedloop.db")}}))
    code, said = refused(env, missing)
    assert code == 73 and "Create the folder first" in said, said
    folder = env.folder / "fixed"
    folder.mkdir()
    fixed = env.daemon(env.config(kafka, topic, None, {"closedloopd.conf": {"store.sqlite": str(folder / "closedloop.db")}}))
    code, said = refused(env, fixed, ["unshare", "-rm", "sh", "-c",
                                      'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"', str(folder)])
    assert code == 73 and "can only be read" in said and "must be writable by the user" in said, said
    assert not any(folder.iterdir())
    env.fault("Store: the file is somebody else's, open to others, of a newer version, or its folder is missing or read-only",
              within=60, over="do what the line says", logged="the service cannot start", log=said,
              noticed="the service does not start: exit code 77, 78 or 73, the log says why and what to do")


# --- backup and restore

def case_ids(store):
    return dict(store.execute("SELECT source || '/' || customer, id FROM v_case").fetchall())


def unhappy_answers(count, suffix):
    made = later(answers(count, customers=count), suffix)
    for number, answer in enumerate(made):
        answer["answers"] = {"nps": 1, "reason": "Nobody called back"}
        answer["customer"]["id"] = f"{suffix}-{number}"
    return made


def test_a_backup_that_is_taken_under_load_is_restored_and_the_same_answers_open_the_same_cases(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka, partitions=2)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    produced = kafka.produce(topic, unhappy_answers(1500, "before"))
    eventually(lambda: daemon.ctl("status")["cases"]["open"] > 200, "there is something to copy")
    assert daemon.metric("closedloop_backup_age_seconds") == float("inf")
    backup = env.folder / "closedloop.backup"
    code, said = timed_ctl(daemon, "backup", backup)
    assert code == 0 and "made and checked" in said, said
    assert backup.stat().st_mode & 0o777 == 0o600 and not Path(f"{backup}.part").exists()
    assert backup.read_bytes()[18:20] == b"\x01\x01", "a file of its own, without a write-ahead log"
    status = daemon.ctl("status")
    assert status["backup"]["file"] == str(backup) and status["backup"]["bytes"] == backup.stat().st_size
    assert 0 <= daemon.metric("closedloop_backup_age_seconds") < 120
    with sqlite3.connect(f"file:{backup}?mode=ro", uri=True) as copy:
        at_backup = case_ids(copy)
        offsets, rows = (copy.execute(sql).fetchone()[0] for sql in (
            "SELECT sum(next_offset) FROM v_offset", "SELECT count(*) FROM v_response"))
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    copy.close()
    assert rows == offsets == len(at_backup) > 200, "one moment of the store, offsets and cases together"
    code, said = timed_ctl(daemon, "backup", backup)
    assert code == 73 and "is there already" in said, "it would have written over a backup"
    produced += kafka.produce(topic, unhappy_answers(300, "after"))
    settled(daemon, produced, receivers)
    done = subprocess.run([str(daemon.program), "-c", str(daemon.config), "--restore", str(backup)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 75 and "stop closedloopd first" in done.stderr, done
    daemon.kill()
    lost = daemon.store_copy(env.folder / "lost.db")
    before = case_ids(lost)
    lost.close()
    daemon.store.write_bytes(b"\xa5" * daemon.store.stat().st_size)
    done = subprocess.run([str(daemon.program), "-c", str(daemon.config), "--restore", str(backup)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and "the one before is kept" in done.stdout, done
    assert len(list(env.folder.glob("closedloop.db.before-*"))) >= 1
    daemon.start()
    settled(daemon, produced, receivers)
    eventually(lambda: daemon.ctl("status")["cases"]["open"] == 1800, "all are there again")
    assert daemon.ctl("status")["backup"]["last_at"] is None, "the copy cannot know of itself"
    count = check_books(env, daemon, produced, receivers)
    restored = sqlite3.connect(env.folder / "copy.db")
    assert case_ids(restored) == before and set(at_backup.items()) <= set(before.items()), "promise S1"
    restored.close()
    assert count.stored_cases == 1800
    env.fault("Store: lost, and restored from a backup", within=60, over=120, logged="a backup of the store was made",
              lost="acts since the backup", noticed="what came since the backup is read again from Kafka: the same cases, "
              "the same ids, repeated messages under the same webhook-id")


def test_a_backup_that_cannot_be_made_or_is_damaged_says_why_and_leaves_nothing_behind(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    produced = kafka.produce(topic, unhappy_answers(300, "one"))
    settled(daemon, produced, receivers)
    code, said = timed_ctl(daemon, "backup", env.folder / "nowhere" / "b")
    assert code == 73 and "No such file" in said, said
    good = env.folder / "good.backup"
    assert timed_ctl(daemon, "backup", good)[0] == 0
    assert daemon.stop() == 0
    verify = [str(daemon.program), "--verify"]
    assert subprocess.run([*verify, good], capture_output=True, check=False).returncode == 0
    bad = env.folder / "bad.backup"
    shutil.copyfile(good, bad)
    damage(bad, "response_id")
    done = subprocess.run([*verify, bad], capture_output=True, text=True, check=False)
    assert done.returncode == 65 and "is damaged" in done.stderr, done
    assert subprocess.run([*verify, env.folder / "none"], capture_output=True, check=False).returncode == 66
    other = env.folder / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    sound = daemon.store.read_bytes()
    for wrong, words in ((bad, "is damaged"), (other, "is no backup"), (env.folder / "none", "No such file")):
        done = subprocess.run([str(daemon.program), "-c", str(daemon.config), "--restore", str(wrong)],
                              capture_output=True, text=True, check=False)
        assert done.returncode in (65, 73) and words in done.stderr, done
        assert "Nothing was changed" in done.stderr and ".restoring" not in done.stderr, done
        assert daemon.store.read_bytes() == sound, "nothing was changed"
    assert not list(env.folder.glob("*.restoring")) and not list(env.folder.glob("*.before-*"))
    damage(daemon.store, "dead_letter_place")       # the store itself, where nobody looks
    daemon.start()
    receivers.http("/hook/*", {"status": 200, "delay": 8})     # never idle: it is not found before
    kafka.produce(topic, unhappy_answers(5, "two"))
    eventually(lambda: daemon.ctl("status")["cases"]["open"] == 305, "messages are on their way")
    code, said = timed_ctl(daemon, "backup", env.folder / "third.backup")
    assert code in (65, 74) and "no backup was made" in said, said
    assert not list(env.folder.glob("third.backup*"))
    env.fault("Store: a backup finds that the store is damaged", within=10, over="closedloopd --restore BACKUP",
              logged="a backup of the store failed", lost="what was done since the backup and is not in Kafka",
              noticed="closedloopctl backup says what is damaged and makes no file")


def test_backup_and_restore_work_in_the_hardened_unit(env: Env):
    found = started()
    backup, store = "/var/lib/closedloop/monday.backup", found.file("/var/lib/closedloop/closedloop.db")
    assert "made and checked" in found.ask("closedloopctl", "backup", backup)
    assert found.run("closedloopctl", "backup", "/etc/closedloop/monday.backup").returncode == 73, "outside its folder"
    owner, sound = store.stat().st_uid, found.file(backup).read_bytes()
    assert found.file(backup).stat().st_uid == owner != 0
    found.ask("systemctl", "stop", UNIT)
    store.write_bytes(b"\xa5" * store.stat().st_size)
    begun(found)
    assert unit_ended(found) == ("65", 0), "it was started again"
    assert "closedloopd --restore BACKUP" in found.journal()
    found.ask("closedloopd", "--restore", backup)
    assert store.read_bytes() == sound and store.stat().st_uid == owner, "root gave it to the service"
    found.ask("systemctl", "reset-failed", UNIT)
    found.ask("systemctl", "start", UNIT)
    assert found.show("ActiveState") == "active"


# --- checks and upgrade

def test_damage_where_nobody_looks_is_found_by_the_check_after_the_start(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    produced = kafka.produce(topic, answers(100))
    settled(daemon, produced, receivers)
    check = eventually(lambda: (found := daemon.ctl("status")["store_check"])["is_done"] and found, "all is checked")
    assert check["checked"] == check["tables"] > 10
    assert f"{check['tables']} tables are sound" in timed_ctl(daemon, "status")[1]
    assert daemon.stop() == 0
    kept = damage(daemon.store, "dead_letter_place")
    daemon.start()
    assert ended(daemon, 60) == 65, daemon.log_tail()
    assert "table dead_letter" in daemon.log_tail() and "closedloopd --restore BACKUP" in daemon.log_tail()
    assert daemon.store.read_bytes() == kept, "the file was changed"
    env.fault("Store: damaged where nothing has looked yet", within=60, over="closedloopd --restore BACKUP, then start",
              logged="the store is damaged", lost="what was done since the backup and is not in Kafka",
              noticed="the check after the start finds it: the service ends with exit code 65")


def test_a_store_of_the_first_release_is_upgraded_and_goes_on(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers))
    os.close(os.open(daemon.store, os.O_CREAT | os.O_RDWR, 0o600))
    with sqlite3.connect(daemon.store) as db:
        db.executescript((HERE.parent / "data" / "store-version-1.sql").read_text(encoding="utf-8"))
        before = db.execute("SELECT number, state, owner, severity FROM v_case ORDER BY number").fetchall()
    db.close()
    daemon.start()
    cases = {case["number"]: case for case in daemon.ctl("cases")}
    assert [(n, cases[n]["state"], cases[n]["owner"], cases[n]["severity"]) for n in sorted(cases)] == before
    assert timed_ctl(daemon, "why", 1)[0] == 0 and len(daemon.ctl("case", 2)["events"]) > 1
    assert timed_ctl(daemon, "contact", 1, "--by", "joe")[0] == 0
    produced = kafka.produce(topic, unhappy_answers(20, "new"))
    settled(daemon, produced, receivers)
    assert daemon.stop() == 0, daemon.log_tail()
    store = daemon.store_copy(env.folder / "copy.db")
    assert store.execute("PRAGMA user_version").fetchone()[0] > 1
    assert store.execute("SELECT count(*) FROM v_case").fetchone()[0] == len(before) + 20
    assert store.execute("SELECT state FROM v_case WHERE number = 1").fetchone()[0] == "contacted"
    assert store.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    store.close()
