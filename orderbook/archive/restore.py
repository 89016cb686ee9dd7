"""Bringing a frozen day back into Postgres: its rows and the end of its file in one transaction."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine

from orderbook.archive.freeze import compared
from orderbook.archive.parquet import groups
from orderbook.archive.root import Root
from orderbook.crashpoints import crashpoint
from orderbook.errors import Refused
from orderbook.store import manifest
from orderbook.store.database import translated
from orderbook.store.days import make_day, missing_days
from orderbook.store.journal import Operator, record
from orderbook.store.manifest import ColdFile
from orderbook.store.rows.copy_in import copy_in


def restore(engine: Engine, root: Root, day: date, operator: Operator, progress: Callable[[str], None]) -> int:
    """Put a day's rows back; returns how many. Durable when this returns; the files stay, out of the data.

    Hold the archivers' lock. Raises ``Refused`` where the day has no file or one is not sound, ``TripWire`` where a row
    is in Postgres already; nothing has changed then.
    """
    with translated(), engine.connect() as connection:
        with connection.begin():
            files = manifest.files(connection, day)
        if not files:
            raise Refused(f"no file of {day} is part of the data")
        for file in files:
            _refuse_unsound(root, file)
        for missing in missing_days(connection, [day]):
            make_day(connection, missing)
        with connection.begin():
            rows = sum(_put_back(connection, root, file, progress) for file in files)
            record(connection, operator, "restore", detail=f"{day}: {rows} rows of {len(files)} files")
            crashpoint("restore_before_commit")
    return rows


def _refuse_unsound(root: Root, file: ColdFile) -> None:
    problem = compared(root, file.path, file.size_bytes, file.sha256, None)
    if problem is not None:
        raise Refused(f"{file.path} {problem}: nothing was restored")


def _put_back(connection: Connection, root: Root, file: ColdFile, progress: Callable[[str], None]) -> int:
    rows = 0
    with root.opened(file.path) as source:
        for group in groups(source):
            copy_in(connection, "ticks", _plain(group))
            rows += group.num_rows
            progress(f"{file.path}: {rows:,} rows")
    assert rows == file.rows, f"{file.path} holds {rows} rows, not {file.rows}"
    manifest.mark_restored(connection, file.id)
    return rows


def _plain(group: Any) -> Any:
    return pa.Table.from_arrays(group.columns, names=group.column_names)
