"""What else is asked of this pipeline than its rate: latency, memory, what it costs idle, how it grows."""

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg2

from tests.bench.cpu import Meter
from tests.bench.stage import Log, Stage
from tests.bench.ways import pipeline, wait_until, waiting
from tests.processes import SYMBOLS, Deployment, deployment_over

PER_SECOND = 5_000
BETWEEN_LOOKS = 0.02
SETTLE_SECONDS = 4
IDLE_SECONDS = 20

FINISHED = (
    "SELECT id, partition, start_offset, end_offset FROM offset_range WHERE state = 'done' AND id > %s ORDER BY id"
)
LATENCY = """
    SELECT percentile_cont(ARRAY[0.5, 0.9, 0.99, 1]) WITHIN GROUP (ORDER BY seen.at - extract(epoch FROM t.event_time)),
           count(*)
    FROM ticks t JOIN seen ON t.kafka_partition = seen.partition
     AND t.kafka_offset >= seen.start_offset AND t.kafka_offset < seen.end_offset
"""


def latency(stage: Stage, seconds: float) -> Mapping[str, float]:
    """Seconds from a tick made to its row visible to another connection, at 5,000 ticks a second.

    Visible is what a reader sees that looks every 20 ms: an upper bound.
    """
    with deployment_over(stage.servers, stage.template) as run:
        _start(run)
        symbols = len(SYMBOLS.split(","))
        run.simulator(f"--symbols {SYMBOLS} --interval {symbols / PER_SECOND} --seed 1")
        wait_until(lambda: sum(run.prefix().values()) > 2 * PER_SECOND, 60)
        with closing(psycopg2.connect(run.database_url)) as connection:
            return watch(connection, seconds)


def watch(connection: Any, seconds: float) -> Mapping[str, float]:
    """``latency`` of the deployment that lands into this database meanwhile."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE seen (partition int, start_offset bigint, end_offset bigint, at float8)")
        cursor.execute("SELECT max(id) FROM offset_range")
        (known,) = cursor.fetchone()
        waited: dict[int, tuple[Any, ...]] = {}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            cursor.execute(FINISHED, [known])
            rows, at = cursor.fetchall(), time.time()
            for number, *place in rows:
                waited.setdefault(number, (*place, at))
            time.sleep(BETWEEN_LOOKS)
        cursor.executemany("INSERT INTO seen VALUES (%s, %s, %s, %s)", list(waited.values()))
        cursor.execute(LATENCY)
        (p50, p90, p99, most), ticks = cursor.fetchone()
    return {"p50": p50, "p90": p90, "p99": p99, "max": most, "ticks": ticks, "ticks_per_second": ticks / seconds}


def idle(stage: Stage) -> Mapping[str, float]:
    """Shares of a core that worker, beat and simulator take at the simulator's default rate."""
    with deployment_over(stage.servers, stage.template) as run:
        _start(run)
        run.simulator("--seed 1")
        time.sleep(SETTLE_SECONDS)
        meters = {name: Meter(run.running[name].pid) for name in ("worker", "beat", "simulator")}
        before = {name: meter.spent() for name, meter in meters.items()}
        time.sleep(IDLE_SECONDS)
        shares = {name: (meter.spent() - before[name]) / IDLE_SECONDS for name, meter in meters.items()}
    return {**shares, "total": sum(shares.values())}


def memory(stage: Stage, log: Log) -> Mapping[str, float]:
    """The most MB that a worker process has resident while it lands a log at full speed."""
    with waiting(stage, log, 2) as run:
        meter = Meter(run.running["worker"].pid)
        most: dict[int, int] = {}

        def landed() -> bool:
            for pid, held in meter.resident().items():
                most[pid] = max(most.get(pid, 0), held)
            return bool(
                run.rows("SELECT coalesce(sum(end_offset - start_offset), 0) FROM offset_range WHERE state = 'done'")[
                    0
                ][0]
                >= log.ticks
            )

        run.let_go()
        wait_until(landed, 300)
    return {"worker": max(most.values()) / 2**20}


def growth(stage: Stage, most: int) -> Mapping[str, Mapping[str, float]]:
    """Rate and CPU over logs of other sizes, and over one to 24 partitions."""
    logs = [stage.log(ticks) for ticks in (100_000, 300_000, 1_000_000, 3_000_000) if ticks <= most]
    logs += [stage.log(min(600_000, most), partitions) for partitions in (1, 2, 6, 12, 24)]
    found = {}
    for log in logs:
        outcome = pipeline(stage, log)
        found[f"{log.ticks:,} ticks, {log.partitions} partitions"] = {
            "rows_per_second": round(outcome.rate),
            "cpu_seconds_per_million": round(outcome.cpu_per_million, 2),
        }
    return found


def _start(run: Deployment) -> None:
    run.worker(processes=2)
    run.beat()
    wait_until(lambda: " ready." in run.logs() and "is starting." in run.logs(), 60)
