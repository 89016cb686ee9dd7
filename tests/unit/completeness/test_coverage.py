"""Coverage: the lower of two shares, hour by hour, and nothing expected of a closed market."""

from datetime import UTC, datetime, timedelta

import pytest

from orderbook.completeness.coverage import HOUR, HourCoverage, by_symbol, hourly, share
from orderbook.profiles import Profile, Profiles
from orderbook.sessions import Sessions
from orderbook.store.readers.coverage import HourCounts, Silence, SymbolSpan

EIGHT = datetime(2026, 1, 5, 8, tzinfo=UTC)  # a Monday
ALWAYS = Profiles([], Profile("always", stale_after_seconds=30))
MORNINGS = Profiles([], Profile("mornings", stale_after_seconds=30, sessions=Sessions("UTC", ("Mon-Fri 08:00-09:30",))))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def covered(
    counts: list[HourCounts],
    silences: list[Silence] | None = None,
    *,
    profiles: Profiles = ALWAYS,
    hours: int = 2,
    last: datetime | None = None,
    now: datetime | None = None,
) -> list[HourCoverage]:
    end = EIGHT + hours * HOUR
    spans = [SymbolSpan("X", EIGHT, last or end)]
    return list(hourly(counts, silences or [], spans, profiles, window=(EIGHT, end), now=now or end))


def test_missing_ids_lower_their_hour_only() -> None:
    first, second = covered([HourCounts("X", EIGHT, 900, 0, 100), HourCounts("X", EIGHT + HOUR, 50, 0, 0)])
    assert (first.coverage, second.coverage) == (0.9, 1.0)


def test_repeats_cover_nothing() -> None:
    (hour,) = covered([HourCounts("X", EIGHT, 100, 50, 50)], hours=1)
    assert hour.coverage == 0.5


def test_a_stall_is_shared_out_over_the_hours_it_lasts() -> None:
    found = covered([], [Silence("X", EIGHT + minutes(45), EIGHT + minutes(90))])
    assert [hour.stalled_seconds for hour in found] == [900, 1800]
    assert [hour.coverage for hour in found] == [0.75, 0.5]


def test_a_symbol_that_is_silent_until_now_is_not_covered_since() -> None:
    now = EIGHT + minutes(60)
    (hour,) = covered([HourCounts("X", EIGHT, 10, 0, 0)], last=EIGHT + minutes(30), now=now)
    assert (hour.stalled_seconds, hour.coverage) == (1800, 0.5)
    (patient,) = covered([HourCounts("X", EIGHT, 10, 0, 0)], last=now - timedelta(seconds=30), now=now)
    assert patient.coverage == 1


def test_the_hour_that_is_not_over_counts_up_to_now() -> None:
    (hour,) = covered([HourCounts("X", EIGHT, 10, 0, 0)], last=EIGHT + minutes(15), now=EIGHT + minutes(15))
    assert (hour.open_seconds, hour.coverage) == (900, 1)


def test_nothing_is_expected_of_a_closed_market() -> None:
    silence = [Silence("X", EIGHT + minutes(80), EIGHT + minutes(170))]
    found = covered([], silence, profiles=MORNINGS, hours=3)
    assert [hour.open_seconds for hour in found] == [3600, 1800, 0]
    assert [hour.stalled_seconds for hour in found] == [0, 600, 0]
    assert found[2].coverage is None


@pytest.mark.parametrize(
    ("came", "missing", "open_for", "stalled", "expected"),
    [(0, 0, 0, 0, None), (0, 0, 60, 60, 0), (9, 1, 0, 0, 0.9), (9, 1, 100, 50, 0.5), (0, 5, 60, 0, 0)],
)
def test_the_lower_share_counts(came: int, missing: int, open_for: float, stalled: float, expected: float) -> None:
    assert share(came, missing, open_for, stalled) == expected


def test_the_hours_of_a_symbol_are_weighed_by_what_they_hold() -> None:
    hours = covered([HourCounts("X", EIGHT, 900, 0, 100), HourCounts("X", EIGHT + HOUR, 9_000, 0, 0)])
    (whole,) = by_symbol(hours)
    assert (whole.ticks, whole.missing, whole.coverage) == (9_900, 100, 0.99)
