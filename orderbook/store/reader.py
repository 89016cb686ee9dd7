"""Reading what is stored: one snapshot at a time, in the reader's role, read-only. What stands in it is in the
statements; every function takes the connection of a ``Reader.snapshot``.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, text

from orderbook.config import settings
from orderbook.sections import DatabaseSettings
from orderbook.store.database import engine_for, told_of_schema, translated
from orderbook.store.days import list_days

Snapshot = Connection  # as callers outside the store name it
STATEMENT_SECONDS: Final = 30.0
LATE_ROWS: Final = 20_000  # how deep among a symbol's newest rows, and in the newest offsets, a late tick may hide


@dataclass(frozen=True, slots=True)
class StoredTick:
    """A row of ``ticks``."""

    symbol: str
    event_time: datetime
    received_time: datetime
    bid_price: Decimal | None
    ask_price: Decimal | None
    bid_volume: Decimal | None
    ask_volume: Decimal | None
    sequence_id: int
    landed_at: datetime
    generation_id: int
    kafka_partition: int
    kafka_offset: int


# Before any other statement: the snapshot begins with the first that reads.
HOLD_DAYS = text("LOCK TABLE ONLY ticks IN ACCESS SHARE MODE")
STATEMENT_TIMEOUT = text("SELECT set_config('statement_timeout', :milliseconds, true)")
# The newest tick of a symbol by event time need not have its highest sequence id: late ticks land with an old one.
NEWEST_SEQUENCES = text("""
    SELECT symbol, max(sequence_id) FROM (
        SELECT recent.symbol, recent.sequence_id
        FROM unnest(CAST(:symbols AS text[])) AS wanted (symbol)
        CROSS JOIN LATERAL (
            SELECT symbol, sequence_id FROM ticks WHERE symbol = wanted.symbol COLLATE "C"
            ORDER BY symbol DESC, event_time DESC LIMIT :rows) recent
        UNION ALL
        SELECT t.symbol, t.sequence_id
        FROM partition_cursor c
        JOIN ticks t ON t.generation_id = c.generation_id AND t.kafka_partition = c.partition
            AND t.kafka_offset >= c.planned - :rows AND t.kafka_offset < c.planned
        WHERE t.symbol = ANY(CAST(:symbols AS text[]))
        UNION ALL
        (SELECT DISTINCT ON (symbol) symbol, highest FROM sequence_chain
         WHERE symbol = ANY(CAST(:symbols AS text[])) ORDER BY symbol, last_time DESC)
    ) found GROUP BY symbol
""")
# Hops from symbol to symbol through the index instead of reading every row of the days.
NEWEST_TICKS = text("""
    WITH RECURSIVE hop AS (
        (SELECT symbol FROM ticks WHERE event_time >= :since ORDER BY symbol LIMIT 1)
        UNION ALL
        SELECT (SELECT t.symbol FROM ticks t WHERE t.symbol > hop.symbol AND event_time >= :since
                ORDER BY t.symbol LIMIT 1)
        FROM hop WHERE hop.symbol IS NOT NULL)
    SELECT newest.* FROM hop CROSS JOIN LATERAL (
        SELECT symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id, landed_at,
               generation_id, kafka_partition, kafka_offset
        FROM ticks WHERE symbol = hop.symbol AND event_time >= :since
        ORDER BY symbol DESC, event_time DESC, generation_id DESC, kafka_partition DESC, kafka_offset DESC LIMIT 1
    ) newest ORDER BY symbol
""")
COUNT_DAY = text("""
    SELECT count(*) FROM ticks
    WHERE event_time >= CAST(:day AS timestamp) AT TIME ZONE 'UTC'
      AND event_time < CAST(:day + 1 AS timestamp) AT TIME ZONE 'UTC'
""")


class Reader:
    """The reader's connection to Postgres, opened on first use; with ``connections`` that many. Not fork-safe.

    ``database`` defaults to this process' settings. Postgres ends a statement that takes longer than
    ``statement_seconds``.
    """

    def __init__(
        self,
        database: DatabaseSettings | None = None,
        statement_seconds: float = STATEMENT_SECONDS,
        *,
        name: str = "orderbook-reader",
        connections: int | None = None,
    ) -> None:
        self.engine = engine_for(database or settings().database, "reader", name=name, connections=connections)
        self._statement_seconds = statement_seconds

    @contextmanager
    def snapshot(self, *, holds_days: bool = False) -> Iterator[Connection]:
        """A transaction in which all statements see the same instant. Raises ``Unavailable``.

        A day that is frozen meanwhile leaves even an older snapshot, unless it ``holds_days``: then it stays until the
        transaction ends, and the archive waits.
        """
        repeatable = self.engine.execution_options(isolation_level="REPEATABLE READ")
        with told_of_schema(), translated(), repeatable.begin() as connection:
            if holds_days:
                connection.execute(HOLD_DAYS)
            milliseconds = str(int(self._statement_seconds * 1000))
            connection.execute(STATEMENT_TIMEOUT, {"milliseconds": milliseconds})
            yield connection

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def newest_sequences(symbols: Collection[str], database: DatabaseSettings | None = None) -> dict[str, int]:
    """The highest stored sequence id of each symbol; symbols that have no row are left out. Raises ``Unavailable``.

    Looks at a symbol's newest ``LATE_ROWS`` hot rows and at the rows of the newest ``LATE_ROWS`` offsets, so a tick
    that landed late counts too, unless both that many newer ticks and that many newer offsets lie above it. What is
    frozen counts by the symbol's chain, which outlives the rows: no day is frozen before it is stitched.
    """
    with Reader(database) as reader, reader.snapshot() as connection:
        rows = connection.execute(NEWEST_SEQUENCES, {"symbols": list(symbols), "rows": LATE_ROWS})
        return {row[0]: row[1] for row in rows}


def newest_ticks(connection: Connection, since: datetime) -> list[StoredTick]:
    """The newest tick of each symbol that has one since ``since``, by event time; ordered by symbol."""
    return [StoredTick(*row) for row in connection.execute(NEWEST_TICKS, {"since": since})]


@dataclass(frozen=True, slots=True)
class Day:
    """One daily partition of ``ticks``."""

    day: date
    rows: int
    estimated: bool
    bytes: int


def days(reader: Reader, *, exact: bool) -> list[Day]:
    """The daily partitions, oldest first. Rows are Postgres' estimate unless ``exact``, or where it has none yet."""
    found = []
    for day, rows, size in list_days(reader.engine):
        estimated = not exact and rows >= 0
        if not estimated:
            with reader.snapshot() as connection:
                rows = connection.execute(COUNT_DAY, {"day": day}).scalar_one()  # noqa: PLW2901 - the exact one
        found.append(Day(day, rows, estimated, size))
    return found
