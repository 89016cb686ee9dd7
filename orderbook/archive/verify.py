"""Whether the cold store is what the manifest says: every byte read back, and nothing there that nobody knows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow.compute as pc
from sqlalchemy import Engine

from orderbook.archive.freeze import compared
from orderbook.archive.parquet import FOLDER, groups
from orderbook.archive.root import Missing, Root
from orderbook.errors import Unavailable
from orderbook.store import manifest
from orderbook.store.database import translated
from orderbook.store.manifest import ColdFile

PLACE = ("generation_id", "kafka_partition", "kafka_offset")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a file. ``problem`` is None where it is sound."""

    day: date | None
    path: str
    rows: int
    size_bytes: int
    problem: str | None


def verify(
    engine: Engine, root: Root, day: date | None, progress: Callable[[str], None], *, note: bool = True
) -> Iterator[Verdict]:
    """Read every live file of a day (None: of all days) and yield what was found; then the files that nobody knows.

    ``note`` keeps the findings in the manifest, where the exporter sees them. Raises ``Unavailable`` where the root is
    away, which says nothing of any file.
    """
    with translated(), engine.begin() as connection:
        live = manifest.files(connection, day)
    for file in live:
        progress(file.path)
        problem = _problem(root, file)
        if note:
            manifest.note_check(engine, file.id, problem)
        yield Verdict(file.day, file.path, file.rows, file.size_bytes, problem)
    yield from _strangers(engine, root, day)


def _problem(root: Root, file: ColdFile) -> str | None:
    try:
        problem = compared(root, file.path, file.size_bytes, file.sha256, None)
        return problem if problem is not None else _miscounted(root, file)
    except Missing:
        return "is missing"
    except Unavailable as error:
        if not root.exists(file.path):  # raises, where it is the root that is away
            return "is missing"
        return f"cannot be read: {error}"


def _miscounted(root: Root, file: ColdFile) -> str | None:
    rows, offsets = 0, 0
    with root.opened(file.path) as source:
        for group in groups(source, ["kafka_offset"]):
            rows += group.num_rows
            offsets += int(pc.sum(group["kafka_offset"]).as_py())
    if (rows, offsets) != (file.rows, int(file.offset_sum)):
        return f"holds {rows} rows whose offsets sum to {offsets}, not {file.rows} and {file.offset_sum}"
    return None


def _strangers(engine: Engine, root: Root, day: date | None) -> Iterator[Verdict]:
    folder = FOLDER if day is None else f"{FOLDER}/date={day.isoformat()}"
    there = root.listed(folder)
    with translated(), engine.begin() as connection:  # after the listing: what was written since is known
        known = {file.path for file in manifest.files(connection, None, ("staged", "live", "restored"))}
    for path in there:
        if path not in known and path.endswith(".parquet"):
            problem = (
                "is known to no manifest: this database is older than its archive (restored from a backup?), "
                "or another one writes to the same root; see monitoring/runbooks/HotColdDisagree.md"
            )
            yield Verdict(None, path, 0, 0, problem)
