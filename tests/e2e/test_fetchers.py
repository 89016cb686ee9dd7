"""The whole job with the other range fetcher, over librdkafka."""

import time
from collections.abc import Iterator

import pytest

from tests.comparison import SAME, compare
from tests.conftest import wait_for
from tests.processes import SYMBOLS, Deployment, deployment_over
from tests.servers import RunningServers

TICKS = 30_000


@pytest.fixture
def over_librdkafka(servers: RunningServers, migrated_template: str) -> Iterator[Deployment]:
    """A deployment whose workers read by confluent-kafka."""
    with deployment_over(servers, migrated_template, ORDERBOOK_KAFKA__CLIENT="confluent") as deployment:
        yield deployment


def test_the_job_is_done_with_librdkafka(over_librdkafka: Deployment) -> None:
    began = time.monotonic()
    over_librdkafka.worker()
    over_librdkafka.beat()
    flags = f"--symbols {SYMBOLS} --count {TICKS} --interval 0.001 --fault malformed,crossed,late"
    simulator = over_librdkafka.simulator(flags)
    wait_for(lambda: simulator.exit_code is not None, 90, what="the simulator has sent all")
    over_librdkafka.wait_for_prefix(over_librdkafka.ends(), 60)
    print(f"\n{TICKS:,} ticks through librdkafka in {time.monotonic() - began:.1f} s, starts included")
    assert sum(over_librdkafka.prefix().values()) == TICKS
    assert compare(over_librdkafka.sent, over_librdkafka.database_url) == SAME
    audit = over_librdkafka.run("orderbook audit --deep")
    assert audit.returncode == 0, audit.stdout + audit.stderr
