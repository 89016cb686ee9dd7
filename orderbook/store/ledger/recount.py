"""The audit's questions to Postgres: what the ledger claims, and what the rows say when they are counted anew."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, text

from orderbook.store.database import translated
from orderbook.store.reader import HOLD_DAYS

CURSORS = text("""
    SELECT c.generation_id, c.partition, c.origin, c.planned, c.committed, g.topic, g.topic_id, g.cluster_id
    FROM partition_cursor c JOIN topic_generation g ON g.id = c.generation_id ORDER BY 1, 2
""")
RANGES = text("""
    SELECT id, start_offset, end_offset, state, n_ok, n_bad, n_gap FROM offset_range
    WHERE generation_id = :generation AND partition = :partition ORDER BY start_offset
""")
# One scan a partition: each row finds its range by binary search among the starts.
RECOUNT = text("""
    SELECT width_bucket(kafka_offset, CAST(:starts AS bigint[])) AS bucket,
           count(*) FILTER (WHERE place = 'ticks') AS ok, count(*) FILTER (WHERE place = 'quarantine') AS bad,
           count(DISTINCT kafka_offset) AS offsets, max(kafka_offset) AS last
    FROM (SELECT kafka_offset, 'ticks' AS place FROM ticks
          WHERE generation_id = :generation AND kafka_partition = :partition
          UNION ALL
          SELECT kafka_offset, 'quarantine' FROM quarantine
          WHERE generation_id = :generation AND kafka_partition = :partition AND resolution <> 'landed') AS placed
    GROUP BY 1
""")
TWICE = text("""
    SELECT kafka_offset FROM (
        SELECT kafka_offset FROM ticks WHERE generation_id = :generation AND kafka_partition = :partition
           AND kafka_offset >= :start AND kafka_offset < :end
        UNION ALL
        SELECT kafka_offset FROM quarantine WHERE generation_id = :generation AND kafka_partition = :partition
           AND kafka_offset >= :start AND kafka_offset < :end AND resolution <> 'landed') AS placed
    GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 5
""")
LOST_ALARMS = text("""
    SELECT start_offset, end_offset FROM alarm
    WHERE kind = 'lost' AND generation_id = :generation AND partition = :partition ORDER BY 1
""")
UNKNOWN_PLACES = text("""
    SELECT generation_id, kafka_partition, count(*) FROM (
        SELECT generation_id, kafka_partition FROM ticks UNION ALL SELECT generation_id, kafka_partition FROM quarantine
    ) AS placed
    WHERE NOT EXISTS (SELECT FROM partition_cursor c
                      WHERE c.generation_id = placed.generation_id AND c.partition = placed.kafka_partition)
    GROUP BY 1, 2
""")
# The offsets of an interval that lie in Postgres, as one array: there may be millions.
HOT_OFFSETS = text("""
    SELECT coalesce(array_agg(kafka_offset), '{}') FROM (
        SELECT kafka_offset FROM ticks WHERE generation_id = :generation AND kafka_partition = :partition
           AND kafka_offset >= :start AND kafka_offset < :end
        UNION ALL
        SELECT kafka_offset FROM quarantine WHERE generation_id = :generation AND kafka_partition = :partition
           AND kafka_offset >= :start AND kafka_offset < :end AND resolution <> 'landed') AS placed
""")
STORED_TICKS = text("""
    SELECT kafka_offset, symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id
    FROM ticks WHERE generation_id = :generation AND kafka_partition = :partition
       AND kafka_offset >= :start AND kafka_offset < :end
""")
STORED_REJECTS = text("""
    SELECT kafka_offset, reason, key, value, resolution
    FROM quarantine WHERE generation_id = :generation AND kafka_partition = :partition
       AND kafka_offset >= :start AND kafka_offset < :end
""")


@dataclass(frozen=True, slots=True)
class AuditedCursor:
    """A partition as its cursor has it."""

    generation: int
    partition: int
    origin: int
    planned: int
    committed: int
    topic: str
    topic_id: str
    cluster_id: str

    @property
    def place(self) -> dict[str, int]:
        """Parameters of the statements."""
        return {"generation": self.generation, "partition": self.partition}


@dataclass(frozen=True, slots=True)
class AuditedRange:
    """A range as the ledger claims it."""

    id: int
    start: int
    end: int
    state: str
    ok: int | None
    bad: int | None
    gaps: int | None


@dataclass(frozen=True, slots=True)
class Recount:
    """What the rows of a range say."""

    ok: int = 0
    bad: int = 0
    offsets: int = 0  # distinct
    last: int = -1


@dataclass(frozen=True, slots=True)
class Stored:
    """The rows of an interval, by offset: ticks as their eight values; rejects as (reason, key, value, resolution)."""

    ticks: dict[int, tuple[Any, ...]]
    rejects: dict[int, tuple[str, bytes | None, bytes | None, str]]


class Snapshot:
    """All of the store at one instant."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def cursors(self) -> list[AuditedCursor]:
        """Every partition of every generation."""
        return [AuditedCursor(*row) for row in self._connection.execute(CURSORS)]

    def ranges(self, cursor: AuditedCursor) -> list[AuditedRange]:
        """What the ledger claims of a partition, in offset order."""
        return [AuditedRange(*row) for row in self._connection.execute(RANGES, cursor.place)]

    def recount(self, cursor: AuditedCursor, starts: Sequence[int]) -> dict[int, Recount]:
        """The rows counted anew, by the index of their range in ``starts``; -1: before the first."""
        rows = self._connection.execute(RECOUNT, {**cursor.place, "starts": list(starts)})
        return {row.bucket - 1: Recount(row.ok, row.bad, row.offsets, row.last) for row in rows}

    def offsets_twice(self, cursor: AuditedCursor, start: int, end: int) -> list[int]:
        """The first offsets of ``[start, end)`` that stand in two places."""
        return list(self._connection.execute(TWICE, {**cursor.place, "start": start, "end": end}).scalars())

    def lost_alarms(self, cursor: AuditedCursor) -> list[tuple[int, int]]:
        """The intervals that were announced as lost."""
        return [tuple(row) for row in self._connection.execute(LOST_ALARMS, cursor.place)]

    def unknown_places(self) -> list[tuple[int, int, int]]:
        """Generation, partition and count of rows that belong to no partition we know."""
        return [tuple(row) for row in self._connection.execute(UNKNOWN_PLACES)]

    def unreadable(self) -> list[tuple[str, str]]:
        """What should hold rows and could not be read, and why."""
        return []

    def _hot_offsets(self, cursor: AuditedCursor, start: int, end: int) -> Any:
        arguments = {**cursor.place, "start": start, "end": end}
        return np.array(self._connection.execute(HOT_OFFSETS, arguments).scalar_one(), np.int64)

    def stored(self, cursor: AuditedCursor, start: int, end: int) -> Stored:
        """The rows of ``[start, end)``, values included."""
        arguments = {**cursor.place, "start": start, "end": end}
        ticks = {row[0]: tuple(row[1:]) for row in self._connection.execute(STORED_TICKS, arguments)}
        rejects = {
            row[0]: (row.reason, _bytes(row.key), _bytes(row.value), row.resolution)
            for row in self._connection.execute(STORED_REJECTS, arguments)
        }
        return Stored(ticks, rejects)


def _bytes(value: memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Snapshot]:
    """Read all that lies in Postgres as of one instant, however long it takes."""
    with translated(), begin(engine) as connection:
        yield Snapshot(connection)


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """A transaction of one instant, in which no day of ticks goes away."""
    with engine.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
        connection.execute(HOLD_DAYS)
        yield connection
