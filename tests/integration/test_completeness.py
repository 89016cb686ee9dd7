"""Stitching over real servers: along the prefix only, once, by any number of processes, whatever was killed."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from orderbook.clock import utc_now
from orderbook.completeness.stitcher import Stitcher
from orderbook.errors import Unavailable
from orderbook.profiles import Profile, Profiles, load_profiles
from orderbook.sessions import Sessions
from orderbook.store.completeness import stitching
from orderbook.store.completeness.sequences import Sequences
from orderbook.store.journal import Operator
from orderbook.store.ledger.merge import merge_finished
from orderbook.store.ledger.requeue import Place, land_reject
from tests.pipeline import Pipeline, tick, valid

ANNA = Operator("anna", "because")
GAP = ("TTF-GAS", "gap", "open", 4, 5, 2, 2)


def test_a_gap_becomes_an_event_once(pipeline: Pipeline) -> None:
    pipeline.produce([*valid(3), *valid(2, first=6)])
    pipeline.run()
    assert pipeline.stitch().events == {"gap": 1}
    assert pipeline.events() == [GAP]
    assert pipeline.stitch().ranges == 0
    assert pipeline.one("SELECT sum(ticks) FROM symbol_hour") == 5


def test_nothing_above_the_prefix_is_judged(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=2).produce([*valid(3), *valid(3, first=6)])
    pipeline.drain()
    first, second, third = pipeline.open_ranges()
    ingestor = pipeline.ingestor()
    ingestor.run(third)
    ingestor.run(first)
    pipeline.drain()
    assert pipeline.stitch().ranges == 1
    assert pipeline.events() == []
    ingestor.run(second)
    pipeline.drain()
    assert pipeline.stitch().ranges == 2
    assert pipeline.events() == [GAP]


def test_a_gap_that_the_log_fills_later_was_a_reorder(pipeline: Pipeline) -> None:
    early, late = valid(3), valid(2, first=4)
    pipeline.produce([*early, *valid(2, first=6)])
    pipeline.run()
    pipeline.stitch()
    pipeline.produce(late[:1])
    pipeline.run()
    pipeline.stitch()
    assert pipeline.events() == [("TTF-GAS", "gap", "open", 4, 5, 2, 1)]
    pipeline.produce(late[1:])
    pipeline.run()
    pipeline.stitch()
    assert pipeline.events() == [("TTF-GAS", "reorder", "late_filled", 4, 5, 2, 0)]


def test_a_replayed_stretch_is_one_repeat_however_it_is_cut(pipeline: Pipeline) -> None:
    ticks = valid(50)
    pipeline.with_policy(max_offsets=7).produce([*ticks, *ticks[10:40]])
    for _ in range(3):
        pipeline.run()
        pipeline.stitch()
    assert pipeline.events() == [("TTF-GAS", "repeat", "confirmed", 11, 40, 30, 0)]


def test_a_gap_that_stays_open_is_confirmed_and_may_still_be_filled(pipeline: Pipeline) -> None:
    ticks = valid(3)
    pipeline.produce([*valid(1, first=0), ticks[0], ticks[2]])
    pipeline.run()
    assert pipeline.stitch(confirm_after_seconds=0).confirmed == 1
    assert pipeline.events() == [("TTF-GAS", "gap", "confirmed", 2, 2, 1, 1)]
    pipeline.produce([ticks[1]])
    pipeline.run()
    pipeline.stitch()
    assert pipeline.events() == [("TTF-GAS", "reorder", "late_filled", 2, 2, 1, 0)]


@pytest.mark.parametrize("stitched_before", [True, False])
def test_a_requeued_reject_fills_its_gap(pipeline: Pipeline, stitched_before: bool) -> None:
    old = tick(3, event_time=utc_now() - timedelta(days=9))
    pipeline.produce([*valid(2), old, *valid(2, first=4)])
    pipeline.run()
    if stitched_before:
        pipeline.stitch()
        assert pipeline.rows("SELECT kind, state, cause FROM sequence_event") == [("gap", "open", "quarantined")]
    land_reject(pipeline.engine, Place(1, 0, 2), old, ANNA)
    pipeline.stitch()
    assert pipeline.rows("SELECT kind, state, cause, n_missing FROM sequence_event") == [
        ("gap", "late_filled", "quarantined", 0)
    ]
    assert pipeline.one("SELECT sum(ticks) FROM symbol_hour") == 5
    assert pipeline.one("SELECT count(*) FROM late_fill") == 0


def test_a_requeued_reject_at_the_end_of_the_log_waits_for_what_comes_after(pipeline: Pipeline) -> None:
    old = tick(3, event_time=utc_now() - timedelta(days=9))
    pipeline.produce([*valid(2), old])
    pipeline.run()
    land_reject(pipeline.engine, Place(1, 0, 2), old, ANNA)
    pipeline.stitch()
    assert pipeline.one("SELECT count(*) FROM late_fill") == 1
    pipeline.produce(valid(2, first=4))
    pipeline.run()
    pipeline.stitch()
    assert [row[1:3] for row in pipeline.events()] == [("gap", "late_filled")]


def test_ranges_that_older_code_landed_are_read_again(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=3).produce([*valid(4), *valid(4, first=7)])
    pipeline.run()
    pipeline.execute("UPDATE offset_range SET summary = NULL")
    pipeline.stitch()
    assert pipeline.events() == [("TTF-GAS", "gap", "open", 5, 6, 2, 2)]
    assert pipeline.one("SELECT sum(ticks) FROM symbol_hour") == 8


def test_merging_between_stitching_and_landing_loses_nothing(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=10, max_open=50)
    for first in range(1, 600, 60):
        pipeline.produce(valid(50, first=first))
        pipeline.run()
        merge_finished(pipeline.engine, age_seconds=0)
        if first % 120 == 1:
            pipeline.stitch()
            merge_finished(pipeline.engine, age_seconds=0)
    pipeline.stitch()
    assert [row[3:5] for row in pipeline.events()] == [(n, n + 9) for n in range(51, 591, 60)]
    assert pipeline.one("SELECT count(*) FROM offset_range") < 50


def test_stitchers_side_by_side_count_once(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stitching, "RANGES_AT_ONCE", 2)
    pipeline.with_policy(max_offsets=4, max_open=100)
    for partition, symbol in enumerate(("TTF-GAS", "NBP-GAS")):
        pipeline.produce([*valid(60, symbol=symbol), *valid(60, first=71, symbol=symbol)], partition)
    pipeline.run()
    both = [threading.Thread(target=pipeline.stitch) for _ in range(3)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    pipeline.stitch()
    assert [row[:2] + row[3:5] for row in pipeline.events()] == [
        ("TTF-GAS", "gap", 61, 70),
        ("NBP-GAS", "gap", 61, 70),
    ]
    assert pipeline.one("SELECT sum(ticks) FROM symbol_hour") == 240


def test_a_stitching_that_is_cut_off_is_done_again_whole(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.produce([*valid(3), *valid(2, first=6)])
    pipeline.run()
    save = stitching.PartitionStitching.save

    def cut(self: stitching.PartitionStitching, *rest: object) -> None:
        save(self, *rest)  # type: ignore[arg-type]
        raise Unavailable("cut off before the COMMIT")

    with monkeypatch.context() as patch:
        patch.setattr(stitching.PartitionStitching, "save", cut)
        with pytest.raises(Unavailable):
            pipeline.stitch()
    assert pipeline.events() == []
    pipeline.stitch()
    assert pipeline.events() == [GAP]
    assert pipeline.one("SELECT sum(ticks) FROM symbol_hour") == 5


def test_a_row_that_postgres_refuses_is_not_in_the_summary(pipeline: Pipeline) -> None:
    pipeline.execute("ALTER TABLE ticks ADD CONSTRAINT cheap CHECK (bid_price < 1000)")
    pipeline.produce([*valid(2), tick(3, bid_price=Decimal(5000), ask_price=Decimal(5001)), *valid(2, first=4)])
    pipeline.run()
    pipeline.stitch()
    assert pipeline.rows("SELECT kind, first_sequence, last_sequence, cause FROM sequence_event") == [
        ("gap", 3, 3, "quarantined")
    ]


def test_a_closed_session_has_no_stalls(pipeline: Pipeline) -> None:
    closed = Sessions("UTC", (f"{(utc_now() + timedelta(days=3)):%a} 08:00-09:00",))
    ticks = [tick(n, event_time=utc_now() - timedelta(minutes=30 - 10 * n)) for n in (1, 2)]
    pipeline.produce(ticks)
    pipeline.run()
    pipeline.stitch(Profiles([], Profile("closed", stale_after_seconds=30, sessions=closed)))
    assert pipeline.events() == []
    pipeline.produce(valid(1, first=3))
    pipeline.run()
    pipeline.stitch(Profiles([], Profile("open", stale_after_seconds=30)))
    assert [row[1] for row in pipeline.events()] == ["stall"]


def test_a_rule_that_fits_badly_does_not_stop_the_stitching(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=4_000, max_open=20)
    pipeline.produce([tick(2 * n) for n in range(12_000)])
    pipeline.run()
    assert pipeline.stitch().events == {"gap": 11_999}
    assert pipeline.one("SELECT sum(n_missing) FROM sequence_event") == 11_999


def test_passes_that_follow_each_other_at_once_ask_nothing(pipeline: Pipeline) -> None:
    sequences = Sequences(pipeline.new_engine("stitch"))
    stitcher = Stitcher(sequences, load_profiles(None), confirm_after_seconds=900, pause_seconds=3600)
    pipeline.produce([*valid(3), *valid(2, first=6)])
    assert stitcher.run().ranges == 0
    pipeline.run()
    assert stitcher.run().ranges == 0
    assert pipeline.stitch().ranges == 1
