"""What a filter can match: which symbols, and between which instants. It may answer too much, never too little.

The filter is an Arrow expression, which Arrow itself is asked about: a fragment that is known to hold one symbol, or
one day, either can match or cannot. So nothing here reads the expression but for its literals.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from orderbook.store.rows.copy_out import STORED

MOST_LITERALS: Final = 1_000
# Of these alone, what is true of a symbol changes only at a literal; so between two literals one trial tells all.
STEPWISE: Final = frozenset({"if_else", "is_valid", "is_null", "is_in", "invert", "string", "null", "and", "or"})
_LITERAL: Final = re.compile(r'"([^"]*)"')
_PLAIN: Final = re.compile(r"[ !#-+\--\[\]-~]*")  # printable, without what could end it: a quote, a comma, a backslash
_ELEMENT: Final = re.compile(r'\s*"[^"]*",?')
_CALL: Final = re.compile(r"([a-z_]+)\s*[({]")
_FORMAT: Final = ds.ParquetFileFormat()
_NOWHERE: Final = pafs.LocalFileSystem()


@dataclass(frozen=True, slots=True)
class Reach:
    """Rows from ``start`` up to ``end``, of ``symbols``; None: not bounded so. ``nothing``: no row can match."""

    start: datetime | None = None
    end: datetime | None = None
    symbols: tuple[str, ...] | None = None
    nothing: bool = False


def reach(condition: Any, days: Sequence[date]) -> Reach:
    """The reach of a filter over rows that lie in ``days``; None as the filter reaches them all."""
    if not days:
        return Reach(nothing=True)
    if condition is None:
        return Reach()
    text = str(condition)
    symbols = _symbols(condition, text)
    if symbols == ():
        return Reach(nothing=True)
    if "event_time" not in text:
        return Reach(symbols=symbols)
    times = _times(condition, days)
    return Reach(nothing=True) if times is None else Reach(*times, symbols)


def _times(condition: Any, days: Sequence[date]) -> tuple[datetime, datetime] | None:
    """The first and the last minute that can match; None where no day can."""
    bounds = [_day(day) for day in sorted(days)]
    for step in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)):
        matching = _matching(condition, [_between(*cell) for cell in bounds])
        if not matching:
            return None
        first, last = bounds[matching[0]], bounds[matching[-1]]
        finer = step / (24 if step.days else 60)
        bounds = sorted({*_cells(*first, finer), *_cells(*last, finer)})
        if step == timedelta(minutes=1):
            return first[0], last[1]
    raise AssertionError("the last step returns")


def _day(day: date) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(0), UTC)
    return start, start + timedelta(days=1)


def _cells(start: datetime, end: datetime, width: timedelta) -> Iterable[tuple[datetime, datetime]]:
    count = (end - start) // width
    return ((start + width * n, start + width * (n + 1)) for n in range(count))


def _between(start: datetime, end: datetime) -> Any:
    return (pc.field("event_time") >= start) & (pc.field("event_time") < end)


def _symbols(condition: Any, text: str) -> tuple[str, ...] | None:
    """The symbols that can match; None where that is not a few named ones."""
    literals = sorted(set(_LITERAL.findall(text)))
    rest = _LITERAL.sub("", text)
    if not literals or len(literals) > MOST_LITERALS or not all(map(_PLAIN.fullmatch, literals)):
        return None
    if "..." in rest or '"' in rest or set(_CALL.findall(rest)) - STEPWISE:  # Arrow writes long lists in part
        return None
    if not all(_ELEMENT.fullmatch(line) for line in text.splitlines() if line.lstrip().startswith('"')):
        return None  # in a list Arrow escapes nothing, so one element may look like two
    between = ["", *(f"{literal}\x00" for literal in literals)]  # below the first, just above each
    trials = [pc.field("symbol") == value for value in (*between, *literals)]
    matching = _matching(condition, trials)
    if matching and matching[0] < len(between):
        return None
    return tuple(literals[number - len(between)] for number in matching)


def _matching(condition: Any, guarantees: Sequence[Any]) -> list[int]:
    fragments = [
        _FORMAT.make_fragment(str(number), _NOWHERE, partition_expression=guarantee)
        for number, guarantee in enumerate(guarantees)
    ]
    dataset = ds.FileSystemDataset(fragments, STORED, _FORMAT, _NOWHERE)
    return sorted(int(fragment.path) for fragment in dataset.get_fragments(filter=condition))
