"""Rows read by COPY, a block after the other or all at once: all of them, in order, or an error."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest
from psycopg2.errors import DivisionByZero
from pydantic import SecretStr
from sqlalchemy import Connection, text

from orderbook.sections import DatabaseSettings
from orderbook.store.reader import Reader
from orderbook.store.rows.copy_out import BLOCK_BYTES, STORED, copied, copied_whole

NUMBERS = pa.schema([STORED.field("symbol"), STORED.field("sequence_id")])
AS_TEXT = pa.schema([("symbol", pa.string()), ("number", pa.int64())])  # no column of ticks: read as CSV
MANY = BLOCK_BYTES // 5  # rows: some blocks of them
SELECT = f"SELECT 'S', generate_series(1::bigint, {MANY})"

Copy = Callable[[Connection, str, pa.Schema], pa.Table]


def streamed(connection: Connection, query: str, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(copied(connection, query, schema), schema)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with Reader(DatabaseSettings(url=SecretStr(database_url))) as reader, reader.engine.connect() as made:
        yield made


@pytest.mark.parametrize("copy", [streamed, copied_whole])
@pytest.mark.parametrize("schema", [NUMBERS, AS_TEXT])
def test_rows_of_many_blocks_come_in_their_order(connection: Connection, copy: Copy, schema: pa.Schema) -> None:
    found = copy(connection, SELECT, schema)
    assert found.column(0).num_chunks > 1
    assert found.column(1).to_pylist() == list(range(1, MANY + 1))


@pytest.mark.parametrize("copy", [streamed, copied_whole])
def test_no_rows_are_a_table_without_rows(connection: Connection, copy: Copy) -> None:
    assert copy(connection, "SELECT 'S', 1::bigint WHERE false", NUMBERS).equals(NUMBERS.empty_table())


@pytest.mark.parametrize("copy", [streamed, copied_whole])
def test_a_copy_that_fails_behind_its_first_block_is_an_error(connection: Connection, copy: Copy) -> None:
    with pytest.raises(DivisionByZero, match="division by zero"):
        copy(connection, f"SELECT 'S', n / ({MANY} - n) FROM generate_series(1::bigint, {MANY}) AS n", NUMBERS)


@pytest.mark.parametrize("copy", [streamed, copied_whole])
def test_rows_that_are_none_of_the_columns_are_an_error(connection: Connection, copy: Copy) -> None:
    with pytest.raises(ValueError, match="has not 8 bytes"):
        copy(connection, f"SELECT 'S', n FROM generate_series(1, {MANY}) AS n", NUMBERS)
    connection.rollback()
    assert connection.execute(text("SELECT 1")).scalar_one() == 1  # who borrows it next finds it usable


def test_a_copy_that_is_left_early_ends(connection: Connection) -> None:
    batches: Any = copied(connection, SELECT.replace(str(MANY), "1000000000000"), NUMBERS)
    with closing(batches):
        assert next(batches).num_rows < MANY
    assert not [thread for thread in threading.enumerate() if thread.name == "copy-out"]
