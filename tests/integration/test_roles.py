"""What each role may do, and no more."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege, ObjectNotInPrerequisiteState, ReadOnlySqlTransaction

from tests.servers import RunningServers


@contextmanager
def as_role(servers: RunningServers, url: str, variable: str) -> Iterator[psycopg2.extensions.cursor]:
    with closing(psycopg2.connect(servers.roles(url)[variable])) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ticks",
        "UPDATE ticks SET bid_price = 1",
        "TRUNCATE ticks",
        "DROP TABLE ticks",
        "DELETE FROM quarantine",
        "UPDATE quarantine SET value = NULL",
        "UPDATE operator_action SET done_by = 'somebody else'",
        "CREATE TABLE ours (id integer)",
        "ALTER TABLE ticks DISABLE TRIGGER ALL",
        "UPDATE expectation_result SET passed = true",
    ],
)
def test_who_ingests_changes_nothing_that_is_stored(servers: RunningServers, database_url: str, statement: str) -> None:
    with (
        as_role(servers, database_url, "ORDERBOOK_DATABASE__INGEST_URL") as cursor,
        pytest.raises(InsufficientPrivilege),
    ):
        cursor.execute(statement)


def test_who_ingests_makes_days_only_by_the_function(servers: RunningServers, database_url: str) -> None:
    with as_role(servers, database_url, "ORDERBOOK_DATABASE__INGEST_URL") as cursor:
        cursor.execute("SELECT make_ticks_day(DATE '2026-03-01')")
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO ticks SELECT * FROM ticks", "DELETE FROM offset_range", "SELECT make_ticks_day(DATE '2026-03-01')"],
)
def test_who_reads_writes_nothing(servers: RunningServers, database_url: str, statement: str) -> None:
    with (
        as_role(servers, database_url, "ORDERBOOK_DATABASE__READER_URL") as cursor,
        pytest.raises((InsufficientPrivilege, ReadOnlySqlTransaction)),
    ):
        cursor.execute(statement)


def test_who_reads_sees_all_that_commands_show(servers: RunningServers, database_url: str) -> None:
    tables = ["ticks", "quarantine", "offset_range", "partition_cursor", "topic_generation", "alarm", "operator_action"]
    tables += ["expectation_run", "expectation_result"]
    with as_role(servers, database_url, "ORDERBOOK_DATABASE__READER_URL") as cursor:
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ticks",
        "UPDATE ticks SET bid_price = 1",
        "TRUNCATE ticks",
        "DROP TABLE ticks",
        "DELETE FROM offset_range",
        "UPDATE partition_cursor SET committed = 0",
        "DELETE FROM quarantine",
        "DELETE FROM operator_action",
        "CREATE TABLE ours (id integer)",
    ],
)
def test_who_archives_changes_nothing_but_the_manifest(
    servers: RunningServers, database_url: str, statement: str
) -> None:
    with (
        as_role(servers, database_url, "ORDERBOOK_DATABASE__ARCHIVER_URL") as cursor,
        pytest.raises(InsufficientPrivilege),
    ):
        cursor.execute(statement)


def test_who_archives_drops_a_day_only_by_the_function_that_compares_it(
    servers: RunningServers, database_url: str
) -> None:
    with as_role(servers, database_url, "ORDERBOOK_DATABASE__ARCHIVER_URL") as cursor:
        cursor.execute("SELECT make_ticks_day(DATE '2026-03-01')")
        cursor.execute("SELECT freeze_ticks_day(DATE '2026-03-01', NULL)")
        assert cursor.fetchone() == (True,), "a day without rows"
        cursor.execute("SELECT make_ticks_day(DATE '2026-03-02')")
        cursor.connection.commit()
        with pytest.raises(ObjectNotInPrerequisiteState, match="was not read back"):
            cursor.execute("SELECT freeze_ticks_day(DATE '2026-03-02', 4711)")
        cursor.connection.rollback()
        with pytest.raises(InsufficientPrivilege):
            cursor.execute("DROP TABLE ticks_20260302")


@pytest.mark.parametrize("role", ["INGEST", "READER"])
@pytest.mark.parametrize(
    "statement",
    ["SELECT freeze_ticks_day(DATE '2026-03-01', NULL)", "SELECT hold_ticks_day(DATE '2026-03-01')"]
    + [f"DELETE FROM {table}" for table in ("cold_file", "cold_extent", "cold_run")],
)
def test_nobody_else_freezes_a_day_or_writes_the_manifest(
    servers: RunningServers, database_url: str, role: str, statement: str
) -> None:
    with (
        as_role(servers, database_url, f"ORDERBOOK_DATABASE__{role}_URL") as cursor,
        pytest.raises((InsufficientPrivilege, ReadOnlySqlTransaction)),
    ):
        cursor.execute(statement)
