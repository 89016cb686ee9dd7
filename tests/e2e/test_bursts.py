"""A market that bursts as real ones do, at a mean of 5,000 ticks a second."""

import time
from collections.abc import Iterator

import pytest

from tests.conftest import wait_for
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SYMBOLS = "TTF-GAS,NBP-GAS,THE-GAS,PEG-GAS,ZTP-GAS,PSV-GAS"
MEAN = 5_000
SECONDS = 60
DELAYS = """
    SELECT percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY extract(epoch FROM r.done_at - t.event_time))
    FROM ticks t JOIN offset_range r ON r.generation_id = t.generation_id AND r.partition = t.kafka_partition
        AND t.kafka_offset >= r.start_offset AND t.kafka_offset < r.end_offset
"""
BUSIEST = """
    SELECT max(n) FROM (SELECT count(*) n FROM ticks
    GROUP BY floor(extract(epoch FROM event_time) / {window})) busy
"""


@pytest.fixture
def deployment(servers: RunningServers, migrated_template: str) -> Iterator[Deployment]:
    with deployment_over(servers, migrated_template) as made:
        yield made


def test_bursts_lose_nothing_and_p99_from_the_quote_to_the_commit_stays_under_two_seconds(
    deployment: Deployment,
) -> None:
    deployment.worker(processes=2)
    deployment.beat()
    wait_for(lambda: len(deployment.prefix()) == 6, 60, what="six partitions are drained")
    flags = f"--market calibrated --symbols {SYMBOLS} --interval {6 / MEAN} --duration {SECONDS} --seed 5"
    began = time.monotonic()
    simulator = deployment.simulator(flags)
    wait_for(lambda: simulator.exit_code is not None, SECONDS + 60, what="the simulator has sent all")
    assert simulator.exit_code == 0, simulator.last_lines()
    seconds = time.monotonic() - began
    deployment.wait_for_prefix(deployment.ends(), 60)
    ((delays,),) = deployment.rows(DELAYS)
    sent = deployment.sent.read_bytes().count(b"\n")
    ((landed,),) = deployment.rows("SELECT count(*) FROM ticks")
    peaks = [deployment.rows(BUSIEST.format(window=window))[0][0] for window in (0.01, 0.1, 1)]
    p50, p99, worst = (float(delay) for delay in delays)
    print(
        f"\n{sent:,} ticks in {seconds:.0f} s; busiest 10 ms, 100 ms, 1 s: {peaks}; "
        f"from quote to commit p50 {p50:.2f} s, p99 {p99:.2f} s, worst {worst:.2f} s"
    )
    assert sent == landed
    assert sent > 0.5 * MEAN * SECONDS
    assert peaks[2] > 2 * MEAN  # it did burst
    assert p99 < 2
    audit = deployment.run("orderbook audit")
    assert audit.returncode == 0, audit.stdout
