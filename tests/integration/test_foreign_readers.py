"""The recipes of the README, word for word, by readers that have no code of ours: they see what Postgres held."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset
import pytest

from tests.archive import Cold, cold, days_ago
from tests.processes import ROOT

__all__ = ["cold"]
DAYS = [days_ago(100), days_ago(101)]
READERS: dict[str, Any] = {"duckdb": duckdb, "polars": pl, "pandas": pd, "pyarrow": pyarrow}


def recipe(reader: str) -> str:
    """The README's line for a reader."""
    lines = re.findall(rf"^    ({reader}\..*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(lines) == 1, lines
    return str(lines[0])


@pytest.fixture
def frozen(cold: Cold, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Two frozen days, in the folder that the recipes name; their rows as Postgres had them."""
    for number, day in enumerate(DAYS):
        cold.land(day, 3_000, first=10_000 * number)
    rows = cold.hot()
    cold.archive(*DAYS)
    assert cold.hot() == []
    monkeypatch.chdir(Path(cold.root.full("ticks")).parent.parent)
    return rows


def run(reader: str) -> Any:
    return eval(recipe(reader), dict(READERS))


def test_duckdb_reads_the_files(frozen: list[Any]) -> None:
    found = dict(run("duckdb").fetchall())
    for symbol in ("TTF-GAS", "NBP-GAS", "THE-GAS"):
        spreads = [row[4] - row[3] for row in frozen if row[0] == symbol]
        assert found[symbol] == pytest.approx(float(sum(spreads) / len(spreads)))
    exact = duckdb.sql(
        "SELECT sum(bid_price), typeof(min(bid_price)), count(DISTINCT date) FROM read_parquet("
        "'cold/ticks/*/*.parquet', hive_partitioning = true)"
    ).fetchall()
    assert exact == [(sum(row[3] for row in frozen), "DECIMAL(18,9)", 2)]


def test_polars_reads_the_files(frozen: list[Any]) -> None:
    table = run("polars").drop("date")
    assert sorted(table.rows()) == sorted(row for row in frozen if row[0] == "TTF-GAS")
    assert table.schema["bid_price"] == pl.Decimal(18, 9)


def test_pandas_reads_the_files(frozen: list[Any]) -> None:
    frame = run("pandas")
    wanted = [row for row in frozen if row[0] == "TTF-GAS"]
    assert sorted(zip(frame["kafka_offset"], frame["bid_price"], frame["event_time"], strict=True)) == sorted(
        (row[11], row[3], row[1]) for row in wanted
    )


def test_pyarrow_reads_the_files(frozen: list[Any]) -> None:
    table = run("pyarrow").drop_columns("date")
    assert sorted(tuple(row.values()) for row in table.to_pylist()) == sorted(
        row for row in frozen if row[0] == "TTF-GAS"
    )
