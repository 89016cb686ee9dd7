"""Cold files as a dataset, those of an earlier schema too."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orderbook.archive.cold import cold_dataset
from orderbook.archive.root import Root
from orderbook.store.manifest import ColdFile
from orderbook.store.rows.copy_out import STORED
from orderbook.stored_sections import ArchiveSettings

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ROW = {
    "symbol": "TTF-GAS",
    "event_time": NOON,
    "received_time": NOON,
    "bid_price": Decimal("27.005"),
    "ask_price": Decimal("27.01"),
    "bid_volume": Decimal(1),
    "ask_volume": Decimal(2),
    "sequence_id": 7,
    "landed_at": NOON,
    "generation_id": 1,
    "kafka_partition": 0,
    "kafka_offset": 3,
}


def cold_file(folder: Path, name: str, schema: pa.Schema) -> ColdFile:
    """A file of one row, and what the manifest says of it."""
    pq.write_table(pa.Table.from_pylist([ROW], schema), folder / name)
    return ColdFile(
        id=1,
        day=date(2026, 1, 5),
        path=name,
        state="live",
        rows=1,
        size_bytes=(folder / name).stat().st_size,
        sha256=b"",
        first_time=NOON,
        last_time=NOON,
        first_symbol="TTF-GAS",
        last_symbol="TTF-GAS",
        offset_sum=Decimal(3),
        sequence_sum=Decimal(7),
        schema_version=1,
        staged_at=NOON,
        live_at=NOON,
        restored_at=None,
        checked_at=None,
        problem=None,
    )


def test_a_column_that_a_file_of_before_lacks_reads_as_null_beside_one_that_has_it(tmp_path: Path) -> None:
    older = pa.schema([field for field in STORED if field.name != "ask_volume"])
    files = [cold_file(tmp_path, "older.parquet", older), cold_file(tmp_path, "newer.parquet", STORED)]
    found = cold_dataset(Root(ArchiveSettings(root=str(tmp_path))), files).to_table()
    assert found.schema.equals(STORED)
    assert found.column("ask_volume").to_pylist() == [None, Decimal(2)]
    assert found.column("bid_volume").to_pylist() == [Decimal(1)] * 2
