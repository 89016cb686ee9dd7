"""The ledger as a whole: the lives of the topic, and a transaction for each partition of one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from orderbook.store.database import translated
from orderbook.store.ledger.partition_ledger import PartitionLedger


@dataclass(frozen=True, slots=True)
class Generation:
    """One life of the topic, as the ledger knows it."""

    id: int
    cluster_id: str
    topic_id: str


LogEnds = tuple[int, int, int | None]  # where the log of a partition starts and ends, and its leader epoch


@dataclass(frozen=True, slots=True)
class Standing:
    """How the ledger stands as a pass begins."""

    asked: datetime  # Postgres' time
    generation: Generation | None  # the life of the topic that is being read; None before the first
    partitions: frozenset[int]  # of the generation
    drained_just_now: bool  # every partition of it that is not halted


# drained in the future: Postgres' clock may have been set back, and nobody would drain until it is there again
STANDING = text("""
    SELECT clock_timestamp(), g.id, g.cluster_id, g.topic_id, coalesce(c.partitions, '{}'), coalesce(c.just_now, false)
    FROM (VALUES (1)) AS always
    LEFT JOIN LATERAL (SELECT id, cluster_id, topic_id FROM topic_generation ORDER BY id DESC LIMIT 1) AS g ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(partition ORDER BY partition) AS partitions,
               bool_and(drained_at > now() - make_interval(secs => :seconds)
                        AND drained_at < now() + make_interval(secs => :seconds))
                   FILTER (WHERE halted_reason IS NULL) AS just_now
        FROM partition_cursor WHERE generation_id = g.id) AS c ON true
""")
CLOCK = text("SELECT clock_timestamp()")
NEWEST_GENERATION = text("SELECT id, cluster_id, topic_id FROM topic_generation ORDER BY id DESC LIMIT 1")
ONE_ADOPTER = text("SELECT pg_advisory_xact_lock(7227003)")
ADD_GENERATION = text("""
    INSERT INTO topic_generation (cluster_id, topic, topic_id) VALUES (:cluster_id, :topic, :topic_id)
    ON CONFLICT (cluster_id, topic_id) DO NOTHING RETURNING id
""")
ADD_CURSOR = text("""
    INSERT INTO partition_cursor (generation_id, partition, origin, planned, committed)
    VALUES (:generation, :partition, :origin, :origin, :origin) ON CONFLICT DO NOTHING
""")
# What the pass over a partition would do where its log has neither grown nor shrunk and no range is open: all at once
PASS_IDLE = text("""
    UPDATE partition_cursor SET committed = planned, low_passes = 0, drained_at = clock_timestamp()
    WHERE generation_id = :generation AND partition IN (
        SELECT c.partition FROM partition_cursor c
        JOIN unnest(CAST(:partitions AS int[]), CAST(:starts AS bigint[]), CAST(:ends AS bigint[]),
                    CAST(:epochs AS int[])) AS log (partition, starts, ends, epoch) USING (partition)
        WHERE c.generation_id = :generation AND c.halted_reason IS NULL
          AND c.planned = log.ends AND c.planned >= log.starts
          AND clock_timestamp() - :asked <= make_interval(secs => :lease_seconds)
          AND NOT EXISTS (SELECT FROM offset_range r WHERE r.generation_id = c.generation_id
                          AND r.partition = c.partition AND r.state = 'planned')
          AND NOT EXISTS (SELECT FROM offset_range r WHERE r.generation_id = c.generation_id
                          AND r.partition = c.partition AND r.end_offset = c.planned AND r.leader_epoch > log.epoch)
        FOR NO KEY UPDATE OF c SKIP LOCKED)
    RETURNING partition, committed
""")
CURSORS = text("SELECT partition FROM partition_cursor WHERE generation_id = :generation")


class Ledger:
    """The ledger as a whole; each method is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def standing(self, seconds: float) -> Standing:
        """What a pass must know before it asks Kafka; just now is less than ``seconds`` ago."""
        with translated(), self._engine.begin() as connection:
            asked, *generation, partitions, just_now = connection.execute(STANDING, {"seconds": seconds}).one()
        known = None if generation[0] is None else Generation(*generation)
        return Standing(asked, known, frozenset(partitions), just_now)

    def clock(self) -> datetime:
        """Postgres' time."""
        with translated(), self._engine.begin() as connection:
            now: datetime = connection.execute(CLOCK).scalar_one()
            return now

    def newest_generation(self) -> Generation | None:
        """The life of the topic that is being read; None before the first."""
        with translated(), self._engine.begin() as connection:
            row = connection.execute(NEWEST_GENERATION).one_or_none()
            return None if row is None else Generation(*row)

    def begin_first_generation(self, cluster_id: str, topic: str, topic_id: str, origins: dict[int, int]) -> None:
        """Begin reading the topic at ``origins``, unless another process has."""
        with translated(), self._engine.begin() as connection:
            connection.execute(ONE_ADOPTER)
            if connection.execute(NEWEST_GENERATION).one_or_none() is None:
                add_generation(connection, cluster_id, topic, topic_id, origins)

    def add_partitions(self, generation: int, partitions: Sequence[int]) -> list[int]:
        """Give partitions that are new to the topic a cursor at offset 0; returns the new ones."""
        with translated(), self._engine.begin() as connection:
            known = set(connection.execute(CURSORS, {"generation": generation}).scalars())
            new = sorted(set(partitions) - known)
            for partition in new:
                connection.execute(ADD_CURSOR, {"generation": generation, "partition": partition, "origin": 0})
            return new

    def partitions(self, generation: int) -> list[int]:
        """The partitions that a generation has cursors for."""
        with translated(), self._engine.begin() as connection:
            return sorted(connection.execute(CURSORS, {"generation": generation}).scalars())

    def pass_idle(
        self, generation: int, log: Mapping[int, LogEnds], asked: datetime, lease_seconds: float
    ) -> dict[int, int]:
        """Drain at once the partitions where nothing is open and the log has not moved; returns the prefix of each."""
        starts, ends, epochs = zip(*log.values(), strict=True)
        columns = {"partitions": list(log), "starts": list(starts), "ends": list(ends), "epochs": list(epochs)}
        arguments = {"generation": generation, "asked": asked, "lease_seconds": lease_seconds, **columns}
        with translated(), self._engine.begin() as connection:
            return {row.partition: row.committed for row in connection.execute(PASS_IDLE, arguments)}

    @contextmanager
    def partition(self, generation: int, partition: int) -> Iterator[PartitionLedger]:
        """One transaction over one partition: committed when the block ends, rolled back when it raises."""
        with translated(), self._engine.begin() as connection:
            yield PartitionLedger(connection, generation, partition)


def add_generation(
    connection: Connection, cluster_id: str, topic: str, topic_id: str, origins: dict[int, int]
) -> int | None:
    """Record a life of the topic with a cursor per partition; None where it is known already."""
    arguments = {"cluster_id": cluster_id, "topic": topic, "topic_id": topic_id}
    generation = connection.execute(ADD_GENERATION, arguments).scalar_one_or_none()
    if generation is not None:
        for partition, origin in origins.items():
            connection.execute(ADD_CURSOR, {"generation": generation, "partition": partition, "origin": origin})
    return generation
