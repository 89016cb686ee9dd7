"""The commands over a real day, in their own process: verdicts, exit codes, limits, lock, report, metrics."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from orderbook.config import settings
from orderbook.expectations import judge
from orderbook.exporter.ledger import LedgerSource
from orderbook.store.database import engine_for
from orderbook.store.expectation_runs import LOCK, FinishedRun, list_runs, save
from orderbook.store.reader import Reader
from tests.browser import opened_offline
from tests.clean_day import DATE, START, TICKS, CleanDay, clean_day_over
from tests.commands import ok, outside, run
from tests.servers import RunningServers, Stack


@pytest.fixture(scope="module")
def made(servers: RunningServers, migrated_template: str) -> Iterator[CleanDay]:
    with clean_day_over(servers, migrated_template, "test.expectation-runs") as day:
        yield day


@pytest.fixture
def day(servers: RunningServers, made: CleanDay, monkeypatch: pytest.MonkeyPatch) -> CleanDay:
    """The day, as the settings of this process and its children name it: each command in its role."""
    for name, value in servers.roles(made.url).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return made


@contextmanager
def planted(day: CleanDay, defect: str, undone: str) -> Iterator[None]:
    """A defect that other processes see."""
    for statement in (defect, undone):
        with day.superuser.begin() as connection:
            connection.exec_driver_sql(statement)
        if statement is defect:
            yield


def figures() -> dict[tuple[str, tuple[str, ...]], float]:
    source = LedgerSource(settings())
    try:
        return {(metric.suffix, labels): value for metric, labels, value in source.look()}
    finally:
        source.close()


def runs(**which: Any) -> list[Any]:
    with Reader() as reader, reader.snapshot() as connection:
        return list_runs(connection, limit=100, **which)


def test_a_clean_day_passes_then_a_defect_fails_it_and_everyone_is_told(day: CleanDay, tmp_path: Path) -> None:
    clean = json.loads(outside("expectations", "run", "--date", "yesterday", "--json").stdout)
    assert (clean["outcome"], clean["ticks"], clean["failed"]) == ("passed", 2 * TICKS, 0)
    assert figures()["expectations_failed", ("critical",)] == 0
    crossed = "UPDATE ticks SET bid_price = {} WHERE symbol = 'NBP-GAS' AND sequence_id = 500"
    with planted(day, crossed.format("30"), crossed.format("27.53")):
        told = outside("expectations", "run", "--date", str(DATE), code=1).stdout
    assert "failed, 17,280 ticks" in told
    assert [line.split()[1] for line in told.splitlines() if line.startswith("FAILS")] == ["bid_below_ask"]
    found = figures()
    assert (found["expectations_failed", ("critical",)], found["expectations_failed", ("warning",)]) == (1, 0)
    assert found["expectations_last_run_timestamp_seconds", ()] > 0
    outcomes = [row["outcome"] for row in json.loads(ok("expectations", "ls", "--json"))]
    assert outcomes[:2] == ["failed", "passed"]
    _opens(tmp_path / "report.html", clean["id"])


def _opens(path: Path, clean: int) -> None:
    assert outside("expectations", "report", "--date", "yesterday", "--out", str(path), code=1).stdout == ""
    backgrounds = set()
    for scheme in ("light", "dark"):
        with opened_offline(path, scheme=scheme) as (page, complaints):
            assert page.inner_text(".verdict strong") == "1 of 29 expectations fail"
            failing = page.locator("section.failing")
            assert failing.count() == 1
            assert "bid_below_ask" in failing.inner_text()
            assert failing.locator("tbody td").all_inner_texts()[:5][0] == "NBP-GAS"
            backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert complaints == []
    assert len(backgrounds) == 2
    with opened_offline(path, width=390) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    path.write_text(ok("expectations", "report", "--run", str(clean)))
    with opened_offline(path) as (page, _):
        assert page.inner_text(".verdict strong") == "Every expectation holds"


def test_what_is_typed_wrong_is_usage(day: CleanDay) -> None:
    assert run("expectations", "run").exit_code == 2
    assert run("expectations", "run", "--date", "lately").exit_code == 2
    assert run("expectations", "run", "--date", "today", "--last-hour").exit_code == 2
    assert run("expectations", "report", "--date", "today", "--run", "1").exit_code == 2
    assert run("expectations", "report", "--run", "999999").exit_code == 1


def test_without_the_extra_the_fix_is_named(day: CleanDay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "find_spec", lambda name: None)
    told = run("expectations", "run", "--last-hour")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "pip install 'orderbook[quality]'" in told.stderr


def test_postgres_away_is_unreachable(day: CleanDay, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "ORDERBOOK_DATABASE__INGEST_URL", "ORDERBOOK_DATABASE__READER_URL"):
        monkeypatch.setenv(name, "postgresql://market@127.0.0.1:1/marketdata")
    assert "127.0.0.1" in outside("expectations", "run", "--last-hour", code=3).stderr


def test_a_run_out_of_time_is_kept_as_one_without_a_verdict(day: CleanDay, monkeypatch: pytest.MonkeyPatch) -> None:
    before = figures()
    monkeypatch.setenv("ORDERBOOK_EXPECTATIONS__SECONDS", "1.2")  # the import alone takes longer
    told = outside("expectations", "run", "--date", "yesterday", code=1).stdout
    assert "error, 0 ticks: it took longer than ORDERBOOK_EXPECTATIONS__SECONDS allows" in told
    assert {k: v for k, v in figures().items() if "expect" in k[0]} == {
        k: v for k, v in before.items() if "expect" in k[0]
    }


def test_the_kernel_keeps_a_run_within_its_memory(day: CleanDay, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux counts a data segment")
    monkeypatch.setenv("ORDERBOOK_EXPECTATIONS__MEMORY_BYTES", str(2**29))
    code = "from orderbook.config import settings; from orderbook.expectations import child; child._limit(settings()); "
    fits, does_not = (
        subprocess.run([sys.executable, "-c", f"{code} bytearray({size})"], capture_output=True, text=True, check=False)
        for size in (2**28, 2**29)
    )
    assert (fits.returncode, fits.stderr) == (0, "")
    assert does_not.stderr.rstrip().endswith("MemoryError")


def test_one_judges_at_a_time(day: CleanDay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBOOK_EXPECTATIONS__SECONDS", "4")
    before = len(runs())
    with closing(psycopg2.connect(day.url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        due = [sys.executable, "-m", "orderbook.expectations.child", "due"]
        done = subprocess.run(due, capture_output=True, text=True, check=False, env=dict(os.environ))
        assert (done.returncode, done.stdout.strip()) == (0, "[]")
        assert "lock timeout" in outside("expectations", "run", "--last-hour", code=3).stderr
    assert len(runs()) == before


def test_a_run_that_is_killed_leaves_nothing_and_the_next_one_goes_on(
    day: CleanDay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "expectations.keep").touch()
    monkeypatch.setenv("ORDERBOOK_CRASHPOINTS", str(tmp_path))
    before = len(runs())
    assert "the run ended with -9" in outside("expectations", "run", "--date", "yesterday", code=1).stderr
    assert len(runs()) == before
    outside("expectations", "run", "--date", "yesterday")
    assert len(runs()) == before + 1


def test_results_of_hours_are_forgotten_and_those_of_days_kept(stack: Stack) -> None:
    engine = engine_for(settings().database, "ingest", name="test")
    begins = START
    for scope in ("hour", "day"):
        save(engine, FinishedRun(scope, begins, begins.replace(hour=2), begins, "passed", 1), [], 30)  # type: ignore[arg-type]
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE expectation_run SET finished_at = now() - interval '31 days'")
    save(engine, FinishedRun("hour", begins, begins.replace(hour=2), begins, "passed", 1), [], 30)
    assert [found.scope for found in runs()] == ["hour", "day"]
    engine.dispose()
