"""A pipeline under load that tests may wound: what dies is started again, as a supervisor would."""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg2
import pytest

from orderbook.audit import audit
from orderbook.store.database import engine_for
from orderbook.store.ledger.recount import snapshot
from tests.comparison import SAME, compare
from tests.conftest import wait_for
from tests.processes import SYMBOLS, Deployment, deployment_over, reaches
from tests.servers import RunningServers, database_of

pytest.register_assert_rewrite("tests.faults.matrix.scene")  # it asserts, and is no test

TICKS_A_SECOND = 300
FAULTS = "malformed:0.4%,crossed:0.3%,late:0.3%"
RECOVERY_SECONDS = 60
# a dead worker's lease is waited for, so it is shorter here, unless the figures are wanted as they are by default
QUICK = {"ORDERBOOK_INGEST__LEASE_SECONDS": "4", "ORDERBOOK_INGEST__LANDING_SECONDS": "4"}
TIMING = {} if "DEFAULT_TIMING" in os.environ else QUICK


@dataclass(frozen=True)
class UnderLoad:
    """A worker, a beat and a simulator that never stops."""

    deployment: Deployment

    def arm(self, crashpoint: str) -> None:
        """Let the next process that comes by die; returns when it has."""
        path = self.deployment.crashpoints / crashpoint
        path.touch()
        wait_for(lambda: not path.exists(), 30, what=f"somebody passes {crashpoint}")

    @contextmanager
    def assert_recovery_from(self, what: str) -> Iterator[None]:
        """The block kills, and starts again what must be; then the prefix passes what was the end before.

        Whatever was sent below that end is stored once, as it was sent.
        """
        ends, began = self.deployment.ends(), time.monotonic()
        yield
        self.deployment.wait_for_prefix(ends, RECOVERY_SECONDS)
        print(f"\n{what}: the prefix passed the end after {time.monotonic() - began:.1f} s")
        self.assert_whole(ends)

    def assert_whole(self, ends: dict[int, int]) -> None:
        """All that was acknowledged below ``ends`` is stored as it was sent, and the ledger balances."""
        deployment = self.deployment
        wait_for(lambda: _lines(deployment) >= sum(ends.values()), 30, what="the simulator's ledger is written")
        assert compare(deployment.sent, deployment.database_url, below=ends) == SAME
        projected = deployment.projected()
        engine = engine_for(deployment.settings.database, "reader", name="test")
        with snapshot(engine) as store:
            report = audit(store, projected, lambda _: None)
        engine.dispose()
        assert report.findings == []


@pytest.fixture(scope="module")
def under_load(servers: RunningServers, migrated_template: str) -> Iterator[UnderLoad]:
    """A pipeline that lands what a simulator keeps sending."""
    with deployment_over(servers, migrated_template, **TIMING) as deployment:
        _commit_for_good(servers, deployment)
        deployment.worker(ORDERBOOK_CRASHPOINTS=str(deployment.crashpoints))
        deployment.beat()
        interval = len(SYMBOLS.split(",")) / TICKS_A_SECOND
        deployment.simulator(f"--symbols {SYMBOLS} --interval {interval} --fault {FAULTS}")
        wait_for(lambda: reaches(deployment.prefix(), dict.fromkeys(range(6), 100)), 60, what="all partitions land")
        yield UnderLoad(deployment)


def _commit_for_good(servers: RunningServers, deployment: Deployment) -> None:
    # the run's Postgres is fast and forgetful; one that is killed must keep what it has confirmed
    servers.administer(f"ALTER DATABASE {database_of(deployment.database_url)} SET synchronous_commit = on")
    with closing(psycopg2.connect(deployment.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


def _lines(deployment: Deployment) -> int:
    with deployment.sent.open("rb") as lines:
        return sum(1 for _ in lines)
