"""A stored past, and replays of it over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from orderbook.remote.answers import Quote
from orderbook.remote.events import Event, Parser
from tests.api.server import Api
from tests.pipeline import Pipeline, tick

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
WINDOW = {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
STEP = timedelta(milliseconds=20)


@pytest.fixture
def stored(pipeline: Pipeline) -> Pipeline:
    """Two symbols over two partitions, 99 and 100 ticks in two seconds, one id passed over."""
    for partition, symbol in enumerate(("TTF-GAS", 'odd ",bid_price":1 name')):
        ticks = [
            tick(n, symbol, event_time=at, received_time=at + STEP / 4, bid_price=price, ask_price=price + 1)
            for n in range(1, 101)
            for at, price in [
                (START + STEP * n + timedelta(milliseconds=partition * (n % 2)), Decimal("27.500000001") + n)
            ]
            if (n, partition) != (50, 0)
        ]
        pipeline.produce(ticks, partition)
    pipeline.run()
    pipeline.stitch()
    return pipeline


@contextmanager
def streamed(api: Api, headers: dict[str, str] | None = None, **asked: Any) -> Iterator[Iterator[Event]]:
    """The events of a replay, as they come."""
    with api.http.stream("GET", "/v1/replay", params={**WINDOW, **asked}, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        parser = Parser()
        yield (event for line in answer.iter_lines() if (event := parser.take(line)) is not None)


def replayed(api: Api, **asked: Any) -> list[Event]:
    with streamed(api, **asked) as events:
        return list(events)


def quotes(events: list[Event]) -> list[Quote]:
    return [quote for event in events if event.kind == "ticks" for quote in event.quotes()]
