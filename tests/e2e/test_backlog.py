"""A backlog of the main run's log, in small ranges or with a single process: nothing starves, piles up or grows."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest
from redis import Redis

from tests.e2e.conftest import MainRun
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers

pytestmark = pytest.mark.timeout(600)  # a hang, not a busy machine: the main run and a backlog may be set up here

BACKLOG = 200_000
WINDOWS = {"small_ranges": 64, "whole_backlog": 8}  # open ranges of a partition
SMALL_RANGES = {
    "ORDERBOOK_DRAIN__MAX_OFFSETS": "40",
    "ORDERBOOK_DRAIN__MAX_OPEN": str(WINDOWS["small_ranges"]),  # a fast machine lands 8 before the next pass plans more
    "ORDERBOOK_DRAIN__INTERVAL_SECONDS": "0.3",
    "ORDERBOOK_COMPLETENESS__INTERVAL_SECONDS": "2",
}
NEVER_REPLACED = "--max-tasks-per-child=1000000"
AGE = "SELECT extract(epoch FROM clock_timestamp() - min(drained_at)) FROM partition_cursor"
FINISHED = "SELECT count(*) FROM offset_range WHERE state = 'done'"
STITCHED = "SELECT coalesce(sum(ticks), 0) FROM symbol_hour"


@dataclass
class Sampled:
    """What was seen while a backlog was worked off, a few times a second."""

    deployment: Deployment
    ages: list[float] = field(default_factory=list)  # of the oldest drained_at, seconds
    hints: list[int] = field(default_factory=list)  # queued and unacked
    memory: list[tuple[int, int]] = field(default_factory=list)  # ranges finished, bytes of the worker's process
    stitched: int = 0  # ticks whose ids were, at the end
    seconds: float = 0.0


def sample(deployment: Deployment, finished: Callable[[], bool], seconds: float) -> Sampled:
    """Look on until ``finished``."""
    sampled, began = Sampled(deployment), time.monotonic()
    with Redis.from_url(deployment.servers.redis_url) as broker:
        while not finished():
            assert time.monotonic() - began < seconds, deployment.running["worker"].last_lines(20)
            sampled.hints.append(hints_in(broker))
            ((age,),) = deployment.rows(AGE)
            if age is not None and age < 10**6:  # since the first pass
                sampled.ages.append(float(age))
            ((ranges,),) = deployment.rows(FINISHED)
            if memory := memory_of_the_child(deployment):
                sampled.memory.append((ranges, memory))
            time.sleep(0.1)  # the rate of the samples: a backlog of 200,000 lasts some three seconds
    sampled.seconds = time.monotonic() - began
    sampled.stitched = int(deployment.rows(STITCHED)[0][0])
    return sampled


def hints_in(broker: "Redis[Any]") -> int:
    """Hints that wait, and hints that a worker holds."""
    with broker.pipeline() as pipeline:  # at one instant
        queued, unacked = pipeline.llen("ingest").hvals("unacked").execute()
    return int(queued) + sum(json.loads(held)[2] == "ingest" for held in unacked)


def memory_of_the_child(deployment: Deployment) -> int:
    """Resident bytes of the single process that lands ranges."""
    children = psutil.Process(deployment.running["worker"].pid).children()
    return children[0].memory_info().rss if len(children) == 1 else 0


@pytest.fixture(scope="module")
def small_ranges(main_run: MainRun, servers: RunningServers, migrated_template: str) -> Iterator[Sampled]:
    """One process, never replaced, over more than 1,000 ranges of 40 offsets."""
    topic = main_run.deployment.topic
    with deployment_over(servers, migrated_template, topic, **SMALL_RANGES) as deployment:
        deployment.worker(processes=1, flags=NEVER_REPLACED)
        deployment.beat()

        def finished() -> bool:
            return deployment.rows(FINISHED)[0][0] > 1_050

        sampled = sample(deployment, finished, 200)
        deployment.stop()  # the next one shares the broker
        yield sampled


@pytest.fixture(scope="module")
def whole_backlog(main_run: MainRun, servers: RunningServers, migrated_template: str) -> Iterator[Sampled]:
    """One process that finds all of the log waiting, until it has worked off 200,000 of it."""
    with deployment_over(servers, migrated_template, main_run.deployment.topic) as deployment:
        deployment.worker(processes=1)
        deployment.beat()

        def finished() -> bool:
            return sum(deployment.prefix().values()) >= BACKLOG

        sampled = sample(deployment, finished, 200)
        deployment.stop()  # the next one shares the broker
        yield sampled


def test_a_single_process_behind_a_backlog_still_drains(whole_backlog: Sampled) -> None:
    print(
        f"\nafter {whole_backlog.seconds:.1f} s one process had worked off {BACKLOG:,}; "
        f"drained_at was {max(whole_backlog.ages):.1f} s old at most"
    )
    assert len(whole_backlog.ages) > 5
    assert max(whole_backlog.ages) < 30  # no starvation; the figure itself is printed


@pytest.mark.parametrize("run", ["small_ranges", "whole_backlog"])
def test_hints_never_exceed_the_window_and_one_for_each_process(run: str, request: pytest.FixtureRequest) -> None:
    sampled: Sampled = request.getfixturevalue(run)
    print(f"\n{max(sampled.hints)} hints at most in {len(sampled.hints)} samples")
    assert 0 < max(sampled.hints) <= len(sampled.deployment.prefix()) * WINDOWS[run] + 1


def test_ids_are_stitched_while_ranges_wait(small_ranges: Sampled) -> None:
    assert min(small_ranges.hints[len(small_ranges.hints) // 2 :]) > 1  # there was always another range to land
    assert small_ranges.stitched > 0


def test_a_worker_does_not_grow_from_range_to_range(small_ranges: Sampled) -> None:
    after_100 = next(memory for ranges, memory in small_ranges.memory if ranges >= 100)
    ranges, after_1000 = small_ranges.memory[-1]
    print(f"\n{after_100 / 2**20:.1f} MiB after 100 ranges, {after_1000 / 2**20:.1f} MiB after {ranges:,}")
    print(f"{ranges / small_ranges.seconds:.0f} ranges a second")
    assert ranges >= 1_000
    assert after_1000 <= 1.1 * after_100
