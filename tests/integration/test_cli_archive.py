"""``orderbook archive`` and ``orderbook query`` as they are typed."""

import json
import subprocess
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.archive import Cold, cold, days_ago
from tests.commands import ORDERBOOK, ok, outside, run

__all__ = ["cold"]
OLD = days_ago(100)


@pytest.fixture
def frozen(cold: Cold) -> Cold:
    """A hundred ticks of one day, cold, and a hundred hot."""
    cold.land(OLD, 100)
    cold.land(days_ago(1), 100, first=1_000)
    assert json.loads(ok("archive", "run", "--dry-run", "--json")) == [{"day": OLD.isoformat()}]
    assert len(cold.hot()) == 200, "a dry run does nothing"
    (done,) = json.loads(ok("archive", "run", "--json"))
    assert (done["day"], done["rows"], done["problem"]) == (OLD.isoformat(), 100, None)
    return cold


def test_files_are_listed_verified_and_restored(frozen: Cold) -> None:
    (file,) = json.loads(ok("archive", "ls", "--json"))
    assert (file["state"], file["rows"], file["problem"]) == ("live", 100, None)
    assert Path(frozen.root.full(file["path"])).stat().st_size == file["size_bytes"]
    assert [verdict["problem"] for verdict in json.loads(ok("archive", "verify", "--json"))] == [None]
    assert "100 rows of 1 files" in ok("archive", "restore", "--date", OLD.isoformat(), "--dry-run")
    assert ok("archive", "restore", "--date", OLD.isoformat(), "--why", "a correction").startswith("100 rows")
    assert len(frozen.hot()) == 200
    assert frozen.rows("SELECT verb, why FROM operator_action") == [("restore", "a correction")]


def test_a_check_that_fails_and_a_day_that_cannot_be_frozen_have_exit_code_1(frozen: Cold) -> None:
    for path in frozen.folder.rglob("*.parquet"):
        path.unlink()
    result = run("archive", "verify", "--json")
    assert (result.exit_code, json.loads(result.stdout)[0]["problem"]) == (1, "is missing")
    for arguments in (["run", "--date", "today"], ["run", "--date", "2020-01-01"], ["restore", "--date", "2020-01-01"]):
        assert outside("archive", *arguments, code=1).stderr.count("\n") == 1
    assert outside("archive", "run", "--date", "someday", code=2).stdout == ""


def test_a_root_that_is_none_is_a_usage_error(cold: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBOOK_ARCHIVE__ROOT", "ftp://somewhere")
    assert "ORDERBOOK_ARCHIVE__ROOT" in outside("archive", "verify", code=2).stderr


def test_a_query_bounds_its_ticks_and_keeps_types_in_binary_forms(frozen: Cold) -> None:
    sql = "SELECT count(*) AS n FROM ticks"
    assert json.loads(ok("query", sql, "-o", "ndjson")) == {"n": 200}
    assert json.loads(ok("query", sql, "-o", "ndjson", "--to", days_ago(50).isoformat())) == {"n": 100}
    assert json.loads(ok("query", sql, "-o", "ndjson", "--from", "3d", "--symbols", "TTF-GAS,NBP-GAS")) == {"n": 67}
    command = [ORDERBOOK, "query", "SELECT * FROM ticks ORDER BY ALL", "--output"]
    parquet, arrow = (
        subprocess.run([*command, form], capture_output=True, check=True) for form in ("parquet", "arrow")
    )
    table = pq.read_table(BytesIO(parquet.stdout))
    assert table.schema.field("bid_price").type == pa.decimal128(18, 9)
    assert table.equals(pa.ipc.open_stream(arrow.stdout).read_all())
    assert sorted(tuple(row.values()) for row in table.to_pylist()) == sorted(frozen.all())
