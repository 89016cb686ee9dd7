"""The README's recipe for Spark, in an environment that the test makes in the user's cache: 500 MB, not required.

Spark starts Java with a module that the JRE of the embedded stack lacks (`jdk.incubator.vector`), so it takes the one
of `JAVA_HOME`, or that of the path.
"""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.archive import Cold, cold, days_ago
from tests.conftest import skip_at_home
from tests.integration.test_foreign_readers import recipe

__all__ = ["cold"]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "orderbook" / "spark-venv"
PROGRAM = """
import json, sys
from pyspark.sql import SparkSession, functions as f
building = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
spark = building.config("spark.sql.session.timeZone", "UTC").config("spark.driver.host", "127.0.0.1").getOrCreate()
found = eval(sys.argv[1])
wanted = found.select("kafka_offset", f.unix_micros("event_time"), found.bid_price.cast("string"), "bid_volume", "date")
rows = [[offset, at, bid, None if volume is None else str(volume), str(day)]
        for offset, at, bid, volume, day in wanted.collect()]
print(json.dumps({"types": dict(found.dtypes), "rows": rows}))
"""


def spark_python() -> Path:
    """The interpreter of Spark's environment, made the first time."""
    python = CACHE / "bin" / "python"
    if not (CACHE / ".installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", CACHE], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pyspark>=4"]
        if subprocess.run(pip, check=False).returncode != 0:
            skip_at_home("pyspark cannot be installed")
        (CACHE / ".installed").touch()
    return python


def java_home() -> str:
    """A Java that Spark can be started with."""
    found = shutil.which("java")
    named = os.environ.get("JAVA_HOME") or (str(Path(found).resolve().parent.parent) if found else "")
    if not named:
        skip_at_home("no Java: set JAVA_HOME")
    listed = subprocess.run([f"{named}/bin/java", "--list-modules"], capture_output=True, text=True, check=True).stdout
    if "jdk.incubator.vector" not in listed:
        skip_at_home(f"{named} lacks jdk.incubator.vector: set JAVA_HOME")
    return named


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_spark_reads_the_files(cold: Cold) -> None:
    days = [days_ago(100), days_ago(101)]
    for number, day in enumerate(days):
        cold.land(day, 3_000, first=10_000 * number)
    expected = [row for row in cold.hot() if row[0] == "TTF-GAS"]
    cold.archive(*days)
    assert cold.hot() == []
    folder = Path(cold.root.full("ticks")).parent.parent
    java = java_home()
    done = subprocess.run(
        [spark_python(), "-c", PROGRAM, recipe("spark")],
        env={**os.environ, "JAVA_HOME": java, "PYTHONPATH": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (told["types"]["bid_price"], told["types"]["event_time"]) == ("decimal(18,9)", "timestamp")
    found = [
        (offset, _instant(at), Decimal(bid), volume and Decimal(volume)) for offset, at, bid, volume, _ in told["rows"]
    ]
    assert sorted(found) == sorted((row[11], row[1], row[3], row[5]) for row in expected)
    assert {day for *_, day in told["rows"]} == {day.isoformat() for day in days}


def _instant(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
