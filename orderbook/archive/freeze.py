"""Freezing a day: write, write down, publish, read back, and only then drop. A kill between any two costs nothing."""

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine

from orderbook.archive.parquet import SORT_ORDER, DayFile, fingerprint, groups
from orderbook.archive.root import CHUNK, Missing, Root
from orderbook.clock import monotonic
from orderbook.crashpoints import crashpoint
from orderbook.errors import AlreadyRunning, Refused, Unavailable
from orderbook.store import manifest
from orderbook.store.database import translated
from orderbook.store.manifest import ColdFile, Written
from orderbook.store.rows.copy_out import STORED
from orderbook.store.rows.selects import select_ticks

log = structlog.get_logger(__name__)

TRIES: Final = 4  # at a day that changes meanwhile or that a reader holds
HELD_TRY: Final = 2  # from the third on, writers of the day wait while it is written
MOST_HELD_ROWS: Final = 3_000_000  # some seconds; a landing gives up its transaction after 15
PAUSE_SECONDS: Final = 0.5
# A sort of small runs on disk is twice as fast as the walk through the index, and neither grows with the day.
SORTED_BY: Final = ("SET LOCAL enable_indexscan = off", "SET LOCAL work_mem = '16MB'")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A day that left Postgres; ``path`` is None where it had no rows."""

    day: date
    path: str | None
    rows: int
    size_bytes: int
    seconds: float


class Archiver:
    """Freezes days, one at a time, in the archiver's role. Use it as a context: it holds the lock of archivers."""

    def __init__(self, engine: Engine, root: Root, *, attempts: int, progress: Progress = lambda _: None) -> None:
        self._engine = engine
        self._root = root
        self._attempts = attempts
        self._progress = progress
        self._own: Connection  # holds the lock; without it no day is dropped

    @contextmanager
    def alone(self) -> Iterator["Archiver"]:
        """Hold the lock of archivers. Raises ``AlreadyRunning`` where another does, ``Refused`` at a foreign root."""
        with self._engine.connect() as connection:
            if not manifest.only_archiver(connection):
                raise AlreadyRunning("another archiver is at work on this database")
            try:
                self._own = connection
                self._refuse_foreign_root()
                self._root.sweep()
                yield self
            finally:
                if not connection.invalidated:
                    manifest.let_others(connection)

    def _refuse_foreign_root(self) -> None:
        """Days are dropped only where the files before them lie: a folder of another machine would forget them."""
        with translated(), self._engine.begin() as connection:
            known = manifest.files(connection)
        if known and not self._root.exists(known[-1].path):
            raise Refused(
                f"{self._root.text} lacks {known[-1].path}, which is part of the data: is ORDERBOOK_ARCHIVE__ROOT the "
                "same on all machines? `orderbook archive verify` tells what is missing"
            )

    def freeze(self, day: date) -> Frozen | None:
        """Freeze a day; durable when this returns. None where it stays, since a reader holds it or its rows change.

        Raises ``Unavailable`` where Postgres or the root is, ``Refused`` where its ids are not stitched yet; the day
        then stays as it is.
        """
        began, changed = monotonic(), False
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE_SECONDS * random.uniform(1, 2))
            self._progress(f"{day}: attempt {attempt + 1}" if attempt else f"{day}")
            try:
                file = (self._staged(day) if not changed else None) or self._write(day)
                changed = not self._switch(day, file)
                if not changed:
                    return self._done(day, file, monotonic() - began)
                if attempt >= HELD_TRY and file is not None and file.rows <= MOST_HELD_ROWS:
                    held = self._write_held(day)
                    if held is not None:
                        return self._done(day, held, monotonic() - began)
            except Unavailable as error:
                if attempt == TRIES - 1:
                    raise
                log.warning("day not frozen yet", day=day.isoformat(), error=str(error))
        return None

    def _done(self, day: date, file: ColdFile | None, seconds: float) -> Frozen:
        crashpoint("archive_done")
        self._discard(day)
        path, rows, size = (None, 0, 0) if file is None else (file.path, file.rows, file.size_bytes)
        frozen = Frozen(day, path, rows, size, round(seconds, 3))
        log.info("day frozen", day=day.isoformat(), rows=frozen.rows, path=frozen.path, seconds=frozen.seconds)
        return frozen

    def _staged(self, day: date) -> ColdFile | None:
        """What an earlier attempt has written last, if it is whole."""
        files = self._unused(day, "staged")
        return files[-1] if files and self._found_whole(files[-1]) else None

    def _discard(self, day: date) -> None:
        """Delete what other attempts have written, and what was restored: none of it is the day as it was frozen.

        Nothing else is ever deleted: a file that may yet be adopted could be so while we, stopped, were about to.
        """
        for file in self._unused(day, "staged", "restored"):
            self._root.delete(file.path)
            crashpoint("archive_discarded")
            manifest.forget(self._engine, file.id)

    def _unused(self, day: date, *states: str) -> list[ColdFile]:
        with translated(), self._engine.begin() as connection:
            return manifest.files(connection, day, states)

    def _found_whole(self, file: ColdFile) -> bool:
        try:
            problem = compared(self._root, file.path, file.size_bytes, file.sha256, None)
        except Missing:
            return False
        manifest.note_check(self._engine, file.id, problem)
        return problem is None

    def _write(self, day: date) -> ColdFile | None:
        """A new file of the day's rows of now, published and read back; None where there are none."""
        with translated(), self._engine.begin() as connection:
            return self._write_rows(connection, day)

    def _write_held(self, day: date) -> ColdFile | None:
        """The same while nobody writes to the day, up to its drop."""
        with translated(), self._own.begin():
            connection = self._own
            manifest.hold(connection, day)
            file = self._write_rows(connection, day)
            return file if file is not None and manifest.freeze(connection, day, file.id) else None

    def _write_rows(self, connection: Connection, day: date) -> ColdFile | None:
        with self._root.spool() as spooled:
            file = DayFile(spooled)
            file.write(self._rows(connection, day))
            if not file.rows:
                return None
            written = file.written(day)
            self._refuse_unstitched(written)
            crashpoint("archive_written")
            staged = manifest.stage(self._engine, written)
            crashpoint("archive_staged")
            self._publish(spooled, written, file.fingerprints)
        manifest.note_check(self._engine, staged.id, None)
        crashpoint("archive_compared")
        return staged

    def _refuse_unstitched(self, written: Written) -> None:
        with translated(), self._engine.begin() as connection:  # of now: the one that reads the day sees an older one
            if not manifest.is_stitched(connection, written.extents):
                raise Refused("its sequence ids are not judged yet: the next run tries again (orderbook status)")

    def _rows(self, connection: Connection, day: date) -> Iterator[Any]:
        for setting in SORTED_BY:
            connection.exec_driver_sql(setting)
        start = datetime.combine(day, clock_time(0), UTC)
        select = select_ticks(STORED.names, start, start + timedelta(days=1), None, SORT_ORDER)
        rows = 0
        for batch in select.rows(connection):
            yield batch
            rows += batch.num_rows
            self._progress(f"{day}: {rows:,} rows")

    def _publish(self, spooled: Any, written: Written, fingerprints: Sequence[bytes]) -> None:
        """Publish, read back, compare; again where what came back differs. Raises ``Unavailable``."""
        for attempt in range(self._attempts):
            last = attempt == self._attempts - 1
            try:
                self._progress(f"{written.day}: to {self._root.text}")
                keep = spooled.with_suffix(".kept")
                keep.hardlink_to(spooled)  # publishing may move it
                try:
                    self._root.publish(keep, written.path)
                finally:
                    keep.unlink(missing_ok=True)
                crashpoint("archive_published")
                problem = compared(self._root, written.path, written.size_bytes, written.sha256, fingerprints)
            except Unavailable as error:
                problem = str(error)
            if problem is None:
                return
            log.warning("file not as written", path=written.path, problem=problem, attempt=attempt + 1)
            if last:
                raise Unavailable(f"{written.path}: {problem}")
            time.sleep(PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))

    def _switch(self, day: date, file: ColdFile | None) -> bool:
        with translated(), self._own.begin():
            frozen = manifest.freeze(self._own, day, None if file is None else file.id)
            crashpoint("archive_before_commit")
        return frozen


def compared(root: Root, path: str, size: int, sha256: bytes, fingerprints: Sequence[bytes] | None) -> str | None:
    """Read a file back: what is wrong with its bytes, or with its rows where their fingerprints are given."""
    with root.opened(path) as source:
        if source.size() != size:
            return f"has {source.size()} bytes, not {size}"
        seen = hashlib.sha256()
        while chunk := source.read(CHUNK):
            seen.update(chunk)
        if seen.digest() != sha256:
            return "its bytes are not those that were written"
        if fingerprints is None:
            return None
        source.seek(0)
        there = [fingerprint(group) for group in groups(source)]
    return None if there == list(fingerprints) else "its rows are not those of Postgres"
