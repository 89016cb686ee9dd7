"""A database restored from an older backup beside its archive: told from a broken one, and put right by the runbook."""

from typing import Any

import pytest

from orderbook.archive.run import archive_engine
from orderbook.archive.verify import verify
from orderbook.config import settings
from tests.archive import Cold, cold, cold_over, days_ago
from tests.servers import RunningServers, database_of

__all__ = ["cold"]
OLD, OLDER = days_ago(100), days_ago(101)


def problems(cold: Cold) -> list[str | None]:
    with archive_engine(cold.settings, lambda _: None) as (engine, root, _):
        return [verdict.problem for verdict in verify(engine, root, None, lambda _: None)]


@pytest.fixture
def restored(cold: Cold, servers: RunningServers, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One day frozen, a backup, another day frozen; then the backup in place of the database."""
    cold.land(OLDER, 400)
    cold.land(OLD, 300, first=5_000)
    cold.archive(OLDER)
    cold.engine.dispose()
    backup = servers.create_database(database_of(cold.settings.database.owner_url))
    before = cold.all()
    cold.archive(OLD)
    for name, url in servers.roles(backup).items():
        monkeypatch.setenv(name, url)
    settings.cache_clear()
    with cold_over(settings()) as made:
        yield made, before
    servers.drop_database(backup)


def test_a_database_older_than_its_archive_is_told_and_no_row_is_seen_twice(restored: Any) -> None:
    backup, before = restored
    sound, older = problems(backup)
    assert sound is None
    assert "this database is older than its archive" in (older or "")
    assert "HotColdDisagree" in (older or "")
    assert backup.all() == before, "the file that it does not know is no part of its data"


def test_the_runbook_puts_it_right_the_same_rows_become_the_same_file(restored: Any) -> None:
    backup, before = restored
    files = {path: path.read_bytes() for path in backup.folder.rglob("*.parquet")}
    (outcome,) = backup.archive(OLD)
    assert outcome.problem is None
    assert {path: path.read_bytes() for path in backup.folder.rglob("*.parquet")} == files
    assert problems(backup) == [None, None]
    assert (backup.hot(), backup.all()) == ([], before)


def test_a_broken_store_is_told_otherwise(cold: Cold) -> None:
    cold.land(OLD, 300)
    cold.archive(OLD)
    next(iter(cold.folder.rglob("*.parquet"))).unlink()
    assert problems(cold) == ["is missing"]
