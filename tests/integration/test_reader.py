"""Reading what is stored: newest ids, newest ticks, days, free SQL, and following what lands."""

from datetime import timedelta
from decimal import Decimal

import pytest

from orderbook.clock import utc_now
from orderbook.config import settings
from orderbook.errors import Refused, Unavailable
from orderbook.store.days import make_days_ahead
from orderbook.store.drift import drift
from orderbook.store.ledger.merge import merge_finished
from orderbook.store.reader import Reader, days, newest_sequences, newest_ticks
from orderbook.store.readers.ledger import landed, list_ranges, newest_cursors, show_range
from orderbook.store.readers.quarantine import open_rejects_by_reason, rejects_by_day, show_reject
from orderbook.store.rows.tick_tail import TickTail
from tests.pipeline import Pipeline, tick, valid
from tests.servers import RunningServers, Stack


def test_the_newest_sequence_is_the_highest_also_where_it_came_late(pipeline: Pipeline) -> None:
    late = tick(8, event_time=utc_now() - timedelta(hours=3))
    pipeline.produce([*valid(7), late])
    pipeline.produce(valid(3, symbol="NBP-GAS"), partition=1)
    pipeline.run()
    assert newest_sequences(["TTF-GAS", "NBP-GAS", "NOT-THERE"]) == {"TTF-GAS": 8, "NBP-GAS": 3}


def test_the_newest_sequence_of_an_empty_store_is_nothing(stack: Stack) -> None:
    assert newest_sequences(["TTF-GAS"]) == {}


def test_a_store_that_is_away_is_unavailable(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://market@127.0.0.1:1/marketdata")
    settings.cache_clear()
    with pytest.raises(Unavailable):
        newest_sequences(["TTF-GAS"])


def test_a_database_without_a_schema_names_the_command_that_makes_it(
    stack: Stack, servers: RunningServers, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    settings.cache_clear()
    with pytest.raises(Refused, match="orderbook db upgrade"):
        newest_sequences(["TTF-GAS"])


def test_the_newest_tick_of_each_symbol(pipeline: Pipeline) -> None:
    pipeline.produce([*valid(3), *valid(2, symbol="NBP-GAS")])
    pipeline.produce([tick(1, symbol="OLD", event_time=utc_now() - timedelta(days=3))])
    pipeline.run()
    with Reader() as reader, reader.snapshot() as connection:
        found = newest_ticks(connection, utc_now() - timedelta(days=1))
    assert [(t.symbol, t.sequence_id, t.bid_price) for t in found] == [
        ("NBP-GAS", 2, Decimal("27.53")),
        ("TTF-GAS", 3, Decimal("27.53")),
    ]


def test_days_are_listed_with_their_rows(pipeline: Pipeline) -> None:
    make_days_ahead(pipeline.engine, 1)
    pipeline.produce(valid(3))
    pipeline.run()
    with Reader() as reader:
        found = {day.day: day for day in days(reader, exact=True)}
    assert sum(day.rows for day in found.values()) == 3
    assert all(day.bytes > 0 and not day.estimated for day in found.values())


def test_the_ledger_and_the_quarantine_as_a_person_reads_them(pipeline: Pipeline) -> None:
    pipeline.produce([*valid(3), b"broken", tick(4, bid_price=Decimal(30))])
    pipeline.run()
    with Reader() as reader, reader.snapshot() as connection:
        (cursor, _) = newest_cursors(connection)
        assert (cursor.committed, cursor.open_ranges, cursor.halted_reason) == (5, 0, None)
        counts = landed(connection)
        assert (counts.ok, counts.bad, counts.lost, counts.ok_per_second) == (3, 2, 0, 0.3)
        (row,) = list_ranges(connection)
        assert (row.range, row.state, row.n_ok, row.n_bad) == (f"{pipeline.topic}/0/0-4", "done", 3, 2)
        assert list_ranges(connection, state="planned") == []
        assert list_ranges(connection, partition=1) == []
        shown = show_range(connection, row.id)
        assert shown is not None
        assert (shown["range"], shown["holder"], shown["holder_pid"]) == (row.range, None, None)
        assert show_range(connection, row.id + 1_000) is None
        assert open_rejects_by_reason(connection) == {"crossed": 1, "json": 1}
        assert {count.reason: count.open for count in rejects_by_day(connection)} == {"crossed": 1, "json": 1}
        reject = show_reject(connection, None, 0, 3)
        assert reject is not None
        assert (reject["value"], reject["key"], len(reject["sha256"])) == (b"broken", b"k", 32)
        assert show_reject(connection, 7, 0, 3) is None


def test_a_snapshot_sees_one_instant(pipeline: Pipeline) -> None:
    pipeline.produce(valid(3))
    pipeline.run()
    with Reader() as reader, reader.snapshot() as connection:
        before = landed(connection).ok
        pipeline.produce(valid(3, first=4))
        pipeline.run()
        assert (before, landed(connection).ok) == (3, 3)


def test_the_tail_shows_each_landed_tick_once_though_ranges_finish_out_of_order(pipeline: Pipeline) -> None:
    pipeline.produce(valid(250))
    pipeline.produce(valid(40), partition=1)
    tail, seen = TickTail(), list[tuple[int, int]]()

    def look() -> int:
        with reader.snapshot() as connection:
            new = [(t.kafka_partition, t.kafka_offset) for t in tail.new(connection)]
        seen.extend(new)
        return len(new)

    with Reader() as reader:
        assert look() == 0
        pipeline.drain()
        ingestor = pipeline.ingestor()
        for hint in reversed(pipeline.hints):
            ingestor.run(hint)
            look()
        merge_finished(pipeline.engine, 0)
        assert look() == 0
        pipeline.produce(valid(5, first=251))
        pipeline.run()
        merge_finished(pipeline.engine, 0)
        assert look() == 5
    assert sorted(seen) == [*((0, n) for n in range(255)), *((1, n) for n in range(40))]


def test_the_tail_of_one_symbol_begins_some_offsets_back(pipeline: Pipeline) -> None:
    pipeline.produce([*valid(10), *valid(10, symbol="NBP-GAS")])
    pipeline.run()
    with Reader() as reader, reader.snapshot() as connection:
        found = list(TickTail("NBP-GAS", back=4).new(connection))
    assert [t.sequence_id for t in found] == [7, 8, 9, 10]


def test_the_database_has_the_declared_tables(stack: Stack, pipeline: Pipeline) -> None:
    assert drift(pipeline.engine) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE alarm ADD COLUMN extra text", "remove column"),
        ("ALTER TABLE alarm ALTER COLUMN kind TYPE varchar(9)", "modify type"),
        ("DROP INDEX ticks_place", "add index"),
        ("ALTER TABLE offset_range DROP CONSTRAINT not_empty", "add check: offset_range.not_empty"),
        ("CREATE TABLE stranger (id integer)", "remove table: stranger"),
    ],
)
def test_drift_is_told(pipeline: Pipeline, change: str, told: str) -> None:
    pipeline.execute(change)
    (line,) = drift(pipeline.engine)
    assert line.startswith(told)
