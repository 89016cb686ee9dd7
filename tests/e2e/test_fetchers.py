"""The whole job with the range fetcher in pure Python, where librdkafka has no wheel."""

import time
from collections.abc import Iterator

import pytest

from tests.comparison import SAME, compare
from tests.conftest import wait_for
from tests.processes import SYMBOLS, Deployment, deployment_over
from tests.servers import RunningServers

TICKS = 30_000


@pytest.fixture
def pure_python(servers: RunningServers, migrated_template: str) -> Iterator[Deployment]:
    """A deployment whose workers never load librdkafka."""
    with deployment_over(servers, migrated_template, ORDERBOOK_KAFKA__CLIENT="kafka-python") as deployment:
        yield deployment


def test_the_job_is_done_without_librdkafka(pure_python: Deployment) -> None:
    began = time.monotonic()
    pure_python.worker()
    pure_python.beat()
    flags = f"--symbols {SYMBOLS} --count {TICKS} --interval 0.001 --fault malformed,crossed,late"
    simulator = pure_python.simulator(flags)
    wait_for(lambda: simulator.exit_code is not None, 90, what="the simulator has sent all")
    pure_python.wait_for_prefix(pure_python.ends(), 60)
    print(f"\n{TICKS:,} ticks through kafka-python in {time.monotonic() - began:.1f} s, starts included")
    assert sum(pure_python.prefix().values()) == TICKS
    assert compare(pure_python.sent, pure_python.database_url) == SAME
    audit = pure_python.run("orderbook audit --deep")
    assert audit.returncode == 0, audit.stdout + audit.stderr
