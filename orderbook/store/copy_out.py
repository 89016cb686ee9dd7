"""Rows of Postgres as Arrow batches: by COPY, parsed as they come. Every digit is kept; memory is bounded.

Ticks come in binary, which costs Postgres and us two thirds of what CSV does; all other tables as CSV.
"""

import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from queue import Empty, Queue
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection

from orderbook.store import binary_rows
from orderbook.store.database import translated
from orderbook.tick import DECIMAL_PLACES, MAX_DIGITS

BLOCK_BYTES: Final = 4 * 2**20  # parsed at a time
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
        of_ticks = all(column in _COLUMNS for column in schema)
        form, parse = ("binary", binary_rows.read) if of_ticks else ("csv", _read_csv)
        statement = cursor.mogrify(f"COPY ({query}) TO STDOUT (FORMAT {form})", arguments)
        with closing(_blocks(driver, cursor, statement)) as blocks:
            for rows in blocks:
                yield parse(rows, schema)


def _blocks(driver: Any, cursor: Any, statement: bytes) -> Generator[list[bytes], None, None]:
    sink = _Sink()
    failed: list[BaseException] = []

    def copy() -> None:
        try:
            cursor.copy_expert(statement, sink)
            sink.hand_over()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the rows are not all of them: the reader raises it
            failed.append(error)
        finally:
            sink.blocks.put(None)

    copying = threading.Thread(target=copy, name="copy-out", daemon=True)
    copying.start()
    try:
        while (rows := sink.blocks.get()) is not None:
            yield rows
    except BaseException:  # who reads has left, too
        driver.cancel()
        while copying.is_alive():
            with suppress(Empty):
                sink.blocks.get(timeout=_LOOK_SECONDS)
        raise
    copying.join()
    if failed:
        raise failed[0]


class _Sink:
    """Takes a row at a time, as psycopg2 hands them out, and hands them on in blocks of some megabytes.

    Through a pipe from thread to thread both ask for the interpreter at every row.
    """

    def __init__(self) -> None:
        self.blocks: Queue[list[bytes] | None] = Queue(1)
        self._rows: list[bytes] = []
        self._size = 0

    def write(self, row: bytes) -> None:
        self._rows.append(row)
        self._size += len(row)
        if self._size >= BLOCK_BYTES:
            self.hand_over()

    def hand_over(self) -> None:
        """Wait until who parses has room for them."""
        if self._rows:
            self.blocks.put(self._rows)
            self._rows, self._size = [], 0


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
