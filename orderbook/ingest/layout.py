"""Records written alike: a producer's ticks differ in their values only, so their values are read where they stand.

A layout is learnt from one record: what stands before, between and behind its eight values. A record belongs to it when
it is those very characters around values that are plain. Each of its characters has been looked at then: it is JSON, no
key stands twice, and nothing hides in it. All others are left to a parser.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from orderbook.ingest.grid import LONGEST_PART, Grid, decimals, sequences, symbols, times
from orderbook.ingest.words import Integers, Mask
from orderbook.stream.records import Spans
from orderbook.tick import FIELDS

_PART = re.compile(rb'([{,][ \t]*"([a-z_]+)"[ \t]*:[ \t]*"?)[^",{}\\]*?("?[ \t]*)(?=[,}])')
_TEXTS: Final = frozenset({"symbol", "event_time", "received_time"})
_LOOKED_AT = 8  # records, for one to learn from
_TOGETHER = 8_192  # records read at once: their text, 1.6 MB, stays in the cache


@dataclass(frozen=True, slots=True)
class _Value:
    """One of the eight values: the characters before it, separator included, and those up to the next one."""

    name: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """The characters around the eight values, in the order in which they are written."""

    values: tuple[_Value, ...]

    @classmethod
    def of(cls, record: bytes) -> Self | None:
        """The layout of this record; None where it is not one flat object of a tick's fields, texts quoted."""
        found = list(_PART.finditer(record))
        if b"".join(part[0] for part in found) + b"}" != record:
            return None
        values = tuple(_Value(part[2].decode(), part[1], part[3]) for part in found)
        if sorted(value.name for value in values) != sorted(FIELDS):
            return None
        quoted = all({value.before[-1:] == b'"', value.after[:1] == b'"'} == {value.name in _TEXTS} for value in values)
        short = all(max(len(value.before), len(value.after)) <= LONGEST_PART for value in values)
        return cls(values) if quoted and short else None

    @property
    def parts(self) -> list[bytes]:
        """The characters before, between and behind the values."""
        afters, befores = [b"", *(v.after for v in self.values)], [*(v.before for v in self.values), b"}"]
        return [after + before for after, before in zip(afters, befores, strict=True)]

    @property
    def _lengths_behind(self) -> list[int]:
        """How much of each part stands before the comma or the brace."""
        return [0, *(len(value.after) for value in self.values)]

    def read(self, text: bytes, records: Spans) -> tuple[pa.Table, Mask]:
        """The ticks of those records of the text that are written like this, in order, and which those are.

        Every value is one that the judge reads the same way; whether the rules allow it is not asked here.
        """
        starts = range(0, len(records.starts), _TOGETHER)
        parts = [self._read(Grid(text, records.at(slice(at, at + _TOGETHER)))) for at in starts]
        tables, certain = zip(*parts, strict=True)
        return pa.concat_tables(tables).combine_chunks(), np.concatenate(certain)

    def _read(self, grid: Grid) -> tuple[pa.Table, Mask]:
        certain, edges = grid.edges(len(self.values) - 1)
        spans: dict[str, tuple[Integers, Integers]] = {}
        for value, left, right in zip(self.values, edges[:-1], edges[1:], strict=True):
            spans[value.name] = left + len(value.before), right - len(value.after)
        for part, behind, edge in zip(self.parts, self._lengths_behind, edges, strict=True):
            certain &= grid.reads(edge - behind, part)
        columns: list[Any] = []
        for reader, names in _READERS:
            begin, end = (np.stack(places) for places in zip(*(spans[name] for name in names), strict=True))
            found, plain = reader(grid, begin, end)
            certain &= plain.all(axis=0)
            columns += found
        table = pa.table(columns, names=FIELDS)
        return table if certain.all() else table.filter(pa.array(certain)), certain


def layout_of(text: bytes, records: Spans) -> Layout | None:
    """The layout of the first of these records of the text that has one."""
    places = zip(*records.at(slice(_LOOKED_AT)), strict=True)
    return next(filter(None, (Layout.of(text[start:end]) for start, end in places)), None)


_Reader = Callable[[Grid, Integers, Integers], tuple[list[Any], Mask]]
_READERS: Final[Sequence[tuple[_Reader, tuple[str, ...]]]] = (  # in the order of FIELDS
    (symbols, FIELDS[:1]),
    (times, FIELDS[1:3]),
    (decimals, FIELDS[3:7]),
    (sequences, FIELDS[7:]),
)
