"""Sequence ids as values: what a landing keeps of them, and where the chain of a symbol stands. No I/O."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

Rule = Literal["+1", "increasing", "none"]
Interval = tuple[int, int]  # both ends included

RULES: Final[tuple[Rule, ...]] = ("+1", "increasing", "none")
KINDS: Final = ("gap", "repeat", "reorder", "reset", "stall")


class Section(NamedTuple):
    """Ticks of one symbol that follow each other in the log and whose ids follow the rule; times in µs since 1970.

    Under ``+1`` the ids are all of ``first`` to ``last``; under ``increasing`` they rise from one to the other.
    """

    first_offset: int
    last_offset: int
    first: int
    last: int
    first_time: int
    last_time: int  # the newest of them, wherever it stands


class SymbolSummary(NamedTuple):
    """What a range holds of one symbol: sections in log order, and how many ticks fall into each hour since 1970."""

    symbol: str
    rule: Rule
    sections: list[Section]
    hours: list[tuple[int, int]]


def encoded(summary: Iterable[SymbolSummary]) -> str:
    """A range's summary as the JSON array that the ledger keeps."""
    return json.dumps(list(summary), separators=(",", ":"))


def decoded(found: Iterable[Any]) -> list[SymbolSummary]:
    """The summary out of the parsed JSON array."""
    return [
        SymbolSummary(symbol, rule, [Section(*section) for section in sections], [tuple(hour) for hour in hours])
        for symbol, rule, sections, hours in found
    ]


class Chain(NamedTuple):
    """Where the ids of one symbol stand in one partition.

    A *run* are ticks of which each has the id that follows the one before (under ``increasing``: a higher one).
    An *epoch* ends when the source begins to count anew.
    """

    symbol: str
    epoch_offset: int  # of the first tick of the epoch
    run_offset: int  # of the first tick of the run
    run_time: int  # event time of its first tick, µs
    run_after_time: int  # the newest event time before it
    lowest: int  # id of the epoch's first tick
    highest: int
    highest_offset: int
    last: int  # id of the newest tick of the log
    last_offset: int
    last_time: int  # the newest event time, µs


@dataclass(frozen=True, slots=True)
class SequenceEvent:
    """Something that is wrong with the ids, or the pace, of a symbol. One is known by symbol, kind and ``offset``.

    gap: the ids ``first`` to ``last`` were passed over; ``missing`` are those that did not come since.
    repeat, reorder: ``count`` ids came again, or below the first one known, between ``first`` and ``last`` (under
    ``increasing``, where it is not known what there was: the id at which they went back).
    reset: after ``first`` came ``last``, later. stall: nothing came between the two times.
    A gap whose ids all came later in the log was only a ``reorder``: it ends as one, when it has no other cause.
    """

    symbol: str
    kind: str
    offset: int  # where it shows: the first tick of the run, of a stall the first tick after it
    after_offset: int  # of a gap: the tick before it; else as ``offset``
    epoch_offset: int
    first: int
    last: int
    count: int
    after_time: int
    time: int
    missing: tuple[Interval, ...] = ()
    cause: str | None = None

    @property
    def missing_count(self) -> int:
        """How many ids are missing still."""
        return sum(last - first + 1 for first, last in self.missing)


def without(intervals: Iterable[Interval], first: int, last: int) -> tuple[Interval, ...]:
    """The intervals less ``first`` to ``last``."""
    left: list[Interval] = []
    for start, end in intervals:
        if end < first or start > last:
            left.append((start, end))
            continue
        if start < first:
            left.append((start, first - 1))
        if end > last:
            left.append((last + 1, end))
    return tuple(left)
