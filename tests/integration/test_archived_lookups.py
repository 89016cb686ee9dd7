"""What is asked by symbol and sequence id after days were frozen, and that freezing waits for the stitching."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from orderbook.config import settings
from orderbook.store.reader import newest_sequences
from tests.archive import Cold, cold_over, days_ago
from tests.commands import ok, outside
from tests.pipeline import Pipeline, tick

DAYS = [days_ago(3), days_ago(2)]


def at(day: int, second: int) -> datetime:
    return datetime.combine(DAYS[day], time(12), UTC) + timedelta(seconds=second)


@pytest.fixture
def cold(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cold]:
    """Two days of forty ticks, landed but not stitched."""
    monkeypatch.setenv("ORDERBOOK_ARCHIVE__ROOT", str(tmp_path / "cold"))
    settings.cache_clear()
    pipeline.produce([tick(40 * day + n, event_time=at(day, n)) for day in (0, 1) for n in range(40)])
    pipeline.run()
    with cold_over(settings()) as made:
        yield made


def test_no_day_is_frozen_before_its_ids_are_judged(pipeline: Pipeline, cold: Cold) -> None:
    before = cold.all()
    problems = [outcome.problem or "" for outcome in cold.archive(*DAYS)]
    assert ["not judged" in problem for problem in problems] == [True, True]
    assert cold.hot() == before
    assert cold.rows("SELECT count(*) FROM cold_file") == [(0,)]
    cold.rows("UPDATE offset_range SET summary = NULL RETURNING 1")  # as of a version that kept none: rows are needed
    pipeline.stitch()
    assert [outcome.problem for outcome in cold.archive(*DAYS)] == [None, None]
    assert (cold.hot(), cold.all()) == ([], before)
    assert cold.rows("SELECT sum(ticks) FROM symbol_hour") == [(80,)]


def test_the_newest_sequence_is_known_after_all_days_were_frozen(pipeline: Pipeline, cold: Cold) -> None:
    pipeline.stitch()
    cold.archive(*DAYS)
    assert cold.hot() == []
    assert newest_sequences(["TTF-GAS", "NOT-THERE"]) == {"TTF-GAS": 79}


def test_a_frozen_tick_is_traced(pipeline: Pipeline, cold: Cold) -> None:
    pipeline.stitch()
    hot = json.loads(ok("trace", "TTF-GAS", "7", "--json"))
    cold.archive(*DAYS)
    assert cold.hot() == []
    assert json.loads(ok("trace", "TTF-GAS", "7", "--json")) == hot
    assert {hop["hop"] for hop in hot if hop["at"] is not None} >= {"made", "received", "appended", "landed"}
    assert json.loads(outside("trace", "TTF-GAS", "999", "--json", code=1).stdout)["stored"] is False


def test_the_newest_day_that_has_the_id_is_traced_and_its_other_ticks_are_told(pipeline: Pipeline, cold: Cold) -> None:
    pipeline.stitch()
    cold.archive(*DAYS)
    (offset,) = pipeline.produce([tick(50, event_time=at(1, 10) + timedelta(microseconds=1))])  # repeats a frozen one
    pipeline.run()
    (older,) = pipeline.produce([tick(60, event_time=at(0, 0))])  # of an older day than the frozen one
    pipeline.run()
    told = outside("trace", "TTF-GAS", "50")
    assert "2 ticks of that day have this id; the others are at 1/0/50" in told.stderr
    assert f"/0/{offset}" in told.stdout
    told = outside("trace", "TTF-GAS", "60")
    assert (told.stderr, f"/0/{older}" in told.stdout) == ("", False)


def test_a_trace_without_its_file_is_unreachable_and_not_missing(pipeline: Pipeline, cold: Cold) -> None:
    pipeline.stitch()
    cold.archive(*DAYS)
    for path in cold.folder.rglob("*.parquet"):
        path.unlink()
    assert ".parquet" in outside("trace", "TTF-GAS", "7", code=3).stderr
