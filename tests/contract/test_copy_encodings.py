"""Binary and CSV COPY land the same rows, whatever is in them."""

import string
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orderbook.store.copy_out import EXACT, INSTANT
from orderbook.store.encoding import BINARY_AVAILABLE, copy_input

SCHEMA = pa.schema(
    [("symbol", pa.string()), ("at", INSTANT), ("price", EXACT), ("sequence", pa.int64()), ("raw", pa.binary()),
     ("small", pa.int16()), ("mid", pa.int32())]
)  # fmt: skip
TABLE = """
    CREATE TEMPORARY TABLE copied (
        symbol text COLLATE "C", at timestamptz, price numeric(18, 9), sequence bigint, raw bytea,
        small smallint, mid integer)
"""
MEANINGFUL = [
    r"\.",
    r"\N",
    "",
    " ",
    '"',
    '""',
    "'",
    "\\",
    "\\\\",
    ",",
    "NULL",
    "\\x00",
    "a,b",
    'say "hi"',
    "\t",
    "\n",
    "\r\n",
    "a\\nb",
]
printable = st.sampled_from(MEANINGFUL) | st.text(string.printable, max_size=20) | st.text(max_size=20)
texts = printable.filter(lambda text: "\0" not in text and text.isascii() | text.isprintable())
raws = st.sampled_from([text.encode() for text in MEANINGFUL] + [b"\0", b"\xff", b"\\."]) | st.binary(max_size=40)
prices = st.sampled_from(
    [
        Decimal(text)
        for text in (
            "0",
            "-0",
            "0.000000001",
            "-0.000000001",
            "999999999.999999999",
            "-999999999.999999999",
            "1E+8",
            "10000",
            "0.0001",
        )
    ]
) | st.decimals("-999999999.999999999", "999999999.999999999", places=9, allow_nan=False)
instants = st.sampled_from(
    [
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(2199, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC),
    ]
) | st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone
rows = st.tuples(
    st.none() | texts,
    st.none() | instants,
    st.none() | prices,
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | raws,
    st.none() | st.integers(-(2**15), 2**15 - 1),
    st.none() | st.integers(-(2**31), 2**31 - 1),
)
Row = tuple[Any, ...]
NULLS: Row = (None,) * 7
ODD: Row = (r"\.", datetime(1970, 1, 1, tzinfo=UTC), Decimal("-0.000000001"), 0, b"\\.\n\\N\"',\r\0", 0, 0)


@pytest.fixture
def cursor(database_url: str) -> Iterator[Any]:
    """A cursor with a table to copy into."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as made:
        made.execute("SET TimeZone = 'Asia/Kathmandu'")  # no encoding may lean on the session's zone
        made.execute(TABLE)
        yield made


def land(cursor: Any, table: pa.Table, *, binary: bool) -> list[Row]:
    """The rows as Postgres has them, the first column's order kept."""
    cursor.execute("TRUNCATE copied")
    options, source = copy_input(table, binary=binary)
    cursor.copy_expert(f"COPY copied ({', '.join(table.column_names)}) FROM STDIN ({options})", source)
    assert cursor.rowcount == table.num_rows
    cursor.execute("SELECT symbol, at, price, sequence, raw, small, mid FROM copied ORDER BY ctid")
    return [(*row[:4], None if row[4] is None else bytes(row[4]), *row[5:]) for row in cursor.fetchall()]


@pytest.mark.parametrize(
    "binary", [pytest.param(True, marks=pytest.mark.skipif(not BINARY_AVAILABLE, reason="no pgpq here")), False]
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@example([NULLS])
@example([ODD, NULLS, ODD])
@example([])
@given(made=st.lists(rows, max_size=8))
def test_what_is_copied_is_what_was_there(cursor: Any, binary: bool, made: list[Row]) -> None:
    arrays = [pa.array([row[n] for row in made], field.type) for n, field in enumerate(SCHEMA)]
    assert land(cursor, pa.Table.from_arrays(arrays, schema=SCHEMA), binary=binary) == made


@pytest.mark.parametrize(
    "binary", [pytest.param(True, marks=pytest.mark.skipif(not BINARY_AVAILABLE, reason="no pgpq here")), False]
)
def test_a_slice_and_a_table_of_many_chunks_are_copied_whole(cursor: Any, binary: bool) -> None:
    made = [(f"S{n}", datetime(2026, 1, 5, tzinfo=UTC), Decimal(n), n, bytes([n]), n, n) for n in range(200)]
    arrays = [pa.array([row[n] for row in made], field.type) for n, field in enumerate(SCHEMA)]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    chunked = pa.concat_tables([table.slice(start, 7) for start in range(0, 200, 7)])
    assert land(cursor, chunked, binary=binary) == made
    assert land(cursor, chunked.slice(33, 101), binary=binary) == made[33:134]
