"""What every way is measured on: real servers with fsync on, one log of ticks, a fresh database for each run."""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg2
from confluent_kafka import Producer
from pydantic import SecretStr

from orderbook.embedded.folder import DataFolder
from orderbook.embedded.servers import servers_in
from orderbook.sections import DatabaseSettings, KafkaSettings
from orderbook.simulator.market import Walk
from orderbook.store.database import engine_for
from orderbook.store.days import make_days_ahead
from orderbook.stream.topics import TopicClient
from tests.bench.cpu import Meter
from tests.servers import RunningServers, database_of, new_data_dir

SYMBOLS = [f"{hub}-{kind}" for hub in ("TTF", "NBP", "THE", "PEG", "ZTP", "PSV") for kind in ("DA", "WE", "M1", "M2")]
QUOTES = 2_000  # of each symbol, then the walk begins again
BETWEEN = timedelta(microseconds=20)
FLUSH_EACH = 50_000
LARGE = 2**20 - 4_096  # bytes: topics take a megabyte, headers included


@dataclass(frozen=True, slots=True)
class Log:
    """A topic of ticks: as many in each partition, give or take one."""

    topic: str
    partitions: int
    ticks: int

    def ends(self) -> dict[int, int]:
        """Where each partition ends."""
        whole, rest = divmod(self.ticks, self.partitions)
        return {number: whole + (number < rest) for number in range(self.partitions)}


@dataclass
class Stage:
    """The servers, and who they are, for the meters."""

    servers: RunningServers
    template: str
    meters: dict[str, Meter]
    logs: dict[tuple[int, int, int, int], Log] = field(default_factory=dict)

    def log(self, ticks: int, partitions: int = 6, bad_per_thousand: int = 0, number: int = 0) -> Log:
        """A log of that many ticks, written the first time it is asked for; ``number`` tells equal ones apart."""
        key = (ticks, partitions, bad_per_thousand, number)
        if key not in self.logs:
            self.logs[key] = self._write(ticks, partitions, bad_per_thousand)
        return self.logs[key]

    def log_of_large(self, ticks: int) -> Log:
        """A log of valid ticks of one megabyte each, and one bad one in five."""
        return self._append(1, ticks, (_padded(value) for value in values(ticks, 1, bad_per_thousand=200)))

    def _write(self, ticks: int, partitions: int, bad_per_thousand: int) -> Log:
        return self._append(partitions, ticks, values(ticks, partitions, bad_per_thousand))

    def _append(self, partitions: int, ticks: int, lines: Iterator[bytes]) -> Log:
        log = Log(f"bench.{uuid4().hex[:8]}", partitions, ticks)
        kafka = KafkaSettings(bootstrap_servers=self.servers.kafka_bootstrap, topic=log.topic, partitions=partitions)
        with TopicClient(kafka) as client:
            client.create()
        options = {"bootstrap.servers": kafka.bootstrap_servers, "linger.ms": 20, "message.max.bytes": 2**21}
        producer = Producer({**options, "queue.buffering.max.messages": 200_000})
        for number, value in enumerate(lines):
            producer.produce(log.topic, value, b"k", partition=number % partitions)
            if number % FLUSH_EACH == 0 or len(value) > LARGE // 2:
                producer.flush()
        producer.flush()
        return log

    @contextmanager
    def database(self, *, migrated: bool) -> Iterator[str]:
        """A database of one run, dropped afterwards; each run begins after a checkpoint."""
        url = self.servers.create_database(self.template if migrated else "template0")
        self.servers.administer("CHECKPOINT")
        try:
            yield url
        finally:
            self.servers.drop_database(url)

    def rows_in(self, url: str, table: str) -> int:
        """How many rows a table has."""
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            return int(cursor.fetchone()[0])  # type: ignore[index]


def values(ticks: int, partitions: int, bad_per_thousand: int = 0) -> Iterator[bytes]:
    """Ticks of about 200 bytes as the simulator sends them, each partition with symbols of its own; in event time."""
    quotes = {symbol: _quotes(symbol) for symbol in SYMBOLS}
    own = [SYMBOLS[number::partitions] or SYMBOLS[number % len(SYMBOLS) :][:1] for number in range(partitions)]
    start = datetime.now(UTC) - BETWEEN * ticks - timedelta(seconds=1)
    for number in range(ticks):
        turn, partition = divmod(number, partitions)
        sequence, place = divmod(turn, len(own[partition]))
        symbol = own[partition][place]
        at = start + BETWEEN * number
        bid, ask, bid_volume, ask_volume = quotes[symbol][turn % QUOTES]
        if number * 7 % 1_000 < bad_per_thousand:  # scattered
            ask = "0"  # crossed
        yield (
            f'{{"symbol":"{symbol}","event_time":"{_iso(at)}","received_time":"{_iso(at + timedelta(microseconds=7))}",'
            f'"bid_price":{bid},"ask_price":{ask},"bid_volume":{bid_volume},"ask_volume":{ask_volume},'
            f'"sequence_id":{sequence + 1}}}'
        ).encode()


def _padded(value: bytes) -> bytes:
    return value[:-1].ljust(LARGE) + b"}"


def _quotes(symbol: str) -> list[tuple[str, str, str, str]]:
    walk = Walk(symbol, 1)
    quotes = [walk.step() for _ in range(QUOTES)]
    return [(str(q.bid_price), str(q.ask_price), str(q.bid_volume), str(q.ask_volume)) for q in quotes]


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


@contextmanager
def stage() -> Iterator[Stage]:
    """Servers of the bench's own, on free ports, stopped and removed afterwards. Postgres is as durable as any."""
    path = new_data_dir()
    try:
        with servers_in(DataFolder(path), standard_ports=False) as fleet:
            servers = RunningServers.of(fleet)
            yield Stage(servers, _template(servers), {name: Meter(p.pid) for name, p in fleet.running.items()})
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _template(servers: RunningServers) -> str:
    url = servers.create_migrated()
    engine = engine_for(DatabaseSettings(url=SecretStr(url)), "migrator", name="bench")
    make_days_ahead(engine, 1)
    engine.dispose()
    time.sleep(0.1)
    servers.administer(f"ALTER DATABASE {database_of(url)} ALLOW_CONNECTIONS false")
    return database_of(url)
