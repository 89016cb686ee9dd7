"""One log of 300,000 ticks, and what a whole deployment made of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.compose import Image, image
from tests.conftest import wait_for
from tests.processes import SYMBOLS, Deployment, deployment_over, reaches
from tests.servers import RunningServers

TICKS = 300_000
FAULTS = "malformed:0.4%,crossed:0.3%,late:0.3%"


@dataclass(frozen=True)
class MainRun:
    """The main run, finished: its processes have ended, its topic and database are there to look at."""

    deployment: Deployment
    ends: dict[int, int]
    seconds: float  # from the first tick to the prefix at the end


@pytest.fixture(scope="package")
def main_run(servers: RunningServers, migrated_template: str) -> Iterator[MainRun]:
    """Two workers of two processes and two beats, while the simulator sends as fast as it can."""
    with deployment_over(servers, migrated_template) as deployment:
        for name in ("worker-1", "worker-2"):
            deployment.worker(name, processes=2)
        for name in ("beat-1", "beat-2"):
            deployment.beat(name)
        wait_for(lambda: len(deployment.prefix()) == 6, 60, what="six partitions are drained")
        began = time.monotonic()
        simulator = deployment.simulator(f"--symbols {SYMBOLS} --count {TICKS} --interval 0.0001 --fault {FAULTS}")
        wait_for(lambda: simulator.exit_code is not None, 150, what="the simulator has sent all")
        sent = time.monotonic()
        assert simulator.exit_code == 0, simulator.last_lines()
        ends = deployment.ends()
        deployment.wait_for_prefix(ends, 60)
        done = time.monotonic()
        print(
            f"\n{TICKS:,} ticks in {done - began:.1f} s, {TICKS / (done - began):,.0f} a second; "
            f"the prefix was at the end {done - sent:.1f} s after the last tick was acknowledged"
        )
        wait_for(lambda: reaches(deployment.projected(), ends), 30, what="the group offsets are at the end")
        deployment.stop()
        yield MainRun(deployment, ends, done - began)


@pytest.fixture(scope="session")
def built_image() -> Iterator[Image]:
    """What the Dockerfile makes."""
    with image() as made:
        yield made
