"""The live stream over real landings."""

import asyncio
import socket
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from orderbook.client import AsyncClient, Client, Event
from orderbook.config import settings
from orderbook.live.channel import Publisher
from tests.api.server import Api, api_server
from tests.pipeline import Pipeline, tick, valid

Eventually = Callable[..., None]


def announcing(pipeline: Pipeline) -> Publisher:
    return Publisher(pipeline.settings.redis, pipeline.topic)


def land(pipeline: Pipeline, publisher: Publisher, *ticks) -> None:
    pipeline.produce(ticks)
    pipeline.run(pipeline.ingestor(announce=publisher.announce))


def until(events, wanted: Callable[[Event], bool]) -> list[Event]:
    found: list[Event] = []
    for event in events:
        found.append(event)
        if wanted(event):
            return found
    raise AssertionError("the stream ended")


def has(sequence: int) -> Callable[[Event], bool]:
    return lambda event: any(quote.sequence_id == sequence for quote in event.quotes())


def test_a_snapshot_then_each_landing_as_it_is_announced(landed: Pipeline, api: Api, eventually: Eventually) -> None:
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 1)
    publisher = announcing(landed)
    with Client(api.url) as client:
        events = client.events()
        first = next(events)
        assert (first.kind, [quote.sequence_id for quote in first.quotes()]) == ("snapshot", [3])
        land(landed, publisher, tick(5, bid_price=Decimal("26.123456789")), tick(1, "NBP-GAS"))
        found = until(events, has(5))
        (quote,) = (quote for quote in found[-1].quotes() if quote.sequence_id == 5)
        assert quote.bid_price == Decimal("26.123456789")
        until(events, lambda event: event.kind == "heartbeat")


def test_who_comes_back_gets_what_changed_and_no_second_snapshot(
    landed: Pipeline, api: Api, eventually: Eventually
) -> None:
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 1)
    publisher = announcing(landed)
    with Client(api.url) as client:
        last = next(client.events()).id
        land(landed, publisher, tick(5))
        eventually(lambda: api.get("/v1/quotes/latest")["quotes"][0]["sequence_id"] == 5)
        with client._http.stream("GET", "/v1/live", headers={"Last-Event-ID": last}) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("id: ")
            assert next(lines) == "event: ticks"
            assert '"sequence_id":5' in next(lines)
        with client._http.stream("GET", "/v1/live", params={"last_id": "gone-1-1"}) as answer:
            lines = answer.iter_lines()
            assert [next(lines).partition(":")[0], next(lines)] == ["id", "event: snapshot"]


def test_a_gap_is_told_and_told_again_when_it_is_filled(landed: Pipeline, api: Api, eventually: Eventually) -> None:
    landed.stitch()
    with Client(api.url) as client:
        events = client.events("TTF-GAS")
        next(events)
        landed.produce(valid(2, first=9))
        landed.run()
        landed.stitch()
        gap = until(events, lambda event: event.kind == "gap")[-1].content
        assert (gap["kind"], gap["missing"], gap["state"]) == ("gap", "4-8", "open")
        landed.produce(valid(5, first=4))
        landed.run()
        landed.stitch()
        again = until(events, lambda event: event.kind == "gap" and event.content["id"] == gap["id"])[-1].content
        assert again["state"] != "open"


def test_without_announcements_postgres_is_followed(landed: Pipeline, api: Api) -> None:
    with Client(api.url) as client:
        events = client.events()
        next(events)
        landed.produce([tick(6)])
        landed.run()
        (quote,) = until(events, has(6))[-1].quotes()
        assert (quote.symbol, quote.sequence_id) == ("TTF-GAS", 6)


def test_symbols_that_nobody_asked_for_are_not_sent(landed: Pipeline, api: Api, eventually: Eventually) -> None:
    publisher = announcing(landed)
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 1)
    with Client(api.url) as client:
        events = client.events("NBP-GAS")
        assert list(next(events).quotes()) == []
        land(landed, publisher, tick(5), tick(7, "NBP-GAS"))
        found = until(events, has(7))
        assert {quote.symbol for event in found for quote in event.quotes()} == {"NBP-GAS"}


def test_stalled_clients_cost_no_memory_and_hold_nobody_up(landed: Pipeline, api: Api, eventually: Eventually) -> None:
    """50 clients that never read, 400 symbols, 40 landings: what waits for them lies in the kernel."""
    publisher = announcing(landed)
    names = [f"S{number:03}" for number in range(400)]
    land(landed, publisher, *(tick(1, name) for name in names))
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 401)
    port = int(api.url.rpartition(":")[2])
    stalled = []
    try:
        for _ in range(50):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", port))
            connection.sendall(f"GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            stalled.append(connection)
        eventually(lambda: api.get("/v1/status")["live_clients"] == 50)
        process = psutil.Process(api.process.pid)
        before = process.memory_info().rss
        with Client(api.url) as client:
            events = client.events("S000")
            next(events)
            for sequence in range(2, 42):
                land(landed, publisher, *(tick(sequence, name) for name in names[:50]))
                until(events, has(sequence))
        grown = process.memory_info().rss - before
        assert grown < 60 * 2**20, f"{grown / 2**20:.0f} MiB"
    finally:
        for connection in stalled:
            connection.close()
    eventually(lambda: api.get("/v1/status")["live_clients"] == 0)


def test_more_clients_than_allowed_are_told_when_to_come_back(pipeline: Pipeline, tmp_path: Path) -> None:
    with api_server(tmp_path, ORDERBOOK_API__MOST_LIVE="1") as api, api.http.stream("GET", "/v1/live") as first:
        lines = first.iter_lines()  # dropped, it would close the stream
        next(lines)
        answer = api.http.get("/v1/live")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_the_asynchronous_client_yields_quotes_as_they_land(landed: Pipeline, api: Api, eventually: Eventually) -> None:
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 1)
    publisher = announcing(landed)

    async def follow() -> list[int]:
        found: list[int] = []
        async with AsyncClient(api.url) as client:
            async for quote in client.live("TTF-GAS"):
                found.append(quote.sequence_id)
                if quote.sequence_id == 8:
                    return found
                await asyncio.to_thread(land, landed, publisher, tick(8))
        raise AssertionError("the stream ended")

    assert asyncio.run(asyncio.wait_for(follow(), 60)) == [3, 8]


def test_a_broker_that_is_away_costs_a_landing_nothing(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    land(pipeline, Publisher(settings().redis, pipeline.topic), *valid(3))
    assert pipeline.one("SELECT count(*) FROM ticks") == 3


def test_a_rate_is_not_known_before_ticks_were_counted_twice(
    landed: Pipeline, api: Api, eventually: Eventually
) -> None:
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 1)
    rates: list[float | None] = []

    def known() -> bool:
        rates.append(api.get("/v1/symbols")["symbols"][0]["rate"])
        return rates[-1] is not None

    eventually(known)
    assert rates[-1] == 0
    assert set(rates[:-1]) <= {None}
