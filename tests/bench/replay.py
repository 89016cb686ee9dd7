"""What a replay does: its rate without a pace, and how exactly it keeps the pace of a real capture."""

import re
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import psycopg2

from tests.bench.stage import Log, Stage
from tests.processes import PROGRAMS, ROOT, Deployment, deployment_over
from tests.unit.feeds.captures import CAPTURES, FUTURES, SPOT, capture

ROUNDS = 3
WINDOW_SECONDS = 0.01
ALL = ("--from", "26h")
PACED = ("--from", "2024-08-08T23:55Z", "--to", "2024-08-08T23:57Z", "--by", "received", "--speed", "1")
ANY_AGE = '[[symbols]]\npattern = "*"\nprofile = "historical"\n'
RATE = re.compile(r"([\d,]+) a second")
HASH = re.compile(r"sha256 (\w{64})")
P99 = re.compile(r"p99 ([\d.]+) ms")


def replay(stage: Stage, log: Log) -> Mapping[str, Any]:
    """Ticks a second out of a log that was landed; then, where captures are, how a real one is paced."""
    with deployment_over(stage.servers, stage.template, topic=log.topic) as run:
        _land(run, log.ends())
        with closing(psycopg2.connect(run.database_url)) as connection:
            connection.autocommit = True
            connection.cursor().execute("VACUUM ANALYZE ticks")  # as it is soon after a landing
        found = [_unpaced(run) for _ in range(ROUNDS)]
    assert len({sent for _, sent in found}) == 1, "equal input, equal hash"
    rates = [rate for rate, _ in found]
    return {"ticks_per_second": median(rates), "rounds": rates, **(_captured(stage) if CAPTURES else {})}


def _unpaced(run: Deployment) -> tuple[int, str]:
    command = [str(PROGRAMS / "orderbook"), "replay", *ALL, "--speed", "max"]
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(run.environment), text=True, check=True
    )
    told = done.stderr
    return int(_first(RATE, told).replace(",", "")), _first(HASH, told)


def _captured(stage: Stage) -> Mapping[str, float]:
    with deployment_over(stage.servers, stage.template) as run:
        profiles = run.folder / "profiles.toml"
        profiles.write_text(ANY_AGE)
        environment = {**run.environment, "ORDERBOOK_INGEST__PROFILES_FILE": str(profiles)}
        environment["XDG_CACHE_HOME"] = str(run.folder)
        run.environment = environment
        told = run.run(f"orderbook import binance {capture(FUTURES)} {capture(SPOT)}", 120)
        assert told.returncode == 0, told.stderr
        _land(run, run.ends())
        return paced([str(PROGRAMS / "orderbook"), "replay", *PACED], environment)


def paced(command: Sequence[str], environment: Mapping[str, str], folder: Path = ROOT) -> Mapping[str, float]:
    """How the ticks of a paced replay come in: seconds by which they are late, and how their counts differ."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(environment), cwd=folder
    ) as child:
        assert child.stdout
        assert child.stderr
        came = [(time.monotonic(), line) for line in child.stdout]
        told = child.stderr.read().decode()
    then, now = [], []
    for at, line in came:
        if stamp := re.search(rb'"received_time":"([^"]+)"', line):
            then.append(datetime.fromisoformat(stamp[1].decode()).timestamp())
            now.append(at)
    late = sorted((at - now[0]) - (stamp - then[0]) for at, stamp in zip(now, then, strict=True))
    return {
        "ticks": len(now),
        "p99_seconds_as_told": float(_first(P99, told)) / 1000,
        "p99_seconds_as_read": late[int(0.99 * len(late))] - late[0],
        "counts_differ": _difference(then, now),
    }


def _difference(then: Sequence[float], now: Sequence[float]) -> float:
    """Of the counts in windows of 10 ms: the sum of their absolute differences over all."""
    ours, theirs = (Counter(int((at - times[0]) / WINDOW_SECONDS) for at in times) for times in (now, then))
    return sum(abs(ours[n] - theirs[n]) for n in ours.keys() | theirs.keys()) / len(then)


def _land(run: Deployment, ends: Mapping[int, int]) -> None:
    run.worker(processes=2)
    run.beat()
    run.wait_for_prefix(ends, 300)
    run.stop()


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    assert found is not None, text
    return found[1]
