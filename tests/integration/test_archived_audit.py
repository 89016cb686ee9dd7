"""The audit proves the promise wherever the rows lie, and finds what is wrong with files too."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from orderbook.archive.recount import whole_snapshot
from orderbook.archive.run import archive_engine
from orderbook.audit import DeepAudit, Report, audit
from orderbook.clock import utc_now
from orderbook.config import settings
from orderbook.ingest.validator import Validator
from orderbook.profiles import load_profiles
from orderbook.store.ledger.merge import merge_finished
from orderbook.stream.batch import FetchLimits
from orderbook.stream.fetcher import make_fetcher
from tests.archive import Cold, cold_over, days_ago
from tests.pipeline import Pipeline, tick

DAYS = [days_ago(n) for n in (3, 2, 1)]


@pytest.fixture
def landed(pipeline: Pipeline, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three days in two partitions with rejects among them, two of the days cold, and a late tick of the first."""
    monkeypatch.setenv("ORDERBOOK_ARCHIVE__ROOT", str(tmp_path / "cold"))
    settings.cache_clear()
    for partition in (0, 1):
        for number, day in enumerate(DAYS):
            noon = datetime.combine(day, time(12), utc_now().tzinfo)
            values: list[Any] = [
                tick(100 * number + n, f"S{partition}", event_time=noon + timedelta(seconds=n)) for n in range(60)
            ]
            pipeline.produce([*values[:20], b"broken", *values[20:]], partition)
    pipeline.run()
    pipeline.stitch()
    with cold_over(settings()) as cold:
        assert [outcome.problem for outcome in cold.archive(*DAYS[:2])] == [None, None]
        noon = datetime.combine(DAYS[0], time(12), utc_now().tzinfo)
        pipeline.produce([tick(5_000, "S0", event_time=noon)])
        pipeline.run()
        yield cold


def audited(cold: Cold, pipeline: Pipeline) -> Report:
    with archive_engine(cold.settings, lambda _: None) as (engine, root, _), whole_snapshot(engine, root) as store:
        return audit(store, pipeline.client.projected(), lambda _: None)


def test_the_audit_balances_after_days_were_archived(pipeline: Pipeline, landed: Cold) -> None:
    report = audited(landed, pipeline)
    assert report.findings == []
    assert (report.ok, report.bad, report.gaps) == (361, 6, 0)
    assert landed.rows("SELECT count(*) FROM ticks") == [(121,)]
    merge_finished(pipeline.engine, 0)
    assert audited(landed, pipeline).findings == []


def test_the_deep_audit_compares_the_values_of_files(pipeline: Pipeline, landed: Cold) -> None:
    fetcher = make_fetcher(pipeline.settings.kafka, 1_000)
    deep = DeepAudit(fetcher, Validator(load_profiles(None)), FetchLimits(2**25, 20, 3))
    report = Report()
    identity = pipeline.client.identity()
    with archive_engine(landed.settings, lambda _: None) as (engine, root, _), whole_snapshot(engine, root) as store:
        deep.run(store, identity, pipeline.client.bounds(identity.partitions), report, lambda _: None)
    fetcher.close()
    assert (report.findings, report.compared) == ([], 367)


def test_the_audit_finds_what_a_missing_file_held(pipeline: Pipeline, landed: Cold) -> None:
    min(landed.folder.rglob("*.parquet")).unlink()
    problems = [finding.problem for finding in audited(landed, pipeline).findings]
    assert "is missing" in problems
    assert any("ticks" in problem and "claimed" in problem for problem in problems)


def test_the_audit_finds_a_tick_that_is_both_hot_and_cold(pipeline: Pipeline, landed: Cold) -> None:
    with landed.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ticks SELECT symbol, event_time, received_time, bid_price, ask_price, bid_volume, "
                "ask_volume, sequence_id, landed_at, generation_id, kafka_partition, 0 FROM ticks "
                "WHERE sequence_id = 5000"
            )
        )
    problems = [finding.problem for finding in audited(landed, pipeline).findings]
    assert any("two places: 0" in problem for problem in problems)
