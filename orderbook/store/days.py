"""The daily partitions of ``ticks``, made before they are needed. Days are UTC."""

from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from orderbook.store.database import sqlstate, translated

DUPLICATE_TABLE = "42P07"
MOST_NEW_DAYS = 8  # in one landing: a producer with a broken clock must not make a thousand tables

MISSING = text("""
    SELECT day FROM unnest(CAST(:days AS date[])) AS day
    WHERE to_regclass('public.ticks_' || to_char(day, 'YYYYMMDD')) IS NULL
    ORDER BY day
""")
MAKE = text("SELECT make_ticks_day(:day)")
TODAY = text("SELECT (now() AT TIME ZONE 'UTC')::date")
DAYS = text("""
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day, c.reltuples::bigint AS rows,
           pg_total_relation_size(c.oid) AS bytes
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.ticks'::regclass ORDER BY day
""")


def missing_days(connection: Connection, days: Iterable[date]) -> list[date]:
    """Those of ``days`` that have no partition yet."""
    with translated(), connection.begin():
        return list(connection.execute(MISSING, {"days": sorted(days)}).scalars())


def make_day(connection: Connection, day: date) -> bool:
    """Make the partition of ``day``, durable when this returns; False where it was there."""
    try:
        with translated(), connection.begin():
            return bool(connection.execute(MAKE, {"day": day}).scalar_one())
    except DBAPIError as error:
        if sqlstate(error) == DUPLICATE_TABLE:
            return False  # made while we waited for its lock: our backend still remembered that there was none
        raise


def make_days_ahead(engine: Engine, ahead: int) -> list[date]:
    """Make yesterday's, today's and the next ``ahead`` days' partitions; returns the new ones."""
    with translated(), engine.connect() as connection:
        with connection.begin():
            today: date = connection.execute(TODAY).scalar_one()
        wanted = [today + timedelta(days=n) for n in range(-1, ahead + 1)]
        return [day for day in missing_days(connection, wanted) if make_day(connection, day)]


def list_days(engine: Engine) -> list[tuple[date, int, int]]:
    """Each day's partition with its estimated rows and its bytes on disk."""
    with translated(), engine.connect() as connection:
        return [(row.day, row.rows, row.bytes) for row in connection.execute(DAYS)]
