"""Records of the log as columns: a range is one text and arrays of places in it.

As 20,000 objects a range costs ten times as much to read: a record is made where one is looked at.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Self, overload

import numpy as np
import numpy.typing as npt

from orderbook.tick import EPOCH

Integers = npt.NDArray[np.int64]

MARGIN: Final = b"\n" * 96  # on both sides of a text: readers may look at so many characters beside a value
_NO_CLOCK_MS = 7_258_118_400_000  # the year 2200: a producer's own stamp may be any 64 bits


class Record(NamedTuple):
    """One record of the log."""

    offset: int
    timestamp_ms: int  # of the broker; -1: none
    key: bytes | None
    value: bytes | None
    version: bytes | None  # header `schema-version`

    @property
    def broker_time(self) -> datetime | None:
        """When the broker appended it; None where it does not say, or says what no clock shows."""
        return EPOCH + timedelta(milliseconds=self.timestamp_ms) if 0 <= self.timestamp_ms < _NO_CLOCK_MS else None


class Spans(NamedTuple):
    """Where values stand in a text, ends not included. A null ends before it begins."""

    starts: Integers
    ends: Integers

    def at(self, which: Any) -> "Spans":
        """Those of the places."""
        return Spans(self.starts[which], self.ends[which])


class Coded(NamedTuple):
    """A column of few different values: what they are, and which of them each row has."""

    kinds: Sequence[bytes | None]
    codes: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Records(Sequence[Record]):
    """Records in offset order, as columns of one length."""

    offsets: Integers
    timestamps_ms: Integers
    text: bytes  # holds all keys and values, between two margins
    keys: Spans
    values: Spans
    versions: Coded

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """These records as columns."""
        return cls.from_columns(*(list(zip(*records, strict=True)) or [()] * len(Record._fields)))

    @classmethod
    def from_columns(
        cls,
        offsets: Sequence[int],
        timestamps_ms: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        versions: Sequence[bytes | None],
    ) -> Self:
        """Records given as lists of one length."""
        parts = [MARGIN, *(value or b"" for value in values), *(key or b"" for key in keys), MARGIN]
        text = b"".join(parts)
        lengths = np.fromiter(map(len, parts), np.int64, len(parts))
        ends = np.cumsum(lengths)[1:-1]
        starts = ends - lengths[1:-1]
        places = [Spans(starts[part], ends[part]) for part in (slice(len(values)), slice(len(values), None))]
        for spans, column in zip(places, (values, keys), strict=True):
            if None in column:
                spans.ends[[at for at, found in enumerate(column) if found is None]] = -1
        kinds = list(dict.fromkeys(versions))
        code_of = {kind: code for code, kind in enumerate(kinds)}
        codes = np.fromiter(map(code_of.__getitem__, versions), np.int64, len(versions))
        stamps = np.array(timestamps_ms, np.int64)
        return cls(np.array(offsets, np.int64), stamps, text, places[1], places[0], Coded(kinds, codes))

    @classmethod
    def joined(cls, parts: Sequence["Records"]) -> "Records":
        """All of them, one after the other."""
        if len(parts) == 1:
            return parts[0]
        shifts = np.cumsum([0, *(len(part.text) for part in parts[:-1])])
        first_codes = np.cumsum([0, *(len(part.versions.kinds) for part in parts[:-1])])

        def column(of: Callable[["Records"], Integers], add: Integers | None = None) -> Integers:
            columns = [of(part) for part in parts]
            return np.concatenate(columns if add is None else [c + more for c, more in zip(columns, add, strict=True)])

        return Records(
            column(lambda part: part.offsets),
            column(lambda part: part.timestamps_ms),
            b"".join(part.text for part in parts),
            Spans(column(lambda part: part.keys.starts, shifts), column(lambda part: part.keys.ends, shifts)),
            Spans(column(lambda part: part.values.starts, shifts), column(lambda part: part.values.ends, shifts)),
            Coded(
                [kind for part in parts for kind in part.versions.kinds],
                column(lambda part: part.versions.codes, first_codes),
            ),
        )

    def value(self, at: int) -> bytes | None:
        """The value of the record at this place."""
        return _read(self.text, self.values, at)

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> "Records": ...
    def __getitem__(self, at: int | slice) -> "Record | Records":
        if isinstance(at, slice):
            versions = Coded(self.versions.kinds, self.versions.codes[at])
            stamps = self.timestamps_ms[at]
            return Records(self.offsets[at], stamps, self.text, self.keys.at(at), self.values.at(at), versions)
        return Record(
            int(self.offsets[at]),
            int(self.timestamps_ms[at]),
            _read(self.text, self.keys, at),
            _read(self.text, self.values, at),
            self.versions.kinds[self.versions.codes[at]],
        )

    def __iter__(self) -> Iterator[Record]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Records) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def _read(text: bytes, spans: Spans, at: int) -> bytes | None:
    start, end = spans.starts[at], spans.ends[at]
    return text[start:end] if end >= start else None
