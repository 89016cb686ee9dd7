"""The figures of the live board, read in a thread of their own: a service that is away must not stop the supervisor."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from orderbook.embedded.servers import Addresses
from orderbook.errors import OrderbookError
from orderbook.sections import DatabaseSettings, KafkaSettings
from orderbook.store.database import engine_for, translated
from orderbook.stream.topics import TopicClient

INTERVAL_SECONDS = 1.0

# the ledger's own counts: counting the rows themselves would read every day on each look
COUNTS = text("""
    SELECT coalesce(sum(n_ok), 0)::bigint AS stored, coalesce(sum(n_bad), 0)::bigint AS rejected,
           (SELECT coalesce(sum(committed), 0)::bigint FROM partition_cursor
            WHERE generation_id = (SELECT max(id) FROM topic_generation)) AS prefix
    FROM offset_range WHERE state = 'done'
""")
# walks the index from symbol to symbol, where DISTINCT would read it whole
NEWEST = text("""
    WITH RECURSIVE names AS (
        SELECT min(symbol) AS symbol FROM ticks
        UNION ALL
        SELECT (SELECT min(symbol) FROM ticks WHERE ticks.symbol > names.symbol) FROM names WHERE symbol IS NOT NULL
    )
    SELECT newest.* FROM names CROSS JOIN LATERAL (
        SELECT symbol, event_time, bid_price, ask_price FROM ticks
        WHERE ticks.symbol = names.symbol ORDER BY event_time DESC LIMIT 1
    ) AS newest ORDER BY event_time DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest stored tick."""

    symbol: str
    event_time: datetime
    bid_price: Decimal | None
    ask_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at the pipeline."""

    at: float  # seconds of a monotonic clock
    log_end: int  # records ever written to the topic, over its partitions
    stored: int
    rejected: int
    prefix: int
    newest: Quote | None

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

    def __init__(self, addresses: Addresses, topic: str) -> None:
        self._kafka = KafkaSettings(bootstrap_servers=addresses.kafka_bootstrap, topic=topic)
        self._database = DatabaseSettings(url=SecretStr(addresses.database_url))
        self._client: TopicClient | None = None
        self._engine: Engine | None = None

    def read(self) -> Figures:
        """One look. Raises ``Unavailable``; may block for some seconds."""
        self._engine = self._engine or engine_for(self._database, "reader", name="orderbook-board")
        self._client = self._client or TopicClient(self._kafka)
        ends = self._client.bounds(self._client.identity().partitions)
        with translated(), self._engine.connect() as connection:
            counts = connection.execute(COUNTS).one()
            newest = connection.execute(NEWEST).one_or_none()
        return Figures(
            at=time.monotonic(),
            log_end=sum(bounds.end for bounds in ends.values()),
            stored=counts.stored,
            rejected=counts.rejected,
            prefix=counts.prefix,
            newest=Quote(newest.symbol, newest.event_time, newest.bid_price, newest.ask_price) if newest else None,
        )

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.close()
        if self._engine is not None:
            self._engine.dispose()


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
