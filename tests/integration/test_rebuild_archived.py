"""After a bug in validation: requeue and rebuild of archived days give, value for value, what a clean ingest gives."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition

from orderbook.config import settings
from orderbook.exporter.ledger import LedgerSource
from orderbook.profiles import load_profiles
from orderbook.tick import FIELDS, OrderBookTick
from tests.archive import Cold, cold_over, days_ago
from tests.commands import ok, outside
from tests.integration.test_rebuild import RIGHT, SYMBOL, Wrong
from tests.pipeline import Pipeline, pipeline_over, tick
from tests.servers import RunningServers

DAYS = [days_ago(2), days_ago(1)]
TICKS = 65  # of a day and a partition; every tenth is invalid, and the planted bug lets it in
ROWS = f"""
    SELECT {", ".join(FIELDS)}, kafka_partition, kafka_offset FROM ticks ORDER BY kafka_partition, kafka_offset
"""
MISSING = """
    SELECT symbol, missing FROM sequence_event
    WHERE kind = 'gap' AND state <> 'late_filled' AND n_missing > 0 ORDER BY symbol, first_sequence
"""
HOURS = "SELECT symbol, hour, ticks FROM symbol_hour WHERE ticks > 0 ORDER BY symbol, hour"
REJECTS = """
    SELECT kafka_partition, kafka_offset FROM quarantine WHERE resolution = 'open' ORDER BY 1, 2
"""


@dataclass
class Clean:
    """What a clean ingest of the same log gave."""

    hash: str
    missing: set[tuple[str, int]]
    hours: list[Any]
    rejects: list[Any]
    stored: int


def _tick(day: int, number: int, symbol: str) -> OrderBookTick:
    at = datetime.combine(DAYS[day], time(12), UTC) + timedelta(seconds=number)
    bad = {} if number % 10 else {"bid_price": Decimal(-1)}
    return tick(day * TICKS + number, symbol, event_time=at, received_time=at, **bad)


def _hash(rows: list[Any]) -> str:
    plain = [[v.astimezone(UTC).isoformat() if isinstance(v, datetime) else str(v) for v in row] for row in rows]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def _missing(pipeline: Pipeline) -> set[tuple[str, int]]:
    """Symbol and id of all that gaps miss."""
    found = pipeline.rows(MISSING)
    pairs = [(symbol, pair) for symbol, missing in found for pair in zip(missing[::2], missing[1::2], strict=True)]
    return {(symbol, number) for symbol, (first, last) in pairs for number in range(first, last + 1)}


@pytest.fixture
def wrong(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Two days of two symbols, landed by the planted bug."""
    monkeypatch.setenv("ORDERBOOK_ARCHIVE__ROOT", str(tmp_path / "cold"))
    settings.cache_clear()
    pipeline.judge = Wrong(load_profiles(None))
    for partition, symbol in enumerate((SYMBOL, "WTI")):
        pipeline.produce((_tick(day, n, symbol) for day in (0, 1) for n in range(1, TICKS + 1)), partition)
    pipeline.run()
    return pipeline


@pytest.fixture
def cold(wrong: Pipeline) -> Iterator[Cold]:
    with cold_over(settings()) as made:
        yield made


@pytest.fixture
def clean(wrong: Pipeline, servers: RunningServers, migrated_template: str) -> Iterator[Clean]:
    url = servers.create_database(migrated_template)
    database = type(wrong.settings.database).model_validate({"url": url})
    with pipeline_over(wrong.settings.model_copy(update={"database": database})) as fresh:
        fresh.judge = RIGHT
        fresh.run()
        fresh.stitch()
        yield Clean(
            _hash(fresh.rows(ROWS)), _missing(fresh), fresh.rows(HOURS), fresh.rows(REJECTS),
            fresh.one("SELECT sum(n_ok) FROM offset_range"),
        )  # fmt: skip
    servers.drop_database(url)


def _assert_as_clean(pipeline: Pipeline, cold: Cold, clean: Clean) -> None:
    assert _hash(cold.ask(ROWS)) == clean.hash
    assert pipeline.rows(REJECTS) == clean.rejects
    assert pipeline.one("SELECT sum(n_ok) FROM offset_range") == clean.stored
    pipeline.stitch()
    assert _missing(pipeline) == clean.missing
    assert pipeline.rows(HOURS) == clean.hours
    outside("audit", "--deep")


def test_requeue_and_rebuild_of_archived_days_give_the_table_of_a_clean_ingest(
    wrong: Pipeline, cold: Cold, clean: Clean
) -> None:
    wrong.stitch()
    cold.archive(*DAYS)
    assert cold.hot() == []
    assert _hash(cold.ask(ROWS)) != clean.hash
    outside("rebuild", code=1)  # archived rows are told of, and stay
    outside("quarantine", "requeue", "--reason", "sequence", "--why", "the planted bug refused them")
    for day in DAYS:
        outside("rebuild", "--date", day.isoformat(), "--restore", "--why", "the planted bug let them in")
    _assert_as_clean(wrong, cold, clean)
    assert cold.hot() == []  # frozen again
    assert ok("archive", "verify", "--output", "json").count('"problem": null') == len(DAYS)


def test_a_rebuild_alone_lands_what_was_refused_too(wrong: Pipeline, cold: Cold, clean: Clean) -> None:
    wrong.stitch()
    cold.archive(DAYS[0])
    for day in DAYS:
        outside("rebuild", "--date", day.isoformat(), "--restore")
    _assert_as_clean(wrong, cold, clean)
    assert [day for (day,) in cold.rows("SELECT DISTINCT (event_time AT TIME ZONE 'UTC')::date FROM ticks")] == DAYS[1:]


def test_what_is_not_stitched_yet_is_stitched_as_it_was_rebuilt(wrong: Pipeline, cold: Cold, clean: Clean) -> None:
    outside("rebuild")
    _assert_as_clean(wrong, cold, clean)


def test_withdrawn_ids_open_gaps_that_a_later_rebuild_fills_and_opens_again(
    wrong: Pipeline, clean: Clean, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong.stitch()
    outside("rebuild")
    wrong.stitch()
    assert _missing(wrong) == clean.missing
    causes = dict(wrong.rows("SELECT cause, count(*) FROM sequence_event WHERE state = 'open' GROUP BY 1"))
    assert causes == {"quarantined": 2 * 2 * (TICKS // 10)}
    wrong.execute("UPDATE sequence_event SET state = 'confirmed' WHERE state = 'open'")
    profiles = tmp_path / "profiles.toml"
    profiles.write_text('[[symbols]]\npattern = "*"\nprofile = "energy"\n')
    monkeypatch.setenv("ORDERBOOK_INGEST__PROFILES_FILE", str(profiles))
    outside("rebuild")
    wrong.stitch()
    assert _missing(wrong) == set()
    monkeypatch.delenv("ORDERBOOK_INGEST__PROFILES_FILE")
    outside("rebuild")
    assert _missing(wrong) == clean.missing
    assert wrong.one("SELECT count(*) FROM sequence_event WHERE kind = 'gap' AND state = 'open'") > 0


def test_counters_of_the_exporter_never_go_back_and_count_what_a_rebuild_rejects(wrong: Pipeline) -> None:
    source, fresh = LedgerSource(settings()), LedgerSource(settings())
    wrong.stitch()
    before = _counted(source)
    outside("rebuild")
    after = _counted(source)
    assert after == _counted(fresh)
    assert all(after[name] >= value for name, value in before.items())
    assert (
        after["ticks_quarantined_total", ("nonpositive",)]
        == wrong.one("SELECT count(*) FROM withdrawn_tick WHERE bid_price < 0")
        > 0
    )
    assert sum(v for (name, _), v in after.items() if name == "ticks_quarantined_total") == wrong.one(
        "SELECT count(*) FROM quarantine"
    )
    for each in (source, fresh):
        each.close()


def _counted(source: LedgerSource) -> dict[tuple[str, tuple[str, ...]], float]:
    names = {"ticks_landed_total", "ticks_quarantined_total"}
    return {(metric.suffix, labels): value for metric, labels, value in source.look() if metric.suffix in names}


def test_what_the_log_no_longer_has_is_judged_by_its_stored_values_where_that_is_asked_for(
    wrong: Pipeline, cold: Cold
) -> None:
    wrong.stitch()
    admin = KafkaAdminClient(bootstrap_servers=wrong.settings.kafka.bootstrap_servers)
    ends = {n: bounds.end for n, bounds in wrong.client.bounds((0, 1)).items()}
    admin.delete_records({TopicPartition(wrong.topic, n): end for n, end in ends.items()})
    admin.close()
    negative = "SELECT count(*) FROM ticks WHERE bid_price < 0"
    let_in = wrong.one(negative)
    assert f"{sum(ends.values())} that the log no longer has" in outside("rebuild", code=1).stderr
    assert wrong.one(negative) == let_in > 0
    outside("rebuild", "--stored")
    assert wrong.one(negative) == 0
    assert wrong.rows("SELECT DISTINCT reason, detail FROM quarantine WHERE reason <> 'sequence'") == [
        ("nonpositive", "by its stored values: not above zero")
    ]
    assert wrong.one("SELECT count(*) FROM withdrawn_tick") == let_in
    outside("audit")
    values = "SELECT value FROM quarantine WHERE reason = 'nonpositive' ORDER BY kafka_partition, kafka_offset LIMIT 1"
    assert b'"bid_price":-1' in bytes(wrong.one(values))
    outside("rebuild", "--stored")
    assert wrong.one("SELECT count(*) FROM withdrawn_tick") == let_in


def test_a_gap_beside_a_known_one_becomes_one_with_it(wrong: Pipeline) -> None:
    """Id 20 is withdrawn beside 21, which the planted bug had refused."""
    wrong.stitch()
    outside("rebuild", "--dry-run")
    gaps = [(first, last) for first, last in wrong.rows(
        "SELECT first_sequence, last_sequence FROM sequence_event WHERE symbol = :symbol AND kind = 'gap' "
        "AND last_sequence < 30 ORDER BY 1", symbol=SYMBOL,
    )]  # fmt: skip
    assert (21, 21) in gaps
    wrong.execute("UPDATE quarantine SET resolution = 'dropped' WHERE reason = 'sequence'")  # so 21 stays away
    outside("rebuild")
    wrong.stitch()
    found = wrong.rows(
        "SELECT first_sequence, last_sequence, ids, n_missing, state FROM sequence_event "
        "WHERE symbol = :symbol AND kind = 'gap' AND first_sequence = 20", symbol=SYMBOL,
    )  # fmt: skip
    assert found == [(20, 21, 2, 2, "open")]
