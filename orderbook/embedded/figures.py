"""The figures of the live board, read in a thread of their own: a service that is away must not stop the supervisor."""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from orderbook.clock import utc_now
from orderbook.embedded.servers import Addresses
from orderbook.errors import OrderbookError
from orderbook.sections import DatabaseSettings, KafkaSettings
from orderbook.store.reader import Reader, StoredTick, newest_ticks
from orderbook.store.readers.ledger import landed, newest_cursors, open_alarms
from orderbook.stream.topics import TopicClient

INTERVAL_SECONDS = 1.0
FRESH = timedelta(days=1)  # a newest quote older than this is not looked for: each day more costs a probe per symbol


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at the pipeline."""

    at: float  # seconds of a monotonic clock
    log_end: int  # records ever written to the topic, over its partitions
    prefix: int  # of these, finished
    stored: int
    rejected: int
    halted: tuple[str, ...]  # partitions, with the reason
    alarms: int  # that nobody has acknowledged
    newest: StoredTick | None

    @property
    def lag_messages(self) -> int:
        """Records behind the prefix."""
        return max(0, self.log_end - self.prefix)


class Source(Protocol):
    """Where figures come from."""

    def read(self) -> Figures:
        """One look. Raises ``Unavailable``; may block for some seconds."""

    def close(self) -> None:
        """Close its connections."""


class ServerFigures:
    """Figures from Kafka and Postgres. Connects at the first look."""

    def __init__(self, database: DatabaseSettings, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._reader = Reader(database, statement_seconds=5)
        self._client: TopicClient | None = None

    @classmethod
    def of_embedded(cls, addresses: Addresses, topic: str) -> Self:
        """Of the servers that we started, whatever the environment says."""
        return cls(
            DatabaseSettings(url=SecretStr(addresses.database_url)),
            KafkaSettings(bootstrap_servers=addresses.kafka_bootstrap, topic=topic),
        )

    def read(self) -> Figures:
        """One look. Raises ``Unavailable``; may block for some seconds."""
        self._client = self._client or TopicClient(self._kafka)
        ends = self._client.bounds(self._client.identity().partitions)
        with self._reader.snapshot() as connection:
            cursors = newest_cursors(connection)
            counts = landed(connection)
            alarms, _ = open_alarms(connection, limit=1)
            newest = newest_ticks(connection, utc_now() - FRESH)
        return Figures(
            at=time.monotonic(),
            log_end=sum(bounds.end for bounds in ends.values()),
            prefix=sum(cursor.committed for cursor in cursors),
            stored=counts.ok,
            rejected=counts.bad,
            halted=tuple(f"{c.partition}: {c.halted_reason}" for c in cursors if c.halted_reason),
            alarms=alarms,
            newest=max(newest, key=lambda tick: tick.event_time, default=None),
        )

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.close()
        self._reader.close()


class FigureReader(threading.Thread):
    """Looks once a second and keeps the two latest looks, so that rates can be told."""

    def __init__(self, source: Source) -> None:
        super().__init__(name="figures", daemon=True)
        self._source = source
        self._ending = threading.Event()
        self.first: Figures | None = None
        self.before: Figures | None = None
        self.latest: Figures | None = None
        self.trouble = ""

    def run(self) -> None:
        """Look until told to end."""
        while not self._ending.is_set():
            self.look()
            self._ending.wait(INTERVAL_SECONDS)
        self._source.close()

    def end(self) -> None:
        """Ask the thread to end; it does after its present look."""
        self._ending.set()

    @property
    def rate_in(self) -> float | None:
        """Records a second that arrive in the log."""
        return _rate(self.before, self.latest, "log_end")

    @property
    def rate_stored(self) -> float | None:
        """Rows a second that arrive in ``ticks``."""
        return _rate(self.before, self.latest, "stored")

    @property
    def has_new_rows(self) -> bool:
        """Whether a row was stored since the first look."""
        return self.first is not None and self.latest is not None and self.latest.stored > self.first.stored

    def look(self) -> None:
        """Look once; what is away leaves the latest figures and its trouble."""
        try:
            seen = self._source.read()
        except (OrderbookError, SQLAlchemyError) as error:  # the board goes on, whatever they say
            self.trouble = str(error)
            return
        self.trouble = ""
        self.first = self.first or seen
        self.before, self.latest = self.latest, seen


def _rate(before: Figures | None, latest: Figures | None, name: str) -> float | None:
    if before is None or latest is None or latest.at <= before.at:
        return None
    grown: int = getattr(latest, name) - getattr(before, name)
    return grown / (latest.at - before.at)
