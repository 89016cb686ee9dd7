"""Arrow tables as COPY input: binary where pgpq has a wheel, CSV elsewhere. Both keep every digit."""

import io
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

BINARY_AVAILABLE = find_spec("pgpq") is not None


def copy_input(table: pa.Table, *, binary: bool = BINARY_AVAILABLE) -> tuple[str, io.BytesIO]:
    """The options of a COPY statement, and the bytes to feed it. Column types are those of the table in Postgres."""
    return ("FORMAT binary", _binary(table)) if binary else ("FORMAT csv", _csv(table))


def _binary(table: pa.Table) -> io.BytesIO:
    import pgpq  # noqa: PLC0415 - no wheel for Linux on arm64

    encoder = pgpq.ArrowToPostgresBinaryEncoder(table.schema)
    buffer = io.BytesIO()
    buffer.write(encoder.write_header())
    for batch in table.to_batches():
        buffer.write(encoder.write_batch(batch))
    buffer.write(encoder.finish())
    buffer.seek(0)
    return buffer


def _csv(table: pa.Table) -> io.BytesIO:
    columns = [_text(column) for column in table.columns]
    buffer = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")  # an unquoted nothing is NULL
    pyarrow.csv.write_csv(pa.table(columns, names=table.column_names), buffer, options)
    buffer.seek(0)
    return buffer


def _text(column: Any) -> Any:
    if pa.types.is_binary(column.type):
        return pa.array([None if value is None else rf"\x{value.hex()}" for value in column.to_pylist()], pa.string())
    return pc.cast(column, pa.string())
