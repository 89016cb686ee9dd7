"""Beat has the stored ticks judged, each process in its role, and no worker waits for it."""

from datetime import datetime

from tests.conftest import wait_for
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers

NEWEST = """
    SELECT DISTINCT ON (scope) scope, outcome, detail FROM expectation_run
    WHERE scope = 'day' OR ticks >= 500 ORDER BY scope, id DESC
"""
JUDGING = """
    SELECT pid, (SELECT max(drained_at) FROM partition_cursor) FROM pg_stat_activity
    WHERE application_name = 'orderbook-expectations' AND datname = current_database()
"""


def test_beat_has_the_last_hour_and_yesterday_judged(servers: RunningServers, migrated_template: str) -> None:
    soon = {"ORDERBOOK_EXPECTATIONS__INTERVAL_SECONDS": "5", "ORDERBOOK_EXPECTATIONS__DAY_AFTER_SECONDS": "0"}
    with deployment_over(servers, migrated_template, **soon) as deployment:
        worker = deployment.worker(processes=1)
        deployment.beat()
        simulator = deployment.simulator("--symbols TTF-GAS,NBP-GAS --interval 0.01 --count 500")
        wait_for(lambda: simulator.exit_code is not None, 60, what="the simulator has sent all")
        wait_for(lambda: len(deployment.rows(NEWEST)) == 2, 100, what="both windows are judged")
        assert deployment.rows(NEWEST) == [("day", "empty", ""), ("hour", "passed", "")]
        _drains_while_it_judges(deployment)
        assert worker.exit_code is None


def _drains_while_it_judges(deployment: Deployment) -> None:
    first_seen: dict[int, datetime] = {}

    def seen() -> bool:
        return any(drained > first_seen.setdefault(pid, drained) for pid, drained in deployment.rows(JUDGING))

    wait_for(seen, 60, what="the only process of the worker drains while a run goes on")
