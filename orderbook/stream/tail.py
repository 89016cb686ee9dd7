"""The tail of the log: the newest tick of each symbol, and whether someone is adding to it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

from kafka.partitioner.default import murmur2
from pydantic import ValidationError

from orderbook.errors import OffsetOutOfRange
from orderbook.sections import KafkaSettings
from orderbook.stream.batch import FetchLimits, RangeFetcher
from orderbook.stream.fetcher import make_fetcher
from orderbook.stream.records import Record
from orderbook.stream.topics import LogBounds, TopicClient
from orderbook.tick import OrderBookTick, decode

FIRST_STEP = 2_000  # offsets; finds every symbol of a log that a simulator wrote
LARGEST_STEP = 20_000
MOST_OFFSETS = 200_000  # per partition: bounds the work for a symbol that is not there (six partitions: 3 s)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LIMITS = FetchLimits(bytes=32 * 2**20, seconds=30, poll_seconds=1)


@dataclass(slots=True)
class ChainEnd:
    """Where a symbol's chain of sequence ids ends, as far as the records that were read tell.

    ``unread`` records came after the newest id and cannot be read: each took an id. ``tick`` is the newest one with a
    price on both sides. An id that goes back at a later time than all before it begins the count ``anew``.
    """

    sequence_id: int | None = None
    unread: int = 0
    tick: OrderBookTick | None = None
    anew: bool = field(default=False, compare=False)
    first: OrderBookTick | None = field(default=None, compare=False)
    newest: datetime = field(default=_LONG_AGO, compare=False)

    def take(self, value: bytes | None) -> None:
        """Add the next record."""
        tick = _readable(value)
        if tick is None:
            self.unread += 1
            return
        self.first = self.first or tick
        if self._begins_anew(tick):
            self.sequence_id, self.anew = tick.sequence_id, True
        else:
            self.sequence_id = max(tick.sequence_id, self.last(before=0))
        self.unread, self.newest = 0, max(self.newest, tick.event_time)
        if tick.bid_price is not None and tick.ask_price is not None and tick.bid_price < tick.ask_price:
            self.tick = tick

    def _begins_anew(self, tick: OrderBookTick) -> bool:
        return self.sequence_id is not None and tick.sequence_id < self.sequence_id and tick.event_time > self.newest

    def last(self, before: int) -> int:
        """The last id that was taken, where ``before`` was the one before all that was read."""
        return (before if self.sequence_id is None else self.sequence_id) + self.unread

    def after(self, older: "ChainEnd") -> "ChainEnd":
        """The end of both stretches, ``older`` coming first."""
        tick = self.tick or older.tick
        if self.sequence_id is None:
            return replace(older, unread=older.unread + self.unread, tick=tick)
        anew = self.anew or (self.first is not None and older._begins_anew(self.first))  # noqa: SLF001 - one of us
        number = self.sequence_id if anew else max(self.sequence_id, older.last(before=0))
        first, newest = older.first or self.first, max(older.newest, self.newest)
        return ChainEnd(number, self.unread, tick, anew or older.anew, first, newest)


def _readable(value: bytes | None) -> OrderBookTick | None:
    if value is None:
        return None
    try:
        return OrderBookTick.model_validate(decode(value))
    except (ValidationError, ValueError, RecursionError):
        return None


class _Stretch:
    """One partition, read backwards from its end."""

    def __init__(self, number: int, bounds: LogBounds) -> None:
        self.number = number
        self.edge = bounds.end
        self.floor = max(bounds.start, bounds.end - MOST_OFFSETS)
        self.step = FIRST_STEP
        self.chains: dict[str, ChainEnd] = defaultdict(ChainEnd)

    @property
    def ended(self) -> bool:
        return self.edge <= self.floor

    def found(self) -> set[str]:
        return {symbol for symbol, chain in self.chains.items() if chain.sequence_id is not None}

    def back(self, fetcher: RangeFetcher, symbols: Collection[str]) -> None:
        """Read the step before the edge."""
        start = max(self.floor, self.edge - self.step)
        read: dict[str, ChainEnd] = defaultdict(ChainEnd)
        try:
            for symbol, record in _of(symbols, _records(fetcher, self.number, start, self.edge)):
                read[symbol].take(record.value)
        except OffsetOutOfRange:  # retention was faster: there is nothing left below
            self.edge = self.floor
            return
        for symbol, older in read.items():
            self.chains[symbol] = self.chains[symbol].after(older)
        self.edge, self.step = start, min(self.step * 4, LARGEST_STEP)


class LogTail:
    """Reads the newest records of a topic, in bounded steps. Every method blocks, and raises ``Unavailable``.

    Sees committed records only. One per process, to be closed.
    """

    def __init__(self, topic: TopicClient, fetcher: RangeFetcher) -> None:
        self._topic = topic
        self._fetcher = fetcher

    @classmethod
    def of(cls, kafka: KafkaSettings) -> Self:
        """The tail of the topic that the settings name; raises ``Unavailable`` also while there is no such topic."""
        topic = TopicClient(kafka)
        try:
            topic.identity()
            return cls(topic, make_fetcher(kafka, FIRST_STEP))
        except BaseException:
            topic.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()
        self._topic.close()

    def ends(self) -> dict[int, int]:
        """The end of each partition now."""
        bounds = self._topic.bounds(self._topic.identity().partitions)
        return {number: found.end for number, found in bounds.items()}

    def chain_ends(self, symbols: Collection[str]) -> dict[str, ChainEnd]:
        """Where each symbol's chain ends; symbols without a record in the last ``MOST_OFFSETS`` offsets are left out.

        Looks at the end of every partition, then further back in the one a symbol's key belongs to, and where it is not
        there in all: when partitions were added, a symbol's past stands in another.
        """
        partitions = self._topic.identity().partitions
        bounds = self._topic.bounds(partitions)
        stretches = {number: _Stretch(number, bounds[number]) for number in partitions}
        for stretch in stretches.values():
            if not stretch.ended:
                stretch.back(self._fetcher, symbols)
        homes: dict[int, set[str]] = defaultdict(set)
        for symbol in symbols:
            homes[partition_of(symbol, partitions)].add(symbol)
        for number, expected in homes.items():
            while not stretches[number].ended and expected - stretches[number].found():
                stretches[number].back(self._fetcher, symbols)
        for stretch in stretches.values():
            while not stretch.ended and set(symbols) - _found(stretches.values()):
                stretch.back(self._fetcher, symbols)
        return _newest(symbols, stretches.values())

    def heard_since(self, ends: Mapping[int, int], symbols: Collection[str]) -> set[str]:
        """Which symbols have records after ``ends``."""
        heard: set[str] = set()
        for number, end in self.ends().items():
            heard.update(s for s, _ in _of(symbols, _records(self._fetcher, number, ends.get(number, 0), end)))
        return heard

    def values_since(self, ends: Mapping[int, int]) -> Iterable[bytes]:
        """Yield the values of the records after ``ends``. Raises ``OffsetOutOfRange`` where some are gone already."""
        for number, end in self.ends().items():
            records = _records(self._fetcher, number, ends.get(number, 0), end)
            yield from (record.value for record in records if record.value is not None)

    def topic_id(self) -> str:
        """Which life of the topic this is."""
        return self._topic.identity().topic_id


def partition_of(symbol: str, partitions: tuple[int, ...]) -> int:
    """Where Kafka's own partitioner puts a symbol's records."""
    found: int = partitions[(murmur2(symbol.encode()) & 0x7FFFFFFF) % len(partitions)]
    return found


def _records(fetcher: RangeFetcher, partition: int, start: int, end: int) -> Iterable[Record]:
    while start < end:
        batch = fetcher.fetch(partition, start, end, _LIMITS, lambda: None)
        yield from batch.records
        start = batch.position


def _of(symbols: Collection[str], records: Iterable[Record]) -> Iterable[tuple[str, Record]]:
    keys = {symbol.encode(): symbol for symbol in symbols}
    return ((keys[record.key], record) for record in records if record.key in keys)


def _found(stretches: Iterable[_Stretch]) -> set[str]:
    return set[str]().union(*(stretch.found() for stretch in stretches))


def _newest(symbols: Collection[str], stretches: Collection[_Stretch]) -> dict[str, ChainEnd]:
    chains = {s: [stretch.chains[s] for stretch in stretches if s in stretch.chains] for s in symbols}
    return {symbol: max(ends, key=_rank) for symbol, ends in chains.items() if ends}


def _rank(chain: ChainEnd) -> tuple[bool, int]:
    return chain.sequence_id is not None, chain.last(before=0)
