"""The audit's view of hot and cold together: the offsets of the cold files are read from the files themselves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Engine

from orderbook.archive.parquet import groups
from orderbook.archive.root import Missing, Root
from orderbook.errors import Unavailable
from orderbook.store import manifest
from orderbook.store.database import translated
from orderbook.store.ledger.recount import AuditedCursor, Recount, Snapshot, Stored, begin
from orderbook.store.manifest import ColdFile, Extent
from orderbook.tick import FIELDS

WINDOW: Final = 4_000_000  # offsets counted at a time, a byte each
PLACE: Final = ("generation_id", "kafka_partition", "kafka_offset")


class WholeSnapshot(Snapshot):
    """All of the store at one instant, wherever it lies. Raises ``Unavailable`` where the cold root is away."""

    def __init__(self, connection: Connection, root: Root) -> None:
        super().__init__(connection)
        self._root = root
        self._files = {file.id: file for file in manifest.files(connection)}
        self._extents = manifest.extents(connection)
        self._unreadable: dict[str, str] = {}
        self._kept: tuple[tuple[int, int, int], Any] | None = None  # the file and place of the last deep look

    def recount(self, cursor: AuditedCursor, starts: Sequence[int]) -> dict[int, Recount]:
        """The rows counted anew, those of the files too."""
        found = super().recount(cursor, starts)
        edges = np.array(starts, np.int64)
        for base, seen in self._windows(cursor):
            _add(found, edges, base, seen, self._hot_offsets(cursor, base, base + len(seen)))
        return found

    def offsets_twice(self, cursor: AuditedCursor, start: int, end: int) -> list[int]:
        """The first offsets of ``[start, end)`` that stand in two places, files included."""
        found = set(super().offsets_twice(cursor, start, end))
        for base, seen in self._windows(cursor):
            hot = self._hot_offsets(cursor, base, base + len(seen)) - base
            twice = base + np.union1d(np.flatnonzero(seen > 1), hot[seen[hot] > 0])
            found.update(int(offset) for offset in twice if start <= offset < end)
        return sorted(found)[:5]

    def unknown_places(self) -> list[tuple[int, int, int]]:
        """Rows, and rows of files, that belong to no partition we know."""
        known = {(cursor.generation, cursor.partition) for cursor in self.cursors()}
        extents = [extent for there in self._extents.values() for extent in there]
        cold = [(e.generation, e.partition, e.rows) for e in extents if (e.generation, e.partition) not in known]
        return [*super().unknown_places(), *cold]

    def stored(self, cursor: AuditedCursor, start: int, end: int) -> Stored:
        """The rows of ``[start, end)``, values included, files included."""
        found = super().stored(cursor, start, end)
        for file, extent in self._files_of(cursor):
            if extent.first < end and extent.last >= start:
                rows = self._by_offset(file, extent)
                first, last = np.searchsorted(rows["kafka_offset"].to_numpy(), [start, end])
                part = rows.slice(first, last - first)
                values = zip(*(part[name].to_pylist() for name in FIELDS), strict=True)
                found.ticks.update(zip(part["kafka_offset"].to_pylist(), values, strict=True))
        return found

    def unreadable(self) -> list[tuple[str, str]]:
        """The files that could not be read, and why; they count as empty."""
        return sorted(self._unreadable.items())

    def _files_of(self, cursor: AuditedCursor) -> list[tuple[ColdFile, Extent]]:
        return [
            (self._files[file_id], extent)
            for file_id, there in self._extents.items()
            for extent in there
            if (extent.generation, extent.partition) == (cursor.generation, cursor.partition)
        ]

    def _windows(self, cursor: AuditedCursor) -> Iterator[tuple[int, Any]]:
        """From where on, and how often each offset stands in a file; gaps between the files are left out."""
        there = self._files_of(cursor)
        bases = sorted({n for _, e in there for n in range(e.first // WINDOW, e.last // WINDOW + 1)})
        for number in bases:
            base = number * WINDOW
            seen = np.zeros(WINDOW, np.uint8)
            for file, extent in there:
                if extent.first < base + WINDOW and extent.last >= base:
                    for offsets in self._offsets(file, extent):
                        inside = offsets[(offsets >= base) & (offsets < base + WINDOW)]
                        np.add.at(seen, inside - base, 1)
            yield base, seen

    def _offsets(self, file: ColdFile, extent: Extent) -> Iterator[Any]:
        for group in self._groups(file, PLACE):
            yield _of(group, extent)["kafka_offset"].to_numpy()

    def _by_offset(self, file: ColdFile, extent: Extent) -> Any:
        key = (file.id, extent.generation, extent.partition)
        if self._kept is None or self._kept[0] != key:
            parts = [_of(group, extent) for group in self._groups(file, (*FIELDS, *PLACE))]
            rows = (
                pa.concat_tables(parts).sort_by("kafka_offset")
                if parts
                else pa.table({n: [] for n in (*FIELDS, *PLACE)})
            )
            self._kept = (key, rows)
        return self._kept[1]

    def _groups(self, file: ColdFile, columns: Sequence[str]) -> Iterator[Any]:
        try:
            with self._root.opened(file.path) as source:
                yield from groups(source, columns)
        except Missing:
            self._unreadable[file.path] = "is missing"
        except Unavailable as error:
            if self._root.exists(file.path):  # raises, where it is the root that is away
                self._unreadable[file.path] = f"cannot be read: {error}"


def _of(group: Any, extent: Extent) -> Any:
    mine = pc.and_(
        pc.equal(group["generation_id"], extent.generation), pc.equal(group["kafka_partition"], extent.partition)
    )
    return group.filter(mine)


def _add(found: dict[int, Recount], edges: Any, base: int, seen: Any, hot: Any) -> None:
    at = np.flatnonzero(seen)
    if not len(at):
        return
    buckets = np.searchsorted(edges, at + base, side="right") - 1  # ascending, as the offsets are
    there, first, counts = np.unique(buckets, return_index=True, return_counts=True)
    rows = np.add.reduceat(seen[at].astype(np.int64), first)
    both = np.unique(hot[seen[hot - base] > 0])
    doubled = dict(zip(*np.unique(np.searchsorted(edges, both, side="right") - 1, return_counts=True), strict=True))
    for bucket, number, distinct, last in zip(there, rows, counts, at[first + counts - 1], strict=True):
        known = found.get(int(bucket), Recount())
        found[int(bucket)] = Recount(
            ok=known.ok + int(number),
            bad=known.bad,
            offsets=known.offsets + int(distinct) - int(doubled.get(bucket, 0)),
            last=max(known.last, base + int(last)),
        )


@contextmanager
def whole_snapshot(engine: Engine, root: Root) -> Iterator[WholeSnapshot]:
    """Read everything as of one instant, however long it takes; no day is frozen meanwhile."""
    with translated(), begin(engine) as connection:
        yield WholeSnapshot(connection, root)
