"""Prometheus itself, with our rules, over one running pipeline: alarms ring on their fault and stop once it is over."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from redis import Redis

from orderbook.clock import utc_now
from orderbook.embedded.ports import choose_port
from tests.conftest import wait_for
from tests.processes import SYMBOLS, Deployment, deployment_over
from tests.prometheus import Prometheus, watching
from tests.servers import RunningServers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

DIVISOR = 20  # a minute of patience is three seconds
RETENTION_SECONDS = 100
STALE_SECONDS = 5
HEALTHY_SECONDS = 20  # of scraping: as long as 400 s to the rules
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
GARBAGE = 400


@dataclass(frozen=True)
class Watched:
    """A deployment with its feed, and Prometheus over it."""

    deployment: Deployment
    alarms: Prometheus
    worker_port: int

    def worker(self) -> None:
        self.deployment.worker(ORDERBOOK_METRICS__WORKER_PORT=str(self.worker_port))

    def feed(self) -> None:
        self.deployment.simulator(f"--symbols {SYMBOLS},CLS-GAS --interval 0.1 --force")

    def end(self, name: str) -> None:
        self.deployment.running.pop(name).stop()

    def producer(self, **options: str) -> Producer:
        return Producer({"bootstrap.servers": self.deployment.servers.kafka_bootstrap, **options})


def profiles(folder: Path) -> Path:
    """Little patience; and CLS, whose market opens the day after tomorrow."""
    path, opens = folder / "profiles.toml", DAYS[(utc_now().weekday() + 2) % 7]
    path.write_text(f"""
[[symbols]]
pattern = "CLS-*"
profile = "closed"

[profiles.default]
stale_after_seconds = {STALE_SECONDS}

[profiles.closed]
stale_after_seconds = 1
sessions = {{ time_zone = "UTC", hours = ["{opens} 08:00-18:00"] }}
""")
    return path


@pytest.fixture(scope="module")
def watched(
    servers: RunningServers, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """One pipeline for all: what is left of one fault is there at the next."""
    folder = tmp_path_factory.mktemp("alarms")
    changes = {
        "ORDERBOOK_METRICS__ENABLED": "true",
        "ORDERBOOK_METRICS__INTERVAL_SECONDS": "0.5",
        "ORDERBOOK_METRICS__STALE_SECONDS": "10",
        "ORDERBOOK_INGEST__PROFILES_FILE": str(profiles(folder)),
    }
    places = {"orderbook": choose_port(), "worker": choose_port()}
    with deployment_over(servers, migrated_template, **changes) as deployment:
        limit_retention(deployment)
        deployment.start("exporter", f"orderbook exporter --port {places['orderbook']}")
        deployment.worker(ORDERBOOK_METRICS__WORKER_PORT=str(places["worker"]))
        deployment.beat()
        deployment.simulator(f"--symbols {SYMBOLS},CLS-GAS --interval 0.1")
        wait_for(lambda: len(deployment.prefix()) == 6, 60, what="six partitions are drained")
        with watching(folder, places, DIVISOR) as alarms:
            yield Watched(deployment, alarms, places["worker"])


def limit_retention(deployment: Deployment) -> None:
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka_bootstrap})
    entry = ConfigEntry("retention.ms", str(RETENTION_SECONDS * 1000), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, deployment.topic, incremental_configs=[entry])
    for answer in admin.incremental_alter_configs([resource]).values():
        answer.result(20)


def assert_silent(watched: Watched, seconds: float = 60) -> None:
    wait_for(lambda: not watched.alarms.firing(), seconds, what="no alarm rings")


def test_a_healthy_pipeline_rings_no_alarm(watched: Watched) -> None:
    assert_silent(watched)
    until = time.monotonic() + HEALTHY_SECONDS
    rang: set[str] = set()
    while time.monotonic() < until:
        rang |= watched.alarms.names()
        time.sleep(0.5)
    assert rang == set()
    answer = watched.alarms.ask("query?query=count(orderbook_symbol_stale)")
    assert answer["result"][0]["value"][1] == "13"


def test_a_feed_that_stops_rings_for_every_symbol_but_those_of_a_closed_market(watched: Watched) -> None:
    watched.end("simulator")
    for symbol in SYMBOLS.split(","):
        watched.alarms.assert_rings("SymbolStale", 40, symbol=symbol)
    assert "CLS-GAS" not in {labels.get("symbol") for labels in watched.alarms.firing()}
    assert watched.alarms.names() == {"SymbolStale"}
    watched.feed()
    assert_silent(watched)


def test_an_exporter_that_ends_rings_and_one_that_returns_silences_it(watched: Watched) -> None:
    exporter = watched.deployment.running["exporter"]
    exporter.stop()
    watched.alarms.assert_rings("ExporterDown", 30)
    exporter.start()
    assert_silent(watched)


def test_servers_that_are_away_ring_each_for_itself(watched: Watched) -> None:
    servers = watched.deployment.servers
    for name in ("valkey", "kafka", "postgres"):
        servers.fleet.running[name].kill()
    for source in ("redis", "kafka", "postgres"):
        watched.alarms.assert_rings("SourceDown", 40, source=source)
    for name in ("postgres", "kafka", "valkey"):
        servers.start_again(name)
    assert_silent(watched, 90)


def test_a_hanging_transaction_a_full_redis_and_a_stranger_in_the_group_ring(watched: Watched) -> None:
    deployment, alarms = watched.deployment, watched.alarms
    producer = watched.producer(**{"transactional.id": f"{deployment.topic}.hanging"})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(deployment.topic, b"garbage", partition=1)
    producer.flush()
    options = {"bootstrap.servers": deployment.servers.kafka_bootstrap, "enable.auto.commit": False}
    stranger = Consumer({**options, "group.id": deployment.environment["ORDERBOOK_KAFKA__GROUP_ID"]})
    stranger.subscribe([deployment.topic])
    wait_for(lambda: (stranger.poll(0.1), stranger.assignment())[1], 60, what="the stranger is in the group")
    stranger.commit(offsets=[TopicPartition(deployment.topic, 2, 10_000_000)], asynchronous=False)
    with Redis.from_url(deployment.servers.redis_url) as redis:
        redis.config_set("maxmemory", int(redis.info("memory")["used_memory"] / 0.9))
        alarms.assert_rings("RedisMemoryHigh", 30)
        redis.config_set("maxmemory", 0)
    alarms.assert_rings("GroupOffsetAhead", 30, partition="2")
    stranger.close()
    alarms.assert_rings("LastStableOffsetBehind", 60, partition="1")
    producer.abort_transaction(20)
    assert_silent(watched)


def test_a_flood_of_garbage_halts_its_partition_and_once_accepted_is_a_high_ratio(watched: Watched) -> None:
    producer = watched.producer()
    for _ in range(GARBAGE):
        producer.produce(watched.deployment.topic, b"garbage", partition=3)
    producer.flush()
    watched.alarms.assert_rings("PartitionHalted", 30, partition="3")
    done = watched.deployment.run("orderbook ranges resume 3 --accept --why garbage")
    assert done.returncode == 0, done.stderr
    watched.alarms.assert_rings("QuarantineRatioHigh", 60)
    assert_silent(watched, 90)


def test_a_worker_away_for_long_rings_of_lag_and_queue_and_retention_and_what_is_lost(watched: Watched) -> None:
    deployment, alarms = watched.deployment, watched.alarms
    watched.end("worker")
    alarms.assert_rings("WorkerDown", 30)
    alarms.assert_rings("DrainerSilent", 60)
    alarms.assert_rings("QueueNotConsumed", 120)
    alarms.assert_rings("LagHigh", 120)
    alarms.assert_rings("RetentionHeadroomLow", 60)
    lost = deployment.ends()[0] - 5
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka_bootstrap})
    for answer in admin.delete_records([TopicPartition(deployment.topic, 0, lost)]).values():
        answer.result(20)
    watched.worker()
    alarms.assert_rings("OffsetsLost", 90)
    for (number,) in deployment.rows("SELECT id FROM offset_range WHERE state = 'lost'"):
        done = deployment.run(f"orderbook ranges confirm {number} --why known")
        assert done.returncode == 0, done.stderr
    assert_silent(watched, 90)
