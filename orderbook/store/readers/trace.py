"""Everything the store knows of one tick. Every function takes a ``Reader.snapshot``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class TracedTick:
    """A stored tick, and the range that brought it; what the ledger no longer knows (merged ranges) is None."""

    event_time: datetime
    received_time: datetime
    landed_at: datetime
    generation: int
    partition: int
    offset: int
    topic: str
    topic_id: str
    range_id: int | None
    start: int | None
    end: int | None
    planned_at: datetime | None
    hinted_at: datetime | None
    fetched_at: datetime | None
    done_at: datetime | None
    below_prefix: bool
    requeued: bool


_HOPS = """
    SELECT t.event_time, t.received_time, t.landed_at, t.generation_id, t.kafka_partition, t.kafka_offset,
           g.topic, g.topic_id, r.id, r.start_offset, r.end_offset, r.planned_at, r.hinted_at, r.fetched_at,
           CASE WHEN r.planned_at IS NOT NULL THEN r.done_at END, t.kafka_offset < c.committed,
           EXISTS (SELECT FROM quarantine q WHERE q.generation_id = t.generation_id
                   AND q.kafka_partition = t.kafka_partition AND q.kafka_offset = t.kafka_offset)
    FROM {source} t
    JOIN topic_generation g ON g.id = t.generation_id
    JOIN partition_cursor c ON c.generation_id = t.generation_id AND c.partition = t.kafka_partition
    LEFT JOIN offset_range r ON r.generation_id = t.generation_id AND r.partition = t.kafka_partition
         AND r.start_offset <= t.kafka_offset AND r.end_offset > t.kafka_offset
    WHERE {condition}
    ORDER BY t.generation_id DESC, t.landed_at DESC, t.kafka_offset DESC
"""
# By the day: the index leads with the symbol, and a day's partition is all that is looked at.
_OF_DAY = """
    t.symbol = :symbol AND t.sequence_id = :sequence AND t.event_time >= CAST(:day AS timestamp) AT TIME ZONE 'UTC'
    AND t.event_time < CAST(:day + 1 AS timestamp) AT TIME ZONE 'UTC'
"""
_GIVEN = """
    (SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        event_time timestamptz, received_time timestamptz, landed_at timestamptz, generation_id smallint,
        kafka_partition integer, kafka_offset bigint))
"""
FIND = text(_HOPS.format(source="ticks", condition=_OF_DAY))
FOLLOW = text(_HOPS.format(source=_GIVEN, condition="true"))
DAYS = text("""
    SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day FROM symbol_hour WHERE symbol = :symbol
    UNION SELECT to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.ticks'::regclass
      AND NOT EXISTS (SELECT FROM symbol_hour WHERE symbol = :symbol)
    ORDER BY day DESC
""")
GAPS = text("""
    SELECT kind, state, cause, generation_id || '/' || partition || '/' || kafka_offset AS place, first_sequence,
           last_sequence, after_offset, kafka_offset, detected_at
    FROM sequence_event
    WHERE symbol = :symbol AND n_missing > 0 AND first_sequence <= :sequence AND last_sequence >= :sequence
    ORDER BY id DESC LIMIT 5
""")
REJECTS = text("""
    SELECT generation_id || '/' || kafka_partition || '/' || kafka_offset AS place, reason, detail, resolution
    FROM quarantine
    WHERE value IS NOT NULL AND position(convert_to(:written, 'UTF8') IN value) > 0
      AND (key = convert_to(:symbol, 'UTF8') OR position(convert_to('"' || :symbol || '"', 'UTF8') IN value) > 0)
    ORDER BY landed_at DESC LIMIT 5
""")


def find_ticks(connection: Connection, symbol: str, sequence: int) -> list[TracedTick]:
    """The hot ticks with this id, of the newest day that has one; newest landed first."""
    days: list[date] = list(connection.execute(DAYS, {"symbol": symbol}).scalars())
    for day in days:
        rows = connection.execute(FIND, {"symbol": symbol, "sequence": sequence, "day": day}).all()
        if rows:
            return [TracedTick(*row) for row in rows]
    return []


def follow(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[TracedTick]:
    """The same of ticks that were read elsewhere: their three instants and their place, as ``ticks`` names them."""
    given = json.dumps([dict(row) for row in rows], default=datetime.isoformat)
    return [TracedTick(*row) for row in connection.execute(FOLLOW, {"rows": given})]


def why_missing(connection: Connection, symbol: str, sequence: int) -> list[dict[str, Any]]:
    """What is known of an id that is not stored: gaps that it is missing from, rejects that name it."""
    gaps = connection.execute(GAPS, {"symbol": symbol, "sequence": sequence}).mappings()
    written = f'"sequence_id":{sequence}'
    rejects = connection.execute(REJECTS, {"symbol": symbol, "written": written}).mappings()
    return [*(dict(row) for row in gaps), *(dict(row) for row in rejects)]
