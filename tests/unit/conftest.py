"""Unit tests touch no network, and log no error that they do not expect."""

import logging
import socket
from collections.abc import Iterator
from typing import NoReturn

import pytest
import structlog
from structlog.typing import EventDict, WrappedLogger


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting fails; a test that needs a service belongs in ``integration/``."""

    def refuse(*arguments: object) -> NoReturn:
        raise AssertionError("a unit test opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture
def expected_errors() -> set[str]:
    """Events and messages of ERROR lines that a test provokes; it adds them."""
    return set()


@pytest.fixture(autouse=True)
def no_stray_error(expected_errors: set[str]) -> Iterator[None]:
    """A line of ERROR that no test asks for is a fault that nobody looked at."""
    found: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    def listen(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if method in {"error", "critical", "exception"}:
            found.append(str(event["event"]))
        return event

    listener, root, before = Listener(logging.ERROR), logging.getLogger(), structlog.get_config()["processors"]
    root.addHandler(listener)
    structlog.configure(processors=[listen, *before])
    yield
    structlog.reset_defaults()
    root.removeHandler(listener)
    assert [line for line in found if line not in expected_errors] == []
