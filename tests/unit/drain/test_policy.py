"""What the broker's answers mean, and how the log is cut: values in, values out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.drain.policy import LOW_PASSES_TO_HALT, CutPolicy, Verdict, assess, cut, prefix
from orderbook.store.ledger.partition_ledger import Cursor, OpenRange
from orderbook.stream.topics import LogBounds


def cursor(planned: int = 100, **changes: object) -> Cursor:
    values = {"planned": planned, "committed": 0, "low_passes": 0, "halted_reason": None, "last_epoch": 5,
              "answers_too_old": False, "answers_before_last_pass": False}  # fmt: skip
    return Cursor(**{**values, **changes})


def ends(at: int, epoch: int | None = 5) -> LogBounds:
    return LogBounds(0, at, epoch)


@pytest.mark.parametrize("end", [100, 101, 10_000])
def test_planning_goes_on_to_the_end_of_the_log(end: int) -> None:
    assert assess(cursor(100), ends(end)) == Verdict(end=end)


def test_a_low_end_is_counted_before_it_halts() -> None:
    verdicts = [assess(cursor(100, low_passes=n), ends(99)) for n in range(LOW_PASSES_TO_HALT)]
    assert [v.low for v in verdicts] == [True] * (LOW_PASSES_TO_HALT - 1) + [False]
    assert [v.halt for v in verdicts] == [None] * (LOW_PASSES_TO_HALT - 1) + ["low_end"]
    assert "99" in verdicts[-1].detail
    assert "100" in verdicts[-1].detail


def test_an_answer_from_before_the_last_pass_says_nothing_about_a_low_end() -> None:
    stale = cursor(100, low_passes=LOW_PASSES_TO_HALT, answers_before_last_pass=True)
    assert assess(stale, ends(99)) == Verdict(end=100)
    assert assess(stale, ends(150)) == Verdict(end=150)  # offsets that were there are there


@pytest.mark.parametrize(
    ("last", "now", "halt"), [(5, 4, "truncated"), (5, 5, None), (5, 6, None), (None, 0, None), (5, None, None)]
)
def test_a_leader_epoch_that_goes_back_halts(last: int | None, now: int | None, halt: str | None) -> None:
    for end in (50, 100, 150):
        verdict = assess(cursor(100, last_epoch=last), ends(end, now))
        assert verdict.halt == halt


def test_an_answer_from_before_the_last_pass_may_come_from_the_leader_before() -> None:
    stale = cursor(100, last_epoch=6, answers_before_last_pass=True)
    for end in (50, 100, 150):
        assert assess(stale, ends(end, 5)) == Verdict(end=100)


def test_the_prefix_ends_where_the_first_open_range_begins() -> None:
    assert prefix(cursor(100), []) == 100
    assert prefix(cursor(100), [OpenRange(1, 40, 60), OpenRange(2, 80, 100)]) == 40


small = st.integers(0, 300)


@given(planned=small, end=small, open_ranges=st.integers(0, 12), size=st.integers(1, 40), window=st.integers(1, 10))
def test_cuts_tile_from_planned_towards_the_end_inside_the_window(
    planned: int, end: int, open_ranges: int, size: int, window: int
) -> None:
    ranges = list(cut(planned, end, open_ranges, CutPolicy(size, window)))
    assert [start for start, _ in ranges] == [planned, *(stop for _, stop in ranges)][: len(ranges)]
    assert all(0 < stop - start <= size for start, stop in ranges)
    assert all(stop - start == size for start, stop in ranges[:-1])
    assert len(ranges) <= max(0, window - open_ranges)
    reached = ranges[-1][1] if ranges else planned
    assert reached >= end or open_ranges + len(ranges) >= window  # nothing is left that the window allows
    assert reached <= max(planned, end)
