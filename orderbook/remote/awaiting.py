"""The client to await."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import httpx2

from orderbook.remote.answers import Quote, Rows, rows_of
from orderbook.remote.attempts import Attempts, RetryPolicy
from orderbook.remote.events import Broken, Event, Parser
from orderbook.remote.requests import (
    STREAM_TIMEOUT,
    TIMEOUT,
    Instant,
    Parameters,
    Progress,
    Symbols,
    headers,
    parameters,
    stored,
)


class AsyncClient:
    """As ``Client``, to await."""

    def __init__(self, url: str, key: str | None = None, retry: RetryPolicy | None = None) -> None:
        self._http = httpx2.AsyncClient(base_url=url, headers=headers(key), timeout=TIMEOUT)
        self._retry = retry or RetryPolicy()

    async def ticks(
        self,
        symbols: Symbols = None,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        progress: Progress | None = None,
        **others: Any,
    ) -> Rows:
        """As ``Client.ticks``."""
        return await self._download("GET", "/v1/ticks", progress, params=stored(symbols, start, end, others))

    async def query(self, sql: str, *, progress: Progress | None = None) -> Rows:
        """As ``Client.query``."""
        return await self._download("POST", "/v1/query", progress, params={"format": "arrow"}, json={"sql": sql})

    async def latest(self, symbols: Symbols = None) -> list[Quote]:
        """As ``Client.latest``."""
        return [Quote.of(found) for found in (await self.get("/v1/quotes/latest", symbols))["quotes"]]

    async def as_of(self, at: Instant, symbols: Symbols = None, known_at: Instant | None = None) -> list[Quote]:
        """As ``Client.as_of``."""
        found = await self.get("/v1/quotes/as-of", symbols, at=at, known_at=known_at)
        return [Quote.of(row) for row in found["quotes"]]

    async def get(self, path: str, symbols: Symbols = None, **others: Any) -> Any:
        """As ``Client.get``."""
        attempts = Attempts(self._retry)
        while True:
            try:
                answer = await self._http.get(path, params=parameters(symbols, **others))
                if answer.is_success:
                    return answer.json()
                wait = attempts.wait_after(answer)
            except httpx2.TransportError as error:
                wait = attempts.wait_after(error)
            await asyncio.sleep(wait)

    async def live(self, symbols: Symbols = None) -> AsyncIterator[Quote]:
        """As ``Client.live``."""
        async for event in self.events(symbols):
            for quote in event.quotes():
                yield quote

    def events(self, symbols: Symbols = None) -> AsyncIterator[Event]:
        """As ``Client.events``."""
        return self._stream("/v1/live", parameters(symbols))

    def replay(
        self, symbols: Symbols = None, start: Instant | None = None, end: Instant | None = None, **others: Any
    ) -> AsyncIterator[Event]:
        """As ``Client.replay``."""
        return self._stream("/v1/replay", parameters(symbols, start=start, end=end, **others))

    async def _stream(self, path: str, asked: Parameters) -> AsyncIterator[Event]:
        parser, attempts = Parser(), Attempts(self._retry)
        while True:
            try:
                place = parameters(last_id=parser.last_id)
                async with self._http.stream("GET", path, params=[*asked, *place], timeout=STREAM_TIMEOUT) as answer:
                    if answer.is_success:
                        async for line in answer.aiter_lines():
                            if (event := parser.take(line)) is None:
                                continue
                            event.require_sound()
                            attempts.succeeded()
                            yield event
                            if event.kind == "end":
                                return
                        raise httpx2.RemoteProtocolError("the stream ended")
                    await answer.aread()
                wait = attempts.wait_after(answer)
            except Broken as broken:
                wait = attempts.wait_after(broken.answer)
            except httpx2.TransportError as error:
                wait = attempts.wait_after(error)
            await asyncio.sleep(wait)

    async def _download(self, method: str, path: str, progress: Progress | None, **asked: Any) -> Rows:
        attempts = Attempts(self._retry)
        while True:
            content = bytearray()
            try:
                async with self._http.stream(method, path, **asked) as answer:
                    async for part in answer.aiter_bytes():
                        content += part
                        if progress is not None and answer.is_success:
                            progress(len(content))
                    if answer.is_success:
                        return rows_of(bytes(content), answer.headers)
                wait = attempts.wait_after(
                    httpx2.Response(answer.status_code, headers=answer.headers, content=bytes(content))
                )
            except httpx2.TransportError as error:
                wait = attempts.wait_after(error)
            await asyncio.sleep(wait)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
