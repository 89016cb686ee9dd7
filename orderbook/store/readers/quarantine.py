"""Reading the rejects. Every function takes a ``Reader.snapshot``."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class RejectRow:
    """A reject without its bytes."""

    generation_id: int
    partition: int
    offset: int
    reason: str
    field: str | None
    detail: str
    bytes: int | None
    resolution: str
    landed_at: datetime


@dataclass(frozen=True, slots=True)
class RejectCount:
    """How many rejects of one reason landed on one day (UTC), and how many of them are open."""

    day: date
    reason: str
    rejects: int
    open: int


LIST = text("""
    SELECT generation_id, kafka_partition, kafka_offset, reason, field, detail, octet_length(value), resolution,
           landed_at
    FROM quarantine
    WHERE (CAST(:reason AS text) IS NULL OR reason = :reason)
      AND (CAST(:partition AS integer) IS NULL OR kafka_partition = :partition)
    ORDER BY landed_at DESC, generation_id DESC, kafka_partition, kafka_offset DESC LIMIT :limit
""")
SHOW = text("""
    SELECT * FROM quarantine
    WHERE generation_id = coalesce(CAST(:generation AS smallint), (SELECT max(id) FROM topic_generation))
      AND kafka_partition = :partition AND kafka_offset = :offset
""")
BY_REASON = text("""
    SELECT reason, count(*) FROM quarantine WHERE resolution = 'open' GROUP BY reason ORDER BY count(*) DESC, reason
""")
BY_DAY = text("""
    SELECT (landed_at AT TIME ZONE 'UTC')::date, reason, count(*), count(*) FILTER (WHERE resolution = 'open')
    FROM quarantine GROUP BY 1, 2 ORDER BY 1 DESC, 3 DESC, 2
""")


def list_rejects(
    connection: Connection, *, reason: str | None = None, partition: int | None = None, limit: int = 50
) -> list[RejectRow]:
    """Rejects, newest landed first."""
    arguments = {"reason": reason, "partition": partition, "limit": limit}
    return [RejectRow(*row) for row in connection.execute(LIST, arguments)]


def show_reject(connection: Connection, generation: int | None, partition: int, offset: int) -> dict[str, Any] | None:
    """All columns of one reject, key and value as bytes; ``generation`` None means the newest."""
    arguments = {"generation": generation, "partition": partition, "offset": offset}
    row = connection.execute(SHOW, arguments).mappings().one_or_none()
    if row is None:
        return None
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}


def open_rejects_by_reason(connection: Connection) -> dict[str, int]:
    """How many rejects are open, by reason, most first."""
    return {row[0]: row[1] for row in connection.execute(BY_REASON)}


def rejects_by_day(connection: Connection) -> list[RejectCount]:
    """Rejects by the day they landed and their reason, newest day first."""
    return [RejectCount(*row) for row in connection.execute(BY_DAY)]
