"""Feeds the board: from Redis what workers announce, from Postgres what that missed. Lives in the event loop."""

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orderbook.api.board import Board
from orderbook.clock import monotonic
from orderbook.live.channel import channel_of
from orderbook.live.quotes import Quote, decoded
from orderbook.logs import Outage
from orderbook.sections import RedisSettings

LISTEN_SECONDS: Final = 5.0  # a silent connection is asked whether it lives
AGAIN_SECONDS: Final = 1.0
COUNT_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Hub:
    """The board, who waits for it to change, and who feeds it."""

    def __init__(self, redis: RedisSettings, topic: str) -> None:
        self.board = Board()
        self.boot = secrets.token_hex(4)  # versions of another process mean nothing here
        self.changed = asyncio.Event()
        self.clients = 0
        self.skipped = 0
        self._redis = redis
        self._channel = channel_of(topic)
        self._outage = Outage(log, "live channel is away")
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._counts: deque[tuple[float, dict[str, int]]] = deque(maxlen=11)

    def start(self) -> None:
        """Begin to listen, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._tasks += [self._loop.create_task(self._listen()), self._loop.create_task(self._count())]

    async def stop(self) -> None:
        """End listening and wake everybody."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self.wake()

    def absorb(self, quotes: Iterable[Quote], notices: Iterable[tuple[str, str]] = ()) -> None:
        """Take quotes and notices (symbol and JSON); from the loop's own thread."""
        is_new = self.board.offer(quotes)
        for symbol, text in notices:
            self.board.tell(symbol, text)
            is_new = True
        if is_new:
            self.wake()

    def absorb_soon(self, quotes: list[Quote], notices: list[tuple[str, str]]) -> None:
        """As ``absorb``, from any thread."""
        if self._loop is not None and not self._loop.is_closed() and (quotes or notices):
            self._loop.call_soon_threadsafe(self.absorb, quotes, notices)

    def rate(self, symbol: str) -> float | None:
        """Ticks of a symbol a second, over the last ten; None: it was not counted twice yet."""
        if len(self._counts) < 2 or symbol not in self._counts[0][1]:
            return None
        (began, first), (ended, last) = self._counts[0], self._counts[-1]
        return round((last.get(symbol, 0) - first[symbol]) / (ended - began), 3)

    async def _count(self) -> None:
        while True:
            self._counts.append((monotonic(), {symbol: entry.ticks for symbol, entry in self.board.entries.items()}))
            await asyncio.sleep(COUNT_SECONDS)

    def wake(self) -> None:
        """Let all that wait look."""
        waited, self.changed = self.changed, asyncio.Event()
        waited.set()

    async def _listen(self) -> None:
        while True:
            try:
                await self._follow()
            except (RedisError, OSError, ValueError) as error:
                self._outage.goes_on(error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        client = Redis.from_url(
            self._redis.url.get_secret_value(),
            socket_connect_timeout=LISTEN_SECONDS,
            socket_timeout=LISTEN_SECONDS,
            **(self._redis.tls or {}),
        )
        async with client, client.pubsub() as channel:
            await channel.subscribe(self._channel)
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
                if message is None:
                    await channel.ping()
                    continue
                self._outage.is_over()
                if message.get("type") == "message":
                    self._take(message["data"])

    def _take(self, message: bytes) -> None:
        try:
            _, quotes = decoded(message)
        except ValueError as error:
            log.warning("announcement ignored", error=str(error)[:200])  # somebody else's: Postgres has the truth
        else:
            self.absorb(quotes)
