"""What a window's expectations ask beside its ticks. Every function takes a ``Reader.snapshot``."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.dialects import postgresql

from orderbook.store.readers.coverage import clock, symbol_spans
from orderbook.store.tables import ticks

Place = tuple[int, int, int]  # generation, partition, offset


@dataclass(frozen=True, slots=True)
class ColumnFact:
    """A column of ``ticks`` as the database has it and as this version declares it; None where it is not there."""

    name: str
    found: str | None
    declared: str | None


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """A window as completeness and the ledger know it, at ``now`` by Postgres' clock."""

    now: datetime
    columns: list[ColumnFact]
    known_since: dict[str, datetime]  # symbols that had ticks before: their silence begins with the window
    hours: dict[tuple[str, datetime], int]  # ticks that the ledger counted
    stitched: dict[tuple[int, int], int]  # up to where, by generation and partition
    late: frozenset[Place]  # counted, though they lie above
    resets: frozenset[Place]  # where a source began to count anew

    @property
    def readable(self) -> bool:
        """Whether all that is declared is there, in its type: more columns do no harm to reading."""
        return all(_type(c.found) == _type(c.declared) for c in self.columns if c.declared is not None)


COLUMNS = text("""
    SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
    WHERE attrelid = to_regclass('public.ticks') AND attnum > 0 AND NOT attisdropped ORDER BY attnum
""")
HOURS = text("SELECT symbol, hour, ticks FROM symbol_hour WHERE hour >= :start AND hour < :end")
STITCHED = text("SELECT generation_id, partition, stitched FROM sequence_cursor")
LATE = text("SELECT generation_id, partition, kafka_offset FROM late_fill")
RESETS = text("""
    SELECT generation_id, partition, kafka_offset FROM sequence_event
    WHERE kind = 'reset' AND event_time >= :start AND event_time < :end
""")


def read_facts(connection: Connection, start: datetime, end: datetime) -> WindowFacts:
    """All of it; the window begins and ends on the hour."""
    bounds = {"start": start, "end": end}
    spans = symbol_spans(connection, start, end)
    return WindowFacts(
        now=clock(connection),
        columns=_columns(connection),
        known_since={span.symbol: start for span in spans if span.first_hour < start},
        hours={(row.symbol, row.hour): row.ticks for row in connection.execute(HOURS, bounds)},
        stitched={(row.generation_id, row.partition): row.stitched for row in connection.execute(STITCHED)},
        late=frozenset(tuple(row) for row in connection.execute(LATE)),
        resets=frozenset(tuple(row) for row in connection.execute(RESETS, bounds)),
    )


def _columns(connection: Connection) -> list[ColumnFact]:
    found = {name: _told(kind, required=required) for name, kind, required in connection.execute(COLUMNS)}
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    declared = {c.name: _told(c.type.compile(dialect), required=not c.nullable) for c in ticks.columns}
    names = [*declared, *(name for name in found if name not in declared)]
    return [ColumnFact(name, found.get(name), declared.get(name)) for name in names]


def _told(kind: str, *, required: bool) -> str:
    plain = re.sub(r" collate .*", "", kind.lower()).replace("timestamp with time zone", "timestamptz").replace(" ", "")
    return f"{plain} NOT NULL" if required else plain


def _type(told: str | None) -> str | None:
    return None if told is None else told.removesuffix(" NOT NULL")
