"""Figures of Kafka: how far landing is behind the log, and what else keeps it there."""

from collections.abc import Callable, Iterator, Mapping

from orderbook import metrics
from orderbook.config import Settings
from orderbook.errors import Unavailable
from orderbook.exporter.source import Sample
from orderbook.store.reader import Reader
from orderbook.store.readers.ledger import newest_cursors
from orderbook.stream.batch import RangeFetcher
from orderbook.stream.fetcher import make_fetcher
from orderbook.stream.lag import age_seconds
from orderbook.stream.topics import LogBounds, TopicClient

STATEMENT_SECONDS = 5.0


class LogSource:
    """Asks Kafka. The prefix comes from Postgres; while that is away, what needs it has no series."""

    name = "kafka"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic: TopicClient | None = None
        self._fetcher: RangeFetcher | None = None
        self._prefixes = Prefixes(settings)

    def look(self) -> list[Sample]:
        """All figures of now. Raises ``Unavailable``."""
        topic = self._topic = self._topic or TopicClient(self._settings.kafka)
        fetcher = self._fetcher = self._fetcher or make_fetcher(self._settings.kafka, 1)
        partitions = topic.identity().partitions
        bounds = topic.bounds(partitions)
        ends = topic.high_watermarks(partitions)
        group = _group(topic)  # before the prefix, which then is the newer one: the group may never be above it
        samples: list[Sample] = [
            (metrics.STABLE_LAG, (str(number),), max(0, ends[number] - at.end)) for number, at in bounds.items()
        ]
        prefixes = self._prefixes.read()
        if prefixes is not None:
            retention = topic.retention_seconds()
            lags = lag_samples(bounds, prefixes, lambda number, at: age_seconds(fetcher, number, at), retention)
            samples += [*lags, *_difference(group, prefixes)]
        return samples

    def close(self) -> None:
        """Close the connections."""
        if self._fetcher is not None:
            self._fetcher.close()
        if self._topic is not None:
            self._topic.close()
        self._fetcher = self._topic = None
        self._prefixes.close()


class Prefixes:
    """The finished prefix of each partition, on a connection of its own: Kafka's figures do not wait for the others."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader: Reader | None = None

    def read(self) -> dict[int, int] | None:
        """By partition, of those that a drainer has seen; None while Postgres is away."""
        if self._reader is None:
            self._reader = Reader(self._settings.database, STATEMENT_SECONDS)
        try:
            with self._reader.snapshot() as connection:
                return {cursor.partition: cursor.committed for cursor in newest_cursors(connection)}
        except Unavailable:
            self.close()
            return None

    def close(self) -> None:
        """Close the connection."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def lag_samples(
    bounds: Mapping[int, LogBounds],
    prefixes: Mapping[int, int],
    age: Callable[[int, int], float | None],
    retention: float | None,
) -> Iterator[Sample]:
    """Lag in messages and seconds, and what retention leaves. Where no drainer has run, all of the log is lag."""
    for number, at in bounds.items():
        wanted = max(prefixes.get(number, at.start), at.start)
        behind = max(0, at.end - wanted)
        yield metrics.LAG_MESSAGES, (str(number),), behind
        seconds = age(number, wanted) if behind else 0.0
        if seconds is None:
            continue
        yield metrics.LAG_SECONDS, (str(number),), seconds
        if retention is not None:
            yield metrics.RETENTION_HEADROOM, (str(number),), max(0.0, 1 - seconds / retention)


def _group(topic: TopicClient) -> dict[int, int]:
    try:
        return topic.projected()
    except Unavailable:  # a cluster that never had a group has no coordinator either
        return {}


def _difference(group: Mapping[int, int], prefixes: Mapping[int, int]) -> Iterator[Sample]:
    for number, offset in group.items():
        if number in prefixes:
            yield metrics.GROUP_DIFFERENCE, (str(number),), offset - prefixes[number]
