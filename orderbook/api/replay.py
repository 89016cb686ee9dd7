"""The past as server-sent events: read in threads, a stretch ahead, and sent when it is due.

Nothing is conflated: a client that is too slow for the pace is told how far behind it is, and gets everything.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final

import orjson
import structlog
from anyio import to_thread
from starlette.types import Receive, Scope, Send

from orderbook.api.problems import Problem, of
from orderbook.api.reel import ENDED, Place, Reel, event, instant_at
from orderbook.api.service import Service
from orderbook.api.stream import Streamed
from orderbook.clock import monotonic, utc_now
from orderbook.errors import OrderbookError
from orderbook.live.quotes import instant_text
from orderbook.replay.source import Stretch, Wish, stretches

FRAME_SECONDS: Final = 0.01  # between two frames to one client, of a paced replay
BEAT_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


def new_run() -> str:
    """An id that no other run has."""
    return token_hex(6)


@dataclass
class Replay:
    """One answer. ``about``: what its snapshot says besides."""

    service: Service
    wish: Wish
    speed: float | None
    place: Place | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.run = new_run() if self.place is None else self.place.run
        self._reel = Reel(self.run, self.speed, self.place)
        self._began: float | None = None
        self._beat_at = 0.0

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield frames until all is sent, or what reads it fails: then the last event is a ``problem``."""
        if self.place is None:
            yield event("snapshot", str(Place(self.run, 0, 0)), self._told(**self.about))
        reading = Reading(stretches(self.service.settings, self.wish))
        try:
            while True:
                while not await reading.has_come(self._beat_at - monotonic()):
                    yield self._beat()
                stretch = reading.take()
                if stretch is None:
                    break
                self._reel.load(stretch)
                async for frame in self._play():
                    yield frame
            yield event("end", f"{self.run}-{ENDED}", self._told(**self._sums()))
        except OrderbookError as error:
            problem = of(error)
            log.warning("replay broken off", run=self.run, error=problem.detail)
            identity = str(self._reel.place or Place(self.run, 0, 0))
            yield event(
                "problem", identity, self._told(status=problem.status, detail=problem.detail, hint=problem.hint)
            )
        finally:
            await reading.close()

    async def _play(self) -> AsyncGenerator[bytes, None]:
        reel = self._reel
        while not reel.is_through:
            if monotonic() >= self._beat_at:
                yield self._beat()
            if frame := reel.frame(self._elapsed()):
                yield frame
                await asyncio.sleep(0 if self.speed is None else FRAME_SECONDS)
            else:
                until_beat = self._beat_at - monotonic()
                await asyncio.sleep(max(0.0, min(until_beat, reel.wait_seconds(self._elapsed()))))

    def _elapsed(self) -> float:
        """Seconds since the first item was due, which is when it could first be sent."""
        now = monotonic()
        if self._began is None:
            self._began = now
        return now - self._began

    def _beat(self) -> bytes:
        self._beat_at = monotonic() + BEAT_SECONDS
        reel, elapsed = self._reel, 0.0 if self._began is None else self._elapsed()
        late = 0.0 if self._began is None or reel.is_through else max(0.0, -reel.wait_seconds(elapsed))
        told = {"at": instant_at(reel.instant(elapsed)), "behind_seconds": round(late, 3), "ticks_sent": reel.ticks}
        return event("heartbeat", str(reel.place or Place(self.run, 0, 0)), self._told(**told))

    def _sums(self) -> dict[str, Any]:
        reel = self._reel
        return {
            "at": instant_at(reel.place and reel.place.at),
            "ticks_sent": reel.ticks,
            "gaps_sent": reel.gaps,
            "sha256": reel.sha256,
        }

    def _told(self, **more: Any) -> str:
        return orjson.dumps({"server_time": instant_text(utc_now()), "run": self.run, **more}).decode()


class Reading:
    """Stretches, each read in a thread while the one before is played."""

    def __init__(self, source: Iterator[Stretch]) -> None:
        self._source = source
        self._coming = asyncio.ensure_future(self._read())

    async def _read(self) -> Stretch | None:
        return await to_thread.run_sync(next, self._source, None)

    async def has_come(self, seconds: float) -> bool:
        """Whether the next stretch is there, or what failed, at latest after so many seconds."""
        done, _ = await asyncio.wait({self._coming}, timeout=max(0.0, seconds))
        return bool(done)

    def take(self) -> Stretch | None:
        """The stretch that has come; None: there are no more. Raises what reading raised."""
        found = self._coming.result()
        if found is not None:
            self._coming = asyncio.ensure_future(self._read())
        return found

    async def close(self) -> None:
        """Wait for what is being read: a thread cannot be ended, and until it has, its memory is in use."""
        await asyncio.gather(self._coming, return_exceptions=True)


class ReplayResponse(Streamed):
    """Sends a replay, if there is a place for it, and holds the place until nothing of it is left."""

    def __init__(self, replay: Replay, headers: Mapping[str, str]) -> None:
        self._frames = replay.events()
        super().__init__(self._frames, "text/event-stream; charset=utf-8", {"X-Accel-Buffering": "no", **headers})
        self._service = replay.service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; returns when all is sent or the client has gone."""
        try:
            require_place(self._service)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        self._service.replays += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            try:
                await self._frames.aclose()
            finally:
                self._service.replays -= 1


def require_place(service: Service) -> None:
    """Raise ``Problem`` where as many replays run as may."""
    if service.replays >= service.settings.api.most_replays:
        told = f"{service.replays} replays are running already"
        raise Problem(503, told, "raise ORDERBOOK_API__MOST_REPLAYS, or wait for one", headers={"Retry-After": "10"})
