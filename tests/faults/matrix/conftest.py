"""A pipeline per test, driven by hand, and a database of the test's own."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, NullPool, create_engine

from orderbook.config import settings
from orderbook.sections import psycopg2_url
from tests.pipeline import Pipeline, pipeline_over
from tests.servers import Stack


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """As the owner, with as many connections as are asked for."""
    made = create_engine(psycopg2_url(database_url), poolclass=NullPool)
    yield made
    made.dispose()


@pytest.fixture
def pipeline(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """A pipeline over a topic of two partitions."""
    monkeypatch.setenv("ORDERBOOK_KAFKA__PARTITIONS", "2")
    settings.cache_clear()
    with pipeline_over(settings()) as made:
        yield made
