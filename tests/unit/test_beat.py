"""When beat sends what: by a clock that nobody sets, once however late, together what is due together."""

from typing import Any

import pytest
from celery import Celery

from orderbook import beat
from orderbook.celery import app


class Recorded(beat.SteadyScheduler):
    """Writes down what would be sent, by the instant."""

    def __init__(self, at: list[float], **schedule: float) -> None:
        self._at = at
        self.sent: list[tuple[float, str]] = []
        made = Celery("test", set_as_current=False)
        made.conf.beat_schedule = {name: {"task": name, "schedule": every} for name, every in schedule.items()}
        super().__init__(made)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Instead of to a broker."""
        assert producer is self.producer
        self.sent.append((self._at[0], entry.name))

    @property
    def producer(self) -> str:
        """Nothing is connected."""
        return "producer"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The instant that it is, in its only element."""
    instant = [1_000.0]
    monkeypatch.setattr(beat, "monotonic", lambda: instant[0])
    return instant


def test_an_entry_is_sent_each_interval_from_the_start_on_and_nobody_wakes_between(at: list[float]) -> None:
    scheduler = Recorded(at, drain=0.5, stitch=1.0)
    for _ in range(5):
        at[0] += scheduler.tick()
    assert sorted(scheduler.sent) == [
        (1000.5, "drain"),
        (1001.0, "drain"),
        (1001.0, "stitch"),
        (1001.5, "drain"),
        (1002.0, "drain"),
        (1002.0, "stitch"),
    ]


def test_what_is_late_is_sent_once_and_then_in_its_turn(at: list[float]) -> None:
    scheduler = Recorded(at, drain=0.5)
    scheduler.tick()
    at[0] += 3600.2
    assert scheduler.tick() == pytest.approx(0.3)
    assert scheduler.sent == [(4600.2, "drain")]


def test_a_wake_that_is_late_by_a_little_moves_no_turn(at: list[float]) -> None:
    scheduler = Recorded(at, drain=0.5)
    scheduler.tick()
    at[0] += 0.5003
    assert scheduler.tick() == pytest.approx(0.4997)


def test_celery_beat_is_told_to_use_it() -> None:
    assert app.conf.beat_scheduler == f"{beat.SteadyScheduler.__module__}:{beat.SteadyScheduler.__name__}"
    every = {name: entry["schedule"] for name, entry in app.conf.beat_schedule.items()}
    assert every["drain"] == 0.5
