"""A quiet feed through long outages: no tick is blamed for what a server did."""

import os
import time

import pytest

from tests.comparison import SAME, compare
from tests.conftest import wait_for
from tests.faults.conftest import TIMING
from tests.processes import deployment_over, reaches
from tests.servers import RunningServers

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "7"))  # longer than a lease: see TIMING


@pytest.mark.timeout(180 + 4 * OUTAGE_SECONDS)
def test_one_tick_a_second_through_outages_of_kafka_and_postgres_quarantines_nothing(
    servers: RunningServers, migrated_template: str
) -> None:
    with deployment_over(servers, migrated_template, **TIMING) as deployment:
        deployment.worker()
        deployment.beat()
        simulator = deployment.simulator("--interval 1")
        wait_for(lambda: deployment.rows("SELECT 1 FROM ticks LIMIT 1"), 60, what="the first tick is stored")
        for name in ("kafka", "postgres"):
            servers.fleet.running[name].kill()
            time.sleep(OUTAGE_SECONDS)
            servers.start_again(name)
            back = time.monotonic()
            deployment.wait_for_prefix(deployment.ends(), 60)
            recovery = time.monotonic() - back
            print(f"\n{OUTAGE_SECONDS:g} s without {name}: the prefix was at the end {recovery:.1f} s later")
        simulator.stop()
        ends = deployment.ends()
        wait_for(lambda: reaches(deployment.prefix(), ends), 60, what="the prefix is at the end")
        assert compare(deployment.sent, deployment.database_url) == SAME
        assert deployment.rows("SELECT kafka_offset, reason FROM quarantine") == []
        assert deployment.rows("SELECT kind, detail FROM alarm") == []
        print(f"{deployment.logs().count('range suspect')} ranges were suspect")
        audit = deployment.run("orderbook audit --deep")
        assert audit.returncode == 0, audit.stdout + audit.stderr
