"""Rows as JSON, NDJSON, CSV, Parquet and Arrow: Arrow tables in, bytes out, a part at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from orderbook.live.quotes import instant_text, price_text


class Form(StrEnum):
    """How rows are answered. Arrow is an IPC stream."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


MEDIA_TYPES: Final = {
    Form.JSON: "application/json",
    Form.NDJSON: "application/x-ndjson",
    Form.CSV: "text/csv",
    Form.PARQUET: "application/vnd.apache.parquet",
    Form.ARROW: "application/vnd.apache.arrow.stream",
}
CONTENT: Final[dict[str, Any]] = {
    MEDIA_TYPES[form]: {"schema": {"type": "string", "format": "binary"}} for form in Form if form is not Form.JSON
}


class Sink:
    """A file that is written to, and emptied again and again."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.closed = False

    def write(self, part: Any) -> int:
        """Keep the bytes until they are taken. (A writer may use its buffer again.)"""
        self._parts.append(bytes(part))
        return len(self._parts[-1])

    def take(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What is left can still be taken."""
        self.closed = True


def as_floats(rows: pa.Table) -> pa.Table:
    """Exact numbers as floats: rounded to 53 bits."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            rows = rows.set_column(at, field.name, rows.column(at).cast(pa.float64()))
    return rows


_PLAIN: Final[Mapping[type, Callable[[Any], Any]]] = {
    Decimal: lambda value: price_text(value) if value.is_finite() else str(value),
    datetime: lambda value: instant_text(value) if value.tzinfo is not None else value.isoformat(),
    int: lambda value: value if -(2**53) < value < 2**53 else str(value),
    bytes: lambda value: value.hex(),
    list: lambda value: [plain(one) for one in value],
    tuple: lambda value: [plain(one) for one in value],
    dict: lambda value: {str(name): plain(one) for name, one in value.items()},
    **dict.fromkeys((str, bool, float, type(None)), lambda value: value),
}


def plain(value: Any) -> Any:
    """A value as JSON has it: exact numbers and instants as strings, whole numbers beyond 53 bits too."""
    return _PLAIN.get(type(value), str)(value)


def plain_rows(rows: pa.Table) -> Iterator[dict[str, Any]]:
    """Each row as JSON has it. Whole numbers stay numbers: a column's type must not hang on its values."""
    names = rows.schema.names
    columns = [
        column.to_pylist()
        if pa.types.is_integer(column.type) or pa.types.is_string(column.type)
        else [plain(value) for value in column.to_pylist()]
        for column in rows.columns
    ]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def encoded(form: Form, parts: Iterable[pa.Table], schema: pa.Schema) -> Iterator[bytes]:
    """Yield the rows of ``parts`` in any form but JSON; memory for one part at a time."""
    pieces = (pa.Table.from_batches([batch]) for part in parts for batch in part.to_batches())
    match form:
        case Form.PARQUET:
            sink = Sink()
            return _written(_parquet_writer(sink, schema), sink, parts)
        case Form.ARROW:
            sink = Sink()
            return _written(pa.ipc.new_stream(sink, schema), sink, pieces)
        case Form.CSV:
            return _csv(pieces, schema)
        case _:
            return (b"".join(orjson.dumps(row) + b"\n" for row in plain_rows(piece)) for piece in pieces)


def _written(writer: Any, sink: Sink, parts: Iterable[pa.Table]) -> Iterator[bytes]:
    with writer:
        for part in parts:
            writer.write_table(part)
            yield sink.take()
    yield sink.take()


def _parquet_writer(sink: Sink, schema: pa.Schema) -> Any:
    """Whole numbers and instants as what each adds to the one before: 0.10 us of CPU a tick, 0.34 with dictionaries."""
    is_step = {field.name: pa.types.is_integer(field.type) or pa.types.is_timestamp(field.type) for field in schema}
    known = [name for name in is_step if schema.names.count(name) == 1 and "." not in name]  # it is a path otherwise
    steps = [name for name in known if is_step[name]]
    return pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        compression_level=1,
        store_decimal_as_integer=True,
        use_dictionary=[name for name in known if not is_step[name]],
        column_encoding=dict.fromkeys(steps, "DELTA_BINARY_PACKED"),
    )


def _csv(parts: Iterable[pa.Table], schema: pa.Schema) -> Iterator[bytes]:
    sink = Sink()
    texts = pa.schema([(field.name, _csv_type(field.type)) for field in schema])
    with pa_csv.CSVWriter(sink, texts) as writer:
        yield sink.take()
        for part in parts:
            writer.write_table(_texts(part, texts))
            yield sink.take()
    yield sink.take()


def _csv_type(kind: pa.DataType) -> pa.DataType:
    is_own = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return kind if is_own else pa.string()


def _texts(part: pa.Table, texts: pa.Schema) -> pa.Table:
    columns = [
        column
        if column.type == field.type
        else _instants(column)
        if pa.types.is_timestamp(column.type) and column.type.tz is not None
        else pa.array([None if value is None else str(plain(value)) for value in column.to_pylist()], pa.string())
        for column, field in zip(part.columns, texts, strict=True)
    ]
    return pa.table(columns, schema=texts)


def _instants(column: Any) -> Any:
    return pc.strftime(column.cast(pa.timestamp("us", "UTC")), "%Y-%m-%dT%H:%M:%SZ")
