"""Who was silent, and how many rows an hour has, while ticks stream by in batches of any size."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from orderbook.expectations.pace import Counted, Pace
from orderbook.profiles import Profile, Profiles
from orderbook.sessions import Sessions
from tests.unit.expectations.rows import AT, batch_of, row

MORNING = Sessions("UTC", ("Mon-Fri 08:00-09:00",))
PROFILES = Profiles(
    [("OPEN", Profile("open", stale_after_seconds=30))], Profile("hours", stale_after_seconds=30, sessions=MORNING)
)
ALL = Counted({(1, 0): 10**6}, frozenset())


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def pace_of(symbol: str, *seconds: float, size: int = 100, since: float | None = None) -> Pace:
    pace = Pace(PROFILES, ALL)
    if since is not None:
        pace.expect(symbol, at(since))
    rows = [row(symbol=symbol, event_time=at(s), kafka_offset=n) for n, s in enumerate(seconds)]
    for first in range(0, len(rows), size):
        pace.add(batch_of(rows[first : first + size]))
    return pace


def only(rows: Iterator[dict[str, Any]]) -> dict[str, Any]:
    (found,) = rows
    return found


@pytest.mark.parametrize("size", [1, 2, 100])
def test_the_longest_silence_is_told_and_where_it_began(size: int) -> None:
    found = only(pace_of("OPEN", 0, 10, 55, 60, 80, size=size).symbols(at(90)))
    assert (found["silent_seconds"], found["silent_from"], found["ticks"]) == (45.0, at(10), 5)
    assert (found["profile"], found["patience_seconds"]) == ("open", 30)


def test_silence_up_to_the_end_counts_and_one_before_the_first_tick_only_of_a_known_symbol() -> None:
    assert only(pace_of("OPEN", 0, 5).symbols(at(100)))["silent_seconds"] == 95.0
    assert only(pace_of("OPEN", 50, 55).symbols(at(60)))["silent_seconds"] == 5.0
    assert only(pace_of("OPEN", 50, 55, since=0).symbols(at(60)))["silent_seconds"] == 50.0
    assert only(pace_of("OPEN", since=0).symbols(at(60)))["silent_seconds"] == 60.0


def test_a_closed_market_is_not_silent() -> None:
    half_past_nine = 3_600
    found = only(pace_of("X", 0, 1_790, half_past_nine).symbols(at(2 * 3_600)))
    assert found["silent_seconds"] == 1_790.0  # open until 09:00, 1,800 s after the first
    night = only(pace_of("X", 1_795, half_past_nine).symbols(at(20 * 3_600)))
    assert night["silent_seconds"] == 5.0


def test_a_longer_closed_time_does_not_hide_a_shorter_silence_while_open() -> None:
    found = only(pace_of("X", 0, 400, 1_799, 23 * 3_600 + 1_799).symbols(at(23 * 3_600 + 1_799)))
    assert (found["silent_seconds"], found["silent_from"]) == (1_399.0, at(400))


def test_rows_and_the_ledger_stand_side_by_side() -> None:
    pace = pace_of("OPEN", 0, 1, 3_600, 3_601, 3_602)
    hour = AT.replace(minute=0)
    counted = {("OPEN", hour): 2, ("OPEN", hour + timedelta(hours=1)): 2, ("GONE", hour): 7}
    found = {(r["symbol"], r["hour"]): (r["stored"], r["counted"]) for r in pace.ledger(counted)}
    assert found == {
        ("GONE", hour): (0, 7),
        ("OPEN", hour): (2, 2),
        ("OPEN", hour + timedelta(hours=1)): (3, 2),
    }


def test_only_what_the_ledger_has_counted_is_counted() -> None:
    pace = Pace(PROFILES, Counted({(1, 0): 2}, frozenset({(1, 0, 5), (1, 1, 3)})))
    pace.add(batch_of([row(symbol="OPEN", kafka_offset=n) for n in range(7)]))
    pace.add(batch_of([row(symbol="OPEN", kafka_partition=1, kafka_offset=n) for n in range(7)]))
    assert sum(r["stored"] for r in pace.ledger({})) == 2 + 1 + 1
