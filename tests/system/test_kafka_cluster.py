"""A cluster of two real brokers: leaders that are elected, a broker that is killed and comes back."""

import itertools
import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

from harness import Env, Kafka, Produced, answers, eventually
from test_kafka_health import check_books, health, later, lines, settled

PARTITIONS = 6
# Both have a copy of everything; as soon as a broker is back, its partitions are led by it again.
SETTINGS = ("default.replication.factor=2", "offsets.topic.replication.factor=2", "leader.imbalance.per.broker.percentage=0",
            "leader.imbalance.check.interval.seconds=1")


def leaders(kafka: Kafka, topic: str) -> dict[int, int]:
    """The broker that leads each partition; -1: none."""
    listed = subprocess.run(["kcat", "-L", "-J", "-b", kafka.bootstrap, "-t", topic, "-m", "10"], capture_output=True,
                            check=True)
    return {p["partition"]: p["leader"] for p in json.loads(listed.stdout)["topics"][0]["partitions"]}


def test_kafka_leaders_are_elected_and_a_killed_broker_comes_back_under_load(env: Env):
    first, receivers = env.kafka(True, *SETTINGS), env.receivers()
    second = env.kafka_beside(first)
    topic = env.topic(first, PARTITIONS)
    eventually(lambda: set(leaders(first, topic).values()) == {1, 2}, "each of the two leads some partitions")
    chosen = leaders(first, topic)
    produced = first.produce(topic, answers(60))
    daemon = env.daemon(env.config(f"{second.bootstrap},{first.bootstrap}", topic, receivers)).start()
    settled(daemon, produced)

    is_over = threading.Event()

    def feed() -> list[Produced]:
        fed: list[Produced] = []
        for number in itertools.count():
            if is_over.is_set():
                return fed
            fed += first.produce(topic, later(answers(100), f"load{number}"), "--rate", 200)

    def read_on() -> bool:
        before = daemon.ctl("status")["answers_read"]
        return eventually(lambda: daemon.ctl("status")["answers_read"] > before + 100, "the load is read")

    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(feed)
        try:
            read_on()
            second.kill()
            eventually(lambda: set(leaders(first, topic).values()) == {1}, "the other one is elected for all")
            read_on()
            assert daemon.get("/readyz")[0] == 200, daemon.get("/readyz")
            second.start()
            eventually(lambda: leaders(first, topic) == chosen, "it is elected again for its own")
            read_on()
        finally:
            is_over.set()
        produced += load.result()
    produced += first.produce(topic, later(answers(60), "after"))
    settled(daemon, produced)
    eventually(lambda: health(daemon) == "ok" and daemon.get("/readyz")[0] == 200, "all is well")
    assert len(lines(daemon, "Kafka cannot be reached")) <= 1, daemon.log_tail()
    check_books(env, daemon, produced, receivers)
    env.fault("Kafka: one broker of a cluster is killed under load and comes back", within=60, over=60, logged="nothing",
              noticed="nothing; answers of the partitions it led go on when others are elected")
