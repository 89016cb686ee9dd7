"""A pipeline per test, driven by hand."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from orderbook.config import settings
from tests.pipeline import Pipeline, pipeline_over, tick, valid
from tests.servers import Stack
from tests.stray_errors import no_stray_error

__all__ = ["no_stray_error"]


@pytest.fixture
def pipeline(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """A pipeline over a topic of two partitions."""
    monkeypatch.setenv("ORDERBOOK_KAFKA__PARTITIONS", "2")
    settings.cache_clear()
    with pipeline_over(settings()) as made:
        yield made


@pytest.fixture
def landed(pipeline: Pipeline) -> Pipeline:
    """Three ticks, two rejects."""
    pipeline.produce([*valid(3), b'{"broken\x1b', tick(4, bid_price=Decimal(30))])
    pipeline.run()
    return pipeline
