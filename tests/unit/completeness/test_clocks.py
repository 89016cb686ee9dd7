"""Two clocks: what is a step, and what is only a delay, a drift or a difference."""

from hypothesis import given
from hypothesis import strategies as st

from orderbook.completeness.clocks import Step, StepPolicy, judged, told
from orderbook.store.completeness.clocks import Skew

POLICY = StepPolicy(step_microseconds=100_000, passes=2)


def steps(smallest: list[int]) -> list[Step | None]:
    """What each pass found."""
    known: Skew | None = None
    found = []
    for skew in smallest:
        known, step = judged(known, "X", skew, POLICY)
        found.append(step)
    return found


def test_a_jump_is_a_step_when_it_shows_twice_and_then_it_is_the_usual() -> None:
    assert steps([500, 600, 200_500, 200_700, 200_400]) == [None, None, None, Step("X", 600, 200_700), None]


def test_a_jump_back_is_a_step_too() -> None:
    assert steps([-1_270_000] * 3 + [-1_470_000] * 2)[-1] == Step("X", -1_270_000, -1_470_000)


def test_one_slow_moment_is_no_step() -> None:
    assert steps([500, 900_000, 500, 900_000, 500]) == [None] * 5


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(-49_999, 49_999), min_size=1))
def test_a_constant_difference_of_any_size_with_its_scatter_is_no_step(offset: int, scatter: list[int]) -> None:
    assert not any(steps([offset + by for by in scatter]))


def test_a_drift_is_no_step_however_far_it_comes() -> None:
    assert not any(steps([n * 90_000 for n in range(1_000)]))


def test_many_steps_are_told_in_one_line_of_bounded_length() -> None:
    lines = list(told([Step(f"S{n}", 0, 200_000) for n in range(500)]))
    assert lines[0] == "S0: receive time less event time went from +0.0 to +200.0 ms, by +200.0 ms"
    assert lines[-1] == "and 490 more feeds"
    assert len(lines) == 11
