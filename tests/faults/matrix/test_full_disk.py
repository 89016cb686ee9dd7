"""A disk without room: nothing is half stored, nothing counts against a range, and room is all that mends it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from orderbook.store.database import sqlstate
from tests.conftest import skip_at_home
from tests.faults.matrix.conftest import audited
from tests.pipeline import Pipeline, stored, valid
from tests.servers import RunningServers, database_of

DISK_FULL = "53100"
FILL = "INSERT INTO filler SELECT repeat('x', 900) FROM generate_series(1, 200)"


@pytest.fixture
def small_disk(servers: RunningServers) -> Iterator[str]:
    """A tablespace on a file system of 8 MB."""
    if os.geteuid() != 0:
        skip_at_home("only root mounts a small file system")
    path = Path(servers.fleet.folder.path) / "small"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", path], check=False)
    if mounted.returncode != 0:
        skip_at_home("this machine lets nobody mount")
    account = servers.fleet.postgres.account
    if account is not None:
        os.chown(path, account.uid, account.gid)
    servers.administer(f"CREATE TABLESPACE small LOCATION '{path}'")
    servers.administer("GRANT CREATE ON TABLESPACE small TO PUBLIC")
    yield "small"
    servers.administer("DROP TABLESPACE small")
    subprocess.run(["umount", path], check=True)


def test_on_a_full_disk_ranges_wait_and_land_once_there_is_room(
    small_disk: str, pipeline: Pipeline, servers: RunningServers
) -> None:
    name = database_of(pipeline.settings.database.url.get_secret_value())
    servers.administer(f"ALTER DATABASE {name} SET default_tablespace = {small_disk}")
    pipeline.engine.dispose()
    pipeline.execute("CREATE TABLE filler (what text)")
    try:
        _fill(pipeline)
        pipeline.with_policy(max_offsets=10, max_open=2).produce(valid(50))
        pipeline.drain()
        ingestor = pipeline.ingestor()
        for hint in list(pipeline.hints):
            assert ingestor.run(hint) == 0
        pipeline.drain()
        open_ranges = "SELECT state, deaths, holder_pid FROM offset_range"
        assert pipeline.rows(open_ranges) == [("planned", 0, None)] * 2  # planning waits at its window
        assert stored(pipeline) == []
        assert audited(pipeline) == []
        pipeline.execute("DROP TABLE filler")
        pipeline.expire_leases()
        pipeline.run(ingestor)
        assert len(stored(pipeline)) == 50
        assert audited(pipeline) == []
    finally:
        pipeline.close()
        pipeline.engine.dispose()
        servers.drop_database(pipeline.settings.database.url.get_secret_value())


def _fill(pipeline: Pipeline) -> None:
    with pytest.raises(DBAPIError) as full:
        _insert_for_ever(pipeline)
    assert sqlstate(full.value) == DISK_FULL


def _insert_for_ever(pipeline: Pipeline) -> None:
    while True:
        pipeline.execute(FILL)
