"""Rows in every form, whole and exact."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orderbook.api.formats import Form, as_floats, encoded, plain, plain_rows

TABLE = pa.table(
    {
        "symbol": ['A"b,c', "'; DROP TABLE ticks; --"],
        "at": pa.array([datetime(2026, 1, 5, 8, 30, 0, 120, UTC), None], pa.timestamp("us", "UTC")),
        "price": pa.array([Decimal("0.000000001"), Decimal(-100)], pa.decimal128(18, 9)),
        "id": pa.array([2**62, None], pa.int64()),
    }
)
PLAIN: list[dict[str, Any]] = [
    {"symbol": 'A"b,c', "at": "2026-01-05T08:30:00.000120Z", "price": "0.000000001", "id": 2**62},
    {"symbol": "'; DROP TABLE ticks; --", "at": None, "price": "-100", "id": None},
]


def answered(form: Form, parts: int = 3) -> bytes:
    return b"".join(encoded(form, [TABLE] * parts, TABLE.schema))


def test_json_has_exact_numbers_as_text() -> None:
    assert list(plain_rows(TABLE)) == PLAIN
    assert [orjson.loads(line) for line in answered(Form.NDJSON).splitlines()] == PLAIN * 3


def test_arrow_and_parquet_come_back_as_they_were() -> None:
    assert pa.ipc.open_stream(answered(Form.ARROW)).read_all() == pa.concat_tables([TABLE] * 3)
    assert pq.read_table(io.BytesIO(answered(Form.PARQUET))) == pa.concat_tables([TABLE] * 3)


def test_parquet_takes_columns_of_any_name_and_kind() -> None:
    columns = {"a.b": [1, None], "n": [[1], [2, 3]], "s": [{"x": 1, "b": "t"}, None], "": [2**62, 0], "f": [1.5, None]}
    odd = pa.table({name: pa.array(values) for name, values in columns.items()})
    twice = pa.Table.from_arrays([pa.array([1, 2]), pa.array(["t", None])], names=["q", "q"])
    for table in (odd, twice):
        found = pq.ParquetFile(io.BytesIO(b"".join(encoded(Form.PARQUET, [table], table.schema))))
        assert [found.read_row_group(0).column(n) for n in range(table.num_columns)] == table.columns


def test_parts_are_no_larger_than_the_batches_that_they_are_made_of() -> None:
    batches = pa.concat_tables([TABLE] * 9)
    assert len(list(encoded(Form.NDJSON, [batches], TABLE.schema))) == 9
    assert len(list(encoded(Form.ARROW, [batches], TABLE.schema))) == 10  # and the end


def test_csv_has_a_header_and_quotes_what_needs_it() -> None:
    lines = list(csv.reader(io.StringIO(answered(Form.CSV, 1).decode())))
    assert lines[0] == TABLE.schema.names
    assert lines[1:] == [["" if value is None else str(value) for value in row.values()] for row in PLAIN]


@pytest.mark.parametrize("form", [form for form in Form if form is not Form.JSON])
def test_no_rows_are_an_answer_too(form: Form) -> None:
    body = b"".join(encoded(form, [], TABLE.schema))
    assert (body == b"") == (form is Form.NDJSON)


def test_floats_keep_what_is_absent() -> None:
    assert as_floats(TABLE).column("price").to_pylist() == [1e-9, -100.0]


def test_what_json_cannot_hold_is_text() -> None:
    assert plain([Decimal("1.50"), 2**60, b"\x00\xff", {"a": None}]) == ["1.5", str(2**60), "00ff", {"a": None}]
