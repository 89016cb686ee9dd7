"""What every test stands on: no setting from outside, and real servers for those who ask (``tests/servers.py``)."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from orderbook import config as orderbook_config
from tests.servers import (
    data_dir,
    database_url,
    empty_database_url,
    migrated_template,
    redis_url,
    servers,
    stack,
    topic,
)

__all__ = [
    "data_dir",
    "database_url",
    "empty_database_url",
    "migrated_template",
    "redis_url",
    "servers",
    "stack",
    "topic",
]

hypothesis.settings.register_profile("orderbook", deadline=None, print_blob=True)  # 2 cores, shared with servers
hypothesis.settings.load_profile("orderbook")

KEPT = {"ORDERBOOK_CAPTURES", "ORDERBOOK_KAFKA_HOME"}  # where the machine keeps things, not how we behave


WHOLE = ("tests/e2e/", "tests/faults/", "tests/page/")


class Shares(LoadFileScheduling):
    """A file's tests stay together. Whole deployments need both cores: all go to one worker, never two at once."""

    def _split_scope(self, nodeid: str) -> str:
        return "deployments" if nodeid.startswith(WHOLE) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Shares | None:
    """With ``-n``, each worker has servers of its own; beside a deployment the rest mostly waits.

    ``--dist loadfile`` is left alone: deployments that wait out minutes of a fault may stand side by side.
    """
    return None if config.getoption("dist") == "loadfile" else Shares(config, log)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Defaults everywhere, whatever the shell exports and whichever `orderbook up` runs."""
    for name in os.environ:
        if name in orderbook_config.WELL_KNOWN or (name.startswith(orderbook_config.PREFIX) and name not in KEPT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ORDERBOOK_DATA_DIR", str(tmp_path / "no-servers"))
    monkeypatch.setattr(orderbook_config, "POINTER", tmp_path / "no-pointer")
    orderbook_config.settings.cache_clear()
    yield
    orderbook_config.settings.cache_clear()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """``eventually(condition, seconds)`` returns once the condition holds and fails the test when it does not."""
    return wait_for


def wait_for(condition: Callable[[], object], seconds: float = 30, *, what: str = "") -> None:
    """Wait for a condition; fail with ``what`` at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what or condition}")
        time.sleep(0.02)


def skip_at_home(reason: str) -> NoReturn:
    """Skip a test that this machine cannot run; fail it in CI, which can."""
    if os.environ.get("CI"):
        pytest.fail(f"in CI this must run: {reason}")
    pytest.skip(reason)
