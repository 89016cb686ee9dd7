"""Long answers: made in a thread, a part at a time, as fast as the client takes them and no faster."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Final

import structlog
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from orderbook.api.problems import of
from orderbook.errors import OrderbookError

STALLED_SECONDS: Final = 60.0  # a client that takes nothing for this long is let go

log = structlog.get_logger(__name__)


class Streamed(Response):
    """Sends parts until there are no more, the client leaves, or takes nothing for a minute."""

    def __init__(self, parts: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str] | None = None) -> None:
        self.parts = parts
        self.status_code = 200
        self.background = None
        told = {"Content-Type": media_type, "Cache-Control": "no-store", **(headers or {})}
        self.raw_headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in told.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; returns when all is sent or the client has gone."""
        sending, leaving = asyncio.ensure_future(self._send_all(send)), asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not sending.done():
                sending.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            with suppress(asyncio.CancelledError, TimeoutError, OSError):  # it has left, or takes nothing
                await sending

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for part in self.parts:
            message = {"type": "http.response.body", "body": part, "more_body": True}
            await asyncio.wait_for(send(message), STALLED_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def from_thread(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The parts, each made in a thread. What fails meanwhile cuts the answer off, and a client sees that."""
    try:
        while (part := await to_thread.run_sync(next, parts, None)) is not None:
            if part:
                yield part
    except OrderbookError as error:
        log.warning("answer cut off", error=of(error).detail)
        raise
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, close))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
