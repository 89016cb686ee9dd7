"""How far the stored rows are complete, and since when an answer about the past stays as it is.

Every function takes a ``Reader.snapshot``.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

# A pass takes Postgres' time before it asks Kafka for the ends. So where all that it planned is finished, the log's
# records of before that time are stored; unless its newest range is a full one, since then the window may have cut it
# short. Elsewhere, the newest stitched tick is what is certain.
COMPLETE = text("""
    SELECT min(CASE
        WHEN c.committed = c.planned AND c.halted_reason IS NULL AND NOT coalesce(newest.is_full, false)
            THEN nullif(c.drained_at, '-infinity')
        ELSE least(nullif(c.drained_at, '-infinity'),
                   (SELECT max(last_time) FROM sequence_chain s
                    WHERE s.generation_id = c.generation_id AND s.partition = c.partition)) END),
        bool_or(c.drained_at = '-infinity')
    FROM partition_cursor c
    LEFT JOIN LATERAL (
        SELECT r.planned_at >= c.drained_at AND r.end_offset - r.start_offset >= :full AS is_full
        FROM offset_range r WHERE r.generation_id = c.generation_id AND r.partition = c.partition
        ORDER BY r.start_offset DESC LIMIT 1) newest ON true
    WHERE c.generation_id = (SELECT max(id) FROM topic_generation)
""")
# A row's landed_at is when its transaction began. Landings begin after the lease of their range was renewed for the
# last time, a requeue is ended by Postgres after ten seconds, and what begins later than this snapshot is later.
SETTLED = text("""
    SELECT least(now() - :requeue, min(lease_until) - :lease) FROM offset_range
    WHERE state = 'planned' AND holder_pid IS NOT NULL
""")
REQUEUE_SECONDS = 15.0  # longer than the transaction of an operator's command may last


def complete_through(connection: Connection, max_offsets: int) -> datetime | None:
    """The instant up to which the log is stored whole; None where some partition was never drained."""
    through, is_undrained = connection.execute(COMPLETE, {"full": max_offsets}).one()
    return None if is_undrained else through


def settled_before(connection: Connection, lease_seconds: float) -> datetime:
    """No row will ever be added whose ``landed_at`` lies below this instant.

    ``lease_seconds`` is the longest lease that a landing takes.
    """
    arguments = {"requeue": timedelta(seconds=REQUEUE_SECONDS), "lease": timedelta(seconds=lease_seconds)}
    found: datetime = connection.execute(SETTLED, arguments).scalar_one()
    return found
