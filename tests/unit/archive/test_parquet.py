"""A file of sorted rows: what stands in it is known, and the same rows are the same bytes however they come."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from orderbook.archive.parquet import ROWS_IN_GROUP, DayFile, fingerprint, groups
from orderbook.store.manifest import Extent
from orderbook.store.rows.copy_out import STORED

START = datetime(2026, 1, 5, tzinfo=UTC)


def rows(count: int, first: int = 0) -> pa.Table:
    """Sorted ticks of one symbol; every third has no ask."""
    numbers = range(first, first + count)
    times = [START + timedelta(milliseconds=n) for n in numbers]
    prices = [Decimal(n % 500).scaleb(-9) for n in numbers]
    asks = [None if n % 3 == 0 else Decimal("28.5") for n in numbers]
    return pa.table(
        [
            *(["TTF"] * count, times, times, prices, asks, prices, asks, list(numbers), times),
            *([1] * count, [n % 2 for n in numbers], [n // 2 for n in numbers]),
        ],
        schema=STORED,
    )


def write(path: Path, batches: list[pa.RecordBatch]) -> DayFile:
    file = DayFile(path)
    file.write(batches)
    return file


def test_a_file_is_the_same_however_its_rows_come(tmp_path: Path) -> None:
    table = rows(ROWS_IN_GROUP + 1000)
    one = write(tmp_path / "one", table.to_batches())
    other = write(tmp_path / "other", table.to_batches(max_chunksize=777))
    assert one.written(date(2026, 1, 5)) == other.written(date(2026, 1, 5))
    assert one.fingerprints == other.fingerprints
    assert [group.num_rows for group in groups(str(tmp_path / "one"))] == [ROWS_IN_GROUP, 1000]
    assert [fingerprint(group) for group in groups(str(tmp_path / "one"))] == one.fingerprints


def test_what_stands_in_a_file_is_known(tmp_path: Path) -> None:
    written = write(tmp_path / "one", rows(10, first=5).to_batches()).written(date(2026, 1, 5))
    assert (written.rows, written.offset_sum, written.sequence_sum) == (10, 45, 95)
    assert (written.first_time, written.last_time) == (
        START + timedelta(milliseconds=5),
        START + timedelta(milliseconds=14),
    )
    assert written.extents == [Extent(1, 0, 5, 3, 7), Extent(1, 1, 5, 2, 6)]
    assert written.path == f"ticks/date=2026-01-05/part-{written.sha256.hex()[:16]}.parquet"


@pytest.mark.parametrize("column", [name for name in STORED.names if name not in {"symbol", "generation_id"}])
def test_one_changed_value_is_another_fingerprint(column: str) -> None:
    table = rows(10)
    values = table[column].to_pylist()
    values[4] = values[5] if values[4] != values[5] else values[6]
    assert values != table[column].to_pylist()
    at = table.schema.get_field_index(column)
    changed = table.set_column(at, STORED.field(column), pa.array(values, STORED.field(column).type))
    assert fingerprint(changed) != fingerprint(table)


def test_a_null_is_not_a_zero() -> None:
    table = rows(1)
    zero = table.set_column(4, STORED.field(4), pa.array([Decimal(0)], STORED.field(4).type))
    assert table["ask_price"][0].as_py() is None
    assert fingerprint(zero) != fingerprint(table)
