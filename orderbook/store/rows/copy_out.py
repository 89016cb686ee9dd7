"""Rows of Postgres as Arrow batches: by COPY, parsed as they come. Every digit is kept; memory is bounded.

Ticks come in binary, which costs Postgres and us two thirds of what CSV does; all other tables as CSV.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from queue import Empty, Queue
from types import SimpleNamespace
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection

from orderbook.store.database import translated
from orderbook.store.rows import binary_rows
from orderbook.tick import DECIMAL_PLACES, MAX_DIGITS

BLOCK_BYTES: Final = 2 * 2**20  # parsed at a time: what is made of some 14,000 ticks stays in the cache
EXACT: Final = pa.decimal128(MAX_DIGITS, DECIMAL_PLACES)
INSTANT: Final = pa.timestamp("us", tz="UTC")
STORED: Final = pa.schema(  # a row of ``ticks``, column by column
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("event_time", INSTANT, nullable=False),
        pa.field("received_time", INSTANT, nullable=False),
        pa.field("bid_price", EXACT),
        pa.field("ask_price", EXACT),
        pa.field("bid_volume", EXACT),
        pa.field("ask_volume", EXACT),
        pa.field("sequence_id", pa.int64(), nullable=False),
        pa.field("landed_at", INSTANT, nullable=False),
        pa.field("generation_id", pa.int16(), nullable=False),
        pa.field("kafka_partition", pa.int32(), nullable=False),
        pa.field("kafka_offset", pa.int64(), nullable=False),
    ]
)

_COLUMNS: Final = frozenset(STORED)
_LOOK_SECONDS: Final = 0.1  # how often a reader who leaves looks whether the COPY has ended


def copied(
    connection: Connection, query: str, schema: pa.Schema, arguments: Mapping[str, Any] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of ``query`` in batches of ``schema``, whose columns it must select in order.

    ``arguments`` are bound as psycopg2 does (``%(name)s``). Leave the iterator early and the statement is cancelled,
    the transaction spoilt. Raises ``Unavailable``.
    """
    driver: Any = connection.connection.driver_connection
    with translated(), driver.cursor() as cursor:
        statement, parse = _asked(cursor, query, schema, arguments)
        with closing(_batches(driver, cursor, statement, parse)) as batches:
            yield from batches


def copied_whole(
    connection: Connection, query: str, schema: pa.Schema, arguments: Mapping[str, Any] | None = None
) -> pa.Table:
    """All rows of ``query`` at once, as ``copied`` has them, without a thread that waits for another."""
    driver: Any = connection.connection.driver_connection
    batches: list[pa.RecordBatch] = []
    with translated(), driver.cursor() as cursor:
        statement, parse = _asked(cursor, query, schema, arguments)
        _copy(cursor, statement, parse, batches.append)
    return pa.Table.from_batches(batches, schema)


_Parse = Callable[[list[bytes]], pa.RecordBatch]


def _asked(cursor: Any, query: str, schema: pa.Schema, arguments: Mapping[str, Any] | None) -> tuple[bytes, _Parse]:
    of_ticks = all(column in _COLUMNS for column in schema)
    form, parse = ("binary", binary_rows.read) if of_ticks else ("csv", _read_csv)
    statement: bytes = cursor.mogrify(f"COPY ({query}) TO STDOUT (FORMAT {form})", arguments)
    return statement, lambda rows: parse(rows, schema)


def _batches(driver: Any, cursor: Any, statement: bytes, parse: _Parse) -> Generator[pa.RecordBatch, None, None]:
    batches: Queue[pa.RecordBatch | None] = Queue(1)
    failed: list[BaseException] = []

    def copy() -> None:
        try:
            _copy(cursor, statement, parse, batches.put)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the rows are not all of them: the reader raises it
            failed.append(error)
        finally:
            batches.put(None)

    copying = threading.Thread(target=copy, name="copy-out", daemon=True)
    copying.start()
    try:
        while (batch := batches.get()) is not None:
            yield batch
    except BaseException:  # who reads has left, too
        driver.cancel()
        while copying.is_alive():
            with suppress(Empty):
                batches.get(timeout=_LOOK_SECONDS)
        raise
    copying.join()
    if failed:
        raise failed[0]


def _copy(cursor: Any, statement: bytes, parse: _Parse, take: Callable[[pa.RecordBatch], object]) -> None:
    """Run the COPY, and parse its rows in this same thread: in another one, both would ask for the interpreter at every
    row. Meanwhile Postgres goes on into the socket's buffers.
    """
    rows: list[bytes] = []
    gathering = _gathering(rows, lambda: take(parse(rows)))
    next(gathering)
    cursor.copy_expert(statement, SimpleNamespace(write=gathering.send))
    if rows:
        take(parse(rows))


def _gathering(rows: list[bytes], hand_over: Callable[[], object]) -> Generator[None, bytes, None]:
    """Takes a row at a time, as psycopg2 hands them out. (To resume a generator takes half the time of a call.)"""
    while True:
        size = 0
        while size < BLOCK_BYTES:
            row = yield
            rows.append(row)
            size += len(row)
        hand_over()
        rows.clear()


def _read_csv(rows: list[bytes], schema: pa.Schema) -> pa.RecordBatch:
    text = b"".join(rows)
    found = pyarrow.csv.read_csv(
        pa.BufferReader(text),
        read_options=pyarrow.csv.ReadOptions(column_names=schema.names, block_size=len(text) + 1, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,  # Postgres quotes a text that is empty, and no NULL
        ),
    )
    (whole,) = found.combine_chunks().to_batches()
    return pa.RecordBatch.from_arrays(whole.columns, schema=schema)
