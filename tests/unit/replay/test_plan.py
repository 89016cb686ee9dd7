"""Windows of a replay: they tile what is wished for, and none holds much more than its share."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orderbook.replay.plan import HOUR, LONGEST, ROWS, Plan

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOURS = st.dictionaries(st.integers(-1, 60), st.integers(0, 40_000_000))


def _by_hour(counts: dict[int, int]) -> dict[datetime, int]:
    return {MIDNIGHT + HOUR * number: ticks for number, ticks in counts.items()}


@given(HOURS, st.integers(0, 10**9), st.integers(1, 10**11), st.lists(st.integers(0, 10**7), max_size=5))
def test_windows_tile_the_wish_whatever_is_known_and_learned(
    counts: dict[int, int], start: int, length: int, learned: list[int]
) -> None:
    begin = MIDNIGHT + timedelta(microseconds=start)
    end = begin + timedelta(microseconds=length)
    plan = Plan(begin, end, _by_hour(counts), 4 * SECOND, SECOND)
    at, rows = begin, iter(learned)
    for first, last in plan.windows():
        assert at == first < last <= end
        assert last - first <= LONGEST + HOUR
        at = last
        if (found := next(rows, None)) is None:
            plan.width = LONGEST
        else:
            plan.learn(first, last, found)
    assert at == end


def test_quiet_hours_are_one_window_and_a_busy_one_behind_them_begins_narrow() -> None:
    plan = Plan(MIDNIGHT, MIDNIGHT + 10 * HOUR, _by_hour({1: ROWS // 2, 8: ROWS // 2, 9: 2 * ROWS}), 4 * SECOND, SECOND)
    windows = plan.windows()
    first = next(windows)
    plan.learn(*first, ROWS)
    assert first == (MIDNIGHT, MIDNIGHT + 9 * HOUR)
    assert next(windows) == (MIDNIGHT + 9 * HOUR, MIDNIGHT + 9 * HOUR + 4 * SECOND)


def test_a_part_of_an_hour_counts_as_the_whole_since_a_burst_may_lie_in_it() -> None:
    plan = Plan(MIDNIGHT + HOUR / 2, MIDNIGHT + 2 * HOUR, _by_hour({0: ROWS, 1: 1}), 4 * SECOND, SECOND)
    assert list(plan.windows()) == [(plan.start, MIDNIGHT + HOUR), (MIDNIGHT + HOUR, plan.end)]


def test_a_busy_hour_is_cut_by_the_ticks_that_it_is_known_to_hold() -> None:
    plan = Plan(MIDNIGHT, MIDNIGHT + HOUR, _by_hour({0: 18_000_000}), LONGEST, SECOND)
    assert len(list(plan.windows())) == 18_000_000 // ROWS


def test_rows_that_no_hour_tells_of_make_the_next_window_narrower() -> None:
    plan = Plan(MIDNIGHT, MIDNIGHT + HOUR, {}, 4 * SECOND, SECOND)
    windows = plan.windows()
    plan.learn(*next(windows), 3 * ROWS)
    assert next(windows) == (MIDNIGHT + 4 * SECOND, MIDNIGHT + 5 * SECOND)
    plan.learn(MIDNIGHT + 4 * SECOND, MIDNIGHT + 5 * SECOND, 0)
    assert next(windows) == (MIDNIGHT + 5 * SECOND, MIDNIGHT + 9 * SECOND)


def test_no_window_is_shorter_than_the_shortest() -> None:
    plan = Plan(MIDNIGHT, MIDNIGHT + 10 * SECOND, _by_hour({0: 10**12}), 4 * SECOND, SECOND)
    assert {last - first for first, last in plan.windows()} == {SECOND}
