"""The store's file is taken away under the running daemon."""

from __future__ import annotations

from harness import Env, eventually
from test_daemon import settled
from test_store_faults import timed_ctl, unhappy_answers


def test_a_store_whose_file_is_removed_is_said_at_once_and_a_backup_saves_it(env: Env):
    kafka, receivers = env.kafka(), env.receivers()
    topic = env.topic(kafka)
    daemon = env.daemon(env.config(kafka, topic, receivers)).start()
    settled(daemon, kafka.produce(topic, unhappy_answers(20, "one")), receivers)
    daemon.store.unlink()
    eventually(lambda: "removed, moved or replaced" in daemon.ctl("status")["store"], "it is noticed")
    code, said = timed_ctl(daemon, "contact", 1, "--by", "ana", "--channel", "phone", "--result", "spoke")
    assert code == 75 and "closedloopctl backup" in said, said
    backup = env.folder / "saved.backup"
    code, said = timed_ctl(daemon, "backup", backup)
    assert code == 0, said
    daemon.stop()
    daemon.store.unlink(missing_ok=True)
    backup.rename(daemon.store)
    daemon.start()
    produced = kafka.produce(topic, unhappy_answers(5, "two"))
    assert len(produced) == 5
    eventually(lambda: daemon.ctl("status")["cases"]["open"] == 25, "every case is there, and it goes on")
    env.fault("Store: its file is removed while the daemon runs", within=10, over="closedloopctl backup, --restore",
              logged="the store cannot be written to", noticed="nothing is read or recorded any more; status says what "
              "to do before a stop")
