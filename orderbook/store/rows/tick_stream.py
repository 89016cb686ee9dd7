"""The hot ticks of a window as Arrow, streamed: memory stays bounded however many there are."""

import io
import os
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import psycopg2
import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection

from orderbook.tick import DECIMAL_PLACES, MAX_DIGITS

EXACT: Final = pa.decimal128(MAX_DIGITS, DECIMAL_PLACES)
_INSTANT = pa.timestamp("us", "UTC")
_BLOCK_BYTES = 8 * 2**20  # some 60,000 ticks

# NaN and infinity have a place in numeric and timestamptz but none in Arrow: told by `finite`, and left out.
READ: Final = """
    COPY (
        SELECT symbol, event_time, CASE WHEN isfinite(received_time) THEN received_time END,
               nullif(bid_price, 'NaN'), nullif(ask_price, 'NaN'), nullif(bid_volume, 'NaN'), nullif(ask_volume, 'NaN'),
               sequence_id, generation_id, kafka_partition, kafka_offset,
               isfinite(received_time) AND bid_price IS DISTINCT FROM 'NaN' AND ask_price IS DISTINCT FROM 'NaN'
                   AND bid_volume IS DISTINCT FROM 'NaN' AND ask_volume IS DISTINCT FROM 'NaN'
        FROM ticks WHERE event_time >= %s AND event_time < %s
        ORDER BY symbol, event_time, sequence_id, generation_id, kafka_partition, kafka_offset
    ) TO STDOUT (FORMAT csv)
"""
SCHEMA: Final = pa.schema(
    {
        "symbol": pa.string(),
        "event_time": _INSTANT,
        "received_time": _INSTANT,
        "bid_price": EXACT,
        "ask_price": EXACT,
        "bid_volume": EXACT,
        "ask_volume": EXACT,
        "sequence_id": pa.int64(),
        "generation_id": pa.int64(),
        "kafka_partition": pa.int64(),
        "kafka_offset": pa.int64(),
        "finite": pa.bool_(),
    }
)


def stream_ticks(connection: Connection, start: datetime, end: datetime) -> Generator[pa.RecordBatch, None, None]:
    """Yield the ticks with ``start`` <= event time < ``end`` by symbol, event time and sequence id; see ``SCHEMA``.

    A row of which a number or a time is not finite has null there, and false in ``finite``. The connection is busy
    until the last batch; raises what Postgres says.
    """
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        statement = cursor.mogrify(READ, (start, end)).decode()
        reading, writing = os.pipe()
        failures: list[psycopg2.Error] = []
        copying = threading.Thread(target=_copy, args=(cursor, statement, writing, failures), daemon=True)
        copying.start()
        try:
            with os.fdopen(reading, "rb") as source:
                yield from _batches(source)
        except pa.ArrowInvalid:
            copying.join()
            _raise_first(failures)  # what broke off in the middle of a row
            raise
        finally:
            copying.join()  # the reading end is closed: a COPY that is not through ends at its next write
    _raise_first(failures)


def _raise_first(failures: list[psycopg2.Error]) -> None:
    if failures:
        raise failures[0]


def _copy(cursor: Any, statement: str, writing: int, failures: list[psycopg2.Error]) -> None:
    try:
        with os.fdopen(writing, "wb") as sink, suppress(BrokenPipeError):
            cursor.copy_expert(statement, sink)
    except psycopg2.Error as error:
        failures.append(error)


def _batches(source: io.BufferedReader) -> Iterator[pa.RecordBatch]:
    if not source.peek(1):
        return  # no row: the CSV reader takes that for an error
    yield from pyarrow.csv.open_csv(
        source,
        read_options=pyarrow.csv.ReadOptions(column_names=SCHEMA.names, block_size=_BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=SCHEMA, null_values=[""], true_values=["t"], false_values=["f"], strings_can_be_null=False
        ),
    )
