"""What is replayed: stored ticks, hot and cold, and what is known of their gaps, in one order that never changes.

Read in stretches of time, each in a snapshot of its own that is closed before anything of it is sent: a replay of days
keeps neither the archive nor Postgres' vacuum waiting.
"""

from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal

import pyarrow as pa

from orderbook.archive.root import Root
from orderbook.config import Settings
from orderbook.query.counts import count_ticks
from orderbook.query.session import Session, Window
from orderbook.replay.ahead import one_ahead, read_ahead
from orderbook.replay.items import NUMBERS, tick_items
from orderbook.replay.plan import MOST_COUNTED, Plan
from orderbook.store.reader import Reader
from orderbook.store.readers.coverage import ticks_by_hour
from orderbook.tick import microseconds

Clock = Literal["event", "received"]
MOST_SKEW: Final = timedelta(minutes=10)  # in receive order, what was received farther from its event is not seen
STRETCH_SECONDS: Final = 300.0  # to read one
# The first one's width, and the least. In receive order each is read with `MOST_SKEW` on both its sides.
_WIDTHS: Final[dict[Clock, tuple[timedelta, timedelta]]] = {
    "event": (timedelta(seconds=4), timedelta(seconds=1)),
    "received": (MOST_SKEW, timedelta(minutes=1)),
}


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

    times: Sequence[int]
    items: Sequence[str]


def stretches(settings: Settings, wish: Wish, at_once: int = 0) -> Iterator[Stretch]:
    """Yield what is wished for, never an empty stretch.

    By time, then gaps before ticks, then place in the log: the same rows always come in the same order. ``at_once``: so
    many are read on threads while others are sent; 0: each when it is asked for. Raises ``Unavailable``, ``Refused``
    where a stretch takes too long.
    """
    with closing(_windows(settings, wish)) as windows, closing(one_ahead(windows) if at_once else windows) as planned:
        jobs = (partial(_read, settings, wish, *window) for window in planned)
        with closing(read_ahead(jobs, at_once) if at_once else (job() for job in jobs)) as coming:
            yield from (found for found in coming if len(found.times))


def _windows(settings: Settings, wish: Wish) -> Generator[tuple[datetime, datetime], None, None]:
    root = Root(settings.archive)
    with Reader(settings.database, STRETCH_SECONDS) as reader:

        def count(start: datetime, end: datetime) -> int:
            with reader.snapshot(holds_days=True) as connection:
                return count_ticks(connection, root, Window(start, end, wish.symbols), MOST_COUNTED)

        with reader.snapshot() as connection:
            known = ticks_by_hour(connection, wish.start, wish.end, wish.symbols)
        yield from Plan(wish.start, wish.end, known, count, *_WIDTHS[wish.by]).windows()


def _read(settings: Settings, wish: Wish, start: datetime, end: datetime) -> Stretch:
    margin = timedelta(0) if wish.by == "event" else MOST_SKEW
    window = Window(start - margin, end + margin, wish.symbols)
    bounds = {"start": microseconds(start), "end": microseconds(end)}
    with Session(settings, window, seconds=STRETCH_SECONDS) as session:
        ticks = session.ask(_TICKS[wish.by], bounds).table()
        gaps = session.ask(_GAPS, bounds | {"symbols": list(wish.symbols or ())}).table() if wish.gaps else None
    found = Stretch(_moments(ticks), tick_items(ticks))
    if gaps is None or not gaps.num_rows:
        return found
    return merged(found, Stretch(gaps.column("moment").to_pylist(), gaps.column("item").to_pylist()))


def merged(ticks: Stretch, gaps: Stretch) -> Stretch:
    """Both in order of time, each gap before the ticks of its instant."""
    times, items, start, texts = [], [], 0, list(ticks.items)
    for moment, gap in zip(gaps.times, gaps.items, strict=True):
        end = bisect_left(ticks.times, moment, start)
        times += [*ticks.times[start:end], moment]
        items += [*texts[start:end], gap]
        start = end
    return Stretch([*times, *ticks.times[start:]], items + texts[start:])


def _moments(ticks: pa.Table) -> Sequence[int]:
    return memoryview(ticks.column("moment").to_numpy())  # not an object each, which an unpaced replay never looks at


def _text(column: str) -> str:
    return f"""replace(replace({column}, '\\', '\\\\'), '"', '\\"')"""


def _time(column: str) -> str:
    return f"""strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ')"""


def _ticks(by: Clock) -> str:
    clock = f"{by}_time"
    # Arrow makes the text of an item in half the time
    return f"""
        SELECT epoch_us({clock}) AS moment, {_text("symbol")} AS symbol, epoch_us(event_time) AS event_time,
               epoch_us(received_time) AS received_time,
               {", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in NUMBERS)}, sequence_id
        FROM (
            SELECT * FROM ticks WHERE epoch_us({clock}) >= $start AND epoch_us({clock}) < $end
            ORDER BY {clock}, generation_id, kafka_partition, kafka_offset)
    """  # noqa: S608 - columns of ours


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
