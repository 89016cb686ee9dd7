"""One SQL surface over hot and cold, that reads what it needs and does no harm."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from orderbook.errors import BadQuery, Refused
from orderbook.query import datasets
from orderbook.query import session as session_module
from orderbook.query.session import Session, Window
from orderbook.store.rows.selects import Select
from tests.archive import Cold, cold, days_ago

__all__ = ["cold"]
OLD, OLDER, RECENT = days_ago(100), days_ago(101), days_ago(2)
MIDNIGHT = datetime.combine(OLD, time(0), UTC)


@pytest.fixture
def both(cold: Cold) -> Cold:
    """Two days cold, two hot."""
    for number, day in enumerate((OLDER, OLD, RECENT, days_ago(1))):
        cold.land(day, 600, first=1_000 * number)
    cold.archive()
    assert cold.rows("SELECT count(*) FROM ticks") == [(1200,)]
    return cold


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("true", 2400),
        ("symbol = 'TTF-GAS'", 800),
        ("symbol IN ('TTF-GAS', 'NBP-GAS')", 1600),
        ("symbol LIKE 'T%'", 1600),
        ("symbol > 'NBP-GAS' AND symbol <= 'THE-GAS'", 800),
        ("symbol = 'NONE'", 0),
        ("bid_volume IS NULL", 344),
        ("kafka_offset % 2 = 0 AND symbol <> 'TTF-GAS'", 800),
        ("sequence_id BETWEEN 1000 AND 1009 OR sequence_id = 3005", 11),
    ],
)
def test_a_condition_finds_the_rows_it_would_find_in_postgres(both: Cold, condition: str, rows: int) -> None:
    assert both.ask(f"SELECT count(*) FROM ticks WHERE {condition}") == [(rows,)]
    for day in (OLDER, OLD):
        both.restore(day)
    assert both.rows(f"SELECT count(*) FROM ticks WHERE {condition}") == [(rows,)]


@pytest.mark.parametrize("day", [OLD, RECENT])
@pytest.mark.parametrize("hours", [(0, 24), (8, 9), (8.5, 8.51), (23.99, 30), (-1, 0)])
def test_a_span_of_time_holds_its_start_and_not_its_end(both: Cold, day: Any, hours: tuple[float, float]) -> None:
    midnight = datetime.combine(day, time(0), UTC)
    start, end = (midnight + timedelta(hours=hour) for hour in hours)
    times = [at for (at,) in both.ask("SELECT event_time FROM ticks")]
    expected = sum(start <= at < end for at in times)
    sql = "SELECT count(*) FROM ticks WHERE event_time >= $1 AND event_time < $2"
    assert both.ask(sql, [start, end]) == [(expected,)]
    assert both.ask("SELECT count(*) FROM ticks", window=Window(start, end)) == [(expected,)]


def test_only_what_can_match_is_fetched_from_postgres(both: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Select] = []
    true_rows = Select.rows
    monkeypatch.setattr(Select, "rows", lambda self, connection: asked.append(self) or true_rows(self, connection))
    at = datetime.combine(RECENT, time(8), UTC)
    until = at + timedelta(minutes=5)
    condition = "symbol = 'TTF-GAS' AND event_time >= $1 AND event_time < $2"
    both.ask(f"SELECT bid_price FROM ticks WHERE {condition}", [at, until])
    (select,) = asked
    assert set(select.schema.names) == {"symbol", "event_time", "bid_price"}
    assert select.arguments == {"start": at, "end": until, "symbols": ["TTF-GAS"]}
    asked.clear()
    assert both.ask("SELECT count(*) FROM ticks WHERE event_time < $1", [MIDNIGHT + timedelta(hours=12)]) == [(901,)]
    assert asked == [], "the days of Postgres cannot match"


def test_symbols_that_could_end_a_literal_are_found_all_the_same(cold: Cold) -> None:
    odd = ['a"b', 'c", "d', "it's", "back\\slash", "a, b", "TFM FMH0024!"]
    cold.land(RECENT, len(odd))
    for number, symbol in enumerate(odd):
        cold.rows("UPDATE ticks SET symbol = :symbol WHERE sequence_id = :n RETURNING 1", symbol=symbol, n=number)
    for symbol in odd:
        assert cold.ask("SELECT sequence_id FROM ticks WHERE symbol = $1", [symbol]) == [(odd.index(symbol),)]
        assert cold.ask("SELECT sequence_id FROM ticks", window=Window(symbols=[symbol])) == [(odd.index(symbol),)]
    assert len(cold.ask("SELECT 1 FROM ticks", window=Window(symbols=odd))) == len(odd)
    many = [f"S{n}" for n in range(40)]
    assert len(cold.ask("SELECT 1 FROM ticks", window=Window(symbols=[*many, *odd]))) == len(odd)


def test_a_scan_too_large_for_memory_goes_by_way_of_a_file(both: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
    before = both.all()
    monkeypatch.setattr(datasets, "MEMORY_BYTES", 1000)
    assert both.all() == before


def test_a_scan_of_more_than_the_disk_may_hold_is_refused_and_says_how_to_bound_it(
    both: Cold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MEMORY_BYTES", 1000)
    tight = both.settings.query.model_copy(update={"spool_mb": 0})
    bounded = both.settings.model_copy(update={"query": tight})
    with Session(bounded) as session, pytest.raises(Refused, match="ORDERBOOK_QUERY__SPOOL_MB"):
        session.ask("SELECT * FROM ticks").table()
    assert len(both.all()) == 2400


@pytest.mark.parametrize("direction", ["DESC", "ASC", ""])
@pytest.mark.parametrize("condition", ["true", "symbol = 'TTF-GAS'", "bid_volume IS NULL", "symbol = 'NONE'"])
@pytest.mark.parametrize("rows", [1, 25, 700, 5_000])
def test_the_first_rows_by_time_are_those_of_a_whole_scan(
    both: Cold, monkeypatch: pytest.MonkeyPatch, direction: str, condition: str, rows: int
) -> None:
    sql = f"SELECT * FROM ticks WHERE {condition} ORDER BY event_time {direction}, kafka_offset LIMIT {rows}"
    found = both.ask(sql)
    monkeypatch.setattr(session_module, "nearest", lambda _: None)
    assert both.ask(sql) == found


def test_the_newest_rows_are_fetched_without_the_older_ones(both: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Select] = []
    true_rows = Select.rows
    monkeypatch.setattr(Select, "rows", lambda self, connection: asked.append(self) or true_rows(self, connection))
    both.ask("SELECT symbol FROM ticks ORDER BY event_time DESC LIMIT 10")
    widest = min(select.arguments["start"] for select in asked)
    assert widest > datetime.combine(RECENT, time(0), UTC) - timedelta(days=5), "one of the spans had ten rows"
    assert all(select.arguments["start"] is not None for select in asked)


def test_a_table_joined_with_itself_sees_one_instant(both: Cold) -> None:
    sql = "SELECT count(*) FROM ticks a JOIN ticks b USING (generation_id, kafka_partition, kafka_offset)"
    with Session(both.settings) as session:
        both.land(days_ago(3), 100, first=50_000)
        assert session.ask(sql).table().to_pylist() == [{"count_star()": 2400}]
        assert session.ask("SELECT count(*) AS n FROM ticks").table().to_pylist() == [{"n": 2400}]
    assert both.ask(sql) == [(2500,)]


def test_a_day_is_not_frozen_under_a_query(both: Cold) -> None:
    both.land(days_ago(95), 60, first=90_000)
    with Session(both.settings) as session:
        assert [outcome.problem is None for outcome in both.archive()] == [False]
        assert session.ask("SELECT count(*) AS n FROM ticks").table().to_pylist() == [{"n": 2460}]
    assert [outcome.problem for outcome in both.archive()] == [None]
    assert both.ask("SELECT count(*) FROM ticks") == [(2460,)]


def test_numbers_are_exact(both: Cold) -> None:
    ((value, total),) = both.ask("SELECT min(bid_volume), sum(bid_volume) FROM ticks WHERE sequence_id IN (1, 3001)")
    assert (value, total) == (Decimal("1.000000001"), Decimal("2.000000002"))


def test_repeats_are_left_out_of_distinct_ticks(both: Cold) -> None:
    both.rows(
        "INSERT INTO ticks SELECT symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, "
        "sequence_id, now(), generation_id, kafka_partition, kafka_offset + 700000 FROM ticks WHERE sequence_id < 2100 "
        "RETURNING 1"
    )
    assert both.ask("SELECT count(*), max(kafka_offset) FROM ticks") == [(2500, 702_049)]
    assert both.ask("SELECT count(*) FROM distinct_ticks") == [(2400,)]
    assert both.ask("SELECT count(*) FROM distinct_ticks WHERE kafka_offset >= 700000") == [(0,)]


def test_bars_are_the_mid_from_the_first_tick_to_the_last(both: Cold) -> None:
    for window in (Window(symbols=["TTF-GAS"]), Window()):
        ((start, opened, high, low, closed, ticks),) = both.ask(
            "SELECT start, open, high, low, close, ticks FROM bars_of(INTERVAL 1 DAY) "
            "WHERE symbol = 'TTF-GAS' AND start = $1",
            [MIDNIGHT],
            window,
        )
        mids = both.ask(
            "SELECT (bid_price + ask_price) * 0.5 FROM ticks WHERE symbol = 'TTF-GAS' AND event_time >= $1 "
            "AND event_time < $1 + INTERVAL 1 DAY ORDER BY event_time",
            [MIDNIGHT],
        )
        assert (start, ticks) == (MIDNIGHT, 200)
        assert (opened, closed) == (mids[0][0], mids[-1][0])
        assert (high, low) == (max(mids)[0], min(mids)[0])
    assert both.ask("SELECT sum(ticks) FROM bars") == [(2400,)]


def test_the_tables_beside_the_ticks_can_be_asked(both: Cold) -> None:
    both.rows(
        "INSERT INTO quarantine (generation_id, kafka_partition, kafka_offset, reason, detail, value) "
        "VALUES (1, 0, 7, 'json', E'a, \"b\"\\n', '\\x00ff') RETURNING 1"
    )
    assert both.ask("SELECT reason, detail, value, key FROM quarantine") == [("json", 'a, "b"\n', b"\x00\xff", None)]
    assert both.ask("SELECT count(*) FROM gaps") == [(0,)]
    assert both.ask("SELECT state, rows FROM cold_file ORDER BY day") == [("live", 600), ("live", 600)]
    with Session(both.settings) as session:
        names = [row["name"] for row in session.ask("SHOW TABLES").table().to_pylist()]
        for name in names:
            session.ask(f"SELECT * FROM {name} LIMIT 1").table()
    assert {"ticks", "distinct_ticks", "bars", "gaps", "quarantine", "offset_range"} <= set(names)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM ticks",
        "DROP VIEW ticks",
        "CREATE TABLE a AS SELECT 1",
        "SELECT 1; SELECT 2",
        "SET threads = 1",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "COPY (SELECT 1) TO 'x.csv'",
        "PRAGMA database_list",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_parquet('s3://bucket/file')",
        "SELECT * FROM both",
        "SELECT nothing FROM ticks",
        "SELEC 1",
        "-- only a comment",
    ],
)
def test_what_does_not_just_read_what_is_stored_is_refused(both: Cold, sql: str) -> None:
    before = both.all()
    with pytest.raises(BadQuery):
        both.ask(sql)
    assert both.all() == before


def test_columns_of_one_name_are_told_apart(cold: Cold) -> None:
    with Session(cold.settings) as session:
        assert session.ask("SELECT 1 AS a, 2 AS a, '%' AS b").columns == ["a", "a_2", "b"]


def test_a_query_that_takes_too_long_is_ended(cold: Cold) -> None:
    sql = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"
    with Session(cold.settings, seconds=0.5) as session, pytest.raises(Refused, match="longer"):
        session.ask(sql).table()


def test_a_query_that_needs_more_than_memory_and_disk_may_hold_is_ended(
    cold: Cold, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = cold.settings.model_copy(update={"query": cold.settings.query.model_copy(update={"memory_mb": 64})})
    sql = "SELECT array_agg(range) AS everything FROM range(100000000)"
    with Session(tight) as session, pytest.raises(Refused, match="64 MB"):
        session.ask(sql).table()
