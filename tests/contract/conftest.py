"""Both range fetchers, held to one suite."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orderbook.config import settings
from orderbook.stream.batch import Batch, FetchLimits, RangeFetcher
from orderbook.stream.fetch_confluent import ConfluentFetcher
from orderbook.stream.fetch_kafka_python import KafkaPythonFetcher
from tests.contract.written_log import WrittenLog
from tests.servers import Stack

LIMITS = FetchLimits(bytes=32 * 2**20, seconds=20, poll_seconds=1)
MAKERS: dict[str, Callable[[Any], RangeFetcher]] = {
    "confluent": lambda kafka: ConfluentFetcher(kafka, 20_000),
    "kafka-python": KafkaPythonFetcher,
}


@pytest.fixture(params=MAKERS)
def make_fetcher(request: pytest.FixtureRequest) -> Callable[[Any], RangeFetcher]:
    """Makes a fetcher over each client in turn."""
    return MAKERS[request.param]


@pytest.fixture
def log(stack: Stack) -> WrittenLog:
    """An empty topic of two partitions."""
    return WrittenLog(stack.kafka_bootstrap, stack.topic)


@pytest.fixture
def fetcher(stack: Stack, make_fetcher: Callable[[Any], RangeFetcher]) -> Iterator[RangeFetcher]:
    """A fetcher over each client in turn."""
    made = make_fetcher(settings().kafka)
    yield made
    made.close()


@pytest.fixture
def fetch(fetcher: RangeFetcher) -> Callable[..., Batch]:
    """Fetch ``[start, end)`` of partition 0, with limits that nothing meets."""

    def call(start: int, end: int, *, partition: int = 0, between: Callable[[], None] = lambda: None, **limits: Any):
        merged = {"bytes": LIMITS.bytes, "seconds": LIMITS.seconds, "poll_seconds": LIMITS.poll_seconds, **limits}
        return fetcher.fetch(partition, start, end, FetchLimits(**merged), between)

    return call
