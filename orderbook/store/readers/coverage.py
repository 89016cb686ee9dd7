"""What coverage is computed from. Every function takes a ``Reader.snapshot``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class HourCounts:
    """What is stored of a symbol's hour (of event time), and what is known to be missing from it."""

    symbol: str
    hour: datetime
    ticks: int
    repeats: int
    missing: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A stall: no tick came between the two instants."""

    symbol: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class SymbolSpan:
    """The first hour that a symbol has ticks of, and its newest tick's event time."""

    symbol: str
    first_hour: datetime
    last_time: datetime


@dataclass(frozen=True, slots=True)
class SymbolTotal:
    """The first hour that a symbol has ticks of, and how many it has."""

    symbol: str
    first_hour: datetime
    ticks: int


# A gap counts in the hour of the tick that showed it.
HOURS = text("""
    SELECT coalesce(h.symbol, e.symbol), coalesce(h.hour, e.hour), coalesce(h.ticks, 0), coalesce(e.repeats, 0),
           coalesce(e.missing, 0)
    FROM (SELECT symbol, hour, ticks FROM symbol_hour WHERE hour >= :start AND hour < :end) AS h
    FULL JOIN (
        SELECT symbol, date_trunc('hour', event_time, 'UTC') AS hour,
               (sum(ids) FILTER (WHERE kind = 'repeat'))::bigint AS repeats, sum(n_missing)::bigint AS missing
        FROM sequence_event WHERE event_time >= :start AND event_time < :end GROUP BY 1, 2) AS e
      ON e.symbol = h.symbol AND e.hour = h.hour
    WHERE CAST(:symbols AS text[]) IS NULL OR coalesce(h.symbol, e.symbol) = ANY(CAST(:symbols AS text[]))
    ORDER BY 1, 2
""")
WINDOW = text("""
    SELECT coalesce(h.symbol, e.symbol), CAST(:start AS timestamptz), coalesce(h.ticks, 0), coalesce(e.repeats, 0),
           coalesce(e.missing, 0)
    FROM (SELECT symbol, sum(ticks)::bigint AS ticks FROM symbol_hour WHERE hour >= :start AND hour < :end
          GROUP BY 1) AS h
    FULL JOIN (
        SELECT symbol, (sum(ids) FILTER (WHERE kind = 'repeat'))::bigint AS repeats, sum(n_missing)::bigint AS missing
        FROM sequence_event WHERE event_time >= :start AND event_time < :end GROUP BY 1) AS e ON e.symbol = h.symbol
    WHERE CAST(:symbols AS text[]) IS NULL OR coalesce(h.symbol, e.symbol) = ANY(CAST(:symbols AS text[]))
    ORDER BY 1
""")
SILENCES = text("""
    SELECT symbol, after_time, event_time FROM sequence_event
    WHERE kind = 'stall' AND event_time > :start AND after_time < :end
      AND (CAST(:symbols AS text[]) IS NULL OR symbol = ANY(CAST(:symbols AS text[])))
    ORDER BY symbol, after_time
""")
# A symbol without a tick in the window counts when it had one in the day before: an expired contract is not missed.
SPANS = text("""
    SELECT h.symbol, h.first_hour, c.last_time
    FROM (SELECT symbol, min(hour) AS first_hour FROM symbol_hour GROUP BY 1) AS h
    JOIN (SELECT symbol, max(last_time) AS last_time FROM sequence_chain GROUP BY 1) AS c USING (symbol)
    WHERE h.first_hour < :end AND c.last_time >= CAST(:start AS timestamptz) - interval '1 day'
      AND (CAST(:symbols AS text[]) IS NULL OR h.symbol = ANY(CAST(:symbols AS text[])))
    ORDER BY h.symbol
""")
TICKS_BY_HOUR = text("""
    SELECT hour, sum(ticks)::bigint FROM symbol_hour
    WHERE hour > CAST(:start AS timestamptz) - interval '1 hour' AND hour < :end
      AND (CAST(:symbols AS text[]) IS NULL OR symbol = ANY(CAST(:symbols AS text[])))
    GROUP BY hour
""")
HOT_TICKS = text("""
    SELECT count(*) FROM (
        SELECT FROM ticks
        WHERE event_time >= :start AND event_time < :end
          AND (CAST(:symbols AS text[]) IS NULL OR symbol = ANY(CAST(:symbols AS text[])))
        LIMIT :most) counted
""")
TOTALS = text("SELECT symbol, min(hour), sum(ticks)::bigint FROM symbol_hour GROUP BY symbol ORDER BY symbol")
CLOCK = text("SELECT now()")


def hour_counts(
    connection: Connection, start: datetime, end: datetime, symbols: list[str] | None = None
) -> list[HourCounts]:
    """The hours that have ticks or events; ``symbols`` None: all."""
    rows = connection.execute(HOURS, {"start": start, "end": end, "symbols": symbols})
    return [HourCounts(*row) for row in rows]


def window_counts(
    connection: Connection, start: datetime, end: datetime, symbols: list[str] | None = None
) -> list[HourCounts]:
    """As ``hour_counts``, each symbol's hours together, as if of the first."""
    rows = connection.execute(WINDOW, {"start": start, "end": end, "symbols": symbols})
    return [HourCounts(*row) for row in rows]


def silences(connection: Connection, start: datetime, end: datetime, symbols: list[str] | None = None) -> list[Silence]:
    """The stalls that touch the window."""
    return [Silence(*row) for row in connection.execute(SILENCES, {"start": start, "end": end, "symbols": symbols})]


def symbol_spans(
    connection: Connection, start: datetime, end: datetime, symbols: list[str] | None = None
) -> list[SymbolSpan]:
    """The symbols that are to be covered in the window."""
    return [SymbolSpan(*row) for row in connection.execute(SPANS, {"start": start, "end": end, "symbols": symbols})]


def symbol_totals(connection: Connection) -> list[SymbolTotal]:
    """Every symbol that was stitched so far."""
    return [SymbolTotal(*row) for row in connection.execute(TOTALS)]


def clock(connection: Connection) -> datetime:
    """When the snapshot began, by Postgres' clock."""
    now: datetime = connection.execute(CLOCK).scalar_one()
    return now


def ticks_by_hour(
    connection: Connection, start: datetime, end: datetime, symbols: Sequence[str] | None
) -> dict[datetime, int]:
    """How many ticks the hours that touch ``[start, end)`` hold, as far as they are stitched; ``symbols`` None: all."""
    named = None if symbols is None else list(symbols)
    rows = connection.execute(TICKS_BY_HOUR, {"start": start, "end": end, "symbols": named})
    return {row[0]: row[1] for row in rows}


def hot_ticks(connection: Connection, start: datetime, end: datetime, symbols: Sequence[str] | None, most: int) -> int:
    """How many ticks from ``start`` up to ``end`` lie in Postgres, ``most`` at most; ``symbols`` None: of all."""
    named = None if symbols is None else list(symbols)
    found: int = connection.execute(
        HOT_TICKS, {"start": start, "end": end, "symbols": named, "most": most}
    ).scalar_one()
    return found
