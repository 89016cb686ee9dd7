"""Replays of days in Postgres, in files, and in both: the archive changes not one byte of them."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from orderbook.clock import monotonic
from orderbook.config import settings
from orderbook.ingest.validator import Validator
from orderbook.profiles import load_profiles
from orderbook.replay.player import Played, play
from orderbook.replay.sinks import Lines
from orderbook.replay.source import Clock, Wish, stretches
from orderbook.tick import FIELDS, OrderBookTick
from tests.archive import Cold, cold_over, days_ago
from tests.commands import ok, run
from tests.pipeline import Pipeline, pipeline_over, tick
from tests.servers import RunningServers

DAYS = [days_ago(n) for n in (3, 2, 1)]
START = datetime.combine(DAYS[0], time(0), UTC)
WISH = Wish(START, START + timedelta(days=3))
SYMBOLS = ("TTF-GAS", 'odd "\\ name')
TICKS = 60  # of a symbol and a day, the last ones seconds before midnight
VALUES = ", ".join(FIELDS)


@pytest.fixture
def cold(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cold]:
    """Three days of two symbols in two partitions, interleaved; an id passed over and an empty side on each day."""
    monkeypatch.setenv("ORDERBOOK_ARCHIVE__ROOT", str(tmp_path / "cold"))
    settings.cache_clear()
    pipeline.judge = Validator(load_profiles(None))
    for partition, symbol in enumerate(SYMBOLS):
        pipeline.produce(
            (_tick(day, n, symbol, partition) for day in range(3) for n in range(TICKS) if n != 7), partition
        )
    pipeline.run()
    pipeline.stitch()
    with cold_over(settings()) as made:
        yield made


def _tick(day: int, number: int, symbol: str, partition: int) -> OrderBookTick:
    at = START + timedelta(days=day + 1, seconds=(number - TICKS) * 30, milliseconds=partition)
    bid = Decimal("-27.5") + Decimal(number) / 1000
    return tick(
        TICKS * day + number, symbol, event_time=at, received_time=at + timedelta(milliseconds=number % 3),
        bid_price=bid if partition == 0 else -bid, ask_price=Decimal(40), bid_volume=Decimal("0.000000001"),
    )  # fmt: skip


def played(wish: Wish = WISH) -> tuple[Played, bytes]:
    file = io.BytesIO()
    found = play(stretches(settings(), wish, 2), Lines(file, "r"), None, clock=monotonic, wait=lambda _: True)
    return found, file.getvalue()


@pytest.mark.parametrize("by", ["event", "received"])
def test_hot_mixed_cold_and_restored_days_are_replayed_byte_for_byte_alike(cold: Cold, by: Clock) -> None:
    wish = replace(WISH, by=by)
    told, hot = played(wish)
    events = cold.rows("SELECT kind, count(*) FROM sequence_event GROUP BY 1 ORDER BY 1")
    assert (told.ticks, told.gaps) == (2 * 3 * (TICKS - 1), sum(count for _, count in events))
    assert ("gap", 6) in events
    for day in (DAYS[1], DAYS[0], DAYS[2]):
        cold.archive(day)
        again, lines = played(wish)
        assert (again.sha256, lines) == (told.sha256, hot)
    assert cold.hot() == []
    cold.restore(DAYS[1])
    assert played(wish)[1] == hot


def test_a_symbol_of_mixed_days_comes_alone(cold: Cold) -> None:
    cold.archive(DAYS[0])
    told, lines = played(replace(WISH, symbols=["TTF-GAS"], gaps=False))
    assert (told.ticks, told.gaps) == (3 * (TICKS - 1), 0)
    assert lines.count(b'"symbol":"TTF-GAS"') == told.ticks


def test_days_that_are_frozen_while_they_are_replayed_come_whole_and_once(cold: Cold) -> None:
    told, hot = played()
    coming = stretches(settings(), WISH)
    first = next(coming)
    cold.archive(*DAYS)
    assert cold.hot() == []
    file = io.BytesIO()

    def all_of_it() -> Iterator[object]:
        yield first
        yield from coming

    again = play(all_of_it(), Lines(file, "r"), None, clock=monotonic, wait=lambda _: True)  # type: ignore[arg-type]
    assert len(first.times) < told.ticks
    assert (again.sha256, file.getvalue()) == (told.sha256, hot)


def test_a_late_tick_of_a_frozen_day_comes_at_its_time(pipeline: Pipeline, cold: Cold) -> None:
    cold.archive(*DAYS)
    pipeline.produce([_tick(0, 7, "TTF-GAS", 0)])
    pipeline.run()
    wish = replace(WISH, end=WISH.start + timedelta(days=1), symbols=["TTF-GAS"], gaps=False)
    items = [item for stretch in stretches(settings(), wish) for item in stretch.items]
    assert [json.loads(f"{{{item}}}")["tick"]["sequence_id"] for item in items] == list(range(TICKS))


def test_a_replay_of_mixed_days_into_a_fresh_pipeline_gives_the_same_table(
    pipeline: Pipeline, cold: Cold, servers: RunningServers, migrated_template: str
) -> None:
    source = cold.ask(f"SELECT {VALUES} FROM ticks ORDER BY symbol, event_time, sequence_id")
    cold.archive(*DAYS[:2])
    assert 0 < len(cold.hot()) < len(source)
    kafka = pipeline.settings.kafka.model_copy(update={"topic": f"{pipeline.topic}.again"})
    bounds = ("--from", WISH.start.isoformat(), "--to", WISH.end.isoformat())
    ok("replay", *bounds, "--to", "topic", "--topic", kafka.topic, "--no-gaps", "--speed", "max")
    url = servers.create_database(migrated_template)
    database = type(pipeline.settings.database).model_validate({"url": url})
    with pipeline_over(pipeline.settings.model_copy(update={"kafka": kafka, "database": database})) as again:
        again.run()
        assert again.rows(f"SELECT {VALUES} FROM ticks ORDER BY symbol, event_time, sequence_id") == source
        assert again.rows("SELECT reason FROM quarantine") == []
    servers.drop_database(url)


def test_a_day_whose_file_is_lost_is_refused_and_never_replayed_without_it(cold: Cold) -> None:
    cold.archive(DAYS[1])
    for path in cold.folder.rglob("*.parquet"):
        path.unlink()
    bounds = ("--from", WISH.start.isoformat(), "--to", WISH.end.isoformat())
    result = run("replay", *bounds, "--speed", "max")
    assert result.exit_code != 0
    assert "sha256" not in result.stderr
    assert ".parquet" in result.stderr
