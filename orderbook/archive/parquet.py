"""Ticks as Parquet: one file of sorted rows in, the same rows out, each group of rows with its fingerprint."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orderbook.store.manifest import SCHEMA_VERSION, Extent, Written
from orderbook.store.rows.copy_out import STORED

ROWS_IN_GROUP: Final = 131_072
SORT_ORDER: Final = ("symbol", "event_time", "generation_id", "kafka_partition", "kafka_offset")
METADATA: Final = {"orderbook.schema_version": str(SCHEMA_VERSION), "orderbook.sort_order": ",".join(SORT_ORDER)}
SCHEMA: Final = STORED.with_metadata(METADATA)
FOLDER: Final = "ticks"

# Ids, offsets and times of one symbol rise in small steps. Prices and volumes come again and again: they stay with the
# dictionary.
STEPS: Final = ("event_time", "received_time", "sequence_id", "landed_at", "kafka_offset")
WRITER: Final[dict[str, Any]] = {
    "compression": "zstd",
    "compression_level": 3,
    "store_decimal_as_integer": True,
    "use_dictionary": [name for name in STORED.names if name not in STEPS],
    "column_encoding": dict.fromkeys(STEPS, "DELTA_BINARY_PACKED"),
    "sorting_columns": pq.SortingColumn.from_ordering(SCHEMA, [(name, "ascending") for name in SORT_ORDER]),
    "write_page_index": True,
    "write_page_checksum": True,  # no reader takes a flipped byte for data
}


@dataclass
class DayFile:
    """Writes one file, a group of rows at a time, and learns what stands in it. Memory: a few groups."""

    path: Path
    rows: int = 0
    fingerprints: list[bytes] = field(default_factory=list)  # one a group
    offset_sum: int = 0
    sequence_sum: int = 0
    first_symbol: str = ""
    last_symbol: str = ""
    _times: list[datetime] = field(default_factory=list)
    _places: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)

    def write(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Write all rows, which come in ``SORT_ORDER``."""
        with pq.ParquetWriter(self.path, SCHEMA, **WRITER) as writer:
            for group in regrouped(batches):
                writer.write_table(group, row_group_size=ROWS_IN_GROUP)
                self._learn(group)

    def _learn(self, group: pa.Table) -> None:
        self.fingerprints.append(fingerprint(group))
        self.first_symbol = self.first_symbol if self.rows else group["symbol"][0].as_py()
        self.last_symbol = group["symbol"][-1].as_py()
        self.rows += group.num_rows
        self.offset_sum += _sum(group["kafka_offset"])
        self.sequence_sum += _sum(group["sequence_id"])
        bounds = pc.min_max(group["event_time"]).as_py()
        self._times = [min([*self._times, bounds["min"]]), max([*self._times, bounds["max"]])]
        for generation, partition, rows, first, last in _places(group):
            known = self._places.get((generation, partition), (0, first, last))
            self._places[generation, partition] = (known[0] + rows, min(known[1], first), max(known[2], last))

    def written(self, day: date) -> Written:
        """What the manifest keeps. The path is made of the content: the same rows are the same file."""
        sha256 = digest(self.path)
        places = sorted(self._places.items())
        return Written(
            day=day,
            path=f"{FOLDER}/date={day.isoformat()}/part-{sha256.hex()[:16]}.parquet",
            rows=self.rows,
            size_bytes=self.path.stat().st_size,
            sha256=sha256,
            first_time=self._times[0],
            last_time=self._times[1],
            first_symbol=self.first_symbol,
            last_symbol=self.last_symbol,
            offset_sum=self.offset_sum,
            sequence_sum=self.sequence_sum,
            extents=[Extent(*place, *counted) for place, counted in places],
        )


def regrouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of ``ROWS_IN_GROUP`` rows, the last one smaller; however they come."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= ROWS_IN_GROUP:
            table = pa.Table.from_batches(waiting, STORED)
            yield table.slice(0, ROWS_IN_GROUP).combine_chunks()
            waiting = table.slice(ROWS_IN_GROUP).to_batches()
            rows -= ROWS_IN_GROUP
    if rows:
        yield pa.Table.from_batches(waiting, STORED).combine_chunks()


def groups(source: Any, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of an open file as they were written, a group at a time."""
    with pq.ParquetFile(source, page_checksum_verification=True) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number, columns=columns)
            yield table if columns is not None else table.cast(STORED)


def fingerprint(table: pa.Table) -> bytes:
    """A digest of all values in order: equal rows have it equal, however they lie in memory."""
    seen = hashlib.sha256()
    for column in table.columns:
        values = column.combine_chunks()
        if values.null_count:
            seen.update(_bytes(pc.cast(pc.is_null(values), pa.uint8())))
            values = pc.fill_null(values, pa.scalar(0, values.type))
        if pa.types.is_string(values.type):
            coded = values.dictionary_encode()
            seen.update(repr(coded.dictionary.to_pylist()).encode())
            values = coded.indices
        seen.update(_bytes(values))
    return seen.digest()


def _bytes(values: Any) -> Any:
    width = values.type.bit_width // 8
    return memoryview(values.buffers()[1])[values.offset * width : (values.offset + len(values)) * width]


def digest(path: Path) -> bytes:
    """The sha256 of a file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").digest()


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.cast(column, pa.decimal128(38, 0))).as_py())


def _places(group: pa.Table) -> Iterator[tuple[int, int, int, int, int]]:
    keys = ["generation_id", "kafka_partition"]
    found = group.group_by(keys).aggregate(
        [("kafka_offset", "count"), ("kafka_offset", "min"), ("kafka_offset", "max")]
    )
    for row in found.to_pylist():
        yield tuple(row[name] for name in (*keys, "kafka_offset_count", "kafka_offset_min", "kafka_offset_max"))
