"""The counters of the exporter are the rows that are stored, whichever process dies or is recycled."""

import os
import re
from collections import Counter

from orderbook.embedded.ports import choose_port
from tests.conftest import wait_for
from tests.faults.conftest import TIMING
from tests.processes import SYMBOLS, deployment_over, reaches
from tests.scraping import scraped
from tests.servers import RunningServers

PLACES = ("after_copy", "after_commit")
FAULTS = "malformed:2%,crossed:1%"


def test_counters_equal_the_rows_with_killed_and_recycled_children(
    servers: RunningServers, migrated_template: str
) -> None:
    with deployment_over(servers, migrated_template, **TIMING) as deployment:
        port, seen = choose_port(), [0.0]

        def landed() -> float:
            seen.append(scraped(port).get("orderbook_ticks_landed_total", seen[-1]))
            return seen[-1]

        deployment.start("exporter", f"orderbook exporter --port {port}", ORDERBOOK_METRICS__INTERVAL_SECONDS="0.2")
        worker = deployment.worker(flags="--max-tasks-per-child 4", ORDERBOOK_CRASHPOINTS=str(deployment.crashpoints))
        deployment.beat()
        simulator = deployment.simulator(f"--symbols {SYMBOLS} --interval 0.04 --fault {FAULTS}")
        wait_for(lambda: landed() > 0, 60, what="something is landed")
        for place in PLACES:
            path = deployment.crashpoints / place
            path.touch()
            wait_for(lambda path=path: landed() and not path.exists(), 30, what=f"a child dies {place}")
        os.kill(worker.pid or 0, 9)
        worker.kill()
        before = landed()
        worker.start()
        wait_for(lambda: landed() > before, 60, what="landing goes on")
        simulator.stop()
        ends = deployment.ends()
        wait_for(lambda: landed() and reaches(deployment.prefix(), ends), 60, what="the prefix is at the end")
        ((stored,),) = deployment.rows("SELECT count(*) FROM ticks")
        rejects = dict(deployment.rows("SELECT reason, count(*) FROM quarantine GROUP BY reason"))
        wait_for(lambda: landed() == stored, 10, what=f"{stored} ticks are counted")
        found = Counter[str]()
        for series, value in scraped(port).items():
            if reason := re.fullmatch(r'orderbook_ticks_quarantined_total{reason="(\w+)"}', series):
                found[reason.group(1)] = int(value)
        assert found == rejects
        assert stored + sum(rejects.values()) == sum(ends.values())
        assert seen == sorted(seen)
