"""Clocks that are wrong by hours: hosts' do not matter, Postgres' makes leases early or late and nothing else."""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from orderbook.embedded.folder import DataFolder
from orderbook.embedded.servers import servers_in
from tests.comparison import SAME, compare
from tests.conftest import wait_for
from tests.faults.clocks import WrongPostgres, wrong_by
from tests.faults.conftest import FAULTS
from tests.pipeline import Pipeline, stored, valid
from tests.processes import SYMBOLS, Deployment, deployment_over
from tests.servers import RunningServers, database_of, new_data_dir

RATE = f"--symbols {SYMBOLS} --interval 0.05 --fault {FAULTS}"


def _assert_whole(deployment: Deployment) -> None:
    ends = deployment.ends()
    began = time.monotonic()
    deployment.wait_for_prefix(ends, 60)
    print(f"\nthe prefix was at the end {time.monotonic() - began:.1f} s after the last tick")
    assert compare(deployment.sent, deployment.database_url) == SAME
    assert deployment.rows("SELECT kind, detail FROM alarm") == []
    audit = deployment.run("orderbook audit --deep")
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_a_clock_of_postgres_set_back_stops_neither_planning_nor_hints(pipeline: Pipeline) -> None:
    pipeline.hint_again_seconds = 5
    pipeline.produce(valid(10))
    pipeline.drain()
    pipeline.hints.clear()  # lost
    pipeline.produce(valid(10, first=11))
    pipeline.execute("UPDATE partition_cursor SET drained_at = now() + interval '2 hours'")
    pipeline.execute(
        "UPDATE offset_range SET hinted_at = now() + interval '2 hours', not_before = now() + interval '2 hours'"
    )
    assert pipeline.drainer().run() is not None
    assert len(pipeline.hints) == 2
    pipeline.run()
    assert len(stored(pipeline)) == 20


@pytest.mark.slow
def test_workers_drainers_and_beats_two_hours_ahead_and_behind_land_everything(
    servers: RunningServers, migrated_template: str
) -> None:
    # ranges enough for both to have work
    with deployment_over(servers, migrated_template, ORDERBOOK_DRAIN__MAX_OFFSETS="20") as deployment:
        for name, hours in (("ahead", 2), ("behind", -2)):
            deployment.worker(f"worker-{name}", **wrong_by(hours))
            deployment.start(f"beat-{name}", "celery -A orderbook beat", **wrong_by(hours))
        simulator = deployment.simulator(f"{RATE} --duration 20")
        wait_for(lambda: simulator.exit_code is not None, 60, what="the simulator has sent all")
        _assert_whole(deployment)
        for name in ("ahead", "behind"):
            log = (deployment.folder / f"worker-{name}.log").read_text()
            assert "range landed" in log, f"the worker {name} landed nothing"
        landed = "SELECT max(abs(extract(epoch FROM landed_at - event_time))) < 60 FROM ticks"
        assert deployment.rows(landed) == [(True,)]  # by Postgres' clock


@pytest.fixture(scope="module")
def jumping() -> Iterator[tuple[RunningServers, WrongPostgres, str]]:
    """Servers of their own, Postgres' clock in our hands."""
    path = new_data_dir()
    fleet = servers_in(DataFolder(path), standard_ports=False, quick=True)
    right = fleet.postgres
    wrong = WrongPostgres(right.folder, right.port, right.passwords, right.account, right.quick)
    fleet.postgres = wrong
    with fleet:
        servers = RunningServers.of(fleet)
        yield servers, wrong, database_of(servers.create_migrated())
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.slow
def test_postgres_clock_jumping_makes_leases_early_or_late_and_nothing_else(
    jumping: tuple[RunningServers, WrongPostgres, str],
) -> None:
    servers, postgres, template = jumping
    with deployment_over(servers, template) as deployment:
        for name in ("worker-1", "worker-2"):
            deployment.worker(name)
        deployment.beat()
        simulator = deployment.simulator(RATE)
        wait_for(lambda: len(deployment.prefix()) == 6, 60, what="six partitions are drained")
        for hours in (2, 0, -2, 0):
            postgres.jump(hours)
            _assert_clock(deployment.database_url, hours)
            for _ in range(3):  # what is sent after the jump lands too
                began = time.monotonic()
                deployment.wait_for_prefix(deployment.ends(), 60)
                print(f"\n{hours:+} h: the prefix passed the end after {time.monotonic() - began:.1f} s")
        simulator.stop()
        _assert_whole(deployment)


def _assert_clock(url: str, hours: float) -> None:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        (shown,) = cursor.fetchone()
    assert abs(float(shown) - time.time() - hours * 3600) < 10, "libfaketime does not reach Postgres"
