"""Rows 53 and 54: the archive killed at each of its steps, twice in a row, and a hundred times under a reader."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orderbook.embedded.process import SIGKILL
from tests.archive import Cold, cold, days_ago
from tests.faults.frozen_days import Lander, Watched, finish, run_archive

__all__ = ["cold"]
OLD, OLDER = days_ago(30), days_ago(31)
STEPS = (
    "archive_written",
    "archive_staged",
    "archive_published",
    "archive_compared",
    "archive_before_commit",
    "archive_done",
)


@pytest.fixture
def armed(cold: Cold, tmp_path: Path) -> Any:
    """Where crashpoints are named."""
    folder = tmp_path / "crashpoints"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("step", STEPS)
def test_killed_twice_at_a_step_the_archive_ends_with_one_file_a_day(cold: Cold, armed: Path, step: str) -> None:
    for number, day in enumerate((OLD, OLDER)):
        cold.land(day, 2_000, first=10_000 * number)
    before = cold.hot()
    for _ in range(2):
        (armed / step).touch()
        assert finish(run_archive(ORDERBOOK_CRASHPOINTS=str(armed)))[0] == -SIGKILL
        assert cold.all() == before
    code, said = finish(run_archive())
    assert code == 0, said
    assert (cold.hot(), cold.all()) == ([], before)
    assert cold.rows("SELECT state, rows, problem FROM cold_file") == [("live", 2_000, None)] * 2
    assert len(list(cold.folder.rglob("*.parquet"))) == 2
    assert not list(cold.folder.parent.glob(".partial/*"))


def test_what_a_kill_left_behind_is_deleted_when_its_rows_are_no_longer_the_day(cold: Cold, armed: Path) -> None:
    cold.land(OLD, 500)
    (armed / "archive_compared").touch()
    assert finish(run_archive(ORDERBOOK_CRASHPOINTS=str(armed)))[0] == -SIGKILL
    cold.land(OLD, 20, first=90_000)
    before = cold.hot()
    (armed / "archive_discarded").touch()
    assert finish(run_archive(ORDERBOOK_CRASHPOINTS=str(armed)))[0] == -SIGKILL
    assert cold.all() == before
    cold.land(OLD, 1, first=99_000)  # gives the next run a reason to look at the day
    before = cold.all()
    code, said = finish(run_archive())
    assert code == 0, said
    assert (cold.hot(), cold.all()) == ([], before)
    assert cold.rows("SELECT state, rows FROM cold_file ORDER BY rows") == [("live", 1), ("live", 520)]
    assert len(list(cold.folder.rglob("*.parquet"))) == 2


def test_a_restore_that_is_killed_restores_nothing(cold: Cold, armed: Path) -> None:
    cold.land(OLD, 300)
    before = cold.hot()
    assert finish(run_archive())[0] == 0
    (armed / "restore_before_commit").touch()
    program = "from orderbook.cli.main import main; main()"
    line = [sys.executable, "-c", program, "archive", "restore", "--date", OLD.isoformat()]
    killed = subprocess.run(line, env={**os.environ, "ORDERBOOK_CRASHPOINTS": str(armed)}, check=False, timeout=60)
    assert killed.returncode == -SIGKILL
    assert (cold.hot(), cold.all()) == ([], before)
    assert subprocess.run(line, env=dict(os.environ), check=False, timeout=60, capture_output=True).returncode == 0
    assert cold.hot() == cold.all() == before


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_reader_never_misses_a_row_nor_sees_one_twice_through_a_hundred_kills(cold: Cold, armed: Path) -> None:
    kills, draws = 100, random.Random(1)
    days = [days_ago(30 + n) for n in range(4)]
    watched = Watched(cold, Lander(cold, days))
    watched.lander.prepare()
    for day in days:
        watched.lander.land(day, 3_000)
    done = 0
    with watched.running(pause=0.2):
        while done < kills:
            step = draws.choice(STEPS)
            (armed / step).touch()
            code, said = finish(run_archive(ORDERBOOK_CRASHPOINTS=str(armed)), 120)
            assert code in {-SIGKILL, 0, 1}, said
            done += code == -SIGKILL
            assert watched.wrong == []
    code, said = finish(run_archive())
    assert code == 0, said
    watched.compare()
    assert watched.wrong == []
    assert watched.reads > kills
    assert cold.rows("SELECT count(*) FROM ticks") == [(0,)]
    files = cold.rows("SELECT count(*) FROM cold_file WHERE state = 'live'")[0][0]
    print(f"\n{done} kills, {watched.reads} reads, {watched.lander.landed} rows, {files} files")
