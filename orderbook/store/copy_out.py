"""Rows of Postgres as Arrow batches: COPY out as CSV, parsed as it comes. Every digit is kept; memory is bounded."""

import threading
from collections.abc import Iterator, Mapping
from queue import Queue
from typing import Any, Final

import psycopg2
import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection

from orderbook.store.database import translated
from orderbook.tick import DECIMAL_PLACES, MAX_DIGITS

BLOCK_BYTES: Final = 4 * 2**20  # of CSV parsed at a time
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


def copied(
    connection: Connection, query: str, schema: pa.Schema, arguments: Mapping[str, Any] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of ``query`` in batches of ``schema``, whose columns it must select in order.

    ``arguments`` are bound as psycopg2 does (``%(name)s``). Leave the iterator early and the statement is cancelled,
    the transaction spoilt. Raises ``Unavailable``.
    """
    driver: Any = connection.connection.driver_connection
    with translated(), driver.cursor() as cursor:
        statement = cursor.mogrify(f"COPY ({query}) TO STDOUT (FORMAT csv)", arguments)
        yield from _parsed(driver, cursor, statement, schema)


def _parsed(driver: Any, cursor: Any, statement: bytes, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    sink = _Blocks()
    failed: list[BaseException] = []

    def copy() -> None:
        try:
            cursor.copy_expert(statement, sink)
            sink.hand_over()
        except psycopg2.Error as error:
            failed.append(error)
        finally:
            sink.blocks.put(None)

    copying = threading.Thread(target=copy, name="copy-out", daemon=True)
    copying.start()
    left = False
    try:
        for block in iter(sink.blocks.get, None):
            for batch in _read(block, schema).to_batches():
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
    except GeneratorExit:
        left = True
        driver.cancel()
        raise
    finally:
        if copying.is_alive():
            while sink.blocks.get() is not None:  # what is on its way
                pass
        copying.join()
        if failed and not left:
            raise failed[0]


class _Blocks:
    """Takes a row at a time, as psycopg2 hands them out, and hands them on in blocks of whole rows.

    A pipe from thread to thread has both ask for the interpreter at every row: ten times the CPU.
    """

    def __init__(self) -> None:
        self.blocks: Queue[bytes | None] = Queue(1)
        self._rows: list[bytes] = []
        self._size = 0

    def write(self, row: bytes) -> None:
        self._rows.append(row)
        self._size += len(row)
        if self._size >= BLOCK_BYTES:
            self.hand_over()

    def hand_over(self) -> None:
        """Wait for who parses, and give him what there is."""
        if self._rows:
            self.blocks.put(b"".join(self._rows))
            self._rows, self._size = [], 0


def _read(block: bytes, schema: pa.Schema) -> Any:
    return pyarrow.csv.read_csv(
        pa.BufferReader(block),
        read_options=pyarrow.csv.ReadOptions(column_names=schema.names, block_size=len(block) + 1, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,  # Postgres quotes a text that is empty, and no NULL
        ),
    )
