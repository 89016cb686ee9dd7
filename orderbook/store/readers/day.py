"""What a day's report asks beside coverage and events. Every function takes a ``Reader.snapshot``."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class DayRejects:
    """The rejects of one reason that landed in a window, and how many of them nobody has resolved."""

    reason: str
    rejects: int
    open: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is not settled now: offsets planned and not landed, landed and not stitched; and partitions that stand."""

    not_landed: int
    not_stitched: int
    halted: int


@dataclass(frozen=True, slots=True)
class DayAlarms:
    """The alarms of one kind that were raised in a window, and the offsets that they are about."""

    kind: str
    alarms: int
    offsets: int
    open: int


REJECTS = text("""
    SELECT reason, count(*), count(*) FILTER (WHERE resolution = 'open') FROM quarantine
    WHERE coalesce(broker_time, landed_at) >= :start AND coalesce(broker_time, landed_at) < :end
    GROUP BY 1 ORDER BY 2 DESC, 1
""")
BACKLOG = text("""
    SELECT coalesce(sum(c.planned - c.committed), 0)::bigint,
           coalesce(sum(c.committed - coalesce(s.stitched, c.origin)), 0)::bigint,
           count(*) FILTER (WHERE c.halted_reason IS NOT NULL
                            AND c.generation_id = (SELECT max(id) FROM topic_generation))
    FROM partition_cursor c LEFT JOIN sequence_cursor s USING (generation_id, partition)
""")
ALARMS = text("""
    SELECT kind, count(*), coalesce(sum(end_offset - start_offset), 0)::bigint,
           count(*) FILTER (WHERE acknowledged_at IS NULL)
    FROM alarm WHERE raised_at >= :start AND raised_at < :end GROUP BY 1 ORDER BY 1
""")


def day_rejects(connection: Connection, start: datetime, end: datetime) -> list[DayRejects]:
    """What was rejected of the records that the broker took in a window, most first."""
    return [DayRejects(*row) for row in connection.execute(REJECTS, {"start": start, "end": end})]


def backlog(connection: Connection) -> Backlog:
    """What is not settled now, in all generations."""
    return Backlog(*connection.execute(BACKLOG).one())


def day_alarms(connection: Connection, start: datetime, end: datetime) -> list[DayAlarms]:
    """The alarms that were raised in a window."""
    return [DayAlarms(*row) for row in connection.execute(ALARMS, {"start": start, "end": end})]
