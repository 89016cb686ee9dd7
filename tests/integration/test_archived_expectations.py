"""Expectations of a day that was frozen: the verdict is that of the hot day, whatever lies where."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from orderbook.archive.root import Missing
from orderbook.config import Settings, settings
from orderbook.errors import Unavailable
from orderbook.expectations.inspection import Inspected
from orderbook.expectations.judge import Judge
from orderbook.store.reader import Reader
from orderbook.store.rows.copy_out import STORED
from tests.archive import Cold, cold_over
from tests.clean_day import DATE, START, STEP, SYMBOLS, TICKS, CleanDay, clean_day_over, failing, judge_of_this_process
from tests.clean_day import judged as judged_in
from tests.commands import outside
from tests.pipeline import pipeline_over, tick
from tests.servers import RunningServers

ONE = "WHERE symbol = 'NBP-GAS' AND sequence_id = 500"


@pytest.fixture
def day(
    servers: RunningServers, migrated_template: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[CleanDay]:
    """A day of its own for each test, since freezing is not undone; each command in its role."""
    with clean_day_over(servers, migrated_template, f"test.{tmp_path.name}"[:200]) as made:
        for name, value in servers.roles(made.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ORDERBOOK_ARCHIVE__ROOT", str(tmp_path / "cold"))
        settings.cache_clear()
        yield made


@pytest.fixture
def cold(day: CleanDay) -> Iterator[Cold]:
    with cold_over(settings()) as made:
        yield made


@pytest.fixture(scope="module")
def judge() -> Judge:
    return judge_of_this_process()


def judged(judge: Judge) -> Inspected:
    with Reader() as reader, reader.snapshot(holds_days=True) as connection:
        return judged_in(judge, connection)


def plant(day: CleanDay, statement: str) -> None:
    with day.superuser.begin() as connection:
        connection.exec_driver_sql(statement)


def freeze(cold: Cold) -> None:
    (outcome,) = cold.archive(DATE)
    assert outcome.problem is None


def land_late(day: CleanDay, sequences: range) -> None:
    """Ticks of the first symbol, each between two that are there, repeating the earlier one's id."""
    late = [
        tick(n, SYMBOLS[0], event_time=START + (n - 1) * STEP + STEP / 2, received_time=START + n * STEP)
        for n in sequences
    ]
    given = Settings(**{**day.settings.model_dump(), "database": settings().database})
    with pipeline_over(given) as pipeline:
        pipeline.produce(late)
        pipeline.run()
        pipeline.stitch()


def test_a_frozen_day_passes_as_it_did_when_it_was_hot(day: CleanDay, cold: Cold, judge: Judge) -> None:
    hot = judged(judge)
    freeze(cold)
    frozen = judged(judge)
    assert cold.hot() == []
    assert (frozen.outcome, frozen.ticks) == ("passed", TICKS * len(SYMBOLS))
    assert frozen.results == hot.results
    told = json.loads(outside("expectations", "run", "--date", str(DATE), "--json").stdout)
    assert (told["outcome"], told["ticks"]) == ("passed", TICKS * len(SYMBOLS))


def test_late_ticks_are_judged_between_those_of_the_files(day: CleanDay, cold: Cold, judge: Judge) -> None:
    freeze(cold)
    land_late(day, range(100, 140))
    whole = TICKS * len(SYMBOLS) + 40
    half_hot = judged(judge)
    assert (half_hot.outcome, half_hot.ticks) == ("passed", whole)
    freeze(cold)
    land_late(day, range(4_000, 4_010))
    of_three = judged(judge)
    assert (of_three.outcome, of_three.ticks) == ("passed", whole + 10)
    freeze(cold)
    assert len(list(cold.folder.rglob("*.parquet"))) == 3
    assert judged(judge).results == of_three.results


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        (f"UPDATE ticks SET bid_price = ask_price + 0.000000001 {ONE}", ("bid_below_ask", "default")),
        (f"UPDATE ticks SET sequence_id = 7 {ONE}", ("sequence_monotonic", "default")),
        (f"DELETE FROM ticks {ONE}", ("rows_match_ledger", None)),
    ],
)
def test_a_defect_fails_its_expectation_from_the_file_too(
    day: CleanDay, cold: Cold, judge: Judge, defect: str, expected: tuple[str, str | None]
) -> None:
    plant(day, defect)
    hot = judged(judge)
    freeze(cold)
    frozen = judged(judge)
    assert failing(frozen) == [expected]
    assert frozen.results == hot.results, "the same rows are shown"


def test_a_day_is_not_judged_without_its_file(day: CleanDay, cold: Cold, judge: Judge) -> None:
    freeze(cold)
    (path,) = cold.folder.rglob("*.parquet")
    column = pq.ParquetFile(path).metadata.row_group(0).column(STORED.names.index("event_time"))  # one that is read
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Unavailable):
        judged(judge)
    path.unlink()
    with pytest.raises(Missing):
        judged(judge)
    assert path.name in outside("expectations", "run", "--date", str(DATE), code=3).stderr
