"""The stitching's side of Postgres: finished ranges in, chains, events and counts out, one transaction a partition.

Only what lies below the prefix is read, so a range is seen once and in log order. The row of ``sequence_cursor`` is the
lock: the drainer never waits for it.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from orderbook.sequence import Chain, SymbolSummary, decoded
from orderbook.store.database import translated
from orderbook.tick import from_microseconds, microseconds

RANGES_AT_ONCE: Final = 100
BYTES_AT_ONCE: Final = 2**18  # of summaries; where a rule fits badly, one range holds thousands of sections

ADD_CURSORS = text("""
    INSERT INTO sequence_cursor (generation_id, partition, stitched)
    SELECT generation_id, partition, origin FROM partition_cursor ON CONFLICT DO NOTHING
""")
DUE = text("""
    SELECT c.generation_id, c.partition, c.committed, s.stitched FROM partition_cursor c
    LEFT JOIN sequence_cursor s USING (generation_id, partition)
    WHERE s.stitched IS NULL OR s.stitched < c.committed ORDER BY 1, 2
""")
LOCK = text("""
    SELECT s.stitched, c.committed FROM sequence_cursor s JOIN partition_cursor c USING (generation_id, partition)
    WHERE generation_id = :generation AND partition = :partition FOR UPDATE OF s SKIP LOCKED
""")
FINISHED = text("""
    SELECT start_offset, end_offset, n_ok, summary FROM (
        SELECT start_offset, end_offset, n_ok, summary,
               sum(size) OVER (ORDER BY start_offset) - size AS bytes_before
        FROM (SELECT *, coalesce(pg_column_size(summary), 0) AS size FROM offset_range
              WHERE generation_id = :generation AND partition = :partition AND state <> 'planned'
                AND start_offset >= :stitched AND end_offset <= :committed
              ORDER BY start_offset LIMIT :most) AS next) AS summed
    WHERE bytes_before < :most_bytes ORDER BY start_offset
""")
TICKS_OF = text("""
    SELECT symbol, event_time, sequence_id, kafka_offset FROM ticks
    WHERE generation_id = :generation AND kafka_partition = :partition
      AND kafka_offset >= :start AND kafka_offset < :end
""")
CHAINS = text("""
    SELECT symbol, epoch_offset, run_offset, run_time, run_after_time, lowest, highest, highest_offset, last,
           last_offset, last_time
    FROM sequence_chain
    WHERE generation_id = :generation AND partition = :partition AND symbol = ANY(CAST(:symbols AS text[]))
""")
SAVE_CHAINS = text("""
    INSERT INTO sequence_chain
    SELECT :generation, :partition, c.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS c (
        symbol text, epoch_offset bigint, run_offset bigint, run_time timestamptz, run_after_time timestamptz,
        lowest bigint, highest bigint, highest_offset bigint, last bigint, last_offset bigint, last_time timestamptz)
    ON CONFLICT (generation_id, partition, symbol) DO UPDATE
    SET epoch_offset = excluded.epoch_offset, run_offset = excluded.run_offset, run_time = excluded.run_time,
        run_after_time = excluded.run_after_time, lowest = excluded.lowest, highest = excluded.highest,
        highest_offset = excluded.highest_offset, last = excluded.last, last_offset = excluded.last_offset,
        last_time = excluded.last_time
""")
MOVE = text("""
    UPDATE sequence_cursor SET stitched = :stitched WHERE generation_id = :generation AND partition = :partition
""")
# Rows in one order everywhere: partitions are stitched side by side, and a symbol may have moved between them.
COUNT_HOURS = text("""
    INSERT INTO symbol_hour (symbol, hour, ticks)
    SELECT symbol, timestamptz 'epoch' + hour * interval '1 hour', ticks
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS h (symbol text, hour bigint, ticks bigint) ORDER BY symbol, hour
    ON CONFLICT (symbol, hour) DO UPDATE SET ticks = symbol_hour.ticks + excluded.ticks
""")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A finished or lost range below the prefix: ``[start, end)``."""

    start: int
    end: int
    summary: list[SymbolSummary]


# (symbol, event time, sequence id, offset) of the ticks of a range to its summary
TickRows = Sequence[tuple[str, datetime, int, int]]
SummariseRows = Callable[[TickRows], list[SymbolSummary]]


class PartitionStitching:
    """One partition inside one transaction: what is read, and written back."""

    def __init__(self, connection: Connection, place: dict[str, int], stitched: int, committed: int) -> None:
        self.connection = connection
        self.place = place
        self.stitched = stitched
        self.committed = committed

    def stretches(self, summarise: SummariseRows) -> list[Stretch]:
        """The next ranges to stitch, in log order. One without a summary is summarised from its rows."""
        arguments = {**self.place, "stitched": self.stitched, "committed": self.committed}
        arguments |= {"most": RANGES_AT_ONCE, "most_bytes": BYTES_AT_ONCE}
        return [self._stretch(row, summarise) for row in self.connection.execute(FINISHED, arguments).all()]

    def _stretch(self, row: Any, summarise: SummariseRows) -> Stretch:
        if row.summary is not None or not row.n_ok:
            return Stretch(row.start_offset, row.end_offset, decoded(row.summary or ()))
        place = {**self.place, "start": row.start_offset, "end": row.end_offset}
        rows = [tuple(tick) for tick in self.connection.execute(TICKS_OF, place)]
        return Stretch(row.start_offset, row.end_offset, summarise(rows))

    def chains(self, symbols: Collection[str]) -> dict[str, Chain]:
        """Where the chains of these symbols stand."""
        rows = self.connection.execute(CHAINS, {**self.place, "symbols": list(symbols)})
        return {row.symbol: Chain(*(_plain(value) for value in row)) for row in rows}

    def save(self, chains: Iterable[Chain], hours: dict[tuple[str, int], int], stitched: int) -> None:
        """Note where the chains stand now, how many ticks came in which hour, and how far we are."""
        rows = [_written(chain) for chain in chains]
        if rows:
            self.connection.execute(SAVE_CHAINS, {**self.place, "rows": json.dumps(rows)})
        counts = [{"symbol": symbol, "hour": hour, "ticks": ticks} for (symbol, hour), ticks in hours.items()]
        if counts:
            self.connection.execute(COUNT_HOURS, {"rows": json.dumps(counts)})
        self.connection.execute(MOVE, {**self.place, "stitched": stitched})
        self.stitched = stitched


def due(engine: Engine) -> dict[tuple[int, int], int]:
    """See ``Sequences.due``. A partition that is new gets its cursor here."""
    with translated(), engine.begin() as connection:
        found = connection.execute(DUE).all()
        if any(row.stitched is None for row in found):
            connection.execute(ADD_CURSORS)
    return {(row.generation_id, row.partition): row.committed for row in found}


@contextmanager
def stitching(engine: Engine, generation: int, partition: int) -> Iterator[PartitionStitching | None]:
    """One transaction over a partition, committed when the block ends; None where another process stitches it."""
    place = {"generation": generation, "partition": partition}
    with translated(), engine.begin() as connection:
        row = connection.execute(LOCK, place).one_or_none()
        yield None if row is None else PartitionStitching(connection, place, row.stitched, row.committed)


def _plain(value: Any) -> Any:
    return microseconds(value) if isinstance(value, datetime) else value


def _written(chain: Chain) -> dict[str, Any]:
    return with_instants(chain._asdict())


def with_instants(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its times, in microseconds, written as instants for Postgres to read."""
    return {n: from_microseconds(value).isoformat() if n.endswith("time") else value for n, value in row.items()}
