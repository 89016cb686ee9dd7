"""One range, one name: every line that is written while it is worked on carries it."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.contextvars import get_contextvars
from structlog.typing import EventDict

from orderbook.errors import Unavailable
from tests.pipeline import Pipeline, valid


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    yield capture.entries
    structlog.reset_defaults()


def refuse() -> Any:
    raise Unavailable("for the test")


@pytest.mark.slow  # alone: what other tests of a process made keeps the loggers that they had
def test_each_line_of_a_range_s_life_names_it(pipeline: Pipeline, lines: list[EventDict]) -> None:
    pipeline.produce([*valid(3), b"broken"])
    pipeline.drain()
    pipeline.ingestor(fetcher=refuse).run(pipeline.open_ranges()[0])
    pipeline.expire_leases()
    pipeline.run()
    named = {line["event"]: line.get("range") for line in lines if line["event"] != "reading begins"}
    assert set(named) == {"range planned", "range given back", "range landed", "ticks rejected"}
    assert set(named.values()) == {f"{pipeline.topic}/0/0-3"}
    assert get_contextvars() == {}
