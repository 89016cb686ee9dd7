"""A pipeline, and an API over it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from orderbook.config import settings
from tests.api.replays import stored
from tests.api.server import Api, api_server
from tests.pipeline import Pipeline, pipeline_over, tick, valid
from tests.servers import Stack

__all__ = ["api", "landed", "pipeline", "stored"]


@pytest.fixture
def pipeline(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline over a topic of two partitions, with a cold root of its own."""
    monkeypatch.setenv("ORDERBOOK_KAFKA__PARTITIONS", "2")
    monkeypatch.setenv("ORDERBOOK_ARCHIVE__ROOT", str(tmp_path / "cold"))
    settings.cache_clear()
    with pipeline_over(settings()) as made:
        yield made


@pytest.fixture
def landed(pipeline: Pipeline) -> Pipeline:
    """Three ticks, two rejects."""
    pipeline.produce([*valid(3), b'{"broken\x1b', tick(4, bid_price=Decimal(30))])
    pipeline.run()
    return pipeline


@pytest.fixture
def api(pipeline: Pipeline, tmp_path: Path) -> Iterator[Api]:
    """The API over the pipeline."""
    with api_server(tmp_path) as made:
        yield made
