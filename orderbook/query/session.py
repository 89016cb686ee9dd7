"""One SQL surface over hot and cold: DuckDB in memory over the manifest's files and the rows of Postgres.

Every query of a session sees one snapshot, in which each tick stands once: the archive moves a day in one transaction,
and we take the lock that it waits for before the snapshot. What a query may do is decided by DuckDB, which is locked:
no file, no network, no setting.
"""

import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import pyarrow as pa
from sqlalchemy import Connection

from orderbook.archive.cold import cold_dataset
from orderbook.archive.root import Root
from orderbook.clock import utc_now
from orderbook.config import Settings
from orderbook.errors import BadQuery, OrderbookError, OutOfTime, Refused
from orderbook.query.datasets import Fetched, HotAndCold, WholeTable
from orderbook.query.nearest import nearest, spans
from orderbook.query.views import VIEWS, ticks_view
from orderbook.store import manifest
from orderbook.store.reader import Reader
from orderbook.store.rows.selects import OTHER_TABLES, hot_days

ROWS_AT_ONCE: Final = 65_536
ALLOWED: Final = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


@dataclass(frozen=True, slots=True)
class Window:
    """What of the ticks a session sees: from ``start`` up to ``end``, of ``symbols``; None: all."""

    start: datetime | None = None
    end: datetime | None = None
    symbols: Sequence[str] | None = None


ALL: Final = Window()


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns of a result, and its rows as they come; read them before the session closes."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    @property
    def columns(self) -> list[str]:
        """Their names, each once: the second ``a`` is ``a_2``."""
        found: list[str] = []
        for name in self.schema.names:
            fresh, number = name, 2
            while fresh in found:
                fresh, number = f"{name}_{number}", number + 1
            found.append(fresh)
        return found

    def table(self) -> pa.Table:
        """All rows at once."""
        return pa.Table.from_batches(self.batches, self.schema)


class Session:
    """Queries over one snapshot. Use it as a context; not thread-safe, not fork-safe.

    ``seconds`` bounds its whole life; by default the settings do. Raises ``Unavailable`` where Postgres or the cold
    root is away.
    """

    def __init__(self, settings: Settings, window: Window = ALL, *, seconds: float | None = None) -> None:
        self._settings = settings
        self._window = window
        self._seconds = settings.query.seconds if seconds is None else seconds
        self._own = ExitStack()
        self._datasets: list[Fetched] = []
        self._ended = threading.Event()
        self._duckdb: duckdb.DuckDBPyConnection
        self._ticks: HotAndCold
        self._first: datetime  # no stored day begins earlier

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            reader = opening.enter_context(Reader(self._settings.database, self._seconds))
            connection = opening.enter_context(reader.snapshot(holds_days=True))
            self._duckdb = opening.enter_context(self._connected())
            self._register(connection)
            self._duckdb.execute("SET lock_configuration = true")
            timer = threading.Timer(self._seconds, self._end)
            timer.daemon = True
            timer.start()
            opening.callback(timer.cancel)
            self._own = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._own.close()

    def ask(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> Answer:
        """The answer to one statement that only reads. ``parameters`` are bound to ``$1`` or ``$name``.

        Raises ``BadQuery`` with DuckDB's own words where the SQL is wrong, ``Refused`` where it needs more time or
        memory than it may have: at once or while rows are read.
        """
        with self._meant():
            statements = self._duckdb.extract_statements(sql)
            if len(statements) != 1:
                raise BadQuery("the query is empty" if not statements else "one statement at a time")
            if statements[0].type not in ALLOWED:
                raise BadQuery(f"a query only reads: {statements[0].type.name} is none")
            found = self._nearest(sql, parameters)
            if found is not None:
                return Answer(found.schema, iter(found.to_batches()))
            reader: Any = self._duckdb.sql(sql, params=parameters).to_arrow_reader(ROWS_AT_ONCE)
        return Answer(reader.schema, self._batches(reader))

    def _nearest(self, sql: str, parameters: Any) -> pa.Table | None:
        """The answer out of a short span of time, where that is sound; None where all rows must be looked at."""
        ((written,),) = self._duckdb.execute("SELECT json_serialize_sql(CAST($1 AS VARCHAR))", [sql]).fetchall()
        asked = nearest(written)
        if asked is None:
            return None
        try:
            for span in spans(asked, self._first, utc_now()):
                self._ticks.narrower = span
                found = self._duckdb.sql(sql, params=parameters).to_arrow_table()
                if found.num_rows == asked.rows:
                    return found
        finally:
            self._ticks.narrower = (None, None)
        return None

    def _batches(self, reader: Any) -> Iterator[pa.RecordBatch]:
        while True:
            with self._meant():
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
            yield batch

    @contextmanager
    def _meant(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            raise self._meaning(error) from error

    def _meaning(self, error: Exception) -> Exception:
        failure = next((one.failure for one in self._datasets if one.failure is not None), None)
        if self._ended.is_set() or isinstance(failure, OutOfTime):
            return Refused(f"the query took longer than its {self._seconds:g} s")
        if isinstance(failure, OrderbookError):
            return failure
        told = str(error).strip()
        if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in told:
            return Refused(f"the query needs more than its {self._settings.query.memory_mb} MB of memory and disk")
        if isinstance(error, duckdb.Error) and failure is None:
            return BadQuery(told)
        return error

    def _end(self) -> None:
        self._ended.set()
        self._duckdb.interrupt()

    @contextmanager
    def _connected(self) -> "Iterator[duckdb.DuckDBPyConnection]":  # quoted: the type in a class makes exits noisy
        options = self._settings.query
        with tempfile.TemporaryDirectory(prefix="orderbook-query-") as folder:
            connection = duckdb.connect(
                ":memory:",
                config={
                    "memory_limit": f"{options.memory_mb}MB",
                    "threads": options.threads,
                    "temp_directory": folder,
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "python_enable_replacements": False,
                },
            )
            try:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute("SET enable_external_access = false")  # once it knows where to put what is large
                yield connection
            finally:
                connection.close()

    def _register(self, connection: Connection) -> None:
        files, days = manifest.files(connection), hot_days(connection)
        most_bytes = self._settings.query.spool_mb * 2**20
        cold, window = cold_dataset(Root(self._settings.archive), files), self._window
        self._ticks = HotAndCold(connection, days, cold, (window.start, window.end), most_bytes)
        first = min([*days, *(file.day for file in files)], default=utc_now().date())
        self._first = datetime.combine(first, time(0), UTC)
        self._add("stored_ticks", self._ticks)
        for name in OTHER_TABLES:
            self._add(name, WholeTable(connection, name, most_bytes))
        self._duckdb.execute(ticks_view(window.start, window.end, window.symbols))
        for view in VIEWS:
            self._duckdb.execute(view)

    def _add(self, name: str, dataset: Fetched) -> None:
        self._datasets.append(dataset)
        self._duckdb.register(name, dataset)
