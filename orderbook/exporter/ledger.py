"""Figures of Postgres: what is landed, rejected and lost, open ranges, halts, alarms and days."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from orderbook import metrics
from orderbook.clock import monotonic, utc_now
from orderbook.config import Settings
from orderbook.exporter.quality import Quality
from orderbook.exporter.source import Sample
from orderbook.metrics import MOST_SYMBOLS
from orderbook.profiles import REASONS
from orderbook.sequence import KINDS
from orderbook.store.completeness.clocks import list_skews
from orderbook.store.days import list_days
from orderbook.store.expectation_runs import last_finished, standing_failures
from orderbook.store.reader import Reader, Snapshot, newest_ticks
from orderbook.store.readers.exported import (
    OpenRangeAges,
    RejectCounter,
    SequenceEventCounter,
    archive_state,
    open_alarms_by_kind,
)
from orderbook.store.readers.ledger import CursorState, landed, newest_cursors

STATEMENT_SECONDS = 5.0
FRESH = timedelta(days=1)  # a newest tick older than this is not looked for: each day more costs a probe per symbol


class LedgerSource:
    """Asks Postgres in the reader's role, one snapshot a look."""

    name = "postgres"

    def __init__(self, settings: Settings) -> None:
        self._database = settings.database
        self._window = settings.drain.max_open
        self._archives = settings.archive.root is not None
        self._reader: Reader | None = None
        self._rejects = RejectCounter()
        self._events = SequenceEventCounter()
        self._ages = OpenRangeAges()
        self._quality = Quality(settings.ingest.profiles_file)

    def look(self) -> list[Sample]:
        """All figures of now. Raises ``Unavailable``."""
        if self._reader is None:
            self._reader = Reader(self._database, STATEMENT_SECONDS)
        with self._reader.snapshot() as connection:
            samples = [*self._counts(connection), *self._ranges(connection), *self._symbols(connection)]
            samples += self._expectations(connection)
            samples += self._archive(connection)
        return [*samples, *day_samples(list_days(self._reader.engine), utc_now())]

    def close(self) -> None:
        """Close the connections."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _counts(self, connection: Snapshot) -> Iterator[Sample]:
        counts = landed(connection)
        yield metrics.TICKS_LANDED, (), counts.ok + counts.withdrawn  # a counter never goes back
        yield metrics.OFFSETS_LOST, (), counts.lost
        # all of them from the start: where a counter's first value is 400, Prometheus sees no increase
        rejects = dict.fromkeys(REASONS, 0) | self._rejects.count(connection)
        for reason, count in rejects.items():
            yield metrics.TICKS_QUARANTINED, (reason,), count
        events = dict.fromkeys(KINDS, 0) | self._events.count(connection, monotonic())
        for kind, count in events.items():
            yield metrics.SEQUENCE_EVENTS, (kind,), count
        for kind, count in open_alarms_by_kind(connection).items():
            yield metrics.ALARMS_OPEN, (kind,), count

    def _archive(self, connection: Snapshot) -> Iterator[Sample]:
        state = archive_state(connection, self._database.hot_days)
        yield metrics.ARCHIVE_ROWS, (), state.rows
        yield metrics.HOT_COLD_DIFFERENCE, (), state.unsound_rows
        if state.last_success is not None:
            yield metrics.ARCHIVE_LAST_SUCCESS, (), state.last_success
        if self._archives:  # else days stay on purpose
            yield metrics.ARCHIVE_BEHIND, (), state.behind_seconds

    def _expectations(self, connection: Snapshot) -> Iterator[Sample]:
        last = last_finished(connection)
        if last is None:
            return  # they are optional: what never ran has no series
        yield metrics.EXPECTATIONS_LAST_RUN, (), last.timestamp()
        for severity, count in standing_failures(connection).items():
            yield metrics.EXPECTATIONS_FAILED, (severity,), count

    def _ranges(self, connection: Snapshot) -> Iterator[Sample]:
        cursors = newest_cursors(connection)
        yield metrics.RANGE_WINDOW, (), self._window
        yield metrics.RANGE_OLDEST_AGE, (), self._ages.oldest(connection, monotonic())
        yield metrics.RANGE_DEATHS, (), max((cursor.most_deaths for cursor in cursors), default=0)
        for cursor in cursors:
            yield metrics.RANGES_OPEN, (str(cursor.partition),), cursor.open_ranges
            yield metrics.PARTITION_HALTED, (str(cursor.partition),), float(cursor.halted_reason is not None)
        yield from _drained(cursors)

    def _symbols(self, connection: Snapshot) -> Iterator[Sample]:
        newest = {tick.symbol: tick.event_time for tick in newest_ticks(connection, utc_now() - FRESH)}
        if len(newest) <= MOST_SYMBOLS:
            for symbol, at in newest.items():
                yield metrics.LAST_EVENT, (symbol,), at.timestamp()
        yield from self._quality.look(connection, newest)
        skews = list_skews(connection, FRESH.total_seconds())
        if len(skews) <= MOST_SYMBOLS:
            for skew in skews:
                yield metrics.CLOCK_SKEW, (skew.feed,), skew.newest_seconds


def _drained(cursors: Sequence[CursorState]) -> Iterator[Sample]:
    ages = [cursor.drained_seconds_ago for cursor in cursors if cursor.halted_reason is None]
    known = [age for age in ages if age is not None]
    if known and len(known) == len(ages):
        yield metrics.DRAIN_LAST_SUCCESS, (), utc_now().timestamp() - max(known)


def day_samples(days: Sequence[tuple[date, int, int]], now: datetime) -> Iterator[Sample]:
    """Rows, bytes and runway of daily partitions, each with its estimated rows and its bytes."""
    yield metrics.HOT_ROWS, (), sum(max(0, rows) for _, rows, _ in days)
    yield metrics.HOT_BYTES, (), sum(size for _, _, size in days)
    there = {day for day, _, _ in days}
    first_missing = now.date()
    while first_missing in there:
        first_missing += timedelta(days=1)
    midnight = datetime(first_missing.year, first_missing.month, first_missing.day, tzinfo=UTC)
    yield metrics.PARTITION_RUNWAY, (), max(0.0, (midnight - now).total_seconds())
