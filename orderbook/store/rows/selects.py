"""What is read out of Postgres by COPY: the statement, and the columns that come."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    text,
)

from orderbook.store import tables
from orderbook.store.rows.copy_out import INSTANT, STORED, copied

HOT_DAYS = text("""
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.ticks'::regclass ORDER BY 1
""")
OTHER_TABLES: Final[Sequence[str]] = [
    table.name for table in tables.metadata.sorted_tables if table is not tables.ticks
]
_TYPES: Final = (
    (SmallInteger, pa.int16()),
    (BigInteger, pa.int64()),
    (Integer, pa.int32()),  # which the other two are as well
    (Date, pa.date32()),
)


@dataclass(frozen=True, slots=True)
class Select:
    """A query, its arguments, and the columns of its rows."""

    query: str
    schema: pa.Schema
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, connection: Connection) -> Iterator[pa.RecordBatch]:
        """The rows, in batches as they come. Raises ``Unavailable``."""
        binary = [pa.types.is_binary(column.type) for column in self.schema]
        if not any(binary):
            return copied(connection, self.query, self.schema, self.arguments)
        written = pa.schema([(f.name, pa.string() if pa.types.is_binary(f.type) else f.type) for f in self.schema])
        return _unhexed(copied(connection, self.query, written, self.arguments), self.schema)


def hot_days(connection: Connection) -> list[date]:
    """The days that have a partition in Postgres."""
    return list(connection.execute(HOT_DAYS).scalars())


def select_ticks(
    columns: Collection[str],
    start: datetime | None,
    end: datetime | None,
    symbols: Sequence[str] | None,
    order: Sequence[str] = (),
) -> Select:
    """The hot ticks from ``start`` up to ``end``, of ``symbols``; None: not bounded. Sorted if ``order`` says how."""
    schema = pa.schema([column for column in STORED if column.name in columns])
    bounds = {
        "event_time >= %(start)s": start,
        "event_time < %(end)s": end,
        "symbol = ANY(%(symbols)s)": None if symbols is None else list(symbols),
    }
    conditions = " AND ".join(condition for condition, value in bounds.items() if value is not None)
    query = f"SELECT {', '.join(schema.names)} FROM ticks WHERE {conditions or 'true'}"  # noqa: S608 - names of ours
    query += f" ORDER BY {', '.join(order)}" if order else ""
    return Select(query, schema, dict(zip(("start", "end", "symbols"), bounds.values(), strict=True)))


def table_schema(name: str) -> pa.Schema:
    """The columns of a table as Arrow has them; what Arrow has not is text."""
    return pa.schema([(column.name, _type(column)) for column in _table(name).columns])


def select_table(name: str, columns: Collection[str]) -> Select:
    """Columns of a table, in its own order. An infinite instant is null: other tools have none."""
    chosen = [column for column in _table(name).columns if column.name in columns]
    query = f"SELECT {', '.join(map(_selected, chosen))} FROM {name}"  # noqa: S608 - names of ours
    return Select(query, pa.schema([(column.name, _type(column)) for column in chosen]))


def _table(name: str) -> Table:
    return tables.metadata.tables[name]


def _type(column: Column[Any]) -> pa.DataType:
    kind = column.type
    if isinstance(kind, DateTime):
        return INSTANT
    if isinstance(kind, Numeric):
        return pa.decimal128(38, 0) if kind.precision is None else pa.decimal128(kind.precision, kind.scale or 0)
    if isinstance(kind, LargeBinary):
        return pa.binary()
    return next((there for known, there in _TYPES if isinstance(kind, known)), pa.string())


def _selected(column: Column[Any]) -> str:
    if isinstance(column.type, DateTime):
        return f"CASE WHEN isfinite({column.name}) THEN {column.name} END"
    return f"encode({column.name}, 'hex')" if isinstance(column.type, LargeBinary) else str(column.name)


def _unhexed(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        arrays = [
            pa.array([None if text is None else bytes.fromhex(text) for text in array.to_pylist()], pa.binary())
            if pa.types.is_binary(column.type)
            else array
            for array, column in zip(batch.columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
