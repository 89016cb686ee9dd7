"""How fast a backlog lands, through real Celery and the ledger. ``make bench``; figures, no verdict."""

import platform
import sys
import time
from collections.abc import Iterator

import pytest

from tests.conftest import wait_for
from tests.processes import SYMBOLS, Deployment, deployment_over, reaches
from tests.servers import RunningServers

TICKS = 200_000


@pytest.fixture(scope="module")
def backlog(servers: RunningServers, migrated_template: str) -> Iterator[Deployment]:
    """A topic with ``TICKS`` ticks over six partitions."""
    with deployment_over(servers, migrated_template) as loaded:
        loaded.simulator(f"--symbols {SYMBOLS} --interval 0.00001 --count {TICKS} --seed 1")
        wait_for(lambda: sum(loaded.ends().values()) >= TICKS, 120, what="the backlog is in the log")
        yield loaded


@pytest.mark.parametrize("processes", [1, 2])
def bench_backlog(backlog: Deployment, servers: RunningServers, migrated_template: str, processes: int) -> None:
    """Ticks a second from the first range taken to the last one landed."""
    ends = backlog.ends()
    with deployment_over(servers, migrated_template, topic=backlog.topic) as run:
        run.worker(processes=processes)
        run.beat()
        run.wait_for_prefix(ends, 300)
        ((seconds,),) = run.rows(
            "SELECT extract(epoch FROM max(done_at) - min(hinted_at)) FROM offset_range WHERE state = 'done'"
        )
        assert reaches(run.prefix(), ends)
    machine = f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    sys.stdout.write(f"\n{processes} processes: {TICKS / float(seconds):,.0f} ticks/s ({machine})\n")
