"""Windows of a replay: they tile what is wished for, and none holds much more than its share."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orderbook.replay.plan import HOUR, LONGEST, MOST_COUNTED, ROWS, Plan

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MOST = ROWS * 5 // 4
# Bursts: when each begins, how long it lasts, and how many ticks it has, spread evenly. In seconds.
BURSTS = st.lists(
    st.tuples(st.integers(0, 200_000), st.integers(1, 20_000), st.integers(1, 3_000_000)), min_size=1, max_size=5
)


class Past:
    """Ticks in bursts; counts as the store does, and keeps how often it was asked."""

    def __init__(self, *bursts: tuple[int, int, int]) -> None:
        self.bursts = bursts
        self.asked = 0

    def exactly(self, start: datetime, end: datetime) -> int:
        """How many lie from ``start`` up to ``end``."""
        first, last = ((at - MIDNIGHT) / SECOND for at in (start, end))
        return sum(self._before(burst, last) - self._before(burst, first) for burst in self.bursts)

    def count(self, start: datetime, end: datetime) -> int:
        """As the plan is told: no more than it asks for."""
        self.asked += 1
        return min(self.exactly(start, end), MOST_COUNTED)

    def hours(self) -> dict[datetime, int]:
        """What the ledger knows of them."""
        found = {MIDNIGHT + HOUR * n: self.exactly(MIDNIGHT + HOUR * n, MIDNIGHT + HOUR * (n + 1)) for n in range(70)}
        return {hour: rows for hour, rows in found.items() if rows}

    def plan(self, *, end: timedelta = 70 * HOUR, known: int = 70) -> Plan:
        """Of all of it; so many hours are stitched."""
        hours = {hour: rows for hour, rows in self.hours().items() if hour < MIDNIGHT + HOUR * known}
        return Plan(MIDNIGHT, MIDNIGHT + end, hours, self.count, 4 * SECOND, SECOND)

    def _before(self, burst: tuple[int, int, int], second: float) -> int:
        start, seconds, ticks = burst
        return bisect_left(range(ticks), max(0.0, second - start) * ticks / seconds)


@given(BURSTS, st.integers(0, 70))
def test_windows_tile_the_wish_and_none_holds_much_more_than_its_share(
    bursts: list[tuple[int, int, int]], known: int
) -> None:
    past = Past(*bursts)
    plan = past.plan(known=known)
    at = plan.start
    for first, last in plan.windows():
        assert at == first < last <= plan.end
        assert last - first <= LONGEST + LONGEST
        assert past.exactly(first, last) <= MOST or last - first <= SECOND
        at = last
    assert at == plan.end


@given(BURSTS, st.integers(0, 70))
def test_there_are_few_more_windows_than_shares(bursts: list[tuple[int, int, int]], known: int) -> None:
    past = Past(*bursts)
    rows = past.exactly(MIDNIGHT, MIDNIGHT + 70 * HOUR)
    assert len(list(past.plan(known=known).windows())) <= 4 * rows / ROWS + 2 * len(past.hours()) + 10


def test_quiet_hours_are_one_window_that_nothing_is_counted_for() -> None:
    past = Past((3600, 3600, ROWS // 2), (8 * 3600, 3600, ROWS // 2), (9 * 3600, 3600, 2 * ROWS))
    windows = past.plan(end=10 * HOUR).windows()
    assert next(windows) == (MIDNIGHT, MIDNIGHT + 9 * HOUR)
    assert past.asked == 0
    assert len(list(windows)) in {2, 3}


def test_a_part_of_an_hour_counts_as_the_whole_since_a_burst_may_lie_in_it() -> None:
    past = Past((1800, 1800, ROWS), (3600, 3600, 1))
    plan = past.plan(end=2 * HOUR)
    plan.start += HOUR / 2
    assert list(plan.windows()) == [(plan.start, MIDNIGHT + HOUR), (MIDNIGHT + HOUR, plan.end)]


def test_a_burst_of_seconds_that_is_all_that_an_hour_holds_is_cut_as_it_lies() -> None:
    past = Past((1335, 24, 6 * ROWS))
    for known in (70, 0):
        held = [past.exactly(*window) for window in past.plan(end=HOUR, known=known).windows()]
        assert sum(held) == 6 * ROWS
        assert max(held) <= MOST
        assert len(held) <= 12


def test_a_steady_hour_is_cut_into_its_shares_with_a_count_each() -> None:
    past = Past((0, 3600, 90 * ROWS))
    windows = list(past.plan(end=HOUR).windows())
    assert 90 <= len(windows) <= 100
    assert past.asked <= 110


def test_no_window_is_shorter_than_the_shortest() -> None:
    past = Past((0, 10, 10**9))
    assert {last - first for first, last in past.plan(end=10 * SECOND).windows()} == {SECOND}
