"""The cold files as one Arrow dataset, which opens only those that a filter can match."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from orderbook.archive.root import Root
from orderbook.store.manifest import ColdFile
from orderbook.store.rows.copy_out import STORED

_SCAN: Final = ds.ParquetFragmentScanOptions(pre_buffer=True, page_checksum_verification=True)
FORMAT: Final = ds.ParquetFileFormat(default_fragment_scan_options=_SCAN)
STREAMED_ROWS: Final = 32_768


def cold_dataset(root: Root, files: Sequence[ColdFile]) -> Any:
    """The rows of ``files``, columns as ``STORED``. Nothing is opened before it is scanned."""
    fragments = [
        FORMAT.make_fragment(
            root.full(file.path), root.filesystem, partition_expression=_bounds(file), file_size=file.size_bytes
        )
        for file in files
    ]
    return ds.FileSystemDataset(fragments, STORED, FORMAT, root.filesystem)


def file_rows(
    root: Root, file: ColdFile, columns: Sequence[str], start: datetime, end: datetime
) -> Iterator[pa.RecordBatch]:
    """Yield the rows with ``start`` <= event time < ``end`` in the file's order; memory: a few row groups.

    Raises ``Missing``, ``Unavailable``.
    """
    at = pc.field("event_time")
    with root.told():
        scanner = cold_dataset(root, [file]).scanner(
            columns=list(columns),
            filter=(at >= start) & (at < end),
            batch_size=STREAMED_ROWS,
            batch_readahead=2,
            fragment_readahead=1,
        )
        yield from scanner.to_batches()


def _bounds(file: ColdFile) -> Any:
    symbol, at = pc.field("symbol"), pc.field("event_time")
    return (
        (at >= file.first_time) & (at <= file.last_time) & (symbol >= file.first_symbol) & (symbol <= file.last_symbol)
    )
