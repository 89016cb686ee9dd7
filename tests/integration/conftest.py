"""A pipeline per test, driven by hand."""

from collections.abc import Iterator

import pytest

from orderbook.config import settings
from tests.pipeline import Pipeline, pipeline_over
from tests.servers import Stack


@pytest.fixture
def pipeline(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """A pipeline over a topic of two partitions."""
    monkeypatch.setenv("ORDERBOOK_KAFKA__PARTITIONS", "2")
    settings.cache_clear()
    with pipeline_over(settings()) as made:
        yield made
