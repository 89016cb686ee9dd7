"""Rows of Postgres as Arrow batches: COPY out as CSV, parsed as it comes. Every digit is kept; memory is bounded."""

import io
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg2
import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection

from orderbook.store.database import translated
from orderbook.tick import DECIMAL_PLACES, MAX_DIGITS

BLOCK_BYTES: Final = 4 * 2**20  # of CSV parsed at a time; a row must fit
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
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def copy() -> None:
        try:
            with os.fdopen(writing, "wb", buffering=2**18) as sink:
                cursor.copy_expert(statement, sink)
        except (psycopg2.Error, OSError) as error:
            failed.append(error)

    copying = threading.Thread(target=copy, name="copy-out", daemon=True)
    with io.BufferedReader(io.FileIO(reading), 2**20) as source:
        copying.start()
        left = False
        try:
            if source.peek(1):
                for batch in _reader(source, schema):
                    yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        except GeneratorExit:
            left = True
            driver.cancel()
            raise
        finally:
            while source.read(2**20):  # what is on its way
                pass
            copying.join()
            if failed and not left:
                raise failed[0]


def _reader(source: Any, schema: pa.Schema) -> Any:
    return pyarrow.csv.open_csv(
        pa.PythonFile(source, mode="r"),
        read_options=pyarrow.csv.ReadOptions(column_names=schema.names, block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,  # Postgres quotes a text that is empty, and no NULL
        ),
    )
