"""Writing what a rebuild found to differ. Lock order as everywhere: ranges, then days, then quarantine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from orderbook.crashpoints import crashpoint
from orderbook.errors import Unavailable
from orderbook.store.database import translated
from orderbook.store.days import make_day, missing_days
from orderbook.store.journal import Operator, record
from orderbook.store.ledger.recount import AuditedCursor, Snapshot, Stored
from orderbook.store.ledger.rejects import Reject, quarantine_rows
from orderbook.store.ledger.requeue import RESOLVE, STORE
from orderbook.store.reader import HOLD_DAYS
from orderbook.store.rebuild.rebuild import Changes, Verdicts, compare
from orderbook.store.rebuild.withdrawn_gaps import Gone, open_gaps
from orderbook.store.rows.copy_in import copy_in
from orderbook.tick import FIELDS, OrderBookTick

LOCK_RANGES = text("""
    SELECT id, start_offset, end_offset FROM offset_range
    WHERE generation_id = :generation AND partition = :partition AND state = 'done'
      AND start_offset < :end AND end_offset > :start
    ORDER BY start_offset FOR UPDATE
""")
# Whoever stitches takes no lock of a range, so this comes behind them. What is not stitched stays so until we are done.
STITCHED = text("""
    SELECT stitched FROM sequence_cursor WHERE generation_id = :generation AND partition = :partition FOR UPDATE
""")
# What the landing told of the range's ids is true no more: the stitching reads the rows.
FORGET_SUMMARY = text("UPDATE offset_range SET summary = NULL WHERE id = :id")
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

_TIME, _SYMBOL, _SEQUENCE = (FIELDS.index(name) for name in ("event_time", "symbol", "sequence_id"))


def apply(
    engine: Engine,
    cursor: AuditedCursor,
    bounds: tuple[int, int],
    verdicts: Verdicts,
    operator: Operator,
    *,
    counts_ids: Callable[[str], bool],
) -> Changes:
    """Make the rows of the finished ranges within ``bounds`` what the verdicts say; durable when this returns.

    One transaction, under the ranges' locks: ticks that go are kept in `withdrawn_tick`, the ledger counts over, and
    the deed is recorded. An id that goes opens a gap, of a symbol of which ``counts_ids`` says that each id counts.
    Where nothing differs, nothing is written. Raises ``Unavailable``, with nothing changed.
    """
    ticks = [verdict for verdict in verdicts.values() if isinstance(verdict, OrderBookTick)]
    with translated(), engine.connect() as connection:
        for day in missing_days(connection, {tick.event_time.date() for tick in ticks}):
            make_day(connection, day)
        with connection.begin():
            place = {**cursor.place, "start": bounds[0], "end": bounds[1]}
            ranges = [tuple(row) for row in connection.execute(LOCK_RANGES, place)]
            stitched = connection.execute(STITCHED, cursor.place).scalar_one_or_none()
            connection.execute(HOLD_DAYS)
            rows = Snapshot(connection).stored(cursor, *bounds)
            finished = {o: v for o, v in verdicts.items() if any(start <= o < end for _, start, end in ranges)}
            changes = compare(rows, finished)
            if changes:
                writing = _Writing(connection, cursor, rows, finished, stitched or 0, counts_ids)
                writing.write(changes, ranges)
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
    stitched: int  # ids and hours of what lies from here on are still to be counted, out of the rows
    counts_ids: Callable[[str], bool]

    def write(self, changes: Changes, ranges: Sequence[tuple[int, ...]]) -> None:
        self._withdraw(changes.withdrawn)
        self._store(changes)
        self._quarantine(changes)
        for found, start, end in ranges:
            more = sum(start <= offset < end for offset in changes.landed)
            more -= sum(start <= offset < end for offset in (*changes.reopened, *changes.quarantined))
            self.connection.execute(COUNT_OVER, {"id": found, "more": more})
            if end > self.stitched:
                self.connection.execute(FORGET_SUMMARY, {"id": found})
        self._open_gaps(changes)

    def _withdraw(self, offsets: list[int]) -> None:
        ticks = [self.rows.ticks[offset] for offset in offsets]
        named = {"symbols": [tick[_SYMBOL] for tick in ticks], "times": [tick[_TIME] for tick in ticks]}
        gone = self.connection.execute(WITHDRAW, {**self.cursor.place, **named, "offsets": offsets}).scalar_one()
        if gone != len(offsets):
            raise Unavailable(f"{gone} of {len(offsets)} ticks could be withdrawn: their day changed meanwhile")
        self.connection.execute(UNFILL, {**self.cursor.place, "offsets": offsets})
        self._count(
            [
                {"offset": offset, "symbol": tick[_SYMBOL], "event_time": tick[_TIME], "more": -1}
                for offset, tick in zip(offsets, ticks, strict=True)
            ]
        )

    def _store(self, changes: Changes) -> None:
        rows = [{**self._at(offset), **self._values(offset)} for offset in changes.stored]
        fresh = [row for row in rows if self._key(row["offset"]) != self._key_before(row["offset"])]
        self._many(STORE, rows)
        self._many(FILL, [row for row in fresh if row["offset"] < self.stitched])
        self._count([{**row, "more": 1} for row in rows])

    def _quarantine(self, changes: Changes) -> None:
        self._many(RESOLVE, [{**self._at(offset), "resolution": "landed"} for offset in changes.landed])
        self._many(RESOLVE, [{**self._at(offset), "resolution": "open"} for offset in changes.reopened])
        rejects = [verdict for o in changes.quarantined if isinstance(verdict := self.verdicts[o], Reject)]
        for table in quarantine_rows(rejects):
            copy_in(self.connection, "quarantine", _placed(table, self.cursor))

    def _open_gaps(self, changes: Changes) -> None:
        after = {o: tick for o, tick in self.rows.ticks.items() if o not in set(changes.withdrawn)}
        after |= {o: tuple(self._values(o).values()) for o in changes.stored}
        lost = [o for o in changes.withdrawn if o < self.stitched and self._key(o) != self._key_before(o)]
        gone = [
            Gone(o, tick[_TIME], tick[_SYMBOL], tick[_SEQUENCE], isinstance(self.verdicts[o], Reject))
            for o, tick in ((o, self.rows.ticks[o]) for o in lost)
        ]
        open_gaps(self.connection, self.cursor, [each for each in gone if self.counts_ids(each.symbol)], after)

    def _key(self, offset: int) -> tuple[Any, ...]:
        verdict = self.verdicts[offset]
        return (verdict.symbol, verdict.sequence_id) if isinstance(verdict, OrderBookTick) else ()

    def _key_before(self, offset: int) -> tuple[Any, ...]:
        tick = self.rows.ticks.get(offset)
        return () if tick is None else (tick[_SYMBOL], tick[_SEQUENCE])

    def _count(self, rows: list[dict[str, Any]]) -> None:
        counted = [row for row in rows if row["offset"] < self.stitched]
        self._many(COUNT_HOUR, sorted(counted, key=lambda row: (row["symbol"], row["event_time"])))

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
