"""The client that blocks."""

import time
from collections.abc import Iterator
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
        return self._download("GET", "/v1/ticks", progress, params=stored(symbols, start, end, others))

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
        return self._stream("/v1/live", parameters(symbols))

    def replay(
        self, symbols: Symbols = None, start: Instant | None = None, end: Instant | None = None, **others: Any
    ) -> Iterator[Event]:
        """The past again, as the live stream speaks, then ``end``; goes on where it was after a lost connection.

        ``others``: speed (times as fast as it was, or "max"), by ("event" or "received"), gaps, min_coverage.
        """
        return self._stream("/v1/replay", parameters(symbols, start=start, end=end, **others))

    def _stream(self, path: str, asked: Parameters) -> Iterator[Event]:
        parser, attempts = Parser(), Attempts(self._retry)
        while True:
            try:
                place = parameters(last_id=parser.last_id)
                with self._http.stream("GET", path, params=[*asked, *place], timeout=STREAM_TIMEOUT) as answer:
                    if answer.is_success:
                        for line in answer.iter_lines():
                            if (event := parser.take(line)) is None:
                                continue
                            event.require_sound()
                            attempts.succeeded()
                            yield event
                            if event.kind == "end":
                                return
                        raise httpx2.RemoteProtocolError("the stream ended")
                    answer.read()
                wait = attempts.wait_after(answer)
            except Broken as broken:
                wait = attempts.wait_after(broken.answer)
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
                        return rows_of(bytes(content), answer.headers)
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
