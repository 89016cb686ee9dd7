"""A crash point kills once, always, or not at all."""

import os
import resource
import signal
from pathlib import Path

import pytest

from orderbook.config import settings
from orderbook.crashpoints import crashpoint, crashpoint_within


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The signals that were sent instead of felt."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ORDERBOOK_CRASHPOINTS", str(tmp_path))
    settings.cache_clear()
    return tmp_path


def test_without_the_setting_nothing_happens(kills: list[tuple[int, int]]) -> None:
    crashpoint("after_copy")
    assert kills == []


def test_a_file_kills_the_first_that_comes_by(kills: list[tuple[int, int]], folder: Path) -> None:
    (folder / "after_copy").touch()
    crashpoint("before_commit")
    assert kills == []
    crashpoint("after_copy")
    crashpoint("after_copy")
    assert kills == [(os.getpid(), signal.SIGKILL)]


def test_an_always_file_kills_all(kills: list[tuple[int, int]], folder: Path) -> None:
    (folder / "judge.0.7.always").touch()
    for _ in range(3):
        crashpoint("judge.0.7")
    assert len(kills) == 3


def test_a_process_without_a_free_descriptor_goes_on(kills: list[tuple[int, int]], folder: Path) -> None:
    (folder / "judge.7").touch()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))  # all that are open stay open
    try:
        crashpoint_within("judge", 0, 10)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert kills == []
    crashpoint_within("judge", 0, 10)
    assert kills == [(os.getpid(), signal.SIGKILL)]
