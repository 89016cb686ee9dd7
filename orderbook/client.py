"""The Python client: stored ticks as Arrow, pandas or polars, and live ones as they land.

    from orderbook.client import Client
    Client("http://127.0.0.1:8080").ticks("TTF-GAS", start, end).to_pandas()

``AsyncClient`` has the same methods to await. Both try again what passes by itself, and need nothing else of this
package. Errors are ``ApiError``.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Self

import httpx2
import pyarrow as pa
import pyarrow.ipc

from orderbook.remote.answers import ApiError, Fitness, Quote, Rows
from orderbook.remote.attempts import Attempts, RetryPolicy
from orderbook.remote.events import Event, Parser
from orderbook.remote.requests import Instant, Symbols, headers, parameters

__all__ = ["ApiError", "AsyncClient", "Client", "Event", "Fitness", "Quote", "RetryPolicy", "Rows"]

Progress = Callable[[int], None]  # bytes so far

TIMEOUT = httpx2.Timeout(10, read=120)
LIVE_TIMEOUT = httpx2.Timeout(10)  # a heartbeat comes each second


def _asked(symbols: Symbols, start: Instant | None, end: Instant | None, others: dict[str, Any]) -> Any:
    return parameters(symbols, start=start, end=end, format="arrow", **others)


def _rows(content: bytes, answer: httpx2.Response) -> Rows:
    return Rows(pa.ipc.open_stream(content).read_all(), Fitness.of(answer.headers))


class Client:
    """Blocking. Use it as a context, or ``close`` it. Thread-safe."""

    def __init__(self, url: str, key: str | None = None, retry: RetryPolicy | None = None) -> None:
        self._http = httpx2.Client(base_url=url, headers=headers(key), timeout=TIMEOUT)
        self._retry = retry or RetryPolicy()

    def ticks(
        self,
        symbols: Symbols = None,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        progress: Progress | None = None,
        **others: Any,
    ) -> Rows:
        """Stored ticks from ``start`` up to ``end``, hot and cold. ``others``: limit, order, min_coverage."""
        return self._download("GET", "/v1/ticks", progress, params=_asked(symbols, start, end, others))

    def query(self, sql: str, *, progress: Progress | None = None) -> Rows:
        """The answer to SQL over hot and cold."""
        return self._download("POST", "/v1/query", progress, params={"format": "arrow"}, json={"sql": sql})

    def latest(self, symbols: Symbols = None) -> list[Quote]:
        """The newest quote of each symbol."""
        return [Quote.of(found) for found in self.get("/v1/quotes/latest", symbols)["quotes"]]

    def as_of(self, at: Instant, symbols: Symbols = None, known_at: Instant | None = None) -> list[Quote]:
        """The quotes in force at an instant; with ``known_at``, as they were known then."""
        return [Quote.of(row) for row in self.get("/v1/quotes/as-of", symbols, at=at, known_at=known_at)["quotes"]]

    def get(self, path: str, symbols: Symbols = None, **others: Any) -> Any:
        """The JSON of any other address: ``get("/v1/gaps", "TTF-GAS", kind="gap")``."""
        attempts = Attempts(self._retry)
        while True:
            try:
                answer = self._http.get(path, params=parameters(symbols, **others))
                if answer.is_success:
                    return answer.json()
                wait = attempts.wait_after(answer)
            except httpx2.TransportError as error:
                wait = attempts.wait_after(error)
            time.sleep(wait)

    def live(self, symbols: Symbols = None) -> Iterator[Quote]:
        """The newest quotes now, then each as it lands, for ever; goes on where it was after a lost connection."""
        for event in self.events(symbols):
            yield from event.quotes()

    def events(self, symbols: Symbols = None) -> Iterator[Event]:
        """The live stream itself: snapshot, ticks, gap, heartbeat."""
        parser, attempts = Parser(), Attempts(self._retry)
        while True:
            try:
                asked = parameters(symbols, last_id=parser.last_id)
                with self._http.stream("GET", "/v1/live", params=asked, timeout=LIVE_TIMEOUT) as answer:
                    if answer.is_success:
                        for line in answer.iter_lines():
                            if (event := parser.take(line)) is not None:
                                attempts.succeeded()
                                yield event
                        raise httpx2.RemoteProtocolError("the stream ended")
                    answer.read()
                wait = attempts.wait_after(answer)
            except httpx2.TransportError as error:
                wait = attempts.wait_after(error)
            time.sleep(wait)

    def _download(self, method: str, path: str, progress: Progress | None, **asked: Any) -> Rows:
        attempts = Attempts(self._retry)
        while True:
            content = bytearray()
            try:
                with self._http.stream(method, path, **asked) as answer:
                    for part in answer.iter_bytes():
                        content += part
                        if progress is not None and answer.is_success:
                            progress(len(content))
                    if answer.is_success:
                        return _rows(bytes(content), answer)
                wait = attempts.wait_after(
                    httpx2.Response(answer.status_code, headers=answer.headers, content=bytes(content))
                )
            except httpx2.TransportError as error:
                wait = attempts.wait_after(error)
            time.sleep(wait)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
        return await self._download("GET", "/v1/ticks", progress, params=_asked(symbols, start, end, others))

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

    async def events(self, symbols: Symbols = None) -> AsyncIterator[Event]:
        """As ``Client.events``."""
        parser, attempts = Parser(), Attempts(self._retry)
        while True:
            try:
                asked = parameters(symbols, last_id=parser.last_id)
                async with self._http.stream("GET", "/v1/live", params=asked, timeout=LIVE_TIMEOUT) as answer:
                    if answer.is_success:
                        async for line in answer.aiter_lines():
                            if (event := parser.take(line)) is not None:
                                attempts.succeeded()
                                yield event
                        raise httpx2.RemoteProtocolError("the stream ended")
                    await answer.aread()
                wait = attempts.wait_after(answer)
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
                        return _rows(bytes(content), answer)
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
