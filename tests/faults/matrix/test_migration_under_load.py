"""A migration of the busiest table while ticks pour in: it asks for its lock in short tries, ingestion hardly waits."""

import threading
import time
from contextlib import closing

import psycopg2
import pytest
from psycopg2.errors import LockNotAvailable

from tests.comparison import SAME, compare
from tests.conftest import wait_for
from tests.faults.conftest import FAULTS
from tests.processes import SYMBOLS, Deployment, deployment_over
from tests.servers import RunningServers

pytestmark = pytest.mark.slow

CHANGES = ("ALTER TABLE ticks ADD COLUMN passing integer", "ALTER TABLE ticks DROP COLUMN passing")
WANTED = 40  # changes: each column that ever was counts against Postgres' 1,600
PAUSE_SECONDS = 0.2
WAITS = """
    SELECT count(*), coalesce(percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
        ORDER BY extract(epoch FROM landed_at - received_time)), ARRAY[0, 0]) FROM ticks
    WHERE received_time BETWEEN to_timestamp({}) AND to_timestamp({})
"""
WORST_SECONDS = 8.0  # p99: an attempt given back is tried again after two seconds at most, and hinted after five


def test_ingestion_goes_on_while_a_column_comes_and_goes(servers: RunningServers, migrated_template: str) -> None:
    with deployment_over(servers, migrated_template) as deployment:
        deployment.worker()
        deployment.beat()
        simulator = deployment.simulator(f"--symbols {SYMBOLS} --interval 0.03 --fault {FAULTS}")
        wait_for(lambda: deployment.rows("SELECT count(*) > 1000 FROM ticks")[0][0], 60, what="ticks land")
        quiet = time.time()
        since = f"SELECT count(*) > 1000 FROM ticks WHERE received_time > to_timestamp({quiet})"
        wait_for(lambda: deployment.rows(since)[0][0], 60, what="ticks land without a migration")
        began = time.time()
        refused = _migrate(deployment)
        ended = time.time()
        simulator.stop()
        deployment.wait_for_prefix(deployment.ends(), 60)
        for what, span in (("before", (quiet, began)), ("while migrating", (began, ended))):
            ((count, (median, worst)),) = deployment.rows(WAITS.format(*span))
            print(
                f"\n{what}: {count} ticks, from receipt to the landing's begin median {median:.2f} s, p99 {worst:.2f} s"
            )
        print(f"{WANTED} changes in {ended - began:.1f} s, the lock refused {refused} times")
        assert count > 300
        assert worst < WORST_SECONDS
        assert compare(deployment.sent, deployment.database_url) == SAME
        assert deployment.rows("SELECT kind, detail FROM alarm") == []
        audit = deployment.run("orderbook audit --deep")
        assert audit.returncode == 0, audit.stdout + audit.stderr


def _migrate(deployment: Deployment) -> int:
    """Change the table ``WANTED`` times; returns how often its lock was not to be had within 50 ms."""
    refused, pause = 0, threading.Event()
    with closing(psycopg2.connect(deployment.database_url, options="-c lock_timeout=50ms")) as connection:
        connection.autocommit = True
        for change in range(WANTED):
            while not _changed(connection, CHANGES[change % 2]):
                refused += 1
            pause.wait(PAUSE_SECONDS)
    return refused


def _changed(connection: psycopg2.extensions.connection, statement: str) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except LockNotAvailable:
        return False
    return True
