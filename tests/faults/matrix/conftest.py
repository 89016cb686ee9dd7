"""A pipeline per test, driven by hand; its log, and a database of the test's own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from sqlalchemy import Engine, NullPool, create_engine

from orderbook.audit import audit
from orderbook.config import settings
from orderbook.sections import psycopg2_url
from orderbook.store.database import engine_for
from orderbook.store.ledger.recount import snapshot
from tests.contract.written_log import WrittenLog
from tests.pipeline import Pipeline, pipeline_over
from tests.servers import Stack


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """As the owner, with as many connections as are asked for."""
    made = create_engine(psycopg2_url(database_url), poolclass=NullPool)
    yield made
    made.dispose()


@pytest.fixture
def log(stack: Stack) -> WrittenLog:
    """An empty topic of two partitions, which a test may write to in any way."""
    return WrittenLog(stack.kafka_bootstrap, stack.topic)


@pytest.fixture
def pipeline(log: WrittenLog, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """A pipeline over that topic."""
    monkeypatch.setenv("ORDERBOOK_KAFKA__PARTITIONS", "2")
    settings.cache_clear()
    with pipeline_over(settings()) as made:
        yield made


@pytest.fixture
def admin(stack: Stack) -> Iterator[KafkaAdminClient]:
    """What an operator, or a stranger, can do to the cluster."""
    with closing(KafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)) as client:
        yield client


def audited(pipeline: Pipeline) -> list[Any]:
    """What the audit finds wrong now."""
    engine = engine_for(pipeline.settings.database, "reader", name="test")
    projected = pipeline.client.projected()
    try:
        with snapshot(engine) as store:
            return audit(store, projected, lambda _: None).findings
    finally:
        engine.dispose()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every quick test of this folder is a row of the matrix."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.matrix)
