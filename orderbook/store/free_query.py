"""SQL of a user's own over the stored rows.

What keeps it from writing is Postgres: the transaction is read-only and cannot be made otherwise any more, and the
reader's role need not have more than SELECT.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orderbook.errors import BadQuery, Refused
from orderbook.store.database import ENVIRONMENT, sqlstate
from orderbook.store.reader import Reader

CANCELED = "57014"
TRANSACTION_STATE = "25"  # the class of what a read-only transaction refuses
_ROWS_AT_ONCE = 5_000  # of a result that may be larger than this machine's memory
_STARTS_A_RESULT = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(?:select|values|table|with)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Column names, each once, and the rows; read them before the snapshot closes."""

    columns: list[str]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def answered(reader: Reader, sql: str) -> Iterator[Answer]:
    """The answer to ``sql``, fetched in portions as its rows are read.

    Raises ``BadQuery`` with Postgres' own words where the SQL is wrong or would write, ``Refused`` where it takes
    longer than the reader's time, ``Unavailable``: at once or while rows are read.
    """
    with reader.snapshot() as connection:
        try:
            yield _ask(connection, sql)
        except (DBAPIError, psycopg2.Error) as error:
            raise _meaning(error) from error


def _ask(connection: Connection, sql: str) -> Answer:
    # a cursor on the server takes only what has a result of its own: EXPLAIN and SHOW go without
    streamed = bool(_STARTS_A_RESULT.match(sql))
    asking = connection.execution_options(no_parameters=True, stream_results=streamed, max_row_buffer=_ROWS_AT_ONCE)
    result = asking.exec_driver_sql(sql)
    if not result.returns_rows:
        return Answer([], iter(()))
    return Answer(_each_once(list(result.keys())), (tuple(row) for row in result))


def _each_once(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        fresh, number = name, 2
        while fresh in found:
            fresh, number = f"{name}_{number}", number + 1
        found.append(fresh)
    return found


def _meaning(error: DBAPIError | psycopg2.Error) -> Exception:
    code = sqlstate(error)
    if code == CANCELED:
        return Refused("the query took longer than --timeout allows")
    if code is None or (code[:2] in ENVIRONMENT - {TRANSACTION_STATE}):
        return error
    diagnostics = getattr(getattr(error, "orig", None) or error, "diag", None)
    told = [getattr(diagnostics, part, None) for part in ("message_primary", "message_detail", "message_hint")]
    return BadQuery("; ".join(filter(None, told)))
