"""What the cold store costs and gives: rate and memory of freezing, bytes a row, and the time of two queries.

python -m tests.bench.cold --rows 20000000 --days 4
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from statistics import median
from typing import Any

import psutil
import psycopg2
from pydantic import SecretStr

from orderbook.archive.run import archive_engine, run
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
        found: dict[str, Any] = {"rows": rows, "days": days, **_freeze(at, settings, known)}
        midnight = datetime.combine(known[-1], clock_time(0), UTC)
        slice_of = [SYMBOLS[0], midnight, midnight + timedelta(days=1)]
        found["slice_rows"] = _ask(settings, SLICE, slice_of)
        found["slice_ms"] = _timed(lambda: _ask(settings, SLICE, slice_of), most_rounds)
        found["aggregate_ms"] = _timed(lambda: _ask(settings, AGGREGATE, None), most_rounds)
        return found


def _freeze(at: Stage, settings: Settings, days: list[date]) -> dict[str, Any]:
    ours, ended = psutil.Process(), threading.Event()
    before = ours.memory_info().rss
    most = [before]

    def watch() -> None:
        while not ended.wait(0.02):
            most[0] = max(most[0], ours.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    server, client, began = at.meters["postgres"].spent(), time.process_time(), time.monotonic()
    try:
        with archive_engine(settings, lambda _: None) as (engine, _, archiver):
            outcomes = run(engine, archiver, days, seconds=36_000, each=lambda _: None)
    finally:
        ended.set()
        watching.join()
    seconds, client = time.monotonic() - began, time.process_time() - client
    server = at.meters["postgres"].spent() - server
    assert all(outcome.problem is None for outcome in outcomes), outcomes
    frozen = sum(outcome.rows for outcome in outcomes)
    return {
        "freeze_rows_per_second": round(frozen / seconds),
        "rows_per_cpu_second_of_the_archiver": round(frozen / client),
        "rows_per_cpu_second_with_postgres": round(frozen / (client + server)),
        "archiver_rss_mb": round(most[0] / 2**20),
        "of_which_before": round(before / 2**20),
        "bytes_a_row": round(sum(outcome.size_bytes for outcome in outcomes) / frozen, 2),
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
