"""The ticks of a window wherever they lie, in the order in which they are judged."""

from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime
from typing import Final

import pyarrow as pa

from orderbook.archive.cold import file_rows
from orderbook.archive.root import Root
from orderbook.expectations.merging import merged
from orderbook.store import manifest
from orderbook.store.manifest import ColdFile
from orderbook.store.reader import Snapshot
from orderbook.store.rows.tick_stream import SCHEMA, stream_ticks

_STORED: Final = [name for name in SCHEMA.names if name != "finite"]


def window_ticks(
    snapshot: Snapshot, root: Root, start: datetime, end: datetime
) -> Generator[pa.RecordBatch, None, None]:
    """Yield the ticks with ``start`` <= event time < ``end``, hot and cold, as ``stream_ticks`` does.

    ``snapshot`` holds the days. Memory is bounded: a batch of Postgres' and one of each file. Raises ``Unavailable``
    where a file cannot be read: a day is never judged without it.
    """
    files = [file for file in manifest.files(snapshot) if file.first_time < end and file.last_time >= start]
    with closing(stream_ticks(snapshot, start, end)) as hot:
        yield from merged([hot, *(_cold(root, file, start, end) for file in files)], SCHEMA) if files else hot


def _cold(root: Root, file: ColdFile, start: datetime, end: datetime) -> Iterator[pa.RecordBatch]:
    for batch in file_rows(root, file, _STORED, start, end):
        finite = pa.repeat(pa.scalar(True), batch.num_rows)  # as all are that Parquet has a place for
        columns = [finite if f.name == "finite" else batch[f.name].cast(f.type) for f in SCHEMA]
        yield pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
