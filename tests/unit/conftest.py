"""Unit tests touch no network, and log no error that they do not expect."""

import socket
from typing import NoReturn

import pytest

from tests.stray_errors import no_stray_error

__all__ = ["no_stray_error"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting fails; a test that needs a service belongs in ``integration/``."""

    def refuse(*arguments: object) -> NoReturn:
        raise AssertionError("a unit test opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
