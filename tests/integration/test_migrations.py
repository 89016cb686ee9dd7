"""The schema: up, down, up; declared once; and never in the way of those who read."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from orderbook.config import settings
from orderbook.errors import Unavailable
from orderbook.store import database
from orderbook.store.database import engine_for
from orderbook.store.days import make_day, make_days_ahead, missing_days
from orderbook.store.drift import drift
from orderbook.store.schema import downgrade, schema_revisions, upgrade
from tests.servers import Stack

# everything that a schema holds: relations with their options, columns, constraints, indexes, functions
SHAPE = """
    SELECT 'relation', c.relname, c.relkind::text, c.reloptions::text, pg_get_partkeydef(c.oid) FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'column', a.attrelid::regclass::text, a.attname,
           format('%s %s %s', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation),
           a.attidentity::text || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef, NULL FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'function', proname, pg_get_functiondef(oid), proacl::text, prosecdef::text FROM pg_proc
     WHERE pronamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3
"""
DAY = date(2026, 1, 5)


@pytest.fixture
def engine(stack: Stack) -> Iterator[Engine]:
    """Of a database at the schema's head."""
    made = engine_for(settings().database, "ingest", name="test")
    yield made
    made.dispose()


def shape(url: str) -> list[Any]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(SHAPE)
        return cursor.fetchall()


@contextmanager
def transaction(url: str, *statements: str) -> Iterator[Any]:
    """Another session, in a transaction that has run ``statements``."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        yield cursor
        connection.rollback()


def test_up_down_up_leaves_the_same_schema(empty_database_url: str) -> None:
    before = shape(empty_database_url)
    upgrade(empty_database_url)
    first = shape(empty_database_url)
    downgrade(empty_database_url, "base")
    assert [row for row in shape(empty_database_url) if "alembic_version" not in str(row)] == before
    upgrade(empty_database_url)
    assert shape(empty_database_url) == first
    assert first != before


def test_a_schema_with_days_and_rows_goes_down_whole(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    with closing(psycopg2.connect(empty_database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT make_ticks_day('2026-01-05')")
        connection.commit()
    downgrade(empty_database_url, "base")
    assert not [row for row in shape(empty_database_url) if "ticks" in str(row)]


def test_upgrading_twice_changes_nothing(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    once = shape(empty_database_url)
    upgrade(empty_database_url)
    assert shape(empty_database_url) == once


def test_two_migrators_at_once_make_one_schema(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    command = [sys.executable, "-c", "from orderbook.store.schema import upgrade; upgrade()"]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    assert any("make_ticks_day" in row for row in shape(empty_database_url))


def test_the_database_has_the_revision_that_the_code_wants(engine: Engine) -> None:
    has, wants = schema_revisions(engine)
    assert has == wants != ""


def test_the_migrations_make_the_tables_that_are_declared(engine: Engine) -> None:
    with engine.connect() as connection:
        make_day(connection, DAY)  # a partition is no drift
    assert drift(engine) == []


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DROP INDEX ticks_place", "ticks_place"),
        ("ALTER TABLE quarantine ALTER detail TYPE varchar(100)", "detail"),
        ("ALTER TABLE ticks ALTER bid_price TYPE numeric(20, 9)", "bid_price"),
        ("ALTER TABLE offset_range ALTER deaths SET DEFAULT 1", "deaths"),
        ("ALTER TABLE offset_range DROP CONSTRAINT every_offset_counted", "every_offset_counted"),
        ("ALTER TABLE alarm ADD COLUMN more text", "more"),
        ("ALTER TABLE alarm ALTER detail DROP NOT NULL", "detail"),
        ("DROP TABLE alarm", "alarm"),
        ("CREATE TABLE other (id int)", "other"),
    ],
)
def test_a_schema_that_was_changed_by_hand_has_drifted(engine: Engine, statement: str, named: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))
    assert any(named in line for line in drift(engine))


def test_a_migration_that_waits_for_a_lock_gives_up(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else those who come to read would queue behind it."""
    upgrade(empty_database_url)
    with transaction(empty_database_url, "SELECT count(*) FROM alarm"):
        with pytest.raises(Unavailable):
            downgrade(empty_database_url, "base")
        with transaction(empty_database_url, "SET lock_timeout = '1s'", "SELECT count(*) FROM alarm"):
            pass
    downgrade(empty_database_url, "base")


def test_a_day_is_made_once(engine: Engine) -> None:
    with engine.connect() as connection:
        assert missing_days(connection, [DAY, DAY + timedelta(days=1)]) == [DAY, DAY + timedelta(days=1)]
        assert [make_day(connection, DAY) for _ in range(3)] == [True, False, False]
        assert missing_days(connection, [DAY]) == []


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(2199, 12, 31)])
def test_a_day_takes_its_first_and_its_last_microsecond_in_utc(engine: Engine, day: date) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET TimeZone = 'America/St_Johns'"))
        connection.commit()
        assert make_day(connection, day)
        for at in (f"{day}T00:00:00Z", f"{day}T23:59:59.999999Z"):
            with connection.begin():
                connection.execute(
                    text("INSERT INTO ticks VALUES ('X', :at, :at, 1, 2, 1, 1, 1, now(), 1, 0, 0)"), {"at": at}
                )
        with connection.begin():
            rows = connection.execute(text(f"SELECT count(*) FROM ticks_{day:%Y%m%d}")).scalar_one()
    assert rows == 2


@pytest.mark.parametrize("day", [date(1899, 12, 31), date(2200, 1, 1), date(1, 1, 1), date(9999, 12, 31)])
def test_a_day_out_of_bounds_is_refused(engine: Engine, day: date) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as refused:
        make_day(connection, day)
    assert database.sqlstate(refused.value) == "22008"


def test_a_day_has_the_indexes_and_defaults_of_ticks(engine: Engine) -> None:
    with engine.connect() as connection:
        make_day(connection, DAY)
        with connection.begin():
            indexes = connection.execute(
                text("SELECT count(*) FROM pg_index WHERE indrelid = 'ticks_20260105'::regclass")
            ).scalar_one()
    assert indexes == 2


def test_a_day_does_not_wait_for_a_long_reader(engine: Engine, stack: Stack) -> None:
    reading = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM ticks")
    with engine.connect() as connection:
        make_day(connection, DAY)
        with transaction(stack.database_url, *reading) as reader:
            connection.execute(text("SET lock_timeout = '500ms'"))
            connection.commit()
            assert make_day(connection, DAY + timedelta(days=1))
            reader.execute("SELECT count(*) FROM ticks")
            assert reader.fetchone() == (0,)


def test_two_sessions_at_once_make_one_day(engine: Engine, stack: Stack) -> None:
    with transaction(stack.database_url, "SELECT make_ticks_day('2026-01-05')") as first:
        made: list[bool] = []

        def second() -> None:
            with engine.connect() as connection:
                made.append(make_day(connection, DAY))

        other = threading.Thread(target=second)
        other.start()
        first.execute("COMMIT")
        other.join(30)
    assert made == [False]


def test_days_ahead_are_yesterday_today_and_the_next(engine: Engine) -> None:
    made = make_days_ahead(engine, 3)
    assert [b - a for a, b in pairwise(made)] == [timedelta(days=1)] * 4
    assert make_days_ahead(engine, 3) == []
