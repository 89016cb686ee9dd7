"""A line of ERROR that no test asks for is a fault that nobody looked at: it fails the test."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.typing import EventDict, WrappedLogger


@pytest.fixture(autouse=True)
def no_stray_error(request: pytest.FixtureRequest) -> Iterator[None]:
    """No line of ERROR but those that the test is marked to log: ``@pytest.mark.logs_error("partition halted")``."""
    expected = {event for mark in request.node.iter_markers("logs_error") for event in mark.args}
    found: set[str] = set()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith("kafka."):  # which the product silences: it says an outage once, itself
                return
            # once a test has configured the logs, loggers that were used stay bound to the standard library
            found.add(str(record.msg["event"]) if isinstance(record.msg, dict) else record.getMessage())

    def listen(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if method in {"error", "critical", "exception"}:
            found.add(str(event["event"]))
        return event

    listener, root, before = Listener(logging.ERROR), logging.getLogger(), structlog.get_config()["processors"]
    root.addHandler(listener)
    structlog.configure(processors=[listen, *before])
    yield
    structlog.reset_defaults()
    root.removeHandler(listener)
    if found - expected:
        pytest.fail(f"logged as errors, which no one expected: {sorted(found - expected)}")
