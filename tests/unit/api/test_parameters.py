"""What requests may ask."""

from datetime import UTC, datetime

import pytest

from orderbook.api.parameters import parse_instant, parse_symbols
from orderbook.api.problems import Problem
from orderbook.api.ticks import cursor_of, key_in
from orderbook.store.rows.tick_pages import TickKey, TickQuery

AT = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
QUERY = TickQuery(AT, datetime(2026, 1, 6, tzinfo=UTC), ["A", "B"])


@pytest.mark.parametrize(
    "text", ["2026-01-05T08:30:00Z", "2026-01-05T09:30:00+01:00", "2026-01-05 08:30", "1767601800000000000"]
)
def test_one_instant_is_written_in_many_ways(text: str) -> None:
    assert parse_instant(text) == AT


@pytest.mark.parametrize(
    "text",
    ["", "now", "infinity", "2026-13-01", "2026-01-05T25:00Z", "9" * 30, "1899-12-31", "2200-01-01", "' OR 1=1 --",
     "2026-01-05T08:30:00+99:99", "\u0661\u0662"],
)  # fmt: skip
def test_what_is_no_instant_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_instant(text)


def test_symbols_are_listed_or_repeated_and_each_counts_once() -> None:
    assert parse_symbols(["A,B", "C", "A"]) == ["A", "B", "C"]
    assert parse_symbols([""]) is None
    with pytest.raises(ValueError, match="no symbol"):
        parse_symbols(["A\x00"])
    with pytest.raises(ValueError, match="the most is"):
        parse_symbols([",".join(f"S{n}" for n in range(2_000))])


def test_a_cursor_is_good_for_its_own_query_only() -> None:
    key = TickKey("A", AT, 1, 2, 3)
    cursor = cursor_of(QUERY, key)
    assert key_in(cursor, QUERY) == key
    for other in (TickQuery(AT, QUERY.end, ["A"]), TickQuery(AT, QUERY.end, ["A", "B"], descending=True)):
        with pytest.raises(Problem, match="cursor"):
            key_in(cursor, other)


@pytest.mark.parametrize(
    "cursor", ["", "x", "e30", "W10", "bnVsbA", "\u00e9", "WyJBIiwxLDIsMyw0LDVd", "WzEsMiwzLDQsNSw2XQ"]
)
def test_a_forged_cursor_is_a_problem(cursor: str) -> None:
    with pytest.raises(Problem, match="cursor"):
        key_in(cursor, QUERY)
