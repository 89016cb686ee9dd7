"""Coverage, staleness and sequence events, as the exporter tells them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from orderbook.clock import utc_now
from orderbook.config import settings
from orderbook.exporter.ledger import LedgerSource
from orderbook.store.readers.exported import SETTLED_SECONDS, SequenceEventCounter
from tests.pipeline import Pipeline, tick, valid

OPEN_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def figures(source: LedgerSource) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(metric.suffix, labels): value for metric, labels, value in source.look()}


@pytest.fixture
def closed_market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    tomorrow = OPEN_DAYS[(utc_now().weekday() + 2) % 7]
    path = tmp_path / "profiles.toml"
    path.write_text(
        "[profiles.default]\nstale_after_seconds = 1\n"
        f'sessions = {{ time_zone = "UTC", hours = ["{tomorrow} 08:00-18:00"] }}\n'
    )
    monkeypatch.setenv("ORDERBOOK_INGEST__PROFILES_FILE", str(path))
    settings.cache_clear()
    yield
    settings.cache_clear()


def landed_long_ago(pipeline: Pipeline) -> None:
    at = utc_now() - timedelta(seconds=600)
    pipeline.produce([tick(1, event_time=at, received_time=at)])
    pipeline.run()
    pipeline.stitch()


def test_a_silent_symbol_of_an_open_market_is_stale_until_it_ticks(pipeline: Pipeline) -> None:
    source = LedgerSource(settings())
    landed_long_ago(pipeline)
    assert figures(source)["symbol_stale", ("TTF-GAS",)] == 1
    pipeline.produce(valid(1, first=2))
    pipeline.run()
    assert figures(source)["symbol_stale", ("TTF-GAS",)] == 0
    source.close()


def test_a_silent_symbol_of_a_closed_market_is_not_stale(pipeline: Pipeline, closed_market: None) -> None:
    source = LedgerSource(settings())
    landed_long_ago(pipeline)
    found = figures(source)
    assert found["symbol_stale", ("TTF-GAS",)] == 0
    assert found["coverage_ratio", ("TTF-GAS",)] == 1
    source.close()


def test_a_gap_lowers_coverage_and_is_counted(pipeline: Pipeline) -> None:
    source = LedgerSource(settings())
    pipeline.produce([*valid(6), *valid(2, first=9)])
    pipeline.run()
    pipeline.stitch()
    found = figures(source)
    assert found["sequence_events_total", ("gap",)] == 1
    assert found["coverage_ratio", ("TTF-GAS",)] == pytest.approx(0.8)
    source.close()


def test_events_are_counted_once_also_after_they_have_settled(pipeline: Pipeline) -> None:
    counter = SequenceEventCounter()
    seen: list[dict[str, int]] = []
    for step in range(4):
        pipeline.produce(valid(1, first=1 + 3 * step))
        pipeline.run()
        pipeline.stitch()
        with pipeline.engine.begin() as connection:
            seen.append(counter.count(connection, step * 0.6 * SETTLED_SECONDS))
        assert seen[-1] == dict(pipeline.rows("SELECT kind, count(*) FROM sequence_event GROUP BY 1"))
    assert seen == [{}, {"gap": 1}, {"gap": 2}, {"gap": 3}]
    assert counter.known > 0


def test_events_are_counted_anew_where_the_ledger_went_back(pipeline: Pipeline) -> None:
    counter = SequenceEventCounter(known=10_000)
    counter.settled["gap"] = 77
    pipeline.produce([*valid(1), *valid(1, first=3)])
    pipeline.run()
    pipeline.stitch()
    with pipeline.engine.begin() as connection:
        assert counter.count(connection, 0) == {"gap": 1}
