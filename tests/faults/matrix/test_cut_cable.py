"""A worker whose cable is cut inside its COPY: Postgres never hears of it, and yet another lands its range."""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest

from orderbook.embedded.process import Process
from tests.conftest import wait_for
from tests.faults.cable import FAR, NEAR, Cable, cable
from tests.network import near_servers, seen_from_there
from tests.pipeline import pipeline_over, valid
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers, database_of, new_data_dir

pytestmark = pytest.mark.slow

TAKEOVER_SECONDS = 40  # the lease of a landing is 20
RECORDS = 20_000  # 3 MB of COPY: more than what is under way in sockets
SLOW_FOR_THE_FAR_HOST = f"""
    CREATE FUNCTION wait_for_the_far_host() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF inet_client_addr() = '{FAR}' THEN PERFORM pg_sleep(6); END IF; RETURN NULL; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON ticks FOR EACH STATEMENT EXECUTE FUNCTION wait_for_the_far_host();
"""
IN_ITS_COPY = f"""
    SELECT wait_event FROM pg_stat_activity
    WHERE client_addr = '{FAR}' AND state = 'active' AND query LIKE 'COPY ticks%'
"""


@pytest.fixture
def wired() -> Iterator[tuple[Cable, Deployment]]:
    """A deployment whose processes may run on either host."""
    path = new_data_dir()
    with cable() as plugged, near_servers(path, NEAR, f"{FAR}/32") as fleet:
        servers = RunningServers.of(fleet)
        with deployment_over(servers, database_of(servers.create_migrated())) as made:
            yield plugged, made
    shutil.rmtree(path, ignore_errors=True)


def test_a_range_whose_worker_is_cut_off_inside_copy_is_taken_over(wired: tuple[Cable, Deployment]) -> None:
    plugged, deployment = wired
    with pipeline_over(deployment.settings) as pipeline:
        pipeline.produce(valid(RECORDS))
    _execute(deployment, SLOW_FOR_THE_FAR_HOST)
    deployment.beat()
    zombie = _far_worker(plugged, deployment)
    wait_for(lambda: _in_its_copy(deployment) == [("PgSleep",)], 60, what="the far worker is in its COPY")
    plugged.cut()
    cut = time.monotonic()
    deployment.worker("near")
    wait_for(lambda: _in_its_copy(deployment) == [("ClientRead",)], 20, what="it waits for what never comes")
    deployment.wait_for_prefix({0: RECORDS}, TAKEOVER_SECONDS)
    print(f"\ntaken over {time.monotonic() - cut:.1f} s after the cut")
    assert _in_its_copy(deployment) == []
    plugged.mend()
    deployment.running.pop("near").stop()
    with pipeline_over(deployment.settings) as pipeline:
        pipeline.produce(valid(100, first=RECORDS + 1))
    mended = time.monotonic()
    deployment.wait_for_prefix({0: RECORDS + 100}, 90)
    print(f"\nthe far worker lands again {time.monotonic() - mended:.1f} s later")
    assert zombie.exit_code is None
    assert deployment.rows("SELECT count(*), count(DISTINCT kafka_offset) FROM ticks") == [(RECORDS + 100,) * 2]
    assert deployment.rows("SELECT reason FROM quarantine") == []
    audit = deployment.run("orderbook audit --deep")
    assert audit.returncode == 0, audit.stdout + audit.stderr


def _far_worker(plugged: Cable, deployment: Deployment) -> Process:
    afar = seen_from_there(deployment.servers.fleet, deployment.environment)
    return replace(deployment, environment=afar, behind=plugged.prefix).worker("far")


def _in_its_copy(deployment: Deployment) -> list[tuple[str]]:
    # a role sees no other's queries
    with closing(psycopg2.connect(deployment.servers.superuser_url)) as connection, connection.cursor() as cursor:
        cursor.execute(IN_ITS_COPY)
        return cursor.fetchall()


def _execute(deployment: Deployment, statements: str) -> None:
    with closing(psycopg2.connect(deployment.database_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statements)
