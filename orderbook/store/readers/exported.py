"""What the exporter reads from the ledger. Every function takes the connection of a ``Reader.snapshot``.

Counts come from the ledger and not from the workers: a worker that is killed after its COMMIT, or recycled, would lose
what it had counted; rows of the ledger are written in the transaction of the ticks that they count.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

# Below the prefix only a rebuild adds a reject, and nobody takes one away: what was counted there once stays true. So
# each look reads the window's rejects by the primary key, however many there are.
REJECTS = text("""
    SELECT c.generation_id, c.partition, c.committed, q.reason,
           count(q.reason) FILTER (WHERE q.kafka_offset < c.committed), count(q.reason)
    FROM partition_cursor c
    LEFT JOIN unnest(CAST(:generations AS smallint[]), CAST(:partitions AS integer[]), CAST(:prefixes AS bigint[]))
         AS known (generation_id, partition, prefix) USING (generation_id, partition)
    LEFT JOIN quarantine q ON q.generation_id = c.generation_id AND q.kafka_partition = c.partition
         AND q.kafka_offset >= coalesce(known.prefix, 0)
    GROUP BY c.generation_id, c.partition, c.committed, q.reason
""")
NEWEST_WITHDRAWN = text("SELECT coalesce(max(id), 0) FROM withdrawn_tick")
ALARMS = text("SELECT kind, count(*) FROM alarm WHERE acknowledged_at IS NULL GROUP BY kind ORDER BY kind")
ARCHIVE = text("""
    SELECT (SELECT coalesce(sum(rows), 0)::bigint FROM cold_file WHERE live_at IS NOT NULL),
           (SELECT coalesce(sum(rows), 0)::bigint FROM cold_file WHERE state = 'live' AND problem IS NOT NULL),
           (SELECT extract(epoch FROM max(ended_at))::float FROM cold_run WHERE problem IS NULL),
           greatest(0, extract(epoch FROM now() - (
               SELECT min((day + 1 + CAST(:hot_days AS integer))::timestamp AT TIME ZONE 'UTC')
               FROM (SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day
                     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                     WHERE i.inhparent = 'public.ticks'::regclass) AS hot
               WHERE NOT EXISTS (SELECT FROM cold_file f WHERE f.day = hot.day AND f.state IN ('live', 'restored'))
           )))::float
""")
EVENTS = text("""
    SELECT kind, count(*) FILTER (WHERE id <= :settled), count(*), max(id) FROM sequence_event
    WHERE id > :known GROUP BY kind
""")
NEWEST_EVENT = text("SELECT coalesce(max(id), 0) FROM sequence_event")
LAST_TIMES = text("SELECT symbol, max(last_time) FROM sequence_chain WHERE last_time >= :since GROUP BY symbol")
SETTLED_SECONDS = 120.0  # no transaction that inserts events lives that long: lower ids come no more
OPEN = text("""
    SELECT id, extract(epoch FROM clock_timestamp() - not_before)::float FROM offset_range
    WHERE state = 'planned' AND generation_id = (SELECT max(id) FROM topic_generation)
""")


@dataclass(slots=True)
class RejectCounter:
    """Counts all rejects by reason, reading each settled one only once. One per process and database."""

    prefixes: dict[tuple[int, int], int] = field(default_factory=dict)
    settled: Counter[str] = field(default_factory=Counter)
    withdrawn: int = 0  # the newest tick that a rebuild took out

    def count(self, connection: Connection) -> dict[str, int]:
        """Rows of ``quarantine`` by reason, resolved ones too.

        Counts anew after a rebuild, and where the ledger went back (a restore).
        """
        withdrawn, rebuilt = connection.execute(NEWEST_WITHDRAWN).scalar_one(), self.withdrawn
        self.withdrawn = withdrawn
        rows = self._read(connection)
        if rebuilt != withdrawn or any(
            committed < self.prefixes.get((generation, number), 0) for generation, number, committed, *_ in rows
        ):
            self.prefixes, self.settled = {}, Counter()
            rows = self._read(connection)
        total = Counter(self.settled)
        for generation, number, committed, reason, settled, all_above in rows:
            self.prefixes[generation, number] = committed
            if reason is not None:
                self.settled[reason] += settled
                total[reason] += all_above
        return dict(total)

    def _read(self, connection: Connection) -> list[tuple[int, int, int, str | None, int, int]]:
        places = list(self.prefixes)
        arguments = {
            "generations": [generation for generation, _ in places],
            "partitions": [number for _, number in places],
            "prefixes": [self.prefixes[place] for place in places],
        }
        return [tuple(row) for row in connection.execute(REJECTS, arguments)]


def open_alarms_by_kind(connection: Connection) -> dict[str, int]:
    """How many alarms nobody has acknowledged, by kind."""
    return {row[0]: row[1] for row in connection.execute(ALARMS)}


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """How far the archive is. ``behind_seconds``: since the oldest day that is still hot was to be frozen."""

    rows: int
    unsound_rows: int
    last_success: float | None  # seconds since 1970
    behind_seconds: float


def archive_state(connection: Connection, hot_days: int) -> ArchiveState:
    """The archive of now; ``hot_days`` as the settings have them. Late ticks of frozen days are not waited for."""
    return ArchiveState(*connection.execute(ARCHIVE, {"hot_days": hot_days}).one())


@dataclass(slots=True)
class OpenRangeAges:
    """How long ranges have been open: the ledger keeps no such time, so the first sight of each is remembered."""

    first_seen: dict[int, float] = field(default_factory=dict)  # by id: seconds of the clock that is passed

    def oldest(self, connection: Connection, now: float) -> float:
        """Seconds since the oldest open range of the newest generation was first seen, or due; 0 where none is open."""
        there = {number: now - max(0.0, since_due) for number, since_due in connection.execute(OPEN)}
        self.first_seen = {number: min(at, self.first_seen.get(number, at)) for number, at in there.items()}
        return now - min(self.first_seen.values(), default=now)


@dataclass(slots=True)
class SequenceEventCounter:
    """Counts all sequence events by kind, reading old ones only once. One per process and database."""

    known: int = 0  # events up to this id are in ``settled``
    settled: Counter[str] = field(default_factory=Counter)
    seen: deque[tuple[float, int]] = field(default_factory=deque)  # when, and the highest id there was then

    def count(self, connection: Connection, now: float) -> dict[str, int]:
        """Rows of ``sequence_event`` by kind; one that changes its kind after minutes stays counted as what it was.

        Counts anew where the ledger went back (a restore).
        """
        if connection.execute(NEWEST_EVENT).scalar_one() < self.known:
            self.known, self.settled, self.seen = 0, Counter(), deque()
        settled = self.known
        while self.seen and now - self.seen[0][0] > SETTLED_SECONDS:
            settled = max(settled, self.seen.popleft()[1])
        rows = connection.execute(EVENTS, {"known": self.known, "settled": settled}).all()
        total = self.settled + Counter({kind: count for kind, _, count, _ in rows})
        self.settled += Counter({kind: count for kind, count, _, _ in rows})
        self.known = settled
        self.seen.append((now, max((highest for *_, highest in rows), default=settled)))
        return dict(total)


def last_times(connection: Connection, since: datetime) -> dict[str, datetime]:
    """The event time of each symbol's newest stitched tick, of symbols that had one since."""
    return {row[0]: row[1] for row in connection.execute(LAST_TIMES, {"since": since})}
