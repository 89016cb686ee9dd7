"""What a range fetcher returns, and the contract both fetchers keep."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from orderbook.errors import Unavailable
from orderbook.stream.records import Record, Records


@dataclass(slots=True)
class Batch:
    """The records of ``[start, position)``, in offset order. Offsets without a record are gaps of the log."""

    start: int
    records: Records = field(default_factory=lambda: Records.of(()))
    position: int = 0

    def gaps(self, position: int) -> int:
        """Offsets of ``[start, position)`` without a record, counted between the records that are there."""
        there = self.records.offsets
        steps = np.diff(there[there < position], prepend=self.start - 1, append=position)
        assert (steps > 0).all(), f"an offset of {self.start}-{position - 1} came twice or out of order"
        return int((steps - 1).sum())


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
