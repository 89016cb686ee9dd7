"""What the watchers ask: Postgres each second, its slower figures every ten, Kafka and Redis every two."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import orjson
from redis import Redis

from orderbook.api.fitness import coverage_of
from orderbook.clock import monotonic, utc_now
from orderbook.config import Settings
from orderbook.live.quotes import Quote, order_of, stored_quote
from orderbook.profiles import Profiles
from orderbook.store.cold_totals import ColdTotals, cold_totals
from orderbook.store.reader import Reader, StoredTick, newest_ticks
from orderbook.store.readers.coverage import clock
from orderbook.store.readers.horizon import complete_through
from orderbook.store.readers.ledger import Alarm, CursorState, Landed, landed, newest_cursors, open_alarms
from orderbook.store.readers.quarantine import open_rejects_by_reason
from orderbook.store.readers.sequence import EventRow, changed_events, count_events
from orderbook.stream.batch import RangeFetcher
from orderbook.stream.fetcher import make_fetcher
from orderbook.stream.lag import age_seconds
from orderbook.stream.topics import LogBounds, TopicClient

STATEMENT_SECONDS = 5.0
FRESH = timedelta(days=1)  # symbols silent for longer are looked for every `ALL_SECONDS`: each day costs a probe
ALL_SECONDS = 300.0
REDIS_SECONDS = 2.0

IsNewer = Callable[[str, tuple[int, int, int, int]], bool]
Tell = Callable[[list[Quote], list[tuple[str, str]]], None]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """Postgres at one instant."""

    at: datetime  # by Postgres' clock
    complete_through: datetime | None
    cursors: list[CursorState]
    landed: Landed
    alarms: int
    newest_alarms: list[Alarm]
    open_gaps: int


class LedgerWatch:
    """Cursors, counts and alarms; tells the board the quotes and sequence events that it does not have yet."""

    name = "postgres"

    def __init__(self, settings: Settings, is_newer: IsNewer, tell: Tell) -> None:
        self._settings = settings
        self._is_newer = is_newer
        self._tell = tell
        self._reader: Reader | None = None
        self._all_at = float("-inf")
        self._last_event: int | None = None
        self._open: set[int] = set()

    def look(self) -> LedgerState:
        """How it stands now. Raises ``Unavailable``."""
        if self._reader is None:
            self._reader = Reader(self._settings.database, STATEMENT_SECONDS, name="orderbook-api-watch")
        with self._reader.snapshot() as connection:
            alarms, newest_alarms = open_alarms(connection)
            since = utc_now() - (timedelta(days=self._settings.database.hot_days) if self._is_time_for_all() else FRESH)
            quotes = newest_ticks(connection, since)
            events = changed_events(connection, self._last_event, list(self._open))
            state = LedgerState(
                at=clock(connection),
                complete_through=complete_through(connection, self._settings.drain.max_offsets),
                cursors=newest_cursors(connection),
                landed=landed(connection),
                alarms=alarms,
                newest_alarms=newest_alarms,
                open_gaps=sum(event.kind == "gap" and event.state == "open" for event in events),
            )
        self._tell([stored_quote(tick) for tick in quotes if self._is_news(tick)], self._notices(events))
        return state

    def _is_news(self, tick: StoredTick) -> bool:
        return self._is_newer(tick.symbol, order_of(tick))

    def _is_time_for_all(self) -> bool:
        if monotonic() - self._all_at < ALL_SECONDS:
            return False
        self._all_at = monotonic()
        return True

    def _notices(self, events: list[EventRow]) -> list[tuple[str, str]]:
        """What was found since the last look, and what is open no more; at the first look, what is open."""
        after, known = self._last_event, self._open
        self._last_event = max((event.id for event in events), default=after or 0)
        self._open = {event.id for event in events if event.state == "open"}
        news = [
            event
            for event in reversed(events)
            if (event.id > after if after is not None else event.state == "open")
            or (event.id in known and event.state != "open")
        ]
        return [(event.symbol, orjson.dumps(asdict(event)).decode()) for event in news]

    def close(self) -> None:
        """Close the connections."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


@dataclass(frozen=True, slots=True)
class DayState:
    """Figures of the last 24 hours that cost more to find."""

    coverage: float | None
    gaps: int
    repeats: int
    stalls: int
    quarantine_open: dict[str, int]
    archive: ColdTotals


class DayWatch:
    """Coverage and events of the last 24 hours, and what is in quarantine."""

    name = "completeness"

    def __init__(self, settings: Settings, profiles: Profiles) -> None:
        self._settings = settings
        self._profiles = profiles
        self._reader: Reader | None = None

    def look(self) -> DayState:
        """How it stands now. Raises ``Unavailable``."""
        if self._reader is None:
            self._reader = Reader(self._settings.database, STATEMENT_SECONDS, name="orderbook-api-watch")
        with self._reader.snapshot() as connection:
            now = clock(connection)
            found = coverage_of(connection, self._profiles, now - timedelta(days=1), now, None)
            counts: Counter[str] = Counter()
            for row in count_events(connection, start=now - timedelta(days=1)):
                counts[row.kind] += row.events
            rejects, archive = open_rejects_by_reason(connection), cold_totals(connection)
        least = min((row.coverage for row in found if row.coverage is not None), default=None)
        return DayState(least, counts["gap"], counts["repeat"], counts["stall"], rejects, archive)

    def close(self) -> None:
        """Close the connections."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


@dataclass(frozen=True, slots=True)
class LogState:
    """Kafka's partitions, and the age of the oldest record that has not landed."""

    bounds: dict[int, LogBounds]
    lag_seconds: dict[int, float]
    end: int
    at: float  # by the monotonic clock


class LogWatch:
    """The log's bounds; the prefix comes from the ledger's watcher."""

    name = "kafka"

    def __init__(self, settings: Settings, prefixes: Callable[[], dict[int, int] | None]) -> None:
        self._settings = settings
        self._prefixes = prefixes
        self._topic: TopicClient | None = None
        self._fetcher: RangeFetcher | None = None

    def look(self) -> LogState:
        """How it stands now. Raises ``Unavailable``."""
        topic = self._topic = self._topic or TopicClient(self._settings.kafka)
        bounds = topic.bounds(topic.identity().partitions)
        lags = {}
        for number, prefix in (self._prefixes() or {}).items():
            if number in bounds:
                age = self._age(number, max(prefix, bounds[number].start), bounds[number].end)
                if age is not None:
                    lags[number] = age
        return LogState(bounds, lags, sum(at.end for at in bounds.values()), monotonic())

    def _age(self, number: int, wanted: int, end: int) -> float | None:
        if wanted >= end:
            return 0.0
        self._fetcher = self._fetcher or make_fetcher(self._settings.kafka, 1)
        return age_seconds(self._fetcher, number, wanted)

    def close(self) -> None:
        """Close the connections."""
        for client in (self._fetcher, self._topic):
            if client is not None:
                client.close()
        self._fetcher = self._topic = None


class BrokerWatch:
    """Redis: whether it answers, and what waits there."""

    name = "redis"

    def __init__(self, settings: Settings) -> None:
        self._redis = settings.redis
        self._client: Redis | None = None

    def look(self) -> dict[str, int]:
        """Messages by queue. Raises ``RedisError``."""
        client = self._client = self._client or Redis.from_url(
            self._redis.url.get_secret_value(),
            socket_connect_timeout=REDIS_SECONDS,
            socket_timeout=REDIS_SECONDS,
            **(self._redis.tls or {}),
        )
        return {name: int(client.llen(name)) for name in ("drain", "ingest", "maintenance")}

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None
