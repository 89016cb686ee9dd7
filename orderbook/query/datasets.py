"""What is stored as Arrow datasets that DuckDB scans: each scan fetches the columns, and the rows, that it needs."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime
from functools import reduce
from itertools import chain
from operator import and_
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from sqlalchemy import Connection

from orderbook.errors import Refused
from orderbook.query.reach import reach
from orderbook.store.rows.copy_out import STORED
from orderbook.store.rows.selects import Select, select_table, select_ticks, table_schema

Span = tuple[datetime | None, datetime | None]  # from a start up to an end; None: not bounded so
MEMORY_BYTES: Final = 64 * 2**20  # of rows that one scan keeps; more go to a file


class Fetched(ds.Dataset, ABC):  # type: ignore[misc] # pyarrow ships no types
    """A dataset whose rows are fetched from Postgres whenever it is scanned, all in the snapshot of ``connection``.

    What goes wrong is raised through DuckDB, which makes a text of it; ``failure`` keeps the error itself.
    """

    def __init__(self, connection: Connection, schema: pa.Schema, most_bytes: int) -> None:
        # pyarrow's own initialiser refuses to be called; whoever scans us calls no method but ``scanner``
        self._connection = connection
        self._schema = schema
        self._most_bytes = most_bytes
        self.failure: Exception | None = None

    @property
    def schema(self) -> pa.Schema:
        """Of all columns."""
        return self._schema

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> Any:  # noqa: A002 - its name there
        """The rows of the snapshot that match, to be read once."""
        filter = self._bounded(filter)  # noqa: A001
        text = "" if filter is None else str(filter)
        needed = [f.name for f in self._schema if columns is None or f.name in columns or f.name in text]
        try:
            return self._dataset(needed or self._schema.names[:1], filter).scanner(columns=columns, filter=filter)
        except Exception as error:
            self.failure = self.failure or error
            raise

    def _bounded(self, condition: Any) -> Any:
        return condition

    @abstractmethod
    def _dataset(self, needed: Sequence[str], condition: Any) -> Any: ...

    def _rows(self, select: Select) -> Any:
        batches: Any = select.rows(self._connection)
        with closing(batches):  # too many of them: the COPY ends before the transaction does
            return ds.InMemoryDataset(kept(batches, select.schema, self._most_bytes))


class HotAndCold(Fetched):
    """The ticks of a window of event time: those that lie in Postgres, in ``days``, and those of the cold files.

    ``narrower``: a span inside it; while it is set, a scan sees no more.
    """

    def __init__(self, connection: Connection, days: Sequence[date], cold: Any, window: Span, most_bytes: int) -> None:
        super().__init__(connection, STORED, most_bytes)
        self._days = days
        self._cold = cold
        self._window = window
        self.narrower: Span = (None, None)

    def _bounded(self, condition: Any) -> Any:
        at, (start, end) = pc.field("event_time"), common(self._window, self.narrower)
        bounds = [condition, None if start is None else at >= start, None if end is None else at < end]
        there = [bound for bound in bounds if bound is not None]
        return reduce(and_, there) if there else None

    def _dataset(self, needed: Sequence[str], condition: Any) -> Any:
        wanted = reach(condition, self._days)
        if wanted.nothing:
            return self._cold
        # what a filter can match is known to the minute, a window to the microsecond
        start, end = common((wanted.start, wanted.end), common(self._window, self.narrower))
        select = select_ticks(needed, start, end, wanted.symbols)
        return ds.UnionDataset(select.schema, [self._cold.replace_schema(select.schema), self._rows(select)])


class WholeTable(Fetched):
    """One of the smaller tables."""

    def __init__(self, connection: Connection, name: str, most_bytes: int) -> None:
        super().__init__(connection, table_schema(name), most_bytes)
        self._name = name

    def _dataset(self, needed: Sequence[str], condition: Any) -> Any:
        return self._rows(select_table(self._name, needed))


def common(one: Span, other: Span) -> Span:
    """What lies in both."""
    starts = [at for at in (one[0], other[0]) if at is not None]
    ends = [at for at in (one[1], other[1]) if at is not None]
    return max(starts, default=None), min(ends, default=None)


def kept(batches: Iterable[pa.RecordBatch], schema: pa.Schema, most_bytes: int) -> pa.Table:
    """The batches as a table; what is large lies in a nameless file that is mapped into memory.

    Raises ``Refused`` where there is more than ``most_bytes`` of it.
    """
    held: list[pa.RecordBatch] = []
    size = 0
    coming = iter(batches)
    for batch in coming:
        held.append(batch)
        size += batch.nbytes
        if size > MEMORY_BYTES:
            return _mapped(held, coming, schema, most_bytes)
    return pa.Table.from_batches(held, schema)


def _mapped(
    held: list[pa.RecordBatch], coming: Iterable[pa.RecordBatch], schema: pa.Schema, most_bytes: int
) -> pa.Table:
    size = 0
    with tempfile.NamedTemporaryFile(prefix="orderbook-query-") as file:
        with pa.ipc.new_file(file.name, schema) as writer:
            for batch in chain(_emptied(held), coming):
                size += batch.nbytes
                if size > most_bytes:
                    raise Refused(
                        f"the query reads more than {most_bytes >> 20} MB of Postgres' rows at once: bound it (--from, "
                        "--symbols, event_time >= …) or raise ORDERBOOK_QUERY__SPOOL_MB"
                    )
                writer.write_batch(batch)
        return pa.ipc.open_file(pa.memory_map(file.name)).read_all()


def _emptied(held: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    while held:
        yield held.pop(0)
