"""Ticks made anew from the log after a bug in validation, compared with what a clean ingest of the same log gives."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

from orderbook import rebuild
from orderbook.audit import DeepAudit, Report, audit
from orderbook.ingest.validator import Judged, Validator
from orderbook.profiles import Fault, Profile, Profiles, load_profiles
from orderbook.rebuild import Rebuilder, Step
from orderbook.sections import DatabaseSettings
from orderbook.store.database import engine_for
from orderbook.store.journal import Operator
from orderbook.store.ledger.recount import snapshot
from orderbook.stream.batch import FetchLimits
from orderbook.stream.fetcher import make_fetcher
from orderbook.stream.records import Record
from orderbook.tick import FIELDS, OrderBookTick
from tests.commands import ok, outside
from tests.pipeline import Pipeline, tick, valid
from tests.servers import RunningServers

SYMBOL = "BRENT"  # by the default profile: no negative prices
ANNA = Operator("anna", "negative prices were let in")
LIMITS = FetchLimits(2**25, 20, 3)
RIGHT = Validator(load_profiles(None))
LAX = Validator(Profiles([], Profile("lax", allow_nonpositive_price=True)))
TICKS = f"SELECT {', '.join(FIELDS)}, kafka_partition, kafka_offset FROM ticks ORDER BY kafka_partition, kafka_offset"


class Wrong(Validator):
    """A planted bug: what is negative is let in, some sizes are halved, and some valid ticks are refused."""

    def judge_one(self, record: Record, judged: Judged | None = None) -> OrderBookTick | Fault:
        """See ``Validator``."""
        verdict = LAX.judge_one(record, judged)
        if isinstance(verdict, Fault):
            return verdict
        if verdict.sequence_id % 7 == 0:
            return Fault("sequence", "sequence_id", "planted")
        if verdict.sequence_id % 5 == 0 and verdict.ask_volume is not None:
            return verdict.model_copy(update={"ask_volume": verdict.ask_volume / 2})
        return verdict


@contextmanager
def _rebuilder(pipeline: Pipeline, engine: Engine | None = None) -> Iterator[Rebuilder]:
    fetcher = make_fetcher(pipeline.settings.kafka, 2_000)
    try:
        yield Rebuilder(
            engine or pipeline.engine, fetcher, RIGHT, LIMITS,
            profiles=load_profiles(None), identity=pipeline.client.identity,
        )  # fmt: skip
    finally:
        fetcher.close()


def _rebuild(pipeline: Pipeline, engine: Engine | None = None, *, dry_run: bool = False) -> list[Step]:
    with _rebuilder(pipeline, engine) as rebuilder:
        (part,) = rebuilder.parts(pipeline.client.identity(), {0: 0}, day=None, partition=0)
        assert part.in_log
        return list(rebuilder.run(part, ANNA, dry_run=dry_run))


def _findings(pipeline: Pipeline, *, deep: bool) -> Report:
    reader = engine_for(pipeline.settings.database, "reader", name="test")
    fetcher = make_fetcher(pipeline.settings.kafka, 2_000)
    try:
        with snapshot(reader) as store:
            report = audit(store, {}, lambda _: None)
            if deep:
                identity = pipeline.client.identity()
                bounds = pipeline.client.bounds(identity.partitions)
                DeepAudit(fetcher, RIGHT, LIMITS).run(store, identity, bounds, report, lambda _: None)
            return report
    finally:
        fetcher.close()
        reader.dispose()


@pytest.fixture
def wrong(pipeline: Pipeline) -> Pipeline:
    """60 records, every tenth invalid, landed by the planted bug."""
    pipeline.judge = Wrong(load_profiles(None))
    pipeline.produce(
        tick(number, SYMBOL, **({} if number % 10 else {"bid_price": Decimal(-1)})) for number in range(1, 61)
    )
    pipeline.run()
    assert not _findings(pipeline, deep=True).balances
    return pipeline


def _expected(pipeline: Pipeline) -> list[tuple[object, ...]]:
    fetcher = make_fetcher(pipeline.settings.kafka, 100)
    try:
        records = fetcher.fetch(0, 0, 60, LIMITS, lambda: None).records
    finally:
        fetcher.close()
    clean = RIGHT.judge(records).ticks
    return [(*(row[name] for name in FIELDS), 0, row["kafka_offset"]) for row in clean.to_pylist()]


def test_a_rebuild_gives_what_a_clean_ingest_gives(wrong: Pipeline) -> None:
    assert wrong.rows(TICKS) != _expected(wrong)
    _rebuild(wrong)
    assert wrong.rows(TICKS) == _expected(wrong)
    assert wrong.rows("SELECT kafka_offset FROM quarantine WHERE resolution = 'open' ORDER BY 1") == [
        (offset,) for offset in (9, 19, 29, 39, 49, 59)
    ]
    assert wrong.one("SELECT sum(n_ok) FROM offset_range") == 54
    assert _findings(wrong, deep=True).balances


def test_a_second_rebuild_changes_nothing(wrong: Pipeline) -> None:
    _rebuild(wrong)
    withdrawn = wrong.rows("SELECT kafka_offset, ask_volume FROM withdrawn_tick ORDER BY id")
    assert (withdrawn[0], len(withdrawn)) == ((4, Decimal("42.75")), 11)
    assert not any(step.changes for step in _rebuild(wrong))
    assert wrong.one("SELECT count(*) FROM withdrawn_tick") == 11
    assert wrong.rows("SELECT done_by, verb, why, detail FROM operator_action") == [
        ("anna", "rebuild", "negative prices were let in", "8 stored, 6 quarantined, 5 corrected")
    ]


def test_a_dry_run_shows_the_differences_and_makes_none(wrong: Pipeline) -> None:
    before = wrong.rows(TICKS)
    (step,) = _rebuild(wrong, dry_run=True)
    assert str(step.changes) == "8 stored, 6 quarantined, 5 corrected"
    assert wrong.rows(TICKS) == before
    assert wrong.one("SELECT count(*) FROM operator_action") == 0


def test_a_rebuild_that_ends_inside_its_transaction_leaves_the_audit_in_balance(wrong: Pipeline) -> None:
    wrong.execute("ALTER TABLE ticks ADD CONSTRAINT stop CHECK (sequence_id <> 42) NOT VALID")
    before = wrong.rows(TICKS)
    with pytest.raises(Exception, match="stop"):
        _rebuild(wrong)
    assert wrong.rows(TICKS) == before
    assert _findings(wrong, deep=False).balances
    wrong.execute("ALTER TABLE ticks DROP CONSTRAINT stop")
    _rebuild(wrong)
    assert wrong.rows(TICKS) == _expected(wrong)
    assert _findings(wrong, deep=True).balances


def test_what_is_planned_and_has_not_landed_is_left_to_its_landing(wrong: Pipeline) -> None:
    wrong.produce(valid(5, first=61, symbol=SYMBOL))
    wrong.drain()
    (step,) = _rebuild(wrong)
    assert (step.end, step.changes.elsewhere) == (65, [])
    assert wrong.rows(TICKS) == _expected(wrong)
    wrong.judge = RIGHT
    wrong.run()
    assert wrong.one("SELECT count(*) FROM ticks") == 59
    assert _findings(wrong, deep=True).balances


def test_the_role_that_ingests_may_rebuild(wrong: Pipeline, servers: RunningServers) -> None:
    database = wrong.settings.database
    url = servers.roles(database.owner_url)["ORDERBOOK_DATABASE__INGEST_URL"]
    engine = engine_for(
        DatabaseSettings(url=SecretStr(database.owner_url), ingest_url=SecretStr(url)), "ingest", name="test"
    )
    try:
        _rebuild(wrong, engine)
    finally:
        engine.dispose()
    assert wrong.rows(TICKS) == _expected(wrong)


def test_what_was_withdrawn_stays_on_record(wrong: Pipeline) -> None:
    _rebuild(wrong)
    for statement in ("DELETE FROM withdrawn_tick", "UPDATE withdrawn_tick SET sequence_id = 1"):
        with pytest.raises(ProgrammingError, match="append-only"):
            wrong.execute(statement)


def test_a_rebuild_that_ends_between_two_steps_is_finished_by_the_next(
    wrong: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "STEP", 20)
    for _ in range(2):
        with _rebuilder(wrong) as rebuilder:
            (part,) = rebuilder.parts(wrong.client.identity(), {0: 0}, day=None, partition=0)
            for step in rebuilder.run(part, ANNA):
                if step.changes:
                    break
        assert _findings(wrong, deep=False).balances
    assert wrong.rows(TICKS) != _expected(wrong)
    assert [bool(step.changes) for step in _rebuild(wrong)] == [False, False, True]
    assert wrong.rows(TICKS) == _expected(wrong)
    assert _findings(wrong, deep=True).balances


def test_the_command_shows_what_differs_and_then_rebuilds_it(wrong: Pipeline) -> None:
    line = "0/0-59  8 stored, 6 quarantined, 5 corrected\n"
    assert ok("rebuild", "--dry-run") == line
    assert ok("rebuild", "--date", "2001-01-01") == ""
    days = {at.date().isoformat() for (at,) in wrong.rows("SELECT event_time FROM ticks")}
    assert "".join(ok("rebuild", "--date", day, "--why", "negative prices") for day in sorted(days))
    ok("rebuild")
    assert wrong.rows(TICKS) == _expected(wrong)
    assert wrong.one("SELECT min(why) FROM operator_action WHERE why <> ''") == "negative prices"


@pytest.mark.parametrize(("point", "done"), [("before_rebuild_commit", False), ("after_rebuild_step", True)])
def test_a_killed_rebuild_is_whole_or_not_at_all(
    wrong: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, *, done: bool
) -> None:
    monkeypatch.setenv("ORDERBOOK_CRASHPOINTS", str(tmp_path))
    before = wrong.rows(TICKS)
    for _ in range(1 if done else 2):
        (tmp_path / point).touch()
        outside("rebuild", code=-9)
        assert wrong.rows(TICKS) == (_expected(wrong) if done else before)
        assert _findings(wrong, deep=False).balances
    outside("rebuild")
    assert wrong.rows(TICKS) == _expected(wrong)
    assert wrong.one("SELECT count(*) FROM operator_action") == 1
    assert _findings(wrong, deep=True).balances
