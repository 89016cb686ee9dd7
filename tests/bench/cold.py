"""What the cold store costs and gives: rate and memory of freezing, bytes a row, and the time of two queries.

python -m tests.bench.cold --rows 20000000 --days 4
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from statistics import median
from typing import Any

import psycopg2
from pydantic import SecretStr

from orderbook.config import Settings
from orderbook.query.session import Session
from tests.bench.stage import SYMBOLS, Stage, stage

# A feed of 24 symbols over a day: mids wander in steps of five thousandths, and what hashes draw is as hard to compress
# as a real book: spreads, volumes, delays, and when a tick comes. Landed in ranges of 20,000.
FILL = """
    INSERT INTO ticks
    SELECT symbol, at, at + (20 + (h >> 3) & 127) * interval '1 us', bid, bid + 0.005 * (1 + (h >> 10) & 3),
           (1 + (h >> 12) & 2047) / 10.0, (1 + (h >> 23) & 2047) / 10.0, n / %(symbols)s,
           date_trunc('second', at) + interval '1 s', 1, (n %% %(symbols)s) %% 6, %(first)s + n / 6
    FROM generate_series(CAST(%(from)s AS bigint), %(to)s - 1) AS n,
         LATERAL (SELECT abs(hashint8extended(n, 1) >> 1) AS h) AS drawn,
         LATERAL (
             SELECT (%(names)s)[CAST(1 + n %% %(symbols)s AS integer)] AS symbol,
                    %(midnight)s + n * (interval '86399 s' / %(rows)s) + ((h >> 34) & 8191) * interval '1 us' AS at,
                    27 + 0.005 * round(400 * sin(n / 900000.0) + 30 * sin(n / 7001.0 + n %% %(symbols)s)
                                       + ((h >> 47) & 3)) AS bid) AS t
"""
ROWS_AT_ONCE = 500_000
SLICE = "SELECT * FROM ticks WHERE symbol = $1 AND event_time >= $2 AND event_time < $3"
AGGREGATE = (
    "SELECT symbol, count(*), min(bid_price), max(ask_price), avg(ask_price - bid_price) FROM ticks GROUP BY symbol"
)


def cold(at: Stage, rows: int, days: int, most_rounds: int = 7) -> Mapping[str, Any]:
    """Freeze ``days`` days of ``rows`` rows in all, then ask."""
    with at.database(migrated=True) as url, tempfile.TemporaryDirectory(prefix="orderbook-bench-") as folder:
        known = [date(2026, 1, 5) + timedelta(days=n) for n in range(days)]
        for number, day in enumerate(known):
            _fill(url, day, rows // days, number * rows // days)
        settings = Settings(database={"url": SecretStr(url)}, archive={"root": folder}, query={"memory_mb": 1024})
        found: dict[str, Any] = {"rows": rows, "days": days, **_freeze(at, url, folder, days)}
        midnight = datetime.combine(known[-1], clock_time(0), UTC)
        slice_of = [SYMBOLS[0], midnight, midnight + timedelta(days=1)]
        found["slice_rows"] = _ask(settings, SLICE, slice_of)
        found["slice_ms"] = _timed(lambda: _ask(settings, SLICE, slice_of), most_rounds)
        found["aggregate_ms"] = _timed(lambda: _ask(settings, AGGREGATE, None), most_rounds)
        return found


def _freeze(at: Stage, url: str, folder: str, days: int) -> dict[str, Any]:
    """One run of the archiver, as beat starts it: a process, whose memory and CPU the kernel tells when it ends."""
    environment = {**os.environ, "DATABASE_URL": url, "ORDERBOOK_ARCHIVE__ROOT": folder}
    server, began = at.meters["postgres"].spent(), time.monotonic()
    archiver = subprocess.Popen([sys.executable, "-m", "orderbook.archive"], env=environment)
    _, status, used = os.wait4(archiver.pid, 0)
    archiver.returncode = os.waitstatus_to_exitcode(status)
    seconds, server = time.monotonic() - began, at.meters["postgres"].spent() - server
    assert archiver.returncode == 0, f"the archiver ended with {archiver.returncode}"
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(rows), sum(size_bytes) FROM cold_file WHERE state = 'live'")
        (files, rows, size) = cursor.fetchone() or (0, 0, 0)
    assert files == days, f"{files} files of {days} days"
    client = used.ru_utime + used.ru_stime
    return {
        "freeze_rows_per_second": round(int(rows) / seconds),
        "rows_per_cpu_second_of_the_archiver": round(int(rows) / client),
        "rows_per_cpu_second_with_postgres": round(int(rows) / (client + server)),
        "archiver_rss_mb": round(used.ru_maxrss / 1024),
        "bytes_a_row": round(int(size) / int(rows), 2),
    }


def _fill(url: str, day: date, rows: int, first: int) -> None:
    midnight = datetime.combine(day, clock_time(0), UTC)
    values = {"symbols": len(SYMBOLS), "names": SYMBOLS, "midnight": midnight, "rows": rows, "first": first}
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT make_ticks_day(%s)", [day])
        for start in range(0, rows, ROWS_AT_ONCE):
            cursor.execute(FILL, {**values, "from": start, "to": min(rows, start + ROWS_AT_ONCE)})
        cursor.execute(f"VACUUM ANALYZE ticks_{day:%Y%m%d}")


def _ask(settings: Settings, sql: str, parameters: Any) -> int:
    with Session(settings) as session:
        return int(session.ask(sql, parameters).table().num_rows)


def _timed(call: Callable[[], object], rounds: int) -> dict[str, float]:
    taken = []
    for _ in range(rounds):
        began = time.monotonic()
        call()
        taken.append((time.monotonic() - began) * 1e3)
    return {"first": round(taken[0], 1), "median": round(median(taken), 1), "least": round(min(taken), 1)}


def main() -> None:
    """Run it alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--days", type=int, default=4)
    chosen = parser.parse_args()
    with stage() as at:
        sys.stdout.write(json.dumps(cold(at, chosen.rows, chosen.days), indent=2) + "\n")


if __name__ == "__main__":
    main()
