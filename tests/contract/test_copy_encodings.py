"""Binary and CSV COPY land the same rows, whatever is in them, and what is read back in binary is what is there."""

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

from orderbook.store.rows import binary_rows
from orderbook.store.rows.copy_out import EXACT, INSTANT
from orderbook.store.rows.encoding import BINARY_AVAILABLE, copy_input

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


READ = SCHEMA.remove(SCHEMA.get_field_index("raw"))


LANDED = f"SELECT {', '.join(READ.names)} FROM copied ORDER BY ctid"


class Messages(list[bytes]):
    """What psycopg2 writes, one by one."""

    write = list.append


def out(cursor: Any, query: str = LANDED) -> list[bytes]:
    messages = Messages()
    cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", messages)
    return messages


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@example([NULLS])
@example([ODD, NULLS, ODD])
@example([])
@given(made=st.lists(rows, max_size=8))
def test_what_is_read_in_binary_is_what_is_there(cursor: Any, made: list[Row]) -> None:
    arrays = [pa.array([row[n] for row in made], field.type) for n, field in enumerate(SCHEMA)]
    land(cursor, pa.Table.from_arrays(arrays, schema=SCHEMA), binary=False)
    found = binary_rows.read(out(cursor), READ)
    found.validate(full=True)
    assert found.schema == READ
    assert [tuple(row.values()) for row in found.to_pylist()] == [(*row[:4], *row[5:]) for row in made]


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "1000000000000", "1000000000", "0.0000000001", "0.0000000000001"]
)
def test_a_number_that_no_tick_can_have_is_refused(cursor: Any, number: str) -> None:
    messages = out(cursor, f"SELECT numeric '{number}'")
    with pytest.raises(ValueError, match="none of nine digits and nine decimals"):
        binary_rows.read(messages, pa.schema([("price", EXACT)]))


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (READ.remove(5), "another number of columns"),
        (READ.set(3, pa.field("sequence", pa.int32())), "has not 4 bytes"),
    ],
)
def test_rows_of_other_columns_are_refused(cursor: Any, schema: pa.Schema, told: str) -> None:
    arrays = [pa.array([value], field.type) for value, field in zip(ODD, SCHEMA, strict=True)]
    land(cursor, pa.Table.from_arrays(arrays, schema=SCHEMA), binary=False)
    with pytest.raises(ValueError, match=told):
        binary_rows.read(out(cursor), schema)
