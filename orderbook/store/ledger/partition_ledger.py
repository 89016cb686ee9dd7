"""One partition's side of the ledger: its cursor, ranges, lost offsets, due hints. One statement, one question.

Lock order, everywhere: cursor, then range, then quarantine. Statements run inside the caller's transaction, and nothing
is durable before that commits. All times are Postgres' own.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far one partition is planned and finished, and how old the answers are that this pass got from Kafka."""

    planned: int
    committed: int
    low_passes: int
    halted_reason: str | None
    last_epoch: int | None  # leader epoch of the newest range
    answers_too_old: bool  # more than a lease
    answers_before_last_pass: bool


@dataclass(frozen=True, slots=True)
class OpenRange:
    """A planned range, not finished: ``[start, end)``."""

    id: int
    start: int
    end: int
    overdue: bool = False  # held by a backend whose lease is over


LOCK_CURSOR = text("""
    SELECT planned, committed, low_passes, halted_reason,
           (SELECT leader_epoch FROM offset_range r
            WHERE r.generation_id = c.generation_id AND r.partition = c.partition AND r.end_offset = c.planned),
           clock_timestamp() - :asked > make_interval(secs => :lease_seconds),
           CAST(:asked AS timestamptz) < drained_at
    FROM partition_cursor c
    WHERE generation_id = :generation AND partition = :partition
    FOR NO KEY UPDATE SKIP LOCKED
""")
OPEN_RANGES = text("""
    SELECT id, start_offset, end_offset, holder_pid IS NOT NULL AND lease_until < now() FROM offset_range
    WHERE generation_id = :generation AND partition = :partition AND state = 'planned'
    ORDER BY start_offset
""")
# Only rows that nobody holds: neither by a live lease nor by a lock.
FREE_RANGES_BELOW = text("""
    SELECT id, start_offset, end_offset FROM offset_range
    WHERE generation_id = :generation AND partition = :partition AND state = 'planned' AND start_offset < :log_start
      AND (lease_until IS NULL OR lease_until < now())
    ORDER BY start_offset FOR UPDATE SKIP LOCKED
""")
LOSE_RANGE = text("""
    UPDATE offset_range
    SET state = 'lost', end_offset = :end, holder_pid = NULL, holder_start = NULL, lease_until = NULL, done_at = now()
    WHERE id = :id
""")
ADD_RANGE = text("""
    INSERT INTO offset_range (generation_id, partition, start_offset, end_offset, state, leader_epoch)
    VALUES (:generation, :partition, :start, :end, :state, :epoch)
""")
MOVE_CURSOR = text("""
    UPDATE partition_cursor
    SET planned = :planned, committed = greatest(committed, :prefix), low_passes = 0, drained_at = clock_timestamp()
    WHERE generation_id = :generation AND partition = :partition
    RETURNING committed
""")
COUNT_LOW_PASS = text("""
    UPDATE partition_cursor SET low_passes = low_passes + 1 WHERE generation_id = :generation AND partition = :partition
""")
# A process stopped inside COPY keeps its row lock for ever, and no timeout of Postgres reaches it. A backend whose
# transaction began after the lease ended is innocent: it serves something else by now. The call stands in the select
# list: in a WHERE clause the planner may ask it first, of every backend there is.
END_OVERDUE_HOLDERS = text("""
    SELECT r.start_offset, r.end_offset, pg_terminate_backend(a.pid) FROM offset_range r
    JOIN pg_stat_activity a ON a.pid = r.holder_pid AND a.backend_start = r.holder_start
    WHERE r.generation_id = :generation AND r.partition = :partition AND r.state = 'planned'
      AND r.lease_until < now() AND a.xact_start < r.lease_until
""")
# What is free to be taken. No backoff lasts a minute: a later one was written before Postgres' clock was set back.
IS_FREE = """(lease_until IS NULL OR lease_until < now())
          AND (not_before <= now() OR not_before > now() + interval '1 minute')"""
# a hint from the future was sent before Postgres' clock was set back
TAKE_DUE = text(f"""
    UPDATE offset_range SET hinted_at = now()
    WHERE id IN (
        SELECT id FROM offset_range
        WHERE generation_id = :generation AND partition = :partition AND state = 'planned'
          AND {IS_FREE}
          AND (hinted_at IS NULL OR hinted_at < now() - make_interval(secs => :hint_again_seconds)
               OR hinted_at > now() + make_interval(secs => :hint_again_seconds))
        ORDER BY start_offset LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id, start_offset
""")  # noqa: S608 - a constant of ours
LOCK_CURSOR_AND_WAIT = text("""
    SELECT halted_reason FROM partition_cursor WHERE generation_id = :generation AND partition = :partition
    FOR NO KEY UPDATE
""")
HALT = text("""
    UPDATE partition_cursor SET halted_reason = :reason
    WHERE generation_id = :generation AND partition = :partition AND halted_reason IS NULL
""")
RAISE_ALARM = text("""
    INSERT INTO alarm (kind, generation_id, partition, start_offset, end_offset, detail)
    VALUES (:kind, :generation, :partition, :start, :end, :detail)
""")

HALT_REASONS = ("recreated", "low_end", "truncated", "tripwire", "breaker")


class PartitionLedger:
    """One partition of one generation, inside one transaction of the caller's."""

    def __init__(self, connection: Connection, generation: int, partition: int) -> None:
        self._connection = connection
        self._place = {"generation": generation, "partition": partition}

    def lock_cursor(self, asked: datetime, lease_seconds: float) -> Cursor | None:
        """The cursor, locked until the transaction ends; None where another drainer has it."""
        arguments = {**self._place, "asked": asked, "lease_seconds": lease_seconds}
        row = self._connection.execute(LOCK_CURSOR, arguments).one_or_none()
        return None if row is None else Cursor(*row)

    def open_ranges(self) -> list[OpenRange]:
        """The planned ranges, oldest first."""
        return [OpenRange(*row) for row in self._connection.execute(OPEN_RANGES, self._place)]

    def free_ranges_below(self, log_start: int) -> list[OpenRange]:
        """Those of them, locked, that begin below ``log_start`` and that no worker holds."""
        rows = self._connection.execute(FREE_RANGES_BELOW, {**self._place, "log_start": log_start})
        return [OpenRange(*row) for row in rows]

    def lose(self, lost: OpenRange, log_start: int) -> tuple[int, int]:
        """Give up what the log no longer has of ``lost``; the rest stays planned. Returns the interval that is lost."""
        end = min(lost.end, log_start)
        self._connection.execute(LOSE_RANGE, {"id": lost.id, "end": end})
        if end < lost.end:
            self.add(end, lost.end)
        return lost.start, end

    def add(self, start: int, end: int, *, state: str = "planned", epoch: int | None = None) -> None:
        """Add the range ``[start, end)``."""
        self._connection.execute(ADD_RANGE, {**self._place, "start": start, "end": end, "state": state, "epoch": epoch})

    def move_cursor(self, planned: int, prefix: int) -> int:
        """Note how far planning and the finished prefix are; returns the prefix as stored."""
        arguments = {**self._place, "planned": planned, "prefix": prefix}
        return int(self._connection.execute(MOVE_CURSOR, arguments).scalar_one())

    def count_low_pass(self) -> None:
        """The log's end was seen below what is planned, once more."""
        self._connection.execute(COUNT_LOW_PASS, self._place)

    def end_overdue_holders(self) -> list[tuple[int, int]]:
        """Terminate the backends that still hold a range after their lease; returns the ranges ``[start, end)``."""
        return [(start, end) for start, end, _ in self._connection.execute(END_OVERDUE_HOLDERS, self._place)]

    def take_due(self, most: int, hint_again_seconds: float) -> list[int]:
        """At most ``most`` ranges that wait for a worker, oldest first, marked as hinted now."""
        arguments = {**self._place, "most": most, "hint_again_seconds": hint_again_seconds}
        rows = self._connection.execute(TAKE_DUE, arguments).all()
        return [row.id for row in sorted(rows, key=lambda row: row.start_offset)]

    def halt(self, reason: str, detail: str) -> bool:
        """Stop the partition until an operator resumes it, with an alarm; False where it is stopped already."""
        self._connection.execute(LOCK_CURSOR_AND_WAIT, self._place)
        if self._connection.execute(HALT, {**self._place, "reason": reason}).rowcount == 0:
            return False
        self.alarm(reason, detail)
        return True

    def alarm(self, kind: str, detail: str, start: int | None = None, end: int | None = None) -> None:
        """Record what a person must know, in the transaction of what it tells."""
        self._connection.execute(
            RAISE_ALARM, {**self._place, "kind": kind, "start": start, "end": end, "detail": detail}
        )
