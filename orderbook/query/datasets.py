"""What is stored as Arrow datasets that DuckDB scans: each scan fetches the columns, and the rows, that it needs."""

import tempfile
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
from sqlalchemy import Connection

from orderbook.query.reach import reach
from orderbook.store.copy_out import STORED
from orderbook.store.selects import Select, select_table, select_ticks, table_schema

MEMORY_BYTES: Final = 64 * 2**20  # of rows that one scan keeps; more go to a file


class Fetched(ds.Dataset):  # type: ignore[misc] # pyarrow ships no types
    """A dataset whose rows are fetched from Postgres whenever it is scanned, all in the snapshot of ``connection``.

    What goes wrong is raised through DuckDB, which makes a text of it; ``failure`` keeps the error itself.
    """

    def __init__(self, connection: Connection, schema: pa.Schema) -> None:
        # pyarrow's own initialiser refuses to be called; whoever scans us calls no method but ``scanner``
        self._connection = connection
        self._schema = schema
        self.failure: Exception | None = None

    @property
    def schema(self) -> pa.Schema:
        """Of all columns."""
        return self._schema

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> Any:  # noqa: A002 - its name there
        """The rows of the snapshot that match, to be read once."""
        text = "" if filter is None else str(filter)
        needed = [f.name for f in self._schema if columns is None or f.name in columns or f.name in text]
        try:
            return self._dataset(needed or self._schema.names[:1], filter).scanner(columns=columns, filter=filter)
        except Exception as error:
            self.failure = self.failure or error
            raise

    def _dataset(self, needed: Sequence[str], condition: Any) -> Any:
        raise NotImplementedError

    def _rows(self, select: Select) -> Any:
        return ds.InMemoryDataset(kept(select.rows(self._connection), select.schema))


class HotAndCold(Fetched):
    """All ticks: those that lie in Postgres, in ``days``, and those of the cold files."""

    def __init__(self, connection: Connection, days: Sequence[date], cold: Any) -> None:
        super().__init__(connection, STORED)
        self._days = days
        self._cold = cold

    def _dataset(self, needed: Sequence[str], condition: Any) -> Any:
        wanted = reach(condition, self._days)
        if wanted.nothing:
            return self._cold
        select = select_ticks(needed, wanted.start, wanted.end, wanted.symbols)
        return ds.UnionDataset(select.schema, [self._cold.replace_schema(select.schema), self._rows(select)])


class WholeTable(Fetched):
    """One of the smaller tables."""

    def __init__(self, connection: Connection, name: str) -> None:
        super().__init__(connection, table_schema(name))
        self._name = name

    def _dataset(self, needed: Sequence[str], condition: Any) -> Any:
        return self._rows(select_table(self._name, needed))


def kept(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """The batches as a table; what is large lies in a nameless file that is mapped into memory."""
    held: list[pa.RecordBatch] = []
    size = 0
    coming = iter(batches)
    for batch in coming:
        held.append(batch)
        size += batch.nbytes
        if size > MEMORY_BYTES:
            return _mapped(held, coming, schema)
    return pa.Table.from_batches(held, schema)


def _mapped(held: list[pa.RecordBatch], coming: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    with tempfile.NamedTemporaryFile(prefix="orderbook-query-") as file:
        with pa.ipc.new_file(file.name, schema) as writer:
            while held:
                writer.write_batch(held.pop(0))
            for batch in coming:
                writer.write_batch(batch)
        return pa.ipc.open_file(pa.memory_map(file.name)).read_all()
