"""The manifest of the cold store: which files are part of the data. One statement, one question.

A file is written down here, as ``staged``, before it is written there, so a file that nobody here knows is another
database's, or this one is older than its archive. ``freeze`` alone makes a file ``live``, as it drops the day's rows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, Engine, text

from orderbook.store.database import translated

SCHEMA_VERSION: Final = 1
ONE_ARCHIVER: Final = 7_227_003  # advisory lock, held for a whole run
PARENT_LOCK_MILLISECONDS: Final = 500  # readers queue behind us for no longer; and less than Postgres' deadlock_timeout

TRY_LOCK = text("SELECT pg_try_advisory_lock(:key)")
LEAVE = text("SELECT pg_advisory_unlock(:key)")
DUE = text("""
    WITH hot AS (
        SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.ticks'::regclass)
    SELECT day, EXISTS (SELECT FROM cold_file f WHERE f.day = hot.day AND f.state = 'live') AS is_late
    FROM hot
    WHERE day < (now() AT TIME ZONE 'UTC')::date - CAST(:hot_days AS integer)
      AND NOT EXISTS (SELECT FROM cold_file f WHERE f.day = hot.day AND f.state = 'restored'
                      AND f.restored_at > now() - make_interval(secs => :restored_seconds))
    ORDER BY day
""")
IS_HOT = text("""
    SELECT to_regclass('public.ticks_' || to_char(CAST(:day AS date), 'YYYYMMDD')) IS NOT NULL,
           CAST(:day AS date) < (now() AT TIME ZONE 'UTC')::date
""")
LATE_IS_QUIET = text("""
    SELECT coalesce(max(landed_at) < now() - make_interval(secs => :seconds), true) FROM ticks
    WHERE event_time >= CAST(:day AS timestamp) AT TIME ZONE 'UTC'
      AND event_time < CAST(:day + 1 AS timestamp) AT TIME ZONE 'UTC'
""")
_FILE = """id, day, path, state, rows, size_bytes, sha256, first_time, last_time, first_symbol, last_symbol, offset_sum,
           sequence_sum, schema_version, staged_at, live_at, restored_at, checked_at, problem"""
FILES = text(f"""
    SELECT {_FILE} FROM cold_file
    WHERE (CAST(:day AS date) IS NULL OR day = :day) AND state = ANY(CAST(:states AS text[])) ORDER BY day, id
""")  # noqa: S608 - names of ours
STAGE = text(f"""
    INSERT INTO cold_file (day, path, rows, size_bytes, sha256, first_time, last_time, first_symbol, last_symbol,
                           offset_sum, sequence_sum, schema_version)
    VALUES (:day, :path, :rows, :size_bytes, :sha256, :first_time, :last_time, :first_symbol, :last_symbol,
            :offset_sum, :sequence_sum, :schema_version)
    ON CONFLICT (path) DO UPDATE SET state = 'staged', staged_at = now(), checked_at = NULL, problem = NULL
    WHERE cold_file.state <> 'live'
    RETURNING {_FILE}
""")  # noqa: S608
ADD_EXTENTS = text("""
    INSERT INTO cold_extent (file_id, generation_id, partition, rows, first_offset, last_offset)
    VALUES (:file, :generation, :partition, :rows, :first, :last) ON CONFLICT DO NOTHING
""")
EXTENTS = text("""
    SELECT file_id, generation_id, partition, e.rows, first_offset, last_offset
    FROM cold_extent e JOIN cold_file f ON f.id = e.file_id WHERE f.state = 'live' ORDER BY file_id
""")
# A partition that the ledger does not know has nothing to stitch.
UNSTITCHED = text("""
    SELECT EXISTS (
        SELECT FROM jsonb_to_recordset(CAST(:extents AS jsonb)) AS e (
            generation smallint, partition integer, last bigint)
        JOIN partition_cursor c ON c.generation_id = e.generation AND c.partition = e.partition
        LEFT JOIN sequence_cursor s ON s.generation_id = e.generation AND s.partition = e.partition
        WHERE e.last >= coalesce(s.stitched, c.origin))
""")
CHECKED = text("UPDATE cold_file SET checked_at = now(), problem = :problem WHERE id = :id")
FORGET = text("DELETE FROM cold_file WHERE id = :id AND state <> 'live'")
PARENT_LOCK = text("SELECT set_config('lock_timeout', :milliseconds || 'ms', true)")
HOLD = text("SELECT hold_ticks_day(:day)")
FREEZE = text("SELECT freeze_ticks_day(:day, CAST(:file AS bigint))")
RESTORED = text("UPDATE cold_file SET state = 'restored', restored_at = now() WHERE id = :id AND state = 'live'")
BEGIN_RUN = text("INSERT INTO cold_run DEFAULT VALUES RETURNING id")
END_RUN = text("""
    UPDATE cold_run SET ended_at = clock_timestamp(), days = :days, rows = :rows, problem = :problem WHERE id = :id
""")


@dataclass(frozen=True, slots=True)
class Extent:
    """A file's rows of one partition."""

    generation: int
    partition: int
    rows: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it was written. The sums are over ``kafka_offset`` and ``sequence_id``."""

    day: date
    path: str
    rows: int
    size_bytes: int
    sha256: bytes
    first_time: datetime
    last_time: datetime
    first_symbol: str
    last_symbol: str
    offset_sum: int
    sequence_sum: int
    extents: Sequence[Extent]


@dataclass(frozen=True, slots=True)
class ColdFile:
    """A file as the manifest has it. ``path`` is under the root."""

    id: int
    day: date
    path: str
    state: str
    rows: int
    size_bytes: int
    sha256: bytes
    first_time: datetime
    last_time: datetime
    first_symbol: str
    last_symbol: str
    offset_sum: Decimal
    sequence_sum: Decimal
    schema_version: int
    staged_at: datetime
    live_at: datetime | None
    restored_at: datetime | None
    checked_at: datetime | None
    problem: str | None


def only_archiver(connection: Connection) -> bool:
    """Take the lock of archivers for this session; False where another has it."""
    with translated(), connection.begin():
        return bool(connection.execute(TRY_LOCK, {"key": ONE_ARCHIVER}).scalar_one())


def let_others(connection: Connection) -> None:
    """Give the lock back."""
    with translated(), connection.begin():
        connection.execute(LEAVE, {"key": ONE_ARCHIVER})


def due_days(connection: Connection, hot_days: int, restored_seconds: float, late_quiet_seconds: float) -> list[date]:
    """The days that are to be frozen now, oldest first; of those frozen before, only where no late tick came lately."""
    with translated(), connection.begin():
        found = connection.execute(DUE, {"hot_days": hot_days, "restored_seconds": restored_seconds}).all()
        quiet = {"seconds": late_quiet_seconds}
        return [
            day
            for day, is_late in found
            if not is_late or connection.execute(LATE_IS_QUIET, {"day": day, **quiet}).scalar_one()
        ]


def is_hot(connection: Connection, day: date) -> tuple[bool, bool]:
    """Whether Postgres has a partition of ``day``, and whether that day is over."""
    with translated(), connection.begin():
        hot, over = connection.execute(IS_HOT, {"day": day}).one()
        return bool(hot), bool(over)


def files(connection: Connection, day: date | None = None, states: Sequence[str] = ("live",)) -> list[ColdFile]:
    """The files of a day, or of all; inside the caller's transaction."""
    rows = connection.execute(FILES, {"day": day, "states": list(states)})
    return [ColdFile(**{**row, "sha256": bytes(row["sha256"])}) for row in rows.mappings()]


def extents(connection: Connection) -> dict[int, list[Extent]]:
    """What the live files hold, by file; inside the caller's transaction."""
    found: dict[int, list[Extent]] = {}
    for file_id, *place in connection.execute(EXTENTS):
        found.setdefault(file_id, []).append(Extent(*place))
    return found


def is_stitched(connection: Connection, extents: Sequence[Extent]) -> bool:
    """Whether the sequence ids of these rows were judged, which takes the rows where a range has no summary."""
    places = json.dumps([{"generation": e.generation, "partition": e.partition, "last": e.last} for e in extents])
    return not connection.execute(UNSTITCHED, {"extents": places}).scalar_one()


def stage(engine: Engine, written: Written) -> ColdFile:
    """Write a file down before it is published; durable when this returns. The same path again is the same row."""
    values = {name: getattr(written, name) for name in Written.__slots__ if name != "extents"}
    with translated(), engine.begin() as connection:
        row = connection.execute(STAGE, {**values, "schema_version": SCHEMA_VERSION}).mappings().one()
        for extent in written.extents:
            place = {"generation": extent.generation, "partition": extent.partition, "rows": extent.rows}
            connection.execute(ADD_EXTENTS, {"file": row["id"], **place, "first": extent.first, "last": extent.last})
        return ColdFile(**{**row, "sha256": bytes(row["sha256"])})


def note_check(engine: Engine, file_id: int, problem: str | None) -> None:
    """Note that a file was read back, and what was wrong; durable when this returns."""
    with translated(), engine.begin() as connection:
        connection.execute(CHECKED, {"id": file_id, "problem": problem})


def forget(engine: Engine, file_id: int) -> None:
    """Strike out a file that is no part of the data, once it is deleted; durable when this returns."""
    with translated(), engine.begin() as connection:
        connection.execute(FORGET, {"id": file_id})


def hold(connection: Connection, day: date) -> None:
    """Keep writers out of a day until the caller's transaction ends."""
    connection.execute(HOLD, {"day": day})


def freeze(connection: Connection, day: date, file_id: int | None) -> bool:
    """Drop the day's rows and make their file live, in the caller's transaction.

    False, with nothing changed, where the rows are not those of the file (any more). Without a file: where the day has
    no rows. Raises ``Unavailable`` where a reader holds the day for longer than readers may be kept waiting behind us.
    """
    connection.execute(PARENT_LOCK, {"milliseconds": str(PARENT_LOCK_MILLISECONDS)})
    return bool(connection.execute(FREEZE, {"day": day, "file": file_id}).scalar_one())


def mark_restored(connection: Connection, file_id: int) -> None:
    """Take a file out of the data, in the transaction that puts its rows back into ``ticks``."""
    assert connection.execute(RESTORED, {"id": file_id}).rowcount == 1, f"file {file_id} is not live"


def begin_run(engine: Engine) -> int:
    """Note that a run begins; durable when this returns."""
    with translated(), engine.begin() as connection:
        return int(connection.execute(BEGIN_RUN).scalar_one())


def end_run(engine: Engine, run: int, *, days: int, rows: int, problem: str | None) -> None:
    """Note how a run ended; durable when this returns."""
    with translated(), engine.begin() as connection:
        connection.execute(END_RUN, {"id": run, "days": days, "rows": rows, "problem": problem})
