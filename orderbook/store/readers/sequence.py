"""Reading sequence events. Every function takes a ``Reader.snapshot``."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class EventRow:
    """A sequence event. ``missing`` are the ids of a gap that did not come since, as ``4-7 9``."""

    id: int
    symbol: str
    kind: str
    state: str
    cause: str | None
    first_sequence: int
    last_sequence: int
    ids: int
    missing: str
    seconds: float  # of event time, between the ticks on both sides
    event_time: datetime
    place: str  # generation/partition/offset
    detected_at: datetime


@dataclass(frozen=True, slots=True)
class EventCount:
    """How many events of one kind and state there are, and how many ids they are about."""

    kind: str
    state: str
    events: int
    ids: int
    missing: int


_ROWS = """
    SELECT id, symbol, kind, state, cause, first_sequence, last_sequence, ids,
           coalesce((SELECT string_agg(CASE WHEN missing[n] = missing[n + 1] THEN missing[n]::text
                                            ELSE missing[n] || '-' || missing[n + 1] END, ' ' ORDER BY n)
                     FROM generate_series(1, cardinality(missing), 2) AS n), ''),
           extract(epoch FROM event_time - after_time)::float, event_time,
           generation_id || '/' || partition || '/' || kafka_offset, detected_at
    FROM sequence_event
"""
EVENTS = text(f"""{_ROWS}
    WHERE (CAST(:symbols AS text[]) IS NULL OR symbol = ANY(CAST(:symbols AS text[])))
      AND (CAST(:kinds AS text[]) IS NULL OR kind = ANY(CAST(:kinds AS text[])))
      AND (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
      AND (CAST(:start AS timestamptz) IS NULL OR event_time >= :start)
      AND (CAST(:end AS timestamptz) IS NULL OR event_time < :end)
      AND (CAST(:before AS bigint) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
""")
CHANGED = text(f"""{_ROWS}
    WHERE id > CAST(:after AS bigint) OR id = ANY(CAST(:known AS bigint[])) OR state = 'open'
    ORDER BY id DESC LIMIT :limit
""")
GAPS = text("""
    SELECT count(*) FROM sequence_event
    WHERE kind = 'gap' AND state <> 'late_filled' AND event_time >= :start AND event_time < :end
      AND (CAST(:symbols AS text[]) IS NULL OR symbol = ANY(CAST(:symbols AS text[])))
""")
COUNTS = text("""
    SELECT kind, state, count(*), sum(ids)::bigint, sum(n_missing)::bigint FROM sequence_event
    WHERE (CAST(:start AS timestamptz) IS NULL OR event_time >= :start)
      AND (CAST(:end AS timestamptz) IS NULL OR event_time < :end)
    GROUP BY 1, 2 ORDER BY 1, 2
""")


def count_gaps(connection: Connection, start: datetime, end: datetime, symbols: list[str] | None = None) -> int:
    """How many gaps between the two instants were not filled; ``symbols`` None: of all."""
    return int(connection.execute(GAPS, {"start": start, "end": end, "symbols": symbols}).scalar_one())


def list_events(
    connection: Connection,
    *,
    symbols: list[str] | None = None,
    kinds: list[str] | None = None,
    states: list[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[EventRow]:
    """Events, newest found first; ``before`` an id, for the next page.

    ``start`` is included, ``end`` is not; both are about the tick after the event.
    """
    filters = {"symbols": symbols, "kinds": kinds, "states": states, "start": start, "end": end, "before": before}
    return [EventRow(*row) for row in connection.execute(EVENTS, {**filters, "limit": limit})]


def changed_events(
    connection: Connection, after: int | None, known: Collection[int], limit: int = 1_000
) -> list[EventRow]:
    """Events found since the one with the id ``after``, those of ``known`` ids, and all open ones; newest first."""
    arguments = {"after": after, "known": list(known), "limit": limit}
    return [EventRow(*row) for row in connection.execute(CHANGED, arguments)]


def count_events(
    connection: Connection, *, start: datetime | None = None, end: datetime | None = None
) -> list[EventCount]:
    """How many events there are, by kind and state."""
    return [EventCount(*row) for row in connection.execute(COUNTS, {"start": start, "end": end})]
