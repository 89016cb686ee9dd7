"""The breaker: a partition that brings mostly rejects stops before its ticks are judged away."""

from decimal import Decimal

import pytest

from orderbook.audit import audit
from orderbook.ingest.validator import Validator
from orderbook.profiles import Profile, Profiles
from orderbook.store.database import engine_for
from orderbook.store.journal import Operator
from orderbook.store.ledger.merge import merge_finished
from orderbook.store.ledger.operator import resume
from orderbook.store.ledger.recount import snapshot
from tests.pipeline import Pipeline, stored, valid

GARBAGE = b'{"not": "a tick"}'


def _halts(pipeline: Pipeline) -> dict[int, str]:
    return dict(pipeline.rows("SELECT partition, halted_reason FROM partition_cursor WHERE halted_reason IS NOT NULL"))


def _land_what_is_hinted(pipeline: Pipeline) -> None:
    ingestor = pipeline.ingestor()
    pipeline.drain()
    for hint in pipeline.hints:
        ingestor.run(hint)
    pipeline.hints.clear()


@pytest.mark.logs_error("partition halted")
def test_mostly_rejects_halt_their_partition_and_store_nothing_of_the_range(pipeline: Pipeline) -> None:
    pipeline.produce([*valid(40), *[GARBAGE] * 60])
    _land_what_is_hinted(pipeline)
    assert _halts(pipeline) == {0: "breaker"}
    assert stored(pipeline) == []
    assert pipeline.one("SELECT count(*) FROM quarantine") == 0
    assert pipeline.rows("SELECT state, deaths, holder_pid FROM offset_range") == [("planned", 0, None)]
    assert pipeline.one("SELECT count(*) FROM alarm WHERE kind = 'breaker'") == 1


def test_half_rejects_do_not_halt(pipeline: Pipeline) -> None:
    pipeline.produce([*valid(50), *[GARBAGE] * 50])
    pipeline.run()
    assert _halts(pipeline) == {}


def test_fewer_than_a_hundred_records_never_halt(pipeline: Pipeline) -> None:
    pipeline.produce([GARBAGE] * 99)
    pipeline.run()
    assert _halts(pipeline) == {}


@pytest.mark.logs_error("partition halted")
def test_a_low_rate_feed_halts_once_its_latest_hundred_are_mostly_rejects(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=5, max_open=50).produce([*valid(300), *[GARBAGE] * 45])
    pipeline.run()
    merge_finished(pipeline.engine, age_seconds=0)
    assert _halts(pipeline) == {}
    pipeline.produce([GARBAGE] * 50)
    _land_what_is_hinted(pipeline)
    assert _halts(pipeline) == {0: "breaker"}
    assert pipeline.one("SELECT count(*) FROM quarantine") == 50


@pytest.mark.logs_error("partition halted")
def test_another_partition_goes_on(pipeline: Pipeline) -> None:
    pipeline.produce([GARBAGE] * 120)
    pipeline.produce(valid(30), partition=1)
    _land_what_is_hinted(pipeline)
    assert {partition for partition, _ in stored(pipeline)} == {1}


@pytest.mark.logs_error("partition halted")
def test_resuming_without_mending_trips_again(pipeline: Pipeline) -> None:
    pipeline.produce([GARBAGE] * 100)
    _land_what_is_hinted(pipeline)
    assert resume(pipeline.engine, None, Operator("anna")) == {0: "breaker"}
    pipeline.expire_leases()
    _land_what_is_hinted(pipeline)
    assert _halts(pipeline) == {0: "breaker"}


@pytest.mark.logs_error("partition halted")
def test_resuming_with_mended_rules_lands_every_tick(pipeline: Pipeline) -> None:
    pipeline.produce(valid(100, ask_price=Decimal("27.530")))  # locked: bid = ask
    _land_what_is_hinted(pipeline)
    assert _halts(pipeline) == {0: "breaker"}
    pipeline.judge = Validator(Profiles([], Profile("mended", allow_locked=True)))
    resume(pipeline.engine, None, Operator("anna", "the venue quotes locked books"))
    pipeline.expire_leases()
    pipeline.run()
    assert len(stored(pipeline)) == 100


@pytest.mark.logs_error("partition halted")
def test_accepting_takes_what_was_planned_into_quarantine_and_judges_what_comes_after(pipeline: Pipeline) -> None:
    pipeline.produce([GARBAGE] * 100)
    _land_what_is_hinted(pipeline)
    resume(pipeline.engine, [0], Operator("anna", "a test of theirs"), accept=True)
    pipeline.expire_leases()
    pipeline.run()
    assert pipeline.one("SELECT count(*) FROM quarantine") == 100
    pipeline.produce([GARBAGE] * 100)
    _land_what_is_hinted(pipeline)
    assert _halts(pipeline) == {0: "breaker"}
    assert pipeline.rows("SELECT done_by, verb, partition, why FROM operator_action") == [
        ("anna", "accept", 0, "a test of theirs")
    ]
    reader = engine_for(pipeline.settings.database, "reader", name="test")
    with snapshot(reader) as store:
        assert audit(store, {}, lambda _: None).balances
    reader.dispose()
