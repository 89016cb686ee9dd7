"""Connections to Postgres by role, and what its errors mean here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg2
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from orderbook.errors import Busy, OutOfTime, Refused, TripWire, Unavailable
from orderbook.sections import DatabaseSettings

Role = Literal["ingest", "reader", "archiver", "migrator"]

# SQLSTATE classes in which Postgres has failed, not the data: connection, transaction state, rollback, resources, lock
# not available, operator intervention, system, internal
ENVIRONMENT: frozenset[str] = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})
ROW: frozenset[str] = frozenset({"22", "23"})
OUT_OF_TIME: frozenset[str] = frozenset({"25P03", "25P04", "57014"})  # idle, transaction and statement timeouts
UNIQUE_VIOLATION = "23505"
BUSY_SECONDS = 3.0
CHECK_VIOLATION = "23514"
UNDEFINED: frozenset[str] = frozenset({"42P01", "42703", "42883"})  # table, column, function


@dataclass(frozen=True, slots=True)
class Backend:
    """One server process of Postgres: its pid, and when it started, since pids come again."""

    pid: int
    started: datetime


def engine_for(
    database: DatabaseSettings,
    role: Role,
    *,
    name: str,
    transaction_seconds: float | None = None,
    connections: int | None = None,
) -> Engine:
    """An engine that connects on first use and keeps one connection. Not fork-safe: make it after the fork.

    ``connections`` is for many threads: that many at most, and whoever finds none free for a while is told ``Busy``.
    ``transaction_seconds`` lets Postgres end a transaction that lasts or idles for longer, even when this process is
    stopped: a lock is never held for ever.
    """
    url = getattr(database, f"{role}_url") or database.url
    options = ["-c lock_timeout=5s", "-c default_transaction_isolation=read\\ committed"]
    if transaction_seconds is not None:
        milliseconds = int(transaction_seconds * 1000)
        options += [
            f"-c transaction_timeout={milliseconds}",
            f"-c idle_in_transaction_session_timeout={min(milliseconds, 10_000)}",
        ]
    if role == "reader":
        options += ["-c default_transaction_read_only=on"]
    engine = create_engine(
        url.get_secret_value(),
        pool_size=connections or 1,
        max_overflow=0 if connections else 2,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": name,
            "options": " ".join(options),
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        },
    )
    event.listen(engine, "connect", _remember_backend)
    return engine


def _remember_backend(connection: Any, record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        record.info["backend"] = Backend(*cursor.fetchone())
    connection.rollback()


def backend_of(connection: Connection) -> Backend:
    """Which server process serves ``connection``."""
    backend: Backend = connection.info["backend"]
    return backend


@contextmanager
def translated() -> Iterator[None]:
    """Turn Postgres' errors into ours: the environment's ``Unavailable``, a double key's ``TripWire``; others pass."""
    try:
        yield
    except PoolExhausted as error:
        raise Busy("every connection to Postgres is in use") from error
    except DBAPIError as error:
        raise _meaning(error) from error
    except psycopg2.Error as error:
        raise _meaning(error) from error


def _meaning(error: DBAPIError | psycopg2.Error) -> Exception:
    code = sqlstate(error)
    text_of = str(getattr(error, "orig", error)).strip()
    if code in OUT_OF_TIME:
        return OutOfTime(f"Postgres: {text_of}")
    if code is None or code[:2] in ENVIRONMENT:  # a lost connection has no SQLSTATE
        return Unavailable(f"Postgres: {text_of}")
    if code == UNIQUE_VIOLATION:
        return TripWire(text_of)
    if code == CHECK_VIOLATION and constraint_of(error) is None:
        return Unavailable(f"Postgres: {text_of}")  # the day's partition went away under us
    return error


@contextmanager
def told_of_schema() -> Iterator[None]:
    """Turn what an operator's command meets in a database without our tables into ``Refused``, with the way out."""
    try:
        yield
    except DBAPIError as error:
        if sqlstate(error) in UNDEFINED:
            raise Refused("the database lacks this code's tables: orderbook db upgrade") from error
        raise


def sqlstate(error: DBAPIError | psycopg2.Error) -> str | None:
    """The five characters that say what happened; None for a lost connection."""
    code = getattr(getattr(error, "orig", None) or error, "pgcode", None)
    return None if code is None else str(code)


def constraint_of(error: DBAPIError | psycopg2.Error) -> str | None:
    """The constraint that was violated, if it was one."""
    diagnostics = getattr(getattr(error, "orig", None) or error, "diag", None)
    return getattr(diagnostics, "constraint_name", None)


def server_version(engine: Engine) -> int:
    """``server_version_num`` of Postgres, for example 180001."""
    with translated(), engine.connect() as connection:
        return int(connection.execute(text("SHOW server_version_num")).scalar_one())
