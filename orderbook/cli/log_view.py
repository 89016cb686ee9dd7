"""What ``topics lag`` and ``topics tail`` show of the log."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from orderbook.cli.services import range_fetcher, topic_client
from orderbook.errors import OffsetOutOfRange, Refused, Unavailable
from orderbook.store.reader import Reader
from orderbook.store.readers.ledger import newest_cursors
from orderbook.stream.batch import FetchLimits, RangeFetcher
from orderbook.stream.lag import age_seconds
from orderbook.stream.records import Record
from orderbook.stream.topics import TopicClient

LOOK_SECONDS = 0.2
STEP = 2_000  # offsets read at once
STEP_LIMITS = FetchLimits(bytes=8 * 2**20, seconds=30, poll_seconds=1)


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far one partition is landed. ``lag_seconds`` is the age of the oldest record above the prefix."""

    partition: int
    start: int
    end: int
    group: int | None
    committed: int | None
    lag_messages: int
    lag_seconds: float | None


def lags() -> list[PartitionLag]:
    """Each partition's lag. Where no drainer has run, all of the log is lag. Raises ``Unavailable``."""
    with Reader() as reader, reader.snapshot() as connection:
        committed = {cursor.partition: cursor.committed for cursor in newest_cursors(connection)}
    with topic_client() as topic, range_fetcher(1) as fetcher:
        bounds = topic.bounds(topic.identity().partitions)
        group = _group(topic)
        found = []
        for number, at in sorted(bounds.items()):
            wanted = max(committed.get(number, at.start), at.start)
            behind = max(0, at.end - wanted)
            age = age_seconds(fetcher, number, wanted) if behind else 0.0
            found.append(PartitionLag(number, at.start, at.end, group.get(number), committed.get(number), behind, age))
        return found


def _group(topic: TopicClient) -> dict[int, int]:
    try:
        return topic.projected()
    except Unavailable as error:  # a cluster that never had a group has no coordinator either
        sys.stderr.write(f"group offsets are not known: {error}\n")
        return {}


def records(partition: int | None, *, from_beginning: bool, limit: int | None) -> Iterator[tuple[int, Record]]:
    """Yield the log's records as they come, for ever or up to ``limit``. Raises ``Unavailable``, ``Refused``."""
    with topic_client() as topic, range_fetcher(STEP) as fetcher:
        bounds = topic.bounds(_partitions(topic, partition))
        places = {number: at.start if from_beginning else at.end for number, at in bounds.items()}
        left = limit
        while True:
            idle = True
            for number, at in topic.bounds(tuple(places)).items():
                for record in _step(fetcher, places, number, at.start, at.end):
                    idle = False
                    yield number, record
                    if left is not None and (left := left - 1) == 0:
                        return
            if idle:
                time.sleep(LOOK_SECONDS)


def _partitions(topic: TopicClient, partition: int | None) -> tuple[int, ...]:
    there = topic.identity().partitions
    if partition is None:
        return there
    if partition not in there:
        raise Refused(f"there is no partition {partition} (there are {', '.join(map(str, there))})")
    return (partition,)


def _step(fetcher: RangeFetcher, places: dict[int, int], number: int, start: int, end: int) -> list[Record]:
    if places[number] < start:
        sys.stderr.write(f"partition {number}: the log no longer has {places[number]} to {start - 1}\n")
        places[number] = start
    if places[number] >= end:
        return []
    try:
        batch = fetcher.fetch(number, places[number], min(end, places[number] + STEP), STEP_LIMITS, lambda: None)
    except OffsetOutOfRange:  # retention was faster: the next look knows the new start
        return []
    places[number] = batch.position
    return list(batch.records)


def record_line(partition: int, record: Record) -> str:
    """A record on one line."""
    at = record.broker_time
    when = at.isoformat(timespec="milliseconds") if at else "-"
    return f"{partition}\t{record.offset}\t{when}\t{shown(record.key)}\t{shown(record.value)}"


def shown(value: bytes | None) -> str:
    """Bytes as text on one line: what cannot be printed is escaped, nothing at all is ``null``."""
    if value is None:
        return "null"
    text = value.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
