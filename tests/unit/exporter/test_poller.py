"""What a poller remembers: only what its source said last, and not for long."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from orderbook import metrics
from orderbook.errors import Unavailable
from orderbook.exporter.serve import Exported
from orderbook.exporter.source import Poller, Sample

LANDED: list[Sample] = [(metrics.TICKS_LANDED, (), 7)]


@dataclass
class Script:
    """A source that says, look by look, what it is told to, and then the last of it again."""

    said: list[list[Sample] | Exception]
    name: str = "postgres"
    closed: int = 0
    looks: int = 0

    def look(self) -> list[Sample]:
        self.looks += 1
        now = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(now, Exception):
            raise now
        return now

    def close(self) -> None:
        self.closed += 1


@dataclass
class Clock:
    now: float = 0

    def __call__(self) -> float:
        return self.now


@dataclass
class Watched:
    """A poller, its source and its clock."""

    source: Script
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.poller = Poller(self.source, interval=0.001, stale_after=30, clock=self.clock)

    def series(self) -> dict[tuple[str, str], float]:
        families = Exported([self.poller]).collect()
        found = [sample for family in families for sample in family.samples]
        return {(sample.name, sample.labels.get("source", "")): sample.value for sample in found}


UP = ("orderbook_source_up", "postgres")


def test_before_the_first_answer_a_source_counts_as_away() -> None:
    assert Watched(Script([LANDED])).series()[UP] == 0


def test_an_answer_becomes_series() -> None:
    watched = Watched(Script([LANDED]))
    watched.poller.look()
    found = watched.series()
    assert (found[UP], found["orderbook_ticks_landed_total", ""]) == (1, 7)


@pytest.mark.parametrize("error", [Unavailable("away"), OSError("cut"), KeyError("an answer of another shape")])
def test_a_failure_drops_the_series_and_the_connections_until_the_next_answer(error: Exception) -> None:
    watched = Watched(Script([LANDED, error, LANDED]))
    watched.poller.look()
    watched.poller.look()
    found = watched.series()
    assert found[UP] == 0
    assert ("orderbook_ticks_landed_total", "") not in found
    assert watched.source.closed == 1
    watched.poller.look()
    assert watched.series()[UP] == 1


def test_a_source_that_hangs_loses_its_series_too() -> None:
    watched = Watched(Script([LANDED]))
    watched.poller.look()
    watched.clock.now = 30
    assert watched.series()[UP] == 1
    watched.clock.now = 30.1
    assert watched.series() == {UP: 0, ("orderbook_build_info", ""): 1}


def test_the_thread_goes_on_after_failures_and_ends_when_asked(eventually: Callable[..., None]) -> None:
    watched = Watched(Script([Unavailable("away"), RuntimeError("a bug of theirs"), LANDED]))
    watched.poller.start()
    eventually(lambda: watched.series()[UP] == 1)
    watched.poller.end()
    watched.poller.join(10)
    assert not watched.poller.is_alive()
    assert watched.source.closed == 3
