"""The channel of Redis that carries what landed: its name, and a publisher that never holds up a landing."""

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Final

import pyarrow as pa
import structlog
from redis import Redis
from redis.exceptions import RedisError

from orderbook.clock import monotonic
from orderbook.live.quotes import encoded, newest_quotes
from orderbook.sections import RedisSettings

TIMEOUT_SECONDS: Final = 1.0
REST_SECONDS: Final = 2.0  # after a failure: what lands meanwhile is not announced, readers look at Postgres
MOST_WAITING: Final = 8  # landings; behind a slow broker the oldest give way

Landed = tuple[pa.Table, int, int, float]

log = structlog.get_logger(__name__)


def channel_of(topic: str) -> str:
    """The channel of a topic's landings."""
    return f"orderbook.live.{topic}"


class Publisher:
    """Announces landings from a thread of its own. Make one per process, after the fork.

    Best effort: what cannot be sent soon is dropped, and nobody is told but the log.
    """

    def __init__(self, redis: RedisSettings, topic: str) -> None:
        self._redis = redis
        self._channel = channel_of(topic)
        self._waiting: deque[Landed] = deque(maxlen=MOST_WAITING)
        self._called = threading.Event()
        self._thread: threading.Thread | None = None
        self._silent_until = 0.0
        self._client: Redis | None = None

    def announce(self, ticks: pa.Table, generation: int, partition: int) -> None:
        """Tell that these ticks are committed. Never blocks, never fails."""
        self._waiting.append((ticks, generation, partition, time.time()))
        self._called.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_all, name="announce", daemon=True)
            self._thread.start()

    def _send_all(self) -> None:
        while True:
            self._called.wait()
            self._called.clear()
            while self._waiting:
                with suppress(IndexError):  # gave way meanwhile
                    self._send(self._waiting.popleft())

    def _send(self, landed: Landed) -> None:
        ticks, generation, partition, committed_at = landed
        if monotonic() < self._silent_until:
            return
        try:
            quotes = newest_quotes(ticks, generation, partition)
            if quotes:
                self._connected().publish(self._channel, encoded(quotes, committed_at))
        except (RedisError, OSError) as error:
            self._silent_until = monotonic() + REST_SECONDS
            log.info("landing not announced", error=str(error))
        except Exception:  # a thread that dies would silence this process for ever
            self._silent_until = monotonic() + REST_SECONDS
            log.exception("landing not announced")

    def _connected(self) -> Redis:
        if self._client is None:
            self._client = Redis.from_url(
                self._redis.url.get_secret_value(),
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                **(self._redis.tls or {}),
            )
        return self._client
