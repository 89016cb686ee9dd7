"""The exporter over real servers: what it says is what the ledger holds, and what is away says nothing."""

import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from celeryconfig import task_queues
from orderbook.config import settings
from orderbook.embedded.ports import choose_port
from orderbook.embedded.process import Command, Process
from orderbook.exporter.ledger import LedgerSource
from orderbook.exporter.log import LogSource
from orderbook.exporter.queues import QUEUES, QueueSource
from orderbook.store.days import make_days_ahead
from orderbook.store.ledger.merge import merge_finished
from orderbook.store.ledger.partition_ledger import PartitionLedger
from tests.commands import ORDERBOOK, ok
from tests.pipeline import Pipeline, tick, valid
from tests.servers import Stack

Eventually = Callable[..., None]
Figures = dict[tuple[str, tuple[str, ...]], float]


def figures(source: LedgerSource | LogSource | QueueSource) -> Figures:
    return {(metric.suffix, labels): value for metric, labels, value in source.look()}


@pytest.fixture
def ledger(pipeline: Pipeline) -> Iterator[LedgerSource]:
    source = LedgerSource(settings())
    yield source
    source.close()


@pytest.fixture
def raw_log(pipeline: Pipeline) -> Iterator[LogSource]:
    source = LogSource(settings())
    yield source
    source.close()


def test_counters_equal_the_rows_also_after_ranges_are_merged(pipeline: Pipeline, ledger: LedgerSource) -> None:
    bad = tick(4, bid_price=Decimal(30))
    for first in (1, 11, 21):
        pipeline.produce([*valid(3, first=first), b"broken", bad], partition=first % 2)
        pipeline.run()
        found = figures(ledger)
        assert found["ticks_landed_total", ()] == pipeline.one("SELECT count(*) FROM ticks")
        by_reason = dict(pipeline.rows("SELECT reason, count(*) FROM quarantine GROUP BY reason"))
        assert {k[1][0]: v for k, v in found.items() if k[0] == "ticks_quarantined_total" and v} == by_reason
    assert by_reason == {"crossed": 3, "json": 3}
    pipeline.execute("UPDATE offset_range SET done_at = done_at - interval '1 day'")
    before = figures(ledger)["ticks_landed_total", ()]
    merge_finished(pipeline.engine, 0)
    assert figures(ledger)["ticks_landed_total", ()] == before == 9


def test_what_was_never_counted_is_there_as_zero(pipeline: Pipeline, ledger: LedgerSource) -> None:
    found = figures(ledger)
    assert found["ticks_quarantined_total", ("json",)] == found["sequence_events_total", ("gap",)] == 0


def test_rejects_are_counted_again_where_the_ledger_went_back(pipeline: Pipeline, ledger: LedgerSource) -> None:
    pipeline.produce([b"broken"] * 5)
    pipeline.run()
    assert figures(ledger)["ticks_quarantined_total", ("json",)] == 5
    pipeline.execute("DELETE FROM quarantine WHERE kafka_offset >= 2")
    pipeline.execute("UPDATE partition_cursor SET committed = 2 WHERE partition = 0")
    assert figures(ledger)["ticks_quarantined_total", ("json",)] == 2


def test_open_ranges_their_age_and_a_halt_are_seen(pipeline: Pipeline, ledger: LedgerSource) -> None:
    pipeline.produce(valid(250))
    pipeline.drain()
    pipeline.execute("UPDATE offset_range SET not_before = now() - interval '90 s'")
    found = figures(ledger)
    assert found["ranges_open", ("0",)] == 3
    assert found["range_oldest_age_seconds", ()] == pytest.approx(90, abs=20)
    pipeline.execute("UPDATE offset_range SET not_before = now() + interval '1 s', deaths = 2")
    found = figures(ledger)
    assert found["range_oldest_age_seconds", ()] == pytest.approx(90, abs=20)
    assert found["range_deaths", ()] == 2
    assert found["partition_halted", ("1",)] == 0
    with pipeline.engine.begin() as connection:
        PartitionLedger(connection, 1, 1).halt("low_end", "for the test")
    found = figures(ledger)
    assert found["partition_halted", ("1",)] == 1
    assert sum(value for (name, _), value in found.items() if name == "alarms_open") == 1
    assert found["drain_last_success_timestamp_seconds", ()] > 0


def test_runway_is_the_time_to_the_first_day_without_a_partition(pipeline: Pipeline, ledger: LedgerSource) -> None:
    make_days_ahead(pipeline.engine, 3)
    assert 3 * 86_400 <= figures(ledger)["partition_runway_seconds", ()] <= 4 * 86_400


def test_lag_is_told_in_messages_seconds_and_retention(landed: Pipeline, raw_log: LogSource) -> None:
    found = figures(raw_log)
    assert (found["consumer_lag_messages", ("0",)], found["consumer_lag_seconds", ("0",)]) == (0, 0)
    assert found["retention_headroom_ratio", ("0",)] == 1
    assert found["group_offset_difference_messages", ("0",)] == 0
    landed.produce(valid(7, first=4))
    found = figures(raw_log)
    assert found["consumer_lag_messages", ("0",)] == 7
    assert 0 < found["consumer_lag_seconds", ("0",)] < 60
    assert 0.99 < found["retention_headroom_ratio", ("0",)] < 1
    assert found["last_stable_lag_messages", ("0",)] == 0


def test_without_postgres_kafka_says_only_what_it_knows_itself(
    landed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://market@127.0.0.1:1/marketdata")
    settings.cache_clear()
    source = LogSource(settings())
    assert {name for name, _ in figures(source)} == {"last_stable_lag_messages"}
    source.close()


def test_queues_are_those_of_celery(stack: Stack) -> None:
    assert set(QUEUES) == {queue.name for queue in task_queues}
    source = QueueSource(settings())
    found = figures(source)
    source.close()
    assert {labels[0] for name, labels in found if name == "queue_length"} == set(QUEUES)
    assert found["redis_memory_bytes", ()] > 0


def scrape(port: int) -> str:
    """What Prometheus would see; nothing while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
    except OSError:
        return ""
    return text


def value_of(text: str, series: str) -> float | None:
    found = re.search(rf"^orderbook_{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return None if found is None else float(found.group(1))


@contextmanager
def exporter(folder: Path, **changes: str) -> Iterator[int]:
    """The command as a process; yields its port."""
    port = choose_port()
    environment = dict(os.environ) | {"ORDERBOOK_METRICS__INTERVAL_SECONDS": "0.2", **changes}
    process = Process(Command("exporter", [ORDERBOOK, "exporter", "--port", str(port)], environment), folder / "log")
    process.start()
    try:
        yield port
    finally:
        process.ask_to_stop()
        process.stop()
        assert process.exit_code == 0, process.last_lines()


def test_the_command_serves_what_is_landed_and_ends_when_asked(
    landed: Pipeline, tmp_path: Path, eventually: Eventually
) -> None:
    with exporter(tmp_path) as port:
        eventually(lambda: value_of(scrape(port), "ticks_landed_total") == 3, 30)
        eventually(lambda: value_of(scrape(port), 'consumer_lag_messages{partition="0"}') == 0, 30)
        landed.produce(valid(2, first=4))
        landed.run()
        eventually(lambda: value_of(scrape(port), "ticks_landed_total") == 5, 30)
        text = scrape(port)
        for source in ("postgres", "kafka", "redis"):
            assert value_of(text, f'source_up{{source="{source}"}}') == 1


def test_what_is_away_has_no_series_and_the_others_go_on(
    landed: Pipeline, tmp_path: Path, eventually: Eventually
) -> None:
    with exporter(tmp_path, REDIS_URL="redis://127.0.0.1:1/0", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1") as port:
        eventually(lambda: value_of(scrape(port), "ticks_landed_total") == 3, 30)
        text = scrape(port)
        for source, up in (("postgres", 1), ("kafka", 0), ("redis", 0)):
            assert value_of(text, f'source_up{{source="{source}"}}') == up
        assert "queue_length" not in text
        assert "consumer_lag" not in text


def test_doctor_says_whether_the_exporter_answers(
    landed: Pipeline, tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exporter(tmp_path) as port:
        eventually(lambda: value_of(scrape(port), "ticks_landed_total") == 3, 30)
        monkeypatch.setenv("ORDERBOOK_METRICS__PORT", str(port))
        settings.cache_clear()
        assert f"ok    exporter   answers on 127.0.0.1:{port}" in ok("doctor")
    assert f"warn  exporter   does not answer on 127.0.0.1:{port}" in ok("doctor")
