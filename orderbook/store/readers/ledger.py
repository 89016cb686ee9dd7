"""Reading the ledger: cursors, ranges, counts and alarms. Every function takes a ``Reader.snapshot``."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class CursorState:
    """One partition of the newest generation."""

    generation: int
    partition: int
    origin: int
    planned: int
    committed: int
    halted_reason: str | None
    drained_seconds_ago: float | None  # None: never
    open_ranges: int
    held_ranges: int  # of these, under a lease
    most_deaths: int  # attempts at the open ranges that ended without a word, at most


@dataclass(frozen=True, slots=True)
class Landed:
    """What all generations hold, as the ledger counts it."""

    ok: int
    bad: int
    gaps: int
    lost: int
    last_landed_seconds_ago: float | None
    ok_per_second: float  # over the last ten
    open_in_older_generations: int
    withdrawn: int = 0  # ticks that rebuilds took out


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a person must know, and has not acknowledged."""

    id: int
    kind: str
    partition: int | None
    start_offset: int | None
    end_offset: int | None
    detail: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class RangeRow:
    """A range of the ledger with the counts that its landing wrote."""

    id: int
    range: str
    state: str
    offsets: int
    n_ok: int | None
    n_bad: int | None
    n_gap: int | None
    deaths: int
    lease_until: datetime | None
    done_at: datetime | None


NEWEST_CURSORS = text("""
    SELECT c.generation_id, c.partition, c.origin, c.planned, c.committed, c.halted_reason,
           extract(epoch FROM clock_timestamp() - nullif(c.drained_at, '-infinity'))::float,
           count(r.id), count(r.id) FILTER (WHERE r.lease_until > now()), coalesce(max(r.deaths), 0)
    FROM partition_cursor c
    LEFT JOIN offset_range r
      ON r.generation_id = c.generation_id AND r.partition = c.partition AND r.state = 'planned'
    WHERE c.generation_id = (SELECT max(id) FROM topic_generation)
    GROUP BY c.generation_id, c.partition ORDER BY c.partition
""")
LANDED = text("""
    SELECT coalesce(sum(n_ok), 0)::bigint, coalesce(sum(n_bad), 0)::bigint, coalesce(sum(n_gap), 0)::bigint,
           coalesce(sum(end_offset - start_offset) FILTER (WHERE state = 'lost'), 0)::bigint,
           extract(epoch FROM clock_timestamp() - max(done_at) FILTER (WHERE n_ok > 0))::float,
           coalesce(sum(n_ok) FILTER (WHERE done_at > clock_timestamp() - interval '10 s'), 0)::float / 10,
           count(*) FILTER (WHERE state = 'planned'
                            AND generation_id < (SELECT max(id) FROM topic_generation)),
           (SELECT count(*) FROM withdrawn_tick)
    FROM offset_range
""")
OPEN_ALARMS = text("""
    SELECT id, kind, partition, start_offset, end_offset, detail, raised_at FROM alarm
    WHERE acknowledged_at IS NULL ORDER BY id DESC LIMIT :limit
""")
COUNT_OPEN_ALARMS = text("SELECT count(*) FROM alarm WHERE acknowledged_at IS NULL")
LIST_RANGES = text("""
    SELECT r.id, g.topic || '/' || r.partition || '/' || r.start_offset || '-' || (r.end_offset - 1), r.state,
           r.end_offset - r.start_offset, r.n_ok, r.n_bad, r.n_gap, r.deaths, r.lease_until, r.done_at
    FROM offset_range r JOIN topic_generation g ON g.id = r.generation_id
    WHERE (CAST(:state AS text) IS NULL OR r.state = :state)
      AND (CAST(:partition AS integer) IS NULL OR r.partition = :partition)
    ORDER BY r.generation_id DESC, r.start_offset DESC, r.partition LIMIT :limit
""")
SHOW_RANGE = text("""
    SELECT g.topic || '/' || r.partition || '/' || r.start_offset || '-' || (r.end_offset - 1) AS range, r.*,
           g.topic_id, c.halted_reason,
           CASE WHEN r.holder_pid IS NULL THEN NULL
                WHEN a.pid IS NULL THEN 'gone'
                ELSE 'alive, ' || coalesce(a.application_name, '?') || ', ' || coalesce(a.state, '?') END AS holder
    FROM offset_range r
    JOIN topic_generation g ON g.id = r.generation_id
    JOIN partition_cursor c USING (generation_id, partition)
    LEFT JOIN pg_stat_activity a ON a.pid = r.holder_pid AND a.backend_start = r.holder_start
    WHERE r.id = :id
""")


def newest_cursors(connection: Connection) -> list[CursorState]:
    """The partitions of the topic's newest life; empty before the first pass of a drainer."""
    return [CursorState(*row) for row in connection.execute(NEWEST_CURSORS)]


def landed(connection: Connection) -> Landed:
    """The ledger's own counts; exact, since each is written in the transaction of its rows."""
    return Landed(*connection.execute(LANDED).one())


def open_alarms(connection: Connection, limit: int = 5) -> tuple[int, list[Alarm]]:
    """How many alarms nobody has acknowledged, and the newest of them."""
    count = int(connection.execute(COUNT_OPEN_ALARMS).scalar_one())
    return count, [Alarm(*row) for row in connection.execute(OPEN_ALARMS, {"limit": limit})]


def list_ranges(
    connection: Connection, *, state: str | None = None, partition: int | None = None, limit: int = 50
) -> list[RangeRow]:
    """Ranges, newest first."""
    arguments = {"state": state, "partition": partition, "limit": limit}
    return [RangeRow(*row) for row in connection.execute(LIST_RANGES, arguments)]


def show_range(connection: Connection, range_id: int) -> dict[str, Any] | None:
    """All columns of one range, its label (``topic/partition/first-last``) and what its holder does now."""
    row = connection.execute(SHOW_RANGE, {"id": range_id}).mappings().one_or_none()
    return None if row is None else dict(row)
