"""What is replayed: stored ticks, hot and cold, and what is known of their gaps, in one order that never changes.

Read in stretches of time, each in a snapshot of its own that is closed before anything of it is sent: a replay of days
keeps neither the archive nor Postgres' vacuum waiting.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import pyarrow as pa

from orderbook.config import Settings
from orderbook.query.session import Session, Window
from orderbook.tick import microseconds

Clock = Literal["event", "received"]
FIRST_STRETCH: Final = timedelta(minutes=1)
LONGEST_STRETCH: Final = timedelta(days=1)
MOST_SKEW: Final = timedelta(minutes=10)  # in receive order, what was received farther from its event is not seen
STRETCH_ROWS: Final = 200_000  # a stretch is made to hold about as many: some 60 MB
STRETCH_SECONDS: Final = 300.0  # to read one


@dataclass(frozen=True, slots=True)
class Wish:
    """From ``start`` up to ``end`` by the clock that ``by`` names, of ``symbols``; None: of all. ``gaps``: told too."""

    start: datetime
    end: datetime
    symbols: Sequence[str] | None = None
    by: Clock = "event"
    gaps: bool = True


@dataclass(frozen=True, slots=True)
class Stretch:
    """Items in order: when each was, in µs since 1970, and what, as ``"tick":{…}`` or ``"gap":{…}``."""

    times: list[int]
    items: list[str]


def stretches(settings: Settings, wish: Wish) -> Iterator[Stretch]:
    """Yield what is wished for, never an empty stretch.

    By time, then gaps before ticks, then place in the log: the same rows always come in the same order. Raises
    ``Unavailable``, ``Refused`` where a stretch takes too long.
    """
    at, width = wish.start, FIRST_STRETCH if wish.by == "event" else MOST_SKEW
    while at < wish.end:
        end = min(at + width, wish.end)
        found = _read(settings, wish, at, end)
        if found.times:
            yield found
        at = end
        if len(found.times) < STRETCH_ROWS // 2:
            width = min(width * 2, LONGEST_STRETCH)
        elif len(found.times) > STRETCH_ROWS:
            width = max(width / 2, timedelta(seconds=1))


def _read(settings: Settings, wish: Wish, start: datetime, end: datetime) -> Stretch:
    margin = timedelta(0) if wish.by == "event" else MOST_SKEW
    window = Window(start - margin, end + margin, wish.symbols)
    bounds = {"start": microseconds(start), "end": microseconds(end)}
    with Session(settings, window, seconds=STRETCH_SECONDS) as session:
        ticks = session.ask(_TICKS[wish.by], bounds).table()
        gaps = session.ask(_GAPS, bounds | {"symbols": list(wish.symbols or ())}).table() if wish.gaps else None
    found = _stretch(ticks)
    return found if gaps is None else merged(found, _stretch(gaps))


def _stretch(table: pa.Table) -> Stretch:
    return Stretch(table.column("moment").to_pylist(), table.column("item").to_pylist())


def merged(ticks: Stretch, gaps: Stretch) -> Stretch:
    """Both in order of time, each gap before the ticks of its instant."""
    times, items, start = [], [], 0
    for moment, gap in zip(gaps.times, gaps.items, strict=True):
        end = bisect_left(ticks.times, moment, start)
        times += [*ticks.times[start:end], moment]
        items += [*ticks.items[start:end], gap]
        start = end
    return Stretch(times + ticks.times[start:], items + ticks.items[start:])


def _number(column: str) -> str:
    return f"coalesce(rtrim(rtrim(CAST({column} AS VARCHAR), '0'), '.'), 'null')"  # numeric(18,9): it has a point


def _text(column: str) -> str:
    return f"""replace(replace({column}, '\\', '\\\\'), '"', '\\"')"""


def _time(column: str) -> str:
    return f"""strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ')"""


def _ticks(by: Clock) -> str:
    clock = f"{by}_time"
    numbers = ", ".join(f"""',"{column}":', {_number(column)}""" for column in _NUMBERS)
    # rows are sorted before they become text: sorting the text takes twice as long
    return f"""
        SELECT epoch_us({clock}) AS moment, concat(
            '"tick":{{"symbol":"', {_text("symbol")}, '","event_time":"', {_time("event_time")}, '","received_time":"',
            {_time("received_time")}, '"', {numbers}, ',"sequence_id":', sequence_id, '}}') AS item
        FROM (
            SELECT * FROM ticks WHERE epoch_us({clock}) >= $start AND epoch_us({clock}) < $end
            ORDER BY {clock}, generation_id, kafka_partition, kafka_offset)
    """  # noqa: S608 - columns of ours


_NUMBERS: Final = ("bid_price", "ask_price", "bid_volume", "ask_volume")
_TICKS: Final[dict[Clock, str]] = {"event": _ticks("event"), "received": _ticks("received")}
_GAPS: Final = f"""
    SELECT epoch_us(event_time) AS moment, concat(
        '"gap":{{"symbol":"', {_text("symbol")}, '","kind":"', kind, '","first":', first_sequence, ',"last":',
        last_sequence, ',"after_time":"', {_time("after_time")}, '","event_time":"', {_time("event_time")}, '"}}') AS
        item
    FROM sequence_event
    WHERE epoch_us(event_time) >= $start AND epoch_us(event_time) < $end
      AND (len($symbols::VARCHAR[]) = 0 OR list_contains($symbols::VARCHAR[], symbol))
    ORDER BY event_time, symbol, kind, generation_id, partition, kafka_offset
"""  # noqa: S608
