"""What the requests of one process share: settings, connections, watchers and the board."""

from collections import deque
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import HTTPConnection

from orderbook.api.fitness import Fitness
from orderbook.api.hub import Hub
from orderbook.api.problems import Problem
from orderbook.api.sources import BrokerWatch, DayState, DayWatch, LedgerState, LedgerWatch, LogState, LogWatch
from orderbook.api.watcher import Watcher
from orderbook.clock import utc_now
from orderbook.config import Settings
from orderbook.profiles import load_profiles
from orderbook.store.reader import Reader

LEDGER_SECONDS = 1.0
SLOW_SECONDS = 10.0
OTHER_SECONDS = 2.0
STALE_SECONDS = 8.0  # a look that is under way ends after five


class Service:
    """Made once a process, started in its event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.profiles = load_profiles(settings.ingest.profiles_file)
        self.reader = Reader(
            settings.database,
            settings.api.query_seconds,
            name="orderbook-api",
            connections=settings.api.connections,
        )
        self.replays = 0  # that are sent now
        self.hub = Hub(settings.redis, settings.kafka.topic)
        ledger = LedgerWatch(settings, self.hub.board.is_newer, self.hub.absorb_soon)
        self.ledger: Watcher[LedgerState] = Watcher(ledger, LEDGER_SECONDS, STALE_SECONDS)
        self.day: Watcher[DayState] = Watcher(DayWatch(settings, self.profiles), SLOW_SECONDS, 6 * SLOW_SECONDS)
        self.log: Watcher[LogState] = Watcher(
            LogWatch(settings, self._prefixes),
            OTHER_SECONDS,
            STALE_SECONDS,
            lambda log: self._ends.append((log.at, log.end)),
        )
        self.broker: Watcher[dict[str, int]] = Watcher(BrokerWatch(settings), OTHER_SECONDS, STALE_SECONDS)
        self._ends: deque[tuple[float, int]] = deque(maxlen=6)  # of the log: when, and how many records

    @property
    def watchers(self) -> dict[str, Watcher[Any]]:
        """By the service that each asks."""
        return {"postgres": self.ledger, "kafka": self.log, "redis": self.broker}

    def start(self) -> None:
        """Begin to watch and to listen; nothing is waited for."""
        self.hub.start()
        for watcher in (*self.watchers.values(), self.day):
            watcher.start()

    async def stop(self) -> None:
        """End what was started."""
        for watcher in (*self.watchers.values(), self.day):
            watcher.end()
        await self.hub.stop()
        self.reader.close()

    def _prefixes(self) -> dict[int, int] | None:
        state = self.ledger.latest()
        return None if state is None else {cursor.partition: cursor.committed for cursor in state.cursors}

    def fitness_now(self) -> Fitness:
        """The fitness of what is newest, as the watchers last found it."""
        ledger, day = self.ledger.latest(), self.day.latest()
        through = None if ledger is None else ledger.complete_through
        if day is None:
            return Fitness(through, None, None, "hot")
        return Fitness(through, day.coverage, day.gaps, "hot")

    def rate_in(self) -> float | None:
        """Records a second that came into the log over the last ten seconds; None while Kafka is away."""
        ends = list(self._ends)
        if self.log.latest() is None or len(ends) < 2 or ends[-1][0] <= ends[0][0]:
            return None
        return max(0.0, (ends[-1][1] - ends[0][1]) / (ends[-1][0] - ends[0][0]))

    def require_postgres(self) -> None:
        """Raise ``Problem`` at once where Postgres is known to be away: nobody waits for a connection then."""
        if self.ledger.looked.is_set() and self.ledger.trouble is not None:
            told = f"Postgres does not answer: {self.ledger.trouble}"
            raise Problem(503, told, "GET /readyz says which service is away", headers={"Retry-After": "2"})

    def window(self, start: datetime | None, end: datetime | None, default: timedelta) -> tuple[datetime, datetime]:
        """The window of a request: up to now, ``default`` long where no start is given. Raises ``Problem``."""
        until = end or utc_now()
        since = start or until - default
        most = self.settings.api.most_days
        if since >= until:
            raise Problem(400, "start is not before end", "start is included, end is not")
        if until - since > timedelta(days=most):
            told = f"the range is {(until - since).days} days long, the most is {most}"
            raise Problem(400, told, "ask for shorter ranges one after the other")
        return since, until


def service_of(connection: HTTPConnection) -> Service:
    """The service of a request's application."""
    service: Service = connection.app.state.service
    return service
