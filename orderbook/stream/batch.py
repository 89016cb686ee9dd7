"""What a range fetcher returns, and the contract both fetchers keep."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, Self, overload

from orderbook.errors import Unavailable
from orderbook.tick import EPOCH

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


@dataclass(slots=True)
class Records(Sequence[Record]):
    """Records as columns of one length: a range is five lists, and a record is made where one is looked at.

    As 20,000 objects a range costs three times as much to read: most of it goes into collecting garbage.
    """

    offsets: list[int] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    versions: list[bytes | None] = field(default_factory=list)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """These records as columns."""
        made = cls()
        for record in records:
            made.append(record)
        return made

    def append(self, record: Record) -> None:
        """Add one at the end."""
        self.offsets.append(record.offset)
        self.timestamps_ms.append(record.timestamp_ms)
        self.keys.append(record.key)
        self.values.append(record.value)
        self.versions.append(record.version)

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> "Records": ...
    def __getitem__(self, at: int | slice) -> "Record | Records":
        if isinstance(at, slice):
            return Records.of(list(self)[at])
        return Record(self.offsets[at], self.timestamps_ms[at], self.keys[at], self.values[at], self.versions[at])

    def __iter__(self) -> Iterator[Record]:
        return map(Record, self.offsets, self.timestamps_ms, self.keys, self.values, self.versions)


@dataclass(slots=True)
class Batch:
    """The records of ``[start, position)``, in offset order. Offsets without a record are gaps of the log."""

    start: int
    records: Sequence[Record] = ()
    position: int = 0


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """When a fetch stops early, with at least one record."""

    bytes: int
    seconds: float
    poll_seconds: float  # no single wait is longer, so that a lease can be renewed between two


class RangeFetcher(Protocol):
    """Reads ranges of one topic by ``assign`` and ``seek``, committed records only, CRCs checked. One per process."""

    def fetch(self, partition: int, start: int, end: int, limits: FetchLimits, between: Callable[[], None]) -> Batch:
        """Read ``[start, end)``; blocks, and calls ``between`` after each wait.

        The batch ends at ``end``, or earlier where a limit was reached after one record. Raises ``EarlyEnd`` where the
        log ends before ``end``, ``OffsetOutOfRange`` where ``start`` is not in it, ``OutOfTime`` where not one record
        came in time, ``Unavailable`` for everything else that a retry may mend.
        """
        ...

    def rest(self) -> None:
        """Stop reading ahead. After a fetch a client reads on where it ended, for a next fetch that begins there."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


VERSION_HEADER = "schema-version"


def version_of(headers: list[tuple[str, bytes | None]] | None) -> bytes | None:
    """The ``schema-version`` among a record's headers; the last one wins, as in Kafka's own clients."""
    found = None
    for name, value in headers or ():
        if name == VERSION_HEADER:
            found = value
    return found


def read_all(fetcher: RangeFetcher, partition: int, start: int, end: int, limits: FetchLimits) -> Iterator[Record]:
    """Yield the records of ``[start, end)``, in as many fetches as the limits make of it.

    Raises what ``fetch`` does, and ``Unavailable`` where one brings nothing.
    """
    while start < end:
        batch = fetcher.fetch(partition, start, end, limits, lambda: None)
        if batch.position == start:
            raise Unavailable(f"no progress at offset {start}")
        yield from batch.records
        start = batch.position
