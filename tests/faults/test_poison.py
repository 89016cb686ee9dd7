"""A record that kills whoever touches it ends in quarantine, with its bytes, and costs no other."""

import time

import pytest

from tests.conftest import wait_for
from tests.faults.conftest import TIMING
from tests.pipeline import pipeline_over, valid
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers

POISON = 137


def seconds_to_isolate(deployment: Deployment, poison: int, records: int) -> float:
    """Let a worker meet one record that kills it; from when it took the range until all of it has its place."""
    with pipeline_over(deployment.settings) as pipeline:
        pipeline.produce(valid(records))
    (deployment.crashpoints / f"judge.0.{poison}.always").touch()
    deployment.worker(ORDERBOOK_CRASHPOINTS=str(deployment.crashpoints))
    deployment.beat()
    wait_for(lambda: deployment.rows("SELECT 1 FROM offset_range WHERE deaths > 0"), 60, what="a worker took it")
    began = time.monotonic()
    deployment.wait_for_prefix({0: records}, 120)
    took = time.monotonic() - began
    print(f"\none of {records:,} isolated {took:.1f} s after the first worker took the range")
    return took


def test_a_record_that_kills_workers_is_isolated_and_the_rest_of_its_range_lands(
    servers: RunningServers, migrated_template: str
) -> None:
    with deployment_over(servers, migrated_template, **TIMING) as deployment:
        seconds_to_isolate(deployment, POISON, 500)
        ((partition, offset, reason, value),) = deployment.rows(
            "SELECT kafka_partition, kafka_offset, reason, value FROM quarantine"
        )
        assert (partition, offset, reason) == (0, POISON, "poison")
        assert f'"sequence_id":{POISON + 1}}}'.encode() in bytes(value)
        stored = [row[0] for row in deployment.rows("SELECT kafka_offset FROM ticks ORDER BY 1")]
        assert stored == [offset for offset in range(500) if offset != POISON]
        two_workers_and_who_watched_the_child = 3
        assert deployment.rows("SELECT max(deaths) FROM offset_range") == [(two_workers_and_who_watched_the_child,)]
        audit = deployment.run("orderbook audit --deep")
        assert audit.returncode == 0, audit.stdout + audit.stderr


@pytest.mark.slow
@pytest.mark.parametrize("poison", [0, 13_731, 19_999], ids=["first", "inside", "last"])
def test_one_poison_in_twenty_thousand_stores_the_others_within_a_minute(
    servers: RunningServers, migrated_template: str, poison: int
) -> None:
    with deployment_over(servers, migrated_template) as deployment:  # leases as they are by default
        assert seconds_to_isolate(deployment, poison, 20_000) <= 60
        assert deployment.rows("SELECT kafka_offset, reason, value IS NOT NULL FROM quarantine") == [
            (poison, "poison", True)
        ]
        stored = [offset for (offset,) in deployment.rows("SELECT kafka_offset FROM ticks ORDER BY 1")]
        assert stored == [offset for offset in range(20_000) if offset != poison]
        assert deployment.rows("SELECT sum(n_ok), sum(n_bad), sum(n_gap) FROM offset_range") == [(19_999, 1, 0)]
