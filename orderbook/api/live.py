"""Server-sent events. Each client reads the board at its own pace: a slow one gets the newest, and how much it missed.

Every event has an ``id``; a client that comes back with it (``Last-Event-ID``) gets what changed since.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from orderbook.api.board import Entry
from orderbook.api.hub import Hub
from orderbook.api.service import Service
from orderbook.api.status import beat
from orderbook.api.stream import Streamed
from orderbook.clock import monotonic

FRAME_SECONDS: Final = 0.05  # between two frames to one client: what comes meanwhile is one frame
BEAT_SECONDS: Final = 1.0


@dataclass(slots=True)
class Position:
    """Up to where a client has been told."""

    version: int
    updates: int


class Stream:
    """What one client is sent; ``symbols`` None: of all."""

    def __init__(self, service: Service, symbols: Collection[str] | None, last_id: str | None) -> None:
        self._service = service
        self._hub: Hub = service.hub
        self._symbols = symbols
        self._at = self._resumed(last_id)

    async def events(self) -> AsyncIterator[bytes]:
        """Yield frames as long as the client takes them."""
        if self._at is None:
            yield self._snapshot()
        beat_at = 0.0
        while True:
            changed = self._hub.changed
            if frame := self._frame():
                yield frame
                await asyncio.sleep(FRAME_SECONDS)
                continue
            if monotonic() >= beat_at:
                beat_at = monotonic() + BEAT_SECONDS
                yield self._event("heartbeat", orjson.dumps(beat(self._service)).decode())
            try:
                await asyncio.wait_for(changed.wait(), max(0.0, beat_at - monotonic()))
            except TimeoutError:
                continue

    def _resumed(self, last_id: str | None) -> Position | None:
        parts = (last_id or "").split("-")
        if len(parts) != 3 or parts[0] != self._hub.boot or not all(p.isdecimal() and len(p) < 19 for p in parts[1:]):
            return None
        version = int(parts[1])
        return Position(version, int(parts[2])) if version <= self._hub.board.version else None

    def _snapshot(self) -> bytes:
        board = self._hub.board
        self._at = Position(board.version, board.updates_of(self._symbols))
        quotes = ",".join(_text(entry) for entry in board.changed(0, self._symbols))
        status = orjson.dumps(beat(self._service)).decode()
        return self._event("snapshot", f'{status[:-1]},"quotes":[{quotes}],"gaps":{self._gaps()}}}')

    def _gaps(self) -> str:
        """The events that the newest notices are about, each as it stands now."""
        newest = {orjson.loads(notice.text)["id"]: notice.text for notice in self._hub.board.told(0, self._symbols)}
        return f"[{','.join(newest.values())}]"

    def _frame(self) -> bytes:
        board, at = self._hub.board, self._at
        assert at is not None
        if board.version == at.version:
            return b""
        entries = board.changed(at.version, self._symbols)
        notices = board.told(at.version, self._symbols)
        updates = board.updates_of(self._symbols)
        skipped = max(0, updates - at.updates - len(entries))
        self._at = Position(board.version, updates)
        self._hub.skipped += skipped
        frame = b""
        if entries:
            ticks = ",".join(_text(entry) for entry in entries)
            frame = self._event("ticks", f'{{"ticks":[{ticks}],"skipped":{skipped}}}')
        return frame + b"".join(self._event("gap", notice.text) for notice in notices)

    def _event(self, kind: str, text: str) -> bytes:
        at = self._at or Position(0, 0)
        return f"id: {self._hub.boot}-{at.version}-{at.updates}\nevent: {kind}\ndata: {text}\n\n".encode()


def _text(entry: Entry) -> str:
    return f'{entry.quote.body},"ticks":{entry.quote.ticks}}}'


class LiveResponse(Streamed):
    """Sends a stream, and counts its client for as long."""

    def __init__(self, hub: Hub, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, "text/event-stream; charset=utf-8", {"X-Accel-Buffering": "no"})
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; returns when the client has gone."""
        self._hub.clients += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.clients -= 1
