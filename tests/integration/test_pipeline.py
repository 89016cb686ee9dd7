"""The main job: what is in the log ends up once, in one place, to the last digit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from orderbook.clock import utc_now
from orderbook.ingest.ingestor import AttemptPolicy
from orderbook.store.ledger import merge
from orderbook.store.ledger.merge import merge_finished
from orderbook.tick import FIELDS, OrderBookTick
from tests.pipeline import Pipeline, stored, tick, valid


def test_every_valid_tick_is_stored_once_with_its_exact_values(pipeline: Pipeline) -> None:
    ticks = valid(250)
    pipeline.produce(ticks)
    pipeline.run()
    rows = pipeline.rows(f"SELECT {', '.join(FIELDS)} FROM ticks ORDER BY sequence_id")
    assert [OrderBookTick(**dict(zip(FIELDS, row, strict=True))) for row in rows] == ticks


def test_a_malformed_record_is_quarantined_with_its_bytes_and_costs_no_other(pipeline: Pipeline) -> None:
    offsets = pipeline.produce([tick(1), b'{"symbol":', tick(2), None, tick(3, bid_price=Decimal(28))])
    pipeline.run()
    rejects = pipeline.rows("SELECT kafka_offset, reason, value FROM quarantine ORDER BY 1")
    assert [(o, r, v if v is None else bytes(v)[:10]) for o, r, v in rejects] == [
        (offsets[1], "json", b'{"symbol":'),
        (offsets[3], "tombstone", None),
        (offsets[4], "crossed", b'{"symbol":'),
    ]
    assert [o for _, o in stored(pipeline)] == [offsets[0], offsets[2]]


def test_the_prefix_becomes_the_group_offset(pipeline: Pipeline) -> None:
    pipeline.produce(valid(150), partition=1)
    pipeline.run()
    assert pipeline.client.projected() == {0: 0, 1: 150}


def test_the_window_bounds_what_is_open_and_the_log_keeps_the_rest(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=10, max_open=3).produce(valid(100))
    pipeline.drain()
    pipeline.drain()
    assert len(pipeline.open_ranges()) == 3
    assert pipeline.one("SELECT planned FROM partition_cursor WHERE partition = 0") == 30


def test_ranges_that_finish_out_of_order_move_the_prefix_only_when_it_is_whole(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=10).produce(valid(30))
    pipeline.drain()
    first, *rest = pipeline.open_ranges()
    ingestor = pipeline.ingestor()
    for range_id in rest:
        ingestor.run(range_id)
    assert pipeline.drain().prefixes[0] == 0
    ingestor.run(first)
    assert pipeline.drain().prefixes[0] == 30


def test_a_range_landed_twice_stores_its_rows_once(pipeline: Pipeline) -> None:
    pipeline.produce(valid(20))
    pipeline.drain()
    ingestor = pipeline.ingestor()
    assert [ingestor.run(pipeline.hints[0]) for _ in range(2)] == [20, 0]
    assert len(stored(pipeline)) == 20


def test_a_forged_hint_does_nothing(pipeline: Pipeline) -> None:
    pipeline.produce(valid(5))
    pipeline.drain()
    assert pipeline.ingestor().run(987_654) == 0
    assert stored(pipeline) == []


def test_two_drainers_plan_each_offset_once(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=7, max_open=50).produce(valid(100))
    one, other = pipeline.drainer(), pipeline.drainer()
    pipeline.drain(one)
    pipeline.drain(other)
    assert pipeline.one("SELECT sum(end_offset - start_offset) FROM offset_range") == 100


def test_a_drainer_that_comes_a_moment_later_asks_nothing(pipeline: Pipeline) -> None:
    drainer = pipeline.drainer()
    assert drainer.run() is not None
    assert drainer.run() is None


def test_days_are_made_for_the_ticks_that_need_them(pipeline: Pipeline) -> None:
    days = [utc_now() - timedelta(days=n) for n in range(6)]
    pipeline.produce([tick(n, event_time=at) for n, at in enumerate(days)])
    pipeline.run()
    assert len(stored(pipeline)) == 6


def test_at_a_ninth_new_day_the_landing_takes_what_comes_before_it(pipeline: Pipeline) -> None:
    first = datetime(2001, 5, 1, tzinfo=UTC)
    patterns = pipeline.settings.ingest.model_copy(update={"profiles_file": None})
    assert patterns.profiles_file is None
    pipeline.judge = _historical()
    pipeline.produce([tick(n, event_time=first + timedelta(days=n)) for n in range(12)])
    pipeline.drain()
    ingestor = pipeline.ingestor()
    assert ingestor.run(pipeline.hints[0]) == 8
    assert pipeline.rows("SELECT start_offset, end_offset FROM offset_range WHERE state = 'planned'") == [(8, 12)]
    pipeline.run(ingestor)
    assert len(stored(pipeline)) == 12


def _historical():
    from orderbook.ingest.validator import Validator
    from orderbook.profiles import Profile, Profiles

    return Validator(Profiles([], Profile("historical")))


def test_merged_ranges_keep_their_counts_and_the_way_to_the_prefix(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=10, max_open=50).produce([*valid(45), b"x", *valid(124)])
    pipeline.run()
    assert merge_finished(pipeline.engine, age_seconds=0) == 0, "what is not stitched keeps its summary"
    pipeline.stitch()
    assert merge_finished(pipeline.engine, age_seconds=0) == 6, "all but the newest hundred records"
    first = pipeline.rows("SELECT start_offset, end_offset, n_ok, n_bad, n_gap FROM offset_range ORDER BY 1 LIMIT 2")
    assert first == [(0, 70, 69, 1, 0), (70, 80, 10, 0, 0)]
    pipeline.produce(valid(5))
    pipeline.run()
    assert pipeline.drain().prefixes[0] == 175


def test_one_pass_merges_however_many_ranges_wait(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "MOST_AT_ONCE", 3)
    pipeline.with_policy(max_offsets=5, max_open=50).produce(valid(200))
    pipeline.run()
    pipeline.stitch()
    assert merge_finished(pipeline.engine, age_seconds=0) == 19
    assert pipeline.one("SELECT end_offset FROM offset_range WHERE start_offset = 0") == 100


def test_a_worker_goes_on_with_the_ranges_that_follow(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=10).produce(valid(45))
    pipeline.produce(valid(5), partition=1)
    pipeline.drain()
    first = pipeline.one("SELECT id FROM offset_range WHERE partition = 0 AND start_offset = 0")
    assert pipeline.ingestor(policy=AttemptPolicy(go_on_seconds=60)).run(first) == 45
    assert {partition for partition, _ in stored(pipeline)} == {0}


def test_a_worker_does_not_go_on_with_what_another_holds(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=10).produce(valid(30))
    pipeline.drain()
    first, second, _ = pipeline.open_ranges()
    pipeline.execute("UPDATE offset_range SET lease_until = now() + interval '1 h' WHERE id = :id", id=second)
    assert pipeline.ingestor(policy=AttemptPolicy(go_on_seconds=60)).run(first) == 10


def test_partitions_are_hinted_in_turn(pipeline: Pipeline) -> None:
    for partition in (0, 1):
        pipeline.with_policy(max_offsets=10).produce(valid(30), partition=partition)
    pipeline.drain()
    places = dict(pipeline.rows("SELECT id, partition FROM offset_range"))
    starts = dict(pipeline.rows("SELECT id, start_offset FROM offset_range"))
    assert [starts[hint] for hint in pipeline.hints] == [0, 0, 10, 10, 20, 20]
    assert all({places[a], places[b]} == {0, 1} for a, b in zip(pipeline.hints[::2], pipeline.hints[1::2], strict=True))
