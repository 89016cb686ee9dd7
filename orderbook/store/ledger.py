"""The ledger as a whole: the lives of the topic, and a transaction for each partition of one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from orderbook.store.database import translated
from orderbook.store.partition_ledger import PartitionLedger


@dataclass(frozen=True, slots=True)
class Generation:
    """One life of the topic, as the ledger knows it."""

    id: int
    cluster_id: str
    topic_id: str


# nor in the future: Postgres' clock may have been set back, and nobody would drain until it is there again
DRAINED_JUST_NOW = text("""
    SELECT coalesce(bool_and(drained_at > now() - make_interval(secs => :seconds)
                             AND drained_at < now() + make_interval(secs => :seconds)), false)
    FROM partition_cursor
    WHERE generation_id = (SELECT max(id) FROM topic_generation) AND halted_reason IS NULL
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
CURSORS = text("SELECT partition FROM partition_cursor WHERE generation_id = :generation")


class Ledger:
    """The ledger as a whole; each method is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def drained_within(self, seconds: float) -> bool:
        """Whether every partition was drained less than ``seconds`` ago."""
        with translated(), self._engine.begin() as connection:
            return bool(connection.execute(DRAINED_JUST_NOW, {"seconds": seconds}).scalar_one())

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
