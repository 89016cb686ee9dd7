"""A window of the ticks: nothing outside it is fetched, and it is counted as a query finds it, wherever they lie."""

from datetime import UTC, datetime, time, timedelta

import pytest

from orderbook.query.counts import count_ticks
from orderbook.query.session import Window
from orderbook.store.reader import Reader
from orderbook.store.rows.selects import Select
from tests.archive import Cold, cold, days_ago

__all__ = ["cold"]

OLD, RECENT = days_ago(100), days_ago(1)
MIDNIGHT = datetime.combine(OLD, time(0), UTC)


@pytest.fixture
def both(cold: Cold) -> Cold:
    """A cold day with late ticks that lie in Postgres, and a hot one."""
    cold.land(OLD, 700)
    cold.archive()
    assert cold.hot() == []
    cold.land(OLD, 100, first=5_000)
    cold.land(RECENT, 600, first=10_000)
    return cold


def counted(both: Cold, window: Window, most: int = 10_000) -> int:
    with Reader(both.settings.database) as reader, reader.snapshot(holds_days=True) as connection:
        return count_ticks(connection, both.root, window, most)


@pytest.mark.parametrize(("first", "last"), [(0, 24), (3, 3.5), (-48, 0), (23, 99 * 24 + 12), (99 * 24, 100 * 24)])
def test_hot_and_cold_ticks_of_a_window_are_counted_as_a_query_finds_them(
    both: Cold, first: float, last: float
) -> None:
    for symbols in (None, ["TTF-GAS"], ["TTF-GAS", "NBP-GAS"], ["none"], []):
        window = Window(MIDNIGHT + timedelta(hours=first), MIDNIGHT + timedelta(hours=last), symbols)
        assert [(counted(both, window),)] == both.ask("SELECT count(*) FROM ticks", window=window)


def test_a_windows_start_counts_and_its_end_does_not(both: Cold) -> None:
    (at,) = both.ask("SELECT event_time FROM ticks ORDER BY event_time LIMIT 1 OFFSET 300")[0]
    one = timedelta(microseconds=1)
    exactly = both.ask("SELECT count(*) FROM ticks WHERE event_time = $1", [at])[0][0]
    assert exactly >= 1
    assert counted(both, Window(at, at + one)) == exactly
    assert counted(both, Window(at - one, at)) == 0


def test_postgres_stops_counting_where_it_was_told_to(both: Cold) -> None:
    hot = Window(MIDNIGHT + timedelta(days=2), MIDNIGHT + timedelta(days=100))
    assert (counted(both, hot), counted(both, hot, most=100)) == (600, 100)


def test_of_a_window_no_row_outside_it_is_fetched(both: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Select] = []
    true_rows = Select.rows
    monkeypatch.setattr(Select, "rows", lambda self, connection: asked.append(self) or true_rows(self, connection))
    at = datetime.combine(RECENT, time(8, 0, 7, 250), UTC)
    window = Window(at, at + timedelta(seconds=1))
    both.ask("SELECT * FROM ticks WHERE epoch_us(event_time) > 0", window=window)
    both.ask("SELECT * FROM ticks ORDER BY event_time DESC LIMIT 1", window=window)
    assert {(select.arguments["start"], select.arguments["end"]) for select in asked} == {(window.start, window.end)}
