"""When ticks are due and which are shown."""

from hypothesis import given
from hypothesis import strategies as st

from orderbook.simulator.schedule import Sampler, Schedule

periods = st.floats(1e-5, 60)
starts = st.floats(0, 1e7)


@given(periods, starts, st.integers(0, 10**6))
def test_a_tick_is_due_when_its_time_has_come_and_not_long_before(period: float, start: float, number: int) -> None:
    schedule = Schedule(period, start)
    assert schedule.due(schedule.at(number) + period / 2) == number + 1
    assert schedule.due(schedule.at(number) - period / 2) == number


@given(periods, starts, st.lists(st.floats(0, 100), min_size=2, max_size=2))
def test_what_is_due_never_becomes_less(period: float, start: float, instants: list[float]) -> None:
    schedule = Schedule(period, start)
    earlier, later = sorted(instants)
    assert schedule.due(start + earlier) <= schedule.due(start + later)


def test_nothing_is_due_before_the_start() -> None:
    assert Schedule(0.05, 100.0).due(99.99) == 0


def test_a_late_tick_delays_no_other() -> None:
    schedule = Schedule(0.5, 10.0)
    assert schedule.due(11.75) == 4
    assert schedule.at(4) == 12.0


def test_a_pause_is_not_caught_up() -> None:
    schedule = Schedule(0.5, 0.0)
    due = schedule.due(1.1)
    schedule.shift(60.0)
    assert schedule.due(61.1) == due


def test_every_tick_is_shown_up_to_fifty_a_second() -> None:
    sampler = Sampler(0.02)
    assert not sampler.samples
    assert all(sampler.shows(1.0) for _ in range(1_000))


def test_above_that_ten_a_second_are_shown() -> None:
    sampler = Sampler(0.001)
    assert sampler.samples
    assert sum(sampler.shows(n / 1_000) for n in range(10_000)) == 100
