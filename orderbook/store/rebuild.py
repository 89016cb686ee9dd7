"""What a rebuild changes of the store. Lock order as everywhere: ranges, then days, then quarantine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from orderbook.crashpoints import crashpoint
from orderbook.errors import Unavailable
from orderbook.store.copy_in import copy_in
from orderbook.store.database import translated
from orderbook.store.days import make_day, missing_days
from orderbook.store.journal import Operator, record
from orderbook.store.reader import HOLD_DAYS
from orderbook.store.recount import AuditedCursor, Snapshot, Stored
from orderbook.store.rejects import Reject, quarantine_rows
from orderbook.store.requeue import RESOLVE, STORE
from orderbook.tick import FIELDS, OrderBookTick

# Judging again shows nothing of these: Postgres or a process' end was the evidence.
SPARED = frozenset({"refused", "poison", "poison_unread"})

# A reject's own day may be unreadable, so the broker's counts.
EXTENT = text("""
    SELECT min(kafka_offset), max(kafka_offset) + 1 FROM (
        SELECT kafka_offset FROM ticks WHERE event_time >= :first AND event_time < :last
           AND generation_id = :generation AND kafka_partition = :partition
        UNION ALL
        SELECT kafka_offset FROM quarantine WHERE broker_time >= :first AND broker_time < :last
           AND generation_id = :generation AND kafka_partition = :partition) AS placed
""")
LOCK_RANGES = text("""
    SELECT id, start_offset, end_offset FROM offset_range
    WHERE generation_id = :generation AND partition = :partition AND state = 'done'
      AND start_offset < :end AND end_offset > :start
    ORDER BY start_offset FOR UPDATE
""")
WITHDRAW = text("""
    SELECT withdraw_ticks(CAST(:generation AS smallint), :partition, CAST(:symbols AS text[]),
                          CAST(:times AS timestamptz[]), CAST(:offsets AS bigint[]))
""")
FILL = text("""
    INSERT INTO late_fill (generation_id, partition, kafka_offset, symbol, sequence_id)
    VALUES (:generation, :partition, :offset, :symbol, :sequence_id)
    ON CONFLICT (generation_id, partition, kafka_offset)
    DO UPDATE SET symbol = excluded.symbol, sequence_id = excluded.sequence_id
""")
UNFILL = text("""
    DELETE FROM late_fill
    WHERE generation_id = :generation AND partition = :partition AND kafka_offset = ANY(CAST(:offsets AS bigint[]))
""")
COUNT_HOUR = text("""
    INSERT INTO symbol_hour (symbol, hour, ticks) VALUES (:symbol, date_trunc('hour', :event_time, 'UTC'), :more)
    ON CONFLICT (symbol, hour) DO UPDATE SET ticks = symbol_hour.ticks + :more
""")
COUNT_OVER = text("UPDATE offset_range SET n_ok = n_ok + :more, n_bad = n_bad - :more WHERE id = :id")

_TIME, _SYMBOL = FIELDS.index("event_time"), FIELDS.index("symbol")
Verdicts = Mapping[int, OrderBookTick | Reject]  # by offset


@dataclass(slots=True)
class Changes:
    """What differs between the rows of now and the verdicts of now, by offset."""

    withdrawn: list[int] = field(default_factory=list)  # ticks that go: other values, or no tick any more
    stored: list[int] = field(default_factory=list)  # ticks that come
    landed: list[int] = field(default_factory=list)  # rejects whose tick comes
    reopened: list[int] = field(default_factory=list)  # rejects that had landed, and are rejects again
    quarantined: list[int] = field(default_factory=list)  # ticks that are rejects
    elsewhere: list[int] = field(default_factory=list)  # rows that are not in Postgres: archived, so not compared

    def __bool__(self) -> bool:
        return bool(self.withdrawn or self.stored)

    def __str__(self) -> str:
        corrected = len(set(self.withdrawn) & set(self.stored))
        rejected = len(self.reopened) + len(self.quarantined)
        return f"{len(self.landed)} stored, {rejected} quarantined, {corrected} corrected"


def compare(rows: Stored, verdicts: Verdicts) -> Changes:
    """What makes the rows what the verdicts say. A reject that was dropped, or that judging cannot show, stays."""
    changes = Changes()
    for offset, verdict in verdicts.items():
        tick, rejected = rows.ticks.get(offset), rows.rejects.get(offset)
        resolution = rejected[3] if rejected is not None else None
        if tick is None and resolution in {None, "landed"}:
            changes.elsewhere.append(offset)
        elif isinstance(verdict, Reject):
            if tick is not None:
                changes.withdrawn.append(offset)
                (changes.quarantined if rejected is None else changes.reopened).append(offset)
        elif tick is not None:
            if tick != tuple(getattr(verdict, name) for name in FIELDS):
                changes.withdrawn.append(offset)
                changes.stored.append(offset)
        elif rejected is not None and resolution == "open" and rejected[0] not in SPARED:
            changes.landed.append(offset)
            changes.stored.append(offset)
    return changes


def extent_of_day(engine: Engine, cursor: AuditedCursor, day: date) -> tuple[int, int] | None:
    """The offsets among which the hot ticks of a UTC day lie, and the rejects that came on it; None: there are none."""
    first = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    with translated(), engine.begin() as connection:
        connection.execute(HOLD_DAYS)
        start, end = connection.execute(EXTENT, {**cursor.place, "first": first, "last": first + timedelta(1)}).one()
    return None if start is None else (start, end)


def apply(
    engine: Engine, cursor: AuditedCursor, bounds: tuple[int, int], verdicts: Verdicts, operator: Operator
) -> Changes:
    """Make the rows of the finished ranges within ``bounds`` what the verdicts say; durable when this returns.

    One transaction, under the ranges' locks: ticks that go are kept in `withdrawn_tick`, the ledger counts over, and
    the deed is recorded. Where nothing differs, nothing is written. Raises ``Unavailable``, with nothing changed.
    """
    ticks = [verdict for verdict in verdicts.values() if isinstance(verdict, OrderBookTick)]
    with translated(), engine.connect() as connection:
        for day in missing_days(connection, {tick.event_time.date() for tick in ticks}):
            make_day(connection, day)
        with connection.begin():
            place = {**cursor.place, "start": bounds[0], "end": bounds[1]}
            ranges = [tuple(row) for row in connection.execute(LOCK_RANGES, place)]
            connection.execute(HOLD_DAYS)
            rows = Snapshot(connection).stored(cursor, *bounds)
            finished = {o: v for o, v in verdicts.items() if any(start <= o < end for _, start, end in ranges)}
            changes = compare(rows, finished)
            if changes:
                _Writing(connection, cursor, rows, finished).write(changes, ranges)
                first, last = bounds
                record(connection, operator, "rebuild", **cursor.place, start=first, end=last, detail=str(changes))
                crashpoint("before_rebuild_commit")
    return changes


@dataclass(frozen=True, slots=True)
class _Writing:
    connection: Connection
    cursor: AuditedCursor
    rows: Stored
    verdicts: Verdicts

    def write(self, changes: Changes, ranges: Sequence[tuple[int, ...]]) -> None:
        self._withdraw(changes.withdrawn)
        self._store(changes)
        self._quarantine(changes)
        for found, start, end in ranges:
            more = sum(start <= offset < end for offset in changes.landed)
            more -= sum(start <= offset < end for offset in (*changes.reopened, *changes.quarantined))
            self.connection.execute(COUNT_OVER, {"id": found, "more": more})

    def _withdraw(self, offsets: list[int]) -> None:
        ticks = [self.rows.ticks[offset] for offset in offsets]
        named = {"symbols": [tick[_SYMBOL] for tick in ticks], "times": [tick[_TIME] for tick in ticks]}
        gone = self.connection.execute(WITHDRAW, {**self.cursor.place, **named, "offsets": offsets}).scalar_one()
        if gone != len(offsets):
            raise Unavailable(f"{gone} of {len(offsets)} ticks could be withdrawn: their day changed meanwhile")
        self.connection.execute(UNFILL, {**self.cursor.place, "offsets": offsets})
        self._count([{"symbol": tick[_SYMBOL], "event_time": tick[_TIME], "more": -1} for tick in ticks])

    def _store(self, changes: Changes) -> None:
        rows = [{**self._at(offset), **self._values(offset)} for offset in changes.stored]
        landed = set(changes.landed)
        self._many(STORE, rows)
        self._many(FILL, [row for row in rows if row["offset"] in landed])
        self._count([{**row, "more": 1} for row in rows])

    def _quarantine(self, changes: Changes) -> None:
        self._many(RESOLVE, [{**self._at(offset), "resolution": "landed"} for offset in changes.landed])
        self._many(RESOLVE, [{**self._at(offset), "resolution": "open"} for offset in changes.reopened])
        rejects = [verdict for o in changes.quarantined if isinstance(verdict := self.verdicts[o], Reject)]
        for table in quarantine_rows(rejects):
            copy_in(self.connection, "quarantine", _placed(table, self.cursor))

    def _count(self, rows: list[dict[str, Any]]) -> None:
        self._many(COUNT_HOUR, sorted(rows, key=lambda row: (row["symbol"], row["event_time"])))

    def _many(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(statement, rows)

    def _at(self, offset: int) -> dict[str, Any]:
        return {**self.cursor.place, "offset": offset}

    def _values(self, offset: int) -> dict[str, Any]:
        return {name: getattr(self.verdicts[offset], name) for name in FIELDS}


def _placed(rows: Any, cursor: AuditedCursor) -> Any:
    for name, value, kind in (
        ("generation_id", cursor.generation, pa.int16()),
        ("kafka_partition", cursor.partition, pa.int32()),
    ):
        rows = rows.append_column(name, pa.repeat(pa.scalar(value, kind), rows.num_rows))
    return rows
